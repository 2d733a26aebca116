//! A disk in memory that fails the way disks do: it loses what was not synced, fills up, and
//! refuses to sync. For tests and for the simulator.

use std::{collections::BTreeMap, ops::Range};

use super::{Disk, SegmentNumber};

/// A disk in memory. Faults are asked for by the caller and never drawn here, so that a
/// simulation stays a function of its seed.
#[derive(Debug, Clone, Default)]
pub struct MemoryDisk {
    files: BTreeMap<SegmentNumber, File>,
    byte_budget: Option<u64>,
    syncs_left: Option<u64>,
    truncates_fail: bool,
    appends: u64,
}

/// Why a [`MemoryDisk`] refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MemoryDiskError {
    /// The byte budget is used up.
    #[error("no space left on the disk")]
    Full,
    /// A sync failed, as [`MemoryDisk::fail_syncs_after`] asked.
    #[error("the disk could not sync")]
    SyncFailed,
    /// A cut failed, as [`MemoryDisk::fail_truncates`] asked.
    #[error("the disk could not cut a file")]
    TruncateFailed,
    /// No such segment.
    #[error("no such segment")]
    Missing,
    /// The segment exists already.
    #[error("the segment exists already")]
    Exists,
    /// Outside the segment's bytes.
    #[error("outside the segment's bytes")]
    OutOfRange,
}

#[derive(Debug, Clone, Default)]
struct File {
    bytes: Vec<u8>,
    /// How much of `bytes` a power cut cannot touch.
    synced: usize,
    /// What a sync that failed was to make durable: no later one does, until it is written again.
    forgotten: Range<usize>,
    /// Synced bytes that a cut took off and that come back if the power fails before a sync.
    cut_off: Vec<u8>,
    /// Whether the directory knows the file durably.
    listed: bool,
    /// What this file took the place of, as long as the directory does not know so durably.
    replaced: Option<Box<Self>>,
}

impl MemoryDisk {
    /// An empty disk without faults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on all segments together hold at most this many bytes; `None` lifts the bound.
    /// What exceeds it is written as far as it fits, then the write fails.
    pub const fn set_byte_budget(&mut self, bytes: Option<u64>) {
        self.byte_budget = bytes;
    }

    /// Whether so many bytes more would fit.
    #[must_use]
    pub fn has_room(&self, bytes: u64) -> bool {
        self.free_bytes() as u64 >= bytes
    }

    /// Lets this many more syncs (of files or of the directory) succeed; `None` lets all.
    pub const fn fail_syncs_after(&mut self, syncs: Option<u64>) {
        self.syncs_left = syncs;
    }

    /// Whether cutting files fails from now on.
    pub const fn fail_truncates(&mut self, fail: bool) {
        self.truncates_fail = fail;
    }

    /// How often something was appended.
    #[must_use]
    pub const fn appends(&self) -> u64 {
        self.appends
    }

    /// The bytes of a segment as a reader sees them now.
    #[must_use]
    pub fn bytes(&self, segment: SegmentNumber) -> Option<&[u8]> {
        self.files.get(&segment).map(|file| file.bytes.as_slice())
    }

    /// Puts a segment with these bytes on the disk, durably.
    pub fn put(&mut self, segment: SegmentNumber, bytes: Vec<u8>) {
        let synced = bytes.len();
        self.files.insert(segment, File { bytes, synced, listed: true, ..File::default() });
    }

    /// Damages one byte; nothing happens outside the segment.
    pub fn flip(&mut self, segment: SegmentNumber, offset: usize, mask: u8) {
        if let Some(byte) = self.files.get_mut(&segment).and_then(|file| file.bytes.get_mut(offset)) {
            *byte ^= mask;
        }
    }

    /// Cuts the power. Of each file some prefix of what was not synced survives, perhaps with
    /// flipped bits; a cut or a replacement that was not synced may come undone; files that the
    /// directory does not know are gone. `choose` is given a bound and answers with a number below it.
    pub fn power_cut(&mut self, choose: &mut dyn FnMut(u64) -> u64) {
        self.files.retain(|_, file| file.listed);
        for file in self.files.values_mut() {
            file.power_cut(&mut |bound| usize::try_from(choose(bound as u64) % bound as u64).unwrap_or(0));
        }
    }

    fn file(&mut self, segment: SegmentNumber) -> Result<&mut File, MemoryDiskError> {
        self.files.get_mut(&segment).ok_or(MemoryDiskError::Missing)
    }

