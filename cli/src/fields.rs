//! `FIELD=VALUE`, `FIELD=`, `FIELD+=VALUE` and `FIELD-=VALUE`, as typed on the line.
//!
//! The shape of a field (number, yes or no, list) comes from its kind, so that the API gets
//! typed JSON. A field or kind unknown here is sent as text: the node has the last word.

use crate::error::Failure;
use crate::t;
use musette_node::schema::{self, Shape};
use serde_json::{Map, Value, json};

/// One word of the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Assignment {
    field: String,
    operator: Operator,
    value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Set,
    Add,
    Remove,
}

/// What clap calls for each word.
pub(crate) fn parse(word: &str) -> Result<Assignment, String> {
    let (field, value) = word.split_once('=').ok_or_else(|| t!("usage-field-value"))?;
    let (field, operator) = match (field.strip_suffix('+'), field.strip_suffix('-')) {
        (Some(field), _) => (field, Operator::Add),
        (None, Some(field)) => (field, Operator::Remove),
        (None, None) => (field, Operator::Set),
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if field.is_empty() || !field.chars().all(is_name) {
        return Err(t!("usage-field-value"));
    }
    Ok(Assignment { field: field.to_owned(), operator, value: value.to_owned() })
}

/// The fields of a new item; a field given twice is a list.
pub(crate) fn for_new(kind: &str, words: &[Assignment]) -> Result<Value, Failure> {
    if words.iter().any(|word| word.operator == Operator::Remove) {
        return Err(Failure::usage(t!("usage-nothing-to-remove")));
    }
    Ok(Value::Object(collect(kind, words.iter())))
}

/// The body of an edit.
pub(crate) fn for_edit(kind: &str, words: &[Assignment]) -> Value {
    let with = |operator| words.iter().filter(move |word| word.operator == operator);
    let mut set = Map::new();
    let (cleared, given): (Vec<_>, Vec<_>) = with(Operator::Set).partition(|word| word.value.is_empty());
    for word in cleared {
        set.insert(word.field.clone(), Value::Null);
    }
    set.append(&mut collect(kind, given.into_iter()));
    json!({
        "set": set,
        "add": lists(with(Operator::Add)),
        "remove": lists(with(Operator::Remove)),
    })
}

fn collect<'a>(kind: &str, words: impl Iterator<Item = &'a Assignment>) -> Map<String, Value> {
    let mut fields: Map<String, Value> = Map::new();
    for word in words {
        let value = typed(kind, &word.field, &word.value);
        let merged = match fields.remove(&word.field) {
            None => value,
            Some(earlier) => Value::Array([as_list(earlier), as_list(value)].concat()),
        };
        fields.insert(word.field.clone(), merged);
    }
    fields
}

fn lists<'a>(words: impl Iterator<Item = &'a Assignment>) -> Map<String, Value> {
    let mut fields: Map<String, Value> = Map::new();
    for word in words {
        let list = fields.entry(word.field.clone()).or_insert_with(|| json!([]));
        if let Value::Array(list) = list {
            list.push(Value::from(word.value.clone()));
        }
    }
    fields
}

fn as_list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(list) => list,
        single => vec![single],
    }
}

fn typed(kind: &str, field: &str, text: &str) -> Value {
    let shape = schema::kind(kind).and_then(|kind| kind.field(field)).map(|field| field.shape);
    match shape {
        Some(Shape::List) => json!([text]),
        Some(Shape::Int) => text.parse::<i64>().map_or_else(|_| text.into(), Value::from),
        Some(Shape::Bool) => yes_or_no(text).map_or_else(|| text.into(), Value::from),
        _ => text.into(),
    }
}

fn yes_or_no(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "yes" | "true" | "oui" | "vrai" => Some(true),
        "no" | "false" | "non" | "faux" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &[&str]) -> Vec<Assignment> {
        line.iter().map(|word| parse(word).unwrap()).collect()
    }

    #[test]
    fn a_field_given_twice_is_a_list() {
        let words = words(&["title=Logo", "people=A", "people=B=C"]);
        assert_eq!(for_new("unknown", &words).unwrap(), json!({"title": "Logo", "people": ["A", "B=C"]}));
    }

    #[test]
    fn an_edit_sets_clears_adds_and_removes() {
        let words = words(&["role=Graphiste", "to=", "tags+=bio", "tags-=old", "tags+=local"]);
        assert_eq!(
            for_edit("unknown", &words),
            json!({
                "set": {"role": "Graphiste", "to": null},
                "add": {"tags": ["bio", "local"]},
                "remove": {"tags": ["old"]},
            })
        );
    }

    #[test]
    fn a_common_list_field_is_a_list_even_with_one_value() {
        assert_eq!(for_new("note", &words(&["tags=bio"])).unwrap(), json!({"tags": ["bio"]}));
    }

    #[test]
    fn words_that_are_no_assignment_are_refused() {
        for word in ["", "role", "=x", "+=x", "-=x", "a b=x"] {
            assert!(parse(word).is_err(), "{word}");
        }
        assert!(for_new("note", &words(&["tags-=x"])).is_err());
    }
}
