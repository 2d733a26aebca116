//! What a device holds, in a few lines: the log, the epochs, and one number per device.

use serde::{Deserialize, Serialize};

use crate::{
    id::{CommitId, DeviceId, EpochId, OperationId},
    limits::{MAX_FRONTIER_ENTRIES, MAX_LOG_OPERATIONS},
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

/// All that counts on a device, closed under "had seen".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frontier {
    /// The device log's operations, sorted.
    pub operations: Vec<OperationId>,
    /// The epochs whose records are held, sorted.
    pub epochs: Vec<EpochId>,
    /// The chains, by device.
    pub chains: Vec<Head>,
}

impl Frontier {
    /// The frontier of what is held here.
    #[must_use]
    pub fn of(state: &State) -> Self {
        let mut operations: Vec<_> = state.log().in_order().iter().map(|operation| operation.id()).collect();
        operations.sort_unstable();
        let head = |(device, chain): (&DeviceId, &[crate::replica::state::Entry])| {
            Some(Head { device: *device, number: chain.len() as u64, commit: chain.last()?.commit })
        };
        Self {
            operations,
            epochs: state.epochs().keys().copied().collect(),
            chains: state.chains().filter_map(head).collect(),
        }
    }

    pub(super) fn is_within_bounds(&self) -> bool {
        self.operations.len() <= MAX_LOG_OPERATIONS
            && self.epochs.len() <= MAX_FRONTIER_ENTRIES
            && self.chains.len() <= MAX_FRONTIER_ENTRIES
            && self.operations.is_sorted_by(|a, b| a < b)
            && self.epochs.is_sorted_by(|a, b| a < b)
            && self.chains.is_sorted_by(|a, b| a.device < b.device)
            && self.chains.iter().all(|head| head.number >= 1)
    }

    /// A device for which this frontier names another commit than the one held at its number.
    pub(super) fn fork_against(&self, state: &State) -> Option<DeviceId> {
        let differs = |head: &&Head| {
            let index = usize::try_from(head.number - 1).unwrap_or(usize::MAX);
            state
                .chains()
                .find(|(device, _)| **device == head.device)
                .and_then(|(_, chain)| chain.get(index))
                .is_some_and(|entry| entry.commit != head.commit)
        };
        self.chains.iter().find(differs).map(|head| head.device)
    }

    /// Reaches one commit further.
    pub(super) fn advance(&mut self, head: Head) {
        match self.chains.binary_search_by_key(&head.device, |known| known.device) {
            Ok(place) if self.chains[place].number < head.number => self.chains[place] = head,
            Ok(_) => {}
            Err(place) if self.chains.len() < MAX_FRONTIER_ENTRIES => self.chains.insert(place, head),
            Err(_) => {}
        }
    }

    /// Whether it reaches a device's commit of this number.
    #[must_use]
    pub fn has(&self, device: &DeviceId, number: u64) -> bool {
        self.chains.iter().any(|head| head.device == *device && head.number >= number)
    }

    /// Whether all that it reaches counts in `state` too.
    #[must_use]
    pub fn is_covered_by(&self, state: &State) -> bool {
        self.chains.iter().all(|head| state.head(&head.device).0 >= head.number)
            && self.operations.iter().all(|operation| state.log().contains(operation))
    }

    /// How many of the commits that count in `state` this frontier lacks.
    #[must_use]
    pub fn missing_from(&self, state: &State) -> u64 {
        let has = |device: &DeviceId| {
            let head = self.chains.iter().find(|head| head.device == *device);
            head.map_or(0, |head| head.number)
        };
        state.chains().map(|(device, chain)| (chain.len() as u64).saturating_sub(has(device))).sum()
    }
}
