//! From records to documents to views.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    ops::Bound,
    thread,
};

use musette_crdt::{document::Document, view::ItemView};
use musette_protocol::{id::DocumentId, journal::Location, record::Payload};

use super::{Store, StoreEvent, journal_error, revoking::blobs_of};
use crate::error::{Error, Result};

/// Documents in a batch from which a second core is worth its start.
const PARALLEL_FROM: usize = 128;
/// Documents that are read at once when all are, and the bytes of their changes after which a batch
/// is long enough.
const BATCH_DOCUMENTS: usize = 2_048;
const BATCH_BYTES: usize = 16 * 1024 * 1024;

/// Documents with the payloads of their changes.
pub(super) type Batch = Vec<(DocumentId, Vec<Vec<u8>>)>;

impl Store {
    /// What is shown of a document.
    pub(super) fn view(&self, id: DocumentId) -> Option<ItemView> {
        self.views.get(&id).map(|packed| unpack(id, packed))
    }

    /// Takes a document out of the cache, or reads it from its records.
    ///
    /// # Errors
    /// When there is none, or the disk fails.
    pub(super) fn take_document(&mut self, id: DocumentId) -> Result<Document> {
        if let Some(document) = self.loaded.pop(&id) {
            return Ok(document);
        }
        if self.state().is_forgotten(&id) {
            return Err(Error::new("not-found").with("id", id));
        }
        let locations: Vec<Location> = self.state().document(&id).map(|(_, location)| location).collect();
        let mut payloads = Vec::with_capacity(locations.len());
        for location in locations {
            let opened = self.replica.read_payload(location).map_err(journal_error)?;
            if let Ok(Payload::Change(change)) = opened {
                payloads.push(change.bytes);
            }
        }
        Document::load(payloads.iter().map(Vec::as_slice)).map_err(|_| Error::new("not-found").with("id", id))
    }

    /// All documents, in the order in which the journal has their first changes.
    pub(super) fn documents_as_they_lie(&self) -> Vec<DocumentId> {
        let state = self.state();
        let mut ids: Vec<DocumentId> = state.documents().copied().collect();
        ids.sort_by_cached_key(|id| state.document(id).map(|(_, location)| location).next());
        ids
    }

    /// Reads some of these documents' changes, as far as they can be read.
    pub(super) fn next_batch(&mut self, ids: &mut impl Iterator<Item = DocumentId>) -> Batch {
        let (mut batch, mut bytes) = (Batch::new(), 0);
        while batch.len() < BATCH_DOCUMENTS
            && bytes < BATCH_BYTES
            && let Some(id) = ids.next()
        {
            let locations: Vec<Location> = self.state().document(&id).map(|(_, location)| location).collect();
            let payloads: Vec<Vec<u8>> =
                locations.into_iter().filter_map(|location| self.read_change(location)).collect();
            bytes += payloads.iter().map(Vec::len).sum::<usize>();
            batch.push((id, payloads));
        }
        batch
    }

    /// Makes the views of all documents, after the whole journal was read.
    pub(super) fn rebuild_views(&mut self) {
        let mut ids = self.documents_as_they_lie().into_iter();
        loop {
            let batch = self.next_batch(&mut ids);
            if batch.is_empty() {
                break;
            }
            self.update_documents(batch.into_iter().collect(), Vec::new());
        }
    }

    pub(super) fn read_change(&mut self, location: Location) -> Option<Vec<u8>> {
        match self.replica.read_payload(location) {
            Ok(Ok(Payload::Change(change))) => Some(change.bytes),
            _ => None,
        }
    }

    /// Brings documents and views up to date with changes that count now. The locations of these
    /// changes are noted already.
    pub(super) fn update_documents(
        &mut self,
        changes: BTreeMap<DocumentId, Vec<Vec<u8>>>,
        at_hand: Vec<(DocumentId, Document)>,
    ) {
        let mut at_hand: BTreeMap<DocumentId, Document> = at_hand.into_iter().collect();
        let (mut fresh, mut touched) = (Vec::new(), Vec::new());
        for (id, payloads) in changes {
            if let Some(document) = at_hand.remove(&id) {
                touched.push((id, document));
            } else if let Some(document) =
                self.loaded.pop(&id).and_then(|document| merged(document, &payloads))
            {
                touched.push((id, document));
            } else if self.state().document(&id).count() == payloads.len() {
                fresh.push((id, payloads));
            } else if let Ok(document) = self.take_document(id) {
                touched.push((id, document));
            }
        }
        // A few new documents are likely to be edited next; ten thousand are not.
        let few = fresh.len() < PARALLEL_FROM;
        let mut kept_loaded = HashSet::new();
        for (id, view) in views_of(&fresh) {
            self.set_view(id, &view);
            if few || is_internal(&view) {
                kept_loaded.insert(id);
            }
        }
        for (id, document) in touched {
            if let Ok(view) = document.view(id) {
                self.set_view(id, &view);
            }
            self.note_internal(id, &document);
            self.loaded.put(id, document);
        }
        for (id, payloads) in fresh {
            if kept_loaded.contains(&id)
                && let Ok(document) = Document::load(payloads.iter().map(Vec::as_slice))
            {
                self.note_internal(id, &document);
                self.loaded.put(id, document);
            }
        }
    }

