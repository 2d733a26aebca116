//! Sets of operations of one log: which of them an operation had seen.

use crate::limits::{MAX_LOG_OPERATIONS, MAX_MEMBERSHIP_OPERATIONS};

const WORDS: usize = MAX_MEMBERSHIP_OPERATIONS / 64;
const _: () = assert!(MAX_LOG_OPERATIONS <= 64 * WORDS);

/// A set of places in a log. A bit each: asking what a removal had seen, for each admission, would
/// otherwise walk the log as many times as it has operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Past([u64; WORDS]);

impl Past {
    pub(crate) const EMPTY: Self = Self([0; WORDS]);

    /// What somebody had seen in all who had seen these, each with its place and what its author had seen;
    /// `None` when one of them is not held.
    pub(crate) fn of<'a>(seen: impl IntoIterator<Item = Option<(usize, &'a Self)>>) -> Option<Self> {
        let mut past = Self::EMPTY;
        for one in seen {
            let (place, before) = one?;
            past.extend(before);
            past.insert(place);
        }
        Some(past)
    }

    pub(crate) const fn contains(&self, place: usize) -> bool {
        self.0[place / 64] >> (place % 64) & 1 == 1
    }

    pub(crate) const fn insert(&mut self, place: usize) {
        self.0[place / 64] |= 1 << (place % 64);
    }

    pub(crate) fn extend(&mut self, other: &Self) {
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            *word |= more;
        }
    }

    pub(crate) fn remove_all(&mut self, other: &Self) {
        for (word, less) in self.0.iter_mut().zip(&other.0) {
            *word &= !less;
        }
    }

    pub(crate) fn retain_all(&mut self, other: &Self) {
        for (word, kept) in self.0.iter_mut().zip(&other.0) {
            *word &= kept;
        }
    }

    pub(crate) const fn remove(&mut self, place: usize) {
        self.0[place / 64] &= !(1 << (place % 64));
    }

    /// The first place in it.
    pub(crate) fn first(&self) -> Option<usize> {
        let (index, word) = self.0.iter().enumerate().find(|(_, word)| **word != 0)?;
        Some(64 * index + word.trailing_zeros() as usize)
    }

    pub(crate) fn intersects(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(word, other)| word & other != 0)
    }

    pub(crate) fn len(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }
}
