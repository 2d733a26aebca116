//! The head of a backup: what is needed beside its records to open them with the recovery phrase.
//!
//! A backup is a [journal](crate::journal) of its own with the records of one space, sealed as they
//! are everywhere, and this head. It holds no key of a device: whoever restores it becomes a new
//! device. `protocol/spec/backups.md` has the bytes.

use serde::{Deserialize, Serialize};

use crate::{
    codec::{Encoded, Tag},
    crypto::{
        aead::DoesNotOpen,
        kem::{KemPublic, SealedTo},
        secret::Secret32,
        sign::{SigningKey, VerifyingKey},
    },
    epoch::{EpochError, Grant},
    id::{DeviceId, SpaceId},
    identity::person::{Inception, Recovery},
    journal::{JournalId, Position},
    signed::Signed,
};

/// Begins what a grant in a backup is bound to.
const CONTEXT: &[u8] = b"musette backup v1";

/// What stands beside a backup's records, signed by the device that wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupHead {
    /// The signed inception statement that names the person.
    pub inception: Vec<u8>,
    /// The space.
    pub space: SpaceId,
    /// The device that wrote it.
    pub device: DeviceId,
    /// The journal of its records.
    pub journal: JournalId,
    /// How far that reaches. One that ends before lost its end.
    pub end: Position,
    /// The epochs' secrets and, of an admin device, the keeper's seed, sealed to the recovery key.
    pub grant: SealedTo,
}

impl Encoded for BackupHead {
    const TAG: Tag = Tag::BackupHead;
    const VERSION: u8 = 1;
}

/// Why a backup's head was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BackupError {
    /// Its signature, or the inception in it, does not hold.
    #[error("the head of the backup does not hold")]
    Malformed,
    /// It was made by a Musette that had other words then.
    #[error("the backup belongs to other recovery words")]
    OtherPerson,
    /// What is sealed in it does not open.
    #[error("the keys in the backup do not open: {0}")]
    Grant(#[from] EpochError),
}

fn context(space: &SpaceId, device: &DeviceId, journal: JournalId) -> Vec<u8> {
    [CONTEXT, space.as_bytes(), device.as_bytes(), journal.as_bytes()].concat()
}

impl BackupHead {
    /// States that a backup's journal reaches `end`, for whoever has the words of the recovery key `to`.
    /// `entropy` was drawn for it.
    ///
    /// # Errors
    /// When that is no usable key.
    pub fn sign(
        inception: &Signed<Inception>,
        space: SpaceId,
        (journal, end): (JournalId, Position),
        (grant, to): (&Grant, &KemPublic),
        key: &SigningKey,
        entropy: &Secret32,
    ) -> Result<Signed<Self>, DoesNotOpen> {
        let device = DeviceId::from_bytes(*key.verifying_key().as_bytes());
        let grant = grant.seal(to, &context(&space, &device, journal), entropy)?;
        let head = Self { inception: inception.to_bytes(), space, device, journal, end, grant };
        Ok(Signed::new(head, key))
    }
}

impl Signed<BackupHead> {
    /// Whose it is.
    ///
    /// # Errors
    /// When a signature does not hold. Whether the device that signed it is one of the person's, only
    /// the records tell.
    pub fn check(&self) -> Result<Signed<Inception>, BackupError> {
        let body = self.body();
        let malformed = BackupError::Malformed;
        self.verify(&VerifyingKey::from_bytes(*body.device.as_bytes())).map_err(|_| malformed)?;
        let inception = Signed::<Inception>::from_bytes(&body.inception).map_err(|_| malformed)?;
        inception.person().map_err(|_| malformed)?;
        Ok(inception)
    }

    /// Opens the secrets with the recovery phrase's keys. That the phrase speaks for the person of the
    /// inception, the log among the records must tell: anybody can seal something to a key.
    ///
    /// # Errors
    /// When the phrase is another one; [`EpochError::NotForUs`] when it is the person's first and others
    /// have taken its place, or the head was put together from several.
    pub fn open(&self, recovery: &Recovery) -> Result<Grant, BackupError> {
        let inception = self.check()?;
        let body = self.body();
        let context = context(&body.space, &body.device, body.journal);
        Grant::open(&body.grant, recovery.kem(), &context).map_err(|error| match error {
            EpochError::NotForUs if *inception.body() != recovery.keys() => BackupError::OtherPerson,
            error => error.into(),
        })
    }
}

#[cfg(test)]
mod vectors;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{epoch::Keyring, journal::SegmentNumber};

    fn recovery(byte: u8) -> Recovery {
        Recovery::from_entropy(&Secret32::from_bytes([byte; 32]))
    }

    fn head(recovery: &Recovery) -> Signed<BackupHead> {
        head_of(recovery, recovery)
    }

    /// Of the person of the first words, sealed to others.
    fn head_of(first: &Recovery, recovery: &Recovery) -> Signed<BackupHead> {
        let mut keyring = Keyring::default();
        keyring.insert(Secret32::from_bytes([3; 32]), &[]);
        let grant = keyring.to_grant().with_keeper(Secret32::from_bytes([4; 32]));
        let end = Position { segment: SegmentNumber::new(2).unwrap(), offset: 900 };
        let key = SigningKey::from_secret(&Secret32::from_bytes([5; 32]));
        let place = (JournalId::from_bytes([6; 16]), end);
        let entropy = Secret32::from_bytes([7; 32]);
        let space = SpaceId::from_bytes([8; 32]);
        let to = &recovery.keys().recovery_kem;
        BackupHead::sign(&first.incept(), space, place, (&grant, to), &key, &entropy).unwrap()
    }

    #[test]
    fn the_words_open_it_and_no_others() {
        let head = head(&recovery(1));
        assert_eq!(head.body().end.offset, 900);
        let (keyring, keeper) = head.open(&recovery(1)).unwrap().into_parts();
        assert_eq!(keyring.iter().count(), 1);
        assert_eq!(keeper, Some(Secret32::from_bytes([4; 32])));
        assert_eq!(head.open(&recovery(2)).err(), Some(BackupError::OtherPerson));
    }

    #[test]
    fn words_that_took_the_place_of_others_open_what_was_made_since() {
        let [first, later, other] = [1, 2, 3].map(recovery);
        let head = head_of(&first, &later);
        assert!(head.open(&later).is_ok());
        assert_eq!(head.open(&first).err(), Some(BackupError::Grant(EpochError::NotForUs)));
        assert_eq!(head.open(&other).err(), Some(BackupError::OtherPerson));
    }

    #[test]
    fn every_flipped_bit_is_refused() {
        let bytes = head(&recovery(1)).to_bytes();
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            let opened =
                Signed::<BackupHead>::from_bytes(&flipped).map(|head| head.open(&recovery(1)).is_ok());
            assert_ne!(opened, Ok(true), "byte {at}");
        }
    }

    #[test]
    fn a_grant_from_another_backup_does_not_open() {
        let (mine, signed) = (recovery(1), head(&recovery(1)));
        let key = SigningKey::from_secret(&Secret32::from_bytes([9; 32]));
        let device = DeviceId::from_bytes(*key.verifying_key().as_bytes());
        let moved = Signed::new(BackupHead { device, ..signed.body().clone() }, &key);
        assert_eq!(moved.open(&mine).err(), Some(BackupError::Grant(EpochError::NotForUs)));
    }
}
