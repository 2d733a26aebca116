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

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    codec::{DecodeError, Encoded, Tag, decode, encode_secret},
    crypto::{
        aead::{self, DoesNotOpen, NONCE_LEN},
        kdf::{context, derive, derive_id},
        kem::{KemPublic, KemSecret, SealedTo},
        secret::Secret32,
        sign::{BadSignature, SigningKey, VerifyingKey},
    },
    id::{EpochId, SpaceId},
    limits::MAX_EPOCH_RECIPIENTS,
    signed::Signed,
};

const SEAL_INFO: &[u8] = b"musette epoch secret v1";
const GRANT_INFO: &[u8] = b"musette epoch grant v1";

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

fn access_key(context: &str, secret: &Secret32) -> VerifyingKey {
    SigningKey::from_secret(&derive(context, &[secret.expose()])).verifying_key()
}

/// What everybody may see of an epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochStatement {
    /// The space.
    pub space: SpaceId,
    /// The epoch, named by its secret.
    pub epoch: EpochId,
    /// The epochs it replaces, sorted; empty for the first.
    pub previous: Vec<EpochId>,
    /// The key that speaks for the space to mirrors; this statement is signed by it.
    pub keeper: VerifyingKey,
    /// Writers prove themselves to mirrors with the signing half, derived from the secret.
    pub write: VerifyingKey,
    /// Readers likewise.
    pub read: VerifyingKey,
    /// The secret, sealed to each recipient. Nothing says which is whose: each tries all.
    pub recipients: Vec<SealedTo>,
    /// The earlier epochs' secrets, sealed under this one.
    pub earlier: Vec<u8>,
}

impl Encoded for EpochStatement {
    const TAG: Tag = Tag::Epoch;
    const VERSION: u8 = 1;
}

/// Why an epoch statement was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EpochError {
    /// Not signed by the keeper it names, or that keeper does not speak for the space.
    #[error("not signed by the keeper of the space")]
    NotKeeper,
    /// More recipients than an epoch may have, or lists out of order.
    #[error("beyond a limit, or not in order")]
    Malformed,
    /// The secret inside is not the one that the epoch is named by, or its keys follow from.
    #[error("the secret does not match the epoch's name or keys")]
    WrongSecret,
    /// None of the sealed secrets is for this key.
    #[error("not sealed to this device")]
    NotForUs,
}

impl From<BadSignature> for EpochError {
    fn from(_: BadSignature) -> Self {
        Self::NotKeeper
    }
}

impl EpochStatement {
    /// States a new epoch. `secret` and `entropy` were drawn for it; `earlier` are the epochs that
    /// every recipient may also read.
    ///
    /// # Errors
    /// When a recipient's key is no usable key.
    pub fn begin(
        space: SpaceId,
        keeper: &SigningKey,
        secret: &Secret32,
        recipients: &[KemPublic],
        earlier: &Keyring,
        entropy: &Secret32,
    ) -> Result<Signed<Self>, DoesNotOpen> {
        let epoch = epoch_id(secret);
        let associated = [space.as_bytes().as_slice(), epoch.as_bytes()].concat();
        let draw = |purpose: &str, index: usize| {
            let index = (index as u64).to_le_bytes();
            derive(context::EARLIER_SECRETS, &[entropy.expose(), purpose.as_bytes(), &index])
        };
        let sealed = recipients.iter().enumerate().map(|(index, recipient)| {
            recipient.seal(SEAL_INFO, &associated, secret.expose(), &draw("recipient", index))
        });
        let sealed = sealed.collect::<Result<Vec<_>, _>>()?;
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&draw("nonce", 0).expose()[..NONCE_LEN]);
        let earlier_key = derive(context::EARLIER_SECRETS, &[secret.expose()]);
        let plaintext = encode_secret(&earlier.to_grant());
        let mut earlier_sealed = nonce.to_vec();
        earlier_sealed.extend(aead::seal(&earlier_key, &nonce, &associated, &plaintext));
        let statement = Self {
            space,
            epoch,
            previous: earlier.heads(),
            keeper: keeper.verifying_key(),
            write: access_key(context::EPOCH_WRITE, secret),
            read: access_key(context::EPOCH_READ, secret),
            recipients: sealed,
            earlier: earlier_sealed,
        };
        Ok(Signed::new(statement, keeper))
    }
}

impl Signed<EpochStatement> {
    /// Checks that the first keeper of `space` states it.
    ///
    /// # Errors
    /// When somebody else does, or a bound is passed.
    pub fn check(&self, space: &SpaceId, recovery_keeper: &VerifyingKey) -> Result<(), EpochError> {
        let body = self.body();
        if body.recipients.len() > MAX_EPOCH_RECIPIENTS || !body.previous.is_sorted_by(|a, b| a < b) {
            return Err(EpochError::Malformed);
        }
        if body.space != *space || space_id(&body.keeper, recovery_keeper) != *space {
            return Err(EpochError::NotKeeper);
        }
        Ok(self.verify(&body.keeper)?)
    }

