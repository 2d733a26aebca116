//! One item: an Automerge document of a fixed layout.
//!
//! 1. [`Document::create`] and [`Document::create_imported`] start from the shape of the kind.
//! 2. [`Document::load`] and [`Document::merge`] take in what change records hold.
//! 3. [`Document::edit`], [`Document::apply_import`], [`Document::undo_import`] and
//!    [`Document::attach`] change it; [`Document::take_changes`] then gives the bytes of the next
//!    change record.
//! 4. [`Document::view`] and [`Document::history`] show it.
//!
//! Who wrote what is told by the message of a change, which is the short id of a device, possibly
//! after `undo `. Changes without message are derived from their content alone: shapes and imports.
//!
//! Not promised: a bound on memory while decoding. A payload is bounded, but it is compressed; it
//! comes from the person's own devices only.

mod creation;
mod data;
mod edit;
mod error;
mod history;
mod import;
pub(crate) mod read;
mod shape;
mod undo;
mod write;

use std::{
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
};

use automerge::{
    ActorId, Automerge, AutomergeError, Change, ChangeHash, LoadOptions, OnPartialLoad, ROOT, ReadDoc,
    ScalarValue, Value as Stored, transaction::CommitOptions,
};
use musette_protocol::{id::DocumentId, time::Timestamp};

pub use edit::Edit;
pub use error::DocumentError;
pub use history::{FieldChange, HistoryEntry};
pub use import::ImportOutcome;
pub use undo::UndoOutcome;

use self::{creation::Creation, import::checked_values, read::Reader, shape::Shape, write::Writer};
use crate::{
    limits::MAX_CHANGES_BYTES,
    schema::{Kind, Shape as FieldShape},
    value::Value,
    view::ItemView,
};

/// The byte of a chunk that tells its type, after magic and checksum; see
/// <https://automerge.org/automerge-binary-format-spec/>.
const CHUNK_TYPE_OFFSET: usize = 8;

/// Where a chunk has its checksum: the first bytes of the hash of its change.
const CHECKSUM: Range<usize> = 4..8;

/// The type of the chunk that holds a whole document.
const DOCUMENT_CHUNK: u8 = 0;

/// An item in full: its state and its history.
#[derive(Debug, Clone)]
pub struct Document {
    doc: Automerge,
    kind_name: String,
    kind: Option<&'static Kind>,
    /// What was already given to, or came from, change records.
    taken: Vec<ChangeHash>,
}

/// Who writes by hand, and when.
#[derive(Debug, Clone, Copy)]
struct Hand<'a> {
    now: Timestamp,
    device: &'a str,
    actor: [u8; 16],
}

impl Hand<'_> {
    fn message(&self, prefix: &str) -> String {
        format!("{prefix}{}", self.device)
    }

    fn options(&self, prefix: &str) -> CommitOptions {
        CommitOptions::default().with_message(self.message(prefix)).with_time(self.now.as_millis())
    }
}

impl Document {
    /// A new item written by hand; it keeps the legal labels of its kind beside its own. `actor` is random, drawn for this opening; `device` is the short
    /// id of the device.
    ///
    /// # Errors
    /// When a field is not one of the kind or its value does not fit.
    pub fn create(
        kind: &'static Kind,
        fields: &[(String, Value)],
        created: Timestamp,
        device: &str,
        actor: [u8; 16],
    ) -> Result<Self, DocumentError> {
        let hand = Hand { now: created, device, actor };
        let shape = Shape::of(kind);
        let mut creation = Creation::new(&shape, actor);
        creation.root("created", ScalarValue::Timestamp(created.as_millis()));
        creation.entry("provenance", "type", "declared".into());
        for (name, value) in checked_values(kind, fields)? {
            creation.field(name, value);
        }
        let change = creation.change(created.as_millis(), Some(hand.message("")));
        Self::from_creation(kind, &shape, change)
    }

    fn from_creation(kind: &'static Kind, shape: &Shape, change: Change) -> Result<Self, DocumentError> {
        let doc = creation::document(shape, change)?;
        Ok(Self { doc, kind_name: kind.name.to_owned(), kind: Some(kind), taken: Vec::new() })
    }

