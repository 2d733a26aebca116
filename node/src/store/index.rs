//! The index: what would take long to work out of the journal again, and nothing else.
//!
//! sled is not trusted with anything that matters: its `flush` promises less than a disk needs, and
//! a torn file can keep it from opening. So everything here follows from the journal, is written
//! in atomic batches that end with the journal position they reflect, and is thrown away and
//! rebuilt at the first doubt.
//!
//! | key | value |
//! |---|---|
//! | `m` | the journal position up to which the rest holds |
//! | `c` device, number, part | a counted commit |
//! | `u` part | records that no commit names yet |
//! | `v` document, part | what is shown of a document |
//! | `p` part | what other devices acknowledged |
//!
//! Values are sealed (the key is associated data) and at most 4 KiB: sled puts pages above 128 KiB
//! in files that it never syncs.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use musette_protocol::{
    crypto::{
        aead::{self, NONCE_LEN},
        kdf::{context, derive},
        secret::Secret32,
    },
    id::{BlobId, CommitId, DeviceId, DocumentId, RecordId},
    journal::{Location, Position},
    replica::{Counted, Item, Subject},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::entropy;

/// Plaintext bytes of one value: 4 KiB with what sealing adds.
const PART_LEN: usize = 4 * 1024 - NONCE_LEN - aead::TAG_LEN;
/// Raised when what is kept changes its form; another number is rebuilt.
const FORMAT: u16 = 1;
const CACHE_BYTES: u64 = 32 * 1024 * 1024;

/// Something in the index is not as it was written, or sled failed. The remedy is always the same.
#[derive(Debug, thiserror::Error)]
#[error("the index cannot be used: {0}")]
pub(super) struct IndexError(String);

impl From<sled::Error> for IndexError {
    fn from(error: sled::Error) -> Self {
        Self(error.to_string())
    }
}

/// An open index.
pub(super) struct Index {
    db: sled::Db,
    key: Secret32,
}

/// All that an index holds.
pub(super) struct Loaded {
    /// The journal position that it reflects.
    pub position: Position,
    /// Counted commits, each chain in order.
    pub counted: Vec<Counted>,
    /// Records that no commit names.
    pub uncounted: Vec<(RecordId, Location)>,
    /// What is shown of each document.
    pub views: Vec<(DocumentId, Vec<u8>)>,
    /// What is known of other devices, as [`Changed::peers`] gave it.
    pub peers: Vec<u8>,
}

/// What changed since the index was last written.
pub(super) struct Changed<'a> {
    /// Commits that count since.
    pub counted: &'a [Counted],
    /// All records that no commit names.
    pub uncounted: &'a [(RecordId, Location)],
    /// Views that differ.
    pub views: Vec<(DocumentId, &'a [u8])>,
    /// What is known of other devices: opaque here.
    pub peers: &'a [u8],
}

/// A key without prefix and part, and its value with all parts joined.
type NamedValue = (Vec<u8>, Vec<u8>);

#[derive(Serialize, Deserialize)]
struct CountedRow {
    commit: CommitId,
    record: RecordId,
    location: Location,
    seen: Vec<CommitId>,
    items: Vec<(RecordId, Location, SubjectRow)>,
}

#[derive(Serialize, Deserialize)]
enum SubjectRow {
    Document(DocumentId),
    Blob(BlobId, u32),
}

impl Index {
    /// Opens or creates the index in `dir`.
    ///
    /// # Errors
    /// When sled cannot open it; set it aside then with [`Index::set_aside`].
    pub(super) fn open(dir: &Path, secret: &Secret32) -> Result<Self, IndexError> {
        let config = sled::Config::new().path(dir).cache_capacity(CACHE_BYTES).flush_every_ms(None);
        let db = quietly(|| config.open())??;
        Ok(Self { db, key: derive(context::INDEX, &[secret.expose()]) })
    }

    /// Moves a broken index out of the way, so that nothing is destroyed that might be looked at.
    ///
    /// # Errors
    /// When it cannot be moved.
    pub(super) fn set_aside(dir: &Path) -> std::io::Result<PathBuf> {
        let aside = dir.with_extension("broken");
        if aside.exists() {
            std::fs::remove_dir_all(&aside)?;
        }
        std::fs::rename(dir, &aside)?;
        Ok(aside)
    }

    /// Reads everything; `None` when it is empty.
    ///
    /// # Errors
    /// When a value does not open or does not make sense.
    pub(super) fn load(&self) -> Result<Option<Loaded>, IndexError> {
        quietly(|| self.load_all())?
    }

