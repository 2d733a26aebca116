//! The journal: append-only segments of sealed records, and the only truth a node has.
//!
//! 1. [`Journal::open`] reads the segments, hands every record to the caller, cuts off what a
//!    power cut tore, and refuses what is damaged.
//! 2. [`Journal::append`] frames records and writes them, in pieces. Nothing is durable yet.
//! 3. [`Journal::sync`] makes all of it durable at once, then writes a *mark*: a frame without a
//!    record that says "what is before me was synced". The mark itself is not synced.
//! 4. [`Journal::read`] reads one record back and checks it.
//! 5. [`Journal::copy_forward`] and [`Journal::retire`] rewrite a segment, so that records that were
//!    dropped or superseded give their space back and are gone (`journal/rewriting.rs`).
//!
//! The mark answers a question that framing alone cannot: whether a frame that does not hold was
//! torn by a power cut, before anybody relied on it, or damaged later. A mark behind it proves the
//! latter. After a power cut the last mark may be missing; the caller then still knows a position
//! below which nothing may be missing ([`Opening::known_durable`]), from its index.
//!
//! No input or output happens here: the [`Disk`] does it, be it a directory or the simulator's.
//! Checksums guard against accidents, not against somebody who writes to the disk: a record is
//! sealed, and what counts is signed, elsewhere. `protocol/spec/journal.md` has the bytes.

#[doc(hidden)]
pub mod conformance;
mod disk;
mod frame;
pub mod memory;
mod place;
mod recovery;
mod rewriting;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
mod window;

use std::collections::BTreeMap;

pub(crate) use self::frame::FRAME_HEAD_LEN;
pub use self::{
    disk::Disk,
    place::{JournalId, Location, Position, SegmentNumber},
    recovery::{Damage, Recovery},
    rewriting::{Copied, worth_rewriting},
};
use self::{
    frame::{HEADER_LEN, Header, SegmentKey, frame_len, record_id},
    recovery::Tail,
    rewriting::Closed,
};
use crate::{
    id::RecordId,
    limits::{JOURNAL_CHUNK_LEN, JOURNAL_PIECE_LEN, MAX_RECORD_LEN, SEGMENT_LEN},
};

/// How to open a journal.
#[derive(Debug, Clone)]
pub struct Opening {
    /// The journal's name: an empty disk gets it, any other must have it.
    pub id: JournalId,
    /// Where to begin handing out records: a [`Journal::position`] from before, or the start. It is
    /// relied on: from a place between no two frames, everything behind it looks torn.
    pub from: Option<Position>,
    /// The [`Journal::emptied`] of when `from`, and every [`Location`] kept with it, were noted. When
    /// it is another one, or `from` is in a segment emptied since, opening is refused
    /// ([`JournalError::Moved`]) before any record is handed out.
    pub emptied: u32,
    /// A [`Journal::position`] from before: a journal that ends earlier is damaged, not torn.
    pub known_durable: Option<Position>,
    /// Hand out what can still be read of a damaged journal, and list the rest in [`Recovery`].
    pub salvage: bool,
    /// Bytes after which a new segment begins.
    pub segment_len: u64,
}

/// Why the journal refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalError<E> {
    /// The disk refused; the journal is as it was before the call, unless [`JournalError::Failed`]
    /// follows.
    #[error(transparent)]
    Disk(#[from] E),
    /// What had been made durable is missing or altered.
    #[error("the journal is damaged in segment {segment} at byte {offset}")]
    Damaged {
        /// The segment.
        segment: SegmentNumber,
        /// Bytes from its start to the first frame that does not hold.
        offset: u64,
    },
    /// A file in the place of a segment that belongs to another journal, or to none.
    #[error("segment {segment} is not of this journal")]
    Foreign {
        /// The segment.
        segment: SegmentNumber,
    },
    /// Written by a newer program.
    #[error("segment {segment} has format {found}, newer than {known}")]
    Newer {
        /// The segment.
        segment: SegmentNumber,
        /// The format found.
        found: u16,
        /// The newest format known here.
        known: u16,
    },
    /// Segments were emptied since the caller noted places in the journal, so that records are
    /// elsewhere now: it must read everything ([`Opening::from`] `None`).
    #[error("records were moved since: {emptied} segments are emptied")]
    Moved {
        /// How many segments are emptied.
        emptied: u32,
    },
    /// There is no such segment, or it is the one still written to.
    #[error("segment {segment} is not closed")]
    NotClosed {
        /// The segment.
        segment: SegmentNumber,
    },
    /// The caller would empty a segment that [`Journal::copy_forward`] did not go through to its
    /// end since the journal was opened. Nothing was emptied.
    #[error("segment {segment} was not copied")]
    NotCopied {
        /// The segment.
        segment: SegmentNumber,
    },
    /// The caller offered an empty record or one above [`MAX_RECORD_LEN`]. Nothing was written.
    #[error("a record of {len} bytes cannot be stored")]
    BadLength {
        /// Bytes of the record.
        len: usize,
    },
    /// An earlier error left it open what the disk holds. Only opening again can tell.
    #[error("the journal stopped after an earlier error")]
    Failed,
}

