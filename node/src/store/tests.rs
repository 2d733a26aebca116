//! What the store promises of its secrets.

use musette_protocol::{
    epoch::person_key,
    identity::log::{Action, Author, PersonKey},
    journal::SegmentNumber,
    replica::rotating::NewEpoch,
};

use super::{opening::inception_of, *};
use crate::{home::VaultChoice, lifecycle::create};

/// Starts an epoch, as tidying does once the present one is old.
fn begin_epoch(store: &mut Store) -> Result<()> {
    let keeper = SigningKey::from_secret(&store.keys.epochs.duplicate().into_parts().1.unwrap());
    let recovery = Some(inception_of(&store.keys).unwrap().body().recovery_kem);
    let (secret, entropy) = (entropy::secret(), entropy::secret());
    let new = NewEpoch { keeper: &keeper, device: &store.device_key, recovery, secret, entropy };
    let effects = store.replica.begin_epoch(&new, &mut entropy::bytes::<NONCE_LEN>).unwrap();
    store.unsynced = true;
    store.apply(effects, Vec::new())
}

#[test]
fn an_epoch_that_the_vault_has_no_room_for_is_read_from_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::locate(Some(folder.path())).unwrap();
    create(&home, "Emilie", "laptop", &VaultChoice::KeyFile).unwrap();
    let mut store = Store::open(&home, None, Repair::No).unwrap();
    // Where the vault is written before it takes the place of the old one.
    let in_the_way = home.vault_path().with_added_extension("new");
    std::fs::create_dir(&in_the_way).unwrap();
    begin_epoch(&mut store).unwrap();
    store.commit().unwrap();
    let epoch = store.state().keyring().written_under()[0];
    let kem = person_key(store.state().keyring().secret(&epoch).unwrap()).public();
    let announced = Action::PersonKey(PersonKey { epoch, kem });
    let operation = store.state().log().sign(Author::Device(store.device), announced, &store.device_key);
    store.write_statement(Payload::Operation(operation)).unwrap();
    store.commit().unwrap();
    store.checkpoint(true);
    store.rewrite(&[SegmentNumber::FIRST]).unwrap_err();
    let held = store.state().held();
    drop(store);

    let mut store = Store::open(&home, None, Repair::No).unwrap();
    assert_eq!((store.state().held(), store.state().keyring().count()), (held, 2));
    let kept = || Vault::open::<Keys>(&home, None).unwrap().1.epochs.count();
    assert_eq!(kept(), 1);
    std::fs::remove_dir(&in_the_way).unwrap();
    store.rewrite(&[SegmentNumber::FIRST]).unwrap();
    assert_eq!(kept(), 2);
}

#[test]
fn a_split_that_was_cut_off_is_finished_or_never_was() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::locate(Some(folder.path())).unwrap();
    create(&home, "Emilie", "laptop", &VaultChoice::KeyFile).unwrap();
    let open = || Store::open(&home, None, Repair::No).unwrap();
    // Before the vault took the new keys.
    let leftover = folder.path().join("journal.split-aaaaaaaaaaaaaaaa");
    std::fs::create_dir(&leftover).unwrap();
    let mut store = open();
    assert!(!leftover.exists());
    // After.
    let (laptop, settings) = (store.device, store.person_name().to_owned());
    let split = store.take_new_keys("attic").unwrap();
    assert_eq!((split.copied_from.as_str(), split.changes), ("laptop", 1));
    drop(store);
    let store = open();
    assert_eq!(store.device.to_string(), split.device);
    assert_eq!((store.state().head(&laptop).0, store.state().head(&store.device).0), (0, 1));
    assert_eq!(store.person_name(), settings);
    assert_eq!(store.state().log().devices().len(), 2);
}

#[test]
fn a_keyring_that_lost_its_entry_does_not_lock_out_whoever_is_in() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::locate(Some(folder.path())).unwrap();
    keyring::memory::clear();
    create(&home, "Emilie", "laptop", &VaultChoice::Keyring).unwrap();
    let mut store = Store::open(&home, None, Repair::No).unwrap();
    keyring::memory::clear();
    assert_eq!(store.check_passphrase(None).unwrap_err().code(), "keyring-entry-gone");
    store.change_lock(None, &VaultChoice::KeyFile).unwrap();
    store.close().unwrap();
    assert_eq!(Store::open(&home, None, Repair::No).unwrap().person_name(), "Emilie");
}

#[test]
fn a_split_has_an_entry_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::locate(Some(folder.path())).unwrap();
    keyring::memory::clear();
    create(&home, "Emilie", "laptop", &VaultChoice::Keyring).unwrap();
    Store::open(&home, None, Repair::No).unwrap().split_copy("attic").unwrap();
    assert_eq!(keyring::memory::count(), 2, "the other copy keeps its own");
    let store = Store::open(&home, None, Repair::No).unwrap();
    assert_eq!(store.state().log().devices().len(), 2);
}