    /// A document from the payloads of its change records, in any order, repetitions allowed.
    ///
    /// # Errors
    /// When a payload is too long or is not changes of a document, or when the first changes are
    /// not among them.
    pub fn load<'a>(changes: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, DocumentError> {
        let mut payloads: Vec<&[u8]> = changes.into_iter().collect();
        for payload in &payloads {
            check_size(payload)?;
        }
        // A whole document first: it is read at once, and what follows builds on it.
        payloads.sort_by_key(|payload| payload.get(CHUNK_TYPE_OFFSET) != Some(&DOCUMENT_CHUNK));
        let bytes = payloads.concat();
        if bytes.is_empty() {
            return Err(DocumentError::Incomplete);
        }
        let options = LoadOptions::new().on_partial_load(OnPartialLoad::Error);
        let doc = match contain(|| Automerge::load_with_options(&bytes, options)) {
            Err(DocumentError::Malformed) => load_in_turn(&payloads)?,
            loaded => loaded?,
        };
        let kind_name = read_kind(&doc).ok_or(DocumentError::Malformed)?;
        let kind = crate::items::kind(&kind_name);
        let taken = doc.get_heads();
        Ok(Self { doc, kind_name, kind, taken })
    }

    /// Takes in the payload of a change record. True when anything became visible by it: changes
    /// whose predecessors are missing wait for them.
    ///
    /// # Errors
    /// When the payload is too long or is not changes; the document is then as it was.
    pub fn merge(&mut self, changes: &[u8]) -> Result<bool, DocumentError> {
        check_size(changes)?;
        // `load_incremental` swallows a damaged tail, so the payload is checked by itself first.
        let parsed = parse_changes(changes)?;
        let before = self.doc.get_heads();
        let pending = before != self.taken;
        // On a copy: a malformed change must not leave half of itself behind.
        let mut doc = self.doc.clone();
        contain(|| doc.apply_changes(parsed))?;
        let after = doc.get_heads();
        if read_kind(&doc).as_deref() != Some(self.kind_name.as_str()) {
            return Err(DocumentError::Malformed);
        }
        self.doc = doc;
        if pending {
            // What came in is in records already; what waits to be taken is not.
            self.taken.extend(after.iter().filter(|hash| !before.contains(hash)));
        } else {
            self.taken.clone_from(&after);
        }
        Ok(before != after)
    }

    /// The payload of the next change record: everything since the document was created or loaded,
    /// or since this was last asked. Empty when there is nothing.
    #[must_use]
    pub fn take_changes(&mut self) -> Vec<u8> {
        let heads = self.doc.get_heads();
        if heads == self.taken {
            return Vec::new();
        }
        let bytes = if self.taken.is_empty() { self.doc.save() } else { self.doc.save_after(&self.taken) };
        self.taken = heads;
        bytes
    }

    /// The whole document as one payload, for a snapshot.
    ///
    /// Load it and compare before anything relies on it: of changes that a device spelt as no honest
    /// one does, the engine keeps the meaning and not the bytes, and the whole then does not load.
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        self.doc.save()
    }

    /// The newest changes: two documents with the same heads are the same.
    #[must_use]
    pub fn heads(&self) -> Vec<[u8; 32]> {
        self.doc.get_heads().into_iter().map(|hash| hash.0).collect()
    }

    /// The name of its kind, which may be one that only a newer version knows.
    #[must_use]
    pub fn kind_name(&self) -> &str {
        &self.kind_name
    }

    /// What a person sees of it.
    ///
    /// # Errors
    /// None at present: a document that loaded can be shown.
    pub fn view(&self, id: DocumentId) -> Result<ItemView, DocumentError> {
        Ok(crate::view::build(self, id))
    }

    pub(crate) fn reader(&self) -> Reader<'_> {
        Reader::now(&self.doc, self.kind)
    }

    fn known_kind(&self) -> Result<&'static Kind, DocumentError> {
        self.kind.ok_or_else(|| DocumentError::UnknownKind(self.kind_name.clone()))
    }

    /// Whether an undone import hides this item. Somebody who edits it by hand, after or without
    /// having seen the undoing, wants it: then it does not.
    pub(crate) fn is_undone(&self) -> bool {
        let found = self.reader().all(&ROOT, "undone");
        let restored = |value: &Stored<'_>| value.as_bool() == Some(false);
        if found.is_empty() || found.iter().any(|(value, _)| restored(value)) {
            return false;
        }
        let undoings: Vec<_> = found.iter().filter_map(|(_, id)| self.doc.hash_for_opid(id)).collect();
        let unseen = self.doc.get_changes_meta(&undoings);
        !unseen.iter().any(|change| is_by_hand(change.message.as_deref()))
    }

    /// One change written by hand, or none when nothing differs.
    fn commit_hand(
        &mut self,
        hand: Hand<'_>,
        prefix: &str,
        write: impl FnOnce(&mut Writer<'_, '_>) -> Result<(), AutomergeError>,
    ) -> Result<(), DocumentError> {
        self.doc.set_actor(ActorId::from(hand.actor));
        let mut tx = self.doc.transaction();
        match Writer::new(&mut tx).and_then(|mut writer| write(&mut writer)) {
            Ok(()) => {
                tx.commit_with(hand.options(prefix));
                Ok(())
            }
            Err(error) => {
                tx.rollback();
                Err(error.into())
            }
        }
    }
}

