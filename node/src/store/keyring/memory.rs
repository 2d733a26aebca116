//! A keyring for tests, of which each thread has its own. A thread may run several tests: who counts clears first.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
};

use zeroize::Zeroizing;

use super::{EntryName, Keeper};
use crate::error::{Error, Result};

thread_local! {
    static ENTRIES: RefCell<BTreeMap<String, Vec<u8>>> = const { RefCell::new(BTreeMap::new()) };
    static REFUSAL: Cell<Option<&'static str>> = const { Cell::new(None) };
    static FORGETS: Cell<bool> = const { Cell::new(false) };
}

/// The keyring of this thread.
pub(super) struct Memory;

/// Runs this while the keyring refuses everything with this code.
pub(crate) fn refuses(code: &'static str, run: impl FnOnce()) {
    REFUSAL.set(Some(code));
    run();
    REFUSAL.set(None);
}

/// Runs this while the keyring takes everything and keeps nothing.
pub(super) fn forgets(run: impl FnOnce()) {
    FORGETS.set(true);
    run();
    FORGETS.set(false);
}

/// How many entries there are.
pub(crate) fn count() -> usize {
    ENTRIES.with_borrow(BTreeMap::len)
}

/// Another keyring, without an entry: as on another computer.
pub(crate) fn clear() {
    ENTRIES.with_borrow_mut(BTreeMap::clear);
}

/// Puts other bytes in the place of those of every entry.
pub(crate) fn overwrite(bytes: &[u8]) {
    ENTRIES.with_borrow_mut(|entries| entries.values_mut().for_each(|kept| *kept = bytes.to_vec()));
}

fn allowed() -> Result<()> {
    REFUSAL.get().map_or(Ok(()), |code| Err(Error::new(code)))
}

impl Keeper for Memory {
    fn read(&self, entry: &EntryName) -> Result<Option<Zeroizing<Vec<u8>>>> {
        allowed()?;
        Ok(ENTRIES.with_borrow(|entries| entries.get(&entry.0).cloned().map(Zeroizing::new)))
    }

    fn write(&self, entry: &EntryName, bytes: &[u8]) -> Result<()> {
        allowed()?;
        if !FORGETS.get() {
            ENTRIES.with_borrow_mut(|entries| entries.insert(entry.0.clone(), bytes.to_vec()));
        }
        Ok(())
    }

    fn remove(&self, entry: &EntryName) -> Result<()> {
        allowed()?;
        ENTRIES.with_borrow_mut(|entries| entries.remove(&entry.0));
        Ok(())
    }
}
