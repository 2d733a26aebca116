//! From a backup and the 24 words to a new device.
//!
//! 1. The words open the head of the backup: the secrets of all epochs.
//! 2. Its records are copied into the journal of a new home, around what is damaged.
//! 3. The root key of the words enrols this device, if the records say that these words speak. Whoever
//!    wrote the backup must be a device of the same person by what the records say: else somebody
//!    prepared a backup to have new things written under secrets that they know.
//! 4. A backup may hold what was forgotten since. So nothing is shown before one of the person's other
//!    devices was met, unless the person says that there is none any more.

use std::path::{Path, PathBuf};

use musette_protocol::{
    backup::{BackupError, BackupHead},
    crypto::{kem::KemSecret, sign::SigningKey},
    epoch::{EpochError, Grant, space_id},
    id::SpaceId,
    identity::{
        certificate::Certificate,
        log::{Action, Author},
        person::{Inception, Recovery},
    },
    journal::{Journal, JournalId, Opening},
    pairing::words::recovery_entropy,
    record::Payload,
    signed::Signed,
};
use zeroize::Zeroizing;

use super::create::{begin_home, check_name, empty_home};
use crate::{
    backup::{Found, read_head, read_records},
    entropy,
    error::{Error, Result},
    home::{Home, VaultChoice},
    store::{
        Store, copying::Copier, files::FileDisk, journal_error, keys::Keys, replace::told,
        revoking::phrase_error, vault::check_choice, words::check_speaks,
    },
};

/// How a backup is restored.
pub struct RestoreOptions {
    /// The backup's folder.
    pub backup: PathBuf,
    /// The 24 recovery words, in French or English.
    pub words: Zeroizing<String>,
    /// What the person calls this device.
    pub device_name: String,
    /// How the new vault is locked.
    pub vault: VaultChoice,
    /// Whether no other device is left to be met.
    pub alone: bool,
}

/// A device that was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The person's name.
    pub person: String,
    /// This device's id.
    pub device: String,
    /// Items here; none while another device must be met first.
    pub items: u64,
    /// Whether another device must be met first.
    pub waits: bool,
    /// Attachments that are not all here.
    pub attachments_missing: usize,
    /// Whether a part of the backup is missing or could not be read.
    pub damaged: bool,
    /// Bytes of that, as far as it is known.
    pub damaged_bytes: u64,
    /// Whether something could not be read of what the backup holds twice.
    pub worn: bool,
}

/// Makes a home from a backup.
///
/// # Errors
/// When there is a Musette here already, no backup there, the words are not those of the backup, or
/// a disk refuses.
pub fn restore(home: &Home, options: &RestoreOptions) -> Result<Restored> {
    check_name(&options.device_name)?;
    let backup = &options.backup;
    let no_backup = || Error::new("no-backup").with("path", backup.display());
    let unreadable = || Error::new("backup-unreadable").with("path", backup.display());
    let of_restoring = |error: Error| if error.code() == "backup-damaged" { unreadable() } else { error };
    let head = read_head(backup).map_err(of_restoring)?.ok_or_else(no_backup)?;
    let phrase = recovery_entropy(&options.words).map_err(phrase_error)?;
    let recovery = Recovery::from_entropy(&phrase);
    let grant = head.open(&recovery).map_err(|error| match error {
        BackupError::OtherPerson => Error::new("words-of-another"),
        BackupError::Grant(EpochError::NotForUs) => Error::new("words-replaced"),
        BackupError::Malformed | BackupError::Grant(_) => unreadable(),
    })?;
    let inception = head.check().map_err(|_| unreadable())?;
    let person = inception.person().map_err(|_| Error::new("internal"))?;
    let space = head.body().space;
    let grant = with_right_keeper(grant, &space, inception.body());
    check_choice(&options.vault)?;
    let lock = empty_home(home)?;
    let (device_seed, kem_seed) = (entropy::secret(), entropy::secret());
    let keys = Keys {
        inception: inception.to_bytes(),
        space,
        device: device_seed,
        kem: kem_seed,
        epochs: grant,
        index: entropy::secret(),
        journal: JournalId::from_bytes(entropy::bytes()),
        recovery: None,
        recovery_checked: true,
        words: Default::default(),
        addresses: Default::default(),
        met: Default::default(),
        healing: Default::default(),
    };
    let (device, device_key, journal) = (keys.device_id(), keys.device_key(), keys.journal);
    let kem = KemSecret::from_secret(&keys.kem).public();
    let certificate = Certificate { person, device, kem, name: options.device_name.clone(), admin: true };
    let mut found = None;
    let fill = |home: &Home| {
        found = Some(copy(home, journal, backup, &head).map_err(of_restoring)?);
        Ok(())
    };
    let mut restored = None;
    begin_home(home, lock, keys, &options.vault, fill, |store: &mut Store| {
        if store.state().log().certificate(&head.body().device).is_none() {
            return Err(unreadable());
        }
        // A backup that was cut off has the head of before, for words that were replaced since.
        let standing = store.state().log().root_standing(&recovery.keys().root);
        check_speaks(standing).map_err(|error| match error.code() {
            "words-of-another-person" => Error::new("words-of-another"),
            _ => error,
        })?;
        let device_signature = certificate.countersign(&device_key);
        let enrolment = Action::Enrol { certificate, device_signature, verified: true };
        let operation = store.state().log().sign(Author::Root, enrolment, recovery.root());
        store.write_statement(Payload::Operation(operation))?;
        store.commit()?;
        // Nobody is left who could send what damage took of the backup.
        if options.alone {
            store.finish_healing()?;
        } else {
            store.wait_with(&Recovery::kem_seed(&phrase))?;
        }
        let items = if store.is_restored() { 0 } else { store.item_count() as u64 };
        let person = store.person_name().to_owned();
        restored = Some((person, items, store.is_restored(), store.attachments_missing()));
        Ok(())
    })?;
    let (restored, found) = restored.zip(found).ok_or_else(|| Error::new("internal"))?;
    let (person, items, waits, attachments_missing) = restored;
    let Found { damaged, damaged_bytes, worn } = found;
    let device = device.to_string();
    Ok(Restored { person, device, items, waits, attachments_missing, damaged, damaged_bytes, worn })
}

/// Without a keeper's seed that is not the one of the space: who wrote under it would be heard by nobody.
pub(super) fn with_right_keeper(grant: Grant, space: &SpaceId, inception: &Inception) -> Grant {
    let (keyring, keeper) = grant.into_parts();
    let keeper = keeper.filter(|seed| {
        let keeper = SigningKey::from_secret(seed).verifying_key();
        space_id(&keeper, &inception.recovery_keeper) == *space
    });
    keeper.map_or_else(|| keyring.to_grant(), |keeper| keyring.to_grant().with_keeper(keeper))
}

/// Copies a backup's records into a home's journal; gives what was found on the way.
fn copy(home: &Home, id: JournalId, backup: &Path, head: &Signed<BackupHead>) -> Result<Found> {
    let disk = told(FileDisk::open(&home.journal_dir()))?;
    let (journal, _) = Journal::open(disk, &Opening::new(id), &mut |_, _, _| {}).map_err(journal_error)?;
    let mut copier = Copier::new(journal);
    let found = read_records(backup, head, &mut |record| copier.push(record))?;
    copier.finish().map_err(journal_error)?;
    Ok(found)
}
