//! A directory as the journal's disk.
//!
//! Writes are positional, at the length this process knows, so that what a failed write left is
//! overwritten or cut, never appended to. Creating and removing a segment syncs the directory:
//! without that a power cut forgets the file and with it everything synced inside. A segment is
//! replaced by way of `NAME.new`; one that a crash left there is removed when the disk is opened.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use musette_protocol::journal::{Disk, SegmentNumber};
use rustix::fs::{Advice, fadvise};

use crate::store::replace::{create_private_dir, replace, sync_dir};

/// Open files at a time. Reads of old records touch few segments; the bound keeps a large
/// journal's files from using up the process's descriptors.
const MAX_OPEN_FILES: usize = 64;

/// Segments as files named `00000001.seg` and so on, in one directory of their own.
#[derive(Debug)]
pub(crate) struct FileDisk {
    dir: PathBuf,
    is_read_only: bool,
    open: BTreeMap<SegmentNumber, Segment>,
}

#[derive(Debug)]
struct Segment {
    file: File,
    len: u64,
}

impl FileDisk {
    /// Opens the directory, and makes it (0700) if it is not there.
    ///
    /// # Errors
    /// When it cannot be made or read.
    pub(crate) fn open(dir: &Path) -> io::Result<Self> {
        create_private_dir(dir)?;
        remove_leftovers(dir)?;
        Ok(Self { dir: dir.to_owned(), is_read_only: false, open: BTreeMap::new() })
    }

    /// Opens a directory that may be on a medium that cannot be written to. What the system holds of
    /// its files is given up first, so that what is read is what the medium has.
    pub(crate) fn open_read_only(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), is_read_only: true, open: BTreeMap::new() }
    }

    fn path(&self, segment: SegmentNumber) -> PathBuf {
        self.dir.join(format!("{:08}.seg", segment.get()))
    }

    fn segment(&mut self, number: SegmentNumber) -> io::Result<&mut Segment> {
        if !self.open.contains_key(&number) {
            let file = OpenOptions::new().read(true).write(!self.is_read_only).open(self.path(number))?;
            if self.is_read_only {
                // A hint: where it is not taken, the system's copy is read.
                let _ = fadvise(&file, 0, None, Advice::DontNeed);
            }
            let len = file.metadata()?.len();
            self.keep(number, Segment { file, len });
        }
        self.open.get_mut(&number).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn keep(&mut self, number: SegmentNumber, segment: Segment) {
        if self.open.len() >= MAX_OPEN_FILES {
            self.open.pop_first();
        }
        self.open.insert(number, segment);
    }
}

