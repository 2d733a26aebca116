//! What people do with items: add, look at, change, settle.

use std::collections::BTreeMap;

use musette_crdt::{
    date::{PartialDate, rfc3339},
    document::{Document, DocumentError, Edit, HistoryEntry},
    schema::{self, FieldError},
    timeline::{TimeRange, timeline},
    value::Value,
    view::{ItemJson, ItemView},
};
use musette_protocol::{
    id::{DocumentId, MIN_PREFIX_CHARS},
    record::Change,
    replica::Write,
};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{
    Store,
    documents::{is_in_trash, is_item},
};
use crate::{
    clock, entropy,
    error::{Error, Result},
};

/// Items looked at in one go while a list is written: other requests need not wait longer.
const PAGE_ITEMS: usize = 512;

/// Values by field, as they come from an interface.
pub(crate) type RawFields = BTreeMap<String, Json>;

/// What to change in an item.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawEdit {
    pub(crate) set: RawFields,
    pub(crate) add: BTreeMap<String, Vec<String>>,
    pub(crate) remove: BTreeMap<String, Vec<String>>,
}

/// A list of items, by id.
#[derive(Debug, Default, Clone)]
pub(crate) struct List {
    /// Of this kind only.
    pub(crate) kind: Option<String>,
    /// Archived and sealed ones too.
    pub(crate) all: bool,
    /// Those in the trash, and no others.
    pub(crate) trash: bool,
    /// Only what a line of it shows.
    pub(crate) brief: bool,
    /// From behind this id on.
    pub(crate) after: Option<DocumentId>,
}

/// Some of a list: whole, a list of all items is larger than all the rest of a node.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// JSON objects, with commas between them.
    pub(crate) json: Vec<u8>,
    /// What follows.
    pub(crate) rest: Option<List>,
}

impl List {
    fn has(&self, view: &ItemView) -> bool {
        self.kind.as_ref().is_none_or(|kind| view.kind == *kind)
            && (self.all || self.trash || !(view.archived || view.sensitivity == schema::Sensitivity::Sealed))
    }
}

impl Page {
    fn push(&mut self, item: &ItemJson<'_>) {
        if !self.json.is_empty() {
            self.json.push(b',');
        }
        serde_json::to_writer(&mut self.json, item).expect("views are written as JSON objects");
    }
}

