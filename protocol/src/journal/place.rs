//! Names and places: of journals, of segments, and inside them.

use std::{fmt, num::NonZeroU32};

use serde::{Deserialize, Serialize};

/// The number of a segment, from 1 on, without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SegmentNumber(NonZeroU32);

/// Names one journal, so that a segment of another one is refused. Not a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalId([u8; 16]);

/// A place in the journal: between two frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// The segment.
    pub segment: SegmentNumber,
    /// Bytes from the segment's start.
    pub offset: u64,
}

/// Where a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Location {
    /// The segment.
    pub segment: SegmentNumber,
    /// Bytes from the segment's start to the record's frame.
    pub offset: u64,
    /// Bytes of the record.
    pub len: u32,
}

impl SegmentNumber {
    /// The first segment.
    pub const FIRST: Self = Self(NonZeroU32::MIN);

    /// From a number; 0 is none.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }

    /// The next one, if numbers are left.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        match self.0.checked_add(1) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }
}

impl fmt::Display for SegmentNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl JournalId {
    /// Wraps 16 bytes that the caller drew at random, or derived from what is.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}
