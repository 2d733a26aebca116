//! The bytes of a segment: its header, and the frames that follow. `protocol/spec/journal.md`
//! lists them one by one.

use super::{JournalId, SegmentNumber};
use crate::{id::RecordId, limits::MAX_RECORD_LEN};

/// Length of a segment's header, the same in every version of the format.
pub(super) const HEADER_LEN: usize = 46;
/// Length of a frame without its record.
pub(crate) const FRAME_HEAD_LEN: usize = 16;
/// The newest version of the format that this program knows.
pub(super) const VERSION: u16 = EMPTIED;

/// The version of a segment that holds frames.
const FRAMES: u16 = 1;
/// The version of a segment that held frames: its header is all there is.
const EMPTIED: u16 = 2;

const MAGIC: &[u8; 8] = b"MUSETTEJ";
const SEGMENT_KEY: &str = "musette 2026-11 journal segment v1";
/// Bytes of the header that its checksum covers.
const CHECKED_LEN: usize = HEADER_LEN - 8;

/// What a segment says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) segment: SegmentNumber,
    /// The length at which the segment before was left for good; 0 in the first.
    pub(super) previous_end: u64,
    pub(super) id: JournalId,
    /// Its records were copied further on or dropped.
    pub(super) emptied: bool,
}

/// Why a header was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeaderError {
    /// Too short, or its checksum does not hold.
    Damaged,
    /// Not a segment of a journal.
    Foreign,
    /// Whole, but of a format this program does not know.
    Newer(u16),
}

impl Header {
    pub(super) fn encode(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[..8].copy_from_slice(MAGIC);
        let version = if self.emptied { EMPTIED } else { FRAMES };
        bytes[8..10].copy_from_slice(&version.to_le_bytes());
        bytes[10..14].copy_from_slice(&self.segment.get().to_le_bytes());
        bytes[14..22].copy_from_slice(&self.previous_end.to_le_bytes());
        bytes[22..38].copy_from_slice(self.id.as_bytes());
        let check = header_check(&bytes);
        bytes[CHECKED_LEN..].copy_from_slice(&check);
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, HeaderError> {
        let bytes: &[u8; HEADER_LEN] =
            bytes.get(..HEADER_LEN).and_then(|head| head.try_into().ok()).ok_or(HeaderError::Damaged)?;
        if &bytes[..8] != MAGIC {
            return Err(HeaderError::Foreign);
        }
        if bytes[CHECKED_LEN..] != header_check(bytes) {
            return Err(HeaderError::Damaged);
        }
        let version = u16::from_le_bytes(array(&bytes[8..10]));
        if version > VERSION {
            return Err(HeaderError::Newer(version));
        }
        let segment =
            SegmentNumber::new(u32::from_le_bytes(array(&bytes[10..14]))).ok_or(HeaderError::Damaged)?;
        if version < FRAMES {
            return Err(HeaderError::Damaged);
        }
        Ok(Self {
            segment,
            previous_end: u64::from_le_bytes(array(&bytes[14..22])),
            id: JournalId::from_bytes(array(&bytes[22..38])),
            emptied: version == EMPTIED,
        })
    }
}

fn header_check(bytes: &[u8; HEADER_LEN]) -> [u8; 8] {
    array(&blake3::hash(&bytes[..CHECKED_LEN]).as_bytes()[..8])
}

/// The key of one segment's checksums. It is no secret from whoever reads the disk, but a peer
/// whose record we store does not know it, and so cannot write a record that contains a frame.
#[derive(Debug)]
pub(super) struct SegmentKey([u8; 32]);

/// A frame's first bytes, once their own checksum held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHead {
    /// Bytes of the record that follows; 0 for a mark.
    pub(super) len: usize,
    body_check: [u8; 8],
}

impl SegmentKey {
    pub(super) fn new(id: &JournalId, segment: SegmentNumber) -> Self {
        let mut material = [0; 20];
        material[..16].copy_from_slice(id.as_bytes());
        material[16..].copy_from_slice(&segment.get().to_le_bytes());
        Self(blake3::derive_key(SEGMENT_KEY, &material))
    }

    /// The head of the frame at `offset` for a record of `len` bytes; `len` 0 makes a mark.
    pub(super) fn head(&self, offset: u64, len: u32, record: &RecordId) -> [u8; FRAME_HEAD_LEN] {
        let mut head = [0; FRAME_HEAD_LEN];
        head[..4].copy_from_slice(&len.to_le_bytes());
        head[4..8].copy_from_slice(&self.head_check(offset, len));
        head[8..].copy_from_slice(&self.body_check(offset, len, record));
        head
    }

