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
mod incoming;
pub(crate) mod read;
mod shape;
mod undo;
mod write;

use std::collections::HashSet;

use automerge::{
    ActorId, Automerge, AutomergeError, Change, ChangeHash, ROOT, ReadDoc, ScalarValue, Value as Stored,
    transaction::CommitOptions,
};
use musette_protocol::{id::DocumentId, time::Timestamp};

pub use edit::Edit;
pub use error::DocumentError;
pub use history::{FieldChange, HistoryEntry};
pub use import::ImportOutcome;
pub use undo::UndoOutcome;

use self::{
    creation::Creation, import::checked_values, incoming::Known, read::Reader, shape::Shape, write::Writer,
};
use crate::{
    schema::{Kind, Shape as FieldShape},
    value::Value,
    view::ItemView,
};

/// An item in full: its state and its history.
#[derive(Debug, Clone)]
pub struct Document {
    doc: Automerge,
    kind_name: String,
    kind: Option<&'static Kind>,
    /// What was already given to, or came from, change records.
    taken: Vec<ChangeHash>,
    /// Changes that came and do not fit yet ([`incoming`]).
    waiting: Vec<Change>,
    /// What the changes up to these heads hold, once something was merged: the next merge need not
    /// read them all again.
    known: Option<(Vec<ChangeHash>, Known)>,
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
        let (taken, waiting) = (Vec::new(), Vec::new());
        Ok(Self { doc, kind_name: kind.name.to_owned(), kind: Some(kind), taken, waiting, known: None })
    }

    /// A document from the payloads of its change records, in any order, repetitions allowed. What
    /// [`Document::merge`] would refuse is left out.
    ///
    /// # Errors
    /// When the first changes are not among them: [`DocumentError::Incomplete`], or why a payload was
    /// left out.
    pub fn load<'a>(changes: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, DocumentError> {
        let mut payloads = changes.into_iter().peekable();
        let whole = payloads.peek().copied().and_then(incoming::whole);
        let skipped = usize::from(whole.is_some());
        let (begun, mut known) = whole.unwrap_or_default();
        let (mut parsed, mut left_out) = (Vec::new(), DocumentError::Incomplete);
        for payload in payloads.skip(skipped) {
            match incoming::parse_changes(payload) {
                Ok(changes) => parsed.extend(changes),
                Err(error) => left_out = error,
            }
        }
        // Most have nothing to take in, and a copy of a document costs as much as reading it.
        let (doc, waiting) = match parsed.as_slice() {
            [] => (begun, parsed),
            _ => incoming::take_in(&begun, &mut known, parsed),
        };
        let kind_name = read_kind(&doc).ok_or(left_out)?;
        let kind = crate::items::kind(&kind_name);
        let taken = doc.get_heads();
        // Most documents are loaded to be looked at.
        Ok(Self { doc, kind_name, kind, taken, waiting, known: None })
    }

    /// Takes in the payload of a change record. True when anything became visible by it: changes
    /// wait for what they name, and those that name what cannot be wait for ever.
    ///
    /// # Errors
    /// When the payload is too long or is not changes, or when a change has the number and actor of
    /// another, or would be a second first one; the document is then as it was. Loading all payloads
    /// takes in what else this one holds.
    pub fn merge(&mut self, changes: &[u8]) -> Result<bool, DocumentError> {
        let mut changes = incoming::parse_changes(changes)?;
        let mut known = self.take_known();
        let mut seen: HashSet<ChangeHash> = self.waiting.iter().map(Change::hash).collect();
        changes.retain(|change| !known.has(change) && seen.insert(change.hash()));
        for (at, change) in changes.iter().enumerate() {
            let same = |other: &Change| other.actor_id() == change.actor_id() && other.seq() == change.seq();
            if known.has_rival(change) || self.waiting.iter().chain(&changes[..at]).any(same) {
                self.known = Some((self.doc.get_heads(), known));
                return Err(DocumentError::Malformed);
            }
        }
        let before = self.doc.get_heads();
        let pending = before != self.taken;
        let all = self.waiting.iter().cloned().chain(changes).collect();
        (self.doc, self.waiting) = incoming::take_in(&self.doc, &mut known, all);
        let after = self.doc.get_heads();
        self.known = Some((after.clone(), known));
        if pending {
            // What came in is in records already; what waits to be taken is not.
            self.taken.extend(after.iter().filter(|hash| !before.contains(hash)));
        } else {
            self.taken.clone_from(&after);
        }
        Ok(before != after)
    }

    fn take_known(&mut self) -> Known {
        let Some((heads, mut known)) = self.known.take() else { return Known::of(&self.doc) };
        known.learn(&self.doc.get_changes(&heads));
        known
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

    /// All that is in it as one payload; what waits is not.
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        self.doc.save()
    }

    /// One payload that may take the place of all that this document was loaded from; `None` where that
    /// would lose something. A change that waits for what it names is in no snapshot, and what it names may
    /// still come. The payload was loaded again and compared.
    #[must_use]
    pub fn snapshot(&self, id: DocumentId) -> Option<Vec<u8>> {
        let snapshot = self.save();
        let again = Self::load([snapshot.as_slice()]).ok()?;
        let is_same = self.waiting.is_empty()
            && again.heads() == self.heads()
            && again.view(id).ok() == self.view(id).ok();
        is_same.then_some(snapshot)
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
        let mut actor = hand.actor;
        // Of two changes of one actor and number one is left out: it may be this one.
        while self.waiting.iter().any(|change| *change.actor_id() == ActorId::from(actor)) {
            blake3::Hasher::new().update(&actor).finalize_xof().fill(&mut actor);
        }
        self.doc.set_actor(ActorId::from(actor));
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

#[cfg(test)]
mod tests;
