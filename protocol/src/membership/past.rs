//! Sets of operations of one log: which of them an operation had seen.

use crate::limits::MAX_MEMBERSHIP_OPERATIONS;

const WORDS: usize = MAX_MEMBERSHIP_OPERATIONS / 64;

/// A set of places in a log. A bit each: asking what a removal had seen, for each admission, would
/// otherwise walk the log as many times as it has operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Past([u64; WORDS]);

impl Past {
    pub(super) const EMPTY: Self = Self([0; WORDS]);

    pub(super) const fn contains(&self, place: usize) -> bool {
        self.0[place / 64] >> (place % 64) & 1 == 1
    }

    pub(super) const fn insert(&mut self, place: usize) {
        self.0[place / 64] |= 1 << (place % 64);
    }

    pub(super) fn extend(&mut self, other: &Self) {
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            *word |= more;
        }
    }
}
