//! The documents that a device shows.
//!
//! Reading documents is most of what a run costs, and what comes of it is a function of the changes
//! and of the order in which they counted. So what was read once is kept for all devices of the run
//! ([`Memo`]), by the list of records: a list of which one is missing, or comes later, is read for
//! itself. A document whose snapshot has not come yet shows nothing. What a device writes into is its own copy, which no other device sees, and in the end
//! each document is read once more from its records alone.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap},
    rc::Rc,
};

use musette_crdt::{
    document::{Document, DocumentError},
    view::ItemView,
};
use musette_protocol::id::{BlobId, DocumentId, RecordId};

use crate::check::{Check, Violation};

/// Documents that a device keeps open for writing; few, so that others are read from their records.
const MAX_OPEN: usize = 6;

/// All that a device shows.
pub type Views = BTreeMap<DocumentId, Rc<ItemView>>;

/// A list of records, as the memo names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct List(usize);

/// The list of no record.
const NOTHING: List = List(0);

#[derive(Debug, Default)]
struct Read {
    document: Option<Document>,
    view: Option<Rc<ItemView>>,
}

#[derive(Debug, Default)]
struct Shelf {
    longer: HashMap<(List, RecordId), List>,
    read: BTreeMap<List, Read>,
    kinds: HashMap<DocumentId, &'static str>,
}

/// What was read in this run, by the list of records that it was read from.
#[derive(Debug, Clone, Default)]
pub struct Memo(Rc<RefCell<Shelf>>);

impl Memo {
    fn list(&self, shorter: List, record: RecordId) -> List {
        let mut shelf = self.0.borrow_mut();
        let next = List(shelf.longer.len() + 1);
        *shelf.longer.entry((shorter, record)).or_insert(next)
    }

    /// Reads a document from the longest list that was read before; `None` while what others build on
    /// is missing.
    fn read(&self, stored: &Stored) -> Result<Option<Document>, Violation> {
        let mut shelf = self.0.borrow_mut();
        let found = stored
            .lists
            .iter()
            .rposition(|list| shelf.read.get(list).is_some_and(|read| read.document.is_some()));
        if let Some(place) = found.filter(|place| place + 1 == stored.lists.len()) {
            let document = shelf.read[&stored.lists[place]].document.clone();
            return Ok(document);
        }
        let document = match found {
            Some(place) => {
                let known = shelf.read[&stored.lists[place]].document.clone();
                Some(merged(known.expect("found just now"), &stored.changes[place + 1..])?)
            }
            None => stored.load(),
        };
        shelf.read.entry(stored.list()).or_default().document.clone_from(&document);
        Ok(document)
    }

    fn view(&self, id: DocumentId, stored: &Stored) -> Result<Option<Rc<ItemView>>, Violation> {
        let known = self.0.borrow().read.get(&stored.list()).and_then(|read| read.view.clone());
        if known.is_some() {
            return Ok(known);
        }
        let Some(document) = self.read(stored)? else { return Ok(None) };
        let view = Rc::new(view(&document, id)?);
        self.0.borrow_mut().read.entry(stored.list()).or_default().view = Some(Rc::clone(&view));
        Ok(Some(view))
    }
}

/// The changes of one document, in the order in which they counted.
#[derive(Debug, Default)]
struct Stored {
    changes: Vec<Rc<[u8]>>,
    records: Vec<RecordId>,
    /// The list up to each of them.
    lists: Vec<List>,
}

impl Stored {
    fn list(&self) -> List {
        self.lists.last().copied().unwrap_or(NOTHING)
    }

    /// The document, if its first changes are there.
    fn load(&self) -> Option<Document> {
        Document::load(self.changes.iter().map(|change| &**change)).ok()
    }

    /// Adds a change at the end.
    fn push(&mut self, memo: &Memo, record: RecordId, change: Rc<[u8]>) {
        self.lists.push(memo.list(self.list(), record));
        self.records.push(record);
        self.changes.push(change);
    }
}

/// A device's own copy of a document.
#[derive(Debug)]
struct Open {
    document: Document,
    /// How many of the changes it holds.
    changes: usize,
}

