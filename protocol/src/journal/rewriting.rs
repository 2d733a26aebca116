//! Rewriting: records that were dropped or superseded give their space back, and are gone.
//!
//! 1. [`Journal::rotate`] closes the segment that is written to, if that one is meant.
//! 2. [`Journal::copy_forward`], again and again, appends the records of a closed segment that are
//!    still needed at the journal's end, as ordinary records.
//! 3. [`Journal::retire`] makes the copies durable and then puts a *stub* in the segment's place: a
//!    header that says "emptied". Only this takes bytes away, and it happens at once or not at all.
//!
//! So a crash loses nothing: at worst a record lies twice, and opening hands it out twice. The caller
//! keeps either location, and the other copy is dead, wherever it lies: who wants a record's bytes to be
//! gone asks [`Journal::holds`] of every segment, and not only where the record was last.
//!
//! Numbers stay without gaps, so that a missing segment is noticed as before. What this does not
//! promise: that a file system, or a disk behind it, has overwritten what no file holds any more.

#[cfg(test)]
mod property;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow;

use super::{
    Disk, HEADER_LEN, Header, Journal, JournalError, Location, Position, SegmentNumber,
    frame::{FRAME_HEAD_LEN, SegmentKey, frame_len},
    window::{Frame, Window},
};
use crate::{
    id::RecordId,
    limits::{JOURNAL_COPY_LEN, MIN_DEAD_LEN},
};

/// A segment that is not written to any more.
#[derive(Debug, Clone, Copy)]
pub(super) struct Closed {
    /// Bytes on the disk.
    pub(super) len: u64,
    pub(super) emptied: bool,
}

/// What one step of [`Journal::copy_forward`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "until `finished`, records were not copied yet"]
pub struct Copied {
    /// The records copied, and where they are now. Durable after the next [`Journal::sync`].
    pub records: Vec<(RecordId, Location)>,
    /// Whether the whole segment was gone through, so that it may be retired.
    pub finished: bool,
}

/// Whether a segment of so many `bytes` is worth rewriting for its space, when records of `live`
/// bytes in it are still needed.
///
/// When half of it is dead, each byte copied gives at least one back: over a lifetime no more is
/// copied than was written, and a closed segment takes at most twice what is live in it, or
/// [`MIN_DEAD_LEN`] more. A record that must go does not ask this: [`Journal::holds`] says where it
/// lies.
#[must_use]
pub const fn worth_rewriting(bytes: u64, live: u64) -> bool {
    let dead = bytes.saturating_sub(live);
    dead >= live && dead >= MIN_DEAD_LEN
}

