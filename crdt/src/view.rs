//! What a person sees of an item.
//!
//! A view is a function of the document alone: devices that hold the same changes show the same.
//! The node keeps one per item in memory, so it is small and serialises without field names; its
//! JSON is a contract with other programs.

use std::collections::BTreeMap;

use automerge::{ObjId, ROOT, ScalarValue, Value as Stored};
use musette_protocol::{
    id::{BlobId, DocumentId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    date::rfc3339,
    document::{Document, read::Reader},
    items::kind,
    limits::MAX_ATTACHMENTS,
    schema::Sensitivity,
    value::Value,
};

/// The longest title, in characters: a line of a list.
const MAX_TITLE_CHARS: usize = 120;

/// A file that hangs on an item. Its bytes are elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Names the stored bytes.
    pub id: BlobId,
    /// The file's name.
    pub name: String,
    /// What it is, such as `application/pdf`.
    pub media_type: String,
    /// Its length in bytes.
    pub size: u64,
    /// BLAKE3 of its bytes.
    pub digest: [u8; 32],
}

/// Where an item comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProvenanceRef {
    /// The person wrote it.
    Declared,
    /// A file of this source brought it. Which file and when is known by its batch.
    Imported {
        /// The source.
        source: String,
    },
}

/// Which file brought an item, as its batch knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportProvenance {
    /// The file's name.
    pub file: String,
    /// The line or record, counted from 1.
    pub row: u64,
    /// When it was imported.
    pub on: Timestamp,
    /// The batch.
    pub batch: DocumentId,
}

/// What a person sees of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemView {
    /// The item.
    pub id: DocumentId,
    /// The name of its kind.
    pub kind: String,
    /// The kind's own fields that hold something, the note, and fields of a newer schema. Of a
    /// field in conflict, the first of the values on offer.
    pub fields: BTreeMap<String, Value>,
    /// Legal labels.
    pub labels: Vec<String>,
    /// How far it is guarded; in conflict, the most guarded on offer.
    pub sensitivity: Sensitivity,
    /// Spheres of life.
    pub spheres: Vec<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// When it was written; absent for what was imported.
    pub created: Option<Timestamp>,
    /// Where it comes from.
    pub provenance: ProvenanceRef,
    /// Every value on offer, sorted, for each field that devices set differently.
    pub conflicts: BTreeMap<String, Vec<Value>>,
    /// Files that hang on it.
    pub attachments: Vec<Attachment>,
    /// Linked items.
    pub links: Vec<DocumentId>,
    /// Whether an undone import hides it.
    pub undone: bool,
    /// Whether the person put it away.
    pub archived: bool,
}

/// The view of a document.
pub(crate) fn build(document: &Document, id: DocumentId) -> ItemView {
    let reader = document.reader();
    let (mut conflicts, mut fields) = (BTreeMap::new(), BTreeMap::new());
    for (name, values) in reader.state() {
        if name == "undone" {
            continue;
        }
        if let Some(first) = values.first() {
            fields.insert(name.clone(), first.clone());
        }
        if values.len() > 1 {
            conflicts.insert(name, values);
        }
    }
    let levels = conflicts.get("sensitivity").cloned().into_iter().flatten();
    let levels = levels.chain(fields.remove("sensitivity"));
    let sensitivity = levels.filter_map(|value| value.as_text()?.parse().ok()).max();
    let links = take_list(&mut fields, "links");
    ItemView {
        id,
        kind: document.kind_name().to_owned(),
        labels: take_list(&mut fields, "labels"),
        spheres: take_list(&mut fields, "spheres"),
        tags: take_list(&mut fields, "tags"),
        links: links.iter().filter_map(|link| link.parse().ok()).collect(),
        sensitivity: sensitivity.unwrap_or_default(),
        created: created(&reader),
        provenance: match document.source() {
            Some(source) => ProvenanceRef::Imported { source },
            None => ProvenanceRef::Declared,
        },
        attachments: attachments(&reader),
        undone: document.is_undone(),
        archived: fields.remove("archived") == Some(Value::Bool(true)),
        fields,
        conflicts,
    }
}

