//! Records in parts: over a connection that carries little, as some relays' circuits do, a record longer
//! than a frame may be travels in several, and over several connections if it must.
//!
//! 1. A side tells, before its first frontier, of which records it holds the beginning, and how much.
//! 2. Who sends such a record, or one that is longer than the connection's frames, sends it in parts, from
//!    there on or from its beginning. Nothing else goes between two parts but messages.
//! 3. Once it is whole, and its name is right, it is taken in as any other.
//!
//! Beginnings are kept in memory, apart for each device that sends them: whose bytes do not add up to the
//! record is then certain. A connection goes on from a copy of them: two devices may have two connections for
//! a moment, and what comes over one must not move the ends of what the other goes on from.

use std::collections::VecDeque;

use super::{
    SessionError,
    message::{Mark, frame_of_part},
};
use crate::{
    id::{DeviceId, RecordId},
    limits::{MAX_ARRIVING, MAX_BEGINNINGS, MAX_BEGUN_LEN, MAX_RECORD_LEN},
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

/// The beginning of a record.
#[derive(Debug, Clone)]
pub(crate) struct Beginning {
    record: RecordId,
    len: u32,
    bytes: Vec<u8>,
}

impl Beginning {
    const fn of(part: &Part) -> Self {
        Self { record: part.record, len: part.len, bytes: Vec::new() }
    }

    /// The record, and how many bytes of it there are.
    pub(super) fn told(&self) -> (RecordId, u32) {
        (self.record, u32::try_from(self.bytes.len()).unwrap_or(self.len))
    }
}

/// Records that come in parts over one connection.
#[derive(Debug, Default)]
pub(super) struct Arriving(Vec<Beginning>);

impl Arriving {
    /// Goes on from these, of which the other side is told.
    pub(super) const fn from(beginnings: Vec<Beginning>) -> Self {
        Self(beginnings)
    }

    /// Takes the next part; the record, once it is whole.
    ///
    /// # Errors
    /// When it does not follow on what came before, or the whole is not the record that it was said to be.
    pub(super) fn take(&mut self, part: &Part) -> Result<Option<Vec<u8>>, SessionError> {
        let place = self.0.iter().position(|begun| begun.record == part.record);
        let mut begun = match place.map(|place| self.0.swap_remove(place)) {
            Some(begun) if part.from > 0 => begun,
            _ => Beginning::of(part),
        };
        let is_next = begun.len == part.len && begun.bytes.len() == part.from as usize;
        let len = part.len as usize;
        if !is_next
            || part.bytes.is_empty()
            || len > MAX_RECORD_LEN
            || part.bytes.len() > len - begun.bytes.len()
            || self.0.len() == MAX_ARRIVING
        {
            return Err(SessionError::Malformed);
        }
        begun.bytes.extend_from_slice(&part.bytes);
        if begun.bytes.len() < len {
            self.0.push(begun);
            return Ok(None);
        }
        let is_right = record_id(&begun.bytes) == begun.record;
        is_right.then_some(Some(begun.bytes)).ok_or(SessionError::Malformed)
    }
}

/// Records that came in part, from any device and over any connection.
#[derive(Debug, Default)]
pub(crate) struct Beginnings(VecDeque<(DeviceId, Beginning)>);

impl Beginnings {
    /// None.
    pub(crate) const fn new() -> Self {
        Self(VecDeque::new())
    }

    /// Keeps a part that a device sent, as far as it adds to what is there. Past [`MAX_BEGINNINGS`] of one
    /// device, or [`MAX_BEGUN_LEN`] of all, the one that had its last part longest ago is forgotten.
    pub(crate) fn keep(&mut self, peer: &DeviceId, part: &Part) {
        let is_its = |(sender, begun): &(DeviceId, Beginning)| sender == peer && begun.record == part.record;
        let place = self.0.iter().position(is_its);
        let (_, mut begun) =
            place.and_then(|place| self.0.remove(place)).unwrap_or_else(|| (*peer, Beginning::of(part)));
        let known = begun.bytes.len().checked_sub(part.from as usize);
        if let Some(new) = known.and_then(|known| part.bytes.get(known..)) {
            begun.bytes.extend_from_slice(new);
        }
        if !begun.bytes.is_empty() {
            self.0.push_back((*peer, begun));
            self.make_room(peer);
        }
    }

    fn make_room(&mut self, peer: &DeviceId) {
        let is_its = |(sender, _): &&(DeviceId, Beginning)| sender == peer;
        if self.0.iter().filter(is_its).count() > MAX_BEGINNINGS
            && let Some(oldest) = self.0.iter().position(|begun| is_its(&begun))
        {
            self.0.remove(oldest);
        }
        let mut held: usize = self.0.iter().map(|(_, begun)| begun.bytes.len()).sum();
        while held > MAX_BEGUN_LEN
            && let Some((_, oldest)) = self.0.pop_front()
        {
            held -= oldest.bytes.len();
        }
    }

    /// Forgets the beginning of a record that came whole.
    pub(crate) fn forget(&mut self, record: &RecordId) {
        self.0.retain(|(_, begun)| begun.record != *record);
    }

    /// What there is of records that a device sent, sorted.
    pub(crate) fn of(&self, peer: &DeviceId) -> Vec<Beginning> {
        let its = self.0.iter().filter(|(sender, _)| sender == peer).map(|(_, begun)| begun.clone());
        let mut its: Vec<Beginning> = its.collect();
        its.sort_unstable_by_key(|begun| begun.record);
        its
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
        let mut arriving = Arriving::default();
        assert_eq!(arriving.take(&part(&one, 0..400)), Ok(None));
        assert_eq!(arriving.take(&part(&other, 0..4)), Ok(None));
        assert_eq!(arriving.take(&part(&one, 400..1_000)), Ok(Some(one)));
        // Again from its beginning, as by a sender that was not told.
        assert_eq!(arriving.take(&part(&other, 0..5)), Ok(None));
        assert_eq!(arriving.take(&part(&other, 5..10)), Ok(Some(other)));
        assert!(arriving.0.is_empty());
    }

    #[test]
    fn each_connection_goes_on_from_what_was_told_at_its_beginning() {
        let record: Vec<u8> = (0..250).collect();
        let mut beginnings = Beginnings::new();
        let mut older = Arriving::default();
        let over = |arriving: &mut Arriving, beginnings: &mut Beginnings, range| {
            let part = part(&record, range);
            let whole = arriving.take(&part).unwrap();
            match &whole {
                Some(record) => beginnings.forget(&record_id(record)),
                None => beginnings.keep(&PEER, &part),
            }
            whole
        };
        let told = |beginnings: &Beginnings| beginnings.of(&PEER).first().map(|begun| begun.told().1);
        assert_eq!(over(&mut older, &mut beginnings, 0..100), None);
        let mut newer = Arriving::from(beginnings.of(&PEER));
        assert_eq!(over(&mut older, &mut beginnings, 100..200), None);
        assert_eq!(over(&mut newer, &mut beginnings, 100..150), None);
        assert_eq!(told(&beginnings), Some(200), "the most that there is");
        assert_eq!(over(&mut older, &mut beginnings, 200..250), Some(record.clone()));
        assert_eq!(told(&beginnings), None);
        assert_eq!(over(&mut newer, &mut beginnings, 150..200), None);
        assert_eq!(told(&beginnings), None, "what adds nothing to a beginning is none");
        assert_eq!(over(&mut newer, &mut beginnings, 200..250), Some(record.clone()));
    }

    #[test]
    fn bytes_of_another_device_are_another_beginning() {
        let (record, liar) = (vec![7; 10], DeviceId::from_bytes([2; 32]));
        let mut beginnings = Beginnings::new();
        beginnings.keep(&liar, &Part { bytes: vec![9; 5], ..part(&record, 0..5) });
        assert!(beginnings.of(&PEER).is_empty());
        beginnings.keep(&PEER, &part(&record, 0..5));
        let end = part(&record, 5..10);
        assert_eq!(Arriving::from(beginnings.of(&liar)).take(&end), Err(SessionError::Malformed));
        assert_eq!(Arriving::from(beginnings.of(&PEER)).take(&end), Ok(Some(record)));
    }

    #[test]
    fn what_does_not_follow_is_refused_and_nothing_grows() {
        let record = vec![7; 1_000];
        let refused = |part: &Part| {
            let mut arriving = Arriving::default();
            arriving.take(&self::part(&record, 0..100)).unwrap();
            assert_eq!(arriving.take(part), Err(SessionError::Malformed), "{part:?}");
        };
        refused(&part(&record, 200..300));
        refused(&part(&record, 50..150));
        refused(&part(&record, 0..0));
        refused(&Part { len: 99, ..part(&record, 0..100) });
        refused(&Part { len: u32::MAX, ..part(&record, 0..100) });
        refused(&Part { len: 999, ..part(&record, 100..200) });
        refused(&part(&[8; 500], 1..100));
        let mut arriving = Arriving::default();
        let taken = (0..100).map(|number| arriving.take(&part(&[number; 500], 0..100)));
        assert_eq!(taken.take_while(Result::is_ok).count(), MAX_ARRIVING);
        let mut beginnings = Beginnings::new();
        for number in 0..100 {
            let long = vec![number; MAX_RECORD_LEN];
            beginnings.keep(&DeviceId::from_bytes([number % 7; 32]), &part(&long, 0..MAX_RECORD_LEN - 1));
            beginnings.keep(&PEER, &part(&[number; 500], 0..100));
            assert!(beginnings.of(&PEER).len() <= MAX_BEGINNINGS);
            assert!(beginnings.0.iter().map(|(_, begun)| begun.bytes.len()).sum::<usize>() <= MAX_BEGUN_LEN);
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
