//! From raw JSON to a checked value: the only way in for what people and programs type.

use std::collections::BTreeSet;

use musette_protocol::id::DocumentId;

use super::{Kind, Shape};
use crate::{
    date::PartialDate,
    limits::{MAX_LIST_ENTRIES, MAX_TEXT_BYTES},
    value::Value,
};

/// How far a mistyped name may be from a field's name to be suggested, in edits.
const NEAREST_EDITS: usize = 3;

/// Why a value is refused. The caller is at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// The kind has no such field.
    #[error("{kind} has no field {field}")]
    Unknown {
        /// The kind.
        kind: String,
        /// The name that was given.
        field: String,
        /// The fields there are, joined by commas.
        known: String,
        /// The one that was probably meant.
        nearest: Option<&'static str>,
    },
    /// Not a date of any precision.
    #[error("{field}: not a date: {value}")]
    BadDate {
        /// The field.
        field: String,
        /// What was given.
        value: String,
    },
    /// Not a whole number.
    #[error("{field}: not a whole number: {value}")]
    BadNumber {
        /// The field.
        field: String,
        /// What was given.
        value: String,
    },
    /// Not one of the allowed words.
    #[error("{field}: {value} is not one of {allowed}")]
    BadChoice {
        /// The field.
        field: String,
        /// What was given.
        value: String,
        /// The allowed words, joined by commas.
        allowed: String,
    },
    /// Not the id of an item.
    #[error("{field}: not an id: {value}")]
    BadId {
        /// The field.
        field: String,
        /// What was given.
        value: String,
    },
    /// JSON of another form than the field holds, such as an object.
    #[error("{field}: not a {expected}")]
    BadType {
        /// The field.
        field: String,
        /// What the field holds: `text` or `list`.
        expected: &'static str,
    },
    /// Entries were to be added to or removed from a field that is not a list.
    #[error("{field} is not a list")]
    NotAList {
        /// The field.
        field: String,
    },
    /// Longer than a field may be.
    #[error("{field}: more than {limit} {unit}")]
    TooLong {
        /// The field.
        field: String,
        /// The bound.
        limit: usize,
        /// What the bound counts: `bytes` or `entries`.
        unit: &'static str,
    },
}

impl FieldError {
    /// The code that messages are looked up by.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "unknown-field",
            Self::BadDate { .. } => "bad-date",
            Self::BadNumber { .. } => "bad-number",
            Self::BadChoice { .. } => "bad-choice",
            Self::BadId { .. } => "bad-id",
            Self::BadType { .. } => "bad-type",
            Self::NotAList { .. } => "not-a-list",
            Self::TooLong { .. } => "too-long",
        }
    }

    /// What the message says it about.
    #[must_use]
    pub fn args(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Unknown { kind, field, known, nearest } => {
                let mut args =
                    vec![("kind", kind.clone()), ("field", field.clone()), ("known", known.clone())];
                args.extend(nearest.map(|nearest| ("nearest", nearest.to_owned())));
                args
            }
            Self::BadDate { field, value }
            | Self::BadNumber { field, value }
            | Self::BadId { field, value } => {
                vec![("field", field.clone()), ("value", value.clone())]
            }
            Self::BadChoice { field, value, allowed } => {
                vec![("field", field.clone()), ("value", value.clone()), ("allowed", allowed.clone())]
            }
            Self::BadType { field, expected } => {
                vec![("field", field.clone()), ("expected", (*expected).to_owned())]
            }
            Self::NotAList { field } => vec![("field", field.clone())],
            Self::TooLong { field, limit, unit } => {
                vec![("field", field.clone()), ("limit", limit.to_string()), ("unit", (*unit).to_owned())]
            }
        }
    }
}

/// Reads the value of a field from what a person or program gave.
///
/// Text stands for anything that it can be read as: `"12"` for a number, `"true"` for yes, one
/// text for a list of one. Control characters are taken out, because the canonical forms that are
/// signed later disagree about them; blanks around a text are too.
pub fn parse_field(kind: &Kind, name: &str, raw: &serde_json::Value) -> Result<Value, FieldError> {
    let field = kind.field(name).ok_or_else(|| unknown(kind, name))?;
    let text = || scalar_text(name, raw);
    let value = match field.shape {
        Shape::Text | Shape::Url => Value::Text(clean(&text()?, false)),
        Shape::LongText => Value::Text(clean(&text()?, true)),
        Shape::Choice(_) => Value::Text(text()?.trim().to_owned()),
        Shape::List => Value::List(parse_list(name, raw)?),
        Shape::Date => parse_date(name, &text()?)?,
        Shape::Int => parse_int(name, &text()?)?,
        Shape::Bool => parse_bool(name, &text()?)?,
    };
    check_field(kind, name, &value)?;
    Ok(value)
}

