//! Every bound of the importers, with its reason.
//!
//! A file that somebody was handed is hostile until proved otherwise: it may inflate without end,
//! hold one row as long as the disk, or a million columns. What a bound refuses is reported; it
//! never ends in a panic or in the memory of the machine.

/// Bytes read from one file inside an archive. The largest LinkedIn file that is mapped,
/// `Connections.csv`, has about 150 bytes a row: 30,000 connections, LinkedIn's own ceiling, are
/// 5 MB. Messages, which do grow larger, are not read.
pub(super) const MAX_ENTRY_BYTES: u64 = 64 << 20;

/// Bytes read from a file that is not an archive. Address books with a photo in each card reach
/// some hundred megabytes; they are streamed, so that this bounds time, not memory.
pub(super) const MAX_FILE_BYTES: u64 = 1 << 30;

/// Files in one archive. Complete exports with articles and pictures hold some thousand.
pub(super) const MAX_ENTRIES: usize = 20_000;

/// Bytes read to open an archive, before any entry: its directory is held in memory. 20,000 entries
/// with names of 200 bytes are 5 MB.
pub(super) const MAX_DIRECTORY_BYTES: u64 = 8 << 20;

/// Bytes of one line, one CSV row or one vCard without its pictures. Long texts (a summary, a
/// recommendation, a note) stay below 100 KB.
pub(super) const MAX_RECORD_BYTES: usize = 1 << 20;

/// Lines of one CSV row. A quote that is never closed would otherwise swallow the rest of a file.
pub(super) const MAX_ROW_LINES: usize = 2_000;

/// How often one file may be read again after a quote that swallowed the rows behind it. Each
/// costs at most [`MAX_RECORD_BYTES`]; without a bound a file made of quotes would take quadratic
/// time.
pub(super) const MAX_RESYNCS: u32 = 64;

/// Columns of one CSV row. The widest LinkedIn file has 35.
pub(super) const MAX_COLUMNS: usize = 256;

/// Rows, or cards, of one file.
pub(super) const MAX_ROWS: u64 = 500_000;

/// Rows read in search of the header: the preamble of `Connections.csv` has three lines today.
pub(super) const MAX_PREAMBLE_ROWS: u32 = 30;

/// Bytes looked at to tell a format.
pub(super) const DETECT_BYTES: u64 = 64 << 10;

/// Bytes of a natural key that are kept as they are; a longer one is replaced by its hash, because
/// it is stored in the item.
pub(super) const MAX_KEY_BYTES: usize = 512;

/// Entries of one list of an item (phone numbers, tags, languages).
pub(super) const MAX_LIST: usize = 100;

/// Bytes between two reports of progress.
pub(super) const PROGRESS_BYTES: u64 = 256 << 10;

/// Files of an archive whose name says nothing that are opened to look for a header: each may cost
/// [`DETECT_BYTES`].
pub(super) const MAX_PEEKS: usize = 200;
