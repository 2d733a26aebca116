use std::os::unix::fs::PermissionsExt as _;

use musette_protocol::codec::Tag;
use serde::{Deserialize, Serialize};

use super::*;
use crate::store::keyring::memory;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Contents {
    secret: Secret32,
    note: String,
}

impl Encoded for Contents {
    const TAG: Tag = Tag::Vault;
    const VERSION: u8 = 1;
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct LaterContents(u8);

impl Encoded for LaterContents {
    const TAG: Tag = Tag::Vault;
    const VERSION: u8 = 2;
}

fn create(home: &Home, choice: &VaultChoice, contents: &Contents) -> Result<Vault> {
    let vault = Vault::prepare(home, choice)?;
    vault.save(contents)?;
    Ok(vault)
}

fn contents(note: &str) -> Contents {
    Contents { secret: Secret32::from_bytes([0xab; 32]), note: note.to_owned() }
}

fn home() -> (tempfile::TempDir, Home) {
    memory::clear();
    let dir = tempfile::tempdir().unwrap();
    let home = Home::locate(Some(dir.path())).unwrap();
    (dir, home)
}

fn open(home: &Home, passphrase: Option<&str>) -> Result<Contents> {
    Vault::open(home, passphrase).map(|(_, contents)| contents)
}

fn code(home: &Home, passphrase: Option<&str>) -> String {
    open(home, passphrase).unwrap_err().code().to_owned()
}

fn rewrite(home: &Home, change: impl FnOnce(&mut Vec<u8>)) {
    let mut file = std::fs::read(home.vault_path()).unwrap();
    change(&mut file);
    std::fs::write(home.vault_path(), file).unwrap();
}

/// Changes the header and puts the checksum right: what somebody can do on purpose.
fn forge(home: &Home, change: impl FnOnce(&mut [u8])) {
    rewrite(home, |file| {
        let header: &mut [u8; HEADER_LEN] = file.first_chunk_mut().unwrap();
        change(header);
        let right = checksum(header);
        header[CHECKED_LEN..].copy_from_slice(&right);
    });
}

#[test]
fn a_passphrase_opens_and_nothing_else_does() {
    let (_dir, home) = home();
    let choice = VaultChoice::Passphrase("correct horse".to_owned().into());
    assert_eq!(create(&home, &choice, &contents("a")).unwrap().opened_by(), "passphrase");
    assert_eq!(create(&home, &choice, &contents("b")).unwrap_err().code(), "home-exists");
    assert!(home.exists() && is_passphrase_needed(&home).unwrap() && !home.key_path().exists());
    assert_eq!(open(&home, Some("correct horse")), Ok(contents("a")));
    assert_eq!(code(&home, Some("correct house")), "wrong-passphrase");
    assert_eq!(code(&home, None), "passphrase-needed");
    rewrite(&home, |file| *file.last_mut().unwrap() ^= 1);
    assert_eq!(code(&home, Some("correct horse")), "vault-damaged", "the passphrase was right");
    assert_eq!(code(&home, Some("correct house")), "wrong-passphrase");
}

#[test]
fn an_accent_is_the_same_however_it_is_typed() {
    let (_dir, home) = home();
    let choice = VaultChoice::Passphrase(Zeroizing::new("caf\u{e9}".to_owned()));
    create(&home, &choice, &contents("accent")).unwrap();
    assert_eq!(open(&home, Some("cafe\u{301}")).unwrap(), contents("accent"));
}

#[test]
fn a_key_file_opens_and_both_files_are_private() {
    let (_dir, home) = home();
    create(&home, &VaultChoice::KeyFile, &contents("a")).unwrap();
    for path in [home.vault_path(), home.key_path()] {
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert!(!is_passphrase_needed(&home).unwrap());
    assert_eq!(open(&home, None), Ok(contents("a")));
    let file = std::fs::read(home.vault_path()).unwrap();
    assert!(!file.windows(8).any(|bytes| bytes == [0xab; 8]), "no secret in the clear");

    for key in [&[7; 32][..], &[7; 31], b""] {
        std::fs::write(home.key_path(), key).unwrap();
        let error = open(&home, None).unwrap_err();
        assert_eq!((error.code(), error.args()["part"].as_str()), ("vault-damaged", "key-file"));
    }
    std::fs::remove_file(home.key_path()).unwrap();
    assert_eq!(code(&home, None), "vault-damaged");
}

#[test]
fn a_keyring_opens_and_nothing_of_it_lies_in_the_home() {
    let (_dir, home) = home();
    let vault = create(&home, &VaultChoice::Keyring, &contents("a")).unwrap();
    assert_eq!((vault.opened_by(), memory::count()), ("keyring", 1));
    assert!(!is_passphrase_needed(&home).unwrap() && !home.key_path().exists());
    assert_eq!(open(&home, None), Ok(contents("a")));
    vault.save(&contents("b")).unwrap();
    assert_eq!(open(&home, None), Ok(contents("b")));
    assert_eq!((std::fs::read(home.vault_path()).unwrap()[10], memory::count()), (2, 1));
}

#[test]
fn a_keyring_that_does_not_help_is_told_and_changes_nothing() {
    let (_dir, home) = home();
    create(&home, &VaultChoice::Keyring, &contents("a")).unwrap();
    let file = std::fs::read(home.vault_path()).unwrap();
    for refusal in ["keyring-unknown", "keyring-locked", "keyring-absent"] {
        memory::refuses(refusal, || assert_eq!(code(&home, None), refusal));
    }
    assert_eq!(open(&home, None), Ok(contents("a")));
    for bytes in [&[7; 32][..], &[7; 31]] {
        memory::overwrite(bytes);
        assert_eq!(code(&home, None), "keyring-entry-wrong");
    }
    memory::clear();
    assert_eq!(code(&home, None), "keyring-entry-gone");
    assert!(std::fs::read(home.vault_path()).unwrap() == file);
}

#[test]
fn two_homes_have_two_entries() {
    let ((_one, one), (_other, other)) = (home(), home());
    create(&one, &VaultChoice::Keyring, &contents("one")).unwrap();
    let mut vault = create(&other, &VaultChoice::Keyring, &contents("other")).unwrap();
    assert_eq!(memory::count(), 2);
    vault.relock(&VaultChoice::KeyFile, &contents("other")).unwrap();
    assert_eq!((open(&one, None), memory::count()), (Ok(contents("one")), 1));
}

#[test]
fn every_lock_changes_into_every_other_and_leaves_nothing() {
    let passphrase = || VaultChoice::Passphrase("correct horse".to_owned().into());
    let steps: [(VaultChoice, &str); 7] = [
        (VaultChoice::Keyring, "keyring"),
        (passphrase(), "passphrase"),
        (VaultChoice::Keyring, "keyring"),
        (VaultChoice::KeyFile, "key-file"),
        (VaultChoice::Keyring, "keyring"),
        (passphrase(), "passphrase"),
        (VaultChoice::KeyFile, "key-file"),
    ];
    let (_dir, home) = home();
    let mut vault = create(&home, &VaultChoice::KeyFile, &contents("a")).unwrap();
    for (choice, opened_by) in steps {
        vault.relock(&choice, &contents(opened_by)).unwrap();
        assert_eq!(vault.opened_by(), opened_by);
        assert_eq!(open(&home, Some("correct horse")), Ok(contents(opened_by)));
        assert_eq!(home.key_path().exists(), opened_by == "key-file");
        assert_eq!(memory::count(), usize::from(opened_by == "keyring"));
        let again = if opened_by == "keyring" { &VaultChoice::Keyring } else { &VaultChoice::KeyFile };
        if opened_by != "passphrase" {
            let error = vault.relock(again, &contents("no")).unwrap_err();
            assert_eq!(error.code(), format!("already-{opened_by}"));
        }
    }
}

#[test]
fn a_change_of_lock_that_is_cut_off_leaves_one_that_opens() {
    let (_dir, home) = home();
    let mut vault = create(&home, &VaultChoice::KeyFile, &contents("a")).unwrap();
    memory::refuses("keyring-locked", || {
        let error = vault.relock(&VaultChoice::Keyring, &contents("b")).unwrap_err();
        assert_eq!(error.code(), "keyring-locked");
    });
    assert_eq!(open(&home, None), Ok(contents("a")));

    // The new root is kept, the vault that needs it is not there yet.
    let new = home.vault_path().with_extension("new");
    std::fs::create_dir(&new).unwrap();
    assert!(vault.relock(&VaultChoice::Keyring, &contents("b")).is_err());
    assert_eq!((open(&home, None), memory::count()), (Ok(contents("a")), 1));
    std::fs::remove_dir(&new).unwrap();

    vault.relock(&VaultChoice::Keyring, &contents("b")).unwrap();
    assert_eq!(open(&home, None), Ok(contents("b")));
    // The vault is there, the old root has not gone.
    memory::refuses("keyring-silent", || {
        let error = vault.relock(&VaultChoice::KeyFile, &contents("c")).unwrap_err();
        assert_eq!((error.code(), error.args()["reason"].as_str()), ("keyring-entry-left", "keyring-silent"));
    });
    assert_eq!((open(&home, None), vault.opened_by()), (Ok(contents("c")), "key-file"));
}

#[test]
fn copies_that_part_have_an_entry_each() {
    let ((_dir, home), (_copy, copy)) = (home(), home());
    let mut vault = create(&home, &VaultChoice::Keyring, &contents("a")).unwrap();
    std::fs::copy(home.vault_path(), copy.vault_path()).unwrap();
    assert_eq!(open(&copy, None), Ok(contents("a")));
    vault.save_apart(&contents("split")).unwrap();
    assert_eq!((open(&home, None), memory::count()), (Ok(contents("split")), 2));
    vault.relock(&VaultChoice::KeyFile, &contents("split")).unwrap();
    assert_eq!(open(&copy, None), Ok(contents("a")), "the other one's entry is not touched");
}

#[test]
fn saving_replaces_everything_under_a_fresh_nonce() {
    let (_dir, home) = home();
    let vault = create(&home, &VaultChoice::KeyFile, &contents("a")).unwrap();
    let before = std::fs::read(home.vault_path()).unwrap();
    vault.save(&contents("a")).unwrap();
    let after = std::fs::read(home.vault_path()).unwrap();
    assert_ne!(before[55..79], after[55..79]);
    let (vault, found) = Vault::open::<Contents>(&home, None).unwrap();
    assert_eq!(found, contents("a"));
    vault.save(&contents("b")).unwrap();
    assert_eq!(open(&home, None), Ok(contents("b")));
}

#[test]
fn every_flipped_byte_and_every_cut_is_noticed() {
    let (_dir, home) = home();
    create(&home, &VaultChoice::KeyFile, &contents("a")).unwrap();
    let file = std::fs::read(home.vault_path()).unwrap();
    for at in 0..file.len() {
        rewrite(&home, |file| file[at] ^= 1);
        assert_eq!(code(&home, None), "vault-damaged", "byte {at}");
        std::fs::write(home.vault_path(), &file[..at]).unwrap();
        assert_eq!(code(&home, None), "vault-damaged", "cut at {at}");
        std::fs::write(home.vault_path(), &file).unwrap();
    }
}

#[test]
fn a_hostile_header_gets_no_memory_and_no_time() {
    let (_dir, home) = home();
    create(&home, &VaultChoice::KeyFile, &contents("a")).unwrap();
    let costs = [
        (64 << 20, 3, 1),
        (65_536, u32::MAX, 1),
        (65_536, 3, 1 << 20),
        (0, 3, 1),
        (65_536, 0, 1),
        (65_536, 3, 0),
    ];
    for (memory, passes, lanes) in costs {
        forge(&home, |header| {
            header[10] = PASSPHRASE;
            for (at, number) in [(11, memory), (15, passes), (19, lanes)] {
                header[at..at + 4].copy_from_slice(&u32::to_le_bytes(number));
            }
        });
        assert_eq!(code(&home, Some("x")), "vault-damaged", "{memory} {passes} {lanes}");
    }
    forge(&home, |header| header[10] = 3);
    assert_eq!(code(&home, None), "vault-damaged", "no such mode");
}

#[test]
fn the_header_is_bound_to_the_body() {
    let (_dir, home) = home();
    create(&home, &VaultChoice::KeyFile, &contents("a")).unwrap();
    forge(&home, |header| header[11] = 1);
    assert_eq!(code(&home, None), "vault-damaged");
}

#[test]
fn newer_versions_are_refused_as_such() {
    let (_dir, home) = home();
    let vault = create(&home, &VaultChoice::KeyFile, &contents("a")).unwrap();
    vault.save(&LaterContents(1)).unwrap();
    let error = open(&home, None).unwrap_err();
    assert_eq!((error.code(), error.args()["found"].as_str()), ("home-newer", "2"));
    forge(&home, |header| header[8] = 3);
    let error = open(&home, None).unwrap_err();
    assert_eq!((error.code(), error.exit_code()), ("home-newer", 7));
    std::fs::remove_file(home.vault_path()).unwrap();
    assert_eq!(code(&home, None), "no-home");
}
