//! Which words speak, and what a crash leaves of new ones.

use musette_protocol::{backup::BackupError, epoch::EpochError, id::DeviceId, record::Payload};

use super::*;
use crate::{
    home::VaultChoice,
    lifecycle::create,
    store::{Repair, vault::Vault},
    words::recovery_words,
};

fn home() -> (tempfile::TempDir, Home) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::locate(Some(&folder.path().join("home"))).unwrap();
    create(&home, "Emilie", "laptop", &VaultChoice::KeyFile).unwrap();
    (folder, home)
}

fn open(home: &Home) -> Store {
    Store::open(home, None, Repair::No).unwrap()
}

/// The words that the vault keeps, as the disk has it.
fn kept(home: &Home) -> Option<Secret32> {
    Vault::open::<Keys>(home, None).unwrap().1.recovery
}

fn replace(store: &mut Store) {
    store.replace_words(None, None).unwrap();
    store.commit().unwrap();
}

/// Somebody who has these words and is not this device puts others in their place.
fn replace_elsewhere(store: &mut Store, present: &Secret32, byte: u8) -> Recovery {
    let new = Recovery::from_entropy(&Secret32::from_bytes([byte; 32]));
    let operation = store.state().log().sign_replacement(&Recovery::from_entropy(present), &new);
    store.write_statement(Payload::Operation(operation)).unwrap();
    store.commit().unwrap();
    new
}

fn notices(store: &Store) -> Vec<String> {
    let status = store.status_json(false, &[], None);
    let notices = status["notices"].as_array().unwrap().iter();
    notices.map(|notice| notice["code"].as_str().unwrap().to_owned()).collect()
}

fn add_note(store: &mut Store) -> Result<Json> {
    let fields = [("title".to_owned(), "Plan".into())].into_iter().collect();
    store.add("note", &fields)
}

fn typed(entropy: &Secret32) -> String {
    recovery_words(entropy.expose(), "fr").join(" ")
}

fn code<T>(outcome: Result<T>) -> String {
    outcome.err().unwrap().code().to_owned()
}

#[test]
fn new_words_take_the_place_of_the_old_wherever_those_were_good_for() {
    let (_folder, home) = home();
    let mut store = open(&home);
    let old = kept(&home).unwrap();
    store.let_go_of_words().unwrap();
    assert_eq!(code(store.replace_words(None, None)), "recovery-not-held");
    store.replace_words(Some(&typed(&old)), None).unwrap();
    store.commit().unwrap();
    let new = kept(&home).unwrap();
    assert_ne!(new, old);
    assert!(!home.next_words_path().exists() && !store.keys.recovery_checked);
    assert!(notices(&store).contains(&"recovery-unchecked".to_owned()));
    assert!(!notices(&store).contains(&"words-replaced".to_owned()), "whoever did it knows");

    let [old_keys, new_keys] = [&old, &new].map(Recovery::from_entropy);
    let is_due = |store: &mut Store, keys: &Recovery| {
        store.replica.is_epoch_due(Some(&keys.keys().recovery_kem)).unwrap()
    };
    assert!(is_due(&mut store, &old_keys) && !is_due(&mut store, &new_keys));
    add_note(&mut store).unwrap();
    store.commit().unwrap();
    let place = (store.keys.journal, store.replica.journal().position());
    let backup = store.sign_backup(place.0, place.1).unwrap();
    assert!(backup.open(&new_keys).is_ok());
    assert_eq!(backup.open(&old_keys).err(), Some(BackupError::Grant(EpochError::NotForUs)));
    let mut revoke = |words: &Secret32| code(store.revoke("phone", &[], Some(&typed(words))));
    assert_eq!(revoke(&old), "words-replaced");
    assert_eq!(revoke(&Secret32::from_bytes([1; 32])), "words-of-another-person");
    assert_eq!(revoke(&new), "device-not-found", "the words are right");
    assert_eq!(code(store.replace_words(Some(&typed(&old)), None)), "words-replaced");
    drop(store);
    assert_eq!(open(&home).keys.recovery, Some(new));
}

