//! Documents that were forgotten: what is left of them is to go, and what comes later too.

use std::collections::{BTreeMap, BTreeSet};

use super::{Slots, State};
use crate::{
    id::{BlobId, CommitId, DocumentId, RecordId},
    journal::Location,
    replica::records::Slot,
};

impl State {
    /// Whether a document was forgotten: nothing of it is shown, whatever else comes.
    #[must_use]
    pub fn is_forgotten(&self, id: &DocumentId) -> bool {
        self.forgotten.contains_key(id)
    }

    /// All documents that were forgotten.
    pub fn forgotten(&self) -> impl Iterator<Item = &DocumentId> {
        self.forgotten.keys()
    }

    /// The changes that forgot a document, and where they lie.
    pub(in crate::replica) fn forgetting(&self, id: &DocumentId) -> BTreeMap<RecordId, Location> {
        let slots = self.forgotten.get(id).map_or(&[][..], Slots::as_slice);
        let place = |slot: &Slot| Some((self.records.id(*slot), self.records.location(*slot)?));
        slots.iter().filter_map(place).collect()
    }

    /// The documents of which some of these changes are held.
    pub(in crate::replica) fn documents_with_some_of(
        &self,
        changes: &BTreeSet<Slot>,
    ) -> BTreeSet<DocumentId> {
        let has_some = |slots: &Slots| slots.as_slice().iter().any(|slot| changes.contains(slot));
        self.documents.iter().filter(|(_, slots)| has_some(slots)).map(|(id, _)| *id).collect()
    }

    /// The changes that forgot a document.
    pub(in crate::replica) fn forgetting_changes(&self) -> BTreeSet<Slot> {
        self.forgotten.values().flat_map(Slots::as_slice).copied().collect()
    }

    /// A commit that forgot a document.
    pub(in crate::replica) fn commit_forgetting(&self, id: &DocumentId) -> Option<CommitId> {
        let slots = self.forgotten.get(id).map_or(&[][..], Slots::as_slice);
        self.chains.iter().find_map(|(_, chain)| {
            let number = chain.naming(slots)?.1;
            chain.get(usize::try_from(number - 1).ok()?).map(|entry| entry.commit)
        })
    }

    /// What is held of documents, and of these attachments of them.
    pub(in crate::replica) fn held_of<'a>(
        &self,
        documents: impl Iterator<Item = (&'a DocumentId, &'a BTreeSet<BlobId>)> + Clone,
    ) -> BTreeSet<RecordId> {
        let changes = documents.clone().flat_map(|(id, _)| self.document(id)).map(|(record, _)| record);
        let pieces = documents.flat_map(|(_, blobs)| self.pieces_of(blobs));
        changes.chain(pieces).collect()
    }

    /// The pieces that are held of attachments.
    pub(in crate::replica) fn pieces_of(&self, blobs: &BTreeSet<BlobId>) -> BTreeSet<RecordId> {
        let pieces = blobs.iter().filter_map(|blob| self.blobs.get(blob)).flatten();
        pieces.map(|((_, record), _)| *record).collect()
    }
}
