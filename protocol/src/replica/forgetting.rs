//! Forgetting documents for good.
//!
//! 1. A change says that a document is forgotten, and which attachments it had; a commit makes that
//!    count, like any other. From then on nothing of the document is shown, whatever comes later.
//! 2. Whoever holds the keeper's seed drops what is held of it, at once and again whenever something
//!    comes from a device that did not know: the drop is carried out and confirmed like any other. Who
//!    attached something meanwhile says so, as nobody else can tell what its pieces are.
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

/// Of each forgotten document, the changes that say so, and the attachments that they name.
pub(super) type ForgottenBlobs = BTreeMap<DocumentId, (BTreeSet<RecordId>, BTreeSet<BlobId>)>;

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

    /// Drops what is held of a forgotten document: what came from devices that did not know, and pieces of
    /// its attachments, which others may not hold. Its changes every device holds, so that one of them
    /// (`is_elected`) drops these for all. `None` when there is nothing; else durable after
    /// [`Replica::sync`], and there may be more.
    ///
    /// # Errors
    /// When the storage fails; nothing is then changed.
    pub fn drop_forgotten(
        &mut self,
        keeper: &SigningKey,
        is_elected: bool,
    ) -> Result<Option<Effects>, WriteError<D::Error>> {
        self.read_forgotten_blobs()?;
        if self.state.room_for_drops() == 0 {
            return Ok(None);
        }
        let held = self.forgotten_blobs.iter().find_map(|(document, (_, blobs))| {
            let one = std::iter::once((document, blobs));
            let held = if is_elected { self.state.held_of(one) } else { self.state.pieces_of(blobs) };
            (!held.is_empty()).then_some((document, held))
        });
        let Some((document, held)) = held else { return Ok(None) };
        // With it, the drop is void should the forgetting be.
        let after = self.state.commit_forgetting(document);
        let ids: Vec<RecordId> = held.into_iter().take(MAX_DROP_IDS).collect();
        let prepared = self.prepare_drop(after, ids, Vec::new(), keeper);
        self.append(vec![prepared]).map(Some)
    }

    /// Names those of these attachments of forgotten documents that no change names which forgot them:
    /// somebody attached them who did not know. `None` when there is none; else durable after
    /// [`Replica::sync`].
    ///
    /// # Errors
    /// When the storage fails; nothing is then changed.
    pub fn forget_late(
        &mut self,
        attached: &BTreeMap<DocumentId, BTreeSet<BlobId>>,
        device: &SigningKey,
        nonce: &mut dyn FnMut() -> [u8; NONCE_LEN],
    ) -> Result<Option<Effects>, WriteError<D::Error>> {
        self.read_forgotten_blobs()?;
        let unnamed = attached.iter().filter_map(|(document, blobs)| {
            let (_, named) = self.forgotten_blobs.get(document)?;
            let unnamed: BTreeSet<BlobId> = blobs.difference(named).copied().collect();
            (!unnamed.is_empty()).then_some((*document, unnamed))
        });
        let unnamed: Vec<(DocumentId, BTreeSet<BlobId>)> = unnamed.collect();
        if unnamed.is_empty() {
            return Ok(None);
        }
        let documents: Vec<Forgetting<'_>> =
            unnamed.iter().map(|(document, blobs)| Forgetting { document: *document, blobs }).collect();
        self.forget(&documents, device, None, nonce).map(Some)
    }

    /// Reads what the changes say that forgot documents, again once there are others: more of them, or fewer
    /// because some are in quarantine.
    fn read_forgotten_blobs(&mut self) -> Result<(), JournalError<D::Error>> {
        let documents: Vec<DocumentId> = self.state.forgotten().copied().collect();
        for id in documents {
            let changes = self.state.forgetting(&id);
            if self.forgotten_blobs.get(&id).is_some_and(|(read, _)| read.iter().eq(changes.keys())) {
                continue;
            }
            let (read, mut blobs) = (changes.keys().copied().collect(), BTreeSet::new());
            for location in changes.into_values() {
                if let Ok(Payload::Change(change)) = self.read_payload(location)? {
                    blobs.extend(change.forgotten_blobs());
                }
            }
            self.forgotten_blobs.insert(id, (read, blobs));
        }
        // One that was put into quarantine since is not forgotten.
        let state = &self.state;
        self.forgotten_blobs.retain(|id, _| state.is_forgotten(id));
        Ok(())
    }
}
