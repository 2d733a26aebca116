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
    limits::{MAX_BEGINNINGS, MAX_BEGUN_LEN, MAX_RECORD_LEN},
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

    /// Takes a part that a device sent; the record, once it is whole. What it adds to the part that is there
    /// counts: a device may have two connections for a moment, and sends over both what it was told at the
    /// beginning of each. One that begins beyond what is there is left aside, as the record came whole over
    /// the other one, or gave way. Past [`MAX_BEGINNINGS`] of one device, or
    /// [`MAX_BEGUN_LEN`] of all, the one that had its last part longest ago does.
    ///
    /// # Errors
    /// When the bytes are not within the record's length, that is another than before or too long, or the
    /// whole is not the record that it was said to be.
    pub fn take(&mut self, peer: &DeviceId, part: &Part) -> Result<Option<Vec<u8>>, SessionError> {
        let (len, from) = (part.len as usize, part.from as usize);
        if part.bytes.is_empty() || len > MAX_RECORD_LEN || from > len || part.bytes.len() > len - from {
            return Err(SessionError::Malformed);
        }
        let is_its = |begun: &Beginning| begun.peer == *peer && begun.record == part.record;
        let place = self.0.iter().position(is_its);
        let mut begun = match place.and_then(|place| self.0.remove(place)) {
            Some(begun) => begun,
            None => Beginning { peer: *peer, record: part.record, len: part.len, bytes: Vec::new() },
        };
        if begun.len != part.len {
            return Err(SessionError::Malformed);
        }
        if let Some(new) = begun.bytes.len().checked_sub(from).map(|known| part.bytes.get(known..)) {
            begun.bytes.extend_from_slice(new.unwrap_or_default());
        }
        if begun.bytes.len() == len {
            let is_right = record_id(&begun.bytes) == begun.record;
            return is_right.then_some(Some(begun.bytes)).ok_or(SessionError::Malformed);
        }
        if !begun.bytes.is_empty() {
            self.0.push_back(begun);
            self.make_room(peer);
        }
        Ok(None)
    }

    fn make_room(&mut self, peer: &DeviceId) {
        let is_its = |begun: &Beginning| begun.peer == *peer;
        if self.0.iter().filter(|begun| is_its(begun)).count() > MAX_BEGINNINGS
            && let Some(oldest) = self.0.iter().position(is_its)
        {
            self.0.remove(oldest);
        }
        let mut held: usize = self.0.iter().map(|begun| begun.bytes.len()).sum();
        while held > MAX_BEGUN_LEN
            && let Some(oldest) = self.0.pop_front()
        {
            held -= oldest.bytes.len();
        }
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
    fn what_comes_over_two_connections_is_one_beginning() {
        let record: Vec<u8> = (0..250).collect();
        let mut beginnings = Beginnings::new();
        let mut take = |range| beginnings.take(&PEER, &part(&record, range));
        for range in [0..100, 0..50, 100..200, 100..150, 50..100, 50..210] {
            assert_eq!(take(range.clone()), Ok(None), "{range:?}");
        }
        assert_eq!(take(220..250), Ok(None), "not all of what is before it is there");
        assert_eq!(take(200..250), Ok(Some(record.clone())));
        assert_eq!(take(200..250), Ok(None), "it came whole over the other one");
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
    fn what_no_record_can_be_is_refused_and_nothing_grows() {
        let record = vec![7; 1_000];
        let mut beginnings = Beginnings::new();
        let refused = |beginnings: &mut Beginnings, part: &Part| {
            assert_eq!(beginnings.take(&PEER, part), Err(SessionError::Malformed), "{part:?}");
        };
        refused(&mut beginnings, &part(&record, 0..0));
        refused(&mut beginnings, &Part { len: 99, ..part(&record, 0..100) });
        refused(&mut beginnings, &Part { len: u32::MAX, ..part(&record, 0..100) });
        refused(&mut beginnings, &Part { from: u32::MAX, ..part(&record, 0..100) });
        assert_eq!(beginnings.take(&PEER, &part(&record, 100..200)), Ok(None));
        assert!(beginnings.0.is_empty());
        assert_eq!(beginnings.take(&PEER, &part(&record, 0..100)), Ok(None));
        refused(&mut beginnings, &Part { len: 999, ..part(&record, 100..200) });
        for number in 0..100 {
            assert_eq!(beginnings.take(&PEER, &part(&[number; 500], 0..100)), Ok(None));
            assert!(beginnings.0.len() <= MAX_BEGINNINGS);
        }
        for number in 0..100 {
            let long = vec![number; MAX_RECORD_LEN];
            assert_eq!(beginnings.take(&PEER, &part(&long, 0..MAX_RECORD_LEN - 1)), Ok(None));
            assert!(beginnings.0.iter().map(|begun| begun.bytes.len()).sum::<usize>() <= MAX_BEGUN_LEN);
        }
        assert!(!beginnings.0.is_empty());
    }

    #[test]
    fn a_rest_begins_where_the_other_side_ends() {
        let record = vec![7; 1_000];
        for (held, expected) in [(None, 0), (Some(400), 400), (Some(1_000), 0), (Some(u32::MAX), 0)] {
            assert_eq!(Rest::new(record_id(&record), record.clone(), held).from, expected);
        }
    }
}
