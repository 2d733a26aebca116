//! What a record holds.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Commit, DropStatement, OpenError, Receipt};
use crate::{
    codec::{Encoded, Tag, decode, encode},
    epoch::EpochStatement,
    id::{BlobId, DocumentId},
    identity::log::Operation,
    limits::{BLOB_CHUNK_LEN, MAX_FORGOTTEN_BLOBS},
    membership::MembershipOperation,
    signed::Signed,
};

/// Bytes of one document: opaque here, an Automerge change in practice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The document.
    pub document: DocumentId,
    /// The bytes.
    #[serde(with = "serde_bytes")]
    pub bytes: Vec<u8>,
}

impl Encoded for Change {
    const TAG: Tag = Tag::Change;
    const VERSION: u8 = 1;
}

/// What the bytes of a change begin with that forgets its document: no change of a document does.
const FORGETS: u8 = 0;

impl Change {
    /// The change by which a document is forgotten, with the attachments that it had.
    #[must_use]
    pub fn forgetting(document: DocumentId, blobs: &BTreeSet<BlobId>) -> Self {
        let blobs = blobs.iter().take(MAX_FORGOTTEN_BLOBS).flat_map(|blob| *blob.as_bytes());
        Self { document, bytes: std::iter::once(FORGETS).chain(blobs).collect() }
    }

    /// Whether it forgets its document.
    #[must_use]
    pub fn forgets(&self) -> bool {
        self.bytes.first() == Some(&FORGETS)
    }

    /// The attachments that are forgotten with the document; none if it is not.
    #[must_use]
    pub fn forgotten_blobs(&self) -> BTreeSet<BlobId> {
        let list = if self.forgets() { &self.bytes[1..] } else { &[] };
        let blobs = list.chunks_exact(16).take(MAX_FORGOTTEN_BLOBS);
        blobs.map(|blob| BlobId::from_bytes(blob.try_into().expect("sixteen bytes"))).collect()
    }
}

/// A piece of an attachment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobChunk {
    /// The attachment.
    pub blob: BlobId,
    /// Its place, from 0.
    pub index: u32,
    /// 1 to [`BLOB_CHUNK_LEN`] bytes.
    #[serde(with = "serde_bytes")]
    pub bytes: Vec<u8>,
}

impl Encoded for BlobChunk {
    const TAG: Tag = Tag::BlobChunk;
    const VERSION: u8 = 1;
}

/// What a record holds once opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// Bytes of one document.
    Change(Change),
    /// A piece of an attachment.
    BlobChunk(BlobChunk),
    /// A signed commit.
    Commit(Signed<Commit>),
    /// A signed operation of the device log.
    Operation(Signed<Operation>),
    /// A signed operation of the membership log.
    Membership(Signed<MembershipOperation>),
    /// An epoch, stated in the clear.
    Epoch(Signed<EpochStatement>),
    /// A drop, stated in the clear.
    Drop(Signed<DropStatement>),
    /// A device's word on the drops that it has carried out.
    Receipt(Signed<Receipt>),
}

/// The plaintext of a payload.
///
/// # Panics
/// When it is one that is stated in the clear: sealing it would be our bug.
pub(super) fn encode_payload(payload: &Payload) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(match payload {
        Payload::Change(change) => encode(change),
        Payload::BlobChunk(chunk) => encode(chunk),
        Payload::Commit(commit) => commit.to_bytes(),
        Payload::Operation(operation) => operation.to_bytes(),
        Payload::Membership(operation) => operation.to_bytes(),
        Payload::Receipt(receipt) => receipt.to_bytes(),
        Payload::Epoch(_) | Payload::Drop(_) => panic!("epochs and drops are stated in the clear"),
    })
}

pub(super) fn decode_payload(bytes: &[u8]) -> Result<Payload, OpenError> {
    let is = |tag: Tag| bytes.first() == Some(&(tag as u8));
    if is(Tag::Change) {
        Ok(Payload::Change(decode(bytes)?))
    } else if is(Tag::BlobChunk) {
        let chunk: BlobChunk = decode(bytes)?;
        let bounded = (1..=BLOB_CHUNK_LEN).contains(&chunk.bytes.len());
        bounded.then_some(Payload::BlobChunk(chunk)).ok_or(OpenError::Malformed)
    } else if is(Tag::Commit) {
        let commit = Signed::<Commit>::from_bytes(bytes)?;
        commit.body().is_within_bounds().then_some(Payload::Commit(commit)).ok_or(OpenError::Malformed)
    } else if is(Tag::DeviceOperation) {
        Ok(Payload::Operation(Signed::from_bytes(bytes)?))
    } else if is(Tag::MembershipOperation) {
        Ok(Payload::Membership(Signed::from_bytes(bytes)?))
    } else if is(Tag::Receipt) {
        let receipt = Signed::<Receipt>::from_bytes(bytes)?;
        receipt.body().is_within_bounds().then_some(Payload::Receipt(receipt)).ok_or(OpenError::Malformed)
    } else {
        Err(OpenError::Malformed)
    }
}
