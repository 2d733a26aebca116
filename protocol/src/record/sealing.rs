//! Payloads become records, and records payloads.

use zeroize::Zeroizing;

use super::{
    DropStatement, Payload,
    padding::{pad, unpad},
    payload::{decode_payload, encode_payload},
};
use crate::{
    codec::DecodeError,
    crypto::{
        aead::{self, NONCE_LEN, TAG_LEN},
        kdf::{context, derive},
        secret::Secret32,
    },
    epoch::{EpochStatement, Keyring},
    id::{EpochId, RecordId, SpaceId},
    limits::MAX_RECORD_EPOCHS,
    signed::Signed,
};

const SUITE_SEALED: u8 = 1;
const SUITE_EPOCH: u8 = 2;
const SUITE_SEVERAL: u8 = 3;
const SUITE_DROP: u8 = 4;

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
    /// This device does not hold the secret of the record's epoch, or of one of them.
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

/// Whether a record says that it is an epoch statement: told without opening it.
pub(crate) fn is_epoch(record: &[u8]) -> bool {
    record.first() == Some(&SUITE_EPOCH)
}

/// A drop as a record.
#[must_use]
pub fn drop_record(statement: &Signed<DropStatement>) -> Vec<u8> {
    [&[SUITE_DROP], statement.to_bytes().as_slice()].concat()
}

/// Seals a payload under the epochs that the keyring says are written under: whoever was removed in
/// one of them lacks a part of the key. `nonce` was drawn for this record.
///
/// # Panics
/// When the keyring is empty, or the payload is an epoch or a drop: both are our bugs.
#[must_use]
pub fn seal(payload: &Payload, space: &SpaceId, keyring: &Keyring, nonce: &[u8; NONCE_LEN]) -> Vec<u8> {
    let epochs = keyring.written_under();
    let key = record_key(space, epochs, keyring).expect("sealed under epochs of the keyring");
    seal_with(&key, &encode_payload(payload), header(space, epochs, nonce), nonce)
}

fn seal_with(key: &Secret32, payload: &[u8], header: Vec<u8>, nonce: &[u8; NONCE_LEN]) -> Vec<u8> {
    let plaintext = Zeroizing::new(pad(payload));
    let sealed = aead::seal(key, nonce, &header, &plaintext);
    [header, sealed].concat()
}

/// Whether a record can be read by whoever reads what is written now: it is sealed under just the
/// epochs that are written under, or in the clear.
pub(crate) fn is_written_under(record: &[u8], keyring: &Keyring) -> bool {
    match record.first() {
        Some(&(SUITE_SEALED | SUITE_SEVERAL)) => {
            Parts::read(record).is_some_and(|parts| parts.epochs == keyring.written_under())
        }
        _ => true,
    }
}

/// The epochs that a record is sealed under; none if it lies in the clear.
pub(crate) fn sealed_under(record: &[u8]) -> Vec<EpochId> {
    match record.first() {
        Some(&(SUITE_SEALED | SUITE_SEVERAL)) => {
            Parts::read(record).map_or_else(Vec::new, |parts| parts.epochs)
        }
        _ => Vec::new(),
    }
}

/// The payload of a record, sealed anew under these epochs. The nonce follows from key and payload, so that
/// all who do so make the same record, and no nonce serves for two payloads.
///
/// # Errors
/// When the record does not open here.
pub(crate) fn renewed(
    record: &[u8],
    space: &SpaceId,
    keyring: &Keyring,
    epochs: &[EpochId],
) -> Result<Vec<u8>, OpenError> {
    let plaintext = open_bytes(record, space, keyring)?;
    let payload = unpad(&plaintext).ok_or(OpenError::Malformed)?;
    let key = record_key(space, epochs, keyring).ok_or(OpenError::UnknownEpoch)?;
    let mut nonce = [0; NONCE_LEN];
    let full = derive(context::RENEWED_NONCE, &[key.expose(), payload]);
    nonce.copy_from_slice(&full.expose()[..NONCE_LEN]);
    Ok(seal_with(&key, payload, header(space, epochs, &nonce), &nonce))
}

fn header(space: &SpaceId, epochs: &[EpochId], nonce: &[u8; NONCE_LEN]) -> Vec<u8> {
    let mut header = Vec::with_capacity(2 + 32 * (1 + epochs.len()) + NONCE_LEN);
    header.push(if epochs.len() == 1 { SUITE_SEALED } else { SUITE_SEVERAL });
    header.extend_from_slice(space.as_bytes());
    if epochs.len() > 1 {
        header.push(u8::try_from(epochs.len()).expect("at most eight"));
    }
    epochs.iter().for_each(|epoch| header.extend_from_slice(epoch.as_bytes()));
    header.extend_from_slice(nonce);
    header
}

