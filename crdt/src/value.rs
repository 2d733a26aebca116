//! What a field holds, once read and checked.
//!
//! The serde form is tagged, because the node keeps views in a format that does not describe
//! itself (postcard); [`Value::to_json`] gives the plain JSON that people and programs see.

use serde::{Deserialize, Serialize};

use crate::date::PartialDate;

/// The value of one field.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Value {
    /// Any text, also of several lines.
    Text(String),
    /// A whole number.
    Int(i64),
    /// Yes or no.
    Bool(bool),
    /// A date known to some precision.
    Date(PartialDate),
    /// Several short texts; a set, kept in the order of writing.
    List(Vec<String>),
}

impl Value {
    /// Plain JSON: a string, number, boolean or array of strings.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::Int(number) => (*number).into(),
            Self::Bool(flag) => (*flag).into(),
            Self::Date(date) => date.to_string().into(),
            Self::List(entries) => entries.clone().into(),
        }
    }

    /// One line of text, for titles and lists; the entries of a list are joined by commas.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Int(number) => number.to_string(),
            Self::Bool(flag) => flag.to_string(),
            Self::Date(date) => date.to_string(),
            Self::List(entries) => entries.join(", "),
        }
    }

    /// Whether there is nothing in it: an empty text or list. Such a value is stored as absence.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::List(entries) => entries.is_empty(),
            Self::Int(_) | Self::Bool(_) | Self::Date(_) => false,
        }
    }

    /// The entries, when this is a list.
    #[must_use]
    pub fn as_list(&self) -> Option<&[String]> {
        match self {
            Self::List(entries) => Some(entries),
            _ => None,
        }
    }

    /// The date, when this is one.
    #[must_use]
    pub fn as_date(&self) -> Option<&PartialDate> {
        match self {
            Self::Date(date) => Some(date),
            _ => None,
        }
    }

    /// The text, when this is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<PartialDate> for Value {
    fn from(date: PartialDate) -> Self {
        Self::Date(date)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_plain() {
        let date: PartialDate = "2014-04".parse().expect("a date");
        assert_eq!(Value::Date(date).to_json(), serde_json::json!("2014-04"));
        assert_eq!(Value::List(vec!["a".into()]).to_json(), serde_json::json!(["a"]));
        assert_eq!(Value::Int(3).to_json(), serde_json::json!(3));
    }

    #[test]
    fn the_stored_form_round_trips_in_postcard() {
        let date: PartialDate = "2014-04-01T10:00[Europe/Paris]".parse().expect("a date");
        for value in [
            Value::Text("é".into()),
            Value::Int(-4),
            Value::Bool(true),
            Value::Date(date),
            Value::List(vec!["a".into(), String::new()]),
        ] {
            let bytes = postcard::to_allocvec(&value).expect("serialises");
            assert_eq!(postcard::from_bytes::<Value>(&bytes).expect("reads"), value);
        }
    }
}
