//! Which attachments the person asked for: kept on the disk, so that a fetch goes on after a crash.
//!
//! The index may be thrown away at any time, and what it was told last may not be on the disk yet.
//! A person who asked for something was given a promise. So it has a file of its own, sealed like
//! everything that says something about content, and replaced whole.

use std::collections::BTreeSet;

use musette_protocol::id::BlobId;

use crate::{
    error::Result,
    home::Home,
    store::{keys::Keys, note},
};

/// Bytes of the file: sixteen for each attachment.
const MAX_FILE_LEN: u64 = 1024 * 1024;
const PURPOSE: &str = "asked";

/// What was asked for. A file that is missing or damaged costs the person asking again, no more.
pub(super) fn load(home: &Home, keys: &Keys) -> BTreeSet<BlobId> {
    note::load(&home.asked_path(), keys, PURPOSE, MAX_FILE_LEN).unwrap_or_default()
}

/// Writes down what was asked for. Durable on return.
///
/// # Errors
/// `disk-full`, `disk-failed`.
pub(super) fn save(home: &Home, keys: &Keys, asked: &BTreeSet<BlobId>) -> Result<()> {
    note::save(&home.asked_path(), keys, PURPOSE, asked)
}
