//! What the store promises of its secrets.

use musette_crdt::view::Attachment;
use musette_protocol::{
    crypto::kem::KemSecret,
    epoch::person_key,
    id::{CommitId, OperationId},
    identity::log::{Action, Author, PersonKey},
    journal::SegmentNumber,
    record::{Change, Commit},
    replica::rotating::NewEpoch,
    signed::Signed,
};

use super::{opening::inception_of, *};
use crate::{home::VaultChoice, lifecycle::create};

fn new_home() -> (tempfile::TempDir, Home) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::locate(Some(folder.path())).unwrap();
    create(&home, "Emilie", "laptop", &VaultChoice::KeyFile).unwrap();
    (folder, home)
}

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
    let (_folder, home) = new_home();
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
    let (folder, home) = new_home();
    let open = || Store::open(&home, None, Repair::No).unwrap();
    // Before the vault took the new keys.
    let leftover = folder.path().join("journal.split-aaaaaaaaaaaaaaaa");
    std::fs::create_dir(&leftover).unwrap();
    let mut store = open();
    assert!(!leftover.exists());
    // After.
    let (laptop, settings) = (store.device, store.person_name().to_owned());
    let split = store.take_new_keys("attic", false).unwrap();
    assert_eq!((split.copied_from.as_str(), split.changes), ("laptop", 1));
    drop(store);
    let store = open();
    assert_eq!(store.device.to_string(), split.device);
    assert_eq!((store.state().head(&laptop).0, store.state().head(&store.device).0), (0, 1));
    assert_eq!(store.person_name(), settings);
    assert_eq!(store.state().log().devices().len(), 2);
}

/// Lets in another device, which nobody runs.
fn let_in(store: &mut Store, name: &str) -> (DeviceId, SigningKey) {
    let key = SigningKey::from_secret(&entropy::secret());
    let kem = KemSecret::from_secret(&entropy::secret());
    let enrolment = store.enrolment_of(&key, &kem, name.to_owned());
    write(store, Payload::Operation(enrolment));
    (DeviceId::from_bytes(*key.verifying_key().as_bytes()), key)
}

/// The first commit of a device: a change, by somebody who had seen these commits and operations.
fn hear_of(
    store: &mut Store,
    (device, key): (DeviceId, &SigningKey),
    change: Change,
    (seen, log_heads): (Vec<CommitId>, Vec<OperationId>),
) {
    write(store, Payload::Change(change));
    let commit = Commit {
        space: *store.state().space(),
        device,
        number: 1,
        previous: None,
        seen,
        log_heads,
        records: store.state().orphans().into_iter().map(|(record, _)| record).collect(),
        chunks: Vec::new(),
    };
    write(store, Payload::Commit(Signed::new(commit, key)));
}

fn write(store: &mut Store, payload: Payload) {
    store.replica.write_statement(payload, &mut entropy::bytes::<NONCE_LEN>).unwrap();
    store.unsynced = true;
    store.commit().unwrap();
}

fn add_note(store: &mut Store) -> DocumentId {
    let item = store.add("note", &[("title".to_owned(), "Letter".into())].into()).unwrap();
    store.find(item["id"].as_str().unwrap()).unwrap()
}

#[test]
fn a_split_names_what_was_attached_to_an_item_that_is_forgotten_with_it() {
    let (_folder, home) = new_home();
    let mut store = Store::open(&home, None, Repair::No).unwrap();
    let item = add_note(&mut store);
    let id = BlobId::from_bytes([7; 16]);
    store.write_pieces(id, 0, vec![b"Dear".to_vec()]).unwrap();
    let (name, media_type) = ("letter.txt".to_owned(), "text/plain".to_owned());
    let attachment = Attachment { id, name, media_type, size: 4, digest: [0; 32], chunk_len: 65_536 };
    store.note_attachment(item, &attachment).unwrap();
    let (phone, key) = let_in(&mut store, "phone");
    // It waits for what the phone built on, which is not here.
    let known = (vec![CommitId::from_bytes([9; 32])], store.state().log().heads());
    hear_of(&mut store, (phone, &key), Change::forgetting(item, &BTreeSet::new()), known);
    assert_eq!((store.state().is_forgotten(&item), store.state().chunks_held(&id)), (false, 1));
    store.take_new_keys("attic", false).unwrap();
    drop(store);

    let mut store = Store::open(&home, None, Repair::No).unwrap();
    assert_eq!((store.state().is_forgotten(&item), store.state().chunks_held(&id)), (true, 1));
    while store.tidy().unwrap() {}
    assert_eq!(store.state().chunks_held(&id), 0);
}

#[test]
fn a_split_loses_nothing_in_quarantine_unasked() {
    for accepts in [true, false] {
        let (_folder, home) = new_home();
        let mut store = Store::open(&home, None, Repair::No).unwrap();
        let item = add_note(&mut store);
        let ((phone, key), (tablet, _)) = (let_in(&mut store, "phone"), let_in(&mut store, "tablet"));
        let known = (Vec::new(), store.state().log().heads());
        store.revoke("phone", &[], None).unwrap();
        hear_of(&mut store, (phone, &key), Change::forgetting(item, &BTreeSet::new()), known);
        // The tablet holds another history of the phone.
        store.note_fork(tablet, phone);
        let refused = store.take_new_keys("attic", false).unwrap_err();
        assert_eq!((refused.code(), refused.args()["count"].as_str()), ("quarantine-given-up", "1"));
        if accepts {
            store.quarantine_accept(&[]).unwrap();
        }
        store.take_new_keys("attic", !accepts).unwrap();
        drop(store);
        let store = Store::open(&home, None, Repair::No).unwrap();
        assert_eq!(store.state().is_forgotten(&item), accepts);
        assert!(store.state().quarantined().is_empty());
    }
}

