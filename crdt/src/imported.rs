//! One row of an import, as every importer hands it over.

use musette_protocol::id::DocumentId;

use crate::{schema::Kind, value::Value};

/// Separates this hash from every other use of BLAKE3 in Musette.
const DOCUMENT_ID_DOMAIN: &[u8] = b"musette imported document 1";

/// What one row of a file says about one item.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportedRow {
    /// What it is.
    pub kind: &'static Kind,
    /// The service or format that it comes from, such as `linkedin`.
    pub source: &'static str,
    /// What names this row in that source, whatever the file is called and however it is sorted.
    pub stable_key: String,
    /// The fields that the row fills. An empty value says the same as an absent one.
    pub fields: Vec<(String, Value)>,
    /// The file, as the person knows it.
    pub file: String,
    /// The line or record number, counted from 1, that a person would look for.
    pub row: u64,
}

impl ImportedRow {
    /// The id of the item, the same on every device that holds the same import salt.
    ///
    /// Keyed, so that somebody who sees an id cannot test guesses about whom it names. Each part
    /// is hashed with its length: no two different rows give the same bytes.
    #[must_use]
    pub fn document_id(&self, salt: &[u8; 32]) -> DocumentId {
        let mut hasher = blake3::Hasher::new_keyed(salt);
        let parts = [
            DOCUMENT_ID_DOMAIN,
            self.source.as_bytes(),
            self.kind.name.as_bytes(),
            self.stable_key.as_bytes(),
        ];
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let mut id = [0; DocumentId::LEN];
        hasher.finalize_xof().fill(&mut id);
        DocumentId::from_bytes(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::kind;

    fn row(source: &'static str, key: &str) -> ImportedRow {
        ImportedRow {
            kind: kind("contact").expect("a kind"),
            source,
            stable_key: key.into(),
            fields: Vec::new(),
            file: "Connections.csv".into(),
            row: 2,
        }
    }

    #[test]
    fn the_id_depends_on_salt_source_and_key_alone() {
        let id = row("linkedin", "a").document_id(&[1; 32]);
        let mut moved = row("linkedin", "a");
        moved.file = "renamed.csv".into();
        moved.row = 99;
        moved.fields.push(("name".into(), "A".into()));
        assert_eq!(moved.document_id(&[1; 32]), id);
        assert_ne!(row("linkedin", "a").document_id(&[2; 32]), id);
        assert_ne!(row("vcard", "a").document_id(&[1; 32]), id);
        assert_ne!(row("linkedin", "b").document_id(&[1; 32]), id);
    }

    #[test]
    fn the_id_never_changes_between_versions() {
        let id = row("linkedin", "https://www.linkedin.com/in/x").document_id(&[7; 32]);
        assert_eq!(id.to_string(), "fenf4a2ia57tyoeubzk3qskkva");
    }
}
