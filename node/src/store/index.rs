//! The index: what would take long to work out of the journal again, and nothing else.
//!
//! sled is not trusted with anything that matters: its `flush` promises less than a disk needs, and
//! a torn file can keep it from opening. So everything here follows from the journal, names the
//! journal position that it reflects, and is thrown away and rebuilt at the first doubt.
//!
//! | key | value |
//! |---|---|
//! | `m` | the journal position up to which the rest holds, and which blocks hold |
//! | `b` block, part | what counts and views, in the order in which they came |
//! | `u` part | records that no commit names yet |
//! | `p` part | what other devices acknowledged |
//!
//! Values are sealed (the key is associated data) and at most 4 KiB: sled puts pages above 128 KiB
//! in files that it never syncs.
//!
//! Blocks are a log: a view that changed is written again, and the later one holds. With a value
//! for each commit and view sled took more disk than the journal, and a second to read. When the
//! log has grown by half with what no longer holds, it is written anew, into other files. What
//! counts is handed on row by row, and written row by row: as a list it would take more memory for
//! a moment than all that is made of it.
//!
//! sled keeps in memory what it reads, whatever bound it is given. So it is closed when everything
//! was read, and opened again for the first write.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
};

use musette_crdt::view::names_digest;
use musette_protocol::{
    crypto::{
        aead::{self, NONCE_LEN},
        kdf::{context, derive},
        secret::Secret32,
    },
    id::{DocumentId, RecordId},
    journal::{Location, Position},
    replica::{Counted, Item},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use self::{
    rows::{OnKept, PackedViews, Packer, Reader, Row, each},
    table::{Table, join, open_db, quietly},
};

pub(super) mod rows;
mod table;

/// Plaintext bytes of one value: 4 KiB with what sealing adds.
const PART_LEN: usize = 4 * 1024 - NONCE_LEN - aead::TAG_LEN;
/// Raised when what is kept changes its form; another number is rebuilt.
const FORMAT: u16 = 6;
/// Views that may be there for nothing in a small log.
const SPARE_VIEWS: u64 = 4_096;
/// Blocks that wait in memory while a log is written anew.
const WAITING_BLOCKS: usize = 1_024;
/// Opened blocks that wait to be taken in.
const READ_AHEAD: usize = 64;

/// Something in the index is not as it was written, or sled failed. The remedy is always the same.
#[derive(Debug, thiserror::Error)]
#[error("the index cannot be used: {0}")]
pub(super) struct IndexError(String);

impl From<sled::Error> for IndexError {
    fn from(error: sled::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<io::Error> for IndexError {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

/// An index.
pub(super) struct Index {
    dir: PathBuf,
    key: Secret32,
    db: Option<sled::Db>,
    log: Log,
}

/// How long the log of blocks is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Log {
    /// Its blocks. One with this number or a higher one is left from a write that was cut off.
    blocks: u64,
    /// Views in it, those that no longer hold among them.
    views: u64,
}

/// All that an index holds, beside what counts.
pub(super) struct Loaded {
    /// The journal position that it reflects.
    pub position: Position,
    /// Records that no commit names.
    pub uncounted: Vec<(RecordId, Location)>,
    /// What is shown of each document.
    pub views: PackedViews,
    /// What is known of other devices, as [`Changed::peers`] gave it.
    pub peers: Vec<u8>,
}

/// What changed since the index was last written.
pub(super) struct Changed<'a> {
    /// Commits that count since.
    pub counted: &'a mut dyn Iterator<Item = Counted>,
    /// Whether these are all that count: records lie elsewhere now, and what was kept is wrong.
    pub is_all_counted: bool,
    /// Pieces of attachments that came since, after their commits.
    pub arrived: &'a [Item],
    /// All records that no commit names.
    pub uncounted: &'a [(RecordId, Location)],
    /// Views that differ; an empty one is there no more.
    pub views: Vec<(DocumentId, &'a [u8])>,
    /// How many documents have a view, these and all others.
    pub documents: usize,
    /// What is known of other devices: opaque here.
    pub peers: &'a [u8],
}

impl Index {
    /// Opens or creates the index in `dir`.
    ///
    /// # Errors
    /// When sled cannot open it; set it aside then with [`Index::set_aside`].
    pub(super) fn open(dir: &Path, secret: &Secret32) -> Result<Self, IndexError> {
        finish_swap(dir)?;
        let key = derive(context::INDEX, &[secret.expose()]);
        Ok(Self { db: Some(open_db(dir)?), dir: dir.to_owned(), key, log: Log::default() })
    }

    /// Moves a broken index out of the way, so that nothing is destroyed that might be looked at.
    ///
    /// # Errors
    /// When it cannot be moved.
    pub(super) fn set_aside(dir: &Path) -> io::Result<PathBuf> {
        let aside = dir.with_extension("broken");
        if aside.exists() {
            fs::remove_dir_all(&aside)?;
        }
        fs::rename(dir, &aside)?;
        Ok(aside)
    }

    /// Removes an index that was set aside.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub(super) fn remove_aside(dir: &Path) -> io::Result<()> {
        remove(&dir.with_extension("broken"))
    }

    /// Removes an index that is to be written anew.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub(super) fn remove(dir: &Path) -> io::Result<()> {
        remove(dir)
    }

    /// Reads everything, and hands on what counts; `None` when it is empty. Call it once, before
    /// anything is saved. After an error what was handed on is not to be relied on.
    ///
    /// # Errors
    /// When a value does not open or does not make sense.
    pub(super) fn load<'a>(&mut self, on_kept: &'a mut OnKept<'a>) -> Result<Option<Loaded>, IndexError> {
        quietly(|| self.load_all(on_kept))?
    }

    fn load_all<'a>(&mut self, on_kept: &'a mut OnKept<'a>) -> Result<Option<Loaded>, IndexError> {
        let Some((position, log)) = self.mark()? else { return Ok(None) };
        let table = self.table()?;
        let uncounted = table.get(b"u")?.map_or_else(|| Ok(Vec::new()), |bytes| parse(&bytes))?;
        let peers = table.get(b"p")?.unwrap_or_default();
        let (view_rows, views) = read_rows(&table, log.blocks, on_kept)?;
        self.db = None;
        if view_rows != log.views {
            return Err(nonsense());
        }
        self.log = log;
        Ok(Some(Loaded { position, uncounted, views, peers }))
    }

    /// The journal position that it reflects, if it holds anything.
    ///
    /// # Errors
    /// When the value does not open.
    pub(super) fn position(&mut self) -> Result<Option<Position>, IndexError> {
        quietly(|| Ok(self.mark()?.map(|(position, _)| position)))?
    }

    /// Writes what changed, and the journal position that the index then reflects.
    ///
    /// # Errors
    /// When sled fails; the index then reflects an earlier position.
    pub(super) fn save(&mut self, position: Position, changed: Changed<'_>) -> Result<(), IndexError> {
        quietly(|| self.save_all(position, changed))?
    }

    fn save_all(&mut self, position: Position, changed: Changed<'_>) -> Result<(), IndexError> {
        let (views, held) = (self.log.views + changed.views.len() as u64, changed.documents as u64);
        if changed.is_all_counted || views > held + held / 2 + SPARE_VIEWS {
            return self.save_anew(position, changed);
        }
        let log = self.log;
        let table = self.table()?;
        self.log = append(Writer::new(&table, log), position, changed)?;
        Ok(())
    }

    /// Writes what still holds and what changed into other files.
    fn save_anew(&mut self, position: Position, changed: Changed<'_>) -> Result<(), IndexError> {
        let end = self.log.blocks;
        let sealed = self.table()?.sealed_blocks(end)?;
        self.db = None;
        let new = self.dir.with_extension("new");
        remove(&new)?;
        let db = open_db(&new)?;
        let table = Table { db: &db, key: &self.key };
        let mut writer = Writer::new(&table, Log::default());
        copy_current(&self.key, &sealed, !changed.is_all_counted, &mut writer)?;
        drop(sealed);
        let log = append(writer, position, changed)?;
        db.flush()?;
        drop(db);
        fs::rename(&self.dir, self.dir.with_extension("old"))?;
        finish_swap(&self.dir)?;
        self.log = log;
        Ok(())
    }

    /// The position that the index reflects and its log, if it holds anything.
    fn mark(&mut self) -> Result<Option<(Position, Log)>, IndexError> {
        let Some(bytes) = self.table()?.get(b"m")? else { return Ok(None) };
        let (found, rest) = postcard::take_from_bytes::<Format>(&bytes).map_err(|_| nonsense())?;
        if found != format() {
            return Err(IndexError("written by another version".to_owned()));
        }
        parse(rest).map(Some)
    }

    /// Asks sled to write to disk. What it keeps is rebuilt if it does not.
    pub(super) fn flush(&self) {
        let Some(db) = &self.db else { return };
        if let Ok(Err(error)) = quietly(|| db.flush()) {
            tracing::warn!(%error, "the index was not flushed");
        }
    }

    fn table(&mut self) -> Result<Table<'_>, IndexError> {
        let db = match self.db.take() {
            Some(db) => db,
            None => open_db(&self.dir)?,
        };
        Ok(Table { db: self.db.insert(db), key: &self.key })
    }
}