/// Removes replacements that a crash kept from taking their place.
fn remove_leftovers(dir: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_str().and_then(|name| name.strip_suffix(".new")).and_then(number_of).is_some() {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// The number in a segment's file name; other files are none of the journal's business.
fn number_of(name: &str) -> Option<SegmentNumber> {
    let digits = name.strip_suffix(".seg")?;
    let number = SegmentNumber::new(digits.parse().ok()?)?;
    (format!("{:08}", number.get()) == digits).then_some(number)
}

impl Disk for FileDisk {
    type Error = io::Error;

    fn segments(&mut self) -> io::Result<Vec<SegmentNumber>> {
        if !self.is_read_only {
            sync_dir(&self.dir)?;
        }
        let mut numbers = Vec::new();
        for entry in std::fs::read_dir(&self.dir)? {
            numbers.extend(entry?.file_name().to_str().and_then(number_of));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn create(&mut self, segment: SegmentNumber) -> io::Result<()> {
        let path = self.path(segment);
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
        file.sync_all()?;
        sync_dir(&self.dir)?;
        self.keep(segment, Segment { file, len: 0 });
        Ok(())
    }

    fn len(&mut self, segment: SegmentNumber) -> io::Result<u64> {
        self.segment(segment).map(|segment| segment.len)
    }

    fn read(&mut self, segment: SegmentNumber, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.segment(segment)?.file.read_exact_at(buffer, offset)
    }

    fn append(&mut self, segment: SegmentNumber, bytes: &[u8]) -> io::Result<()> {
        let segment = self.segment(segment)?;
        segment.file.write_all_at(bytes, segment.len)?;
        segment.len += bytes.len() as u64;
        Ok(())
    }

    fn write_again(&mut self, segment: SegmentNumber, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let segment = self.segment(segment)?;
        match offset.checked_add(bytes.len() as u64) {
            Some(end) if end <= segment.len => segment.file.write_all_at(bytes, offset),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    fn sync(&mut self, segment: SegmentNumber) -> io::Result<()> {
        self.segment(segment)?.file.sync_data()
    }

    fn truncate(&mut self, segment: SegmentNumber, len: u64) -> io::Result<()> {
        let segment = self.segment(segment)?;
        segment.file.set_len(len)?;
        segment.len = len;
        Ok(())
    }

    fn remove(&mut self, segment: SegmentNumber) -> io::Result<()> {
        self.open.remove(&segment);
        match std::fs::remove_file(self.path(segment)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => sync_dir(&self.dir),
        }
    }

    fn replace(&mut self, segment: SegmentNumber, bytes: &[u8]) -> io::Result<()> {
        // There is such a segment, or it is not replaced. Then let go of: as long as the old file
        // is open, its bytes stay on the disk.
        self.segment(segment)?;
        self.open.remove(&segment);
        replace(&self.path(segment), bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use musette_protocol::journal::{Journal, JournalError, JournalId, Opening, conformance};

    use super::*;

    const ONE: SegmentNumber = SegmentNumber::FIRST;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn keeps_the_contract() {
        let home = tempfile::tempdir().unwrap();
        conformance::check(&mut FileDisk::open(&home.path().join("journal")).unwrap());
    }

    #[test]
    fn files_are_private_and_others_are_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("journal");
        let mut disk = FileDisk::open(&dir).unwrap();
        disk.create(ONE).unwrap();
        for name in ["1.seg", "00000000.seg", "00000002.seg.old", "000000003.seg", ".DS_Store"] {
            std::fs::write(dir.join(name), "x").unwrap();
        }
        assert_eq!(disk.segments().unwrap(), [ONE]);
        assert_eq!((mode(&dir), mode(&dir.join("00000001.seg"))), (0o700, 0o600));
    }

    #[test]
    fn what_a_crash_left_of_a_replacement_is_ignored_and_removed() {
        let home = tempfile::tempdir().unwrap();
        let mut disk = FileDisk::open(home.path()).unwrap();
        disk.create(ONE).unwrap();
        disk.append(ONE, b"old").unwrap();
        disk.sync(ONE).unwrap();
        let (left, other) = (home.path().join("00000001.seg.new"), home.path().join("notes.new"));
        std::fs::write(&left, "half").unwrap();
        std::fs::write(&other, "x").unwrap();
        assert_eq!(disk.segments().unwrap(), [ONE]);

        let mut disk = FileDisk::open(home.path()).unwrap();
        assert!(!left.exists());
        assert!(other.exists(), "not of the journal");
        assert_eq!((disk.segments().unwrap(), disk.len(ONE).unwrap()), (vec![ONE], 3));
    }

    #[test]
    fn a_replaced_segment_is_private_and_its_old_file_let_go() {
        let home = tempfile::tempdir().unwrap();
        let mut disk = FileDisk::open(home.path()).unwrap();
        disk.create(ONE).unwrap();
        disk.append(ONE, b"secret").unwrap();
        disk.sync(ONE).unwrap();
        disk.replace(ONE, b"stub").unwrap();
        assert!(disk.open.is_empty(), "an open file would keep its bytes");
        let files: Vec<_> =
            std::fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(files, [home.path().join("00000001.seg")]);
        assert_eq!((std::fs::read(&files[0]).unwrap(), mode(&files[0])), (b"stub".to_vec(), 0o600));
    }

    #[test]
    fn more_segments_than_open_files() {
        let home = tempfile::tempdir().unwrap();
        let mut disk = FileDisk::open(home.path()).unwrap();
        let numbers: Vec<_> = (1..=80).filter_map(SegmentNumber::new).collect();
        for number in &numbers {
            disk.create(*number).unwrap();
            disk.append(*number, &number.get().to_le_bytes()).unwrap();
        }
        for number in numbers {
            disk.append(number, b"!").unwrap();
            let mut bytes = [0; 5];
            disk.read(number, 0, &mut bytes).unwrap();
            assert_eq!(bytes[..4], number.get().to_le_bytes());
        }
        assert!(disk.open.len() <= MAX_OPEN_FILES);
    }

    #[test]
    fn a_journal_in_files_is_there_after_opening_again() {
        let home = tempfile::tempdir().unwrap();
        let records: Vec<Vec<u8>> = (0..200_u8).map(|number| vec![number; 900]).collect();
        let opening = Opening { segment_len: 50_000, ..Opening::new(JournalId::from_bytes([7; 16])) };
        let disk = FileDisk::open(home.path()).unwrap();
        let (mut journal, _) = Journal::open(disk, &opening, &mut |_, _, _| {}).unwrap();
        for group in records.chunks(10) {
            journal.append(group).unwrap();
            journal.sync().unwrap();
        }
        let disk = FileDisk::open(home.path()).unwrap();
        let mut found = Vec::new();
        let (journal, recovery) =
            Journal::open(disk, &opening, &mut |_, _, record| found.push(record.to_vec())).unwrap();
        assert_eq!(found, records);
        assert_eq!((journal.segments(), recovery.torn_bytes), (4, 0));

        let last = home.path().join("00000004.seg");
        let mut bytes = std::fs::read(&last).unwrap();
        bytes[100] ^= 1;
        std::fs::write(&last, bytes).unwrap();
        let disk = FileDisk::open(home.path()).unwrap();
        let error = Journal::open(disk, &opening, &mut |_, _, _| {}).unwrap_err();
        assert!(matches!(error, JournalError::Damaged { segment, .. } if segment.get() == 4));
    }

    #[test]
    fn what_was_dropped_is_in_no_file_once_its_segment_is_rewritten() {
        let home = tempfile::tempdir().unwrap();
        let opening = Opening { segment_len: 5_000, ..Opening::new(JournalId::from_bytes([7; 16])) };
        let disk = FileDisk::open(home.path()).unwrap();
        let (mut journal, _) = Journal::open(disk, &opening, &mut |_, _, _| {}).unwrap();
        let names = journal.append(&[[1; 900], [2; 900]]).unwrap();
        journal.rotate().unwrap();
        let copied = journal.copy_forward(ONE, &mut |id, _| id == names[0].0).unwrap();
        journal.retire(ONE).unwrap();
        assert_eq!(journal.read(copied.records[0].1).unwrap(), [1; 900]);

        let files = std::fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().path());
        let bytes: Vec<u8> = files.flat_map(|path| std::fs::read(path).unwrap()).collect();
        let lies = |record: [u8; 900]| bytes.windows(900).filter(|at| *at == record).count();
        assert_eq!((lies([1; 900]), lies([2; 900])), (1, 0));
        let disk = FileDisk::open(home.path()).unwrap();
        let mut found = Vec::new();
        let (journal, _) = Journal::open(disk, &opening, &mut |id, _, _| found.push(id)).unwrap();
        assert_eq!((found, journal.emptied()), (vec![names[0].0], 1));
    }
}
