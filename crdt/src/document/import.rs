//! Items that come from a file, and come again.
//!
//! The same row may be imported on two devices before they meet, and again a year later from a
//! newer export. So the change that an import makes is a function of the document and the row
//! alone: no clock, no random actor. Its actor is a hash of the change itself:
//!
//! 1. write the change on a copy, under an actor of zeros, at time 0, without message;
//! 2. the actor is derived from the hash of that change, so from its operations and dependencies;
//! 3. write the same again under that actor.
//!
//! An actor must never have two different first changes: documents that hold one refuse the other.
//! Hashing the operations themselves, not the row, keeps that true even when a later version of
//! this program writes the same row by other operations.
//!
//! Beside each imported field stands a short hash of what was imported. A field whose value still
//! has that hash was not touched by hand, and a newer row may change it; otherwise the hand wins.

use std::collections::{BTreeMap, BTreeSet};

use automerge::{
    ActorId, Automerge, AutomergeError, Change, ChangeHash, ROOT, ScalarValue, Value as Stored,
    transaction::{CommitOptions, Transactable},
};

use super::{
    Document, DocumentError,
    creation::Creation,
    is_list,
    read::{ROOT_FIELDS, Reader},
    shape::Shape,
    write::{self, Writer},
};
use crate::{
    imported::ImportedRow,
    schema::{Kind, check_field},
    value::Value,
};

/// The context under which the actor of an import is derived.
const ACTOR_CONTEXT: &str = "musette 1 import change actor";

/// The actor that a change is written under before its own is known.
const PLACEHOLDER_ACTOR: [u8; 16] = [0; 16];

/// The length of the hash of an imported value. It only tells a value from the one before.
const HASH_BYTES: usize = 8;

/// What importing a row did to an item that was there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportOutcome {
    /// The row says what it said before.
    Unchanged,
    /// Some fields follow the row.
    Changed {
        /// These fields.
        fields: Vec<String>,
        /// Fields that the row changed too, but that a person edited: the edit stays.
        kept: Vec<String>,
        /// The change, by which it can be undone.
        change: [u8; 32],
    },
    /// The row changed only fields that a person edited: the edits stay.
    Kept {
        /// These fields.
        fields: Vec<String>,
    },
    /// The item was undone before and is back.
    Restored {
        /// The change, by which it can be undone.
        change: [u8; 32],
    },
}

pub(super) type ValueHash = [u8; HASH_BYTES];

/// What an import writes of one field.
struct Step<'a> {
    name: &'a str,
    action: Action<'a>,
    hash: Option<ValueHash>,
}

enum Action<'a> {
    Set(Option<&'a Value>),
    Add(&'a [String]),
    /// A person edited it: only what the row says is remembered.
    Keep,
}

impl Document {
    /// A new item from a row: the same bytes wherever the same row is imported.
    ///
    /// # Errors
    /// When a field is not one of the kind or its value does not fit.
    pub fn create_imported(row: &ImportedRow) -> Result<Self, DocumentError> {
        let values = checked_values(row.kind, &row.fields)?;
        let shape = Shape::of(row.kind);
        let draft = creation(&shape, row, &values, PLACEHOLDER_ACTOR);
        let change = creation(&shape, row, &values, derived_actor(draft.hash()));
        Self::from_creation(row.kind, &shape, change)
    }

    /// Takes in a row about an item that is there.
    ///
    /// # Errors
    /// When the row is of another kind, a field is not one of the kind, or its value does not fit.
    pub fn apply_import(&mut self, row: &ImportedRow) -> Result<ImportOutcome, DocumentError> {
        if row.kind.name != self.kind_name {
            let (item, row) = (self.kind_name.clone(), row.kind.name.to_owned());
            return Err(DocumentError::OtherKind { item, row });
        }
        let values = checked_values(row.kind, &row.fields)?;
        let restore = self.is_undone();
        let stored = imported_hashes(self.reader());
        let (mut steps, mut changed, mut kept) = (Vec::new(), Vec::new(), Vec::new());
        let names: BTreeSet<&str> = stored.keys().map(String::as_str).chain(values.keys().copied()).collect();
        for name in names {
            let none = BTreeSet::new();
            let before = stored.get(name).unwrap_or(&none);
            let Some(step) = self.step(name, values.get(name).copied(), before) else { continue };
            match step.action {
                Action::Keep => kept.push(name.to_owned()),
                _ => changed.push(name.to_owned()),
            }
            steps.push(step);
        }
        if steps.is_empty() && !restore {
            return Ok(ImportOutcome::Unchanged);
        }
        Shape::of(row.kind).complete(&mut self.doc)?;
        let change = self.commit_derived(|writer| {
            if restore {
                writer.tx.put(ROOT, "undone", false)?;
            }
            write_steps(writer, row, &steps)
        })?;
        Ok(match change {
            None => ImportOutcome::Unchanged,
            Some(change) if restore => ImportOutcome::Restored { change: change.0 },
            Some(_) if changed.is_empty() => ImportOutcome::Kept { fields: kept },
            Some(change) => ImportOutcome::Changed { fields: changed, kept, change: change.0 },
        })
    }

    /// What to do about one field; nothing when the row says what is there, or what it said before.
    fn step<'a>(
        &self,
        name: &'a str,
        value: Option<&'a Value>,
        before: &BTreeSet<ValueHash>,
    ) -> Option<Step<'a>> {
        let hash = value.map(value_hash);
        if before.len() == 1 && hash.is_some_and(|hash| before.contains(&hash)) {
            return None;
        }
        if is_common_list(name) {
            let entries = value.and_then(Value::as_list)?;
            return Some(Step { name, action: Action::Add(entries), hash });
        }
        let current: BTreeSet<_> = self.reader().field(name).iter().map(value_hash).collect();
        if current.iter().eq(hash.iter()) {
            return None;
        }
        let emptied_by_hand = current.is_empty() && !before.is_empty();
        let action =
            if current.is_subset(before) && !emptied_by_hand { Action::Set(value) } else { Action::Keep };
        Some(Step { name, action, hash })
    }

    /// One change that depends on nothing but its own contents; none when nothing differs.
    fn commit_derived(
        &mut self,
        write: impl Fn(&mut Writer<'_, '_>) -> Result<(), AutomergeError>,
    ) -> Result<Option<ChangeHash>, DocumentError> {
        let mut draft = self.doc.clone();
        let Some(hash) = commit_as(&mut draft, PLACEHOLDER_ACTOR, &write)? else {
            return Ok(None);
        };
        Ok(commit_as(&mut self.doc, derived_actor(hash), &write)?)
    }
}

