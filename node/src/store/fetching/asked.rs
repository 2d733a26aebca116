//! Which attachments the person asked for: kept on the disk, so that a fetch goes on after a crash.
//!
//! The index may be thrown away at any time, and what it was told last may not be on the disk yet.
//! A person who asked for something was given a promise. So it has a file of its own, sealed like
//! everything that says something about content, and replaced whole.

use std::collections::BTreeSet;

use musette_protocol::{
    crypto::{
        aead::{self, NONCE_LEN},
        kdf::{context, derive},
        secret::Secret32,
    },
    id::BlobId,
};

use crate::{
    entropy,
    error::Result,
    home::Home,
    store::{
        keys::Keys,
        replace::{read_bounded, replace, told},
    },
};

/// Bytes of the file: sixteen for each attachment.
const MAX_FILE_LEN: u64 = 1024 * 1024;

/// What was asked for. A file that is missing or damaged costs the person asking again, no more.
pub(super) fn load(home: &Home, keys: &Keys) -> BTreeSet<BlobId> {
    let read = read_bounded(&home.asked_path(), MAX_FILE_LEN);
    let opened = read.ok().flatten().and_then(|file| open(&file, keys));
    opened.unwrap_or_default()
}

fn open(file: &[u8], keys: &Keys) -> Option<BTreeSet<BlobId>> {
    let (nonce, sealed) = file.split_first_chunk::<NONCE_LEN>()?;
    let bytes = aead::open(&key(keys), nonce, &[], sealed).ok()?;
    postcard::from_bytes(&bytes).ok()
}

/// Writes down what was asked for. Durable on return.
///
/// # Errors
/// `disk-full`, `disk-failed`.
pub(super) fn save(home: &Home, keys: &Keys, asked: &BTreeSet<BlobId>) -> Result<()> {
    let bytes = postcard::to_allocvec(asked).expect("postcard writes ids");
    let nonce = entropy::bytes::<NONCE_LEN>();
    let sealed = aead::seal(&key(keys), &nonce, &[], &bytes);
    told(replace(&home.asked_path(), &[&nonce[..], &sealed].concat()))
}

fn key(keys: &Keys) -> Secret32 {
    derive(context::INDEX, &[keys.index.expose(), b"asked"])
}
