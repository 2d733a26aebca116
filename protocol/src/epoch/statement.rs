//! The statement of an epoch: what travels of it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Grant, Keyring, epoch_id, space_id};
use crate::{
    codec::{Encoded, Tag, encode_secret},
    crypto::{
        aead::{self, DoesNotOpen, NONCE_LEN, TAG_LEN},
        kdf::{context, derive},
        kem::{KemPublic, KemSecret, SealedTo},
        secret::Secret32,
        sign::{BadSignature, SigningKey, VerifyingKey},
    },
    id::{EpochId, OperationId, SpaceId},
    limits::{MAX_EPOCH_RECIPIENTS, MAX_LOG_HEADS, MAX_REPLACED_EPOCHS},
    signed::Signed,
};

pub(super) const SEAL_INFO: &[u8] = b"musette epoch secret v1";
const HEADS_INFO: &[u8] = b"musette epoch heads v1";

/// Bytes of what is sealed to one key in a statement: a secret, or the heads of a log.
const MAX_SEALED_LEN: usize = 32 * MAX_LOG_HEADS + TAG_LEN;

fn access_key(context: &str, secret: &Secret32) -> VerifyingKey {
    SigningKey::from_secret(&derive(context, &[secret.expose()])).verifying_key()
}

/// The key by which whoever holds an epoch's secret can tell for whom the epoch was made: the secret
/// is sealed to it too, after all recipients.
fn audience_key(secret: &Secret32, recipients: &[KemPublic]) -> KemSecret {
    let distinct: BTreeSet<&[u8; 32]> = recipients.iter().map(KemPublic::as_bytes).collect();
    let parts: Vec<&[u8]> =
        std::iter::once(secret.expose()).chain(distinct).map(<[u8; 32]>::as_slice).collect();
    KemSecret::from_secret(&derive(context::EPOCH_AUDIENCE, &parts))
}

/// The key to which it is sealed what the epoch's author knew: whoever holds the secret can open it.
fn heads_key(secret: &Secret32) -> KemSecret {
    KemSecret::from_secret(&derive(context::EPOCH_HEADS, &[secret.expose()]))
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
    /// The secret, sealed to each recipient, and last to a key that tells for whom
    /// ([`Signed::is_for`]). Nothing else says which is whose: each tries all.
    pub recipients: Vec<SealedTo>,
    /// The earlier epochs' secrets, sealed under this one.
    pub earlier: Vec<u8>,
}

impl Encoded for EpochStatement {
    const TAG: Tag = Tag::Epoch;
    const VERSION: u8 = 1;
}

/// The heads of the owner's device log that an epoch's author knew, sealed to whoever holds its secret.
#[derive(Debug, Clone)]
pub struct SealedHeads {
    space: SpaceId,
    epoch: EpochId,
    sealed: Option<SealedTo>,
}

impl SealedHeads {
    /// Opens them with the epoch's secret; none if its author did not say.
    #[must_use]
    pub fn open(&self, secret: &Secret32) -> Vec<OperationId> {
        let (associated, key) = (associated(&self.space, &self.epoch), heads_key(secret));
        let opened = self.sealed.as_ref().and_then(|sealed| key.open(HEADS_INFO, &associated, sealed).ok());
        let heads = opened.unwrap_or_default();
        heads
            .chunks_exact(32)
            .map(|head| OperationId::from_bytes(head.try_into().expect("32 bytes")))
            .collect()
    }
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

/// What an epoch's statement is made of.
struct Draft<'a> {
    space: SpaceId,
    secret: &'a Secret32,
    recipients: &'a [KemPublic],
    previous: Vec<EpochId>,
    given: &'a Keyring,
    heads: &'a [OperationId],
    entropy: &'a Secret32,
}

impl Draft<'_> {
    fn sign(self, keeper: &SigningKey) -> Result<Signed<EpochStatement>, DoesNotOpen> {
        let Self { space, secret, entropy, .. } = self;
        let epoch = epoch_id(secret);
        let associated = associated(&space, &epoch);
        let draw = |purpose: &str, index: usize| {
            let index = (index as u64).to_le_bytes();
            derive(context::EARLIER_SECRETS, &[entropy.expose(), purpose.as_bytes(), &index])
        };
        let sealed = self.recipients.iter().enumerate().map(|(index, recipient)| {
            recipient.seal(SEAL_INFO, &associated, secret.expose(), &draw("recipient", index))
        });
        let mut sealed = sealed.collect::<Result<Vec<_>, _>>()?;
        if !self.heads.is_empty() {
            let heads: Vec<u8> = self.heads.iter().flat_map(|head| *head.as_bytes()).collect();
            let key = heads_key(secret).public();
            sealed.push(key.seal(HEADS_INFO, &associated, &heads, &draw("heads", 0))?);
        }
        let (audience, index) = (audience_key(secret, self.recipients).public(), self.recipients.len());
        sealed.push(audience.seal(SEAL_INFO, &associated, secret.expose(), &draw("recipient", index))?);
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&draw("nonce", 0).expose()[..NONCE_LEN]);
        let earlier_key = derive(context::EARLIER_SECRETS, &[secret.expose()]);
        let plaintext = encode_secret(&self.given.to_grant());
        let mut earlier = nonce.to_vec();
        earlier.extend(aead::seal(&earlier_key, &nonce, &associated, &plaintext));
        let statement = EpochStatement {
            space,
            epoch,
            previous: self.previous,
            keeper: keeper.verifying_key(),
            write: access_key(context::EPOCH_WRITE, secret),
            read: access_key(context::EPOCH_READ, secret),
            recipients: sealed,
            earlier,
        };
        Ok(Signed::new(statement, keeper))
    }
}

