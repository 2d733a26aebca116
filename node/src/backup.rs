//! Backups: a folder with a journal of the records that a device holds, and a head beside it that
//! only the recovery phrase opens.
//!
//! 1. What the folder lacks is appended to its journal, some at a time: the node goes on meanwhile.
//!    So each backup but the first takes moments, and one that was cut off goes on the next time.
//! 2. What was dropped since is taken out of it: what is forgotten is not kept in a backup.
//! 3. The head is written last. Then everything is read back from the medium and compared.
//!
//! What says who writes and reads, the statements, lies in a second journal once more: without the
//! enrolment of the first device nothing counts of all the rest.
//!
//! Records are sealed as they are everywhere. A backup holds no key of a device, so that nobody can
//! go on as a device that somebody else goes on as too.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use musette_protocol::{
    backup::BackupHead,
    codec::DecodeError,
    id::{RecordId, SpaceId},
    journal::{Journal, JournalError, JournalId, Location, Opening, Recovery, SegmentNumber},
    signed::Signed,
};
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;

use crate::{
    driver::{Driver, blocking},
    entropy,
    error::{Error, Result},
    store::{
        Store,
        backups::Source,
        files::FileDisk,
        replace::{create_private_dir, io_error, read_bounded, remove_dir, remove_if_there, replace, told},
    },
};

/// The head's file.
const HEAD: &str = "musette-backup";
/// The same once more: without a head nothing can be opened of all the rest.
const HEAD_COPY: &str = "musette-backup.copy";
/// Bytes of it: some keys, and all secrets of epochs that a device may hold.
const MAX_HEAD_LEN: u64 = 1024 * 1024;
/// The folder of the journal's segments.
const JOURNAL: &str = "journal";
/// That of a second journal of the same name, with the statements once more.
const STATEMENTS: &str = "musette-backup.statements";
/// Says until the head is there that the journal beside it was begun by a backup, and may be removed: a
/// person may have a folder of that name.
const BEGUN: &str = "musette-backup.begun";
/// Records that are asked of the store at a time.
const RECORDS_AT_ONCE: usize = 1_024;

/// A backup that is being written.
struct Target {
    dir: PathBuf,
    id: JournalId,
    all: Shelf,
    statements: Shelf,
    /// Held for as long as this is: two at once would write over each other.
    _lock: File,
}

/// One of its journals.
struct Shelf {
    /// The backup's folder.
    dir: PathBuf,
    journal: Journal<FileDisk>,
    /// What is in it, and where each lies last.
    held: HashMap<RecordId, Location>,
}

/// Brings a backup up to date, or begins one, and tells what came of it.
///
/// # Errors
/// When the folder is no place for it, holds somebody else's or a damaged one, or a disk refuses;
/// `healing` while this device lacks something itself.
pub(crate) async fn back_up(driver: &Driver, dir: PathBuf, progress: &mpsc::Sender<Json>) -> Result<Json> {
    let Source { space, home, records, statements, attachments_missing } =
        driver.run(Store::begin_backup).await?;
    let mut target = blocking(move || Target::open(dir, space, &home)).await?;
    let quietly = |_, _| {};
    (target.statements, _) = fill(driver, target.statements, &statements, quietly).await?;
    let tell = |done, total| {
        let told = json!({ "done": done, "total": total, "unit": "records" });
        drop(progress.try_send(json!({ "progress": told })));
    };
    let done;
    (target.all, done) = fill(driver, target.all, &records, tell).await?;
    let theirs: Vec<RecordId> = target.all.held.keys().copied().collect();
    let dropped = driver.run(move |store| Ok(store.dropped_of(theirs))).await?;
    let removed = dropped.len();
    target = blocking(move || target.remove(&dropped).map(|()| target)).await?;
    let (journal, end) = (target.id, target.all.journal.position());
    let head = driver.run(move |store| store.sign_backup(journal, end)).await?;
    let (dir, bytes) = blocking(move || target.finish(&head)).await?;
    driver.run(Store::note_backup).await?;
    Ok(json!({
        "path": dir,
        "records": records.len(),
        "added": done,
        "removed": removed,
        "bytes": bytes,
        "attachments_missing": attachments_missing,
    }))
}

