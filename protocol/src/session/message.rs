//! Frames: an encoded [`Message`], records one after the other, or a part of a record.
//!
//! After the handshake each frame names its space by a [`Mark`] that only members understand, so that
//! one session can serve several.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{SessionError, frontier::Frontier, parts::Part};
use crate::{
    codec::{Encoded, Tag, encode},
    id::{BlobId, RecordId, StatementId},
    limits::MAX_RECORD_LEN,
};

/// A space, as it is named in one session.
pub type Mark = [u8; 16];

/// A frame of records: the space, and the records.
pub type Records = (Mark, Vec<Vec<u8>>);

/// First byte of a frame of records: no [`Tag`] has it.
pub(super) const RECORDS: u8 = 0xff;
/// First byte of a frame with a part of a record.
const PART: u8 = 0xfe;

/// What the two sides say to each other. The position of a variant is its number on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// First: nothing but a fresh nonce.
    Hello {
        /// Drawn for this session.
        nonce: [u8; 32],
    },
    /// Which epochs the sender knows, in a form that only those who know them understand.
    Marks {
        /// One for each, at most [`crate::limits::MAX_RECOGNITION_MARKS`].
        marks: Vec<[u8; 16]>,
    },
    /// Which device the sender is, sealed under a key of a shared epoch.
    Proof {
        /// Device and signature, sealed: see `protocol/spec/sessions.md`.
        sealed: Vec<u8>,
    },
    /// Something about one space.
    Space {
        /// The space.
        mark: Mark,
        /// What about it.
        message: SpaceMessage,
    },
    /// Last: the session is over.
    Refuse {
        /// Why.
        reason: Reason,
    },
}

/// What members of a space say about it. The position of a variant is its number on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SpaceMessage {
    /// What the sender holds durably.
    Frontier {
        /// That.
        frontier: Frontier,
        /// Whether the other side is to compare the statements, and tell its own if they differ.
        check: bool,
    },
    /// Names of all statements that the sender holds, sorted, at most
    /// [`crate::limits::MAX_STATEMENTS`].
    Statements(Vec<StatementId>),
    /// Asks for pieces of an attachment.
    Want {
        /// The attachment.
        blob: BlobId,
        /// The pieces' places, sorted, at most [`crate::limits::MAX_WANT`].
        chunks: Vec<u32>,
        /// Whether a person asked for it.
        asked: bool,
    },
    /// Ends the answer to a request, after what there was: other pieces of it are not given.
    Lacks {
        /// The attachment.
        blob: BlobId,
        /// Whether some of them are here, and may be given later.
        withheld: bool,
    },
    /// A message of the reconciliation of record ids, from who began it.
    Reconcile(#[serde(with = "serde_bytes")] Vec<u8>),
    /// A message of it from the other side.
    Reconciling(#[serde(with = "serde_bytes")] Vec<u8>),
    /// Ends it: names, as the reconciliation knows them, of records that the sender lacks, sorted, at
    /// most [`crate::limits::MAX_RECONCILED`].
    Need(Vec<[u8; 32]>),
    /// Records of which the sender holds the beginning from this device, and how many bytes: sorted, at most
    /// [`crate::limits::MAX_BEGINNINGS`].
    Begun(Vec<(RecordId, u32)>),
}

/// Why a side ends a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    /// The other side does not keep to the protocol.
    Malformed,
    /// The other side speaks a newer version.
    Newer,
    /// No epoch is shared.
    Unrecognised,
    /// The proof does not hold.
    BadProof,
    /// A device has two histories.
    Fork,
    /// The other side speaks an older version.
    Older,
}

impl Encoded for Message {
    const TAG: Tag = Tag::Session;
    const VERSION: u8 = 3;
}

/// A message as a frame.
#[must_use]
pub fn frame_of_message(message: &Message) -> Vec<u8> {
    encode(message)
}