    /// Opens the secret with a recipient's key, and the earlier ones with it.
    ///
    /// # Errors
    /// When it was not sealed to this key, or is not what the epoch is named by.
    pub fn open(&self, key: &KemSecret) -> Result<Keyring, EpochError> {
        let body = self.body();
        let associated = [body.space.as_bytes().as_slice(), body.epoch.as_bytes()].concat();
        let opened = body.recipients.iter().find_map(|sealed| key.open(SEAL_INFO, &associated, sealed).ok());
        let opened = Zeroizing::new(opened.ok_or(EpochError::NotForUs)?);
        let secret = <[u8; 32]>::try_from(opened.as_slice()).map_err(|_| EpochError::WrongSecret)?;
        let secret = Secret32::from_bytes(secret);
        // Keys of another secret would have mirrors turn away every member of this one.
        let write = access_key(context::EPOCH_WRITE, &secret);
        let read = access_key(context::EPOCH_READ, &secret);
        if epoch_id(&secret) != body.epoch || body.write != write || body.read != read {
            return Err(EpochError::WrongSecret);
        }
        let mut keyring = body.open_earlier(&secret, &associated)?;
        keyring.insert(secret, &body.previous);
        Ok(keyring)
    }
}

impl EpochStatement {
    fn open_earlier(&self, secret: &Secret32, associated: &[u8]) -> Result<Keyring, EpochError> {
        let (nonce, sealed) = self.earlier.split_at_checked(NONCE_LEN).ok_or(EpochError::Malformed)?;
        let nonce = nonce.try_into().map_err(|_| EpochError::Malformed)?;
        let key = derive(context::EARLIER_SECRETS, &[secret.expose()]);
        let plaintext = aead::open(&key, nonce, associated, sealed).map_err(|_| EpochError::WrongSecret)?;
        let grant: Grant = decode(&Zeroizing::new(plaintext)).map_err(|_| EpochError::Malformed)?;
        Ok(grant.into_parts().0)
    }
}

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
        let grant: Self =
            decode(&Zeroizing::new(plaintext)).map_err(|_: DecodeError| EpochError::Malformed)?;
        if grant.epochs.is_empty() { Err(EpochError::Malformed) } else { Ok(grant) }
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
        let mut keyring = Keyring::default();
        for (secret, previous) in self.epochs {
            keyring.insert(secret, &previous);
        }
        (keyring, self.keeper)
    }
}

/// The secrets of a space's epochs that this device knows.
#[derive(Debug, Default)]
pub struct Keyring {
    epochs: BTreeMap<EpochId, (Secret32, Vec<EpochId>)>,
}

impl Keyring {
    /// Adds a secret; the epoch's name follows from it.
    pub fn insert(&mut self, secret: Secret32, previous: &[EpochId]) -> EpochId {
        let id = epoch_id(&secret);
        self.epochs.entry(id).or_insert_with(|| (secret, previous.to_vec()));
        id
    }

    /// Adds all of another's.
    pub fn merge(&mut self, other: Self) {
        for (id, entry) in other.epochs {
            self.epochs.entry(id).or_insert(entry);
        }
    }

    /// Epochs that no other replaces, sorted.
    #[must_use]
    pub fn heads(&self) -> Vec<EpochId> {
        let replaced = |id: &EpochId| self.epochs.values().any(|(_, previous)| previous.contains(id));
        self.epochs.keys().filter(|id| !replaced(id)).copied().collect()
    }

    /// The epoch that new records are sealed under; `None` when no epoch is known. Where each is
    /// said to be replaced by another, which only a malicious keeper brings about, it is the first.
    #[must_use]
    pub fn newest(&self) -> Option<EpochId> {
        self.heads().first().or_else(|| self.epochs.keys().next()).copied()
    }

    /// The secret of an epoch.
    #[must_use]
    pub fn secret(&self, epoch: &EpochId) -> Option<&Secret32> {
        self.epochs.get(epoch).map(|(secret, _)| secret)
    }

    /// All epochs known, with their secrets.
    pub fn iter(&self) -> impl Iterator<Item = (&EpochId, &Secret32)> {
        self.epochs.iter().map(|(id, (secret, _))| (id, secret))
    }

    /// A copy to hand over or to store, sealed.
    #[must_use]
    pub fn to_grant(&self) -> Grant {
        let copy = |(secret, previous): &(Secret32, Vec<EpochId>)| (secret.duplicate(), previous.clone());
        Grant { epochs: self.epochs.values().map(copy).collect(), keeper: None }
    }
}