impl Store {
    /// Adds an item.
    ///
    /// # Errors
    /// When kind or fields are not ones there are, or the disk refuses.
    pub(crate) fn add(&mut self, kind_name: &str, raw: &RawFields) -> Result<Json> {
        let kind = schema::kind(kind_name).filter(|kind| !kind.internal);
        let kind = kind.ok_or_else(|| unknown_kind(kind_name))?;
        let fields = raw.iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| {
            let value = schema::parse_field(kind, name, value).map_err(field_error)?;
            Ok((name.clone(), value))
        });
        let fields: Vec<(String, Value)> = fields.collect::<Result<_>>()?;
        if fields.is_empty() {
            return Err(Error::new("no-fields").with("kind", kind.name));
        }
        let id = DocumentId::from_bytes(entropy::bytes());
        let document =
            Document::create(kind, &fields, clock::now(), &self.device().short(), entropy::bytes())
                .map_err(document_error)?;
        self.save_document(id, document)?;
        self.item(id)
    }

    /// Appends what changed in a document and keeps it loaded.
    pub(super) fn save_document(&mut self, id: DocumentId, mut document: Document) -> Result<()> {
        let bytes = document.take_changes();
        if bytes.is_empty() {
            self.loaded.put(id, document);
            return Ok(());
        }
        let change = Change { document: id, bytes };
        self.write(vec![Write::Change(change)], vec![(id, document)])
    }

    /// The item with this id or unique beginning of one.
    ///
    /// # Errors
    /// When there is none, or several.
    pub(crate) fn find(&self, prefix: &str) -> Result<DocumentId> {
        self.find_where(prefix, is_item).map_err(|error| match error.code() {
            "not-found" if self.find_in_trash(prefix).is_ok() => Error::new("in-trash").with("id", prefix),
            "not-found" if self.is_forgotten(prefix) => Error::new("forgotten").with("id", prefix),
            _ => error,
        })
    }

    fn is_forgotten(&self, prefix: &str) -> bool {
        let prefix = prefix.trim().to_lowercase();
        self.state().forgotten().any(|id| id.to_string().starts_with(&prefix))
    }

    /// The item in the trash with this id or unique beginning of one.
    ///
    /// # Errors
    /// When there is none, or several.
    pub(super) fn find_in_trash(&self, prefix: &str) -> Result<DocumentId> {
        self.find_where(prefix, is_in_trash)
    }

    fn find_where(&self, prefix: &str, is_meant: impl Fn(&[u8]) -> bool) -> Result<DocumentId> {
        unique(prefix, |from| {
            self.views.range(from..).filter(move |(_, packed)| is_meant(packed)).map(|(id, _)| *id)
        })
    }

    /// An item as the API shows it.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn item(&self, id: DocumentId) -> Result<Json> {
        let view = self.view(id).ok_or_else(|| Error::new("not-found").with("id", id))?;
        Ok(self.json_of(&view))
    }

    fn json_of(&self, view: &ItemView) -> Json {
        view.to_json(self.batches.provenance(view.id).as_ref())
    }

    /// The next items of a list, and where its rest begins.
    ///
    /// # Errors
    /// When there is no such kind.
    pub(crate) fn list(&self, list: &List) -> Result<Page> {
        if let Some(name) = &list.kind {
            schema::kind(name).filter(|kind| !kind.internal).ok_or_else(|| unknown_kind(name))?;
        }
        let mut page = Page::default();
        let mut views: Box<dyn Iterator<Item = ItemView>> = if list.trash {
            Box::new(self.trash_after(list.after))
        } else {
            Box::new(self.items_after(list.after))
        };
        let last = views.by_ref().take(PAGE_ITEMS).inspect(|view| {
            if list.has(view) {
                let provenance = if list.brief { None } else { self.batches.provenance(view.id) };
                page.push(&ItemJson { view, provenance: provenance.as_ref(), brief: list.brief });
            }
        });
        let last = last.last().map(|view| view.id);
        page.rest = views.next().map(|_| List { after: last, ..list.clone() });
        Ok(page)
    }

    /// Changes an item.
    ///
    /// # Errors
    /// When a field is not one of its kind, a value does not fit, or the disk refuses; nothing is
    /// changed then.
    pub(crate) fn edit(&mut self, id: DocumentId, raw: &RawEdit) -> Result<Json> {
        let view = self.view(id).ok_or_else(|| Error::new("not-found").with("id", id))?;
        let kind = schema::kind(&view.kind).ok_or_else(|| unknown_kind(&view.kind))?;
        let parse = |(name, value): (&String, &Json)| {
            let value = if value.is_null() {
                None
            } else {
                Some(schema::parse_field(kind, name, value).map_err(field_error)?)
            };
            Ok((name.clone(), value))
        };
        let set = raw.set.iter().map(parse).collect::<Result<_>>()?;
        let lists = |lists: &BTreeMap<String, Vec<String>>| lists.clone().into_iter().collect();
        let edit = Edit { set, add: lists(&raw.add), remove: lists(&raw.remove) };
        self.apply_edit(id, &edit)?;
        self.item(id)
    }

    /// Edits a document and saves it; a refused edit changes nothing.
    pub(super) fn apply_edit(&mut self, id: DocumentId, edit: &Edit) -> Result<()> {
        let mut document = self.take_document(id)?;
        let edited = document.edit(edit, clock::now(), &self.device().short(), entropy::bytes());
        match edited {
            Ok(()) => self.save_document(id, document),
            Err(error) => {
                self.loaded.put(id, document);
                Err(document_error(error))
            }
        }
    }

    /// Settles fields of which several values are offered.
    ///
    /// # Errors
    /// When one of them is not in conflict; else as [`Store::edit`].
    pub(crate) fn resolve(&mut self, id: DocumentId, set: RawFields) -> Result<Json> {
        let view = self.view(id).ok_or_else(|| Error::new("not-found").with("id", id))?;
        if let Some(field) = set.keys().find(|field| !view.conflicts.contains_key(*field)) {
            return Err(Error::new("not-a-conflict").with("field", field));
        }
        self.edit(id, &RawEdit { set, ..RawEdit::default() })
    }

    /// Who changed what, oldest first.
    ///
    /// # Errors
    /// When there is no such item, or the disk fails.
    pub(crate) fn history(&mut self, id: DocumentId) -> Result<Json> {
        let document = self.take_document(id)?;
        let changes = self.history_json(&document.history());
        self.loaded.put(id, document);
        Ok(json!({ "changes": changes }))
    }

    /// Entries of a history, with devices by their names.
    pub(super) fn history_json(&self, entries: &[HistoryEntry]) -> Json {
        let log = self.state().log();
        let name_of = |short: &String| {
            let device = log.certificates().find(|certificate| certificate.device.short() == *short);
            device.map_or_else(|| short.clone(), |certificate| certificate.name.clone())
        };
        let values = |values: &[Value]| values.iter().map(Value::to_json).collect::<Vec<_>>();
        let entries = entries
            .iter()
            .map(|entry| {
                let fields = entry.fields.iter().map(|change| {
                    json!({"field": change.field, "from": values(&change.from), "to": values(&change.to)})
                });
                json!({
                    "at": entry.at.and_then(rfc3339),
                    "device": entry.device.as_ref().map(name_of),
                    "source": entry.source,
                    "fields": fields.collect::<Vec<_>>(),
                })
            })
            .collect::<Vec<_>>();
        entries.into()
    }

    /// What has a date, newest first.
    ///
    /// # Errors
    /// When a bound is no date or a kind does not exist.
    pub(crate) fn timeline(&self, from: Option<&str>, to: Option<&str>, kind: Option<&str>) -> Result<Json> {
        if let Some(name) = kind {
            schema::kind(name).filter(|kind| !kind.internal).ok_or_else(|| unknown_kind(name))?;
        }
        let date = |field: &'static str, text: Option<&str>| {
            let parse = |text: &str| {
                text.parse::<PartialDate>()
                    .map_err(|_| Error::new("bad-date").with("field", field).with("value", text))
            };
            text.map(parse).transpose()
        };
        let range = TimeRange { from: date("from", from)?, to: date("to", to)? };
        let views: Vec<ItemView> = self
            .items()
            .filter(|view| kind.is_none_or(|kind| view.kind == kind))
            .filter(|view| !view.archived && view.sensitivity != schema::Sensitivity::Sealed)
            .collect();
        let entries: Vec<Json> = timeline(&views, &range).iter().map(|entry| entry.to_json()).collect();
        Ok(json!({ "entries": entries }))
    }

    /// How many items there are.
    pub(crate) fn item_count(&self) -> usize {
        self.views.values().filter(|packed| is_item(packed)).count()
    }
}