/// What comes before the device in the message of a change that undoes an import.
const UNDO_PREFIX: &str = "undo ";

/// Whether a change with this message is an edit by a person: neither derived nor an undoing.
fn is_by_hand(message: Option<&str>) -> bool {
    message.is_some_and(|message| !message.starts_with(UNDO_PREFIX))
}

fn is_list(kind: &Kind, name: &str) -> bool {
    kind.field(name).is_some_and(|field| field.shape == FieldShape::List)
}

fn read_kind(doc: &Automerge) -> Option<String> {
    match doc.get(ROOT, "kind").ok().flatten()?.0 {
        Stored::Scalar(scalar) => scalar.as_str().map(str::to_owned),
        Stored::Object(_) => None,
    }
}

fn check_size(payload: &[u8]) -> Result<(), DocumentError> {
    if payload.len() <= MAX_CHANGES_BYTES {
        return Ok(());
    }
    Err(DocumentError::TooLarge { bytes: payload.len(), limit: MAX_CHANGES_BYTES })
}

/// Every change in a payload.
fn parse_changes(payload: &[u8]) -> Result<Vec<Change>, DocumentError> {
    let mut changes = Vec::new();
    for chunk in chunks(payload)? {
        if chunk[CHUNK_TYPE_OFFSET] == DOCUMENT_CHUNK {
            changes.extend(contain(|| Ok(Automerge::load(chunk)?.get_changes(&[])))?);
        } else {
            let change = contain(|| Change::try_from(chunk).map_err(AutomergeError::from))?;
            // The engine does not compare the checksum of a change that is read by itself.
            if change.hash().0[..CHECKSUM.len()] != chunk[CHECKSUM] {
                return Err(DocumentError::Malformed);
            }
            changes.push(change);
        }
    }
    Ok(changes)
}

/// Takes changes in one after the other, each once all that it builds on is there, and leaves out what
/// the engine refuses then or what waits. Whoever means harm can have a change wait under a number of
/// somebody else's actor: the engine takes each of the two, and loads both together never again.
fn load_in_turn(payloads: &[&[u8]]) -> Result<Automerge, DocumentError> {
    let mut waiting = Vec::new();
    for payload in payloads {
        waiting.extend(parse_changes(payload)?);
    }
    let mut doc = Automerge::new();
    loop {
        let before = waiting.len();
        let is_ready =
            |change: &Change| change.deps().iter().all(|dep| doc.get_change_by_hash(dep).is_some());
        let (ready, rest): (Vec<Change>, Vec<Change>) = waiting.into_iter().partition(is_ready);
        for change in ready {
            let mut with = doc.clone();
            if contain(|| with.apply_changes([change])).is_ok() {
                doc = with;
            }
        }
        waiting = rest;
        if waiting.len() == before {
            return Ok(doc);
        }
    }
}

/// Splits a payload into its chunks, each: magic (4 bytes), checksum (4), type (1), length
/// (LEB128), contents.
fn chunks(payload: &[u8]) -> Result<Vec<&[u8]>, DocumentError> {
    let mut chunks = Vec::new();
    let mut rest = payload;
    while !rest.is_empty() {
        let mut len: usize = 0;
        let mut end = CHUNK_TYPE_OFFSET + 1;
        for shift in (0..35).step_by(7) {
            let byte = *rest.get(end).ok_or(DocumentError::Malformed)?;
            len |= usize::from(byte & 0x7f) << shift;
            end += 1;
            if byte < 0x80 {
                break;
            }
        }
        let end = end.checked_add(len).ok_or(DocumentError::Malformed)?;
        let (chunk, after) = rest.split_at_checked(end).ok_or(DocumentError::Malformed)?;
        chunks.push(chunk);
        rest = after;
    }
    Ok(chunks)
}

/// Lets the engine read foreign bytes, and makes its panics errors: automerge 0.12 unwraps what a
/// malformed change with a right checksum makes wrong (`BatchApply::apply`, on an actor index out
/// of range). Whatever it was working on is dropped by the caller.
fn contain<T>(read: impl FnOnce() -> Result<T, AutomergeError>) -> Result<T, DocumentError> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(AutomergeError::MissingDeps)) => Err(DocumentError::Incomplete),
        Ok(Err(_)) | Err(_) => Err(DocumentError::Malformed),
    }
}

#[cfg(test)]
mod tests;
