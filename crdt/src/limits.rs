//! Every bound on what a document may hold, with its reason.

/// The longest text of one field, in bytes. A long testimony has 10 KiB; a book is an attachment.
pub const MAX_TEXT_BYTES: usize = 64 * 1024;

/// The most entries in one list. More than this is not a list that a person reads.
pub const MAX_LIST_ENTRIES: usize = 1_000;

/// The longest payload of changes that is decoded, in bytes. Far above what the bounds on fields
/// let an honest item reach, and low enough that decompressing one cannot exhaust a small machine.
pub const MAX_CHANGES_BYTES: usize = 4 * 1024 * 1024;

/// The longest stored value of an internal document, in bytes.
pub const MAX_DATA_BYTES: usize = 64 * 1024;

/// The most attachments of one item.
pub const MAX_ATTACHMENTS: usize = 1_000;
