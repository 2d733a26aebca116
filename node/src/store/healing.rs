//! After damage to the journal was skipped.
//!
//! Commits behind the damage wait for what it took. Another device sends that again, by itself:
//! this device's frontier says what it lacks. Until then nothing is signed here, because the chain
//! would go on below numbers that this device used before. Where there was no other device, or is none
//! any more, or once one of those there were has given all it has, what still waits is committed anew:
//! the changes are there, only their commits are not.
//!
//! A device that was restored from a backup waits in the same way. What its backup says may be under epochs
//! that the others were never given, and theirs under epochs that are not for it: a device that was taken
//! out starts some too. So while it waits it keeps the key of the recovery words that every epoch is sealed
//! to, and reads them all. With that key nothing is signed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use musette_protocol::{
    crypto::{aead::NONCE_LEN, kem::KemSecret, secret::Secret32},
    id::DeviceId,
    journal::{Journal, JournalId, Opening, Position},
};

use super::{
    Notice, Store,
    copying::Copier,
    files::FileDisk,
    index::Index,
    journal_error,
    keys::Keys,
    note,
    replace::{remove_dir, remove_if_there, replace, sync_dir, told},
    write_error,
};
use crate::{
    clock, entropy,
    error::{Error, Result},
    home::Home,
};

/// Bytes of the file that keeps the key that reads: its seed, sealed.
const MAX_FILE_LEN: u64 = 256;
const PURPOSE: &str = "recovery key";

/// Copies what can be read of a damaged journal into a new one. The damaged one is kept beside it:
/// nothing is destroyed that somebody might still read more of. `None` when it is not damaged.
/// `known` is a position that it had reached: one that ends before lost its end.
///
/// Nothing is set aside before the copy is whole and it is noted that the home was damaged: the index
/// alone may know that the end is lost, and the copy does not show any more that something is.
pub(super) fn copy_around_damage(
    home: &Home,
    id: JournalId,
    known: Option<Position>,
) -> Result<Option<Notice>> {
    let (old, new) = (home.journal_dir(), home.journal_dir().with_extension("new"));
    remove_dir(&new)?;
    let disk = |dir: &Path| FileDisk::open(dir).map_err(|error| journal_error(error.into()));
    let (copy, _) =
        Journal::open(disk(&new)?, &Opening::new(id), &mut |_, _, _| {}).map_err(journal_error)?;
    let mut copier = Copier::new(copy);
    let opening = Opening { salvage: true, known_durable: known, ..Opening::new(id) };
    let recovery = Journal::scan(disk(&old)?, &opening, &mut |_, _, record| copier.push(record))
        .map_err(journal_error)?;
    if recovery.damage.is_empty() {
        drop(copier);
        remove_dir(&new)?;
        return Ok(None);
    }
    copier.finish().map_err(journal_error)?;
    told(replace(&home.damaged_path(), b""))?;
    set_index_aside(home)?;
    let aside = free_name(&old);
    told(fs::rename(&old, &aside))?;
    told(fs::rename(&new, &old))?;
    told(sync_dir(home.path()))?;
    let args = BTreeMap::from([
        ("bytes", recovery.damaged_bytes.to_string()),
        ("aside", aside.display().to_string()),
    ]);
    Ok(Some(Notice { code: "damage-skipped", args }))
}

/// Sets the index aside, if there is one: it is of another journal, or not to be relied on. Durable on
/// return, so that no power cut brings it back beside another journal.
pub(super) fn set_index_aside(home: &Home) -> Result<()> {
    let index = home.index_dir();
    if !index.exists() {
        return Ok(());
    }
    told(Index::set_aside(&index))?;
    told(sync_dir(home.path()))
}

/// Finishes a repair that was cut off between its two renames: the copy was complete by then.
pub(super) fn finish_repair(home: &Home) -> Result<()> {
    let (journal, new) = (home.journal_dir(), home.journal_dir().with_extension("new"));
    if journal.exists() {
        return Ok(());
    }
    if !new.exists() {
        return Err(Error::new("journal-missing").with("home", home.path().display()));
    }
    told(fs::rename(&new, &journal))?;
    told(sync_dir(home.path()))
}

/// The key of the recovery words that a restored device reads with while it waits.
pub(super) fn recovery_key(home: &Home, keys: &Keys) -> Option<KemSecret> {
    let seed = note::load(&home.recovery_key_path(), keys, PURPOSE, MAX_FILE_LEN);
    seed.map(|seed| KemSecret::from_secret(&seed))
}

/// A name beside the journal that nothing has yet: an earlier damaged journal may hold what this
/// one lacks.
fn free_name(journal: &Path) -> PathBuf {
    let numbered = (1_u32..).map(|number| journal.with_extension(format!("damaged-{number}")));
    numbered.into_iter().find(|path| !path.exists()).expect("fewer than four billion repairs")
}