/// Appends to a journal what it lacks of some records, some at a time; gives how many that were.
async fn fill(
    driver: &Driver,
    mut shelf: Shelf,
    records: &[RecordId],
    tell: impl Fn(usize, usize),
) -> Result<(Shelf, usize)> {
    let mut rest = shelf.lacking(records);
    let total = rest.len();
    while !rest.is_empty() {
        let (records, left) = driver.run(move |store| store.read_for_backup(rest, RECORDS_AT_ONCE)).await?;
        rest = left;
        shelf = blocking(move || shelf.append(&records).map(|()| shelf)).await?;
        tell(total - rest.len(), total);
    }
    Ok((shelf, total))
}

impl Target {
    fn open(dir: PathBuf, space: SpaceId, home: &Path) -> Result<Self> {
        check_folder(&dir)?;
        told(create_private_dir(&dir)).map_err(|error| match error.code() {
            "disk-failed" => Error::new("backup-no-folder").with("path", dir.display()),
            _ => error,
        })?;
        let dir = told(dir.canonicalize())?;
        let at = |code: &'static str| Error::new(code).with("path", dir.display());
        if dir.starts_with(told(home.canonicalize())?) {
            return Err(at("backup-in-home"));
        }
        let lock = told(File::open(&dir))?;
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(at("backup-in-use")),
            // A file system that knows no locks.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        let head = read_head(&dir)?;
        let id = match &head {
            Some(head) if head.body().space != space => return Err(at("backup-foreign")),
            Some(head) => head.body().journal,
            None if is_free(&dir)? => JournalId::from_bytes(entropy::bytes()),
            None => return Err(at("backup-not-empty")),
        };
        if head.is_none() {
            // What a first backup left that was cut off: without its head nobody knows its name.
            for shelf in [JOURNAL, STATEMENTS] {
                remove_dir(&dir.join(shelf))?;
            }
            told(replace(&dir.join(BEGUN), b""))?;
        }
        let known = head.map(|head| head.body().end);
        let opening = Opening { known_durable: known, ..Opening::new(id) };
        let all = Shelf::open(&dir, JOURNAL, &opening)?;
        let statements = match Shelf::open(&dir, STATEMENTS, &Opening::new(id)) {
            // All of it is in the other one, which is whole.
            Err(error) if error.code() == "backup-damaged" => {
                remove_dir(&dir.join(STATEMENTS))?;
                Shelf::open(&dir, STATEMENTS, &Opening::new(id))?
            }
            opened => opened?,
        };
        Ok(Self { dir, id, all, statements, _lock: lock })
    }

    /// Takes out what was dropped. Durable on return.
    fn remove(&mut self, dropped: &HashSet<RecordId>) -> Result<()> {
        if !dropped.is_empty() {
            self.all.remove(dropped).map_err(|error| refused(&self.dir, error))?;
        }
        self.all.sync()?;
        self.statements.sync()
    }

    /// Writes the head, and reads everything back.
    fn finish(self, head: &Signed<BackupHead>) -> Result<(PathBuf, u64)> {
        let Self { dir, all, statements, .. } = self;
        let bytes = all.journal.bytes() + statements.journal.bytes();
        for name in [HEAD, HEAD_COPY] {
            told(replace(&dir.join(name), &head.to_bytes()))?;
        }
        told(remove_if_there(&dir.join(BEGUN)))?;
        let written = [all.held, statements.held];
        drop((all.journal, statements.journal));
        let mut has_records = true;
        for (held, name) in written.iter().zip([JOURNAL, STATEMENTS]) {
            let mut found = HashSet::new();
            let recovery = scan(&dir, name, head, false, &mut |record, _| {
                found.insert(record);
            })?;
            has_records &= recovery.torn_bytes == 0 && held.keys().all(|record| found.contains(record));
        }
        let has_heads = [HEAD, HEAD_COPY].into_iter().all(|name| has_head(&dir, name, head));
        let is_whole = has_heads && has_records;
        if is_whole { Ok((dir, bytes)) } else { Err(damaged(&dir)) }
    }
}