impl EpochStatement {
    /// States a new epoch, which replaces the heads of `earlier`. `secret` and `entropy` were drawn
    /// for it; every recipient may also read what was sealed under the epochs of `earlier`.
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
        Self::begin_knowing(space, keeper, secret, recipients, earlier, &[], entropy)
    }

    /// As [`EpochStatement::begin`], and says to whoever holds the secret which heads of the device log its
    /// author knew: who lacks some of them may not know whom the epoch leaves out.
    ///
    /// # Errors
    /// When a recipient's key is no usable key.
    pub fn begin_knowing(
        space: SpaceId,
        keeper: &SigningKey,
        secret: &Secret32,
        recipients: &[KemPublic],
        earlier: &Keyring,
        heads: &[OperationId],
        entropy: &Secret32,
    ) -> Result<Signed<Self>, DoesNotOpen> {
        let previous = earlier.replaceable();
        Draft { space, secret, recipients, previous, given: earlier, heads, entropy }.sign(keeper)
    }

    /// As [`EpochStatement::begin`], for a space that others read too: nobody is given the earlier
    /// secrets, so that a newcomer reads nothing from before.
    ///
    /// # Errors
    /// When a recipient's key is no usable key.
    pub fn begin_shared(
        space: SpaceId,
        keeper: &SigningKey,
        secret: &Secret32,
        recipients: &[KemPublic],
        known: &Keyring,
        entropy: &Secret32,
    ) -> Result<Signed<Self>, DoesNotOpen> {
        let previous = known.replaceable();
        let given = &Keyring::default();
        Draft { space, secret, recipients, previous, given, heads: &[], entropy }.sign(keeper)
    }
}

fn associated(space: &SpaceId, epoch: &EpochId) -> Vec<u8> {
    [space.as_bytes().as_slice(), epoch.as_bytes()].concat()
}

impl Signed<EpochStatement> {
    /// Checks that the first keeper of `space` states it.
    ///
    /// # Errors
    /// When somebody else does, or a bound is passed.
    pub fn check(&self, space: &SpaceId, recovery_keeper: &VerifyingKey) -> Result<(), EpochError> {
        let body = self.body();
        let bounded = body.recipients.len() <= MAX_EPOCH_RECIPIENTS
            && body.recipients.iter().all(|sealed| sealed.len() <= MAX_SEALED_LEN)
            && body.previous.len() <= MAX_REPLACED_EPOCHS;
        if !bounded || !body.previous.is_sorted_by(|a, b| a < b) {
            return Err(EpochError::Malformed);
        }
        if body.space != *space || space_id(&body.keeper, recovery_keeper) != *space {
            return Err(EpochError::NotKeeper);
        }
        Ok(self.verify(&body.keeper)?)
    }

    /// Whether the epoch was made for just these recipients, as whoever holds its secret can tell.
    #[must_use]
    pub fn is_for(&self, secret: &Secret32, recipients: &[KemPublic]) -> bool {
        let body = self.body();
        let associated = associated(&body.space, &body.epoch);
        let audience = audience_key(secret, recipients);
        body.recipients.last().is_some_and(|sealed| audience.open(SEAL_INFO, &associated, sealed).is_ok())
    }

    /// What its author knew of the owner's device log.
    #[must_use]
    pub fn heads(&self) -> SealedHeads {
        let body = self.body();
        let sealed = body.recipients.iter().rev().nth(1).cloned();
        SealedHeads { space: body.space, epoch: body.epoch, sealed }
    }

    /// Opens the secret with a recipient's key, and the earlier ones with it.
    ///
    /// # Errors
    /// When it was not sealed to this key, or is not what the epoch is named by.
    pub fn open(&self, key: &KemSecret) -> Result<Keyring, EpochError> {
        let body = self.body();
        let associated = associated(&body.space, &body.epoch);
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
        Ok(Grant::read(plaintext)?.into_parts().0)
    }
}