impl Store {
    /// Notes that records may be missing, if damage to the journal was skipped and a crash may have come
    /// before that was noted.
    pub(super) fn heal_what_was_damaged(&mut self) -> Result<()> {
        let damaged = self.home.damaged_path();
        if !damaged.exists() {
            return Ok(());
        }
        self.begin_healing()?;
        told(remove_if_there(&damaged).and_then(|()| sync_dir(self.home.path())))
    }

    /// Of a device that was restored: it waits for another one, and until then reads with the key that this
    /// seed of the recovery words gives.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn wait_with(&mut self, seed: &Secret32) -> Result<()> {
        note::save(&self.home.recovery_key_path(), &self.keys, PURPOSE, seed)?;
        self.replica.learn_key(KemSecret::from_secret(seed)).map_err(journal_error)?;
        self.begin_healing()
    }

    /// Once nothing is waited for any more, the key that every epoch is sealed to goes.
    pub(super) fn give_up_recovery_key(&mut self) -> Result<()> {
        let path = self.home.recovery_key_path();
        if !self.keys.healing.is_empty() || !path.exists() {
            return Ok(());
        }
        if let Some(key) = recovery_key(&self.home, &self.keys) {
            self.replica.forget_key(&key.public());
        }
        told(remove_if_there(&path).and_then(|()| sync_dir(self.home.path())))
    }

    /// Notes that records may be missing.
    pub(crate) fn begin_healing(&mut self) -> Result<()> {
        // Those that are out too: a thief may have done that, and what undoes it may not be known yet.
        let mut others: BTreeSet<DeviceId> =
            self.state().log().certificates().map(|one| one.device).collect();
        others.extend(&self.keys.met);
        others.remove(&self.device());
        if others.is_empty() {
            return self.finish_healing();
        }
        self.change_keys(|keys| keys.healing = others)?;
        self.heal_alone()
    }

    /// Goes on alone, if all others are out that this device could wait for.
    pub(super) fn heal_alone(&mut self) -> Result<()> {
        let (log, healing) = (self.state().log(), &self.keys.healing);
        let waits_for_nobody = !healing.is_empty() && healing.iter().all(|device| log.has_ended(device));
        if waits_for_nobody { self.finish_healing() } else { Ok(()) }
    }

    /// Whether this device was restored from a backup and has met none of the others since: it has
    /// signed nothing yet.
    pub(crate) fn is_restored(&self) -> bool {
        !self.keys.healing.is_empty() && self.state().head(&self.device).0 == 0
    }

    /// Requires that nothing is missing here that another device is to bring.
    ///
    /// # Errors
    /// `healing`, `restored-waits`.
    pub(crate) fn check_whole(&self) -> Result<()> {
        match (self.keys.healing.is_empty(), self.is_restored()) {
            (true, _) => Ok(()),
            // Who is out meets nobody any more.
            (false, true) => self.check_entitled().and(Err(Error::new("restored-waits"))),
            (false, false) => Err(Error::new("healing")),
        }
    }

    /// Requires that this device may let others in: it is in itself, and what it has is not
    /// what a backup had, of which things may have been forgotten since.
    ///
    /// # Errors
    /// `device-revoked`, `restored-waits`.
    pub(crate) fn check_may_let_in(&self) -> Result<()> {
        self.check_entitled()?;
        if self.is_restored() { Err(Error::new("restored-waits")) } else { Ok(()) }
    }

    /// The person says that there is no other device any more that this one could meet, which was
    /// restored or lost something.
    ///
    /// # Errors
    /// When this device does not wait for one, or the disk refuses.
    pub(crate) fn go_alone(&mut self) -> Result<()> {
        if self.keys.healing.is_empty() { Err(Error::new("not-restored")) } else { self.finish_healing() }
    }

    /// Commits what still waits; this device may sign again.
    pub(crate) fn finish_healing(&mut self) -> Result<()> {
        let orphans = self.state().orphans().len();
        let was_restored = self.is_restored();
        if was_restored {
            self.rotate_epoch_at_once()?;
        }
        if orphans > 0 && !self.may_write() {
            self.rotate_epoch(clock::now())?;
        }
        let effects = self
            .replica
            .adopt_orphans(&self.device_key, &mut entropy::bytes::<NONCE_LEN>)
            .map_err(write_error)?;
        self.unsynced = true;
        self.apply(effects, Vec::new())?;
        self.commit()?;
        // No other key may open those that the recovery key opened.
        self.keep_epochs()?;
        self.change_keys(|keys| keys.healing.clear())?;
        self.give_up_recovery_key()?;
        let code = if was_restored { "restored-shows" } else { "healed" };
        let args = BTreeMap::from([("records", orphans.to_string())]);
        self.notices.push(Notice { code, args });
        Ok(())
    }
}