impl Shelf {
    fn open(dir: &Path, name: &str, opening: &Opening) -> Result<Self> {
        let mut held = HashMap::new();
        let disk = told(FileDisk::open(&dir.join(name)))?;
        let opened = Journal::open(disk, opening, &mut |record, location, _| {
            held.insert(record, location);
        });
        let (journal, _) = opened.map_err(|error| refused(dir, error))?;
        Ok(Self { dir: dir.to_owned(), journal, held })
    }

    /// Those of some records that are not in it.
    fn lacking(&self, records: &[RecordId]) -> Vec<RecordId> {
        records.iter().filter(|record| !self.held.contains_key(record)).copied().collect()
    }

    fn append(&mut self, records: &[Vec<u8>]) -> Result<()> {
        let appended = self.journal.append(records).map_err(|error| refused(&self.dir, error))?;
        self.held.extend(appended);
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        self.journal.sync().map_err(|error| refused(&self.dir, error))
    }

    /// Rewrites every segment in which one of these records lies.
    fn remove(&mut self, dropped: &HashSet<RecordId>) -> std::result::Result<(), JournalError<io::Error>> {
        let Self { journal, held, .. } = self;
        journal.rotate()?;
        let current = journal.position().segment;
        let closed = journal.segment_bytes().map(|(segment, _)| segment).filter(|one| *one < current);
        for segment in closed.collect::<Vec<SegmentNumber>>() {
            if !journal.holds(segment, &mut |record, _| dropped.contains(&record))? {
                continue;
            }
            loop {
                let mut is_live = |record: RecordId, location: Location| {
                    !dropped.contains(&record) && held.get(&record) == Some(&location)
                };
                let copied = journal.copy_forward(segment, &mut is_live)?;
                held.extend(copied.records);
                if copied.finished {
                    break;
                }
            }
            journal.retire(segment)?;
        }
        held.retain(|record, _| !dropped.contains(record));
        Ok(())
    }
}

