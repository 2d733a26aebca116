//! Bytes by key, in the documents that hold the program's own state.
//!
//! Settings and import batches sync and merge like items, but have no fields for people.

use automerge::{ROOT, ScalarValue, Value as Stored, transaction::Transactable};
use musette_protocol::time::Timestamp;

use super::{Document, DocumentError, Hand, write};
use crate::limits::MAX_DATA_BYTES;

impl Document {
    /// Stores bytes under a key, or removes the key with `None`.
    ///
    /// # Errors
    /// When they are too long, or the document is not of an internal kind.
    pub fn set_bytes(
        &mut self,
        key: &str,
        bytes: Option<&[u8]>,
        now: Timestamp,
        device: &str,
        actor: [u8; 16],
    ) -> Result<(), DocumentError> {
        if bytes.is_some_and(|bytes| bytes.len() > MAX_DATA_BYTES) {
            return Err(DocumentError::Full { limit: MAX_DATA_BYTES, unit: "bytes" });
        }
        self.commit_hand(Hand { now, device, actor }, "", |writer| {
            let data = write::object(writer.tx, &ROOT, "data")?;
            match bytes {
                Some(bytes) => writer.tx.put(&data, key, bytes.to_vec()),
                None => writer.tx.delete(&data, key),
            }
        })
    }

    /// The bytes under a key. After a conflict, one of the values, the same on every device.
    #[must_use]
    pub fn get_bytes(&self, key: &str) -> Option<Vec<u8>> {
        let data = self.reader().object(&ROOT, "data")?;
        // The winner of a conflict is the last.
        self.reader().all(&data, key).pop().and_then(|(value, _)| to_bytes(&value))
    }

    /// The keys that hold bytes, sorted.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        let Some(data) = self.reader().object(&ROOT, "data") else { return Vec::new() };
        self.reader().entries(&data).into_iter().map(|(key, ..)| key).collect()
    }
}

fn to_bytes(value: &Stored<'_>) -> Option<Vec<u8>> {
    match value {
        Stored::Scalar(scalar) => match scalar.as_ref() {
            ScalarValue::Bytes(bytes) => Some(bytes.clone()),
            _ => None,
        },
        Stored::Object(_) => None,
    }
}