/// The documents of one device.
#[derive(Debug)]
pub struct Documents {
    memo: Memo,
    stored: BTreeMap<DocumentId, Stored>,
    open: BTreeMap<DocumentId, Open>,
    /// What was attached to documents that cannot be read from their records any more: what took the place
    /// of some that went has not come.
    attached: BTreeMap<DocumentId, BTreeSet<BlobId>>,
}

impl Documents {
    /// No document.
    #[must_use]
    pub const fn new(memo: Memo) -> Self {
        Self { memo, stored: BTreeMap::new(), open: BTreeMap::new(), attached: BTreeMap::new() }
    }

    /// What is remembered of them all.
    #[must_use]
    pub fn memo(&self) -> Memo {
        self.memo.clone()
    }

    /// Forgets all, as a device does that stops.
    pub fn clear(&mut self) {
        self.stored.clear();
        self.open.clear();
        self.attached.clear();
    }

    /// Takes in a change that counts.
    pub fn push(&mut self, id: DocumentId, record: RecordId, change: &[u8]) {
        self.stored.entry(id).or_default().push(&self.memo, record, change.into());
    }

    /// Takes in anew what counts of a document, after something was put into quarantine or taken out.
    pub fn replace(&mut self, id: DocumentId, changes: Vec<(RecordId, Vec<u8>)>) {
        self.stored.remove(&id);
        self.open.remove(&id);
        self.attached.remove(&id);
        for (record, change) in changes {
            self.push(id, record, &change);
        }
    }

    /// Takes out changes that were dropped.
    ///
    /// # Errors
    /// When a document cannot be merged.
    pub fn remove(&mut self, dropped: &BTreeSet<RecordId>) -> Result<(), Violation> {
        let has_some = |stored: &Stored| stored.records.iter().any(|record| dropped.contains(record));
        let ids: Vec<_> =
            self.stored.iter().filter(|(_, stored)| has_some(stored)).map(|(id, _)| *id).collect();
        for id in ids {
            let attached = self.attachments(id)?;
            let Some(stored) = self.stored.get_mut(&id) else { continue };
            let Stored { changes, records, .. } = std::mem::take(stored);
            let before = records.len();
            for (record, change) in records.into_iter().zip(changes) {
                if !dropped.contains(&record) {
                    stored.push(&self.memo, record, change);
                }
            }
            // The own copy goes on if it holds all that is gone.
            match self.open.get_mut(&id) {
                Some(open) if open.changes == before => open.changes = stored.changes.len(),
                _ => drop(self.open.remove(&id)),
            }
            if !attached.is_empty() && stored.load().is_none() {
                self.attached.insert(id, attached);
            }
        }
        self.stored.retain(|_, stored| !stored.records.is_empty());
        Ok(())
    }

    /// What is attached to a document, or was when it could last be read.
    ///
    /// # Errors
    /// When it cannot be merged.
    pub fn attachments(&mut self, id: DocumentId) -> Result<BTreeSet<BlobId>, Violation> {
        let view = self.view(id)?;
        let shown = view.map(|view| view.attachments.iter().map(|attachment| attachment.id).collect());
        Ok(shown.unwrap_or_else(|| self.attached.get(&id).cloned().unwrap_or_default()))
    }

    /// What was attached to documents that cannot be read from their records.
    pub fn attached_before(&self) -> impl Iterator<Item = &BlobId> {
        self.attached.values().flatten()
    }

    /// What may take the place of all changes of a document, after it was loaded again and compared;
    /// `None` when it cannot.
    ///
    /// # Errors
    /// When the document cannot be read.
    pub fn snapshot(&mut self, id: DocumentId) -> Result<Option<Vec<u8>>, Violation> {
        let Some(document) = self.take_out(id)? else { return Ok(None) };
        let snapshot = document.snapshot(id);
        self.put_back(id, document);
        Ok(snapshot)
    }

    /// The same by somebody who forgets the last change, and does not compare.
    #[must_use]
    pub fn lossy_snapshot(&self, id: DocumentId) -> Option<Vec<u8>> {
        let changes = &self.stored.get(&id)?.changes;
        let but_last = changes.iter().take(changes.len() - 1).map(|change| &**change);
        Document::load(but_last).ok()?.snapshot(id)
    }