    fn load_all(&self) -> Result<Option<Loaded>, IndexError> {
        let Some(sealed) = self.db.get(b"m")? else { return Ok(None) };
        let (format, position): (u16, Position) = parse(&self.open_value(b"m", &sealed)?)?;
        if format != FORMAT {
            return Err(IndexError("written by another version".to_owned()));
        }
        let counted = self
            .joined(b"c")?
            .into_iter()
            .map(|(key, bytes)| counted_of(&key, parse(&bytes)?))
            .collect::<Result<_, _>>()?;
        let uncounted = match self.joined(b"u")?.pop() {
            Some((_, bytes)) => parse(&bytes)?,
            None => Vec::new(),
        };
        let views = self
            .joined(b"v")?
            .into_iter()
            .map(|(key, bytes)| Ok((DocumentId::try_from(key.as_slice()).map_err(|_| nonsense())?, bytes)))
            .collect::<Result<_, IndexError>>()?;
        let peers = self.joined(b"p")?.pop().map(|(_, bytes)| bytes).unwrap_or_default();
        Ok(Some(Loaded { position, counted, uncounted, views, peers }))
    }

    /// Values under a prefix, their parts joined; the prefix and the part number are cut off the key.
    fn joined(&self, prefix: &[u8]) -> Result<Vec<NamedValue>, IndexError> {
        let mut joined: Vec<NamedValue> = Vec::new();
        for entry in self.db.scan_prefix(prefix) {
            let (key, sealed) = entry?;
            let plaintext = self.open_value(&key, &sealed)?;
            let (name, part) = key[prefix.len()..].split_last_chunk::<4>().ok_or_else(nonsense)?;
            match joined.last_mut() {
                Some((last, bytes)) if last == name && u32::from_be_bytes(*part) > 0 => {
                    bytes.extend(plaintext);
                }
                _ if u32::from_be_bytes(*part) == 0 => joined.push((name.to_vec(), plaintext)),
                _ => return Err(nonsense()),
            }
        }
        Ok(joined)
    }

    /// Writes what changed, with the journal position that the index then reflects, at once.
    ///
    /// # Errors
    /// When sled fails; the index then reflects an earlier position.
    pub(super) fn save(&self, position: Position, changed: &Changed<'_>) -> Result<(), IndexError> {
        let mut batch = sled::Batch::default();
        for commit in changed.counted {
            let number = commit.number.to_be_bytes();
            let name = [commit.device.as_bytes().as_slice(), number.as_slice()].concat();
            self.put(&mut batch, b"c", &name, &bytes_of(&row_of(commit)))?;
        }
        self.put(&mut batch, b"u", &[], &bytes_of(&changed.uncounted))?;
        self.put(&mut batch, b"p", &[], changed.peers)?;
        for (document, view) in &changed.views {
            self.put(&mut batch, b"v", document.as_bytes(), view)?;
        }
        batch.insert(b"m".as_slice(), self.seal_value(b"m", &bytes_of(&(FORMAT, position))));
        quietly(|| self.db.apply_batch(batch))??;
        Ok(())
    }

    /// Puts a value in as many parts as it needs, and removes parts of a longer value before it.
    fn put(
        &self,
        batch: &mut sled::Batch,
        prefix: &[u8],
        name: &[u8],
        value: &[u8],
    ) -> Result<(), IndexError> {
        let key = |part: u32| [prefix, name, part.to_be_bytes().as_slice()].concat();
        let parts: Vec<&[u8]> = if value.is_empty() { vec![value] } else { value.chunks(PART_LEN).collect() };
        let mut part = 0;
        for bytes in parts {
            let key = key(part);
            batch.insert(key.as_slice(), self.seal_value(&key, bytes));
            part += 1;
        }
        while self.db.contains_key(key(part))? {
            batch.remove(key(part));
            part += 1;
        }
        Ok(())
    }

    /// Asks sled to write to disk. What it keeps is rebuilt if it does not.
    pub(super) fn flush(&self) {
        if let Ok(Err(error)) = quietly(|| self.db.flush()) {
            tracing::warn!(%error, "the index was not flushed");
        }
    }

    fn seal_value(&self, key: &[u8], plaintext: &[u8]) -> Vec<u8> {
        let nonce = entropy::bytes::<NONCE_LEN>();
        let mut value = nonce.to_vec();
        value.extend(aead::seal(&self.key, &nonce, key, plaintext));
        value
    }

