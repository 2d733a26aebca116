//! Records: the unit of storing and syncing. Immutable, named by their hash, sealed.
//!
//! ```text
//! sealed record:  suite 0x01 | space 32 | epoch 32 | nonce 24 | ciphertext and tag
//! epoch record:   suite 0x02 | signed epoch statement (in the clear, see `epoch`)
//! ```
//!
//! Everything before the ciphertext is associated data. The plaintext is a length (u32,
//! little-endian), an encoded payload, and zeros up to a size bucket: a mirror sees neither
//! document, author, time nor kind, and no exact size.
//!
//! Data records carry no signature. They count once a signed [`Commit`] of an entitled device
//! names them: one signature covers an import of a thousand rows, and what a commit names may be
//! dropped later without breaking a chain of signatures.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    codec::{DecodeError, Encoded, Tag, decode, encode},
    crypto::{
        aead::{self, NONCE_LEN, TAG_LEN},
        kdf::{context, derive},
    },
    epoch::{EpochStatement, Keyring},
    id::{BlobId, CommitId, DeviceId, DocumentId, EpochId, OperationId, RecordId, SpaceId},
    identity::log::Operation,
    limits::{BLOB_CHUNK_LEN, MAX_COMMIT_RECORDS, MAX_LOG_HEADS},
    signed::Signed,
};

const SUITE_SEALED: u8 = 1;
const SUITE_EPOCH: u8 = 2;
const HEADER_LEN: usize = 1 + 32 + 32 + NONCE_LEN;
const LENGTH_LEN: usize = 4;
/// Smallest plaintext, in bytes: most edits of one field fit, and then look alike.
const MIN_BUCKET: usize = 256;

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

/// What makes records count: a device's signed list of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// The space.
    pub space: SpaceId,
    /// Who signs.
    pub device: DeviceId,
    /// Its place in the device's chain in this space, from 1.
    pub number: u64,
    /// The device's commit before this one.
    pub previous: Option<CommitId>,
    /// The heads of other devices' chains that the device had seen, sorted.
    pub seen: Vec<CommitId>,
    /// The heads of the device log that it had seen, sorted: its right to write is judged there.
    pub log_heads: Vec<OperationId>,
    /// The changes that count from now on, in the order in which they were made.
    pub records: Vec<RecordId>,
    /// The attachment chunks that count from now on. Apart from the others, so that a device with
    /// little room may one day hold a commit without them.
    pub chunks: Vec<RecordId>,
}

impl Encoded for Commit {
    const TAG: Tag = Tag::Commit;
    const VERSION: u8 = 1;
}

impl Commit {
    fn is_within_bounds(&self) -> bool {
        self.records.len() + self.chunks.len() <= MAX_COMMIT_RECORDS
            && self.seen.len() <= MAX_LOG_HEADS
            && self.log_heads.len() <= MAX_LOG_HEADS
            && self.seen.is_sorted_by(|a, b| a < b)
            && self.log_heads.is_sorted_by(|a, b| a < b)
            && self.number >= 1
            && (self.number == 1) == self.previous.is_none()
    }
}

impl Signed<Commit> {
    /// The commit's name.
    #[must_use]
    pub fn id(&self) -> CommitId {
        CommitId::from_bytes(self.hash())
    }
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
    /// An epoch, stated in the clear.
    Epoch(Signed<EpochStatement>),
}

/// Why a record was refused. Whoever sent it is at fault, unless it is a missing key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// A suite that this version does not know.
    #[error("sealed by a suite that this version does not know")]
    UnknownSuite,
    /// Too short, or its padding or payload is not in canonical form.
    #[error("malformed")]
    Malformed,
    /// A record of another space.
    #[error("belongs to another space")]
    OtherSpace,
    /// This device does not hold the secret of the record's epoch.
    #[error("sealed under an epoch whose secret is not known here")]
    UnknownEpoch,
    /// The ciphertext was not made under the epoch's key, or was altered.
    #[error("does not open")]
    DoesNotOpen,
}

impl From<DecodeError> for OpenError {
    fn from(_: DecodeError) -> Self {
        Self::Malformed
    }
}

/// The name of a record.
#[must_use]
pub fn record_id(record: &[u8]) -> RecordId {
    RecordId::from_bytes(*blake3::hash(record).as_bytes())
}

/// An epoch statement as a record.
#[must_use]
pub fn epoch_record(statement: &Signed<EpochStatement>) -> Vec<u8> {
    [&[SUITE_EPOCH], statement.to_bytes().as_slice()].concat()
}

