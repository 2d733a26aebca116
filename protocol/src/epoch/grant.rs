//! Secrets on their way to a device, or in the vault.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{EpochError, Keyring};
use crate::{
    codec::{Encoded, Tag, decode, encode_secret},
    crypto::{
        aead::DoesNotOpen,
        kem::{KemPublic, KemSecret, SealedTo},
        secret::Secret32,
    },
    id::EpochId,
    limits::{MAX_EPOCH_SECRETS, MAX_REPLACED_EPOCHS},
};

const GRANT_INFO: &[u8] = b"musette epoch grant v1";

/// Secrets of epochs, as they are handed to a device or lie in the vault.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Each epoch's secret, with the epochs that it replaces.
    epochs: Vec<(Secret32, Vec<EpochId>)>,
    /// The seed of the keeper's signing key, for devices that may state epochs.
    keeper: Option<Secret32>,
}

impl Encoded for Grant {
    const TAG: Tag = Tag::Grant;
    const VERSION: u8 = 1;
}

impl Grant {
    /// Seals to a device's key. `context` is what both sides agreed on (a pairing's transcript),
    /// so that a grant for one pairing cannot be replayed into another.
    ///
    /// # Errors
    /// When the device's key is no usable key.
    pub fn seal(&self, to: &KemPublic, context: &[u8], entropy: &Secret32) -> Result<SealedTo, DoesNotOpen> {
        to.seal(GRANT_INFO, context, &encode_secret(self), entropy)
    }

    /// Opens what [`Grant::seal`] made.
    ///
    /// # Errors
    /// When it was sealed to another key or in another context, or holds no epoch: who accepted
    /// that could not write.
    pub fn open(sealed: &SealedTo, key: &KemSecret, context: &[u8]) -> Result<Self, EpochError> {
        let plaintext = key.open(GRANT_INFO, context, sealed).map_err(|_| EpochError::NotForUs)?;
        let grant = Self::read(plaintext)?;
        if grant.epochs.is_empty() { Err(EpochError::Malformed) } else { Ok(grant) }
    }

    /// Reads an opened grant, whoever it was sealed by.
    pub(super) fn read(plaintext: Vec<u8>) -> Result<Self, EpochError> {
        let grant: Self = decode(&Zeroizing::new(plaintext)).map_err(|_| EpochError::Malformed)?;
        let bounded = grant.epochs.len() <= MAX_EPOCH_SECRETS
            && grant.epochs.iter().all(|(_, previous)| previous.len() <= MAX_REPLACED_EPOCHS);
        bounded.then_some(grant).ok_or(EpochError::Malformed)
    }

    /// A second copy, for a part of the program that must hold one.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        let copy = |(secret, previous): &(Secret32, Vec<EpochId>)| (secret.duplicate(), previous.clone());
        Self {
            epochs: self.epochs.iter().map(copy).collect(),
            keeper: self.keeper.as_ref().map(Secret32::duplicate),
        }
    }

    /// Of how many epochs it holds the secret.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.epochs.len()
    }

    /// The same for a device that may not state epochs.
    #[must_use]
    pub fn without_keeper(self) -> Self {
        Self { keeper: None, ..self }
    }

    /// The same with the keeper's seed.
    #[must_use]
    pub fn with_keeper(self, keeper: Secret32) -> Self {
        Self { keeper: Some(keeper), ..self }
    }

    /// The keyring, and the keeper's seed where it was given.
    #[must_use]
    pub fn into_parts(self) -> (Keyring, Option<Secret32>) {
        (Keyring::of(self.epochs), self.keeper)
    }
}

impl Keyring {
    /// A copy to hand over or to store, sealed.
    #[must_use]
    pub fn to_grant(&self) -> Grant {
        Grant { epochs: self.copy(), keeper: None }
    }
}
