//! A new Musette: a person, their first device, an empty home.

use musette_protocol::{
    crypto::{kem::KemSecret, sign::SigningKey},
    epoch::{EpochStatement, Keyring, space_id},
    identity::{
        certificate::Certificate,
        log::{Action, Author, DeviceLog},
        person::Recovery,
    },
    journal::JournalId,
    record::Payload,
};
use zeroize::Zeroizing;

use crate::{
    config::Config,
    entropy,
    error::{Error, Result},
    home::{Home, HomeLock, VaultChoice},
    store::{
        Repair, Store,
        keys::Keys,
        replace::{remove_dir, replace, told},
        vault::{Vault, abandon, check_choice},
    },
};

/// A Musette that was just created.
pub struct Created {
    /// The person's id.
    pub person: String,
    /// The device's id.
    pub device: String,
    /// What the recovery words say.
    pub recovery_entropy: Zeroizing<[u8; 32]>,
}

/// Creates a person and their first device.
///
/// # Errors
/// When there is a Musette already, a name cannot be shown, or the disk refuses.
pub fn create(home: &Home, person_name: &str, device_name: &str, vault: &VaultChoice) -> Result<Created> {
    check_name(device_name)?;
    check_name(person_name)?;
    check_choice(vault)?;
    let lock = empty_home(home)?;
    let entropy = entropy::secret();
    let recovery = Recovery::from_entropy(&entropy);
    let inception = recovery.incept();
    let person = inception.person().map_err(|_| Error::new("internal"))?;
    let (device_seed, kem_seed, keeper_seed) = (entropy::secret(), entropy::secret(), entropy::secret());
    let kem = KemSecret::from_secret(&kem_seed).public();
    let keeper = SigningKey::from_secret(&keeper_seed);
    let space = space_id(&keeper.verifying_key(), &inception.body().recovery_keeper);
    let first_secret = entropy::secret();
    let recipients = [kem, inception.body().recovery_kem];
    let epoch = EpochStatement::begin(
        space,
        &keeper,
        &first_secret,
        &recipients,
        &Keyring::default(),
        &entropy::secret(),
    )
    .map_err(|_| Error::new("internal"))?;
    let mut keyring = Keyring::default();
    keyring.insert(first_secret, &[]);
    let keys = Keys {
        inception: inception.to_bytes(),
        space,
        device: device_seed,
        kem: kem_seed,
        epochs: keyring.to_grant().with_keeper(keeper_seed),
        index: entropy::secret(),
        journal: JournalId::from_bytes(entropy::bytes()),
        recovery: Some(entropy.duplicate()),
        recovery_checked: false,
        words: Default::default(),
        addresses: Default::default(),
        met: Default::default(),
        healing: Default::default(),
    };
    let (device, device_key) = (keys.device_id(), keys.device_key());
    let log = DeviceLog::new(person, inception.body());
    let certificate = Certificate { person, device, kem, name: device_name.to_owned(), admin: true };
    let device_signature = certificate.countersign(&device_key);
    let enrolment = Action::Enrol { certificate, device_signature, verified: true };
    let operation = log.sign(Author::Root, enrolment, recovery.root());
    begin_home(
        home,
        lock,
        keys,
        vault,
        |_| Ok(()),
        |store| {
            store.write_statement(Payload::Epoch(epoch))?;
            store.write_statement(Payload::Operation(operation))?;
            store.write_first_settings(person_name)
        },
    )?;
    let recovery_entropy = Zeroizing::new(*entropy.expose());
    Ok(Created { person: person.to_string(), device: device.to_string(), recovery_entropy })
}

pub(super) fn check_name(name: &str) -> Result<()> {
    if Certificate::is_name_valid(name) {
        Ok(())
    } else {
        Err(Error::new("bad-name").with("name", name.escape_debug()))
    }
}

/// Makes and locks a home that holds no Musette yet, and nothing that could be taken for a part of
/// one: what is there may be all that somebody has left.
pub(super) fn empty_home(home: &Home) -> Result<HomeLock> {
    let exists = || Error::new("home-exists").with("home", home.path().display());
    if home.exists() {
        return Err(exists());
    }
    if !home.is_free() {
        return Err(home.absence());
    }
    home.create()?;
    let lock = home.lock()?;
    // Another process may have been faster.
    if home.exists() { Err(exists()) } else { Ok(lock) }
}

/// Writes a first vault and journal. The vault comes last: a home without one holds no Musette, and
/// what a crash left of its journal is removed at the next attempt. `fill` puts into the journal what
/// there is before the store is opened, `write` goes on.
pub(super) fn begin_home(
    home: &Home,
    lock: HomeLock,
    keys: Keys,
    choice: &VaultChoice,
    fill: impl FnOnce(&Home) -> Result<()>,
    write: impl FnOnce(&mut Store) -> Result<()>,
) -> Result<()> {
    if home.begun_path().exists() {
        for leftover in [home.journal_dir(), home.index_dir()] {
            remove_dir(&leftover)?;
        }
    }
    told(replace(&home.begun_path(), b""))?;
    Config::default().save(home)?;
    let vault = Vault::prepare(home, choice)?;
    let entry = vault.entry();
    let filled = fill(home).and_then(|()| {
        let mut store = Store::open_unlocked(home.clone(), lock, vault, keys, Repair::No)?;
        write(&mut store)?;
        store.commit()?;
        Ok(store)
    });
    if let (Err(_), Some(entry)) = (&filled, &entry) {
        abandon(entry);
    }
    let store = filled?;
    store.save_vault()?;
    told(std::fs::remove_file(home.begun_path()))?;
    store.close()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::keyring::memory;

    #[test]
    fn a_keyring_that_refuses_is_told_before_anything_is_made() {
        memory::clear();
        let folder = tempfile::tempdir().unwrap();
        let home = Home::locate(Some(&folder.path().join("home"))).unwrap();
        memory::refuses("keyring-locked", || {
            let refused = create(&home, "Emilie", "laptop", &VaultChoice::Keyring).map(|_| ());
            assert_eq!(refused.unwrap_err().code(), "keyring-locked");
        });
        assert!(!home.path().exists());
        create(&home, "Emilie", "laptop", &VaultChoice::Keyring).unwrap();
        assert_eq!(memory::count(), 1);
    }

    #[test]
    fn a_beginning_that_fails_leaves_nothing_in_the_keyring() {
        memory::clear();
        let folder = tempfile::tempdir().unwrap();
        let other = Home::locate(Some(&folder.path().join("other"))).unwrap();
        create(&other, "Emilie", "laptop", &VaultChoice::KeyFile).unwrap();
        let (_, keys) = Vault::open::<Keys>(&other, None).unwrap();
        let home = Home::locate(Some(&folder.path().join("home"))).unwrap();
        let lock = empty_home(&home).unwrap();
        let full = |_: &Home| Err(Error::new("disk-full"));
        let begun = begin_home(&home, lock, keys, &VaultChoice::Keyring, full, |_| Ok(()));
        assert_eq!((begun.unwrap_err().code(), memory::count()), ("disk-full", 0));
    }
}
