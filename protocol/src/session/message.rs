//! Frames: an encoded [`Message`], or records one after the other.

use serde::{Deserialize, Serialize};

use super::{SessionError, frontier::Frontier};
use crate::{
    codec::{Encoded, Tag, encode},
    limits::MAX_RECORD_LEN,
};

/// First byte of a frame of records: no [`Tag`] has it.
const RECORDS: u8 = 0xff;

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
    /// What the sender holds durably.
    Frontier(Frontier),
    /// Last: the session is over.
    Refuse {
        /// Why.
        reason: Reason,
    },
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
}

impl Encoded for Message {
    const TAG: Tag = Tag::Session;
    const VERSION: u8 = 1;
}

/// A message as a frame.
#[must_use]
pub fn frame_of_message(message: &Message) -> Vec<u8> {
    encode(message)
}

/// Records as a frame: each preceded by its length (u32, little-endian).
#[must_use]
pub fn frame_of_records(records: &[Vec<u8>]) -> Vec<u8> {
    let len = 1 + records.iter().map(|record| 4 + record.len()).sum::<usize>();
    let mut frame = Vec::with_capacity(len);
    frame.push(RECORDS);
    for record in records {
        let length = u32::try_from(record.len()).expect("records are at most 1 MiB");
        frame.extend_from_slice(&length.to_le_bytes());
        frame.extend_from_slice(record);
    }
    frame
}

/// The records of a frame of records; `None` when it is a message.
///
/// # Errors
/// When lengths do not add up, or pass the bound of a record, or there is no record.
pub fn parse_frame(frame: &[u8]) -> Result<Option<Vec<Vec<u8>>>, SessionError> {
    let Some((&RECORDS, mut rest)) = frame.split_first() else { return Ok(None) };
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
    Ok(Some(records))
}
