//! Files of other services, read into rows that become items.
//!
//! 1. [`Format::detect`] looks at the content first and at the name second.
//! 2. [`read`] streams the source to a sink: rows, problems, progress, in the order of the file.
//!    It holds one row at a time, whatever the size of the file.
//! 3. Each row carries a stable key, so that the same row gives the same item on every device and
//!    at every import. What makes up the key of each table is said in [`linkedin`] and [`vcard`].
//!
//! A bad row is reported with its file, line and reason, and the others land. A source that is no
//! use at all is an [`ImportError`]. What files may cost in time and memory is bounded in
//! `limits.rs`; nothing that a file holds ends in a panic.
//!
//! Nothing is promised about what a file leaves out: an export that no longer lists a row does not
//! remove its item.

use std::{
    io::{Read, Seek, SeekFrom},
    ops::ControlFlow,
};

use crate::imported::ImportedRow;

mod charset;
mod dates;
mod detect;
mod draft;
mod keys;
mod limits;
mod lines;
pub mod linkedin;
mod out;
mod reason;
mod rows;
mod text;
pub mod vcard;

#[cfg(test)]
mod tests;

pub use reason::{Args, ImportError, Reason, RowProblem, Severity};

use out::{Out, Stop};

/// What an importer reads from.
pub trait ReadSeek: Read + Seek {}

impl<T: Read + Seek + ?Sized> ReadSeek for T {}

/// A format that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The export of a LinkedIn account: its ZIP, or one CSV file of it.
    LinkedIn,
    /// An address book of vCards, 2.1 to 4.0.
    VCard,
}

/// What reading a source brings, in the order of the source.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A row that becomes an item.
    Row(ImportedRow),
    /// Something to tell the person.
    Problem(RowProblem),
    /// How far reading is.
    Progress {
        /// Bytes read, unpacked.
        done: u64,
        /// Bytes in all, if known.
        total: Option<u64>,
        /// The file that is being read.
        what: String,
    },
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 2] = [Self::LinkedIn, Self::VCard];

    /// The name that `--as` takes and that provenance shows.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LinkedIn => "linkedin",
            Self::VCard => "vcard",
        }
    }

    /// The format of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// What a source is, by its content and then by its name; none when neither tells, or when the
    /// source cannot be read. Leaves the source at its beginning.
    ///
    /// A damaged ZIP counts as LinkedIn, the only format that comes as one: reading it then says
    /// that it is damaged, which helps more than "unknown".
    pub fn detect<S: Read + Seek>(name: &str, source: &mut S) -> Option<Self> {
        let found = detect::detect(name, source);
        source.rewind().ok()?;
        found
    }
}

/// Reads a whole source. The sink may end it early; that is no error.
///
/// # Errors
/// Says why nothing can be made of the source. Rows may have come before the disk failed.
pub fn read(
    format: Format,
    name: &str,
    source: &mut dyn ReadSeek,
    sink: &mut dyn FnMut(Event) -> ControlFlow<()>,
) -> Result<(), ImportError> {
    let mut out = Out::new(sink);
    let ended = match format {
        Format::LinkedIn => linkedin::read(name, source, &mut out),
        Format::VCard => vcard::read(name, source, &mut out),
    };
    match ended {
        Ok(()) | Err(Stop::Asked) => Ok(()),
        Err(Stop::Error(error)) => Err(error),
    }
}

/// The length of a source that is neither empty nor larger than what is read of one file.
fn checked_length(source: &mut dyn ReadSeek) -> Result<u64, ImportError> {
    let length = source.seek(SeekFrom::End(0))?;
    source.rewind()?;
    match length {
        0 => Err(ImportError::Empty),
        1..=limits::MAX_FILE_BYTES => Ok(length),
        _ => Err(ImportError::TooLarge { limit: limits::MAX_FILE_BYTES }),
    }
}

/// The charset of a source, which is left at its beginning.
fn charset_of(source: &mut dyn ReadSeek) -> Result<&'static encoding_rs::Encoding, ImportError> {
    let survey = charset::survey(&mut &mut *source, limits::MAX_FILE_BYTES);
    source.rewind()?;
    match survey {
        Ok(survey) => Ok(survey.encoding),
        Err(charset::SurveyError::TooLarge) => Err(ImportError::TooLarge { limit: limits::MAX_FILE_BYTES }),
        Err(charset::SurveyError::Read(error)) => Err(error.into()),
    }
}

/// The last part of a path, as the person knows it.
fn base_name(path: &str) -> String {
    text::one_line(path.rsplit(['/', '\\']).next().unwrap_or(path))
}