/// Whether nothing of anybody's is in a folder, but for what a backup left that was cut off.
fn is_free(dir: &Path) -> Result<bool> {
    let is_begun = dir.join(BEGUN).exists();
    for entry in told(fs::read_dir(dir))? {
        let name = told(entry)?.file_name();
        let ours = [BEGUN.to_owned(), format!("{BEGUN}.new"), format!("{HEAD}.new")];
        let is_ours = is_begun && (name == JOURNAL || name == STATEMENTS)
            || ours.iter().any(|one| name == one.as_str());
        // A medium's file system keeps things of its own.
        if !is_ours && name != "lost+found" && !name.as_encoded_bytes().starts_with(b".") {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Refuses what is there and is no folder.
fn check_folder(dir: &Path) -> Result<()> {
    if dir.exists() && !dir.is_dir() {
        return Err(Error::new("not-a-folder").with("path", dir.display()));
    }
    Ok(())
}

/// The head of a backup, where there is one; its copy where it is damaged or gone.
///
/// # Errors
/// When it cannot be read, does not hold, or was written by a newer version.
pub(crate) fn read_head(dir: &Path) -> Result<Option<Signed<BackupHead>>> {
    check_folder(dir)?;
    match read_head_of(dir, HEAD) {
        Ok(Some(head)) => Ok(Some(head)),
        first => match read_head_of(dir, HEAD_COPY) {
            Ok(Some(copy)) => Ok(Some(copy)),
            _ => first,
        },
    }
}

fn read_head_of(dir: &Path, name: &str) -> Result<Option<Signed<BackupHead>>> {
    let Some(bytes) = told(read_bounded(&dir.join(name), MAX_HEAD_LEN))? else { return Ok(None) };
    let head = Signed::<BackupHead>::from_bytes(&bytes).map_err(|error| match error {
        DecodeError::Newer { found, known } => {
            Error::new("backup-newer").with("found", found).with("known", known)
        }
        _ => damaged(dir),
    })?;
    head.check().map_err(|_| damaged(dir))?;
    Ok(Some(head))
}

/// Whether a file holds this head.
fn has_head(dir: &Path, name: &str, head: &Signed<BackupHead>) -> bool {
    let written = read_head_of(dir, name).ok().flatten();
    written.is_some_and(|written| written.to_bytes() == head.to_bytes())
}

/// What was found while a backup was read.
pub(crate) struct Found {
    /// Whether a part of it is missing or could not be read.
    pub(crate) damaged: bool,
    /// Bytes of that, as far as it is known.
    pub(crate) damaged_bytes: u64,
    /// Whether something could not be read of what is there twice.
    pub(crate) worn: bool,
}

/// Reads a backup's records from the medium, around what is damaged, and changes nothing there. Statements
/// that damage took come last, from where they lie once more.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn read_records(
    dir: &Path,
    head: &Signed<BackupHead>,
    on_record: &mut dyn FnMut(&[u8]),
) -> Result<Found> {
    let is_damaged = |scanned: &Recovery| !scanned.damage.is_empty() || scanned.torn_bytes > 0;
    let mut found = HashSet::new();
    let recovery = scan(dir, JOURNAL, head, true, &mut |record, bytes| {
        found.insert(record);
        on_record(bytes);
    })?;
    let mut worn =
        !has_head(dir, HEAD, head) || dir.join(HEAD_COPY).exists() && !has_head(dir, HEAD_COPY, head);
    // Backups of the first versions have none.
    if dir.join(STATEMENTS).exists() {
        let again = scan(dir, STATEMENTS, head, true, &mut |record, bytes| {
            if found.insert(record) {
                on_record(bytes);
            }
        })?;
        worn |= is_damaged(&again);
    }
    let damaged_bytes = recovery.damaged_bytes + recovery.torn_bytes;
    Ok(Found { damaged: is_damaged(&recovery), damaged_bytes, worn })
}

/// Reads one journal of a backup. With `salvage` it goes on around damage and tells of it.
fn scan(
    dir: &Path,
    name: &str,
    head: &Signed<BackupHead>,
    salvage: bool,
    on_record: &mut dyn FnMut(RecordId, &[u8]),
) -> Result<Recovery> {
    let known_durable = (name == JOURNAL).then_some(head.body().end);
    let opening = Opening { known_durable, salvage, ..Opening::new(head.body().journal) };
    let disk = FileDisk::open_read_only(&dir.join(name));
    let scanned = Journal::scan(disk, &opening, &mut |record, _, bytes| on_record(record, bytes));
    scanned.map_err(|error| refused(dir, error))
}

fn damaged(dir: &Path) -> Error {
    Error::new("backup-damaged").with("path", dir.display())
}

fn refused(dir: &Path, error: JournalError<io::Error>) -> Error {
    match error {
        JournalError::Disk(error) if error.kind() == io::ErrorKind::NotFound => damaged(dir),
        JournalError::Disk(error) => io_error(&error),
        JournalError::Newer { found, known, .. } => {
            Error::new("backup-newer").with("found", found).with("known", known)
        }
        _ => damaged(dir),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_backup_left_is_removed_and_a_folder_of_the_persons_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().canonicalize().unwrap().join("stick");
        let home = folder.path().join("home");
        let page = dir.join(JOURNAL).join("2024.md");
        fs::create_dir(&home).unwrap();
        fs::create_dir_all(page.parent().unwrap()).unwrap();
        fs::write(&page, "dear diary").unwrap();
        let open = || Target::open(dir.clone(), SpaceId::from_bytes([1; 32]), &home);
        assert_eq!(open().map(drop).unwrap_err().code(), "backup-not-empty");
        assert_eq!(fs::read_to_string(&page).unwrap(), "dear diary");

        fs::remove_dir_all(dir.join(JOURNAL)).unwrap();
        let mut cut_off = open().unwrap();
        let id = cut_off.id;
        cut_off.all.append(&[vec![7; 100]]).unwrap();
        drop(cut_off);
        let again = open().unwrap();
        assert!(again.id != id && again.all.held.is_empty());
    }
}
