//! What a person sees of an item.
//!
//! A view is a function of the document alone: devices that hold the same changes show the same.
//! The node keeps one per item in memory, so it is small and serialises with numbers for names
//! ([`names_digest`]) and without the id, under which it is kept; its JSON is a contract with other
//! programs.

use std::collections::BTreeMap;

use automerge::{ObjId, ROOT, ScalarValue, Value as Stored};
use musette_protocol::{
    id::{BlobId, DocumentId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap as _};

use crate::{
    date::rfc3339,
    document::{Document, read::Reader},
    items::kind,
    limits::MAX_ATTACHMENTS,
    schema::Sensitivity,
    value::Value,
};

mod names;

pub use names::names_digest;

/// The longest title, in characters: a line of a list.
const MAX_TITLE_CHARS: usize = 120;

/// Bytes of the longest piece that an attachment is stored in, and of each where no length is noted.
const LONGEST_CHUNK: u32 = 256 * 1024;
/// Shorter ones would make millions of pieces of a long file.
const SHORTEST_CHUNK: u32 = 64 * 1024;

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
    /// Bytes of each piece that it is stored in, but the last.
    pub chunk_len: u32,
}

impl Attachment {
    /// How many pieces it is stored in.
    #[must_use]
    pub fn chunks(&self) -> u32 {
        u32::try_from(self.size.div_ceil(u64::from(self.chunk_len))).unwrap_or(u32::MAX)
    }

    /// Bytes of the piece in this place; `None` past the last.
    #[must_use]
    pub fn piece_len(&self, index: u32) -> Option<usize> {
        let chunk_len = u64::from(self.chunk_len);
        let left = self.size.checked_sub(u64::from(index) * chunk_len).filter(|left| *left > 0)?;
        usize::try_from(left.min(chunk_len)).ok()
    }
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
    #[serde(skip, default = "nobody")]
    pub id: DocumentId,
    /// The name of its kind.
    #[serde(with = "names::one")]
    pub kind: String,
    /// The kind's own fields that hold something, the note, and fields of a newer schema. Of a
    /// field in conflict, the first of the values on offer.
    #[serde(with = "names::keys")]
    pub fields: BTreeMap<String, Value>,
    /// Legal labels.
    #[serde(with = "names::list")]
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
    #[serde(with = "names::keys")]
    pub conflicts: BTreeMap<String, Vec<Value>>,
    /// Files that hang on it.
    pub attachments: Vec<Attachment>,
    /// Linked items.
    pub links: Vec<DocumentId>,
    /// Whether an undone import hides it.
    pub undone: bool,
    /// Whether the person put it away.
    pub archived: bool,
    /// Whether it is in the trash.
    pub removed: bool,
}

/// What stands for the id in a view that was just read; who kept the view knows it.
const fn nobody() -> DocumentId {
    DocumentId::from_bytes([0; 16])
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
        removed: fields.remove("removed") == Some(Value::Bool(true)),
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
        chunk_len: chunk_len(reader, entry)?,
    })
}

/// `None` when no piece can have that length.
fn chunk_len(reader: &Reader<'_>, entry: &ObjId) -> Option<u32> {
    let Some(told) = reader.text(entry, "chunk") else { return Some(LONGEST_CHUNK) };
    told.parse().ok().filter(|len| (SHORTEST_CHUNK..=LONGEST_CHUNK).contains(len))
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

    /// The JSON of the contract, as a tree. `provenance` is what the batch knows of the row, for an
    /// imported item.
    ///
    /// # Panics
    /// Never: every part of a view can be written as JSON.
    #[must_use]
    pub fn to_json(&self, provenance: Option<&ImportProvenance>) -> serde_json::Value {
        let whole = ItemJson { view: self, provenance, brief: false };
        serde_json::to_value(whole).expect("views are written as JSON objects")
    }
}

/// The JSON of the contract, written without a tree: of a long list the tree takes ten times the
/// memory, and most of the time.
#[derive(Debug, Clone, Copy)]
pub struct ItemJson<'a> {
    /// What is shown.
    pub view: &'a ItemView,
    /// What the batch knows of the row, for an imported item.
    pub provenance: Option<&'a ImportProvenance>,
    /// Only what a line of a list shows: id, kind, title, dates, and what is in conflict.
    pub brief: bool,
}

impl ItemJson<'_> {
    fn is_written(&self, value: &Value) -> bool {
        !self.brief || matches!(value, Value::Date(_))
    }
}