/// `None` when there is no epoch, or the secret of one is not known.
fn record_key(space: &SpaceId, epochs: &[EpochId], keyring: &Keyring) -> Option<Secret32> {
    let context = match epochs.len() {
        0 => return None,
        1 => context::RECORD_KEY,
        _ => context::RECORD_KEY_SEVERAL,
    };
    let mut parts: Vec<&[u8]> = vec![space.as_bytes()];
    for epoch in epochs {
        parts.push(epoch.as_bytes());
        parts.push(keyring.secret(epoch)?.expose());
    }
    Some(derive(context, &parts))
}

/// Opens a record of `space`.
///
/// # Errors
/// When it is anything but the canonical form of a record of this space under known epochs.
pub fn open(record: &[u8], space: &SpaceId, keyring: &Keyring) -> Result<Payload, OpenError> {
    match record.first() {
        Some(&(SUITE_SEALED | SUITE_SEVERAL)) => open_sealed(record, space, keyring),
        Some(&SUITE_EPOCH) => {
            let statement = Signed::<EpochStatement>::from_bytes(&record[1..])?;
            let same = statement.body().space == *space;
            same.then_some(Payload::Epoch(statement)).ok_or(OpenError::OtherSpace)
        }
        Some(&SUITE_DROP) => {
            let statement = Signed::<DropStatement>::from_bytes(&record[1..])?;
            let same = statement.body().space == *space;
            same.then_some(Payload::Drop(statement)).ok_or(OpenError::OtherSpace)
        }
        Some(_) => Err(OpenError::UnknownSuite),
        None => Err(OpenError::Malformed),
    }
}

fn open_sealed(record: &[u8], space: &SpaceId, keyring: &Keyring) -> Result<Payload, OpenError> {
    let plaintext = open_bytes(record, space, keyring)?;
    decode_payload(unpad(&plaintext).ok_or(OpenError::Malformed)?)
}

/// What is inside a sealed record, padding included.
fn open_bytes(record: &[u8], space: &SpaceId, keyring: &Keyring) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let parts = Parts::read(record).ok_or(OpenError::Malformed)?;
    if parts.space != space.as_bytes() {
        return Err(OpenError::OtherSpace);
    }
    let key = record_key(space, &parts.epochs, keyring).ok_or(OpenError::UnknownEpoch)?;
    let plaintext =
        aead::open(&key, parts.nonce, parts.header, parts.sealed).map_err(|_| OpenError::DoesNotOpen)?;
    Ok(Zeroizing::new(plaintext))
}

/// A sealed record, taken apart.
struct Parts<'a> {
    space: &'a [u8; 32],
    epochs: Vec<EpochId>,
    nonce: &'a [u8; NONCE_LEN],
    header: &'a [u8],
    sealed: &'a [u8],
}

impl<'a> Parts<'a> {
    fn read(record: &'a [u8]) -> Option<Self> {
        let (suite, rest) = record.split_first()?;
        let (space, rest) = rest.split_first_chunk()?;
        let (count, rest) = match *suite {
            SUITE_SEALED => (1, rest),
            _ => rest.split_first().map(|(count, rest)| (usize::from(*count), rest))?,
        };
        // One epoch has a suite of its own: a second spelling would be a second name for one record.
        if *suite == SUITE_SEVERAL && !(2..=MAX_RECORD_EPOCHS).contains(&count) {
            return None;
        }
        let (epochs, rest) = rest.split_at_checked(32 * count)?;
        let (epochs, _) = epochs.as_chunks::<32>();
        let epochs: Vec<EpochId> = epochs.iter().copied().map(EpochId::from_bytes).collect();
        let (nonce, sealed) = rest.split_first_chunk()?;
        let header = &record[..record.len() - sealed.len()];
        let holds = sealed.len() >= TAG_LEN && epochs.is_sorted_by(|a, b| a < b);
        holds.then_some(Self { space, epochs, nonce, header, sealed })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        id::{BlobId, DeviceId, DocumentId},
        limits::{BLOB_CHUNK_LEN, MAX_COMMIT_RECORDS, MAX_DROP_IDS, MAX_OPEN_DROPS, MAX_RECORD_LEN},
        record::{BlobChunk, Change, Commit, Receipt},
        testkit::{device, key},
    };

    const SPACE: SpaceId = SpaceId::from_bytes([1; 32]);

    /// Who knows the epochs whose secrets are these bytes, none of them replaced.
    fn keyring(secrets: &[u8]) -> Keyring {
        let mut keyring = Keyring::default();
        for byte in secrets {
            keyring.insert(Secret32::from_bytes([*byte; 32]), &[]);
        }
        keyring
    }