/// An open journal. Whoever opens one has made sure that nobody else did.
#[derive(Debug)]
pub struct Journal<D: Disk> {
    disk: D,
    id: JournalId,
    segment_len: u64,
    key: SegmentKey,
    segment: SegmentNumber,
    /// The segments before this one.
    closed: BTreeMap<SegmentNumber, Closed>,
    /// Up to where a closed segment was copied. Kept here, not by the caller: after a new opening
    /// copies may be lost, and nobody may take them for made.
    copied_to: Option<Position>,
    /// Up to here the segment is durable.
    durable: u64,
    /// Up to here the segment is written: records that await a sync, or the mark of the last one.
    written: u64,
    /// Whether records await a sync.
    pending: bool,
    failed: bool,
}

impl Opening {
    /// Everything from the start, nothing known, damage refused, segments of [`SEGMENT_LEN`].
    #[must_use]
    pub const fn new(id: JournalId) -> Self {
        Self { id, from: None, emptied: 0, known_durable: None, salvage: false, segment_len: SEGMENT_LEN }
    }
}

impl<D: Disk> Journal<D> {
    /// Opens a journal, or begins one on an empty disk, and hands every record to `on_record` in
    /// the order they were appended. Records may be handed out before damage is found behind them.
    /// On return all of them are durable.
    ///
    /// # Errors
    /// When the journal is damaged, foreign or newer (the disk is then left as it was), or the
    /// disk refuses.
    pub fn open(
        mut disk: D,
        opening: &Opening,
        on_record: &mut dyn FnMut(RecordId, Location, &[u8]),
    ) -> Result<(Self, Recovery), JournalError<D::Error>> {
        let (found, recovery) = recovery::scan(&mut disk, opening, on_record)?;
        if let Some(unfinished) = found.unfinished {
            disk.remove(unfinished)?;
        }
        let journal = match found.tail {
            Some(tail) => Self::resume(disk, opening, tail)?,
            None => Self::begin(disk, opening)?,
        };
        Ok((journal, recovery))
    }

    /// Reads a journal as [`Journal::open`] does, and changes nothing on the disk.
    ///
    /// # Errors
    /// When the journal is damaged, foreign or newer, or the disk refuses.
    pub fn scan(
        mut disk: D,
        opening: &Opening,
        on_record: &mut dyn FnMut(RecordId, Location, &[u8]),
    ) -> Result<Recovery, JournalError<D::Error>> {
        recovery::scan(&mut disk, opening, on_record).map(|(_, recovery)| recovery)
    }

    fn begin(mut disk: D, opening: &Opening) -> Result<Self, JournalError<D::Error>> {
        let segment = SegmentNumber::FIRST;
        disk.create(segment)?;
        disk.append(segment, &Header { segment, previous_end: 0, id: opening.id, emptied: false }.encode())?;
        disk.sync(segment)?;
        Ok(Self::at(disk, opening, segment, HEADER_LEN as u64))
    }

    /// Takes up the last segment: cuts a torn tail off, and makes durable what a killed process, or
    /// one whose sync failed, may have left in the system's cache only.
    fn resume(mut disk: D, opening: &Opening, mut tail: Tail) -> Result<Self, JournalError<D::Error>> {
        if tail.emptied {
            // Only a salvage comes here: where the journal goes on is missing, and nothing may be
            // written behind a stub.
            let stopped = Self::at(disk, opening, tail.segment, tail.end);
            return Ok(Self { closed: tail.closed, failed: true, ..stopped });
        }
        let torn = tail.end < tail.len;
        if torn {
            disk.truncate(tail.segment, tail.end)?;
        }
        let written_again = write_again(&mut disk, &tail);
        if !tail.ends_with_mark {
            written_again?;
        } else if written_again.is_err() {
            // A mark that may become a hole below what follows is worse than none.
            disk.truncate(tail.segment, tail.proven)?;
            tail.end = tail.proven;
        }
        if torn || !tail.ends_with_mark {
            disk.sync(tail.segment)?;
        }
        let mut journal = Self::at(disk, opening, tail.segment, tail.end);
        journal.closed = tail.closed;
        if tail.ends_with_mark {
            journal.durable = tail.proven;
        } else if tail.end > HEADER_LEN as u64 {
            journal.write_mark();
        }
        Ok(journal)
    }