fn take_list(fields: &mut BTreeMap<String, Value>, name: &str) -> Vec<String> {
    match fields.remove(name) {
        Some(Value::List(entries)) => entries,
        _ => Vec::new(),
    }
}

fn created(reader: &Reader<'_>) -> Option<Timestamp> {
    match reader.all(&ROOT, "created").pop()?.0 {
        Stored::Scalar(scalar) => match scalar.as_ref() {
            ScalarValue::Timestamp(millis) => Some(Timestamp::from_millis(*millis)),
            _ => None,
        },
        Stored::Object(_) => None,
    }
}

fn attachments(reader: &Reader<'_>) -> Vec<Attachment> {
    let Some(map) = reader.object(&ROOT, "attachments") else { return Vec::new() };
    let entries = reader.entries(&map).into_iter().take(MAX_ATTACHMENTS);
    entries.filter_map(|(key, _, entry, _)| attachment(reader, &key, &entry)).collect()
}

fn attachment(reader: &Reader<'_>, key: &str, entry: &ObjId) -> Option<Attachment> {
    let digest = match reader.all(entry, "digest").pop()?.0 {
        Stored::Scalar(scalar) => scalar.as_bytes()?.try_into().ok()?,
        Stored::Object(_) => return None,
    };
    Some(Attachment {
        id: key.parse().ok()?,
        name: reader.text(entry, "name")?,
        media_type: reader.text(entry, "media_type")?,
        size: reader.text(entry, "size")?.parse().ok()?,
        digest,
    })
}

impl ItemView {
    /// One line that names the item: the title fields of its kind, or else the first field that
    /// holds something. Empty when nothing does.
    #[must_use]
    pub fn title(&self) -> String {
        let kind = kind(&self.kind);
        let line = |name: &&str| self.fields.get(*name).map(first_line);
        let titles = kind.map_or(&[][..], |kind| kind.title);
        let parts: Vec<String> = titles.iter().filter_map(line).filter(|part| !part.is_empty()).collect();
        let title = if parts.is_empty() {
            let own = kind.map_or(&[][..], |kind| kind.fields).iter().map(|field| field.name);
            let names = own.chain(self.fields.keys().map(String::as_str));
            let mut lines = names.filter_map(|name| line(&name));
            lines.find(|text| !text.is_empty()).unwrap_or_default()
        } else {
            parts.join(", ")
        };
        title.chars().take(MAX_TITLE_CHARS).collect()
    }

    /// The JSON of the contract. `provenance` is what the batch knows of the row, for an imported
    /// item.
    #[must_use]
    pub fn to_json(&self, provenance: Option<&ImportProvenance>) -> serde_json::Value {
        let fields: serde_json::Map<_, _> =
            self.fields.iter().map(|(name, value)| (name.clone(), value.to_json())).collect();
        let mut json = serde_json::Map::new();
        json.insert("id".into(), self.id.to_string().into());
        json.insert("kind".into(), self.kind.as_str().into());
        json.insert("title".into(), self.title().into());
        json.insert("fields".into(), fields.into());
        json.insert("sensitivity".into(), self.sensitivity.name().into());
        json.insert("provenance".into(), self.provenance_json(provenance));
        if let Some(created) = self.created.and_then(rfc3339) {
            json.insert("created".into(), created.into());
        }
        let links: Vec<String> = self.links.iter().map(ToString::to_string).collect();
        let lists =
            [("labels", &self.labels), ("spheres", &self.spheres), ("tags", &self.tags), ("links", &links)];
        for (name, entries) in lists {
            if !entries.is_empty() {
                json.insert(name.into(), entries.as_slice().into());
            }
        }
        if !self.conflicts.is_empty() {
            json.insert("conflicts".into(), self.conflicts_json());
        }
        if !self.attachments.is_empty() {
            let attachments: Vec<_> = self.attachments.iter().map(attachment_json).collect();
            json.insert("attachments".into(), attachments.into());
        }
        for (name, flag) in [("archived", self.archived), ("undone", self.undone)] {
            if flag {
                json.insert(name.into(), true.into());
            }
        }
        json.into()
    }

