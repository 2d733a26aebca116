//! Records in parts: over a connection that carries little, as some relays' circuits do, a record longer
//! than a frame may be travels in several, and over several connections if it must.
//!
//! 1. A side tells, before its first frontier, of which records it holds the beginning, and how much.
//! 2. Who sends such a record, or one that is longer than the connection's frames, sends it in parts, from
//!    there on or from its beginning. Nothing else goes between two parts but messages.
//! 3. Once it is whole, and its name is right, it is taken in as any other.
//!
//! Beginnings are kept in memory, apart for each device that sends them: whose bytes do not add up to the
//! record is then certain.

use std::collections::{BTreeMap, VecDeque};

use super::{
    SessionError,
    message::{Mark, frame_of_part},
};
use crate::{
    id::{DeviceId, RecordId},
    limits::{MAX_BEGINNINGS, MAX_RECORD_LEN},
    record::record_id,
};

/// A part of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The record.
    pub record: RecordId,
    /// The bytes of the record in all.
    pub len: u32,
    /// The place of these bytes in it.
    pub from: u32,
    /// At least one.
    pub bytes: Vec<u8>,
}

/// Records that came in part.
#[derive(Debug, Default)]
pub struct Beginnings(VecDeque<Beginning>);

#[derive(Debug)]
struct Beginning {
    peer: DeviceId,
    record: RecordId,
    len: u32,
    bytes: Vec<u8>,
}

impl Beginnings {
    /// None.
    #[must_use]
    pub const fn new() -> Self {
        Self(VecDeque::new())
    }

    /// Takes a part that a device sent; the record, once it is whole. Past [`MAX_BEGINNINGS`] the one that
    /// had its last part longest ago is forgotten.
    ///
    /// # Errors
    /// When it does not follow on what came before, or the whole is not the record that it was said to be.
    pub fn take(&mut self, peer: &DeviceId, part: &Part) -> Result<Option<Vec<u8>>, SessionError> {
        let is_its = |begun: &Beginning| begun.peer == *peer && begun.record == part.record;
        let place = self.0.iter().position(is_its);
        let mut begun = match place.and_then(|place| self.0.remove(place)) {
            Some(begun) if part.from > 0 => begun,
            _ => Beginning { peer: *peer, record: part.record, len: part.len, bytes: Vec::new() },
        };
        let is_next = begun.len == part.len && begun.bytes.len() == part.from as usize;
        let len = part.len as usize;
        if !is_next
            || part.bytes.is_empty()
            || len > MAX_RECORD_LEN
            || part.bytes.len() > len - begun.bytes.len()
        {
            return Err(SessionError::Malformed);
        }
        begun.bytes.extend_from_slice(&part.bytes);
        if begun.bytes.len() < len {
            if self.0.len() == MAX_BEGINNINGS {
                self.0.pop_front();
            }
            self.0.push_back(begun);
            return Ok(None);
        }
        if record_id(&begun.bytes) != begun.record {
            return Err(SessionError::Malformed);
        }
        Ok(Some(begun.bytes))
    }

    /// What there is of records that a device sent: the bytes of each.
    pub(crate) fn of(&self, peer: &DeviceId) -> BTreeMap<RecordId, u32> {
        let its = self.0.iter().filter(|begun| begun.peer == *peer);
        its.map(|begun| (begun.record, u32::try_from(begun.bytes.len()).unwrap_or(begun.len))).collect()
    }
}

/// What is left to send of a record.
#[derive(Debug)]
pub(super) struct Rest {
    record: RecordId,
    bytes: Vec<u8>,
    from: usize,
    has_begun: bool,
}

impl Rest {
    /// A record of which the other side holds `held` bytes. One that would have nothing to add sends it anew.
    pub(super) fn new(record: RecordId, bytes: Vec<u8>, held: Option<u32>) -> Self {
        let held = held.map_or(0, |held| held as usize);
        let from = if held < bytes.len() { held } else { 0 };
        Self { record, bytes, from, has_begun: false }
    }

