//! Small sealed files that outlive the index: what the person was promised, and what tells of habits.

use std::path::Path;

use musette_protocol::crypto::{
    aead::{self, NONCE_LEN},
    kdf::{context, derive},
    secret::Secret32,
};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    keys::Keys,
    replace::{read_bounded, replace, told},
};
use crate::{entropy, error::Result};

/// What a note says; nothing where it is missing, damaged or longer than `max_len` bytes.
pub(super) fn load<T: DeserializeOwned>(path: &Path, keys: &Keys, purpose: &str, max_len: u64) -> Option<T> {
    let file = read_bounded(path, max_len).ok().flatten()?;
    let (nonce, sealed) = file.split_first_chunk::<NONCE_LEN>()?;
    let bytes = aead::open(&key(keys, purpose), nonce, &[], sealed).ok()?;
    postcard::from_bytes(&bytes).ok()
}

/// Replaces a note whole. Durable on return.
///
/// # Errors
/// `disk-full`, `disk-failed`.
pub(super) fn save<T: Serialize>(path: &Path, keys: &Keys, purpose: &str, note: &T) -> Result<()> {
    let bytes = postcard::to_allocvec(note).expect("postcard writes what is noted");
    let nonce = entropy::bytes::<NONCE_LEN>();
    let sealed = aead::seal(&key(keys, purpose), &nonce, &[], &bytes);
    told(replace(path, &[&nonce[..], &sealed].concat()))
}

fn key(keys: &Keys, purpose: &str) -> Secret32 {
    derive(context::INDEX, &[keys.index.expose(), purpose.as_bytes()])
}