    fn conflicts_json(&self) -> serde_json::Value {
        let values = |values: &Vec<Value>| values.iter().map(Value::to_json).collect::<Vec<_>>();
        let all = self.conflicts.iter();
        all.map(|(name, offered)| (name.clone(), values(offered).into()))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }

    fn provenance_json(&self, batch: Option<&ImportProvenance>) -> serde_json::Value {
        match (&self.provenance, batch) {
            (ProvenanceRef::Declared, _) => json!({ "type": "declared" }),
            (ProvenanceRef::Imported { source }, None) => {
                json!({ "type": "imported", "source": source })
            }
            (ProvenanceRef::Imported { source }, Some(batch)) => json!({
                "type": "imported",
                "source": source,
                "file": batch.file,
                "row": batch.row,
                "on": rfc3339(batch.on),
                "batch": batch.batch.to_string(),
            }),
        }
    }
}

fn attachment_json(attachment: &Attachment) -> serde_json::Value {
    json!({
        "id": attachment.id.to_string(),
        "name": attachment.name,
        "media_type": attachment.media_type,
        "size": attachment.size,
    })
}

fn first_line(value: &Value) -> String {
    value.to_text().lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> ItemView {
        ItemView {
            id: DocumentId::from_bytes([1; 16]),
            kind: "activity".into(),
            fields: BTreeMap::from([
                ("role".into(), "Graphiste".into()),
                ("organisation".into(), "Leroy Merlin".into()),
                ("from".into(), Value::Date("2014-04".parse().expect("a date"))),
            ]),
            labels: vec![],
            sensitivity: Sensitivity::Personal,
            spheres: vec!["work".into()],
            tags: vec![],
            created: Some(Timestamp::from_millis(1_795_428_000_000)),
            provenance: ProvenanceRef::Declared,
            conflicts: BTreeMap::new(),
            attachments: vec![],
            links: vec![],
            undone: false,
            archived: false,
        }
    }

    #[test]
    fn json_is_the_contract() {
        let expected = json!({
            "id": "aeaqcaibaeaqcaibaeaqcaibae",
            "kind": "activity",
            "title": "Graphiste, Leroy Merlin",
            "fields": { "role": "Graphiste", "organisation": "Leroy Merlin", "from": "2014-04" },
            "sensitivity": "personal",
            "spheres": ["work"],
            "created": "2026-11-23T10:00:00.000Z",
            "provenance": { "type": "declared" },
        });
        assert_eq!(view().to_json(None), expected);
    }

    #[test]
    fn json_of_an_imported_item_names_file_and_row_when_known() {
        let mut view = view();
        view.provenance = ProvenanceRef::Imported { source: "linkedin".into() };
        view.conflicts.insert("role".into(), vec!["a".into(), "b".into()]);
        let batch = ImportProvenance {
            file: "Positions.csv".into(),
            row: 3,
            on: Timestamp::from_millis(0),
            batch: DocumentId::from_bytes([2; 16]),
        };
        let json = view.to_json(Some(&batch));
        assert_eq!(json["provenance"]["row"], 3);
        assert_eq!(json["provenance"]["on"], "1970-01-01T00:00:00.000Z");
        assert_eq!(json["conflicts"]["role"], json!(["a", "b"]));
        assert_eq!(view.to_json(None)["provenance"], json!({"type":"imported","source":"linkedin"}));
    }

    #[test]
    fn a_title_is_found_when_the_title_fields_are_empty() {
        let mut view = view();
        view.kind = "note".into();
        view.fields = BTreeMap::from([("text".into(), "\n  first line \nsecond".into())]);
        assert_eq!(view.title(), "first line");
        view.kind = "from a newer version".into();
        assert_eq!(view.title(), "first line");
        view.fields.clear();
        assert_eq!(view.title(), "");
    }

    #[test]
    fn round_trips_in_postcard() {
        let bytes = postcard::to_allocvec(&view()).expect("serialises");
        assert_eq!(postcard::from_bytes::<ItemView>(&bytes).expect("reads"), view());
    }
}
