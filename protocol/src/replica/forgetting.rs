//! Forgetting documents for good.
//!
//! 1. A change says that a document is forgotten, and which attachments it had; a commit makes that
//!    count, like any other. From then on nothing of the document is shown, whatever comes later.
//! 2. Whoever holds the keeper's seed drops what is held of it, at once and again whenever something
//!    comes from a device that did not know: the drop is carried out and confirmed like any other.
//! 3. The change that says so stays, on every device, for good: it is what keeps the document away.

use std::collections::{BTreeMap, BTreeSet};

use super::{Effects, Replica, Write, WriteError};
use crate::{
    crypto::{aead::NONCE_LEN, sign::SigningKey},
    id::{BlobId, DocumentId, RecordId},
    journal::{Disk, JournalError},
    limits::MAX_DROP_IDS,
    record::{Change, Payload},
};

/// The attachments of each forgotten document, as far as they were read.
pub(super) type ForgottenBlobs = BTreeMap<DocumentId, BTreeSet<BlobId>>;

/// What is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forgetting<'a> {
    /// The document.
    pub document: DocumentId,
    /// The attachments that it had.
    pub blobs: &'a BTreeSet<BlobId>,
}

impl<D: Disk> Replica<D> {
    /// Forgets documents, and drops what is held of them where the keeper's seed is at hand. Durable
    /// after [`Replica::sync`].
    ///
    /// # Errors
    /// When the storage fails; nothing is then changed.
    pub fn forget(
        &mut self,
        documents: &[Forgetting<'_>],
        device: &SigningKey,
        keeper: Option<&SigningKey>,
        nonce: &mut dyn FnMut() -> [u8; NONCE_LEN],
    ) -> Result<Effects, WriteError<D::Error>> {
        let held = self.state.held_of(documents.iter().map(|one| (&one.document, one.blobs)));
        let held: Vec<RecordId> = held.into_iter().collect();
        let writes = documents.iter().map(|one| Write::Change(Change::forgetting(one.document, one.blobs)));
        let mut prepared = Vec::new();
        let after = self.prepare(writes.collect(), device, nonce, &mut prepared)?;
        if let Some(keeper) = keeper {
            // Those without room are dropped later.
            let room = self.state.room_for_drops();
            let lists = held.chunks(MAX_DROP_IDS).take(room);
            prepared.extend(lists.map(|ids| self.prepare_drop(after, ids.to_vec(), Vec::new(), keeper)));
        }
        self.append(prepared)
    }

    /// Drops what came of forgotten documents from devices that did not know. `None` when there is
    /// nothing; else durable after [`Replica::sync`].
    ///
    /// # Errors
    /// When the storage fails; nothing is then changed.
    pub fn drop_forgotten(&mut self, keeper: &SigningKey) -> Result<Option<Effects>, WriteError<D::Error>> {
        self.read_forgotten_blobs()?;
        let held = self.state.held_of(self.forgotten_blobs.iter());
        let held: Vec<RecordId> = held.into_iter().take(MAX_DROP_IDS).collect();
        if held.is_empty() || self.state.room_for_drops() == 0 {
            return Ok(None);
        }
        let prepared = self.prepare_drop(None, held, Vec::new(), keeper);
        self.append(vec![prepared]).map(Some)
    }

    /// Reads what the changes say that forgot documents, each once.
    fn read_forgotten_blobs(&mut self) -> Result<(), JournalError<D::Error>> {
        let is_unread = |id: &&DocumentId| !self.forgotten_blobs.contains_key(*id);
        let unread: Vec<DocumentId> = self.state.forgotten().filter(is_unread).copied().collect();
        for id in unread {
            let mut blobs = BTreeSet::new();
            for location in self.state.forgetting(&id) {
                if let Ok(Payload::Change(change)) = self.read_payload(location)? {
                    blobs.extend(change.forgotten_blobs());
                }
            }
            self.forgotten_blobs.insert(id, blobs);
        }
        // One that was put into quarantine since is not forgotten.
        let state = &self.state;
        self.forgotten_blobs.retain(|id, _| state.is_forgotten(id));
        Ok(())
    }
}