/// Reads a log: one thread opens its blocks, while this one takes in their rows. All that goes again
/// is then the other's, and does not lie scattered among what stays: memory that is free in between
/// the system never gets back.
fn read_rows(
    table: &Table<'_>,
    end: u64,
    on_kept: &mut OnKept<'_>,
) -> Result<(u64, PackedViews), IndexError> {
    let (sender, blocks) = mpsc::sync_channel(READ_AHEAD);
    thread::scope(|scope| {
        let opening = scope.spawn(move || {
            // Nobody takes them any more after one that makes no sense.
            table.open_blocks(end, &mut |block| sender.send(block).map_err(|_| nonsense()))
        });
        let mut reader = Reader::new(on_kept);
        let read = blocks.into_iter().try_for_each(|block| reader.read(&block));
        let opened = opening.join().map_err(|_| IndexError("sled panicked".to_owned()))?;
        read.and(opened)?;
        Ok(reader.finish())
    })
}

/// Adds rows to a log, and writes its blocks as they fill up.
struct Writer<'a> {
    table: &'a Table<'a>,
    packer: Packer,
    log: Log,
}

impl<'a> Writer<'a> {
    fn new(table: &'a Table<'a>, log: Log) -> Self {
        Self { table, packer: Packer::default(), log }
    }

