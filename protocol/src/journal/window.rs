//! Reading a segment piece by piece, in bounded memory.

use super::{
    Disk, Location, SegmentNumber,
    frame::{FRAME_HEAD_LEN, SegmentKey},
};
use crate::{id::RecordId, limits::JOURNAL_CHUNK_LEN};

/// A part of a segment in memory: a chunk, or one frame if that is longer.
pub(super) struct Window {
    segment: SegmentNumber,
    len: u64,
    /// Offset of the buffer's first byte.
    start: u64,
    buffer: Vec<u8>,
}

/// What is at an offset.
pub(super) enum Frame<'a> {
    End,
    Mark,
    Record { id: RecordId, location: Location, record: &'a [u8] },
    Bad,
}

/// What is behind a frame that does not hold.
#[derive(Default)]
pub(super) struct Rest {
    pub(super) next: Option<u64>,
    pub(super) has_mark: bool,
    pub(super) records: u64,
}

impl Window {
    /// Nothing of a segment of `len` bytes yet.
    pub(super) const fn new(segment: SegmentNumber, len: u64) -> Self {
        Self { segment, len, start: 0, buffer: Vec::new() }
    }

    pub(super) const fn segment(&self) -> SegmentNumber {
        self.segment
    }

    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    /// Reads the frame at `offset`.
    pub(super) fn frame<D: Disk>(
        &mut self,
        disk: &mut D,
        key: &SegmentKey,
        offset: u64,
    ) -> Result<Frame<'_>, D::Error> {
        let bytes = self.at(disk, offset, FRAME_HEAD_LEN)?;
        if bytes.is_empty() {
            return Ok(Frame::End);
        }
        let Some(head) = key.read_head(offset, bytes) else {
            return Ok(Frame::Bad);
        };
        let segment = self.segment;
        let record = self.at(disk, offset, FRAME_HEAD_LEN + head.len)?.split_at(FRAME_HEAD_LEN).1;
        let Some(id) = key.check_body(offset, &head, record) else {
            return Ok(Frame::Bad);
        };
        if head.len == 0 {
            return Ok(Frame::Mark);
        }
        let len = u32::try_from(head.len).expect("a head's length came from 32 bits");
        Ok(Frame::Record { id, location: Location { segment, offset, len }, record })
    }

    /// The bytes from `offset` on: as many as wanted, or all up to the segment's end.
    fn at<D: Disk>(&mut self, disk: &mut D, offset: u64, wanted: usize) -> Result<&[u8], D::Error> {
        let there = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = wanted.min(there);
        let held = offset.checked_sub(self.start).and_then(|skip| usize::try_from(skip).ok());
        let mut skip = held.filter(|skip| *skip <= self.buffer.len()).unwrap_or(self.buffer.len());
        if held != Some(skip) || self.buffer.len() - skip < wanted {
            self.buffer.drain(..skip);
            if held != Some(skip) {
                self.buffer.clear();
            }
            let kept = self.buffer.len();
            self.start = offset;
            self.buffer.resize(wanted.max(JOURNAL_CHUNK_LEN).min(there), 0);
            disk.read(self.segment, offset + kept as u64, &mut self.buffer[kept..])?;
            skip = 0;
        }
        Ok(&self.buffer[skip..skip + wanted])
    }

    /// Looks at every byte behind a frame that does not hold for heads of frames that do. Cheap:
    /// of arbitrary bytes one in 512 passes for a length, and only then is a checksum computed.
    pub(super) fn rest<D: Disk>(
        &mut self,
        disk: &mut D,
        key: &SegmentKey,
        bad: u64,
    ) -> Result<Rest, D::Error> {
        let mut rest = Rest::default();
        for offset in bad..self.len {
            let bytes = self.at(disk, offset, FRAME_HEAD_LEN)?;
            let Some(head) = key.read_head(offset, bytes) else { continue };
            if offset > bad {
                rest.next = rest.next.or(Some(offset));
            }
            if head.len > 0 {
                rest.records += 1;
            } else if key.check_body(offset, &head, &[]).is_some() {
                rest.has_mark = true;
                return Ok(rest);
            }
        }
        Ok(rest)
    }
}
