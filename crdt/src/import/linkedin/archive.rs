//! The ZIP of a LinkedIn export.
//!
//! 1. The directory is read through a reader with a budget, so that a forged one cannot fill the
//!    memory.
//! 2. Files are chosen by name, wherever in the archive they are; a CSV file whose name says
//!    nothing is opened as far as its header.
//! 3. Each chosen file is read twice: for its charset and its real size, then for its rows. A file
//!    that declares or turns out to hold more than the limit, that is damaged or encrypted, is
//!    reported, and the others land.

use std::{
    cell::Cell,
    io::{self, Read, Seek, SeekFrom},
    rc::Rc,
};

use encoding_rs::{Encoding, UTF_8};
use zip::{ZipArchive, result::ZipError};

use super::{
    super::{
        ReadSeek, base_name, charset,
        limits::{DETECT_BYTES, MAX_DIRECTORY_BYTES, MAX_ENTRIES, MAX_ENTRY_BYTES, MAX_PEEKS},
        out::{Out, Stop},
        reason::{ImportError, Reason},
        rows::Rows,
    },
    find_header, read_table,
    tables::{ByName, Table, by_name},
};

/// What a ZIP is.
pub(in super::super) enum Zip {
    /// An export of LinkedIn.
    Export,
    /// Something else.
    Foreign,
    /// Truncated or damaged.
    Damaged,
}

/// Whether a file begins like a ZIP.
pub(in super::super) fn is_zip(beginning: &[u8]) -> bool {
    beginning.starts_with(b"PK\x03\x04") || beginning.starts_with(b"PK\x05\x06")
}

/// What the directory of a ZIP, and if need be the headers in it, say.
pub(in super::super) fn is_export(source: &mut dyn ReadSeek) -> Zip {
    let Ok(mut archive) = open(source) else { return Zip::Damaged };
    if chosen(&mut archive).files.is_empty() { Zip::Foreign } else { Zip::Export }
}

/// Reads every file of the archive that is mapped.
pub(super) fn read(name: &str, source: &mut dyn ReadSeek, out: &mut Out<'_>) -> Result<(), Stop> {
    let mut archive = open(source)?;
    let chosen = chosen(&mut archive);
    if chosen.files.is_empty() {
        return Err(ImportError::ArchiveForeign.into());
    }
    out.expect_bytes(chosen.files.iter().map(|file| file.size.min(MAX_ENTRY_BYTES)).sum());
    for file in &chosen.files {
        match read_file(&mut archive, file, out) {
            Err(Stop::Error(_)) => out.problem(&file.name, 0, Reason::EntryDamaged)?,
            other => other?,
        }
        out.progress(&file.name, true)?;
    }
    if chosen.not_mapped > 0 {
        let reason = Reason::FilesNotMapped { count: chosen.not_mapped };
        out.problem(&base_name(name), 0, reason)?;
    }
    Ok(())
}

type Archive<'a> = ZipArchive<Budgeted<'a>>;

fn open(source: &mut dyn ReadSeek) -> Result<Archive<'_>, ImportError> {
    let left = Rc::new(Cell::new(MAX_DIRECTORY_BYTES));
    let reader = Budgeted { source, left: Rc::clone(&left) };
    let opened = ZipArchive::new(reader);
    let spent = left.get() == 0;
    left.set(u64::MAX);
    match opened {
        _ if spent => Err(ImportError::ArchiveTooManyFiles { limit: MAX_ENTRIES }),
        Ok(archive) if archive.len() > MAX_ENTRIES => {
            Err(ImportError::ArchiveTooManyFiles { limit: MAX_ENTRIES })
        }
        Ok(archive) => Ok(archive),
        Err(ZipError::Io(error)) if error.kind() != io::ErrorKind::UnexpectedEof => {
            Err(ImportError::Unreadable(error))
        }
        Err(_) => Err(ImportError::ArchiveDamaged),
    }
}