    fn push(&mut self, row: &Row<'_>) -> Result<(), IndexError> {
        self.push_bytes(row, &bytes_of(row))
    }

    fn push_bytes(&mut self, row: &Row<'_>, bytes: &[u8]) -> Result<(), IndexError> {
        self.log.views += u64::from(matches!(row, Row::View(..)));
        self.packer.push(bytes);
        if self.packer.waiting() < WAITING_BLOCKS { Ok(()) } else { self.write(Packer::take_full) }
    }

    fn write(&mut self, take: impl FnOnce(&mut Packer) -> Vec<Vec<u8>>) -> Result<(), IndexError> {
        self.log.blocks += self.table.write_blocks(self.log.blocks, &take(&mut self.packer))?;
        Ok(())
    }
}

/// Adds what changed to a log, and gives the log with it.
fn append(mut writer: Writer<'_>, position: Position, changed: Changed<'_>) -> Result<Log, IndexError> {
    for commit in changed.counted {
        writer.push(&Row::Counted((&commit).into()))?;
    }
    changed.arrived.iter().try_for_each(|item| writer.push(&Row::Arrived(item.into())))?;
    changed.views.iter().try_for_each(|(document, view)| writer.push(&Row::View(*document, view)))?;
    writer.write(Packer::take_all)?;
    // Last, and at once: until then the index reflects what it did before.
    let (table, log) = (writer.table, writer.log);
    let mut batch = sled::Batch::default();
    table.put(&mut batch, b"u", &bytes_of(&changed.uncounted))?;
    table.put(&mut batch, b"p", changed.peers)?;
    table.put(&mut batch, b"m", &bytes_of(&(format(), position, log)))?;
    table.db.apply_batch(batch)?;
    Ok(log)
}

/// Copies a log without the views that were written again later, and without what counts if all of
/// that comes anew.
fn copy_current(
    key: &Secret32,
    sealed: &[(sled::IVec, sled::IVec)],
    with_counted: bool,
    writer: &mut Writer<'_>,
) -> Result<(), IndexError> {
    let (mut last, mut number) = (HashMap::new(), 0_u64);
    join(key, sealed.iter().cloned(), &mut |block| {
        each(&block, &mut |row, _| {
            number += 1;
            if let Row::View(document, _) = row {
                last.insert(document, number);
            }
            Ok(())
        })
    })?;
    number = 0;
    join(key, sealed.iter().cloned(), &mut |block| {
        each(&block, &mut |row, bytes| {
            number += 1;
            let holds = match &row {
                Row::View(document, _) => last.get(document) == Some(&number),
                Row::Counted(_) | Row::Arrived(_) => with_counted,
            };
            if holds { writer.push_bytes(&row, bytes) } else { Ok(()) }
        })
    })
}

/// Puts a log that was written anew in its place. Without a log in place, the new one was complete.
fn finish_swap(dir: &Path) -> io::Result<()> {
    let (old, new) = (dir.with_extension("old"), dir.with_extension("new"));
    if !dir.exists() && new.exists() {
        fs::rename(&new, dir)?;
    }
    remove(&new)?;
    remove(&old)
}

fn remove(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The form of what is kept, and of the views in it.
type Format = (u16, [u8; 32]);

fn format() -> Format {
    (FORMAT, names_digest())
}

fn nonsense() -> IndexError {
    IndexError("a value is not as it was written".to_owned())
}

fn bytes_of<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_allocvec(value).expect("postcard writes every type of this file")
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, IndexError> {
    postcard::from_bytes(bytes).map_err(|_| nonsense())
}

#[cfg(test)]
mod tests;
