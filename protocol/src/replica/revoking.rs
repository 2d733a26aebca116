//! Taking a device out, putting new words in the place of the old, and taking back what a device did
//! unseen.

use std::collections::BTreeSet;

use super::{
    Effects, Prepared, Replica, State, WriteError,
    rotating::{EpochStartError, NewEpoch},
};
use crate::{
    crypto::{aead::NONCE_LEN, sign::SigningKey},
    epoch::{Keyring, epoch_id, person_key},
    id::{BlobId, DeviceId, DocumentId, OperationId, RecordId},
    identity::log::{Action, Author, DeviceLog, Kept, LogError, Operation, PersonKey, Revocation, SpaceMark},
    journal::Disk,
    limits::MAX_COMMIT_RECORDS,
    record::Payload,
    signed::Signed,
};

/// Which device is taken out of the person's own space, and by whom.
pub struct Revoking<'a> {
    /// The device.
    pub device: DeviceId,
    /// What it had done to the device log and is undone.
    pub undone: Vec<OperationId>,
    /// The root, when the phrase says so and not an admin device.
    pub root: Option<&'a SigningKey>,
    /// The epoch that goes with it; its device is the admin device that does all this.
    pub epoch: NewEpoch<'a>,
}

/// Why a revocation or a replacement did not happen; nothing of it is left.
#[derive(Debug, thiserror::Error)]
pub enum RevokeError<E> {
    /// It does not hold.
    #[error(transparent)]
    Refused(#[from] LogError),
    /// Its epoch could not be started.
    #[error(transparent)]
    Epoch(#[from] EpochStartError<E>),
}

impl<E> From<WriteError<E>> for RevokeError<E> {
    fn from(error: WriteError<E>) -> Self {
        Self::Epoch(error.into())
    }
}

impl State {
    /// Up to where the work of a device counts, if it is taken out now: all that counts here.
    #[must_use]
    pub fn kept_of(&self, device: &DeviceId) -> Option<Kept> {
        let (number, commit) = self.head(device);
        Some(Kept { space: SpaceMark::of(self.space(), device), number, commit: commit? })
    }
}

impl<D: Disk> Replica<D> {
    /// Takes a device out of the person's own space ([`Replica::append_ending`]).
    ///
    /// # Errors
    /// When it does not hold or the storage fails; the replica is then unchanged.
    pub fn revoke(
        &mut self,
        revoking: &Revoking<'_>,
        nonce: &mut dyn FnMut() -> [u8; NONCE_LEN],
    ) -> Result<Effects, RevokeError<D::Error>> {
        let revocation = sign(self.state.log(), &self.state, revoking);
        self.append_ending(revocation, revoking.root, &revoking.epoch, nonce)
    }

    /// Appends what ends somebody's right to read: a revocation, or the replacement of the root, whose
    /// recovery key opens epochs; with it an epoch that they do not hold, and a new person key if one was
    /// announced: by the root that speaks then, if it does this, since the log may have no room left for a
    /// device. All are appended at once. Durable after [`Replica::sync`].
    ///
    /// # Errors
    /// When it does not hold or the storage fails; the replica is then unchanged.
    pub fn append_ending(
        &mut self,
        operation: Signed<Operation>,
        root: Option<&SigningKey>,
        epoch: &NewEpoch<'_>,
        nonce: &mut dyn FnMut() -> [u8; NONCE_LEN],
    ) -> Result<Effects, RevokeError<D::Error>> {
        let mut roster = self.state.roster().clone();
        roster.apply_operation(operation.clone())?;
        let secret = &epoch.secret;
        let announced = roster.owner().person_key().is_some().then(|| {
            let key = PersonKey { epoch: epoch_id(secret), kem: person_key(secret).public() };
            sign_as(roster.owner(), root, epoch.device, Action::PersonKey(key))
        });
        if let Some(announced) = &announced {
            roster.apply_operation(announced.clone())?;
        }
        let mut prepared = self.prepare_epoch(epoch, &mut roster, nonce)?;
        let under = Keyring::of_one(secret);
        let payload = Payload::Operation(operation);
        // Under what the device still reads, so that an honest one can say why nobody answers it; so can one
        // that was restored from before, and is in no epoch of those who are here. First, as a power cut may
        // leave a part: were it the epoch alone, nobody could tell whom it leaves out.
        prepared.insert(0, (self.seal(&payload, nonce)?, payload));
        if let Some(announced) = announced {
            let payload = Payload::Operation(announced);
            prepared.push((self.seal_under(&under, &payload, nonce)?, payload));
        }
        Ok(self.append(prepared)?)
    }

    /// Lets count what is in quarantine of a document, and of the pieces of these attachments of it: by a
    /// commit of this device. Durable after [`Replica::sync`].
    ///
    /// # Errors
    /// When the storage fails; the replica is then unchanged.
    pub fn accept(
        &mut self,
        document: &DocumentId,
        blobs: &BTreeSet<BlobId>,
        device: &SigningKey,
        nonce: &mut dyn FnMut() -> [u8; NONCE_LEN],
    ) -> Result<Effects, WriteError<D::Error>> {
        let quarantined = self.state.quarantined();
        let of_document = quarantined.iter().filter(|change| change.document == *document);
        let mut names: Vec<(RecordId, bool)> = of_document.map(|change| (change.record, false)).collect();
        if names.is_empty() {
            return Ok(Effects::default());
        }
        names.extend(self.state.quarantined_chunks_of(blobs).into_iter().map(|chunk| (chunk, true)));
        let mut link = self.next_link(device);
        let mut prepared: Vec<Prepared> = Vec::new();
        for part in names.chunks(MAX_COMMIT_RECORDS) {
            let of_kind =
                |wanted| part.iter().filter(move |(_, chunk)| *chunk == wanted).map(|(name, _)| *name);
            let payload =
                Payload::Commit(link.commit(of_kind(false).collect(), of_kind(true).collect(), device));
            prepared.push((self.seal(&payload, nonce)?, payload));
        }
        self.append(prepared)
    }
}

fn author_of(key: &SigningKey) -> Author {
    Author::Device(DeviceId::from_bytes(*key.verifying_key().as_bytes()))
}

fn sign(log: &DeviceLog, state: &State, revoking: &Revoking<'_>) -> Signed<Operation> {
    let (device, undone) = (revoking.device, revoking.undone.clone());
    let kept = state.kept_of(&device).into_iter().collect();
    let action = Action::Revoke(Revocation { device, kept, undone });
    sign_as(log, revoking.root, revoking.epoch.device, action)
}

/// An operation by the root if it is there, and else by a device.
fn sign_as(
    log: &DeviceLog,
    root: Option<&SigningKey>,
    device: &SigningKey,
    action: Action,
) -> Signed<Operation> {
    match root {
        Some(root) => log.sign(Author::Root, action, root),
        None => log.sign(author_of(device), action, device),
    }
}
