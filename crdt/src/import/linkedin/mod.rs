//! LinkedIn: the ZIP that an account can ask for, or one CSV file of it.
//!
//! | file | becomes | natural key |
//! |---|---|---|
//! | Positions | activity | company, title, start |
//! | Education | achievement (diploma) | school, degree, start |
//! | Certifications | achievement (certificate) | name, authority, start |
//! | Skills | skill | name |
//! | Languages | identity, with one language | name of the language |
//! | Projects | project | title, start |
//! | Profile | identity | none: an account has one |
//! | Connections | contact | address of the profile; without one, names and date |
//! | Endorsement_Received_Info | endorsement | date, skill, address of the endorser, or names |
//! | Recommendations_Received | endorsement | names, date |
//! | Publications | publication | name, publisher |
//!
//! A change of any other cell changes the same item. Starts are part of the key because people
//! come back to a firm under the same title, and ends are not because they are filled in later.
//! Dates in keys are compared as dates, so that an export in another form gives the same items.
//!
//! A row means the same whether its file comes in the ZIP or alone: nothing of one file is folded
//! into the items of another. That is why mail addresses and phone numbers, which have files of
//! their own, are not mapped: they would belong into the one identity that Profile makes.
//!
//! Recommendations that are not shown and endorsements that were not accepted are skipped, with
//! the reason.

mod archive;
mod map;
mod tables;

use std::io::{self, Read};

use encoding_rs::{Encoding, UTF_8};

use super::{
    Format, ReadSeek, base_name, charset_of, checked_length,
    keys::Keys,
    limits::{MAX_PREAMBLE_ROWS, MAX_ROWS},
    out::{Out, Stop},
    reason::{ImportError, Reason},
    rows::{Next, Rows},
};
use crate::imported::ImportedRow;
use map::{Cells, Mapped};
use tables::{ByName, Places, Table, by_header, by_name};

pub(super) use archive::{Zip, is_export, is_zip};

/// Whether a text begins with the header of a table, after a preamble or not.
pub(super) fn has_header(text: &str) -> bool {
    let mut rows = Rows::new(text.as_bytes(), UTF_8);
    matches!(find_header(&mut rows, None), Ok(Some(_)))
}

/// Whether a file is named like one of an export.
pub(super) fn has_known_name(name: &str) -> bool {
    !matches!(by_name(name), ByName::Unknown)
}

pub(super) fn read(name: &str, source: &mut dyn ReadSeek, out: &mut Out<'_>) -> Result<(), Stop> {
    let mut magic = [0; 4];
    source.rewind()?;
    let read = fill(source, &mut magic)?;
    source.rewind()?;
    if is_zip(&magic[..read]) {
        return archive::read(name, source, out);
    }
    let file = base_name(name);
    let hint = by_name(name);
    if matches!(hint, ByName::NotMapped) {
        return out.problem(&file, 0, Reason::FilesNotMapped { count: 1 });
    }
    out.expect_bytes(checked_length(source)?);
    let encoding = charset_of(source)?;
    let counted = out.counted(source);
    let hint = if let ByName::Table(table) = hint { Some(table) } else { None };
    if !read_table(&file, hint, counted, encoding, out)? {
        return Err(ImportError::NotLinkedIn.into());
    }
    out.progress(&file, true)
}

fn fill(source: &mut dyn ReadSeek, buffer: &mut [u8]) -> io::Result<usize> {
    let mut beginning = Vec::new();
    source.take(buffer.len() as u64).read_to_end(&mut beginning)?;
    buffer[..beginning.len()].copy_from_slice(&beginning);
    Ok(beginning.len())
}

/// A header that was found.
struct Header {
    table: &'static Table,
    places: Places,
    width: usize,
}

/// Looks for a header in the first rows: that of `hint`, or one that tells by itself.
fn find_header<R: Read>(rows: &mut Rows<R>, hint: Option<&'static Table>) -> io::Result<Option<Header>> {
    for _ in 0..MAX_PREAMBLE_ROWS {
        let cells = match rows.next()? {
            None => return Ok(None),
            Some(Next::Bad { .. }) => continue,
            Some(Next::Row { cells, .. }) => cells,
        };
        let hinted = hint.filter(|table| table.places(&cells).is_some());
        if let Some(table) = hinted.or_else(|| by_header(&cells)) {
            let places = table.places(&cells).unwrap_or_default();
            return Ok(Some(Header { table, places, width: cells.len() }));
        }
    }
    Ok(None)
}

/// Reads one table; false when it has not the header of any.
fn read_table<R: Read>(
    file: &str,
    hint: Option<&'static Table>,
    source: R,
    encoding: &'static Encoding,
    out: &mut Out<'_>,
) -> Result<bool, Stop> {
    let mut rows = Rows::new(source, encoding);
    let Some(header) = find_header(&mut rows, hint)? else { return Ok(false) };
    let mut keys = Keys::default();
    let mut count = 0;
    while let Some(next) = rows.next()? {
        count += 1;
        let (line, cells) = match next {
            Next::Row { line, .. } if count > MAX_ROWS => {
                out.problem(file, line, Reason::TooManyRows { limit: MAX_ROWS })?;
                break;
            }
            Next::Row { line, cells } => (line, cells),
            Next::Bad { line, reason } => {
                out.problem(file, line, reason)?;
                continue;
            }
        };
        if let Some(reason) = wrong_width(&cells, header.width) {
            rows.take_back();
            out.problem(file, line, reason)?;
            continue;
        }
        read_row(file, line, &header, &cells, &mut keys, out)?;
        out.progress(file, false)?;
    }
    Ok(true)
}

/// Cells beyond the header hold nothing to lose when they are empty: some files end their rows
/// with a comma.
fn wrong_width(cells: &[String], expected: usize) -> Option<Reason> {
    let found = cells.len();
    let surplus = cells.iter().skip(expected).any(|cell| !cell.trim().is_empty());
    (found < expected || surplus).then_some(Reason::CellCount { expected, found })
}

fn read_row(
    file: &str,
    line: u64,
    header: &Header,
    cells: &[String],
    keys: &mut Keys,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    let row = Cells { table: header.table, places: &header.places, cells };
    let Mapped { key, mut draft } = match map::map(&row) {
        Ok(mapped) => mapped,
        Err(reason) => return out.problem(file, line, reason),
    };
    // Counted before the row can still fail: an ordinal must not depend on the other cells.
    let stable_key = keys.next(header.table.name, &key);
    let notices = std::mem::take(&mut draft.notices);
    let fields = match draft.finish() {
        Ok(fields) => fields,
        Err(reason) => return out.problem(file, line, reason),
    };
    out.row(ImportedRow {
        kind: header.table.kind,
        source: Format::LinkedIn.name(),
        stable_key,
        fields,
        file: file.to_owned(),
        row: line,
    })?;
    notices.into_iter().try_for_each(|reason| out.problem(file, line, reason))
}