/// Seals a payload under an epoch of the keyring. `nonce` was drawn for this record.
///
/// # Panics
/// When the keyring does not hold `epoch`, or the payload is an epoch: both are our bugs.
#[must_use]
pub fn seal(
    payload: &Payload,
    space: &SpaceId,
    epoch: &EpochId,
    keyring: &Keyring,
    nonce: &[u8; NONCE_LEN],
) -> Vec<u8> {
    let secret = keyring.secret(epoch).expect("sealed under an epoch of the keyring");
    let key = derive(context::RECORD_KEY, &[space.as_bytes(), epoch.as_bytes(), secret.expose()]);
    let mut record = Vec::with_capacity(HEADER_LEN);
    record.push(SUITE_SEALED);
    record.extend_from_slice(space.as_bytes());
    record.extend_from_slice(epoch.as_bytes());
    record.extend_from_slice(nonce);
    let plaintext = Zeroizing::new(pad(&encode_payload(payload)));
    let sealed = aead::seal(&key, nonce, &record, &plaintext);
    record.extend_from_slice(&sealed);
    record
}

/// Opens a record of `space`.
///
/// # Errors
/// When it is anything but the canonical form of a record of this space under a known epoch.
pub fn open(record: &[u8], space: &SpaceId, keyring: &Keyring) -> Result<Payload, OpenError> {
    match record.first() {
        Some(&SUITE_SEALED) => open_sealed(record, space, keyring),
        Some(&SUITE_EPOCH) => {
            let statement = Signed::<EpochStatement>::from_bytes(&record[1..])?;
            let same = statement.body().space == *space;
            same.then_some(Payload::Epoch(statement)).ok_or(OpenError::OtherSpace)
        }
        Some(_) => Err(OpenError::UnknownSuite),
        None => Err(OpenError::Malformed),
    }
}

fn open_sealed(record: &[u8], space: &SpaceId, keyring: &Keyring) -> Result<Payload, OpenError> {
    if record.len() < HEADER_LEN + TAG_LEN {
        return Err(OpenError::Malformed);
    }
    let (header, sealed) = record.split_at(HEADER_LEN);
    if header[1..33] != space.as_bytes()[..] {
        return Err(OpenError::OtherSpace);
    }
    let epoch = EpochId::try_from(&header[33..65]).map_err(|_| OpenError::Malformed)?;
    let nonce = header[65..].try_into().map_err(|_| OpenError::Malformed)?;
    let secret = keyring.secret(&epoch).ok_or(OpenError::UnknownEpoch)?;
    let key = derive(context::RECORD_KEY, &[space.as_bytes(), epoch.as_bytes(), secret.expose()]);
    let plaintext = aead::open(&key, nonce, header, sealed).map_err(|_| OpenError::DoesNotOpen)?;
    let plaintext = Zeroizing::new(plaintext);
    decode_payload(unpad(&plaintext).ok_or(OpenError::Malformed)?)
}

fn encode_payload(payload: &Payload) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(match payload {
        Payload::Change(change) => encode(change),
        Payload::BlobChunk(chunk) => encode(chunk),
        Payload::Commit(commit) => commit.to_bytes(),
        Payload::Operation(operation) => operation.to_bytes(),
        Payload::Epoch(_) => panic!("epochs are stated in the clear"),
    })
}

fn decode_payload(bytes: &[u8]) -> Result<Payload, OpenError> {
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
    } else {
        Err(OpenError::Malformed)
    }
}

/// The bucket of a plaintext of `len` bytes: Padmé (Nikitin et al., PURBs, 2019), which leaks
/// O(log log n) bits of the length at a cost of at most 12 %, with a floor.
fn bucket(len: usize) -> usize {
    let len = len.max(MIN_BUCKET);
    let exponent = len.ilog2();
    let mantissa_bits = exponent.ilog2() + 1;
    let mask = (1_usize << (exponent - mantissa_bits)) - 1;
    (len + mask) & !mask
}

fn pad(payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("payloads are far below 4 GiB");
    let full = bucket(LENGTH_LEN + payload.len());
    let mut plaintext = Vec::with_capacity(full);
    plaintext.extend_from_slice(&length.to_le_bytes());
    plaintext.extend_from_slice(payload);
    plaintext.resize(full, 0);
    plaintext
}

/// Refuses any padding but the one that [`pad`] makes: else one payload had many records.
fn unpad(plaintext: &[u8]) -> Option<&[u8]> {
    let (length, rest) = plaintext.split_at_checked(LENGTH_LEN)?;
    let length = u32::from_le_bytes(length.try_into().ok()?) as usize;
    let (payload, padding) = rest.split_at_checked(length)?;
    let canonical = plaintext.len() == bucket(LENGTH_LEN + length) && padding.iter().all(|byte| *byte == 0);
    canonical.then_some(payload)
}

