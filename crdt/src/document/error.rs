//! Why something cannot be done with a document.

use automerge::AutomergeError;

use crate::schema::FieldError;

/// Why something cannot be done with a document.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The bytes are not changes of a document: whoever wrote them is at fault.
    #[error("not a document")]
    Malformed,
    /// The bytes are more than any honest document needs.
    #[error("{bytes} bytes of changes, more than {limit}")]
    TooLarge {
        /// How many there are.
        bytes: usize,
        /// How many there may be.
        limit: usize,
    },
    /// The changes are sound, but what they build on has not come yet.
    #[error("the first changes are missing")]
    Incomplete,
    /// A newer version wrote a kind that this one does not know: it can be read, not edited.
    #[error("unknown kind {0}")]
    UnknownKind(String),
    /// An item of one kind was asked to take in a row of another.
    #[error("a {item} cannot take in a {row}")]
    OtherKind {
        /// The kind of the item.
        item: String,
        /// The kind of the row.
        row: String,
    },
    /// The caller's value does not fit its field.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// Stored bytes are too long, or there are too many attachments.
    #[error("more than {limit} {unit}")]
    Full {
        /// The bound.
        limit: usize,
        /// What the bound counts.
        unit: &'static str,
    },
    /// The merging engine refused a change of ours: the document lacks a part of its shape.
    #[error("the document cannot be changed: {0}")]
    Engine(#[from] AutomergeError),
}

impl DocumentError {
    /// The code that messages are looked up by.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "document-malformed",
            Self::TooLarge { .. } => "document-too-large",
            Self::Incomplete => "document-incomplete",
            Self::UnknownKind(_) => "unknown-kind",
            Self::OtherKind { .. } => "other-kind",
            Self::Field(error) => error.code(),
            Self::Full { .. } => "document-full",
            Self::Engine(_) => "document-failed",
        }
    }

    /// What the message says it about.
    #[must_use]
    pub fn args(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Malformed | Self::Incomplete => Vec::new(),
            Self::TooLarge { bytes, limit } => {
                vec![("bytes", bytes.to_string()), ("limit", limit.to_string())]
            }
            Self::UnknownKind(kind) => vec![("kind", kind.clone())],
            Self::OtherKind { item, row } => vec![("item", item.clone()), ("row", row.clone())],
            Self::Field(error) => error.args(),
            Self::Full { limit, unit } => {
                vec![("limit", limit.to_string()), ("unit", (*unit).to_owned())]
            }
            Self::Engine(error) => vec![("reason", error.to_string())],
        }
    }
}