    fn change(bytes: &[u8]) -> Payload {
        Payload::Change(Change { document: DocumentId::from_bytes([2; 16]), bytes: bytes.to_vec() })
    }

    fn sealed(payload: &Payload) -> Vec<u8> {
        seal(payload, &SPACE, &keyring(&[3]), &[4; NONCE_LEN])
    }

    #[test]
    fn every_flipped_bit_is_refused() {
        for epochs in [&[3][..], &[3, 4]] {
            let keyring = keyring(epochs);
            let record = seal(&change(b"hello"), &SPACE, &keyring, &[4; NONCE_LEN]);
            assert_eq!(open(&record, &SPACE, &keyring), Ok(change(b"hello")));
            for bit in 0..record.len() * 8 {
                let mut bad = record.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                assert!(open(&bad, &SPACE, &keyring).is_err(), "bit {bit}");
            }
        }
    }

    #[test]
    fn other_spaces_epochs_and_suites_are_told_apart() {
        let record = sealed(&change(b"hello"));
        let own = keyring(&[3]);
        assert_eq!(open(&record, &SpaceId::from_bytes([9; 32]), &own), Err(OpenError::OtherSpace));
        assert_eq!(open(&record, &SPACE, &keyring(&[5])), Err(OpenError::UnknownEpoch));
        assert_eq!(open(&[7; 200], &SPACE, &own), Err(OpenError::UnknownSuite));
        assert_eq!(open(&record[..80], &SPACE, &own), Err(OpenError::Malformed));
    }

    #[test]
    fn with_several_heads_all_their_secrets_are_needed() {
        let record = seal(&change(b"hello"), &SPACE, &keyring(&[3, 4, 5]), &[4; NONCE_LEN]);
        assert_eq!(open(&record, &SPACE, &keyring(&[5, 4, 3, 9])), Ok(change(b"hello")));
        for lacking in [&[3, 4][..], &[4, 5], &[3, 5], &[3]] {
            assert_eq!(open(&record, &SPACE, &keyring(lacking)), Err(OpenError::UnknownEpoch), "{lacking:?}");
        }
    }