    fn at(disk: D, opening: &Opening, segment: SegmentNumber, end: u64) -> Self {
        Self {
            disk,
            id: opening.id,
            segment_len: opening.segment_len,
            key: SegmentKey::new(&opening.id, segment),
            segment,
            closed: BTreeMap::new(),
            copied_to: None,
            durable: end,
            written: end,
            pending: false,
            failed: false,
        }
    }

    /// Writes records, one frame each, and names them. They can be read back at once, and are
    /// durable after the next [`Journal::sync`]; until then a power cut keeps any number of them,
    /// first ones first.
    ///
    /// # Errors
    /// When a record's length is out of bounds, or the disk refuses: then none of these records is
    /// in the journal, and earlier ones are untouched.
    pub fn append<R: AsRef<[u8]>>(
        &mut self,
        records: &[R],
    ) -> Result<Vec<(RecordId, Location)>, JournalError<D::Error>> {
        self.check_running()?;
        let batch_len = batch_len(records)?;
        if records.is_empty() {
            return Ok(Vec::new());
        }
        if self.written.saturating_add(batch_len) > self.segment_len {
            self.rotate()?;
        }
        match self.write_frames(records) {
            Ok(names) => {
                self.written += batch_len;
                self.pending = true;
                Ok(names)
            }
            Err(error) => {
                self.cut_back();
                Err(error.into())
            }
        }
    }

    /// Makes everything appended durable. Costs nothing when nothing was.
    ///
    /// # Errors
    /// When the disk cannot say what is durable. Every later call is refused: some systems forget
    /// the failed pages, and would report success to a second try.
    pub fn sync(&mut self) -> Result<(), JournalError<D::Error>> {
        self.check_running()?;
        if self.pending {
            self.sync_segment()?;
            self.write_mark();
        }
        Ok(())
    }

