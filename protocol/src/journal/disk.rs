//! What the journal asks of a disk, and no more: a real directory gives it, and so does
//! [`super::memory::MemoryDisk`], which loses what was not synced.

use super::SegmentNumber;

/// A directory of append-only files, one per segment.
///
/// Every implementation passes [`super::conformance::check`].
pub trait Disk {
    /// Why the disk refused. The journal passes it on and never looks inside.
    type Error: std::error::Error + 'static;

    /// The segments there are, in ascending order. A [`Disk::replace`] that a killed process left
    /// visible but not durable is durable on return: no power cut takes back what was seen.
    ///
    /// # Errors
    /// When the directory cannot be read, or what is in it cannot be made durable.
    fn segments(&mut self) -> Result<Vec<SegmentNumber>, Self::Error>;

    /// Makes an empty segment whose *existence* is durable on return (file and directory synced).
    ///
    /// # Errors
    /// When it exists already, or cannot be made durable; the file may then exist all the same.
    fn create(&mut self, segment: SegmentNumber) -> Result<(), Self::Error>;

    /// Bytes in a segment.
    ///
    /// # Errors
    /// When there is no such segment.
    fn len(&mut self, segment: SegmentNumber) -> Result<u64, Self::Error>;

    /// Fills `buffer` from `offset` on.
    ///
    /// # Errors
    /// When the segment ends before the buffer is full.
    fn read(&mut self, segment: SegmentNumber, offset: u64, buffer: &mut [u8]) -> Result<(), Self::Error>;

    /// Writes at the segment's end. Nothing is durable before [`Disk::sync`].
    ///
    /// # Errors
    /// When not everything was written; any prefix may have been.
    fn append(&mut self, segment: SegmentNumber, bytes: &[u8]) -> Result<(), Self::Error>;

    /// Writes bytes again in the place where they were read from: the next [`Disk::sync`] then makes them
    /// durable, whatever came of an earlier one.
    ///
    /// # Errors
    /// When they reach behind the segment's end, or could not be written. The bytes are as they were.
    fn write_again(&mut self, segment: SegmentNumber, offset: u64, bytes: &[u8]) -> Result<(), Self::Error>;

    /// Makes the segment's bytes and length durable, whichever handle or process wrote them.
    ///
    /// # Errors
    /// When nothing can be said about what is durable. Asking again proves nothing: systems
    /// forget the failed pages and report success, until they are written again.
    fn sync(&mut self, segment: SegmentNumber) -> Result<(), Self::Error>;

    /// Cuts a segment to `len` bytes, which is not more than it has.
    ///
    /// # Errors
    /// When it could not be cut.
    fn truncate(&mut self, segment: SegmentNumber, len: u64) -> Result<(), Self::Error>;

    /// Removes a segment, durably. One that does not exist is removed already.
    ///
    /// # Errors
    /// When it may still exist, or may come back.
    fn remove(&mut self, segment: SegmentNumber) -> Result<(), Self::Error>;

    /// Puts `bytes` in the place of all that a synced segment holds, durably and at once: after a
    /// power cut it is as it was or as it shall be, never between. The old bytes are then in no
    /// file of the disk. Needs room for both.
    ///
    /// # Errors
    /// When there is no such segment, or it could not be replaced: it is then as it was. Or when
    /// it was, but a power cut may still take that back; its length tells which.
    fn replace(&mut self, segment: SegmentNumber, bytes: &[u8]) -> Result<(), Self::Error>;
}

impl<D: Disk + ?Sized> Disk for &mut D {
    type Error = D::Error;

    fn segments(&mut self) -> Result<Vec<SegmentNumber>, Self::Error> {
        (**self).segments()
    }

    fn create(&mut self, segment: SegmentNumber) -> Result<(), Self::Error> {
        (**self).create(segment)
    }

    fn len(&mut self, segment: SegmentNumber) -> Result<u64, Self::Error> {
        (**self).len(segment)
    }

    fn read(&mut self, segment: SegmentNumber, offset: u64, buffer: &mut [u8]) -> Result<(), Self::Error> {
        (**self).read(segment, offset, buffer)
    }

    fn append(&mut self, segment: SegmentNumber, bytes: &[u8]) -> Result<(), Self::Error> {
        (**self).append(segment, bytes)
    }

    fn write_again(&mut self, segment: SegmentNumber, offset: u64, bytes: &[u8]) -> Result<(), Self::Error> {
        (**self).write_again(segment, offset, bytes)
    }

    fn sync(&mut self, segment: SegmentNumber) -> Result<(), Self::Error> {
        (**self).sync(segment)
    }

    fn truncate(&mut self, segment: SegmentNumber, len: u64) -> Result<(), Self::Error> {
        (**self).truncate(segment, len)
    }

    fn remove(&mut self, segment: SegmentNumber) -> Result<(), Self::Error> {
        (**self).remove(segment)
    }

    fn replace(&mut self, segment: SegmentNumber, bytes: &[u8]) -> Result<(), Self::Error> {
        (**self).replace(segment, bytes)
    }
}
