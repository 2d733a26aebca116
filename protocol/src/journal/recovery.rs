//! Reading a journal back: which frames hold, what a power cut tore, what is damaged.
//!
//! 1. Every segment's header is read. The last one may be unfinished: its header was being written
//!    when the power went, so nothing follows it.
//! 2. Segments before the last must hold to exactly the length that the next one's header tells.
//!    One that was emptied is a header and nothing else.
//! 3. In the last, the first frame that does not hold ends the journal, unless something proves
//!    that it once was durable: a mark behind it, or a position that the caller knows. Then it is
//!    damage.
//! 4. Nothing on the disk is touched here: a journal that is refused stays as it is, and a second
//!    look sees the same.

use std::collections::BTreeMap;

use super::{
    Disk, JournalError, Location, Opening, Position, SegmentNumber,
    frame::{FRAME_HEAD_LEN, HEADER_LEN, Header, HeaderError, SegmentKey, VERSION, frame_len},
    rewriting::Closed,
    window::{Frame, Window},
};
use crate::{id::RecordId, limits::MAX_LISTED_DAMAGE};

/// What opening a journal found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Records handed out.
    pub records: u64,
    /// Bytes cut off behind the last frame that holds: never synced, never acknowledged.
    pub torn_bytes: u64,
    /// Records in the bytes cut off, as far as their frames' heads can still be read.
    pub torn_records: u64,
    /// What is damaged, the first [`MAX_LISTED_DAMAGE`] places; empty unless salvaging.
    pub damage: Vec<Damage>,
    /// Bytes in all damaged places.
    pub damaged_bytes: u64,
}

/// A damaged place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damage {
    /// Where it begins.
    pub position: Position,
    /// Bytes to the next frame that holds, or that are missing at the end; 0 when not known.
    pub bytes: u64,
}

/// What there is to open.
pub(super) struct Found {
    /// A last segment that was never finished and holds nothing: to be removed.
    pub(super) unfinished: Option<SegmentNumber>,
    /// The last segment; none on an empty disk.
    pub(super) tail: Option<Tail>,
}

/// The last segment.
pub(super) struct Tail {
    pub(super) segment: SegmentNumber,
    /// Bytes on the disk.
    pub(super) len: u64,
    /// Bytes that hold.
    pub(super) end: u64,
    /// Bytes of which a mark, or the place to begin at, says that they are durable.
    pub(super) proven: u64,
    pub(super) ends_with_mark: bool,
    /// Nothing more may be written to it.
    pub(super) emptied: bool,
    pub(super) closed: BTreeMap<SegmentNumber, Closed>,
}

/// Reads the whole journal from [`Opening::from`] on.
pub(super) fn scan<D: Disk>(
    disk: &mut D,
    opening: &Opening,
    on_record: &mut dyn FnMut(RecordId, Location, &[u8]),
) -> Result<(Found, Recovery), JournalError<D::Error>> {
    let floor = opening.known_durable.max(opening.from);
    let mut scan = Scan { disk, opening, floor, report: Recovery::default(), on_record };
    let survey = scan.survey()?;
    scan.check_emptied(&survey.segments)?;
    let tail = scan.read_segments(&survey.segments)?;
    Ok((Found { unfinished: survey.unfinished, tail }, scan.report))
}

struct Scan<'a, D: Disk> {
    disk: &'a mut D,
    opening: &'a Opening,
    /// Below this nothing may be missing.
    floor: Option<Position>,
    report: Recovery,
    on_record: &'a mut dyn FnMut(RecordId, Location, &[u8]),
}

/// What the headers tell.
struct Survey {
    segments: Vec<Segment>,
    unfinished: Option<SegmentNumber>,
}

/// A segment as its header and its length on the disk describe it.
struct Segment {
    number: SegmentNumber,
    len: u64,
    /// If it holds.
    header: Option<Header>,
}

impl Segment {
    fn is_emptied(&self) -> bool {
        self.header.is_some_and(|header| header.emptied)
    }
}

/// Where a segment ends.
struct End {
    offset: u64,
    /// As [`Tail::proven`].
    proven: u64,
    /// Whether a mark is the last thing in it.
    ends_with_mark: bool,
}

/// How far a segment must hold.
struct Bounds {
    is_last: bool,
    must_reach: u64,
}