    fn open_value(&self, key: &[u8], value: &[u8]) -> Result<Vec<u8>, IndexError> {
        let (nonce, sealed) = value.split_first_chunk::<NONCE_LEN>().ok_or_else(nonsense)?;
        aead::open(&self.key, nonce, key, sealed).map_err(|_| nonsense())
    }
}

/// Runs sled where a torn file may make it panic, and makes that an error. Its message goes nowhere:
/// the index is rebuilt, and a backtrace would frighten for nothing.
fn quietly<T>(work: impl FnOnce() -> T) -> Result<T, IndexError> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| IndexError("sled panicked".to_owned()))
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

fn row_of(counted: &Counted) -> CountedRow {
    let subject = |subject| match subject {
        Subject::Document(id) => SubjectRow::Document(id),
        Subject::Blob(id, index) => SubjectRow::Blob(id, index),
    };
    CountedRow {
        commit: counted.commit,
        record: counted.record,
        location: counted.location,
        seen: counted.seen.clone(),
        items: counted.items.iter().map(|item| (item.record, item.location, subject(item.subject))).collect(),
    }
}

fn counted_of(key: &[u8], row: CountedRow) -> Result<Counted, IndexError> {
    let (device, number) = key.split_last_chunk::<8>().ok_or_else(nonsense)?;
    let subject = |row| match row {
        SubjectRow::Document(id) => Subject::Document(id),
        SubjectRow::Blob(id, index) => Subject::Blob(id, index),
    };
    let item = |(record, location, row)| Item { record, location, subject: subject(row) };
    Ok(Counted {
        device: DeviceId::try_from(device).map_err(|_| nonsense())?,
        number: u64::from_be_bytes(*number),
        commit: row.commit,
        record: row.record,
        location: row.location,
        seen: row.seen,
        items: row.items.into_iter().map(item).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(dir: &Path) -> Index {
        Index::open(dir, &Secret32::from_bytes([1; 32])).unwrap()
    }

    fn position() -> Position {
        position_of(1, 77)
    }

    fn position_of(segment: u32, offset: u64) -> Position {
        parse(&bytes_of(&(segment, offset))).unwrap()
    }

    fn location(offset: u64) -> Location {
        parse(&bytes_of(&(1_u32, offset, 9_u32))).unwrap()
    }

    fn counted(items: u8) -> Counted {
        let item = |n| Item {
            record: RecordId::from_bytes([n; 32]),
            location: location(u64::from(n)),
            subject: Subject::Document(DocumentId::from_bytes([n; 16])),
        };
        Counted {
            device: DeviceId::from_bytes([7; 32]),
            number: 1,
            commit: CommitId::from_bytes([8; 32]),
            record: RecordId::from_bytes([9; 32]),
            location: location(5),
            seen: vec![],
            items: (0..items).map(item).collect(),
        }
    }

    fn changed<'a>(counted: &'a [Counted], view: (DocumentId, &'a [u8])) -> Changed<'a> {
        Changed { counted, uncounted: &[], views: vec![view], peers: b"peers" }
    }

    #[test]
    fn everything_comes_back_after_reopening_long_values_too() {
        let dir = tempfile::tempdir().unwrap();
        let long = vec![3; 3 * PART_LEN + 1];
        let view = DocumentId::from_bytes([4; 16]);
        {
            let index = open(dir.path());
            assert!(index.load().unwrap().is_none());
            index.save(position(), &changed(&[counted(255)], (view, &long))).unwrap();
            index.save(position(), &changed(&[], (view, b"short"))).unwrap();
            index.flush();
        }
        let loaded = open(dir.path()).load().unwrap().unwrap();
        assert_eq!(loaded.position, position());
        assert_eq!(loaded.counted, [counted(255)]);
        assert_eq!(loaded.views, [(view, b"short".to_vec())]);
        assert_eq!(loaded.peers, b"peers");
    }

    #[test]
    fn another_key_reads_nothing_and_no_value_is_long_or_readable() {
        let dir = tempfile::tempdir().unwrap();
        let index = open(dir.path());
        let long = b"canary".repeat(5000);
        index.save(position(), &changed(&[], (DocumentId::from_bytes([4; 16]), &long))).unwrap();
        for entry in index.db.iter() {
            let (_, value) = entry.unwrap();
            assert!(value.len() <= 4096);
            assert!(!value.windows(6).any(|window| window == b"canary"));
        }
        index.flush();
        drop(index);
        assert!(Index::open(dir.path(), &Secret32::from_bytes([2; 32])).unwrap().load().is_err());
    }
}