    /// Whether some of it was sent in this session.
    pub(super) const fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// The next part as a frame, of at most so many bytes of the record, and what is left then.
    pub(super) fn into_frame(mut self, mark: &Mark, max_len: usize) -> (Vec<u8>, Option<Self>) {
        let to = self.bytes.len().min(self.from + max_len);
        let frame = frame_of_part(mark, &self.record, &self.bytes, self.from..to);
        (self.from, self.has_begun) = (to, true);
        (frame, (to < self.bytes.len()).then_some(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: DeviceId = DeviceId::from_bytes([1; 32]);

    fn part(bytes: &[u8], range: std::ops::Range<usize>) -> Part {
        Part {
            record: record_id(bytes),
            len: u32::try_from(bytes.len()).unwrap(),
            from: u32::try_from(range.start).unwrap(),
            bytes: bytes[range].to_vec(),
        }
    }

    #[test]
    fn parts_add_up_to_the_record() {
        let (one, other) = (vec![7; 1_000], vec![8; 10]);
        let mut beginnings = Beginnings::new();
        assert_eq!(beginnings.take(&PEER, &part(&one, 0..400)), Ok(None));
        assert_eq!(beginnings.take(&PEER, &part(&other, 0..4)), Ok(None));
        assert_eq!(beginnings.of(&PEER), BTreeMap::from([(record_id(&one), 400), (record_id(&other), 4)]));
        assert_eq!(beginnings.take(&PEER, &part(&one, 400..1_000)), Ok(Some(one.clone())));
        assert_eq!(beginnings.of(&PEER), BTreeMap::from([(record_id(&other), 4)]));
        // Again from its beginning, as by a sender that was not told.
        assert_eq!(beginnings.take(&PEER, &part(&other, 0..5)), Ok(None));
        assert_eq!(beginnings.take(&PEER, &part(&other, 5..10)), Ok(Some(other)));
        assert!(beginnings.0.is_empty());
    }

    #[test]
    fn bytes_of_another_device_are_another_beginning() {
        let record = vec![7; 10];
        let liar = DeviceId::from_bytes([2; 32]);
        let mut beginnings = Beginnings::new();
        let mut wrong = part(&record, 0..5);
        wrong.bytes = vec![9; 5];
        assert_eq!(beginnings.take(&liar, &wrong), Ok(None));
        assert!(beginnings.of(&PEER).is_empty());
        assert_eq!(beginnings.take(&PEER, &part(&record, 0..5)), Ok(None));
        assert_eq!(beginnings.take(&liar, &part(&record, 5..10)), Err(SessionError::Malformed));
        assert_eq!(beginnings.take(&PEER, &part(&record, 5..10)), Ok(Some(record)));
    }

    #[test]
    fn what_does_not_follow_is_refused_and_nothing_grows() {
        let record = vec![7; 1_000];
        let mut beginnings = Beginnings::new();
        let refused = |beginnings: &mut Beginnings, part: &Part| {
            assert_eq!(beginnings.take(&PEER, part), Err(SessionError::Malformed), "{part:?}");
        };
        refused(&mut beginnings, &part(&record, 100..200));
        refused(&mut beginnings, &part(&record, 0..0));
        refused(&mut beginnings, &Part { len: 99, ..part(&record, 0..100) });
        refused(&mut beginnings, &Part { len: u32::MAX, ..part(&record, 0..100) });
        assert_eq!(beginnings.take(&PEER, &part(&record, 0..100)), Ok(None));
        refused(&mut beginnings, &Part { len: 999, ..part(&record, 100..200) });
        for number in 0..100 {
            assert_eq!(beginnings.take(&PEER, &part(&[number; 500], 0..100)), Ok(None));
            assert!(beginnings.0.len() <= MAX_BEGINNINGS);
        }
    }

    #[test]
    fn a_rest_begins_where_the_other_side_ends() {
        let record = vec![7; 1_000];
        for (held, expected) in [(None, 0), (Some(400), 400), (Some(1_000), 0), (Some(u32::MAX), 0)] {
            assert_eq!(Rest::new(record_id(&record), record.clone(), held).from, expected);
        }
    }
}