    /// Whether a change was taken in.
    #[must_use]
    pub fn has(&self, id: DocumentId, record: &RecordId) -> bool {
        self.stored.get(&id).is_some_and(|stored| stored.records.contains(record))
    }

    /// Whether something of a document was taken in.
    #[must_use]
    pub fn is_stored(&self, id: DocumentId) -> bool {
        self.stored.contains_key(&id)
    }

    /// Takes a document out, to be written into, if it can be read yet. It is read again unless
    /// [`Documents::put_back`].
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn take_out(&mut self, id: DocumentId) -> Result<Option<Document>, Violation> {
        let Some(stored) = self.stored.get(&id) else { return Ok(None) };
        match self.open.remove(&id) {
            Some(open) => merged(open.document, &stored.changes[open.changes..]).map(Some),
            None => self.memo.read(stored),
        }
    }

    /// Keeps a document open whose last change was written, and counts. Whoever comes to the same
    /// list need not read it.
    pub fn put_back(&mut self, id: DocumentId, document: Document) {
        let Some(stored) = self.stored.get(&id) else { return };
        let changes = stored.changes.len();
        self.memo.0.borrow_mut().read.entry(stored.list()).or_default().document = Some(document.clone());
        self.open.insert(id, Open { document, changes });
        while self.open.len() > MAX_OPEN {
            self.open.pop_first();
        }
    }

    /// Notes the kind of a new document: it never changes.
    pub fn note_kind(&self, id: DocumentId, kind: &'static str) {
        self.memo.0.borrow_mut().kinds.insert(id, kind);
    }

    /// The kind of a document, if it is known here.
    #[must_use]
    pub fn kind(&self, id: DocumentId) -> Option<&'static str> {
        self.stored.get(&id)?;
        self.memo.0.borrow().kinds.get(&id).copied()
    }

    /// The documents that people see, and their kinds.
    #[must_use]
    pub fn known(&self) -> Vec<(DocumentId, &'static str)> {
        self.stored.keys().filter_map(|id| Some((*id, self.kind(*id)?))).collect()
    }

    /// What a document shows, if there is one that can be read yet.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn view(&mut self, id: DocumentId) -> Result<Option<Rc<ItemView>>, Violation> {
        let Some(stored) = self.stored.get(&id) else { return Ok(None) };
        let Some(open) = self.open.get_mut(&id) else { return self.memo.view(id, stored) };
        if open.changes < stored.changes.len() {
            open.document = merged(open.document.clone(), &stored.changes[open.changes..])?;
            open.changes = stored.changes.len();
        }
        Ok(Some(Rc::new(view(&open.document, id)?)))
    }

    /// Whether there is a document that cannot be read.
    ///
    /// # Errors
    /// When one holds what cannot be merged.
    pub fn has_unreadable(&mut self, is_excused: impl Fn(&DocumentId) -> bool) -> Result<bool, Violation> {
        let views = self.views()?;
        Ok(self.stored.keys().any(|id| !views.contains_key(id) && !is_excused(id)))
    }

    /// What all documents show that can be read.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn views(&mut self) -> Result<Views, Violation> {
        let ids: Vec<DocumentId> = self.stored.keys().copied().collect();
        let shown = ids.into_iter().map(|id| Ok(self.view(id)?.map(|view| (id, view))));
        shown.filter_map(Result::transpose).collect()
    }

    /// What a document would show if the device had just started: read from its records, and from
    /// nothing that was read before.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn view_from_records(&self, id: DocumentId) -> Result<Option<ItemView>, Violation> {
        self.stored.get(&id).and_then(Stored::load).map(|document| view(&document, id)).transpose()
    }
}

fn merged(mut document: Document, changes: &[Rc<[u8]>]) -> Result<Document, Violation> {
    for change in changes {
        document.merge(change).map_err(|error| unreadable(&error))?;
    }
    Ok(document)
}

fn view(document: &Document, id: DocumentId) -> Result<ItemView, Violation> {
    document.view(id).map_err(|error| unreadable(&error))
}

/// What a document that cannot be read shows.
#[must_use]
pub fn unreadable(error: &DocumentError) -> Violation {
    Violation::new(Check::Agreement, format!("a document: {error}"))
}