    fn spend_sync(&mut self) -> Result<(), MemoryDiskError> {
        match &mut self.syncs_left {
            Some(0) => Err(MemoryDiskError::SyncFailed),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn free_bytes(&self) -> usize {
        let used: usize = self.files.values().map(|file| file.bytes.len()).sum();
        let budget =
            self.byte_budget.map_or(usize::MAX, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        budget.saturating_sub(used)
    }
}

impl File {
    fn power_cut(&mut self, choose: &mut dyn FnMut(usize) -> usize) {
        if let Some(old) = self.replaced.take().filter(|_| choose(2) == 0) {
            *self = *old;
        }
        if !self.cut_off.is_empty() && choose(2) == 0 {
            self.bytes.truncate(self.synced);
            self.bytes.append(&mut self.cut_off);
        } else {
            let kept = choose(self.bytes.len() - self.synced + 1);
            self.bytes.truncate(self.synced + kept);
            if kept > 0 && choose(4) == 0 {
                for _ in 0..=choose(4) {
                    let at = self.synced + choose(kept);
                    self.bytes[at] ^= 1 << choose(8);
                }
            }
        }
        self.forgotten = 0..0;
        self.sync();
    }

    fn sync(&mut self) {
        self.synced = if self.forgotten.is_empty() { self.bytes.len() } else { self.forgotten.start };
        self.cut_off.clear();
    }

    fn fail_sync(&mut self) {
        self.forgotten = self.synced..self.bytes.len();
    }

    fn truncate(&mut self, len: usize) {
        self.forgotten = self.forgotten.start.min(len)..self.forgotten.end.min(len);
        if len < self.synced {
            self.cut_off.splice(0..0, self.bytes[len..self.synced].iter().copied());
            self.synced = len;
        }
        self.bytes.truncate(len);
    }
}

impl Disk for MemoryDisk {
    type Error = MemoryDiskError;

    fn segments(&mut self) -> Result<Vec<SegmentNumber>, MemoryDiskError> {
        self.files.values_mut().for_each(|file| file.replaced = None);
        Ok(self.files.keys().copied().collect())
    }

    fn create(&mut self, segment: SegmentNumber) -> Result<(), MemoryDiskError> {
        if self.files.contains_key(&segment) {
            return Err(MemoryDiskError::Exists);
        }
        self.files.insert(segment, File::default());
        self.spend_sync()?;
        self.file(segment)?.listed = true;
        Ok(())
    }

    fn len(&mut self, segment: SegmentNumber) -> Result<u64, MemoryDiskError> {
        Ok(self.file(segment)?.bytes.len() as u64)
    }

    fn read(
        &mut self,
        segment: SegmentNumber,
        offset: u64,
        buffer: &mut [u8],
    ) -> Result<(), MemoryDiskError> {
        let bytes = &self.file(segment)?.bytes;
        let start = usize::try_from(offset).map_err(|_| MemoryDiskError::OutOfRange)?;
        let end = start.checked_add(buffer.len()).ok_or(MemoryDiskError::OutOfRange)?;
        buffer.copy_from_slice(bytes.get(start..end).ok_or(MemoryDiskError::OutOfRange)?);
        Ok(())
    }

    fn append(&mut self, segment: SegmentNumber, bytes: &[u8]) -> Result<(), MemoryDiskError> {
        self.appends += 1;
        let fits = self.free_bytes().min(bytes.len());
        self.file(segment)?.bytes.extend_from_slice(&bytes[..fits]);
        if fits < bytes.len() { Err(MemoryDiskError::Full) } else { Ok(()) }
    }

    fn write_again(
        &mut self,
        segment: SegmentNumber,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), MemoryDiskError> {
        let file = self.file(segment)?;
        let start = usize::try_from(offset).map_err(|_| MemoryDiskError::OutOfRange)?;
        let end = start.checked_add(bytes.len()).ok_or(MemoryDiskError::OutOfRange)?;
        file.bytes.get_mut(start..end).ok_or(MemoryDiskError::OutOfRange)?.copy_from_slice(bytes);
        if start <= file.forgotten.start {
            file.forgotten.start = file.forgotten.start.max(end);
        }
        Ok(())
    }

    fn sync(&mut self, segment: SegmentNumber) -> Result<(), MemoryDiskError> {
        self.file(segment)?;
        let spent = self.spend_sync();
        let file = self.file(segment)?;
        match spent {
            Ok(()) => file.sync(),
            Err(_) => file.fail_sync(),
        }
        spent
    }

    fn truncate(&mut self, segment: SegmentNumber, len: u64) -> Result<(), MemoryDiskError> {
        if self.truncates_fail {
            return Err(MemoryDiskError::TruncateFailed);
        }
        let file = self.file(segment)?;
        let len = usize::try_from(len).ok().filter(|len| *len <= file.bytes.len());
        file.truncate(len.ok_or(MemoryDiskError::OutOfRange)?);
        Ok(())
    }

    fn remove(&mut self, segment: SegmentNumber) -> Result<(), MemoryDiskError> {
        if self.files.contains_key(&segment) {
            self.spend_sync()?;
            self.files.remove(&segment);
        }
        Ok(())
    }

    fn replace(&mut self, segment: SegmentNumber, bytes: &[u8]) -> Result<(), MemoryDiskError> {
        self.file(segment)?;
        if self.free_bytes() < bytes.len() {
            return Err(MemoryDiskError::Full);
        }
        self.spend_sync()?;
        let new = File { bytes: bytes.to_vec(), synced: bytes.len(), listed: true, ..File::default() };
        let file = self.file(segment)?;
        let old = std::mem::replace(file, new);
        file.replaced = Some(Box::new(old));
        self.spend_sync()?;
        self.file(segment)?.replaced = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: SegmentNumber = SegmentNumber::FIRST;

    #[test]
    fn keeps_the_contract() {
        super::super::conformance::check(&mut MemoryDisk::new());
    }

    #[test]
    fn a_power_cut_keeps_what_was_synced_and_a_prefix_of_the_rest() {
        for kept in 0..=3 {
            let mut disk = MemoryDisk::new();
            disk.create(ONE).unwrap();
            disk.append(ONE, b"abc").unwrap();
            disk.sync(ONE).unwrap();
            disk.append(ONE, b"def").unwrap();
            let mut answers = vec![1, kept];
            disk.power_cut(&mut |_| answers.pop().unwrap());
            assert_eq!(disk.bytes(ONE), Some(&b"abcdef"[..3 + usize::try_from(kept).unwrap()]));
        }
    }

    #[test]
    fn a_power_cut_may_undo_a_cut_and_forgets_unlisted_files() {
        let mut disk = MemoryDisk::new();
        disk.create(ONE).unwrap();
        disk.append(ONE, b"abcdef").unwrap();
        disk.sync(ONE).unwrap();
        disk.truncate(ONE, 4).unwrap();
        disk.truncate(ONE, 2).unwrap();
        disk.append(ONE, b"xyz").unwrap();
        disk.fail_syncs_after(Some(0));
        assert_eq!(disk.create(ONE.next().unwrap()), Err(MemoryDiskError::SyncFailed));
        disk.power_cut(&mut |_| 0);
        assert_eq!(disk.bytes(ONE), Some(&b"abcdef"[..]));
        assert_eq!(disk.bytes(ONE.next().unwrap()), None);
    }

    #[test]
    fn a_power_cut_leaves_the_old_or_the_new_of_a_replacement() {
        let mut before = MemoryDisk::new();
        before.create(ONE).unwrap();
        before.append(ONE, b"old").unwrap();
        before.sync(ONE).unwrap();
        for (syncs, choice, after) in [(0, 0, "old"), (0, 1, "old"), (1, 0, "old"), (1, 1, "newer")] {
            let mut disk = before.clone();
            disk.fail_syncs_after(Some(syncs));
            assert_eq!(disk.replace(ONE, b"newer"), Err(MemoryDiskError::SyncFailed));
            let mut seen = disk.clone();
            disk.power_cut(&mut |bound| choice % bound);
            assert_eq!(disk.bytes(ONE), Some(after.as_bytes()));

            seen.segments().unwrap();
            let visible = seen.bytes(ONE).unwrap().to_vec();
            seen.power_cut(&mut |_| 0);
            assert_eq!(seen.bytes(ONE), Some(&visible[..]), "what was seen stays");
        }
        before.set_byte_budget(Some(7));
        assert_eq!(before.replace(ONE, b"newer"), Err(MemoryDiskError::Full), "room for both is needed");
        assert_eq!(before.bytes(ONE), Some(&b"old"[..]));
        before.set_byte_budget(Some(8));
        before.replace(ONE, b"newer").unwrap();
        before.power_cut(&mut |_| 0);
        assert_eq!(before.bytes(ONE), Some(&b"newer"[..]));
    }

    #[test]
    fn a_full_disk_writes_what_fits() {
        let mut disk = MemoryDisk::new();
        disk.create(ONE).unwrap();
        disk.set_byte_budget(Some(4));
        assert_eq!(disk.append(ONE, b"abcdef"), Err(MemoryDiskError::Full));
        assert_eq!(disk.bytes(ONE), Some(&b"abcd"[..]));
    }
}
