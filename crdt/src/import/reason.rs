//! Why a row was skipped or failed, and why a whole source was refused.
//!
//! Each reason has a code that the interface turns into a sentence in the person's language, and
//! arguments for that sentence. Nothing here is a sentence.

use std::io;

/// Arguments of a reason, by name.
pub type Args = Vec<(&'static str, String)>;

/// Something to tell about one row, card or file of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowProblem {
    /// The file inside the source, or the source itself.
    pub file: String,
    /// The line where the row or card begins, from 1; 0 when the whole file is meant.
    pub row: u64,
    /// What happened.
    pub reason: Reason,
    /// Whether something that should have come in did not.
    pub fatal: bool,
}

/// What becomes of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// It came in; something small did not, or is worth knowing.
    Notice,
    /// It was left out on purpose.
    Skipped,
    /// It could not be read.
    Failed,
}

/// Why a row, card or file did not come in whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The row has another number of cells than the header.
    CellCount {
        /// Cells in the header.
        expected: usize,
        /// Cells in the row.
        found: usize,
    },
    /// The row or card is longer than the limit.
    RecordTooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// A quote opens in this row and is never closed.
    UnclosedQuote,
    /// A cell that the item cannot do without is empty.
    MissingField {
        /// The column or property.
        column: String,
    },
    /// A text is longer than what a field holds.
    FieldTooLong {
        /// The field.
        field: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// A connection of whom LinkedIn gives neither name nor address: the account was closed or
    /// its person wants it so.
    NamelessContact,
    /// A date could not be read; the item came in with the text in its note.
    BadDate {
        /// The column or property.
        column: String,
        /// The text as it was written.
        text: String,
    },
    /// A recommendation that its receiver does not show.
    NotVisible {
        /// The status as it was written.
        status: String,
    },
    /// An endorsement that was not accepted.
    NotAccepted {
        /// The status as it was written.
        status: String,
    },
    /// Pictures and sounds in cards were left out; the contacts came in.
    PhotoLeftOut {
        /// How many, in the whole file.
        count: u64,
    },
    /// A card inside another (an assistant's) was left out; the outer contact came in.
    AgentLeftOut,
    /// A card begins and does not end.
    UnterminatedCard,
    /// A card with nothing to name its contact by.
    EmptyCard,
    /// Files of the archive that no kind of item is made from.
    FilesNotMapped {
        /// How many.
        count: u64,
    },
    /// A file has the name of a known table but not its header.
    HeaderNotFound,
    /// A file inside the archive is larger than what is read of one.
    EntryTooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// A file inside the archive is damaged.
    EntryDamaged,
    /// A file inside the archive is encrypted, or packed in a way that is not read.
    EntryUnsupported,
    /// The rest of the file was left out after this many rows.
    TooManyRows {
        /// The limit.
        limit: u64,
    },
}

