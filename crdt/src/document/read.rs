//! Reading the state of a document, now or at an earlier point.
//!
//! Nothing here trusts the document: a value of a form that its field does not have is shown as
//! plain text, an object where none belongs as a list of its entries, and what a newer version
//! wrote under names that this one does not know is shown as it is.

use std::collections::{BTreeMap, BTreeSet};

use automerge::{Automerge, ChangeHash, ObjId, ObjType, ROOT, ReadDoc, ScalarValue, Value as Stored};

use crate::{
    limits::MAX_LIST_ENTRIES,
    schema::{Kind, Shape},
    value::Value,
};

/// Root keys that are fields like any other for people.
pub(crate) const ROOT_FIELDS: [&str; 8] =
    ["archived", "labels", "links", "removed", "sensitivity", "spheres", "tags", "undone"];

/// Every field that holds something, with each value on offer: one, or several after a conflict,
/// sorted and without repetition.
pub(crate) type State = BTreeMap<String, Vec<Value>>;

/// A document at a point of its history.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) doc: &'a Automerge,
    pub(crate) kind: Option<&'static Kind>,
    pub(crate) heads: Option<&'a [ChangeHash]>,
}

impl<'a> Reader<'a> {
    /// The document as it is now.
    pub(crate) fn now(doc: &'a Automerge, kind: Option<&'static Kind>) -> Self {
        Self { doc, kind, heads: None }
    }

    /// The document as it was when these changes were its newest.
    pub(crate) fn at(self, heads: &'a [ChangeHash]) -> Self {
        Self { heads: Some(heads), ..self }
    }

    /// The object under this key, if there is one.
    pub(crate) fn object(&self, parent: &ObjId, key: &str) -> Option<ObjId> {
        let found = match self.heads {
            None => self.doc.get(parent, key),
            Some(heads) => self.doc.get_at(parent, key, heads),
        };
        found.ok().flatten().filter(|(value, _)| value.is_object()).map(|(_, id)| id)
    }

    /// The text under this key, if there is one.
    pub(crate) fn text(&self, parent: &ObjId, key: &str) -> Option<String> {
        self.all(parent, key).pop().and_then(|(value, _)| text_of(&value))
    }

    /// Everything under this key, the winner last: more than one only after a conflict.
    pub(crate) fn all(&self, parent: &ObjId, key: &str) -> Vec<(Stored<'a>, ObjId)> {
        let found = match self.heads {
            None => self.doc.get_all(parent, key),
            Some(heads) => self.doc.get_all_at(parent, key, heads),
        };
        found.unwrap_or_default()
    }

    /// The keys of a map with the winning value of each, and whether others are on offer.
    pub(crate) fn entries(&self, map: &ObjId) -> Vec<(String, Stored<'static>, ObjId, bool)> {
        let range = match self.heads {
            None => self.doc.map_range(map, ..),
            Some(heads) => self.doc.map_range_at(map, .., heads),
        };
        range
            .map(|item| {
                let (id, conflict) = (item.id(), item.conflict);
                (item.key.into_owned(), item.value.into_value(), id, conflict)
            })
            .collect()
    }

    /// Every field that holds something.
    pub(crate) fn state(&self) -> State {
        let mut state = State::new();
        for (key, value, id, conflict) in self.entries(&ROOT) {
            if key == "fields" && value.is_object() {
                for (key, value, inner, conflict) in self.entries(&id) {
                    self.collect(&mut state, &id, key, (value, inner, conflict));
                }
            } else if ROOT_FIELDS.contains(&key.as_str()) {
                self.collect(&mut state, &ROOT, key, (value, id, conflict));
            }
        }
        state
    }

    /// Every value on offer for one field.
    pub(crate) fn field(&self, name: &str) -> Vec<Value> {
        let parent = if ROOT_FIELDS.contains(&name) {
            ROOT
        } else {
            let Some(fields) = self.object(&ROOT, "fields") else { return Vec::new() };
            fields
        };
        self.values(&parent, name)
    }

