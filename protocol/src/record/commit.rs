//! Commits: what makes records count.

use serde::{Deserialize, Serialize};

use crate::{
    codec::{Encoded, Tag},
    id::{CommitId, DeviceId, OperationId, RecordId, SpaceId},
    limits::{MAX_COMMIT_RECORDS, MAX_LOG_HEADS},
    signed::Signed,
};

/// What makes records count: a device's signed list of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// The space.
    pub space: SpaceId,
    /// Who signs.
    pub device: DeviceId,
    /// Its place in the device's chain in this space, from 1.
    pub number: u64,
    /// The device's commit before this one.
    pub previous: Option<CommitId>,
    /// The heads of other devices' chains that the device had seen, sorted.
    pub seen: Vec<CommitId>,
    /// The heads of the device log that it had seen, sorted: its right to write is judged there.
    pub log_heads: Vec<OperationId>,
    /// The changes that count from now on, in the order in which they were made.
    pub records: Vec<RecordId>,
    /// The attachment chunks that count from now on. Apart from the others, so that a device with
    /// little room may one day hold a commit without them.
    pub chunks: Vec<RecordId>,
}

impl Encoded for Commit {
    const TAG: Tag = Tag::Commit;
    const VERSION: u8 = 1;
}

impl Commit {
    pub(super) fn is_within_bounds(&self) -> bool {
        self.records.len() + self.chunks.len() <= MAX_COMMIT_RECORDS
            && self.seen.len() <= MAX_LOG_HEADS
            && self.log_heads.len() <= MAX_LOG_HEADS
            && self.seen.is_sorted_by(|a, b| a < b)
            && self.log_heads.is_sorted_by(|a, b| a < b)
            && self.number >= 1
            && (self.number == 1) == self.previous.is_none()
    }
}

impl Signed<Commit> {
    /// The commit's name.
    #[must_use]
    pub fn id(&self) -> CommitId {
        CommitId::from_bytes(self.hash())
    }
}