/// Checks a value that is already typed, such as one that an importer made.
pub fn check_field(kind: &Kind, name: &str, value: &Value) -> Result<(), FieldError> {
    let field = kind.field(name).ok_or_else(|| unknown(kind, name))?;
    let owned = || name.to_owned();
    match (field.shape, value) {
        // An empty text empties any field.
        (_, Value::Text(text)) if text.is_empty() => Ok(()),
        (Shape::Text | Shape::LongText | Shape::Url, Value::Text(text)) => check_text(name, text),
        (Shape::Choice(allowed), Value::Text(text)) => {
            if allowed.contains(&text.as_str()) {
                return Ok(());
            }
            let (value, allowed) = (shown(text), allowed.join(", "));
            Err(FieldError::BadChoice { field: owned(), value, allowed })
        }
        (Shape::List, Value::List(entries)) => check_list(name, entries),
        (Shape::Int, Value::Int(_)) | (Shape::Bool, Value::Bool(_)) | (Shape::Date, Value::Date(_)) => Ok(()),
        (Shape::Date, other) => Err(FieldError::BadDate { field: owned(), value: shown(&other.to_text()) }),
        (Shape::Int, other) => Err(FieldError::BadNumber { field: owned(), value: shown(&other.to_text()) }),
        (Shape::Bool, other) => Err(bad_bool(name, &other.to_text())),
        (Shape::List, _) => Err(FieldError::BadType { field: owned(), expected: "list" }),
        _ => Err(FieldError::BadType { field: owned(), expected: "text" }),
    }
}

fn unknown(kind: &Kind, name: &str) -> FieldError {
    let known: Vec<_> = kind.field_names().collect();
    FieldError::Unknown {
        kind: kind.name.to_owned(),
        field: shown(name),
        nearest: nearest(name, &known),
        known: known.join(", "),
    }
}

/// What an error repeats of the input: enough to recognise it.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

fn scalar_text(name: &str, raw: &serde_json::Value) -> Result<String, FieldError> {
    match raw {
        serde_json::Value::String(text) => Ok(text.clone()),
        serde_json::Value::Number(number) => Ok(number.to_string()),
        serde_json::Value::Bool(flag) => Ok(flag.to_string()),
        serde_json::Value::Array(entries) if entries.len() == 1 && !entries[0].is_array() => {
            scalar_text(name, &entries[0])
        }
        _ => Err(FieldError::BadType { field: name.to_owned(), expected: "text" }),
    }
}

fn clean(text: &str, lines: bool) -> String {
    let one_kind_of_break = text.replace("\r\n", "\n").replace('\r', "\n");
    one_kind_of_break
        .chars()
        .map(|c| if !lines && c.is_whitespace() { ' ' } else { c })
        .filter(|&c| !c.is_control() || (lines && (c == '\n' || c == '\t')))
        .collect::<String>()
        .trim()
        .to_owned()
}

fn parse_list(name: &str, raw: &serde_json::Value) -> Result<Vec<String>, FieldError> {
    let serde_json::Value::Array(entries) = raw else {
        let one = clean(&scalar_text(name, raw)?, false);
        return Ok(if one.is_empty() { Vec::new() } else { vec![one] });
    };
    let mut seen = BTreeSet::new();
    let mut list = Vec::new();
    for entry in entries {
        let entry = clean(&scalar_text(name, entry)?, false);
        if !entry.is_empty() && seen.insert(entry.clone()) {
            list.push(entry);
        }
    }
    Ok(list)
}

fn parse_date(name: &str, text: &str) -> Result<Value, FieldError> {
    match text.trim() {
        "" => Ok(Value::Text(String::new())),
        text => text
            .parse::<PartialDate>()
            .map(Value::Date)
            .map_err(|_| FieldError::BadDate { field: name.to_owned(), value: shown(text) }),
    }
}

fn parse_int(name: &str, text: &str) -> Result<Value, FieldError> {
    match text.trim() {
        "" => Ok(Value::Text(String::new())),
        text => text
            .parse()
            .map(Value::Int)
            .map_err(|_| FieldError::BadNumber { field: name.to_owned(), value: shown(text) }),
    }
}

fn parse_bool(name: &str, text: &str) -> Result<Value, FieldError> {
    match text.trim() {
        "" => Ok(Value::Text(String::new())),
        "true" | "yes" | "oui" => Ok(Value::Bool(true)),
        "false" | "no" | "non" => Ok(Value::Bool(false)),
        other => Err(bad_bool(name, other)),
    }
}