    /// Reads documents again of which something was put into quarantine or taken out of it.
    pub(super) fn redraw(&mut self, ids: &BTreeSet<DocumentId>) {
        for id in ids {
            self.loaded.pop(id);
            self.dirty.any = true;
            self.forget_attachments(*id);
            if self.state().is_forgotten(id) {
                let blobs = blobs_of(self.view(*id));
                self.late.extend((!blobs.is_empty()).then_some((*id, blobs)));
            }
            let document = self.take_document(*id);
            if let Ok((document, view)) = document.and_then(|document| {
                let view = document.view(*id).map_err(|_| Error::new("not-found").with("id", id))?;
                Ok((document, view))
            }) {
                self.set_view(*id, &view);
                self.note_internal(*id, &document);
                self.loaded.put(*id, document);
            } else if self.views.remove(id).is_some() {
                self.dirty.views.insert(*id);
                self.events.push(StoreEvent::Item(*id));
            }
        }
    }

    fn set_view(&mut self, id: DocumentId, view: &ItemView) {
        self.views.insert(id, pack(view));
        self.note_attachments(view);
        self.dirty.views.insert(id);
        if !is_internal(view) {
            self.events.push(StoreEvent::Item(id));
        }
    }

    fn note_internal(&mut self, id: DocumentId, document: &Document) {
        match document.kind_name() {
            "settings" => self.settings.read(document),
            "import-batch" => self.batches.read(id, document),
            _ => {}
        }
    }

    /// Reads settings and import batches again, after the views came from the index.
    pub(super) fn read_internal_documents(&mut self) {
        let with_flag = |flag: u8| self.views.iter().filter(move |(_, packed)| has_flag(packed, flag));
        let with_attachments: Vec<ItemView> =
            with_flag(ATTACHMENTS).map(|(id, packed)| unpack(*id, packed)).collect();
        let internal: Vec<DocumentId> = with_flag(INTERNAL).map(|(id, _)| *id).collect();
        with_attachments.iter().for_each(|view| self.note_attachments(view));
        for id in internal {
            if let Ok(document) = self.take_document(id) {
                self.note_internal(id, &document);
            }
        }
    }

    /// All items that people may see, by id: neither internal documents nor undone imports.
    pub(super) fn items(&self) -> impl Iterator<Item = ItemView> {
        self.items_after(None)
    }

    /// Those with a greater id.
    pub(super) fn items_after(&self, id: Option<DocumentId>) -> impl Iterator<Item = ItemView> {
        self.views_after(id).filter(|(_, packed)| is_item(packed)).map(|(id, packed)| unpack(*id, packed))
    }

    /// Those in the trash, likewise.
    pub(super) fn trash_after(&self, id: Option<DocumentId>) -> impl Iterator<Item = ItemView> {
        self.views_after(id).filter(|(_, packed)| is_in_trash(packed)).map(|(id, packed)| unpack(*id, packed))
    }

    fn views_after(&self, id: Option<DocumentId>) -> impl Iterator<Item = (&DocumentId, &Box<[u8]>)> {
        self.views.range((id.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded))
    }
}

/// A document with these changes too; none when it refuses some and is to be loaded.
fn merged(mut document: Document, payloads: &[Vec<u8>]) -> Option<Document> {
    payloads.iter().all(|bytes| document.merge(bytes).is_ok()).then_some(document)
}

/// The views of documents, made on all cores; of what cannot be read there is none.
pub(super) fn views_of(documents: &[(DocumentId, Vec<Vec<u8>>)]) -> Vec<(DocumentId, ItemView)> {
    let build = |(id, payloads): &(DocumentId, Vec<Vec<u8>>)| {
        let document = Document::load(payloads.iter().map(Vec::as_slice));
        match document.and_then(|document| document.view(*id)) {
            Ok(view) => Some((*id, view)),
            Err(error) => {
                tracing::warn!(code = error.code(), document = id.short(), "a document cannot be read");
                None
            }
        }
    };
    if documents.len() < PARALLEL_FROM {
        return documents.iter().filter_map(build).collect();
    }
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let share = documents.len().div_ceil(cores);
    thread::scope(|scope| {
        let parts: Vec<_> = documents
            .chunks(share)
            .map(|part| scope.spawn(move || part.iter().filter_map(build).collect::<Vec<_>>()))
            .collect();
        parts.into_iter().flat_map(|part| part.join().expect("building views does not panic")).collect()
    })
}

fn is_internal(view: &ItemView) -> bool {
    musette_crdt::schema::kind(&view.kind).is_some_and(|kind| kind.internal)
}

// What an encoded view begins with, so that counting and starting decode few of them.
const ITEM: u8 = 1;
const INTERNAL: u8 = 2;
const ATTACHMENTS: u8 = 4;
const TRASH: u8 = 8;

fn pack(view: &ItemView) -> Box<[u8]> {
    let flag = |flag: u8, set: bool| if set { flag } else { 0 };
    let is_shown = !is_internal(view) && !view.undone;
    let flags = flag(ITEM, is_shown && !view.removed)
        | flag(TRASH, is_shown && view.removed)
        | flag(INTERNAL, is_internal(view))
        | flag(ATTACHMENTS, !view.attachments.is_empty());
    let head = vec![flags];
    postcard::to_extend(view, head).expect("postcard writes every view").into_boxed_slice()
}

fn unpack(id: DocumentId, packed: &[u8]) -> ItemView {
    let view = postcard::from_bytes(&packed[1..]);
    ItemView { id, ..view.expect("written by this version, sealed with a checksum") }
}

fn has_flag(packed: &[u8], flag: u8) -> bool {
    packed.first().is_some_and(|flags| flags & flag != 0)
}

/// Whether a packed view is an item: neither an internal document nor an undone import, and not in the
/// trash.
pub(super) fn is_item(packed: &[u8]) -> bool {
    has_flag(packed, ITEM)
}

/// Whether a packed view is an item in the trash.
pub(super) fn is_in_trash(packed: &[u8]) -> bool {
    has_flag(packed, TRASH)
}