    /// A mark: says that everything before it was synced when it was written.
    pub(super) fn mark(&self, offset: u64) -> [u8; FRAME_HEAD_LEN] {
        self.head(offset, 0, &record_id(&[]))
    }

    /// Reads the head of a frame at `offset`, if there is one.
    pub(super) fn read_head(&self, offset: u64, bytes: &[u8]) -> Option<FrameHead> {
        let bytes: &[u8; FRAME_HEAD_LEN] = bytes.get(..FRAME_HEAD_LEN)?.try_into().ok()?;
        let len = u32::from_le_bytes(array(&bytes[..4]));
        let bounded = usize::try_from(len).ok().filter(|len| *len <= MAX_RECORD_LEN)?;
        let holds = bytes[4..8] == self.head_check(offset, len);
        holds.then(|| FrameHead { len: bounded, body_check: array(&bytes[8..]) })
    }

    /// Whether `payload` is what the frame at `offset` was written with; its id if so.
    pub(super) fn check_body(&self, offset: u64, head: &FrameHead, payload: &[u8]) -> Option<RecordId> {
        let id = record_id(payload);
        let len = u32::try_from(head.len).ok()?;
        (payload.len() == head.len && self.body_check(offset, len, &id) == head.body_check).then_some(id)
    }

    fn head_check(&self, offset: u64, len: u32) -> [u8; 4] {
        let mut message = [0; 12];
        message[..8].copy_from_slice(&offset.to_le_bytes());
        message[8..].copy_from_slice(&len.to_le_bytes());
        array(&blake3::keyed_hash(&self.0, &message).as_bytes()[..4])
    }

    fn body_check(&self, offset: u64, len: u32, record: &RecordId) -> [u8; 8] {
        let mut message = [0; 44];
        message[..8].copy_from_slice(&offset.to_le_bytes());
        message[8..12].copy_from_slice(&len.to_le_bytes());
        message[12..].copy_from_slice(record.as_bytes());
        array(&blake3::keyed_hash(&self.0, &message).as_bytes()[..8])
    }
}

/// The name of a record: BLAKE3 of its bytes.
pub(super) fn record_id(record: &[u8]) -> RecordId {
    RecordId::from_bytes(*blake3::hash(record).as_bytes())
}

/// Bytes of a record's frame.
pub(super) const fn frame_len(record: &[u8]) -> u64 {
    (FRAME_HEAD_LEN + record.len()) as u64
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("callers slice by constants")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: JournalId = JournalId::from_bytes([7; 16]);

    #[test]
    fn every_flipped_bit_of_a_header_is_noticed() {
        for emptied in [false, true] {
            let header = Header { segment: SegmentNumber::FIRST, previous_end: 0, id: ID, emptied };
            let bytes = header.encode();
            assert_eq!(Header::decode(&bytes), Ok(header));
            for bit in 0..HEADER_LEN * 8 {
                let mut bad = bytes;
                bad[bit / 8] ^= 1 << (bit % 8);
                let expected = if bit < 64 { HeaderError::Foreign } else { HeaderError::Damaged };
                assert_eq!(Header::decode(&bad), Err(expected), "bit {bit}");
            }
            assert_eq!(Header::decode(&bytes[..45]), Err(HeaderError::Damaged));
        }
    }

    #[test]
    fn a_frame_holds_at_its_own_place_only() {
        let key = SegmentKey::new(&ID, SegmentNumber::FIRST);
        let bytes = key.head(46, 3, &record_id(b"abc"));
        let head = key.read_head(46, &bytes).unwrap();
        assert_eq!(head.len, 3);
        assert_eq!(key.check_body(46, &head, b"abc"), Some(record_id(b"abc")));
        assert_eq!(key.check_body(46, &head, b"abd"), None);
        assert_eq!(key.read_head(47, &bytes), None);
        assert_eq!(SegmentKey::new(&ID, SegmentNumber::FIRST.next().unwrap()).read_head(46, &bytes), None);
        assert_eq!(
            SegmentKey::new(&JournalId::from_bytes([8; 16]), SegmentNumber::FIRST).read_head(46, &bytes),
            None
        );
    }

    #[test]
    fn a_length_above_the_limit_is_no_frame_even_if_its_checksum_holds() {
        let key = SegmentKey::new(&ID, SegmentNumber::FIRST);
        let limit = u32::try_from(MAX_RECORD_LEN).unwrap();
        assert!(key.read_head(46, &key.head(46, limit, &record_id(b""))).is_some());
        assert_eq!(key.read_head(46, &key.head(46, limit + 1, &record_id(b""))), None);
    }
}