#[cfg(test)]
mod vectors;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::crypto::{secret::Secret32, sign::SigningKey};

    const SPACE: SpaceId = SpaceId::from_bytes([1; 32]);

    fn keyring(byte: u8) -> (Keyring, EpochId) {
        let mut keyring = Keyring::default();
        let epoch = keyring.insert(Secret32::from_bytes([byte; 32]), &[]);
        (keyring, epoch)
    }

    fn change(bytes: &[u8]) -> Payload {
        Payload::Change(Change { document: DocumentId::from_bytes([2; 16]), bytes: bytes.to_vec() })
    }

    fn sealed(payload: &Payload) -> Vec<u8> {
        let (keyring, epoch) = keyring(3);
        seal(payload, &SPACE, &epoch, &keyring, &[4; NONCE_LEN])
    }

    #[test]
    fn every_flipped_bit_is_refused() {
        let record = sealed(&change(b"hello"));
        let (keyring, _) = keyring(3);
        assert_eq!(open(&record, &SPACE, &keyring), Ok(change(b"hello")));
        for bit in 0..record.len() * 8 {
            let mut bad = record.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&bad, &SPACE, &keyring).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn other_spaces_epochs_and_suites_are_told_apart() {
        let record = sealed(&change(b"hello"));
        let (own, _) = keyring(3);
        let (other, _) = keyring(5);
        assert_eq!(open(&record, &SpaceId::from_bytes([9; 32]), &own), Err(OpenError::OtherSpace));
        assert_eq!(open(&record, &SPACE, &other), Err(OpenError::UnknownEpoch));
        assert_eq!(open(&[7; 200], &SPACE, &own), Err(OpenError::UnknownSuite));
        assert_eq!(open(&record[..80], &SPACE, &own), Err(OpenError::Malformed));
    }

    #[test]
    fn sizes_fall_in_buckets() {
        let sizes: Vec<usize> =
            [0, 1, 100, 200].iter().map(|n| sealed(&change(&vec![0; *n])).len()).collect();
        assert!(sizes.iter().all(|size| *size == sizes[0]), "small changes look alike: {sizes:?}");
        for len in [256, 257, 1000, 70_000, 300_000] {
            let padded = bucket(len);
            assert!(padded >= len && padded * 100 <= len * 112, "{len} → {padded}");
            assert_eq!(bucket(padded), padded);
        }
    }

    #[test]
    fn padding_of_another_length_or_with_content_is_refused() {
        let mut plaintext = pad(b"payload");
        assert_eq!(unpad(&plaintext), Some(&b"payload"[..]));
        plaintext.push(0);
        assert_eq!(unpad(&plaintext), None);
        plaintext.pop();
        *plaintext.last_mut().unwrap() = 1;
        assert_eq!(unpad(&plaintext), None);
        assert_eq!(unpad(&[255; 256]), None);
    }

    #[test]
    fn a_commit_out_of_bounds_is_refused() {
        let key = SigningKey::from_secret(&Secret32::from_bytes([6; 32]));
        let commit = Commit {
            space: SPACE,
            device: DeviceId::from_bytes(*key.verifying_key().as_bytes()),
            number: 1,
            previous: None,
            seen: vec![],
            log_heads: vec![],
            records: vec![RecordId::from_bytes([0; 32]); MAX_COMMIT_RECORDS],
            chunks: vec![],
        };
        let (keyring, _) = keyring(3);
        let verdict =
            |commit: Commit| open(&sealed(&Payload::Commit(Signed::new(commit, &key))), &SPACE, &keyring);
        assert!(verdict(commit.clone()).is_ok());
        let mut too_many = commit.clone();
        too_many.chunks.push(RecordId::from_bytes([0; 32]));
        assert_eq!(verdict(too_many), Err(OpenError::Malformed));
        let orphan = Commit { number: 2, ..commit };
        assert_eq!(verdict(orphan), Err(OpenError::Malformed));
    }

    #[test]
    fn a_chunk_out_of_bounds_is_refused() {
        let (keyring, _) = keyring(3);
        let verdict = |len| {
            let chunk = BlobChunk { blob: BlobId::from_bytes([2; 16]), index: 0, bytes: vec![0; len] };
            open(&sealed(&Payload::BlobChunk(chunk)), &SPACE, &keyring).map(drop)
        };
        assert_eq!([verdict(1), verdict(BLOB_CHUNK_LEN)], [Ok(()), Ok(())]);
        assert_eq!(verdict(0), Err(OpenError::Malformed));
        assert_eq!(verdict(BLOB_CHUNK_LEN + 1), Err(OpenError::Malformed));
    }

    proptest! {
        #[test]
        fn any_bytes_open_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let (keyring, _) = keyring(3);
            let _ = open(&bytes, &SPACE, &keyring);
            let _ = decode_payload(&bytes);
            let _ = unpad(&bytes);
        }

        #[test]
        fn what_was_sealed_opens(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let (keyring, _) = keyring(3);
            prop_assert_eq!(open(&sealed(&change(&bytes)), &SPACE, &keyring), Ok(change(&bytes)));
        }
    }
}
