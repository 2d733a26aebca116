//! The index: what would take long to work out of the journal again, and nothing else.
//!
//! sled is not trusted with anything that matters: its `flush` promises less than a disk needs, and
//! a torn file can keep it from opening. So everything here follows from the journal, names the
//! journal position that it reflects, and is thrown away and rebuilt at the first doubt.
//!
//! | key | value |
//! |---|---|
//! | `m` | the journal position up to which the rest holds, and which blocks hold |
//! | `b` block, part | counted commits and views, in the order in which they came |
//! | `u` part | records that no commit names yet |
//! | `p` part | what other devices acknowledged |
//!
//! Values are sealed (the key is associated data) and at most 4 KiB: sled puts pages above 128 KiB
//! in files that it never syncs.
//!
//! Blocks are a log: a view that changed is written again, and the later one holds. With a value
//! for each commit and view sled took more disk than the journal, and a second to read. When the
//! log has grown by half with what no longer holds, it is written anew, into other files.
//!
//! sled keeps in memory what it reads, whatever bound it is given. So it is closed when everything
//! was read, and opened again for the first write.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
};

use musette_protocol::{
    crypto::{
        aead::{self, NONCE_LEN},
        kdf::{context, derive},
        secret::Secret32,
    },
    id::{DocumentId, RecordId},
    journal::{Location, Position},
    replica::Counted,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use self::{
    rows::{PackedViews, Packer, Row, Rows, each},
    table::{Table, join, open_db, quietly},
};

pub(super) mod rows;
mod table;

/// Plaintext bytes of one value: 4 KiB with what sealing adds.
const PART_LEN: usize = 4 * 1024 - NONCE_LEN - aead::TAG_LEN;
/// Raised when what is kept changes its form; another number is rebuilt.
const FORMAT: u16 = 3;
/// Views that may be there for nothing in a small log.
const SPARE_VIEWS: u64 = 4_096;
/// Blocks that wait in memory while a log is written anew.
const WAITING_BLOCKS: usize = 1_024;

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

/// All that an index holds.
pub(super) struct Loaded {
    /// The journal position that it reflects.
    pub position: Position,
    /// Counted commits, in the order in which they counted.
    pub counted: Vec<Counted>,
    /// Records that no commit names.
    pub uncounted: Vec<(RecordId, Location)>,
    /// What is shown of each document.
    pub views: PackedViews,
    /// What is known of other devices, as [`Changed::peers`] gave it.
    pub peers: Vec<u8>,
}

/// What changed since the index was last written.
pub(super) struct Changed<'a> {
    /// Commits that count since, or of which more is held.
    pub counted: &'a [Counted],
    /// Whether these are all that count: records lie elsewhere now, and what was kept is wrong.
    pub is_all_counted: bool,
    /// All records that no commit names.
    pub uncounted: &'a [(RecordId, Location)],
    /// Views that differ.
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

    /// Removes an index that is to be written anew.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub(super) fn remove(dir: &Path) -> io::Result<()> {
        remove(dir)
    }

    /// Reads everything; `None` when it is empty. Call it once, before anything is saved.
    ///
    /// # Errors
    /// When a value does not open or does not make sense.
    pub(super) fn load(&mut self) -> Result<Option<Loaded>, IndexError> {
        quietly(|| self.load_all())?
    }

    fn load_all(&mut self) -> Result<Option<Loaded>, IndexError> {
        let Some((position, log)) = self.mark()? else { return Ok(None) };
        let table = self.table()?;
        let uncounted = table.get(b"u")?.map_or_else(|| Ok(Vec::new()), |bytes| parse(&bytes))?;
        let peers = table.get(b"p")?.unwrap_or_default();
        let sealed = table.sealed_blocks(log.blocks)?;
        // What it read is freed now, as far as it is not in `sealed`, and views take its place.
        self.db = None;
        let mut rows = Rows::default();
        join(&self.key, sealed, &mut |block| rows.read(&block))?;
        let (view_rows, counted, views) = rows.finish();
        if view_rows != log.views {
            return Err(nonsense());
        }
        self.log = log;
        Ok(Some(Loaded { position, counted, uncounted, views, peers }))
    }

    /// Writes what changed, and the journal position that the index then reflects.
    ///
    /// # Errors
    /// When sled fails; the index then reflects an earlier position.
    pub(super) fn save(&mut self, position: Position, changed: &Changed<'_>) -> Result<(), IndexError> {
        quietly(|| self.save_all(position, changed))?
    }

    fn save_all(&mut self, position: Position, changed: &Changed<'_>) -> Result<(), IndexError> {
        let (views, held) = (self.log.views + changed.views.len() as u64, changed.documents as u64);
        if changed.is_all_counted || views > held + held / 2 + SPARE_VIEWS {
            return self.save_anew(position, changed);
        }
        let log = self.log;
        self.log = append(&self.table()?, log, position, changed)?;
        Ok(())
    }

    /// Writes what still holds and what changed into other files.
    fn save_anew(&mut self, position: Position, changed: &Changed<'_>) -> Result<(), IndexError> {
        let end = self.log.blocks;
        let sealed = self.table()?.sealed_blocks(end)?;
        self.db = None;
        let new = self.dir.with_extension("new");
        remove(&new)?;
        let db = open_db(&new)?;
        let table = Table { db: &db, key: &self.key };
        let log = copy_current(&self.key, &sealed, !changed.is_all_counted, &table)?;
        let log = append(&table, log, position, changed)?;
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
        let (format, rest) = postcard::take_from_bytes::<u16>(&bytes).map_err(|_| nonsense())?;
        if format != FORMAT {
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

/// Adds what changed to a log, and gives the log with it.
fn append(
    table: &Table<'_>,
    from: Log,
    position: Position,
    changed: &Changed<'_>,
) -> Result<Log, IndexError> {
    let mut packer = Packer::default();
    changed.counted.iter().for_each(|commit| packer.push(&Row::Counted(commit.into())));
    changed.views.iter().for_each(|(document, view)| packer.push(&Row::View(*document, view)));
    let blocks = packer.take_all();
    table.write_blocks(from.blocks, &blocks)?;
    let log =
        Log { blocks: from.blocks + blocks.len() as u64, views: from.views + changed.views.len() as u64 };
    // Last, and at once: until then the index reflects what it did before.
    let mut batch = sled::Batch::default();
    table.put(&mut batch, b"u", &bytes_of(&changed.uncounted))?;
    table.put(&mut batch, b"p", changed.peers)?;
    table.put(&mut batch, b"m", &bytes_of(&(FORMAT, position, log)))?;
    table.db.apply_batch(batch)?;
    Ok(log)
}

/// Copies a log without the rows that were written again later, and without commits if they all
/// come anew.
fn copy_current(
    key: &Secret32,
    sealed: &[(sled::IVec, sled::IVec)],
    with_counted: bool,
    table: &Table<'_>,
) -> Result<Log, IndexError> {
    let (mut last, mut number) = (HashMap::new(), 0_u64);
    join(key, sealed.iter().cloned(), &mut |block| {
        each(&block, &mut |row, _| {
            number += 1;
            last.insert(row.name(), number);
            Ok(())
        })
    })?;
    let (mut packer, mut log) = (Packer::default(), Log::default());
    number = 0;
    join(key, sealed.iter().cloned(), &mut |block| {
        each(&block, &mut |row, bytes| {
            number += 1;
            let is_view = matches!(row, Row::View(..));
            if last.get(&row.name()) == Some(&number) && (with_counted || is_view) {
                packer.push_bytes(bytes);
                log.views += u64::from(is_view);
            }
            Ok(())
        })?;
        if packer.waiting() >= WAITING_BLOCKS {
            log.blocks += table.write_blocks(log.blocks, &packer.take_full())?;
        }
        Ok(())
    })?;
    log.blocks += table.write_blocks(log.blocks, &packer.take_all())?;
    Ok(log)
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