/// Bytes of a frame of records before the first of them.
const RECORDS_HEAD_LEN: usize = 1 + size_of::<Mark>();

/// Records of a space as a frame: its mark, then each record preceded by its length (u32,
/// little-endian).
#[must_use]
pub fn frame_of_records(mark: &Mark, records: &[Vec<u8>]) -> Vec<u8> {
    let len = RECORDS_HEAD_LEN + records.iter().map(|record| 4 + record.len()).sum::<usize>();
    let mut frame = Vec::with_capacity(len);
    frame.push(RECORDS);
    frame.extend_from_slice(mark);
    push_records(&mut frame, records);
    frame
}

pub(super) fn push_records(frame: &mut Vec<u8>, records: &[Vec<u8>]) {
    for record in records {
        let length = u32::try_from(record.len()).expect("records are at most 1 MiB");
        frame.extend_from_slice(&length.to_le_bytes());
        frame.extend_from_slice(record);
    }
}

/// A part of a record as a frame: the space's mark, the record's name, its length and the place of the part
/// in it (each u32, little-endian), and the part.
///
/// # Panics
/// When the record is longer than a record can be, or the range is not in it.
#[must_use]
pub fn frame_of_part(mark: &Mark, record: &RecordId, bytes: &[u8], range: Range<usize>) -> Vec<u8> {
    let number = |number| u32::try_from(number).expect("records are at most 1 MiB");
    let (len, from) = (number(bytes.len()), number(range.start));
    let part = &bytes[range];
    [&[PART], &mark[..], record.as_bytes(), &len.to_le_bytes(), &from.to_le_bytes(), part].concat()
}

/// The space and the part of a record of such a frame; `None` when it is another one. Whether the
/// part follows on others is for who puts them together to say.
///
/// # Errors
/// When it is too short.
pub fn parse_part(frame: &[u8]) -> Result<Option<(Mark, Part)>, SessionError> {
    let Some((&PART, rest)) = frame.split_first() else { return Ok(None) };
    let malformed = SessionError::Malformed;
    let (mark, rest) = rest.split_first_chunk().ok_or(malformed)?;
    let (record, rest) = rest.split_first_chunk().ok_or(malformed)?;
    let (len, rest) = rest.split_first_chunk().ok_or(malformed)?;
    let (from, bytes) = rest.split_first_chunk().ok_or(malformed)?;
    let (len, from) = (u32::from_le_bytes(*len), u32::from_le_bytes(*from));
    Ok(Some((*mark, Part { record: RecordId::from_bytes(*record), len, from, bytes: bytes.to_vec() })))
}

/// The space and the records of a frame of records; `None` when it is another one.
///
/// # Errors
/// When lengths do not add up, or pass the bound of a record, or there is no record.
pub fn parse_frame(frame: &[u8]) -> Result<Option<Records>, SessionError> {
    let Some((&RECORDS, rest)) = frame.split_first() else { return Ok(None) };
    let (mark, records) = rest.split_first_chunk().ok_or(SessionError::Malformed)?;
    Ok(Some((*mark, parse_records(records)?)))
}

pub(super) fn parse_records(mut rest: &[u8]) -> Result<Vec<Vec<u8>>, SessionError> {
    if rest.is_empty() {
        return Err(SessionError::Malformed);
    }
    let mut records = Vec::new();
    while !rest.is_empty() {
        let (length, tail) = rest.split_at_checked(4).ok_or(SessionError::Malformed)?;
        let length = u32::from_le_bytes(length.try_into().expect("4 bytes")) as usize;
        // A record is never empty: else a frame of lengths alone would make many entries of nothing.
        if length == 0 || length > MAX_RECORD_LEN {
            return Err(SessionError::Malformed);
        }
        let (record, tail) = tail.split_at_checked(length).ok_or(SessionError::Malformed)?;
        records.push(record.to_vec());
        rest = tail;
    }
    Ok(records)
}