impl<D: Disk> Scan<'_, D> {
    /// Reads the headers.
    fn survey(&mut self) -> Result<Survey, JournalError<D::Error>> {
        let numbers = self.disk.segments()?;
        let last = numbers.last().copied();
        let mut segments: Vec<Segment> = Vec::with_capacity(numbers.len());
        let mut expected = Some(SegmentNumber::FIRST);
        for number in numbers {
            if let Some(missing) = expected.filter(|expected| *expected != number) {
                self.damage(missing, 0, 0)?;
            }
            expected = number.next();
            let len = self.disk.len(number)?;
            match self.header(number, len)? {
                Some(header) => segments.push(Segment { number, len, header: Some(header) }),
                None if Some(number) == last && len <= HEADER_LEN as u64 => {
                    self.raise_floor(number, segments.last())?;
                    return Ok(Survey { segments, unfinished: Some(number) });
                }
                None => {
                    self.damage(number, 0, len.min(HEADER_LEN as u64))?;
                    segments.push(Segment { number, len, header: None });
                }
            }
        }
        Ok(Survey { segments, unfinished: None })
    }

    /// An unfinished segment is created only once the one before is synced whole.
    fn raise_floor(
        &mut self,
        unfinished: SegmentNumber,
        previous: Option<&Segment>,
    ) -> Result<(), JournalError<D::Error>> {
        if let Some(floor) = self.floor.filter(|floor| floor.segment >= unfinished) {
            self.damage(floor.segment, 0, floor.offset)?;
        }
        let whole = previous.map(|segment| Position { segment: segment.number, offset: segment.len });
        self.floor = self.floor.max(whole);
        Ok(())
    }

    /// A segment is emptied only while a durable one follows it, so the last one is none. And what
    /// the caller remembers of the journal must not be of a time before one was.
    fn check_emptied(&mut self, segments: &[Segment]) -> Result<(), JournalError<D::Error>> {
        if let Some(last) = segments.last().filter(|segment| segment.is_emptied()) {
            self.damage(last.number.next().unwrap_or(last.number), 0, 0)?;
        }
        let numbers = segments.iter().filter(|segment| segment.is_emptied()).map(|segment| segment.number);
        let numbers: Vec<_> = numbers.collect();
        let emptied = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        match self.opening.from {
            Some(from) if emptied != self.opening.emptied || numbers.contains(&from.segment) => {
                Err(JournalError::Moved { emptied })
            }
            _ => Ok(()),
        }
    }

    /// Reads one header; gives nothing if it does not hold.
    fn header(&mut self, number: SegmentNumber, len: u64) -> Result<Option<Header>, JournalError<D::Error>> {
        let mut bytes = [0; HEADER_LEN];
        let there = usize::try_from(len).unwrap_or(HEADER_LEN).min(HEADER_LEN);
        self.disk.read(number, 0, &mut bytes[..there])?;
        match Header::decode(&bytes[..there]) {
            Ok(header) if header.id != self.opening.id => Err(JournalError::Foreign { segment: number }),
            Ok(header) if header.segment == number => Ok(Some(header)),
            Err(HeaderError::Newer(found)) => {
                Err(JournalError::Newer { segment: number, found, known: VERSION })
            }
            // A salvage reads on: frames are bound to the journal's name and would not hold in
            // what really is a stranger's file.
            Err(HeaderError::Foreign) if len > HEADER_LEN as u64 && !self.opening.salvage => {
                Err(JournalError::Foreign { segment: number })
            }
            Ok(_) | Err(HeaderError::Damaged | HeaderError::Foreign) => Ok(None),
        }
    }

    fn read_segments(&mut self, segments: &[Segment]) -> Result<Option<Tail>, JournalError<D::Error>> {
        let mut tail = None;
        let mut closed = BTreeMap::new();
        for (index, segment) in segments.iter().enumerate() {
            let next = segments.get(index + 1);
            let floor =
                self.floor.filter(|floor| floor.segment == segment.number).map_or(0, |floor| floor.offset);
            let left_at =
                next.map_or(0, |next| next.header.map_or(segment.len, |header| header.previous_end));
            let bounds = Bounds { is_last: next.is_none(), must_reach: left_at.max(floor) };
            let emptied = segment.is_emptied();
            let end = match emptied {
                true => self.read_emptied(segment)?,
                false => self.read_segment(segment, &bounds)?,
            };
            if next.is_some() {
                closed.insert(segment.number, Closed { len: segment.len, emptied });
            } else {
                tail = Some((segment, end));
            }
        }
        let last = segments.last().map(|segment| segment.number);
        match self.floor {
            Some(floor) if last.is_none_or(|last| last < floor.segment) => {
                self.damage(floor.segment, 0, floor.offset)?;
            }
            _ => {}
        }
        Ok(tail.map(|(segment, End { offset: end, proven, ends_with_mark })| {
            let (emptied, len) = (segment.is_emptied(), segment.len);
            Tail { segment: segment.number, len, end, proven, ends_with_mark, emptied, closed }
        }))
    }

    /// An emptied segment holds nothing. How long it was, the next one may still tell, and what was
    /// durable in it is further on, or was to go.
    fn read_emptied(&mut self, segment: &Segment) -> Result<End, JournalError<D::Error>> {
        let end = HEADER_LEN as u64;
        if segment.len > end {
            self.damage(segment.number, end, segment.len - end)?;
        }
        Ok(End { offset: end, proven: end, ends_with_mark: false })
    }

    /// Reads one segment.
    fn read_segment(&mut self, segment: &Segment, bounds: &Bounds) -> Result<End, JournalError<D::Error>> {
        let key = SegmentKey::new(&self.opening.id, segment.number);
        let mut window = Window::new(segment.number, segment.len);
        let mut offset = self.first_offset(segment);
        let mut proven = if offset > HEADER_LEN as u64 { offset } else { 0 };
        let mut ends_with_mark = false;
        loop {
            match window.frame(self.disk, &key, offset)? {
                Frame::End => break,
                Frame::Bad => match self.judge(&mut window, &key, offset, bounds)? {
                    Some(next) => (offset, ends_with_mark) = (next, false),
                    None => break,
                },
                Frame::Mark => {
                    // Of itself a mark says nothing: it is synced with what follows.
                    proven = offset;
                    (offset, ends_with_mark) = (offset + FRAME_HEAD_LEN as u64, true);
                }
                Frame::Record { id, location, record } => {
                    (self.on_record)(id, location, record);
                    self.report.records += 1;
                    (offset, ends_with_mark) = (offset + frame_len(record), false);
                }
            }
        }
        if offset < bounds.must_reach {
            self.damage(segment.number, offset, bounds.must_reach - offset)?;
        } else if !bounds.is_last && segment.len > bounds.must_reach {
            self.damage(segment.number, bounds.must_reach, segment.len - bounds.must_reach)?;
        }
        Ok(End { offset, proven, ends_with_mark })
    }

    fn first_offset(&self, segment: &Segment) -> u64 {
        let first = match self.opening.from {
            Some(from) if from.segment > segment.number => segment.len,
            Some(from) if from.segment == segment.number => from.offset.max(HEADER_LEN as u64),
            _ => HEADER_LEN as u64,
        };
        first.min(segment.len)
    }

    /// Torn or damaged? Gives where to read on, or nothing if the journal ends here.
    fn judge(
        &mut self,
        window: &mut Window,
        key: &SegmentKey,
        offset: u64,
        bounds: &Bounds,
    ) -> Result<Option<u64>, JournalError<D::Error>> {
        let rest = window.rest(self.disk, key, offset)?;
        if bounds.is_last && offset >= bounds.must_reach && !rest.has_mark {
            self.report.torn_bytes = window.len() - offset;
            self.report.torn_records = rest.records;
            return Ok(None);
        }
        let next = rest.next.unwrap_or(window.len());
        self.damage(window.segment(), offset, next - offset)?;
        Ok(Some(next))
    }

    /// Refuses, or when salvaging takes note.
    fn damage(
        &mut self,
        segment: SegmentNumber,
        offset: u64,
        bytes: u64,
    ) -> Result<(), JournalError<D::Error>> {
        if !self.opening.salvage {
            return Err(JournalError::Damaged { segment, offset });
        }
        self.report.damaged_bytes = self.report.damaged_bytes.saturating_add(bytes);
        if self.report.damage.len() < MAX_LISTED_DAMAGE {
            self.report.damage.push(Damage { position: Position { segment, offset }, bytes });
        }
        Ok(())
    }
}