impl<D: Disk> Journal<D> {
    /// Copies records of a closed segment to the journal's end: those that `is_live` wants, of the
    /// next [`JOURNAL_COPY_LEN`] bytes. Called again it goes on, until [`Copied::finished`]; called
    /// for another segment, or after a new opening, it begins anew. An emptied segment is finished.
    ///
    /// `is_live` is told where the record lies: one that the caller knows elsewhere is a copy that
    /// was made before, and dead here. What it once called dead goes when the segment is retired.
    ///
    /// # Errors
    /// [`JournalError::NotClosed`]; [`JournalError::Damaged`] when the segment does not hold, which
    /// then cannot be retired; or the disk refuses. The step then did nothing, and can be tried
    /// again.
    pub fn copy_forward(
        &mut self,
        segment: SegmentNumber,
        is_live: &mut dyn FnMut(RecordId, Location) -> bool,
    ) -> Result<Copied, JournalError<D::Error>> {
        let closed = self.closed(segment)?;
        let begin = match self.copied_to {
            Some(position) if position.segment == segment => position.offset,
            _ => HEADER_LEN as u64,
        };
        let mut live = Vec::new();
        let end = self.go_through(segment, begin, |id, location, record| {
            if is_live(id, location) {
                live.push(record.to_vec());
            }
            let end = location.offset + frame_len(record);
            if end - begin < JOURNAL_COPY_LEN { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        let records = self.append(&live)?;
        self.copied_to = Some(Position { segment, offset: end });
        Ok(Copied { records, finished: end == closed.len })
    }

    /// Empties a closed segment that was copied to its end, once the copies are durable. What was in
    /// it is then in no file of the journal, but for the copies. An emptied one stays as it is.
    ///
    /// # Errors
    /// [`JournalError::NotClosed`], [`JournalError::NotCopied`], or the disk refuses. If it leaves
    /// open whether the segment is emptied, every later call is refused.
    pub fn retire(&mut self, segment: SegmentNumber) -> Result<(), JournalError<D::Error>> {
        let closed = self.closed(segment)?;
        if closed.emptied {
            return Ok(());
        }
        if self.copied_to != Some(Position { segment, offset: closed.len }) {
            return Err(JournalError::NotCopied { segment });
        }
        self.sync()?;
        let stub = Header { emptied: true, ..self.header(segment)? };
        if let Err(error) = self.disk.replace(segment, &stub.encode()) {
            // A stub that a power cut may take back: whoever counted it would count wrongly.
            self.failed |= self.disk.len(segment).ok() != Some(closed.len);
            return Err(error.into());
        }
        self.closed.insert(segment, Closed { len: HEADER_LEN as u64, emptied: true });
        self.copied_to = None;
        Ok(())
    }

    /// Whether a segment holds a record that is wanted. Reads it up to the first one.
    ///
    /// # Errors
    /// [`JournalError::NotClosed`] when there is no such segment, [`JournalError::Damaged`], or the
    /// disk refuses.
    pub fn holds(
        &mut self,
        segment: SegmentNumber,
        is_wanted: &mut dyn FnMut(RecordId, Location) -> bool,
    ) -> Result<bool, JournalError<D::Error>> {
        self.check_running()?;
        let mut found = false;
        self.go_through(segment, HEADER_LEN as u64, |id, location, _| {
            found = is_wanted(id, location);
            if found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(found)
    }

    /// How many segments are emptied. Whoever keeps [`Location`]s keeps this with them: with another
    /// count they are out of date ([`super::Opening::emptied`]).
    #[must_use]
    pub fn emptied(&self) -> u32 {
        let emptied = self.closed.values().filter(|closed| closed.emptied).count();
        u32::try_from(emptied).unwrap_or(u32::MAX)
    }

    /// The segments that are not emptied, in ascending order, and their bytes on the disk. The last
    /// is the one written to: it can be rewritten after [`Journal::rotate`].
    pub fn segment_bytes(&self) -> impl Iterator<Item = (SegmentNumber, u64)> {
        let held = self.closed.iter().filter(|(_, closed)| !closed.emptied);
        held.map(|(number, closed)| (*number, closed.len)).chain([(self.segment, self.written)])
    }

    fn closed(&self, segment: SegmentNumber) -> Result<Closed, JournalError<D::Error>> {
        self.check_running()?;
        self.closed.get(&segment).copied().ok_or(JournalError::NotClosed { segment })
    }

    /// Hands out a segment's records from an offset on, until told to stop; gives the offset behind the
    /// last frame gone through.
    fn go_through(
        &mut self,
        segment: SegmentNumber,
        begin: u64,
        mut on_record: impl FnMut(RecordId, Location, &[u8]) -> ControlFlow<()>,
    ) -> Result<u64, JournalError<D::Error>> {
        let key = SegmentKey::new(&self.id, segment);
        let len = if segment == self.segment { self.written } else { self.closed(segment)?.len };
        let mut window = Window::new(segment, len);
        let mut offset = begin;
        loop {
            match window.frame(&mut self.disk, &key, offset)? {
                Frame::End => return Ok(offset),
                Frame::Bad => return Err(JournalError::Damaged { segment, offset }),
                Frame::Mark => offset += FRAME_HEAD_LEN as u64,
                Frame::Record { id, location, record } => {
                    offset += frame_len(record);
                    if on_record(id, location, record).is_break() {
                        return Ok(offset);
                    }
                }
            }
        }
    }

    /// What a segment says about itself: its stub goes on saying how long the one before is.
    fn header(&mut self, segment: SegmentNumber) -> Result<Header, JournalError<D::Error>> {
        let mut bytes = [0; HEADER_LEN];
        self.disk.read(segment, 0, &mut bytes)?;
        let header = Header::decode(&bytes).ok();
        let own = header.filter(|header| header.segment == segment && header.id == self.id);
        own.ok_or(JournalError::Damaged { segment, offset: 0 })
    }
}
