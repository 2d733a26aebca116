//! Undoing an import.
//!
//! Nothing is deleted: an item that an import brought is hidden, a field that it changed gets its
//! earlier value back. Both are edits like any other, so they sync, and importing the file again
//! brings everything back. What a person edited since stays.

use std::collections::BTreeSet;

use automerge::{AutomergeError, ChangeHash, ROOT, transaction::Transactable};
use musette_protocol::time::Timestamp;

use super::{
    Document, DocumentError, Hand, UNDO_PREFIX,
    import::{ValueHash, imported_hashes},
    is_by_hand, is_list,
    write::{self, Writer},
};
use crate::{schema::Kind, value::Value};

/// What undoing an import did to one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UndoOutcome {
    /// The import had brought the item: it is hidden now.
    Removed,
    /// The import had changed the item.
    Reverted {
        /// Fields that have their earlier value again.
        fields: Vec<String>,
        /// Fields that a person edited since: they stay.
        kept: Vec<String>,
    },
    /// A person edited the item since: it stays.
    Kept,
    /// There was nothing left to undo.
    Nothing,
}

/// One field to be put back.
struct Revert {
    name: String,
    value: Option<Value>,
    hash: Option<ValueHash>,
    /// False when only what the row said is forgotten again, which nobody sees.
    visible: bool,
}

impl Document {
    /// Undoes what a batch did here: `created_by_batch` when it brought (or restored) the item,
    /// else by the `changes` that it made, in their order.
    ///
    /// # Errors
    /// When the kind is unknown here.
    pub fn undo_import(
        &mut self,
        created_by_batch: bool,
        changes: &[[u8; 32]],
        now: Timestamp,
        device: &str,
        actor: [u8; 16],
    ) -> Result<UndoOutcome, DocumentError> {
        let hand = Hand { now, device, actor };
        if created_by_batch {
            return self.hide(hand);
        }
        let kind = self.known_kind()?;
        let (mut fields, mut kept) = (BTreeSet::new(), BTreeSet::new());
        for change in changes.iter().rev() {
            let (reverts, edited) = self.reverts(ChangeHash(*change));
            self.commit_hand(hand, UNDO_PREFIX, |writer| put_back(writer, kind, &reverts))?;
            fields.extend(reverts.into_iter().filter(|one| one.visible).map(|one| one.name));
            kept.extend(edited);
        }
        Ok(match (fields.is_empty(), kept.is_empty()) {
            (true, true) => UndoOutcome::Nothing,
            (true, false) => UndoOutcome::Kept,
            _ => UndoOutcome::Reverted {
                fields: fields.into_iter().collect(),
                kept: kept.into_iter().collect(),
            },
        })
    }

    fn hide(&mut self, hand: Hand<'_>) -> Result<UndoOutcome, DocumentError> {
        if self.is_undone() {
            return Ok(UndoOutcome::Nothing);
        }
        let changes = self.doc.get_changes_meta(&[]);
        if changes.iter().any(|change| is_by_hand(change.message.as_deref())) {
            return Ok(UndoOutcome::Kept);
        }
        self.commit_hand(hand, UNDO_PREFIX, |writer| writer.tx.put(ROOT, "undone", true))?;
        Ok(UndoOutcome::Removed)
    }

    /// What to put back to undo one change, and the fields that were edited since.
    fn reverts(&self, change: ChangeHash) -> (Vec<Revert>, Vec<String>) {
        let Some(meta) = self.doc.get_change_meta_by_hash(&change) else {
            return (Vec::new(), Vec::new());
        };
        let now = self.reader();
        let heads = [change];
        let (old, new) = (now.at(&meta.deps), now.at(&heads));
        let (old_state, new_state, state) = (old.state(), new.state(), now.state());
        let (old_hashes, new_hashes) = (imported_hashes(old), imported_hashes(new));
        let hashes = imported_hashes(now);
        let touched: BTreeSet<&String> = old_state
            .keys()
            .chain(new_state.keys())
            .filter(|name| old_state.get(*name) != new_state.get(*name))
            .chain(new_hashes.keys().chain(old_hashes.keys()))
            .filter(|name| name.as_str() != "undone")
            .collect();
        let (mut reverts, mut edited) = (Vec::new(), Vec::new());
        for name in touched {
            let same_value = old_state.get(name) == new_state.get(name);
            if same_value && old_hashes.get(name) == new_hashes.get(name) {
                continue;
            }
            if state.get(name) != new_state.get(name) || hashes.get(name) != new_hashes.get(name) {
                if !same_value && state.get(name) != old_state.get(name) {
                    edited.push(name.clone());
                }
                continue;
            }
            let first = |hashes: &BTreeSet<ValueHash>| hashes.first().copied();
            reverts.push(Revert {
                name: name.clone(),
                value: old_state.get(name).and_then(|values| values.first()).cloned(),
                hash: old_hashes.get(name).and_then(first),
                visible: !same_value,
            });
        }
        (reverts, edited)
    }
}

fn put_back(writer: &mut Writer<'_, '_>, kind: &Kind, reverts: &[Revert]) -> Result<(), AutomergeError> {
    let imported = write::object(writer.tx, &ROOT, "imported")?;
    for revert in reverts {
        if revert.visible {
            writer.set(&revert.name, revert.value.as_ref(), is_list(kind, &revert.name))?;
        }
        match revert.hash {
            Some(hash) => writer.tx.put(&imported, revert.name.as_str(), hash.to_vec())?,
            None => writer.tx.delete(&imported, revert.name.as_str())?,
        }
    }
    Ok(())
}