    #[test]
    fn of_more_heads_than_a_record_names_the_first_are_sealed_under() {
        let many = keyring(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        let record = seal(&change(b"hello"), &SPACE, &many, &[4; NONCE_LEN]);
        assert_eq!(usize::from(record[33]), MAX_RECORD_EPOCHS);
        assert_eq!(open(&record, &SPACE, &many), Ok(change(b"hello")));
    }

    #[test]
    fn what_is_renewed_reads_the_same_under_the_present_epochs() {
        let mut keyring = keyring(&[3]);
        let old = seal(&change(b"hello"), &SPACE, &keyring, &[4; NONCE_LEN]);
        assert!(is_written_under(&old, &keyring));
        keyring.insert(Secret32::from_bytes([5; 32]), &keyring.heads());
        assert!(!is_written_under(&old, &keyring));
        let new = renewed(&old, &SPACE, &keyring, keyring.written_under()).unwrap();
        assert!(is_written_under(&new, &keyring));
        assert_eq!(
            renewed(&old, &SPACE, &keyring, keyring.written_under()),
            Ok(new.clone()),
            "whoever does it makes the same record"
        );
        let newcomer = self::keyring(&[5]);
        assert_eq!(open(&old, &SPACE, &newcomer), Err(OpenError::UnknownEpoch));
        assert_eq!(open(&new, &SPACE, &newcomer), Ok(change(b"hello")));
        assert_eq!(renewed(&old, &SPACE, &newcomer, newcomer.written_under()), Err(OpenError::UnknownEpoch));
        let other = seal(&change(b"hullo"), &SPACE, &self::keyring(&[3]), &[4; NONCE_LEN]);
        let other = renewed(&other, &SPACE, &keyring, keyring.written_under()).unwrap();
        assert_ne!(new[65..89], other[65..89], "each payload has a nonce of its own");
    }

    #[test]
    fn the_list_of_epochs_has_one_spelling() {
        let keyring = keyring(&[3, 4]);
        let record = seal(&change(b"hello"), &SPACE, &keyring, &[4; NONCE_LEN]);
        let verdict = |epochs: &[&[u8]], count: u8| {
            let head = [&record[..33], &[count]].concat();
            open(&[&head, epochs.concat().as_slice(), &record[98..]].concat(), &SPACE, &keyring)
        };
        let (first, second) = (&record[34..66], &record[66..98]);
        assert_eq!(verdict(&[first, second], 2), Ok(change(b"hello")));
        assert_eq!(verdict(&[second, first], 2), Err(OpenError::Malformed));
        assert_eq!(verdict(&[first, first], 2), Err(OpenError::Malformed));
        assert_eq!(verdict(&[first], 1), Err(OpenError::Malformed));
        assert_eq!(verdict(&[], 0), Err(OpenError::Malformed));
        let nine: Vec<[u8; 32]> = (0..9).map(|byte| [byte; 32]).collect();
        let nine: Vec<&[u8]> = nine.iter().map(<[u8; 32]>::as_slice).collect();
        assert_eq!(verdict(&nine, 9), Err(OpenError::Malformed));
        assert_eq!(verdict(&nine[..8], 8), Err(OpenError::UnknownEpoch));
    }

    #[test]
    fn small_changes_look_alike() {
        let sizes: Vec<usize> =
            [0, 1, 100, 200].iter().map(|n| sealed(&change(&vec![0; *n])).len()).collect();
        assert!(sizes.iter().all(|size| *size == sizes[0]), "{sizes:?}");
    }

    #[test]
    fn a_commit_out_of_bounds_is_refused() {
        let commit = Commit {
            space: SPACE,
            device: device(6),
            number: 1,
            previous: None,
            seen: vec![],
            log_heads: vec![],
            records: vec![RecordId::from_bytes([0; 32]); MAX_COMMIT_RECORDS],
            chunks: vec![],
        };
        let verdict = |commit: Commit| {
            open(&sealed(&Payload::Commit(Signed::new(commit, &key(6)))), &SPACE, &keyring(&[3]))
        };
        assert!(verdict(commit.clone()).is_ok());
        let mut too_many = commit.clone();
        too_many.chunks.push(RecordId::from_bytes([0; 32]));
        assert_eq!(verdict(too_many), Err(OpenError::Malformed));
        let orphan = Commit { number: 2, ..commit };
        assert_eq!(verdict(orphan), Err(OpenError::Malformed));
    }

    #[test]
    fn a_chunk_out_of_bounds_is_refused() {
        let verdict = |len| {
            let chunk = BlobChunk { blob: BlobId::from_bytes([2; 16]), index: 0, bytes: vec![0; len] };
            open(&sealed(&Payload::BlobChunk(chunk)), &SPACE, &keyring(&[3])).map(drop)
        };
        assert_eq!([verdict(1), verdict(BLOB_CHUNK_LEN)], [Ok(()), Ok(())]);
        assert_eq!(verdict(0), Err(OpenError::Malformed));
        assert_eq!(verdict(BLOB_CHUNK_LEN + 1), Err(OpenError::Malformed));
    }

    #[test]
    fn the_largest_drop_is_a_record_that_anybody_reads() {
        let largest = DropStatement {
            space: SPACE,
            keeper: key(1).verifying_key(),
            after: Some(crate::id::CommitId::from_bytes([5; 32])),
            ids: vec![RecordId::from_bytes([255; 32]); MAX_DROP_IDS],
            replaces: vec![crate::id::DropId::from_bytes([255; 32]); MAX_OPEN_DROPS],
        };
        let signed = Signed::new(largest, &key(1));
        let record = drop_record(&signed);
        assert!(record.len() <= MAX_RECORD_LEN, "{}", record.len());
        let nobody = Keyring::default();
        assert_eq!(open(&record, &SPACE, &nobody), Ok(Payload::Drop(signed)));
        assert_eq!(open(&record, &SpaceId::from_bytes([9; 32]), &nobody), Err(OpenError::OtherSpace));
    }

    #[test]
    fn a_receipt_travels_sealed() {
        let receipt = |number| {
            let receipt =
                Receipt { space: SPACE, device: DeviceId::from_bytes([6; 32]), number, drops: vec![] };
            Payload::Receipt(Signed::new(receipt, &key(6)))
        };
        assert_eq!(open(&sealed(&receipt(1)), &SPACE, &keyring(&[3])), Ok(receipt(1)));
        assert_eq!(open(&sealed(&receipt(0)), &SPACE, &keyring(&[3])), Err(OpenError::Malformed));
    }

    proptest! {
        #[test]
        fn any_bytes_open_or_are_refused(
            suite in 0_u8..6,
            bytes in proptest::collection::vec(any::<u8>(), 0..400),
        ) {
            let keyring = keyring(&[3]);
            let _ = open(&[&[suite], bytes.as_slice()].concat(), &SPACE, &keyring);
            let _ = open(&[&[suite], SPACE.as_bytes().as_slice(), &bytes].concat(), &SPACE, &keyring);
            let _ = decode_payload(&bytes);
            let _ = unpad(&bytes);
        }

        #[test]
        fn what_was_sealed_opens(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            prop_assert_eq!(open(&sealed(&change(&bytes)), &SPACE, &keyring(&[3])), Ok(change(&bytes)));
        }
    }
}
