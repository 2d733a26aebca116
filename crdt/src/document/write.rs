//! Writing values, inside one transaction.
//!
//! Automerge makes no operation of a value that is already there and undisputed, nor of deleting
//! what is absent, so nothing here looks first.

use automerge::{
    AutomergeError, ObjId, ROOT, ReadDoc, ScalarValue, Value as Stored,
    transaction::{Transactable, Transaction},
};

use super::read::{ROOT_FIELDS, to_scalar};
use crate::value::Value;

/// The fields of a document, ready to be written.
pub(super) struct Writer<'a, 'doc> {
    pub(super) tx: &'a mut Transaction<'doc>,
    fields: ObjId,
}

impl<'a, 'doc> Writer<'a, 'doc> {
    pub(super) fn new(tx: &'a mut Transaction<'doc>) -> Result<Self, AutomergeError> {
        let fields = object(tx, &ROOT, "fields")?;
        Ok(Self { tx, fields })
    }

    /// Sets a field, or empties it: an empty value is stored as absence. A field in conflict is
    /// settled by it.
    pub(super) fn set(
        &mut self,
        name: &str,
        value: Option<&Value>,
        is_list: bool,
    ) -> Result<(), AutomergeError> {
        let value = value.filter(|value| !value.is_empty());
        if is_list {
            let wanted = value.and_then(Value::as_list).unwrap_or_default();
            return self.set_list(name, wanted);
        }
        let parent = self.parent(name);
        match value {
            Some(value) => self.tx.put(&parent, name, to_scalar(value)),
            None => self.tx.delete(&parent, name),
        }
    }

    /// Adds entries that a list does not have.
    pub(super) fn add(&mut self, name: &str, entries: &[String]) -> Result<(), AutomergeError> {
        let list = object(self.tx, &self.parent(name), name)?;
        let mut present = self.entries(&list);
        for entry in entries {
            if !entry.is_empty() && !present.contains(entry) {
                self.tx.insert(&list, present.len(), entry.as_str())?;
                present.push(entry.clone());
            }
        }
        Ok(())
    }

    /// Removes entries from a list, each time they occur.
    pub(super) fn remove(&mut self, name: &str, entries: &[String]) -> Result<(), AutomergeError> {
        let list = object(self.tx, &self.parent(name), name)?;
        self.retain(&list, |entry| !entries.contains(entry))
    }

    /// Touches only what differs: entries that stay keep their identity, so that what another
    /// device adds or removes meanwhile is neither undone nor doubled.
    fn set_list(&mut self, name: &str, wanted: &[String]) -> Result<(), AutomergeError> {
        let list = object(self.tx, &self.parent(name), name)?;
        self.retain(&list, |entry| wanted.contains(entry))?;
        let mut left = self.entries(&list);
        if !wanted.starts_with(&left) {
            self.retain(&list, |_| false)?;
            left.clear();
        }
        for (index, entry) in wanted.iter().enumerate().skip(left.len()) {
            self.tx.insert(&list, index, entry.as_str())?;
        }
        Ok(())
    }

    fn retain(&mut self, list: &ObjId, keep: impl Fn(&String) -> bool) -> Result<(), AutomergeError> {
        // From the end, so that the indexes before stay right.
        for (index, entry) in self.entries(list).iter().enumerate().rev() {
            if !keep(entry) {
                self.tx.delete(list, index)?;
            }
        }
        Ok(())
    }

    fn entries(&self, list: &ObjId) -> Vec<String> {
        self.tx.values(list).map(|(value, _)| entry_text(&value)).collect()
    }

    fn parent(&self, name: &str) -> ObjId {
        if ROOT_FIELDS.contains(&name) { ROOT } else { self.fields.clone() }
    }
}

/// One entry as text. What is not text becomes something that equals no entry.
fn entry_text(value: &Stored<'_>) -> String {
    match value {
        Stored::Scalar(scalar) => match scalar.as_ref() {
            ScalarValue::Str(text) => text.to_string(),
            _ => String::new(),
        },
        Stored::Object(_) => String::new(),
    }
}

/// The object under this key.
pub(super) fn object(tx: &Transaction<'_>, parent: &ObjId, key: &str) -> Result<ObjId, AutomergeError> {
    match tx.get(parent, key)? {
        Some((Stored::Object(_), id)) => Ok(id),
        _ => Err(AutomergeError::NotAnObject),
    }
}
