//! What the owner's devices do in a space that others read too.
//!
//! 1. Whoever lets somebody in, or puts somebody out, starts an epoch with it, sealed to those who are
//!    in from then on: both are appended at once, so that no crash leaves one without the other.
//! 2. Nobody is given older secrets. What a newcomer needs of the past is sealed anew under the new
//!    epoch: statements and commits by whoever sends them (the session does that), documents by
//!    folding all whose changes lie under older epochs ([`Replica::documents_to_renew`]).
//! 3. The changes that were folded are dropped, and dropped changes count as held for the commits that
//!    name them. So a newcomer comes to hold every commit, counts them all, and reads what is now.
//! 4. Before it writes, a device looks whether the present epoch is for just those who are in
//!    ([`Replica::is_epoch_due`]). Where it is not, a device of the owner starts another one first, and
//!    anybody else waits: an epoch that lets somebody in may have been started by who did not know yet
//!    that they were put out, and would replace the epoch that keeps them out.
//!
//! What it does not promise: a snapshot holds its document's history. Where that must not be shown,
//! documents are not what is shared.

use super::{
    Effects, Replica, WriteError,
    rotating::{EpochStartError, NewEpoch},
};
use crate::{
    crypto::{aead::NONCE_LEN, sign::SigningKey},
    epoch::{EpochStatement, Keyring},
    id::{DeviceId, DocumentId},
    identity::log::Operation,
    journal::{Disk, JournalError},
    membership::{MembershipAction, Refused, Roster},
    record::{Payload, is_written_under},
    signed::Signed,
};

/// A change of who is in.
pub struct Change<'a> {
    /// What is done.
    pub action: MembershipAction,
    /// The device log of whoever is let in, as far as it is known: without a person key in it nothing
    /// can be sealed to them yet.
    pub log: Vec<Signed<Operation>>,
    /// The admin device of the owner that does it.
    pub device: &'a SigningKey,
    /// The epoch that goes with it.
    pub epoch: NewEpoch<'a>,
}

/// Why a change of membership did not happen; nothing of it is left.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError<E> {
    /// It does not hold.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Its epoch could not be started.
    #[error(transparent)]
    Epoch(#[from] EpochStartError<E>),
}

impl<E> From<WriteError<E>> for ChangeError<E> {
    fn from(error: WriteError<E>) -> Self {
        Self::Epoch(error.into())
    }
}

impl<D: Disk> Replica<D> {
    /// Lets somebody in or puts somebody out, and starts the epoch that goes with it. Durable after
    /// [`Replica::sync`].
    ///
    /// # Errors
    /// When it does not hold or the storage fails; the replica is then unchanged.
    pub fn change_members(
        &mut self,
        change: Change<'_>,
        nonce: &mut dyn FnMut() -> [u8; NONCE_LEN],
    ) -> Result<Effects, ChangeError<D::Error>> {
        let mut roster = self.state().roster().clone();
        let mut payloads = vec![sign(&mut roster, &change)?];
        for operation in change.log {
            if !roster.contains(&operation.id()) {
                roster.apply_operation(operation.clone()).map_err(Refused::from)?;
                payloads.push(Payload::Operation(operation));
            }
        }
        let mut prepared = self.prepare_epoch(&change.epoch, &mut roster, nonce)?;
        // Sealed under it already: what is done about somebody is not for them to read.
        let keyring = Keyring::of_one(&change.epoch.secret);
        for payload in payloads {
            prepared.push((self.seal_under(&keyring, &payload, nonce)?, payload));
        }
        Ok(self.append(prepared)?)
    }

    /// What somebody is told of a space by another way, a card or another space: the statements of its
    /// epochs. A person key opens the one that is sealed to it, and from then on a session does the rest.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn invitation(&mut self) -> Result<Vec<Signed<EpochStatement>>, JournalError<D::Error>> {
        let mut epochs = Vec::new();
        for location in self.state.epoch_statements() {
            if let Ok(Payload::Epoch(statement)) = self.read_payload(location)? {
                epochs.push(statement);
            }
        }
        Ok(epochs)
    }

    /// Documents of which a change lies under other epochs than those that are written under now, at
    /// most `limit`. An owner's device folds them: [`Replica::fold`].
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn documents_to_renew(&mut self, limit: usize) -> Result<Vec<DocumentId>, JournalError<D::Error>> {
        let mut stale = Vec::new();
        if !self.may_be_stale {
            return Ok(stale);
        }
        let mut documents: Vec<DocumentId> = self.state.documents().copied().collect();
        documents.sort_unstable();
        for document in documents {
            if stale.len() >= limit {
                return Ok(stale);
            }
            let changes: Vec<_> = self.state.document(&document).collect();
            for (_, location) in changes {
                let record = self.read(location)?;
                if !is_written_under(&record, self.state.keyring()) {
                    stale.push(document);
                    break;
                }
            }
        }
        self.may_be_stale = !stale.is_empty();
        Ok(stale)
    }
}

fn sign(roster: &mut Roster, change: &Change<'_>) -> Result<Payload, Refused> {
    let author = DeviceId::from_bytes(*change.device.verifying_key().as_bytes());
    let heads = roster.owner().heads();
    let operation = roster.membership().sign(heads, author, change.action.clone(), change.device);
    roster.apply_membership(operation.clone())?;
    Ok(Payload::Membership(operation))
}
