//! Who changed what, and when.

use std::collections::BTreeSet;

use automerge::{ChangeHash, ChangeMetadata, ROOT};
use musette_protocol::time::Timestamp;

use super::{Document, UNDO_PREFIX, shape::Shape};
use crate::{limits::MAX_LIST_ENTRIES, value::Value};

/// One change that a person can see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// When; absent for an import, whose change knows no time.
    pub at: Option<Timestamp>,
    /// The short id of the device; absent for an import.
    pub device: Option<String>,
    /// The source, for an import.
    pub source: Option<String>,
    /// What changed, by name of field.
    pub fields: Vec<FieldChange>,
}

/// What one change did to one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldChange {
    /// The field.
    pub field: String,
    /// Its values before: several when it was in conflict, none when it was empty.
    pub from: Vec<Value>,
    /// Its values after.
    pub to: Vec<Value>,
}

impl Document {
    /// Every change that touched a field, oldest first: the same order on every device. Changes
    /// that know nothing of each other stand by their time.
    #[must_use]
    pub fn history(&self) -> Vec<HistoryEntry> {
        let shape = self.kind.map(Shape::of);
        let mut changes = self.doc.get_changes_meta(&[]);
        changes.retain(|change| !shape.as_ref().is_some_and(|shape| shape.contains(&change.hash)));
        // Operations are numbered by a Lamport clock: a change that saw another has higher ones.
        changes.sort_by_key(|change| (change.start_op, change.timestamp, change.hash));
        let entries = changes.iter().map(|change| self.entry(change));
        entries.filter(|entry| !entry.fields.is_empty()).collect()
    }

    fn entry(&self, change: &ChangeMetadata<'_>) -> HistoryEntry {
        let message = change.message.as_deref();
        let device = message.map(|text| text.strip_prefix(UNDO_PREFIX).unwrap_or(text).to_owned());
        let by_device = device.is_some();
        HistoryEntry {
            at: by_device.then(|| Timestamp::from_millis(change.timestamp)),
            source: if by_device { None } else { self.source() },
            device,
            fields: self.difference(&change.deps, change.hash),
        }
    }

    fn difference(&self, before: &[ChangeHash], after: ChangeHash) -> Vec<FieldChange> {
        let heads = [after];
        let (old, new) = (self.reader().at(before), self.reader().at(&heads));
        let (old_attached, new_attached) = (self.attached(before), self.attached(&heads));
        let (old, new) = (old.state(), new.state());
        let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        let mut fields: Vec<_> = names
            .into_iter()
            .filter(|name| old.get(*name) != new.get(*name))
            .map(|name| FieldChange {
                field: name.clone(),
                from: old.get(name).cloned().unwrap_or_default(),
                to: new.get(name).cloned().unwrap_or_default(),
            })
            .collect();
        if old_attached != new_attached {
            let (from, to) = (old_attached, new_attached);
            fields.push(FieldChange { field: "attachments".to_owned(), from, to });
        }
        fields
    }

    /// The names of the attachments at a point of the history.
    fn attached(&self, heads: &[ChangeHash]) -> Vec<Value> {
        let reader = self.reader().at(heads);
        let Some(map) = reader.object(&ROOT, "attachments") else { return Vec::new() };
        let names: Vec<String> = reader
            .entries(&map)
            .into_iter()
            .take(MAX_LIST_ENTRIES)
            .filter_map(|(_, _, entry, _)| reader.text(&entry, "name"))
            .collect();
        if names.is_empty() { Vec::new() } else { vec![Value::List(names)] }
    }

    pub(crate) fn source(&self) -> Option<String> {
        let provenance = self.reader().object(&ROOT, "provenance")?;
        self.reader().text(&provenance, "source")
    }
}
