//! What a device holds, in a few lines: one number per device, and two sums.

use serde::{Deserialize, Serialize};

use crate::{
    id::{CommitId, DeviceId},
    limits::MAX_FRONTIER_ENTRIES,
    replica::State,
};

/// The last commit of one device that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The device.
    pub device: DeviceId,
    /// How many of its commits count.
    pub number: u64,
    /// The last of them.
    pub commit: CommitId,
}

/// How far one device's chain is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// Its last commit that counts.
    pub head: Head,
    /// Up to which commit all attachments' pieces are held too.
    pub whole: u64,
}

/// All that counts on a device, closed under "had seen".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frontier {
    /// BLAKE3 of the sorted names of all statements that hold there.
    pub statements: [u8; 32],
    /// The sum of the names of all changes and commits held there, modulo 2^256, little-endian.
    pub records: [u8; 32],
    /// The chains, by device.
    pub chains: Vec<Chain>,
}

impl Frontier {
    /// The frontier of what is held here.
    #[must_use]
    pub fn of(state: &State) -> Self {
        let chain = |(device, chain): (&DeviceId, &[crate::replica::chains::Entry])| {
            let head = Head { device: *device, number: chain.len() as u64, commit: chain.last()?.commit };
            Some(Chain { head, whole: state.whole(device) })
        };
        Self {
            statements: digest_of_statements(state),
            records: state.records_digest(),
            chains: state.chains.iter().filter_map(chain).collect(),
        }
    }

    pub(super) fn is_within_bounds(&self) -> bool {
        self.chains.len() <= MAX_FRONTIER_ENTRIES
            && self.chains.is_sorted_by(|a, b| a.head.device < b.head.device)
            && self.chains.iter().all(|chain| chain.head.number >= 1 && chain.whole <= chain.head.number)
    }

    /// A device for which this frontier names another commit than the one held at its number.
    pub(super) fn fork_against(&self, state: &State) -> Option<DeviceId> {
        let differs = |chain: &&Chain| {
            let index = usize::try_from(chain.head.number - 1).unwrap_or(usize::MAX);
            let held = state.chains.of(&chain.head.device).get(index);
            held.is_some_and(|entry| entry.commit != chain.head.commit)
        };
        self.chains.iter().find(differs).map(|chain| chain.head.device)
    }

    /// Reaches one commit further.
    pub(super) fn advance(&mut self, head: Head) {
        match self.chains.binary_search_by_key(&head.device, |known| known.head.device) {
            Ok(place) if self.chains[place].head.number < head.number => self.chains[place].head = head,
            Ok(_) => {}
            Err(place) if self.chains.len() < MAX_FRONTIER_ENTRIES => {
                self.chains.insert(place, Chain { head, whole: 0 });
            }
            Err(_) => {}
        }
    }

    /// How far a device's chain is held.
    #[must_use]
    pub fn chain(&self, device: &DeviceId) -> Option<&Chain> {
        self.chains.iter().find(|chain| chain.head.device == *device)
    }

    /// Whether it reaches a device's commit of this number.
    #[must_use]
    pub fn has(&self, device: &DeviceId, number: u64) -> bool {
        self.chain(device).is_some_and(|chain| chain.head.number >= number)
    }

    /// Whether it reaches there with all pieces of attachments.
    #[must_use]
    pub fn has_whole(&self, device: &DeviceId, number: u64) -> bool {
        self.chain(device).is_some_and(|chain| chain.whole >= number)
    }

    /// Whether all that it reaches counts in `state` too.
    #[must_use]
    pub fn is_covered_by(&self, state: &State) -> bool {
        self.statements == digest_of_statements(state)
            && self.chains.iter().all(|chain| state.head(&chain.head.device).0 >= chain.head.number)
    }

    /// How many of the commits that count in `state` this frontier lacks.
    #[must_use]
    pub fn missing_from(&self, state: &State) -> u64 {
        let has = |device: &DeviceId| self.chain(device).map_or(0, |chain| chain.head.number);
        state.chains.iter().map(|(device, chain)| (chain.len() as u64).saturating_sub(has(device))).sum()
    }

    /// Whether both name the same commits.
    pub(super) fn has_same_heads(&self, other: &Self) -> bool {
        self.chains.len() == other.chains.len()
            && self.chains.iter().zip(&other.chains).all(|(a, b)| a.head == b.head)
    }
}

pub(super) fn digest_of_statements(state: &State) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    state.statements().for_each(|name| {
        hasher.update(name.as_bytes());
    });
    *hasher.finalize().as_bytes()
}
