//! What a device holds, in a few lines: one number per device, and two sums.

use serde::{Deserialize, Serialize};

use crate::{
    id::{CommitId, DeviceId},
    limits::{MAX_FRONTIER_ENTRIES, MAX_LACKING_SPANS},
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// Its last commit that counts.
    pub head: Head,
    /// The commits up to it of which pieces of attachments are not held, in order, with others between
    /// them. If there are more than [`MAX_LACKING_SPANS`], the last one covers others too.
    pub lacking: Vec<Span>,
}

/// Commits of one device that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The number of the first.
    pub first: u64,
    /// The number of the last.
    pub last: u64,
}

impl Chain {
    fn is_within_bounds(&self) -> bool {
        let spans = &self.lacking;
        self.head.number >= 1
            && spans.len() <= MAX_LACKING_SPANS
            && spans.iter().all(|span| 1 <= span.first && span.first <= span.last)
            && spans.last().is_none_or(|span| span.last <= self.head.number)
            && spans.is_sorted_by(|one, next| one.last < next.first - 1)
    }

    /// Notes that commits may lack pieces, all of them behind those that do.
    fn lack(&mut self, span: Span) {
        let is_full = self.lacking.len() >= MAX_LACKING_SPANS;
        match self.lacking.last_mut() {
            Some(last) if is_full || last.last + 1 >= span.first => last.last = span.last,
            _ => self.lacking.push(span),
        }
    }
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
        let chain = |(device, chain): (&DeviceId, &crate::replica::chains::Chain)| {
            let head = Head { device: *device, number: chain.len() as u64, commit: chain.last()?.commit };
            let mut chain = Chain { head, lacking: Vec::new() };
            state.lacking(device).into_iter().for_each(|span| chain.lack(span));
            Some(chain)
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
            && self.chains.iter().all(Chain::is_within_bounds)
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

    /// Reaches the commit that `sender` sent. Who wrote it holds its attachments' pieces; who passed it
    /// on may not.
    pub(super) fn advance(&mut self, head: Head, sender: &DeviceId) {
        let place = match self.chains.binary_search_by_key(&head.device, |known| known.head.device) {
            Ok(place) => place,
            Err(place) if self.chains.len() < MAX_FRONTIER_ENTRIES => {
                let none = Head { number: 0, ..head };
                self.chains.insert(place, Chain { head: none, lacking: Vec::new() });
                place
            }
            Err(_) => return,
        };
        let chain = &mut self.chains[place];
        if chain.head.number < head.number {
            if head.device != *sender {
                chain.lack(Span { first: chain.head.number + 1, last: head.number });
            }
            chain.head = head;
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

    /// The same with at most so many spans of each chain.
    pub(super) fn with_spans(mut self, most: usize) -> Self {
        for chain in &mut self.chains {
            if let Some(last) = chain.lacking.last().copied().filter(|_| chain.lacking.len() > most) {
                chain.lacking.truncate(most);
                chain.lacking.last_mut().expect("most is not 0").last = last.last;
            }
        }
        self
    }

    /// Whether it reaches all these commits, and all pieces of attachments are held that they name.
    #[must_use]
    pub fn has_whole(&self, device: &DeviceId, commits: Span) -> bool {
        let lacks = |span: &Span| span.first <= commits.last && commits.first <= span.last;
        let is_whole = |chain: &Chain| commits.last <= chain.head.number && !chain.lacking.iter().any(lacks);
        self.chain(device).is_some_and(is_whole)
    }

    /// Whether it tells of attachments' pieces that `state` lacks, and that an earlier one did not.
    #[must_use]
    pub fn has_more_pieces_than(&self, earlier: &Self, state: &State) -> bool {
        self.chains.iter().filter(|chain| earlier.chain(&chain.head.device) != Some(chain)).any(|chain| {
            let device = &chain.head.device;
            let gained = |number| {
                let one = Span { first: number, last: number };
                self.has_whole(device, one) && !earlier.has_whole(device, one)
            };
            let reached = |span: Span| span.first..=span.last.min(chain.head.number);
            state.lacking(device).into_iter().any(|span| reached(span).any(gained))
        })
    }

    /// Whether all that it reaches counts in `state` too.
    #[must_use]
    pub fn is_covered_by(&self, state: &State) -> bool {
        self.has_statements_of(state)
            && self.chains.iter().all(|chain| state.head(&chain.head.device).0 >= chain.head.number)
    }

    /// Whether just the statements hold there that hold in `state`.
    #[must_use]
    pub fn has_statements_of(&self, state: &State) -> bool {
        self.statements == digest_of_statements(state)
    }

    /// How many of the changes that count in `state` this frontier lacks. A commit that makes no
    /// change count is one.
    #[must_use]
    pub fn missing_from(&self, state: &State) -> u64 {
        let has = |device: &DeviceId| self.chain(device).map_or(0, |chain| chain.head.number);
        state.chains.iter().map(|(device, chain)| chain.changes_after(has(device))).sum()
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

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: DeviceId = DeviceId::from_bytes([1; 32]);
    const OTHER: DeviceId = DeviceId::from_bytes([2; 32]);

    fn head(device: DeviceId, number: u64) -> Head {
        Head { device, number, commit: CommitId::from_bytes([7; 32]) }
    }

    const fn span(first: u64, last: u64) -> Span {
        Span { first, last }
    }

    fn empty() -> Frontier {
        Frontier { statements: [0; 32], records: [0; 32], chains: Vec::new() }
    }

    #[test]
    fn who_wrote_a_commit_holds_its_pieces_and_who_passed_it_on_may_not() {
        let mut frontier = empty();
        for number in [1, 2, 5] {
            frontier.advance(head(PEER, number), &PEER);
            frontier.advance(head(OTHER, number), &PEER);
        }
        assert!(frontier.has_whole(&PEER, span(1, 5)) && !frontier.has_whole(&PEER, span(5, 6)));
        assert!(frontier.has(&OTHER, 5) && !frontier.has_whole(&OTHER, span(1, 1)));
        assert_eq!(frontier.chain(&OTHER).unwrap().lacking, [span(1, 5)]);
        assert!(frontier.is_within_bounds());
    }

    #[test]
    fn more_spans_than_fit_are_covered_by_the_last() {
        let mut chain = Chain { head: head(PEER, 200), lacking: Vec::new() };
        (1..=50).for_each(|n| chain.lack(span(3 * n, 3 * n + 1)));
        assert_eq!(chain.lacking.len(), 50);
        let frontier = Frontier { chains: vec![chain], ..empty() }.with_spans(32);
        assert_eq!(frontier.chains[0].lacking.len(), 32);
        assert_eq!(frontier.chains[0].lacking.last(), Some(&span(96, 151)));
        assert!(frontier.is_within_bounds());
        assert!(frontier.has_whole(&PEER, span(95, 95)), "between two of them");
        assert!(frontier.has_whole(&PEER, span(152, 200)));
        let mut chain = Chain { head: head(PEER, 9_000), lacking: Vec::new() };
        (1..=2_000).for_each(|n| chain.lack(span(3 * n, 3 * n + 1)));
        assert_eq!(chain.lacking.len(), MAX_LACKING_SPANS);
        assert_eq!(chain.lacking.last(), Some(&span(3_072, 6_001)));
        for lacks in [span(94, 95), span(95, 96), span(1, 200)] {
            assert!(!frontier.has_whole(&PEER, lacks), "{lacks:?}");
        }
    }
}
