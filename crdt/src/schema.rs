//! What kinds of item there are and what their fields hold.
//!
//! A [`Kind`] is a constant: its fields, their shapes, its names in French and English, how
//! guarded it is by default. The list of them is in [`crate::items`]; this module has the types,
//! the fields that every kind shares, and the one place where raw input becomes a [`Value`](crate::value::Value):
//! [`parse_field`]. Whatever went through it needs no second check.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

mod parse;

pub use parse::{FieldError, check_field, parse_field};

pub use crate::items::{kind, kinds};

/// A word in the languages of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    /// In English.
    pub en: &'static str,
    /// In French.
    pub fr: &'static str,
}

/// How far an item is guarded, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub enum Sensitivity {
    /// May be suggested for sharing.
    Ordinary,
    /// Shared only by an explicit choice.
    #[default]
    Personal,
    /// A warning at each share.
    Confidential,
    /// Hidden from lists, search and suggestions.
    Sealed,
}

impl Sensitivity {
    /// Every level, from least to most guarded.
    pub const ALL: [Self; 4] = [Self::Ordinary, Self::Personal, Self::Confidential, Self::Sealed];

    /// The name in JSON and in documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ordinary => "ordinary",
            Self::Personal => "personal",
            Self::Confidential => "confidential",
            Self::Sealed => "sealed",
        }
    }
}

impl fmt::Display for Sensitivity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Sensitivity {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|level| level.name() == text).ok_or(())
    }
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One line of text.
    Text,
    /// Text of several lines.
    LongText,
    /// A whole number.
    Int,
    /// Yes or no.
    Bool,
    /// A date of any precision.
    Date,
    /// A set of short texts.
    List,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A web address. Kept as written: exports hold addresses that no rule accepts.
    Url,
}

/// One field of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its name in JSON and in documents.
    pub name: &'static str,
    /// Its name for people.
    pub label: Label,
    /// What it holds.
    pub shape: Shape,
    /// Legal labels that whatever is written here carries, such as `discrimination:age`.
    pub labels: &'static [&'static str],
    /// The schema number of its kind that brought this field.
    pub since: u32,
}

impl Field {
    /// A field that was there from the first schema on and carries no legal label.
    #[must_use]
    pub const fn new(name: &'static str, shape: Shape, en: &'static str, fr: &'static str) -> Self {
        Self { name, label: Label { en, fr }, shape, labels: &[], since: 1 }
    }

    /// The same field, carrying legal labels.
    #[must_use]
    pub const fn labelled(self, labels: &'static [&'static str]) -> Self {
        Self { labels, ..self }
    }

    /// The same field, brought by a later schema of its kind.
    #[must_use]
    pub const fn since(self, schema: u32) -> Self {
        Self { since: schema, ..self }
    }
}

/// Where an item stands on the time-line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Nowhere.
    Never,
    /// At the date in this field.
    At(&'static str),
    /// From the date in the first field to the one in the second; a moment when that is empty.
    Span(&'static str, &'static str),
    /// The same, but still going on when the second is empty.
    Lasting(&'static str, &'static str),
}

/// One kind of item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// Its name in JSON, in documents and in commands.
    pub name: &'static str,
    /// Its name for people.
    pub label: Label,
    /// The name of several.
    pub plural: Label,
    /// The newest schema number. Raised by one with every change to what its shape changes create.
    pub schema: u32,
    /// Its own fields, in the order of showing.
    pub fields: &'static [Field],
    /// The fields whose texts, joined by commas, are the title.
    pub title: &'static [&'static str],
    /// Where it stands on the time-line.
    pub when: When,
    /// How guarded a new one is.
    pub sensitivity: Sensitivity,
    /// The legal labels of a new one.
    pub labels: &'static [&'static str],
    /// Whether it holds the program's own state and is never listed.
    pub internal: bool,
}

impl Kind {
    /// The field of this name, own or common.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.own_field(name).or_else(|| COMMON_FIELDS.iter().find(|field| field.name == name))
    }

    /// The field of this name, if it is not one that all kinds share.
    #[must_use]
    pub fn own_field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The names of its own fields and then of the common ones.
    pub fn field_names(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.fields.iter().chain(COMMON_FIELDS).map(|field| field.name)
    }
}

/// The fields that every kind has.
pub const COMMON_FIELDS: &[Field] = &[
    Field::new("note", Shape::LongText, "Note", "Note"),
    Field::new("tags", Shape::List, "Tags", "Étiquettes"),
    Field::new("spheres", Shape::List, "Spheres", "Sphères"),
    Field::new("labels", Shape::List, "Legal labels", "Mentions légales"),
    Field::new(
        "sensitivity",
        Shape::Choice(&["ordinary", "personal", "confidential", "sealed"]),
        "Sensitivity",
        "Sensibilité",
    ),
    Field::new("links", Shape::List, "Linked items", "Éléments liés"),
    Field::new("archived", Shape::Bool, "Archived", "Archivé"),
    Field::new("removed", Shape::Bool, "In the trash", "À la corbeille"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sensitivity_is_ordered_and_named() {
        assert!(Sensitivity::Ordinary < Sensitivity::Personal);
        assert!(Sensitivity::Confidential < Sensitivity::Sealed);
        for level in Sensitivity::ALL {
            assert_eq!(level.to_string().parse(), Ok(level));
        }
        assert!("secret".parse::<Sensitivity>().is_err());
    }
}
