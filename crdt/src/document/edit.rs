//! Edits by hand.

use automerge::{ObjType, ROOT, ScalarValue, transaction::Transactable};
use musette_protocol::time::Timestamp;

use super::{Document, DocumentError, Hand, is_list, shape::Shape, write};
use crate::{
    limits::{MAX_ATTACHMENTS, MAX_LIST_ENTRIES},
    schema::{FieldError, Kind, check_field},
    value::Value,
    view::Attachment,
};

/// What a person changes in one go.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Edit {
    /// Fields to set, or to empty with `None`. Setting a field in conflict settles it.
    pub set: Vec<(String, Option<Value>)>,
    /// Entries to add to lists.
    pub add: Vec<(String, Vec<String>)>,
    /// Entries to remove from lists.
    pub remove: Vec<(String, Vec<String>)>,
}

impl Document {
    /// Applies an edit. `actor` is random, drawn for this opening; `device` is the short id of the
    /// device.
    ///
    /// # Errors
    /// When the kind is unknown here, a field is not one of the kind, or a value does not fit:
    /// then nothing was changed.
    pub fn edit(
        &mut self,
        edit: &Edit,
        now: Timestamp,
        device: &str,
        actor: [u8; 16],
    ) -> Result<(), DocumentError> {
        let kind = self.known_kind()?;
        self.check(kind, edit)?;
        Shape::of(kind).complete(&mut self.doc)?;
        self.commit_hand(Hand { now, device, actor }, "", |writer| {
            for (name, value) in &edit.set {
                writer.set(name, value.as_ref(), is_list(kind, name))?;
            }
            for (name, entries) in &edit.add {
                writer.add(name, entries)?;
            }
            for (name, entries) in &edit.remove {
                writer.remove(name, entries)?;
            }
            Ok(())
        })
    }

    fn check(&self, kind: &Kind, edit: &Edit) -> Result<(), DocumentError> {
        for (name, value) in &edit.set {
            let empty = Value::Text(String::new());
            check_field(kind, name, value.as_ref().unwrap_or(&empty))?;
        }
        for (name, entries) in edit.add.iter().chain(&edit.remove) {
            check_field(kind, name, &Value::Text(String::new()))?;
            if !is_list(kind, name) {
                return Err(FieldError::NotAList { field: name.clone() }.into());
            }
            check_field(kind, name, &Value::List(entries.clone()))?;
        }
        for (name, entries) in &edit.add {
            let present = self.reader().field(name).iter().filter_map(Value::as_list).flatten().count();
            if present + entries.len() > MAX_LIST_ENTRIES {
                let (field, limit, unit) = (name.clone(), MAX_LIST_ENTRIES, "entries");
                return Err(FieldError::TooLong { field, limit, unit }.into());
            }
        }
        Ok(())
    }

    /// Notes a stored attachment. Its id is random, so two devices never create the same entry.
    ///
    /// # Errors
    /// When the item has too many.
    pub fn attach(
        &mut self,
        attachment: &Attachment,
        now: Timestamp,
        device: &str,
        actor: [u8; 16],
    ) -> Result<(), DocumentError> {
        let present =
            self.reader().object(&ROOT, "attachments").map_or(0, |map| self.reader().entries(&map).len());
        if present >= MAX_ATTACHMENTS {
            return Err(DocumentError::Full { limit: MAX_ATTACHMENTS, unit: "attachments" });
        }
        self.commit_hand(Hand { now, device, actor }, "", |writer| {
            let map = write::object(writer.tx, &ROOT, "attachments")?;
            let entry = writer.tx.put_object(&map, attachment.id.to_string(), ObjType::Map)?;
            writer.tx.put(&entry, "name", attachment.name.as_str())?;
            writer.tx.put(&entry, "media_type", attachment.media_type.as_str())?;
            writer.tx.put(&entry, "size", ScalarValue::Uint(attachment.size))?;
            writer.tx.put(&entry, "digest", attachment.digest.to_vec())?;
            writer.tx.put(&entry, "chunk", ScalarValue::Uint(attachment.chunk_len.into()))
        })
    }
}