    /// Closes the segment that is written to, so that it can be rewritten, if it holds records. What
    /// was appended is then durable.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn rotate(&mut self) -> Result<(), JournalError<D::Error>> {
        self.check_running()?;
        if self.written > HEADER_LEN as u64 { self.begin_next() } else { Ok(()) }
    }

    /// Reads a record back, synced or not.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] when what is there is not the record that was written there, and
    /// [`JournalError::Moved`] when the segment was emptied.
    pub fn read(&mut self, location: Location) -> Result<Vec<u8>, JournalError<D::Error>> {
        self.check_running()?;
        let Location { segment, offset, len } = location;
        if self.closed.get(&segment).is_some_and(|closed| closed.emptied) {
            return Err(JournalError::Moved { emptied: self.emptied() });
        }
        let damaged = || JournalError::Damaged { segment, offset };
        let len = usize::try_from(len).ok().filter(|len| *len <= MAX_RECORD_LEN).ok_or_else(damaged)?;
        let mut frame = vec![0; FRAME_HEAD_LEN + len];
        let held = if segment == self.segment { self.written } else { self.disk.len(segment)? };
        if held.checked_sub(offset).is_none_or(|left| left < frame.len() as u64) {
            return Err(damaged());
        }
        self.disk.read(segment, offset, &mut frame)?;
        let record = frame.split_off(FRAME_HEAD_LEN);
        let key = SegmentKey::new(&self.id, segment);
        let head = key.read_head(offset, &frame).ok_or_else(damaged)?;
        key.check_body(offset, &head, &record).ok_or_else(damaged)?;
        Ok(record)
    }

    /// The end of what is durable. A later [`Opening`] may replay from here, and may insist that
    /// the journal reaches here.
    #[must_use]
    pub const fn position(&self) -> Position {
        Position { segment: self.segment, offset: self.durable }
    }

    /// Whether an earlier error left it open what the disk holds: every call is refused from then on.
    #[must_use]
    pub const fn has_failed(&self) -> bool {
        self.failed
    }

    /// Bytes on the disk.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.closed.values().map(|closed| closed.len).sum::<u64>() + self.written
    }

    /// How many segments there are, emptied ones too.
    #[must_use]
    pub const fn segments(&self) -> u32 {
        self.segment.get()
    }

    /// The journal's name.
    #[must_use]
    pub const fn id(&self) -> JournalId {
        self.id
    }

    /// Closes the journal. What was not synced may be lost.
    #[must_use]
    pub fn into_disk(self) -> D {
        self.disk
    }

    const fn check_running(&self) -> Result<(), JournalError<D::Error>> {
        if self.failed { Err(JournalError::Failed) } else { Ok(()) }
    }

    fn write_frames<R: AsRef<[u8]>>(&mut self, records: &[R]) -> Result<Vec<(RecordId, Location)>, D::Error> {
        let mut pieces = Pieces { disk: &mut self.disk, segment: self.segment, buffer: Vec::new() };
        let mut offset = self.written;
        let mut names = Vec::with_capacity(records.len());
        for record in records.iter().map(AsRef::as_ref) {
            let id = record_id(record);
            let len = u32::try_from(record.len()).expect("batch_len bounded it");
            pieces.push(&self.key.head(offset, len, &id))?;
            pieces.push(record)?;
            names.push((id, Location { segment: self.segment, offset, len }));
            offset += frame_len(record);
        }
        pieces.flush()?;
        Ok(names)
    }

    /// Undoes a write that failed half-way, so that the next one begins behind a whole frame.
    fn cut_back(&mut self) {
        self.failed |= self.disk.truncate(self.segment, self.written).is_err();
    }

    fn sync_segment(&mut self) -> Result<(), JournalError<D::Error>> {
        if let Err(error) = self.disk.sync(self.segment) {
            self.failed = true;
            return Err(error.into());
        }
        self.durable = self.written;
        self.pending = false;
        Ok(())
    }

    /// Says behind the synced frames that they are. A mark that does not fit on the disk is left
    /// out: the records are durable all the same.
    fn write_mark(&mut self) {
        if self.disk.append(self.segment, &self.key.mark(self.written)).is_ok() {
            self.written += FRAME_HEAD_LEN as u64;
        } else {
            self.cut_back();
        }
    }

    /// Begins the next segment. Recovery takes its existence as proof that this one is whole, so
    /// this one is synced first, and a half-made next one must be gone before this one grows.
    fn begin_next(&mut self) -> Result<(), JournalError<D::Error>> {
        let next = self.segment.next().ok_or(JournalError::Failed)?;
        self.sync_segment()?;
        let header = Header { segment: next, previous_end: self.written, id: self.id, emptied: false };
        if let Err(error) = self.disk.create(next).and_then(|()| self.disk.append(next, &header.encode())) {
            self.failed |= self.disk.remove(next).is_err();
            return Err(error.into());
        }
        self.closed.insert(self.segment, Closed { len: self.written, emptied: false });
        self.key = SegmentKey::new(&self.id, next);
        self.segment = next;
        self.written = HEADER_LEN as u64;
        // Frames follow a durable header only: one that does not hold is then torn or damaged,
        // and which of the two shows in whether anything follows it.
        self.sync_segment()
    }
}

/// Writes what no mark proves durable in its place again, and the last mark. A sync may have failed at
/// it: the system's cache then has bytes that the disk has not, and takes them for written.
fn write_again<D: Disk>(disk: &mut D, tail: &Tail) -> Result<(), D::Error> {
    let mut offset = tail.proven;
    while offset < tail.end {
        let len =
            usize::try_from(tail.end - offset).map_or(JOURNAL_CHUNK_LEN, |len| len.min(JOURNAL_CHUNK_LEN));
        let mut bytes = vec![0; len];
        disk.read(tail.segment, offset, &mut bytes)?;
        disk.write_again(tail.segment, offset, &bytes)?;
        offset += len as u64;
    }
    Ok(())
}

/// Collects frames into writes of [`JOURNAL_PIECE_LEN`].
struct Pieces<'a, D: Disk> {
    disk: &'a mut D,
    segment: SegmentNumber,
    buffer: Vec<u8>,
}

impl<D: Disk> Pieces<'_, D> {
    fn push(&mut self, mut bytes: &[u8]) -> Result<(), D::Error> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(JOURNAL_PIECE_LEN - self.buffer.len()));
            self.buffer.extend_from_slice(now);
            bytes = later;
            if self.buffer.len() == JOURNAL_PIECE_LEN {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), D::Error> {
        if !self.buffer.is_empty() {
            self.disk.append(self.segment, &self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }
}

fn batch_len<R: AsRef<[u8]>, E>(records: &[R]) -> Result<u64, JournalError<E>> {
    records.iter().map(AsRef::as_ref).try_fold(0, |sum, record| match record.len() {
        1..=MAX_RECORD_LEN => Ok(sum + frame_len(record)),
        len => Err(JournalError::BadLength { len }),
    })
}