/// A home that met another device and lost the end of its journal, as only its index knows.
fn home_without_its_end() -> (tempfile::TempDir, Home, Vec<u8>) {
    let (folder, home) = new_home();
    let mut store = Store::open(&home, None, Repair::No).unwrap();
    let other = DeviceId::from_bytes([9; 32]);
    store
        .change_keys(|keys| {
            keys.met.insert(other);
        })
        .unwrap();
    let kept = store.replica.journal().bytes();
    let fields = [("title".to_owned(), "Lost".into())].into();
    store.add("note", &fields).unwrap();
    store.close().unwrap();
    let segment = home.journal_dir().join("00000001.seg");
    let bytes = std::fs::read(&segment).unwrap()[..usize::try_from(kept).unwrap()].to_vec();
    std::fs::write(segment, &bytes).unwrap();
    (folder, home, bytes)
}

fn refusal(home: &Home, repair: Repair) -> String {
    Store::open(home, None, repair).map(drop).unwrap_err().code().to_owned()
}

#[test]
fn a_repair_that_cannot_go_on_leaves_everything_as_it_was() {
    let (_folder, home, bytes) = home_without_its_end();
    // Where there is no room: for the copy, then for the mark that something was damaged.
    for name in ["journal.new", "damaged.new"] {
        let in_the_way = home.path().join(name);
        if name == "damaged.new" {
            std::fs::create_dir(&in_the_way).unwrap();
        } else {
            std::fs::write(&in_the_way, "").unwrap();
        }
        assert_ne!(refusal(&home, Repair::Rebuild), "journal-damaged");
        assert_eq!(refusal(&home, Repair::No), "journal-damaged", "the index still knows");
        assert_eq!(std::fs::read(home.journal_dir().join("00000001.seg")).unwrap(), bytes);
        drop((std::fs::remove_dir(&in_the_way), std::fs::remove_file(&in_the_way)));
    }
    let store = Store::open(&home, None, Repair::Rebuild).unwrap();
    assert_eq!(store.check_whole().unwrap_err().code(), "healing");
    assert!(!home.damaged_path().exists());
    assert!(home.journal_dir().with_extension("damaged-1").exists());
}

#[test]
fn a_repair_that_was_cut_off_forgets_nowhere_that_something_is_missing() {
    // After the copy took the journal's place.
    let (_folder, home, _) = home_without_its_end();
    let in_the_way = home.vault_path().with_added_extension("new");
    std::fs::create_dir(&in_the_way).unwrap();
    refusal(&home, Repair::Rebuild);
    assert_ne!(refusal(&home, Repair::No), "journal-damaged", "the copy holds");
    std::fs::remove_dir(&in_the_way).unwrap();
    let heals = || {
        let store = Store::open(&home, None, Repair::No).unwrap();
        (store.check_whole().unwrap_err().code().to_owned(), home.damaged_path().exists())
    };
    assert_eq!([heals(), heals()], [("healing".to_owned(), false), ("healing".to_owned(), false)]);

    // When only the mark was written, and when the index is aside too.
    for takes_index in [false, true] {
        let (_folder, home, _) = home_without_its_end();
        std::fs::write(home.damaged_path(), "").unwrap();
        let repair = if takes_index {
            healing::set_index_aside(&home).unwrap();
            Repair::No
        } else {
            Repair::Rebuild
        };
        let store = Store::open(&home, None, repair).unwrap();
        assert_eq!(store.check_whole().unwrap_err().code(), "healing");
    }
}

#[test]
fn what_damage_took_is_not_waited_for_when_nobody_is_left_to_bring_it() {
    let (_folder, home, _) = home_without_its_end();
    let mut store = Store::open(&home, None, Repair::Rebuild).unwrap();
    let in_the_way = home.vault_path().with_added_extension("new");
    std::fs::create_dir(&in_the_way).unwrap();
    store.go_alone().unwrap_err();
    assert_eq!(store.check_whole().unwrap_err().code(), "healing", "as the vault says");
    std::fs::remove_dir(&in_the_way).unwrap();
    store.go_alone().unwrap();
    store.add("note", &[("title".to_owned(), "After".into())].into()).unwrap();
    store.begin_backup().map(drop).unwrap();
    assert_eq!(store.go_alone().unwrap_err().code(), "not-restored");
    store.close().unwrap();
    assert_eq!(Store::open(&home, None, Repair::No).unwrap().check_whole(), Ok(()));
}

#[test]
fn a_journal_that_failed_where_nothing_waits_stops_the_store() {
    let (_folder, home) = new_home();
    let mut store = Store::open(&home, None, Repair::No).unwrap();
    std::fs::create_dir(home.journal_dir().join("00000002.seg")).unwrap();
    store.replica.rotate_journal().unwrap_err();
    assert_eq!(store.commit().unwrap_err().code(), "disk-failed");
}

#[test]
fn an_index_that_was_given_up_does_not_outlive_a_rewriting() {
    let (_folder, home) = new_home();
    let mut store = Store::open(&home, None, Repair::No).unwrap();
    store.index = None;
    // Where a file of it is to be: as broken as an index can be.
    std::fs::remove_dir_all(home.index_dir()).unwrap();
    std::fs::create_dir_all(home.index_dir().join("db")).unwrap();
    assert!(Index::open(&home.index_dir(), &store.keys.index).is_err());
    store.rewrite(&[SegmentNumber::FIRST]).unwrap();
    assert!(store.index.is_some());
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
    Store::open(&home, None, Repair::No).unwrap().split_copy("attic", false).unwrap();
    assert_eq!(keyring::memory::count(), 2, "the other copy keeps its own");
    let store = Store::open(&home, None, Repair::No).unwrap();
    assert_eq!(store.state().log().devices().len(), 2);
}