impl Reason {
    /// A stable word for this reason.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::CellCount { .. } => "cell-count",
            Self::RecordTooLong { .. } => "record-too-long",
            Self::UnclosedQuote => "unclosed-quote",
            Self::MissingField { .. } => "missing-field",
            Self::FieldTooLong { .. } => "field-too-long",
            Self::NamelessContact => "nameless-contact",
            Self::BadDate { .. } => "bad-date",
            Self::NotVisible { .. } => "not-visible",
            Self::NotAccepted { .. } => "not-accepted",
            Self::PhotoLeftOut { .. } => "photo-left-out",
            Self::AgentLeftOut => "agent-left-out",
            Self::UnterminatedCard => "unterminated-card",
            Self::EmptyCard => "empty-card",
            Self::FilesNotMapped { .. } => "files-not-mapped",
            Self::HeaderNotFound => "header-not-found",
            Self::EntryTooLarge { .. } => "entry-too-large",
            Self::EntryDamaged => "entry-damaged",
            Self::EntryUnsupported => "entry-unsupported",
            Self::TooManyRows { .. } => "too-many-rows",
        }
    }

    /// The arguments of the sentence.
    #[must_use]
    pub fn args(&self) -> Args {
        match self {
            Self::CellCount { expected, found } => {
                vec![("expected", expected.to_string()), ("found", found.to_string())]
            }
            Self::RecordTooLong { limit } => vec![("limit", limit.to_string())],
            Self::MissingField { column } => vec![("column", column.clone())],
            Self::FieldTooLong { field, limit } => {
                vec![("field", field.clone()), ("limit", limit.to_string())]
            }
            Self::BadDate { column, text } => {
                vec![("column", column.clone()), ("text", text.clone())]
            }
            Self::NotVisible { status } | Self::NotAccepted { status } => {
                vec![("status", status.clone())]
            }
            Self::PhotoLeftOut { count } | Self::FilesNotMapped { count } => {
                vec![("count", count.to_string())]
            }
            Self::EntryTooLarge { limit } | Self::TooManyRows { limit } => {
                vec![("limit", limit.to_string())]
            }
            Self::UnclosedQuote
            | Self::NamelessContact
            | Self::AgentLeftOut
            | Self::UnterminatedCard
            | Self::EmptyCard
            | Self::HeaderNotFound
            | Self::EntryDamaged
            | Self::EntryUnsupported => Vec::new(),
        }
    }

    /// What becomes of the row. A notice must not be counted as a skipped row: its row landed.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self {
            Self::BadDate { .. }
            | Self::PhotoLeftOut { .. }
            | Self::AgentLeftOut
            | Self::FilesNotMapped { .. } => Severity::Notice,
            Self::NotVisible { .. } | Self::NotAccepted { .. } | Self::NamelessContact | Self::EmptyCard => {
                Severity::Skipped
            }
            Self::CellCount { .. }
            | Self::RecordTooLong { .. }
            | Self::UnclosedQuote
            | Self::MissingField { .. }
            | Self::FieldTooLong { .. }
            | Self::UnterminatedCard
            | Self::HeaderNotFound
            | Self::EntryTooLarge { .. }
            | Self::EntryDamaged
            | Self::EntryUnsupported
            | Self::TooManyRows { .. } => Severity::Failed,
        }
    }

    pub(super) fn at(self, file: &str, row: u64) -> RowProblem {
        let fatal = self.severity() == Severity::Failed;
        RowProblem { file: file.to_owned(), row, reason: self, fatal }
    }
}

/// Why nothing could be read from a source.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The disk or the caller's reader failed.
    #[error("the source cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// There is nothing in it.
    #[error("the source is empty")]
    Empty,
    /// It is larger than what is read of one file.
    #[error("the source is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// A truncated or damaged ZIP.
    #[error("the archive is damaged or incomplete")]
    ArchiveDamaged,
    /// A ZIP with more files than what is read.
    #[error("the archive has more than {limit} files")]
    ArchiveTooManyFiles {
        /// The limit.
        limit: usize,
    },
    /// A ZIP of something else.
    #[error("the archive holds no file of a LinkedIn export")]
    ArchiveForeign,
    /// A file without the header of a LinkedIn table.
    #[error("the file has no header of a LinkedIn table")]
    NotLinkedIn,
    /// A file without a card.
    #[error("the file holds no vCard")]
    NotVCard,
}

impl ImportError {
    /// A stable word for this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "source-unreadable",
            Self::Empty => "source-empty",
            Self::TooLarge { .. } => "source-too-large",
            Self::ArchiveDamaged => "archive-damaged",
            Self::ArchiveTooManyFiles { .. } => "archive-too-many-files",
            Self::ArchiveForeign => "archive-foreign",
            Self::NotLinkedIn => "not-linkedin",
            Self::NotVCard => "not-vcard",
        }
    }

    /// The arguments of the sentence.
    #[must_use]
    pub fn args(&self) -> Args {
        match self {
            Self::Unreadable(error) => vec![("cause", error.to_string())],
            Self::TooLarge { limit } => vec![("limit", limit.to_string())],
            Self::ArchiveTooManyFiles { limit } => vec![("limit", limit.to_string())],
            Self::Empty
            | Self::ArchiveDamaged
            | Self::ArchiveForeign
            | Self::NotLinkedIn
            | Self::NotVCard => Vec::new(),
        }
    }
}