/// The change that creates an item from a row.
fn creation(shape: &Shape, row: &ImportedRow, values: &BTreeMap<&str, &Value>, actor: [u8; 16]) -> Change {
    let mut creation = Creation::new(shape, actor);
    creation.entry("provenance", "type", "imported".into());
    creation.entry("provenance", "source", row.source.into());
    creation.entry("provenance", "key", row.stable_key.as_str().into());
    for (name, value) in values {
        creation.field(name, value);
        creation.entry("imported", name, ScalarValue::Bytes(value_hash(value).to_vec()));
    }
    creation.change(0, None)
}

/// The actor of the change that has this hash under the placeholder.
fn derived_actor(draft: ChangeHash) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new_derive_key(ACTOR_CONTEXT);
    hasher.update(&draft.0);
    let mut actor = [0; 16];
    hasher.finalize_xof().fill(&mut actor);
    actor
}

fn commit_as(
    doc: &mut Automerge,
    actor: [u8; 16],
    write: impl Fn(&mut Writer<'_, '_>) -> Result<(), AutomergeError>,
) -> Result<Option<ChangeHash>, AutomergeError> {
    doc.set_actor(ActorId::from(actor));
    let mut tx = doc.transaction();
    match Writer::new(&mut tx).and_then(|mut writer| write(&mut writer)) {
        Ok(()) => Ok(tx.commit_with(CommitOptions::default().with_time(0)).0),
        Err(error) => {
            tx.rollback();
            Err(error)
        }
    }
}

fn write_steps(
    writer: &mut Writer<'_, '_>,
    row: &ImportedRow,
    steps: &[Step<'_>],
) -> Result<(), AutomergeError> {
    let imported = write::object(writer.tx, &ROOT, "imported")?;
    for step in steps {
        match step.action {
            Action::Set(value) => writer.set(step.name, value, is_list(row.kind, step.name))?,
            Action::Add(entries) => writer.add(step.name, entries)?,
            Action::Keep => {}
        }
        match step.hash {
            Some(hash) => writer.tx.put(&imported, step.name, hash.to_vec())?,
            None => writer.tx.delete(&imported, step.name)?,
        }
    }
    Ok(())
}

/// The fields that say something, sorted by name so that the order of columns in a file does not
/// matter. The last of a name counts.
pub(super) fn checked_values<'a>(
    kind: &Kind,
    fields: &'a [(String, Value)],
) -> Result<BTreeMap<&'a str, &'a Value>, DocumentError> {
    let mut values = BTreeMap::new();
    for (name, value) in fields {
        check_field(kind, name, value)?;
        values.insert(name.as_str(), value);
    }
    values.retain(|_, value| !value.is_empty());
    Ok(values)
}

/// Lists that every kind has are shared between the row and the person: a row only adds to them.
fn is_common_list(name: &str) -> bool {
    ROOT_FIELDS.contains(&name) && !matches!(name, "sensitivity" | "archived" | "removed" | "undone")
}

/// What was last imported into each field, by hash. More than one when two devices imported
/// different versions of a row.
pub(super) fn imported_hashes(reader: Reader<'_>) -> BTreeMap<String, BTreeSet<ValueHash>> {
    let Some(map) = reader.object(&ROOT, "imported") else { return BTreeMap::new() };
    let entries = reader.entries(&map).into_iter();
    entries
        .map(|(name, ..)| {
            let all = reader.all(&map, &name);
            let hashes = all.iter().filter_map(|(value, _)| to_hash(value)).collect();
            (name, hashes)
        })
        .collect()
}

fn to_hash(value: &Stored<'_>) -> Option<ValueHash> {
    match value {
        Stored::Scalar(scalar) => match scalar.as_ref() {
            ScalarValue::Bytes(bytes) => bytes.as_slice().try_into().ok(),
            _ => None,
        },
        Stored::Object(_) => None,
    }
}

/// A short hash of a value as it is stored; of a list, as a set.
pub(super) fn value_hash(value: &Value) -> ValueHash {
    let mut hasher = blake3::Hasher::new();
    match value {
        Value::Text(_) | Value::Date(_) => {
            hasher.update(b"s").update(value.to_text().as_bytes());
        }
        Value::Int(_) => {
            hasher.update(b"i").update(value.to_text().as_bytes());
        }
        Value::Bool(_) => {
            hasher.update(b"b").update(value.to_text().as_bytes());
        }
        Value::List(entries) => {
            hasher.update(b"l");
            for entry in entries.iter().collect::<BTreeSet<_>>() {
                hasher.update(&(entry.len() as u64).to_le_bytes()).update(entry.as_bytes());
            }
        }
    }
    let mut hash = [0; HASH_BYTES];
    hasher.finalize_xof().fill(&mut hash);
    hash
}
