//! sled as the index sees it: sealed values in parts under named keys.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use musette_protocol::crypto::{
    aead::{self, NONCE_LEN},
    secret::Secret32,
};
use sled::IVec;

use super::{IndexError, PART_LEN, nonsense};
use crate::entropy;

/// sled keeps far more than this; what is read is not read twice.
const CACHE_BYTES: u64 = 1024 * 1024;
/// A sled that was closed goes on holding its lock until a thread of its own has ended, on a busy
/// machine for a while. It is ours: the home is locked for this process.
const RELEASED_WITHIN: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Blocks written to sled at once.
const BATCH_BLOCKS: usize = 64;

/// An open sled, and the key that seals what is in it.
pub(super) struct Table<'a> {
    pub(super) db: &'a sled::Db,
    pub(super) key: &'a Secret32,
}

/// Opens or creates one.
pub(super) fn open_db(dir: &Path) -> Result<sled::Db, IndexError> {
    let config = sled::Config::new().path(dir).cache_capacity(CACHE_BYTES).flush_every_ms(None);
    let deadline = Instant::now() + RELEASED_WITHIN;
    loop {
        match quietly(|| config.open())? {
            Err(sled::Error::Io(error)) if is_locked(&error) && Instant::now() < deadline => {
                thread::sleep(LOOK_EVERY);
            }
            opened => return Ok(opened?),
        }
    }
}

/// sled has no code for it.
pub(super) fn is_locked(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Other && error.to_string().starts_with("could not acquire lock")
}

/// Runs sled where a torn file may make it panic, and makes that an error. Its message goes nowhere:
/// the index is rebuilt, and a backtrace would frighten for nothing.
pub(super) fn quietly<T>(work: impl FnOnce() -> T) -> Result<T, IndexError> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| IndexError("sled panicked".to_owned()))
}

impl Table<'_> {
    /// The value under a key, its parts joined.
    pub(super) fn get(&self, name: &[u8]) -> Result<Option<Vec<u8>>, IndexError> {
        let entries = self.db.scan_prefix(name).collect::<Result<Vec<_>, _>>()?;
        let mut value = None;
        join(self.key, entries, &mut |bytes| {
            value = Some(bytes);
            Ok(())
        })?;
        Ok(value)
    }

    /// Puts a value in as many parts as it needs, and removes parts of a longer value before it.
    pub(super) fn put(&self, batch: &mut sled::Batch, name: &[u8], value: &[u8]) -> Result<(), IndexError> {
        let parts: Vec<&[u8]> = if value.is_empty() { vec![value] } else { value.chunks(PART_LEN).collect() };
        let mut part = 0;
        for bytes in parts {
            let key = part_key(name, part);
            batch.insert(key.as_slice(), seal(self.key, &key, bytes));
            part += 1;
        }
        while self.db.contains_key(part_key(name, part))? {
            batch.remove(part_key(name, part));
            part += 1;
        }
        Ok(())
    }

    /// Writes blocks from the number `next` on, and gives how many.
    ///
    /// Their keys are there first, in order, with nothing under them: sled splits its leaves while
    /// they are short. To split them when they are full it would write each block twice. A batch
    /// would not do: sled takes its keys in no order.
    pub(super) fn write_blocks(&self, next: u64, blocks: &[Vec<u8>]) -> Result<u64, IndexError> {
        for (number, block) in (next..).zip(blocks) {
            for (part, _) in (0..).zip(block.chunks(PART_LEN)) {
                self.db.insert(part_key(&block_name(number), part), b"")?;
            }
        }
        for (first, some) in (next..).step_by(BATCH_BLOCKS).zip(blocks.chunks(BATCH_BLOCKS)) {
            let mut batch = sled::Batch::default();
            for (number, block) in (first..).zip(some) {
                self.put(&mut batch, &block_name(number), block)?;
            }
            self.db.apply_batch(batch)?;
        }
        Ok(blocks.len() as u64)
    }

    /// Opens the blocks before the number `end`, one after the other.
    pub(super) fn open_blocks(
        &self,
        end: u64,
        on_block: &mut dyn FnMut(Vec<u8>) -> Result<(), IndexError>,
    ) -> Result<(), IndexError> {
        let mut failed = Ok(());
        let range = self.db.range(block_name(0)..block_name(end));
        let entries = range.map_while(|entry| entry.map_err(|error| failed = Err(error.into())).ok());
        join(self.key, entries, on_block)?;
        failed
    }

    /// The blocks before the number `end`, sealed as they are.
    pub(super) fn sealed_blocks(&self, end: u64) -> Result<Vec<(IVec, IVec)>, IndexError> {
        let range = self.db.range(block_name(0)..block_name(end));
        Ok(range.collect::<Result<_, _>>()?)
    }
}

/// Opens values, and hands them on with their parts joined.
pub(super) fn join(
    key: &Secret32,
    entries: impl IntoIterator<Item = (IVec, IVec)>,
    on_value: &mut dyn FnMut(Vec<u8>) -> Result<(), IndexError>,
) -> Result<(), IndexError> {
    let mut last: Option<(Vec<u8>, u32, Vec<u8>)> = None;
    for (name, sealed) in entries {
        let plaintext = open(key, &name, &sealed)?;
        let (name, part) = name.split_last_chunk::<4>().ok_or_else(nonsense)?;
        let part = u32::from_be_bytes(*part);
        match &mut last {
            Some((same, parts, bytes)) if same == name && part == *parts => {
                bytes.extend(plaintext);
                *parts += 1;
            }
            _ if part == 0 => {
                if let Some((_, _, whole)) = last.replace((name.to_vec(), 1, plaintext)) {
                    on_value(whole)?;
                }
            }
            _ => return Err(nonsense()),
        }
    }
    last.map_or(Ok(()), |(_, _, whole)| on_value(whole))
}

fn block_name(number: u64) -> Vec<u8> {
    [b"b".as_slice(), number.to_be_bytes().as_slice()].concat()
}

fn part_key(name: &[u8], part: u32) -> Vec<u8> {
    [name, part.to_be_bytes().as_slice()].concat()
}

fn seal(key: &Secret32, name: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let nonce = entropy::bytes::<NONCE_LEN>();
    let mut value = nonce.to_vec();
    value.extend(aead::seal(key, &nonce, name, plaintext));
    value
}

fn open(key: &Secret32, name: &[u8], value: &[u8]) -> Result<Vec<u8>, IndexError> {
    let (nonce, sealed) = value.split_first_chunk::<NONCE_LEN>().ok_or_else(nonsense)?;
    aead::open(key, nonce, name, sealed).map_err(|_| nonsense())
}