impl Serialize for ItemJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let view = self.view;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &Shown(&view.id))?;
        map.serialize_entry("kind", &view.kind)?;
        map.serialize_entry("title", &view.title())?;
        map.serialize_entry("fields", &FieldsJson(self))?;
        if !view.conflicts.is_empty() {
            map.serialize_entry("conflicts", &ConflictsJson(&view.conflicts))?;
        }
        if self.brief {
            return map.end();
        }
        map.serialize_entry("sensitivity", view.sensitivity.name())?;
        map.serialize_entry("provenance", &ProvenanceJson(&view.provenance, self.provenance))?;
        if let Some(created) = view.created.and_then(rfc3339) {
            map.serialize_entry("created", &created)?;
        }
        for (name, entries) in [("labels", &view.labels), ("spheres", &view.spheres), ("tags", &view.tags)] {
            if !entries.is_empty() {
                map.serialize_entry(name, entries)?;
            }
        }
        if !view.links.is_empty() {
            map.serialize_entry("links", &view.links.iter().map(Shown).collect::<Vec<_>>())?;
        }
        if !view.attachments.is_empty() {
            map.serialize_entry(
                "attachments",
                &view.attachments.iter().map(AttachmentJson).collect::<Vec<_>>(),
            )?;
        }
        for (name, flag) in [("archived", view.archived), ("removed", view.removed), ("undone", view.undone)]
        {
            if flag {
                map.serialize_entry(name, &true)?;
            }
        }
        map.end()
    }
}

/// Something by its text.
struct Shown<T>(T);

impl<T: std::fmt::Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

struct FieldsJson<'a>(&'a ItemJson<'a>);

impl Serialize for FieldsJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let written = self.0.view.fields.iter().filter(|(_, value)| self.0.is_written(value));
        serializer.collect_map(written.map(|(name, value)| (name, PlainJson(value))))
    }
}

struct ConflictsJson<'a>(&'a BTreeMap<String, Vec<Value>>);

impl Serialize for ConflictsJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let plain = |(name, offered): (&'_ String, &'_ Vec<Value>)| {
            (name.clone(), offered.iter().map(Value::to_json).collect::<Vec<_>>())
        };
        serializer.collect_map(self.0.iter().map(plain))
    }
}

struct ProvenanceJson<'a>(&'a ProvenanceRef, Option<&'a ImportProvenance>);

impl Serialize for ProvenanceJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self.0 {
            ProvenanceRef::Declared => map.serialize_entry("type", "declared")?,
            ProvenanceRef::Imported { source } => {
                map.serialize_entry("type", "imported")?;
                map.serialize_entry("source", source)?;
                if let Some(batch) = self.1 {
                    map.serialize_entry("file", &batch.file)?;
                    map.serialize_entry("row", &batch.row)?;
                    map.serialize_entry("on", &rfc3339(batch.on))?;
                    map.serialize_entry("batch", &Shown(&batch.batch))?;
                }
            }
        }
        map.end()
    }
}

struct AttachmentJson<'a>(&'a Attachment);

impl Serialize for AttachmentJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &Shown(&self.0.id))?;
        map.serialize_entry("name", &self.0.name)?;
        map.serialize_entry("media_type", &self.0.media_type)?;
        map.serialize_entry("size", &self.0.size)?;
        map.end()
    }
}

/// A value as plain JSON: a string, number, boolean or array of strings.
struct PlainJson<'a>(&'a Value);

impl Serialize for PlainJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Text(text) => text.serialize(serializer),
            Value::Int(number) => number.serialize(serializer),
            Value::Bool(flag) => flag.serialize(serializer),
            Value::Date(date) => serializer.collect_str(date),
            Value::List(entries) => entries.serialize(serializer),
        }
    }
}

fn first_line(value: &Value) -> String {
    value.to_text().lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
            removed: false,
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
    fn brief_json_is_what_a_line_of_a_list_shows() {
        let mut view = view();
        view.conflicts.insert("role".into(), vec!["a".into(), "b".into()]);
        let brief = ItemJson { view: &view, provenance: None, brief: true };
        let expected = json!({
            "id": "aeaqcaibaeaqcaibaeaqcaibae",
            "kind": "activity",
            "title": "Graphiste, Leroy Merlin",
            "fields": { "from": "2014-04" },
            "conflicts": { "role": ["a", "b"] },
        });
        assert_eq!(serde_json::to_value(brief).expect("JSON"), expected);
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
    fn round_trips_in_postcard_but_for_the_id() {
        let mut view = view();
        view.labels = vec!["third-party".into(), "of a newer version".into()];
        view.fields.insert("of a newer version".into(), Value::Int(1));
        view.conflicts.insert("role".into(), vec!["a".into(), "b".into()]);
        let bytes = postcard::to_allocvec(&view).expect("serialises");
        let read: ItemView = postcard::from_bytes(&bytes).expect("reads");
        assert_eq!(ItemView { id: view.id, ..read }, view);
    }

    #[test]
    fn known_names_take_no_room() {
        let view = view();
        let bytes = postcard::to_allocvec(&view).expect("serialises");
        let holds = |text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
        let names = view.fields.keys().chain([&view.kind]);
        assert!(names.into_iter().all(|name| !holds(name)));
        assert!(holds("Leroy Merlin"));
    }
}