#[cfg(test)]
mod vectors;

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(byte: u8) -> Secret32 {
        Secret32::from_bytes([byte; 32])
    }

    fn keeper() -> SigningKey {
        SigningKey::from_secret(&secret(1))
    }

    fn recovery_keeper() -> VerifyingKey {
        SigningKey::from_secret(&secret(2)).verifying_key()
    }

    fn begin(recipient: &KemSecret, epoch_secret: u8, earlier: &Keyring) -> Signed<EpochStatement> {
        let space = space_id(&keeper().verifying_key(), &recovery_keeper());
        EpochStatement::begin(
            space,
            &keeper(),
            &secret(epoch_secret),
            &[recipient.public()],
            earlier,
            &secret(4),
        )
        .unwrap()
    }

    #[test]
    fn a_recipient_learns_this_epoch_and_the_earlier_ones() {
        let phone = KemSecret::from_secret(&secret(3));
        let first = begin(&phone, 10, &Keyring::default());
        let second = begin(&phone, 11, &first.open(&phone).unwrap());
        let space = second.body().space;
        second.check(&space, &recovery_keeper()).unwrap();
        let keyring = second.open(&phone).unwrap();
        assert_eq!(keyring.iter().count(), 2);
        assert_eq!(keyring.newest(), Some(second.body().epoch));
        assert!(keyring.secret(&first.body().epoch).is_some());
    }

    #[test]
    fn somebody_else_learns_nothing() {
        let statement = begin(&KemSecret::from_secret(&secret(3)), 10, &Keyring::default());
        let stranger = KemSecret::from_secret(&secret(5));
        assert_eq!(statement.open(&stranger).unwrap_err(), EpochError::NotForUs);
    }

    #[test]
    fn only_the_keeper_of_the_space_states_epochs() {
        let phone = KemSecret::from_secret(&secret(3));
        let statement = begin(&phone, 10, &Keyring::default());
        let space = statement.body().space;
        let thief = SigningKey::from_secret(&secret(6));
        let forged = Signed::new(statement.body().clone(), &thief);
        assert_eq!(forged.check(&space, &recovery_keeper()), Err(EpochError::NotKeeper));
        let mut body = statement.body().clone();
        body.keeper = thief.verifying_key();
        let forged = Signed::new(body, &thief);
        assert_eq!(forged.check(&space, &recovery_keeper()), Err(EpochError::NotKeeper));
    }

    #[test]
    fn an_epoch_named_by_another_secret_is_refused() {
        let phone = KemSecret::from_secret(&secret(3));
        let mut body = begin(&phone, 10, &Keyring::default()).body().clone();
        let associated = [body.space.as_bytes().as_slice(), body.epoch.as_bytes()].concat();
        body.recipients =
            vec![phone.public().seal(SEAL_INFO, &associated, secret(99).expose(), &secret(7)).unwrap()];
        let forged = Signed::new(body, &keeper());
        assert_eq!(forged.open(&phone).unwrap_err(), EpochError::WrongSecret);
    }

    #[test]
    fn keys_that_do_not_follow_from_the_secret_are_refused() {
        let phone = KemSecret::from_secret(&secret(3));
        let statement = begin(&phone, 10, &Keyring::default());
        for swapped in [true, false] {
            let mut body = statement.body().clone();
            let (write, read) = (body.write, body.read);
            if swapped {
                body.write = read;
            } else {
                body.read = write;
            }
            assert_eq!(Signed::new(body, &keeper()).open(&phone).unwrap_err(), EpochError::WrongSecret);
        }
    }

    #[test]
    fn epochs_in_a_circle_leave_one_to_write_under() {
        let mut keyring = Keyring::default();
        let (first, second) = (epoch_id(&secret(10)), epoch_id(&secret(11)));
        keyring.insert(secret(10), &[second]);
        keyring.insert(secret(11), &[first]);
        assert_eq!(keyring.heads(), []);
        assert_eq!(keyring.newest(), Some(first.min(second)));
    }

    #[test]
    fn a_grant_of_nothing_is_refused() {
        let phone = KemSecret::from_secret(&secret(3));
        let sealed = Keyring::default().to_grant().seal(&phone.public(), b"transcript", &secret(8)).unwrap();
        assert_eq!(Grant::open(&sealed, &phone, b"transcript").unwrap_err(), EpochError::Malformed);
    }

    #[test]
    fn a_grant_opens_in_its_own_context_only() {
        let phone = KemSecret::from_secret(&secret(3));
        let grant = begin(&phone, 10, &Keyring::default()).open(&phone).unwrap().to_grant();
        let sealed = grant.seal(&phone.public(), b"transcript", &secret(8)).unwrap();
        assert_eq!(Grant::open(&sealed, &phone, b"transcript").unwrap(), grant);
        assert_eq!(Grant::open(&sealed, &phone, b"another").unwrap_err(), EpochError::NotForUs);
    }
}