    fn collect(
        &self,
        state: &mut State,
        parent: &ObjId,
        key: String,
        (value, id, conflict): (Stored<'_>, ObjId, bool),
    ) {
        let values = if conflict {
            self.values(parent, &key)
        } else {
            self.value(&key, &value, &id).into_iter().collect()
        };
        if !values.is_empty() {
            state.insert(key, values);
        }
    }

    fn values(&self, parent: &ObjId, key: &str) -> Vec<Value> {
        let all = self.all(parent, key);
        let values: BTreeSet<Value> =
            all.iter().filter_map(|(value, id)| self.value(key, value, id)).collect();
        values.into_iter().collect()
    }

    fn value(&self, name: &str, stored: &Stored<'_>, id: &ObjId) -> Option<Value> {
        let value = match stored {
            Stored::Scalar(scalar) => self.scalar(name, scalar)?,
            Stored::Object(ObjType::List) => Value::List(self.list(id)),
            Stored::Object(ObjType::Text) => Value::Text(self.doc.text(id).unwrap_or_default()),
            Stored::Object(ObjType::Map | ObjType::Table) => Value::List(
                self.entries(id)
                    .into_iter()
                    .take(MAX_LIST_ENTRIES)
                    .filter_map(|(key, value, ..)| Some(format!("{key}: {}", text_of(&value)?)))
                    .collect(),
            ),
        };
        (!value.is_empty()).then_some(value)
    }

    fn scalar(&self, name: &str, scalar: &ScalarValue) -> Option<Value> {
        let shape = self.kind.and_then(|kind| kind.field(name)).map(|field| field.shape);
        Some(match scalar {
            ScalarValue::Str(text) if shape == Some(Shape::Date) => match text.parse() {
                Ok(date) => Value::Date(date),
                Err(_) => Value::Text(text.to_string()),
            },
            ScalarValue::Int(number) => Value::Int(*number),
            ScalarValue::Boolean(flag) => Value::Bool(*flag),
            other => Value::Text(scalar_text(other)?),
        })
    }

    /// The entries of a list without repetition, in their order. Two devices that add the same
    /// entry make two, so a set is what both meant.
    pub(crate) fn list(&self, list: &ObjId) -> Vec<String> {
        let len = match self.heads {
            None => self.doc.length(list),
            Some(heads) => self.doc.length_at(list, heads),
        };
        // Most lists of most items are: to begin a range of each takes longer than all else of a view.
        if len == 0 {
            return Vec::new();
        }
        let range = match self.heads {
            None => self.doc.list_range(list, ..),
            Some(heads) => self.doc.list_range_at(list, .., heads),
        };
        let mut seen = BTreeSet::new();
        range
            .take(MAX_LIST_ENTRIES)
            .filter_map(|item| text_of(&item.value.into_value()))
            .filter(|entry| seen.insert(entry.clone()))
            .collect()
    }
}

fn text_of(value: &Stored<'_>) -> Option<String> {
    match value {
        Stored::Scalar(scalar) => scalar_text(scalar),
        Stored::Object(_) => None,
    }
}

fn scalar_text(scalar: &ScalarValue) -> Option<String> {
    match scalar {
        ScalarValue::Str(text) => Some(text.to_string()),
        ScalarValue::Int(number) | ScalarValue::Timestamp(number) => Some(number.to_string()),
        ScalarValue::Uint(number) => Some(number.to_string()),
        ScalarValue::F64(number) => Some(number.to_string()),
        ScalarValue::Counter(counter) => Some(i64::from(counter).to_string()),
        ScalarValue::Boolean(flag) => Some(flag.to_string()),
        ScalarValue::Bytes(bytes) => Some(musette_protocol::id::base32().encode(bytes)),
        ScalarValue::Null | ScalarValue::Unknown { .. } => None,
    }
}

/// How a value is stored where it is not a list.
pub(crate) fn to_scalar(value: &Value) -> ScalarValue {
    match value {
        Value::Int(number) => ScalarValue::Int(*number),
        Value::Bool(flag) => ScalarValue::Boolean(*flag),
        Value::Text(_) | Value::Date(_) | Value::List(_) => ScalarValue::Str(value.to_text().into()),
    }
}