struct File {
    index: usize,
    name: String,
    size: u64,
    hint: Option<&'static Table>,
}

struct Chosen {
    files: Vec<File>,
    not_mapped: u64,
}

fn chosen(archive: &mut Archive<'_>) -> Chosen {
    let mut chosen = Chosen { files: Vec::new(), not_mapped: 0 };
    let mut peeks_left = MAX_PEEKS;
    for index in 0..archive.len() {
        let Ok(entry) = archive.by_index_data(index) else { continue };
        let (is_dir, size) = (entry.is_dir(), entry.size());
        let path = String::from_utf8_lossy(entry.name_raw()).into_owned();
        // Repacked on a Mac, an archive holds a shadow of each file under its name.
        if is_dir || path.contains("__MACOSX/") {
            continue;
        }
        let hint = match by_name(&path) {
            ByName::Table(table) => Some(table),
            ByName::Unknown if path.to_lowercase().ends_with(".csv") && peeks_left > 0 => {
                peeks_left -= 1;
                peek(archive, index)
            }
            ByName::Unknown | ByName::NotMapped => None,
        };
        match hint {
            None => chosen.not_mapped += 1,
            hint => chosen.files.push(File { index, name: base_name(&path), size, hint }),
        }
    }
    chosen
}

fn peek(archive: &mut Archive<'_>, index: usize) -> Option<&'static Table> {
    let mut beginning = Vec::new();
    let entry = archive.by_index(index).ok()?;
    entry.take(DETECT_BYTES).read_to_end(&mut beginning).ok()?;
    let text = charset::decode_beginning(&beginning);
    let header = find_header(&mut Rows::new(text.as_bytes(), UTF_8), None).ok()??;
    Some(header.table)
}

fn read_file(archive: &mut Archive<'_>, file: &File, out: &mut Out<'_>) -> Result<(), Stop> {
    let encoding = match survey(archive, file) {
        Ok(Some(encoding)) => encoding,
        Ok(None) => return Ok(()),
        Err(reason) => return out.problem(&file.name, 0, reason),
    };
    let entry = archive.by_index(file.index).map_err(io::Error::other)?;
    let counted = out.counted(entry.take(MAX_ENTRY_BYTES));
    if !read_table(&file.name, file.hint, counted, encoding, out)? {
        out.problem(&file.name, 0, Reason::HeaderNotFound)?;
    }
    Ok(())
}

/// The charset of a file; none when it is empty.
fn survey(archive: &mut Archive<'_>, file: &File) -> Result<Option<&'static Encoding>, Reason> {
    let too_large = Reason::EntryTooLarge { limit: MAX_ENTRY_BYTES };
    if file.size > MAX_ENTRY_BYTES {
        return Err(too_large);
    }
    let mut entry = match archive.by_index(file.index) {
        Ok(entry) => entry,
        Err(ZipError::UnsupportedArchive(_) | ZipError::InvalidPassword) => {
            return Err(Reason::EntryUnsupported);
        }
        Err(_) => return Err(Reason::EntryDamaged),
    };
    match charset::survey(&mut entry, MAX_ENTRY_BYTES) {
        Ok(survey) => Ok((survey.bytes > 0).then_some(survey.encoding)),
        Err(charset::SurveyError::TooLarge) => Err(too_large),
        Err(charset::SurveyError::Read(_)) => Err(Reason::EntryDamaged),
    }
}

/// A reader that fails once its budget is spent. The budget is lifted when the directory is read.
struct Budgeted<'a> {
    source: &'a mut dyn ReadSeek,
    left: Rc<Cell<u64>>,
}

impl Read for Budgeted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.left.get();
        if left == 0 {
            return Err(io::Error::other("the directory of the archive is too large"));
        }
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.source.read(&mut buffer[..most])?;
        self.left.set(left - read as u64);
        Ok(read)
    }
}

impl Seek for Budgeted<'_> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.source.seek(position)
    }
}
