//! Of two copies of one home, both in use, one becomes a device of its own.
//!
//! A copy signs as the device that it was copied from. Once both have written, that device has two
//! histories, and whoever holds one of them refuses the other. Here everything stays but the commits
//! that the other side is not known to hold ([`super::parting`]): a new device, which the old one enrols,
//! commits anew what they named. The history that the others hold comes with the next session. So does a
//! device go on that was given another history of a third one than the others.
//!
//! The new journal is made beside the old one, under a name that says for which vault it is meant.
//! The vault then takes the new device's keys, and after a crash the next start goes on from there.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use musette_protocol::{
    crypto::{aead::NONCE_LEN, kem::KemSecret, sign::SigningKey},
    id::{DeviceId, RecordId, base32},
    identity::{
        certificate::Certificate,
        log::{Action, Author, Operation},
    },
    journal::{Journal, JournalId, Opening},
    record::{Payload, open},
    replica::Replica,
    signed::Signed,
};

use super::{
    Store,
    copying::Copier,
    files::FileDisk,
    index::Index,
    journal_error,
    keys::Keys,
    opening::{empty_state, inception_of},
    replace::{io_error, remove_dir, sync_dir, told},
    revoking::blobs_of,
    write_error,
};
use crate::{
    entropy,
    error::{Error, Result},
    home::Home,
};

/// What a new journal is called beside the old one, before the name of the vault that it is for.
const PREFIX: &str = "journal.split-";

/// A copy that became a device of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// The new device's id.
    pub device: String,
    /// The device whose copy this was, as its person calls it.
    pub copied_from: String,
    /// How many changes the new device committed anew.
    pub changes: usize,
    /// Whether histories of other devices were given up: then this need not have been a copy.
    pub parted: bool,
}

impl Store {
    /// Goes on as a device of its own, which is called `name`; with `without_quarantine` also if something in
    /// quarantine is given up with it.
    ///
    /// # Errors
    /// `device-revoked` when this device was taken out, `not-admin-device` when it may enrol none, `healing`
    /// while something is missing here, `name-taken` when another device is called so, `quarantine-given-up`
    /// when something in quarantine would be; when the disk or a keyring refuses. Then nothing is changed.
    pub(crate) fn split_copy(mut self, name: &str, without_quarantine: bool) -> Result<Split> {
        let split = self.take_new_keys(name, without_quarantine)?;
        drop(self.index.take());
        finish(&self.home, &self.keys)?;
        Ok(split)
    }

    /// All of it but the last step, which the next start does if this one does not come to it.
    pub(super) fn take_new_keys(&mut self, name: &str, without_quarantine: bool) -> Result<Split> {
        self.check_whole()?;
        self.check_entitled()?;
        let own = self.device;
        let device = self.state().log().devices().get(&own).filter(|device| device.certificate.admin);
        let copied_from = device.ok_or_else(|| Error::new("not-admin-device"))?.certificate.name.clone();
        if self.state().log().devices().values().any(|known| known.certificate.name == name) {
            return Err(Error::new("name-taken").with("name", name));
        }
        let given_up = self.given_up();
        if !given_up.quarantined.is_empty() && !without_quarantine {
            return Err(Error::new("quarantine-given-up").with("count", given_up.quarantined.len()));
        }
        let (seed, kem) = (entropy::secret(), entropy::secret());
        let (key, journal) = (SigningKey::from_secret(&seed), JournalId::from_bytes(entropy::bytes()));
        let enrolment = self.enrolment_of(&key, &KemSecret::from_secret(&kem), name.to_owned());
        let new = self.home.journal_dir().with_extension("new");
        let changes = self.write_journal(&new, journal, &given_up.records, enrolment, &key)?;
        told(fs::rename(&new, meant_for(&self.home, journal)))?;
        told(sync_dir(self.home.path()))?;
        (self.keys.device, self.keys.kem, self.keys.journal) = (seed, kem, journal);
        self.vault.save_apart(&self.keys)?;
        let device = self.keys.device_id().to_string();
        let parted = given_up.devices.iter().any(|device| *device != own);
        Ok(Split { device, copied_from, changes, parted })
    }

    pub(super) fn enrolment_of(&self, key: &SigningKey, kem: &KemSecret, name: String) -> Signed<Operation> {
        let device = DeviceId::from_bytes(*key.verifying_key().as_bytes());
        let certificate = Certificate { person: self.person, device, kem: kem.public(), name, admin: true };
        let device_signature = certificate.countersign(key);
        let enrolment = Action::Enrol { certificate, device_signature, verified: true };
        self.state().log().sign(Author::Device(self.device), enrolment, &self.device_key)
    }

    /// Writes all that is held here and not given up into a journal of its own, with a new device that
    /// commits anew what no commit names any more; gives how many changes that was. Durable on return.
    fn write_journal(
        &mut self,
        dir: &Path,
        id: JournalId,
        given_up: &BTreeSet<RecordId>,
        enrolment: Signed<Operation>,
        key: &SigningKey,
    ) -> Result<usize> {
        remove_dir(dir)?;
        let disk = || FileDisk::open(dir).map_err(|error| journal_error(error.into()));
        let opening = Opening::new(id);
        let (copy, _) = Journal::open(disk()?, &opening, &mut |_, _, _| {}).map_err(journal_error)?;
        let mut copier = Copier::new(copy);
        for record in self.state().held() {
            let location = self.state().location(&record).filter(|_| !given_up.contains(&record));
            if let Some(location) = location {
                copier.push(&self.replica.read(location).map_err(journal_error)?);
            }
        }
        copier.finish().map_err(journal_error)?;

        let inception = inception_of(&self.keys)?;
        let mut state = empty_state(&self.keys, self.person, inception.body(), None);
        let space = *state.space();
        let (journal, _) = Journal::open(disk()?, &opening, &mut |record, location, bytes| {
            if let Ok(payload) = open(bytes, &space, state.keyring()) {
                state.replay(record, location, payload);
            }
        })
        .map_err(journal_error)?;
        let mut replica = Replica::new(state, journal);
        replica.draw_quarantine();
        let nonce = &mut entropy::bytes::<NONCE_LEN>;
        replica.write_statement(Payload::Operation(enrolment), nonce).map_err(write_error)?;
        let changes = replica.state().orphans().len();
        replica.adopt_orphans(key, nonce).map_err(write_error)?;
        // What forgets an item may have waited until now, and only who showed it knows its attachments.
        let forgotten = replica.state().forgotten();
        let attached = forgotten.map(|id| (*id, blobs_of(self.view(*id)))).collect();
        replica.forget_late(&attached, key, nonce).map_err(write_error)?;
        replica.sync().map_err(journal_error)?;
        Ok(changes)
    }
}

fn meant_for(home: &Home, journal: JournalId) -> PathBuf {
    home.path().join(format!("{PREFIX}{}", base32().encode(&journal.as_bytes()[..10])))
}

/// Puts the journal that the vault means in the place of the old one, if a crash came between, and
/// removes one that no vault came to mean.
pub(super) fn finish(home: &Home, keys: &Keys) -> Result<()> {
    let meant = meant_for(home, keys.journal);
    if meant.exists() {
        Index::remove(&home.index_dir()).map_err(|error| io_error(&error))?;
        remove_dir(&home.journal_dir())?;
        told(fs::rename(&meant, home.journal_dir()))?;
        told(sync_dir(home.path()))?;
    }
    for entry in told(fs::read_dir(home.path()))? {
        let path = told(entry)?.path();
        if path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(PREFIX.as_bytes())) {
            remove_dir(&path)?;
        }
    }
    Ok(())
}