fn bad_bool(name: &str, value: &str) -> FieldError {
    FieldError::BadChoice { field: name.to_owned(), value: shown(value), allowed: "true, false".to_owned() }
}

fn check_text(name: &str, text: &str) -> Result<(), FieldError> {
    if text.len() <= MAX_TEXT_BYTES {
        return Ok(());
    }
    Err(FieldError::TooLong { field: name.to_owned(), limit: MAX_TEXT_BYTES, unit: "bytes" })
}

fn check_list(name: &str, entries: &[String]) -> Result<(), FieldError> {
    if entries.len() > MAX_LIST_ENTRIES {
        let field = name.to_owned();
        return Err(FieldError::TooLong { field, limit: MAX_LIST_ENTRIES, unit: "entries" });
    }
    for entry in entries {
        check_text(name, entry)?;
        if name == "links" && entry.parse::<DocumentId>().is_err() {
            return Err(FieldError::BadId { field: name.to_owned(), value: shown(entry) });
        }
    }
    Ok(())
}

fn nearest(name: &str, known: &[&'static str]) -> Option<&'static str> {
    // A longer name than any field's is no slip of the finger, and the distance is quadratic.
    if name.len() > 40 {
        return None;
    }
    known
        .iter()
        .map(|&candidate| (edit_distance(name, candidate), candidate))
        .filter(|&(edits, candidate)| edits <= NEAREST_EDITS.min(candidate.len() / 2))
        .min_by_key(|&(edits, _)| edits)
        .map(|(_, candidate)| candidate)
}

fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &to) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::kind;

    fn parse(field: &str, raw: serde_json::Value) -> Result<Value, FieldError> {
        parse_field(kind("activity").expect("a kind"), field, &raw)
    }

    fn code(field: &str, raw: serde_json::Value) -> &'static str {
        parse(field, raw).expect_err("must be refused").code()
    }

    #[test]
    fn reads_each_shape() {
        assert_eq!(parse("role", json!(" Gra\u{0}phiste\n ")), Ok("Graphiste".into()));
        assert_eq!(parse("description", json!("a\r\nb")), Ok("a\nb".into()));
        assert_eq!(parse("hours", json!("12")), Ok(Value::Int(12)));
        assert_eq!(parse("archived", json!(true)), Ok(Value::Bool(true)));
        assert_eq!(parse("skills", json!("a")), Ok(Value::List(vec!["a".into()])));
        let deduplicated = parse("skills", json!(["a", "b", "a", ""]));
        assert_eq!(deduplicated, Ok(Value::List(vec!["a".into(), "b".into()])));
        assert_eq!(parse("sensitivity", json!("sealed")), Ok("sealed".into()));
        let date = "2014-04".parse::<PartialDate>().expect("a date");
        assert_eq!(parse("from", json!("2014-04")), Ok(Value::Date(date)));
        assert!(parse("from", json!("")).expect("emptied").is_empty());
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(code("from", json!("soon")), "bad-date");
        assert_eq!(code("hours", json!("1.5")), "bad-number");
        assert_eq!(code("archived", json!("perhaps")), "bad-choice");
        assert_eq!(code("sensitivity", json!("secret")), "bad-choice");
        assert_eq!(code("links", json!(["x"])), "bad-id");
        assert_eq!(code("role", json!({})), "bad-type");
        assert_eq!(code("role", json!([["a"]])), "bad-type");
        assert_eq!(code("role", json!("x".repeat(MAX_TEXT_BYTES + 1))), "too-long");
        let many: Vec<_> = (0..=MAX_LIST_ENTRIES).map(|n| n.to_string()).collect();
        assert_eq!(code("skills", json!(many)), "too-long");
    }

    #[test]
    fn an_unknown_field_names_the_known_and_the_nearest() {
        let error = parse("organization", json!("x")).expect_err("no such field");
        assert_eq!(error.code(), "unknown-field");
        let args = error.args();
        assert!(args.contains(&("nearest", "organisation".to_owned())), "{args:?}");
        assert!(args.iter().any(|(name, text)| *name == "known" && text.starts_with("role, ")));
        let far = parse("zzzzzzzz", json!("x")).expect_err("no such field");
        assert!(!far.args().iter().any(|(name, _)| *name == "nearest"));
    }

    #[test]
    fn a_typed_value_of_another_shape_is_refused() {
        let activity = kind("activity").expect("a kind");
        let refused = check_field(activity, "from", &"2014".into()).expect_err("a text");
        assert_eq!(refused.code(), "bad-date");
        let refused = check_field(activity, "skills", &"a".into()).expect_err("a text");
        assert_eq!(refused.code(), "bad-type");
        assert!(check_field(activity, "role", &Value::Int(1)).is_err());
    }
}