#[test]
fn a_replacement_that_was_cut_off_is_done_or_never_was() {
    let (_folder, home) = home();
    let old = kept(&home).unwrap();
    // Before the log has it.
    let store = open(&home);
    note::save(&home.next_words_path(), &store.keys, PURPOSE, &Secret32::from_bytes([1; 32])).unwrap();
    drop(store);
    let mut store = open(&home);
    assert_eq!((kept(&home).as_ref(), store.words_kept().unwrap()), (Some(&old), &old));
    // Before the vault has it: something is where the vault is written.
    let in_the_way = home.vault_path().with_added_extension("new");
    std::fs::create_dir(&in_the_way).unwrap();
    replace(&mut store);
    drop(store);
    std::fs::remove_dir(&in_the_way).unwrap();
    assert_eq!(kept(&home), Some(old.duplicate()));
    let store = open(&home);
    let new = kept(&home).unwrap();
    assert_eq!(store.words_kept(), Ok(&new));
    assert_eq!(store.standing_of(&old), RootStanding::Replaced);
    assert!(!home.next_words_path().exists());
    // Before what was kept aside is gone.
    note::save(&home.next_words_path(), &store.keys, PURPOSE, &new).unwrap();
    drop(store);
    let mut store = open(&home);
    assert_eq!((kept(&home), home.next_words_path().exists()), (Some(new), false));
    store.let_go_of_words().unwrap();
    drop(store);
    assert_eq!(open(&home).keys.recovery, None);
}

#[test]
fn words_that_were_replaced_elsewhere_are_kept_no_more_and_that_is_told() {
    let (_folder, home) = home();
    let mut store = open(&home);
    let old = kept(&home).unwrap();
    replace_elsewhere(&mut store, &old, 1);
    assert_eq!((kept(&home), store.keys.recovery_checked), (None, false));
    assert!(store.take_events().contains(&crate::store::StoreEvent::WordsReplaced));
    drop(store);
    let mut store = open(&home);
    assert!(notices(&store).contains(&"words-replaced".to_owned()));
    assert!(store.take_events().is_empty(), "told once");
    // Whoever had the old words is out of what is written from now on, at once.
    assert_eq!(store.state().keyring().written_under(), []);
    add_note(&mut store).unwrap();
    assert_eq!(store.state().keyring().written_under().len(), 1);
}

#[test]
fn where_two_replaced_the_same_words_none_speak_and_the_devices_go_on() {
    let (_folder, home) = home();
    let mut store = open(&home);
    let old = kept(&home).unwrap();
    let rival = Recovery::from_entropy(&Secret32::from_bytes([1; 32]));
    let rival = store.state().log().sign_replacement(&Recovery::from_entropy(&old), &rival);
    replace(&mut store);
    let ours = kept(&home).unwrap();
    store.write_statement(Payload::Operation(rival)).unwrap();
    store.commit().unwrap();
    let told = notices(&store);
    assert!(told.contains(&"words-frozen".to_owned()) && !told.contains(&"recovery-unchecked".to_owned()));
    for words in [&old, &ours] {
        assert_eq!(code(store.revoke("phone", &[], Some(&typed(words)))), "words-frozen");
    }
    assert_eq!(code(store.words_kept().map(drop)), "words-frozen");
    assert_eq!(code(store.begin_backup()), "words-frozen");
    add_note(&mut store).unwrap();
    store.commit().unwrap();
    let devices: Vec<DeviceId> = store.state().log().devices().keys().copied().collect();
    assert_eq!(devices, [store.device]);
    // What is written since is for nobody's words.
    for words in [&old, &ours] {
        let key = Recovery::from_entropy(words).keys().recovery_kem;
        assert!(store.replica.is_epoch_due(Some(&key)).unwrap());
    }
    let nobody = store.recovery_key();
    assert!(!store.replica.is_epoch_due(Some(&nobody)).unwrap());
    drop(store);
    assert!(notices(&open(&home)).contains(&"words-frozen".to_owned()));
}
