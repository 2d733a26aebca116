//! Drops: lists of records that nobody keeps any longer, and the devices' receipts.
//!
//! 1. The keeper states which records go ([`DropStatement`]), in the clear: a mirror that reads
//!    nothing else deletes them too. Holders refuse these records from then on.
//! 2. A device whose disk holds none of them any longer says so in a [`Receipt`].
//! 3. Drops that everybody has carried out are merged: a new drop repeats what must still be
//!    refused and replaces them.
//!
//! What it does not promise: that a record is gone where somebody kept a copy of it.

use serde::{Deserialize, Serialize};

use crate::{
    codec::{Encoded, Tag},
    crypto::sign::{BadSignature, VerifyingKey},
    epoch::space_id,
    id::{CommitId, DeviceId, DropId, RecordId, SpaceId},
    limits::{MAX_DROP_IDS, MAX_OPEN_DROPS},
    signed::Signed,
};

/// Which records nobody keeps any longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DropStatement {
    /// The space.
    pub space: SpaceId,
    /// The key that speaks for the space; this statement is signed by it.
    pub keeper: VerifyingKey,
    /// It takes effect once this commit counts (the one whose snapshot replaces the records), or at
    /// once: whoever deleted first and never received the snapshot would have lost both.
    pub after: Option<CommitId>,
    /// The records, sorted.
    pub ids: Vec<RecordId>,
    /// Drops that go away, because this one repeats what of theirs must still be refused; sorted.
    pub replaces: Vec<DropId>,
}

impl Encoded for DropStatement {
    const TAG: Tag = Tag::Drop;
    const VERSION: u8 = 1;
}

/// A device's word that it has carried out drops: their records are gone from its disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The space.
    pub space: SpaceId,
    /// Who signs.
    pub device: DeviceId,
    /// From 1, one more each time.
    pub number: u64,
    /// The drops, sorted.
    pub drops: Vec<DropId>,
}

impl Encoded for Receipt {
    const TAG: Tag = Tag::Receipt;
    const VERSION: u8 = 1;
}

/// Why a drop or a receipt was refused. Whoever wrote it is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DropError {
    /// A drop not signed by the keeper it names, or that keeper does not speak for the space.
    #[error("not signed by the keeper of the space")]
    NotKeeper,
    /// A receipt of another space, or not signed by the device it names.
    #[error("not signed by its device for this space")]
    NotItsDevice,
    /// No record or too many, or lists out of order.
    #[error("beyond a limit, or not in order")]
    Malformed,
}

impl Signed<DropStatement> {
    /// The drop's name.
    #[must_use]
    pub fn id(&self) -> DropId {
        DropId::from_bytes(self.hash())
    }

    /// Checks that the first keeper of `space` states it.
    ///
    /// # Errors
    /// When somebody else does, or a bound is passed.
    pub fn check(&self, space: &SpaceId, recovery_keeper: &VerifyingKey) -> Result<(), DropError> {
        let body = self.body();
        let bounded = (1..=MAX_DROP_IDS).contains(&body.ids.len()) && body.replaces.len() <= MAX_OPEN_DROPS;
        if !bounded || !body.ids.is_sorted_by(|a, b| a < b) || !body.replaces.is_sorted_by(|a, b| a < b) {
            return Err(DropError::Malformed);
        }
        if body.space != *space || space_id(&body.keeper, recovery_keeper) != *space {
            return Err(DropError::NotKeeper);
        }
        self.verify(&body.keeper).map_err(|BadSignature| DropError::NotKeeper)
    }
}

impl Receipt {
    pub(super) fn is_within_bounds(&self) -> bool {
        self.number >= 1 && self.drops.len() <= MAX_OPEN_DROPS && self.drops.is_sorted_by(|a, b| a < b)
    }
}

impl Signed<Receipt> {
    /// Checks that its device states it of `space`. Whether that is a device of the space is
    /// another question.
    ///
    /// # Errors
    /// When somebody else does, or a bound is passed.
    pub fn check(&self, space: &SpaceId) -> Result<(), DropError> {
        let body = self.body();
        if !body.is_within_bounds() {
            return Err(DropError::Malformed);
        }
        if body.space != *space {
            return Err(DropError::NotItsDevice);
        }
        let key = VerifyingKey::from_bytes(*body.device.as_bytes());
        self.verify(&key).map_err(|BadSignature| DropError::NotItsDevice)
    }

    /// Which of two receipts of one device holds. A device that used a number twice (its disk was
    /// rolled back) is believed the same way everywhere.
    #[must_use]
    pub fn is_newer_than(&self, other: &Self) -> bool {
        (self.body().number, self.hash()) > (other.body().number, other.hash())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{device, key};

    fn space() -> SpaceId {
        space_id(&key(1).verifying_key(), &key(2).verifying_key())
    }

    fn record(number: usize) -> RecordId {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&(number as u64).to_be_bytes());
        RecordId::from_bytes(bytes)
    }

    fn statement(ids: usize, replaces: usize) -> DropStatement {
        DropStatement {
            space: space(),
            keeper: key(1).verifying_key(),
            after: None,
            ids: (0..ids).map(record).collect(),
            replaces: (0..replaces).map(|n| DropId::from_bytes(*record(n).as_bytes())).collect(),
        }
    }

    fn verdict(statement: DropStatement, by: u8) -> Result<(), DropError> {
        Signed::new(statement, &key(by)).check(&space(), &key(2).verifying_key())
    }

    #[test]
    fn only_the_keeper_of_the_space_drops() {
        assert_eq!(verdict(statement(1, 0), 1), Ok(()));
        assert_eq!(verdict(statement(1, 0), 3), Err(DropError::NotKeeper));
        let thief = DropStatement { keeper: key(3).verifying_key(), ..statement(1, 0) };
        assert_eq!(verdict(thief, 3), Err(DropError::NotKeeper));
        let elsewhere = DropStatement { space: SpaceId::from_bytes([7; 32]), ..statement(1, 0) };
        assert_eq!(verdict(elsewhere, 1), Err(DropError::NotKeeper));
    }

    #[test]
    fn a_drop_out_of_bounds_is_refused() {
        assert_eq!(verdict(statement(MAX_DROP_IDS, MAX_OPEN_DROPS), 1), Ok(()));
        for (ids, replaces) in [(0, 0), (MAX_DROP_IDS + 1, 0), (1, MAX_OPEN_DROPS + 1)] {
            assert_eq!(verdict(statement(ids, replaces), 1), Err(DropError::Malformed), "{ids} {replaces}");
        }
        let mut reversed = statement(2, 2);
        reversed.ids.reverse();
        assert_eq!(verdict(reversed, 1), Err(DropError::Malformed));
        let mut reversed = statement(2, 2);
        reversed.replaces.reverse();
        assert_eq!(verdict(reversed, 1), Err(DropError::Malformed));
    }

    #[test]
    fn a_receipt_is_its_devices() {
        let receipt = |number, by| {
            let receipt = Receipt { space: space(), device: device(1), number, drops: vec![] };
            Signed::new(receipt, &key(by))
        };
        assert_eq!(receipt(1, 1).check(&space()), Ok(()));
        assert_eq!(receipt(1, 2).check(&space()), Err(DropError::NotItsDevice));
        assert_eq!(receipt(1, 1).check(&SpaceId::from_bytes([7; 32])), Err(DropError::NotItsDevice));
        assert_eq!(receipt(0, 1).check(&space()), Err(DropError::Malformed));
        assert!(receipt(2, 1).is_newer_than(&receipt(1, 1)));
        assert!(!receipt(1, 1).is_newer_than(&receipt(1, 1)));
    }
}