/// The only id that begins with `prefix`. `candidates` gives the ids from one on, in order.
pub(super) fn unique<I: Iterator<Item = DocumentId>>(
    prefix: &str,
    candidates: impl FnOnce(DocumentId) -> I,
) -> Result<DocumentId> {
    let prefix = prefix.trim().to_lowercase();
    if prefix.chars().count() < MIN_PREFIX_CHARS {
        return Err(Error::new("id-too-short").with("id", prefix).with("min", MIN_PREFIX_CHARS));
    }
    // Ids sort as their text does: the matches are neighbours, from the smallest possible one on.
    let smallest = format!("{prefix:a<26}").parse::<DocumentId>();
    let from = smallest.map_err(|_| Error::new("not-found").with("id", &prefix))?;
    let mut found = candidates(from).take_while(|id| id.to_string().starts_with(&prefix));
    match (found.next(), found.next()) {
        (Some(id), None) => Ok(id),
        (None, _) => Err(Error::new("not-found").with("id", prefix)),
        (Some(_), Some(_)) => Err(Error::new("ambiguous-id").with("id", prefix)),
    }
}

fn unknown_kind(name: &str) -> Error {
    let known: Vec<&str> = schema::kinds().filter(|kind| !kind.internal).map(|kind| kind.name).collect();
    Error::new("unknown-kind").with("kind", name).with("known", known.join(", "))
}

fn with_args(code: &'static str, args: Vec<(&'static str, String)>) -> Error {
    args.into_iter().fold(Error::new(code), |error, (name, value)| error.with(name, value))
}

fn field_error(error: FieldError) -> Error {
    with_args(error.code(), error.args())
}

/// An error of a document in a person's terms.
pub(super) fn document_error(error: DocumentError) -> Error {
    with_args(error.code(), error.args())
}
