//! Epochs: versions of a space's secret, and who was given them.
//!
//! 1. An admin device draws a secret, names the epoch by a hash of it, and seals it to every
//!    device and to the recovery key ([`EpochStatement::begin`]).
//! 2. The statement travels and lies in the clear: mirrors check writers and readers by the two
//!    verifying keys it shows, and need nothing more.
//! 3. A device that was enrolled later is handed the secrets it may know in a [`Grant`], sealed to
//!    its own key.
//!
//! An epoch's name commits to its secret. XChaCha20-Poly1305 is not key-committing: without that
//! check a malicious member could craft one record that two devices open differently.
//!
//! What it does not promise: forward secrecy for history. Who holds an epoch's secret reads what
//! was sealed under it, then and later.

mod grant;
mod keyring;
pub mod rotation;
mod statement;

pub use grant::Grant;
pub use keyring::Keyring;
pub use statement::{EpochError, EpochStatement, SealedHeads};

use crate::{
    crypto::{
        kdf::{context, derive, derive_id},
        kem::KemSecret,
        secret::Secret32,
        sign::VerifyingKey,
    },
    id::{EpochId, SpaceId},
};

/// The id of the space whose first keeper is `keeper`, owned by who holds `recovery_keeper`.
#[must_use]
pub fn space_id(keeper: &VerifyingKey, recovery_keeper: &VerifyingKey) -> SpaceId {
    SpaceId::from_bytes(derive_id(context::SPACE_ID, &[keeper.as_bytes(), recovery_keeper.as_bytes()]))
}

/// The name of the epoch with this secret.
#[must_use]
pub fn epoch_id(secret: &Secret32) -> EpochId {
    EpochId::from_bytes(derive_id(context::EPOCH_ID, &[secret.expose()]))
}

/// The key that others seal to, of a person whose own space has this epoch: all of the person's
/// devices hold it without a word, and it is another one as soon as a device that was removed lacks
/// a newer epoch.
#[must_use]
pub fn person_key(secret: &Secret32) -> KemSecret {
    KemSecret::from_secret(&derive(context::PERSON_KEY, &[secret.expose()]))
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
