//! What the store gives to a backup, and what it remembers of the last one.

use std::{collections::HashSet, path::PathBuf};

use musette_protocol::{
    backup::BackupHead,
    id::{RecordId, SpaceId},
    journal::{JournalId, Position},
    signed::Signed,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

use super::{Store, journal_error, keys::Keys, note, opening::inception_of};
use crate::{
    clock, entropy,
    error::{Error, Result},
    home::Home,
};

/// Bytes of records that are handed out at a time.
const BYTES_AT_ONCE: usize = 4 * 1024 * 1024;
/// After so long without a backup the person is reminded.
const REMIND_AFTER_MS: i64 = 7 * 24 * 60 * 60 * 1_000;
/// Bytes of the file that remembers.
const MAX_FILE_LEN: u64 = 4_096;
const PURPOSE: &str = "backups";

/// When this device last wrote a backup. In a file of its own: it outlives the index, and is sealed
/// because it tells of habits.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Backups {
    /// Since when somebody counts.
    since: Timestamp,
    last: Option<Timestamp>,
}

impl Backups {
    /// What the home remembers; from now on where it does not.
    pub(super) fn open(home: &Home, keys: &Keys) -> Self {
        let kept = note::load(&home.backups_path(), keys, PURPOSE, MAX_FILE_LEN);
        kept.unwrap_or_else(|| {
            let begun = Self { since: clock::now(), last: None };
            if let Err(error) = begun.save(home, keys) {
                tracing::warn!(code = error.code(), "when to remind of a backup is not kept");
            }
            begun
        })
    }

    fn save(&self, home: &Home, keys: &Keys) -> Result<()> {
        note::save(&home.backups_path(), keys, PURPOSE, self)
    }

    pub(super) const fn last(&self) -> Option<Timestamp> {
        self.last
    }

    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        now.millis_since(self.last.unwrap_or(self.since)) > REMIND_AFTER_MS
    }
}

/// What a device has to back up.
pub(crate) struct Source {
    pub(crate) space: SpaceId,
    pub(crate) home: PathBuf,
    /// All that are held, in the order of the journal.
    pub(crate) records: Vec<RecordId>,
    /// Those of them that say who writes and reads: who a device is, which epochs there are.
    pub(crate) statements: Vec<RecordId>,
    /// Attachments that are not all here, and so not all in the backup.
    pub(crate) attachments_missing: usize,
}

impl Store {
    /// What there is to back up.
    ///
    /// # Errors
    /// `healing` while this device lacks something: a backup of that would be taken for whole.
    /// `words-frozen` while no words would open it.
    pub(crate) fn begin_backup(&mut self) -> Result<Source> {
        self.check_whole()?;
        self.state().log().root().ok_or_else(|| Error::new("words-frozen"))?;
        Ok(Source {
            space: *self.state().space(),
            home: self.home.path().to_owned(),
            records: self.state().held(),
            statements: self.state().statement_records().collect(),
            attachments_missing: self.attachments_missing(),
        })
    }

    /// Reads the first of these records, as far as they are still held; and gives those that are left.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub(crate) fn read_for_backup(
        &mut self,
        mut wanted: Vec<RecordId>,
        at_most: usize,
    ) -> Result<(Vec<Vec<u8>>, Vec<RecordId>)> {
        let (mut records, mut bytes, mut taken) = (Vec::new(), 0, 0);
        for record in wanted.iter().take(at_most) {
            if bytes >= BYTES_AT_ONCE {
                break;
            }
            taken += 1;
            if let Some(location) = self.state().location(record) {
                let read = self.replica.read(location).map_err(journal_error)?;
                bytes += read.len();
                records.push(read);
            }
        }
        let left = wanted.split_off(taken);
        Ok((records, left))
    }

    /// Those of some records that were dropped here.
    pub(crate) fn dropped_of(&self, records: Vec<RecordId>) -> HashSet<RecordId> {
        records.into_iter().filter(|record| self.state().has_dropped(record)).collect()
    }

    /// States how far a backup reaches, with what opens it.
    ///
    /// # Errors
    /// When no recovery words speak for the person, or nothing can be sealed to their key.
    pub(crate) fn sign_backup(&mut self, journal: JournalId, end: Position) -> Result<Signed<BackupHead>> {
        let inception = inception_of(&self.keys)?;
        let (grant, space) = (self.grant(), *self.state().space());
        let root = self.state().log().root().ok_or_else(|| Error::new("words-frozen"))?;
        let to = (&grant, &root.recovery_kem);
        let signed =
            BackupHead::sign(&inception, space, (journal, end), to, &self.device_key, &entropy::secret());
        signed.map_err(|_| Error::new("vault-damaged"))
    }

    /// Remembers that a backup was written and read back.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn note_backup(&mut self) -> Result<()> {
        self.backups.last = Some(clock::now());
        self.backups.save(&self.home, &self.keys)
    }
}
