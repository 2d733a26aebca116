//! The formats that a home has had, and the way from an older one to this one.
//!
//! A home's format is a number in the head of its vault, which every program reads first: one that does
//! not know the number changes nothing and says so. It is raised when an earlier program could no longer
//! read what this one writes, whatever file that lies in. Not for the index: that is made anew.
//!
//! 1. The vault is opened, nothing else. Its number is an older one.
//! 2. The home is *kept*: all that is not worked out again is copied into a folder of its own, which is a
//!    home in the earlier format. What is written once is linked, what may still be written to is copied
//!    and read back. Where there is no room for that, nothing is changed.
//! 3. The vault is written again, whole, with the new number. A crash before that leaves the earlier
//!    format, and the copy is made again.
//! 4. The copy goes after [`KEPT_MS`], and at once when something leaves this device for good: what was
//!    forgotten, the recovery words, an old passphrase. As long as it is there the home stays such that
//!    devices of the earlier version can read what comes from it, unless the person asks for more.
//!
//! Whoever goes back to the copy goes back in time, and a number must not be signed twice. So the copy's
//! vault notes all devices that were met as to be met again: it signs nothing before.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use musette_protocol::time::Timestamp;
use rustix::fs::{Advice, fadvise};

use super::{
    keys::Keys,
    replace::{create_private_dir, remove_dir, sync_dir, told},
    vault::Vault,
};
use crate::{
    error::{Error, Result},
    home::Home,
};

/// The newest format that this program knows, and the one that it writes.
///
/// | format | what a program of the one before cannot read |
/// |---|---|
/// | 1 | the first |
/// | 2 | epochs after the first; drops and receipts, and what they stand for; segments that were emptied; revocations, new recovery words, and what follows from them; records under several epochs |
pub(crate) const FORMAT: u16 = 2;

/// How long a home is kept as it was before: long enough to notice that something is wrong, and for the
/// person's other devices to follow.
const KEPT_MS: i64 = 7 * 24 * 60 * 60 * 1_000;

/// Brings a home to this program's format. The caller holds its lock, and has opened nothing but its vault.
/// True if it was of an earlier format.
///
/// # Errors
/// `upgrade-no-room`, or when the disk refuses: the home is then as it was.
pub(super) fn upgrade(home: &Home, vault: &mut Vault, keys: &mut Keys) -> Result<bool> {
    if vault.format() == FORMAT {
        return Ok(false);
    }
    if let Err(error) = keep(home, vault, keys) {
        if let Err(error) = remove_dir(&unfinished(home)) {
            tracing::warn!(code = error.code(), "a copy that was not finished is left");
        }
        let is_full = error.code() == "disk-full";
        return Err(if is_full { Error::new("upgrade-no-room") } else { error });
    }
    vault.upgrade(keys)?;
    Ok(true)
}

/// Where a copy is made: it has its name only once it is whole.
fn unfinished(home: &Home) -> PathBuf {
    home.kept_path().with_extension("new")
}

fn keep(home: &Home, vault: &Vault, keys: &mut Keys) -> Result<()> {
    let new = unfinished(home);
    remove_dir(&new)?;
    told(create_private_dir(&new))?;
    let copy = home.at(&new);
    let healing = std::mem::replace(&mut keys.healing, keys.met.clone());
    let saved = vault.save_to(&copy, keys);
    keys.healing = healing;
    saved?;
    for (from, to) in [(home.key_path(), copy.key_path()), (home.config_path(), copy.config_path())] {
        if from.exists() {
            told(copy_file(&from, &to))?;
        }
    }
    told(keep_journal(&home.journal_dir(), &copy.journal_dir()))?;
    told(sync_dir(&new))?;
    let kept = home.kept_path();
    remove_dir(&kept)?;
    told(fs::rename(&new, &kept))?;
    told(sync_dir(home.path()))
}

/// Segments are replaced, never changed, but for the last one; and for the one before, if the last is
/// found to be half made.
fn keep_journal(from: &Path, to: &Path) -> io::Result<()> {
    create_private_dir(to)?;
    let names = fs::read_dir(from)?.map(|entry| Ok(entry?.file_name()));
    let mut names = names.collect::<io::Result<Vec<_>>>()?;
    names.retain(|name| Path::new(name).extension().is_some_and(|extension| extension == "seg"));
    names.sort_unstable();
    let settled = names.len().saturating_sub(2);
    for (place, name) in names.iter().enumerate() {
        let (from, to) = (from.join(name), to.join(name));
        // Not every file system has links.
        if place >= settled || fs::hard_link(&from, &to).is_err() {
            copy_file(&from, &to)?;
        }
    }
    sync_dir(to)
}

/// Copies a file and reads the copy back from the disk.
fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to)?;
    let copy = File::open(to)?;
    copy.sync_all()?;
    // A hint: where it is not taken, the system's copy is read.
    let _ = fadvise(&copy, 0, None, Advice::DontNeed);
    let hash = |file| blake3::Hasher::new().update_reader(file).map(|hasher| hasher.finalize());
    if hash(File::open(from)?)? == hash(copy)? { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
}

/// Whether the home is still kept as it was in an earlier format.
pub(crate) fn is_kept(home: &Home) -> bool {
    home.kept_path().exists()
}

/// Removes the copy of the earlier format, if there is one.
///
/// # Errors
/// When the disk refuses.
pub(crate) fn let_go(home: &Home) -> Result<()> {
    remove_dir(&home.kept_path())
}

/// Removes the copy of the earlier format once it is old enough.
pub(super) fn let_go_when_old(home: &Home, now: Timestamp) -> Result<()> {
    let is_old = kept_since(home).is_some_and(|since| now.millis_since(since) >= KEPT_MS);
    if is_old { let_go(home) } else { Ok(()) }
}

fn kept_since(home: &Home) -> Option<Timestamp> {
    let vault = home.at(&home.kept_path()).vault_path();
    let written = fs::metadata(vault).ok()?.modified().ok()?;
    let since = written.duration_since(UNIX_EPOCH).ok()?;
    Some(Timestamp::from_millis(i64::try_from(since.as_millis()).ok()?))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use musette_protocol::{id::DeviceId, session::Version};
    use zeroize::Zeroizing;

    use super::*;
    use crate::{
        clock,
        home::VaultChoice,
        lifecycle::create,
        store::{Repair, Store, items::RawEdit},
    };

    const OTHER: DeviceId = DeviceId::from_bytes([7; 32]);

    fn open(home: &Home) -> Result<Store> {
        Store::open(home, None, Repair::No)
    }

    /// A home as the first version wrote it, on a device that has met another one.
    fn earlier_home() -> (tempfile::TempDir, Home) {
        earlier_home_locked(&VaultChoice::KeyFile)
    }

    fn earlier_home_locked(choice: &VaultChoice) -> (tempfile::TempDir, Home) {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::locate(Some(&folder.path().join("home"))).unwrap();
        create(&home, "Emilie", "laptop", choice).unwrap();
        let (vault, mut keys) = Vault::open::<Keys>(&home, None).unwrap();
        keys.met.insert(OTHER);
        vault.in_format(1).save(&keys).unwrap();
        (folder, home)
    }

    fn upgraded_home() -> (tempfile::TempDir, Home, Store) {
        let (folder, home) = earlier_home();
        let store = open(&home).unwrap();
        assert!(is_kept(&home));
        (folder, home, store)
    }

    fn format_of(home: &Home) -> (u16, Keys) {
        let (vault, keys) = Vault::open::<Keys>(home, None).unwrap();
        (vault.format(), keys)
    }

    #[test]
    fn a_home_is_kept_as_it_was_and_changed_once() {
        let (_folder, home) = earlier_home();
        let segment = home.journal_dir().join("00000001.seg");
        let before = fs::read(&segment).unwrap();
        let store = open(&home).unwrap();
        assert_eq!(store.upgraded_from(), Some(home.kept_path()));
        store.close().unwrap();
        assert_eq!(format_of(&home).0, FORMAT);
        let kept = home.at(&home.kept_path());
        assert_eq!(format_of(&kept).0, 1);
        assert!(fs::read(kept.journal_dir().join("00000001.seg")).unwrap() == before);
        assert!(!unfinished(&home).exists());

        let_go(&home).unwrap();
        assert_eq!(open(&home).unwrap().upgraded_from(), None);
        assert!(!is_kept(&home), "a home of this format is not kept");
    }

    #[test]
    fn one_entry_in_a_keyring_opens_the_home_and_the_copy() {
        let (_folder, home) = earlier_home_locked(&VaultChoice::Keyring);
        open(&home).unwrap().close().unwrap();
        assert_eq!((format_of(&home).0, format_of(&home.at(&home.kept_path())).0), (FORMAT, 1));
        let mut store = open(&home).unwrap();
        store.change_lock(None, &VaultChoice::KeyFile).unwrap();
        assert!(!is_kept(&home), "the copy would open no more");
    }

    #[test]
    fn who_goes_back_signs_nothing_before_another_device_was_met() {
        let (_folder, home, store) = upgraded_home();
        assert_eq!(store.check_whole(), Ok(()));
        store.close().unwrap();
        let store = open(&home.at(&home.kept_path())).unwrap();
        assert_eq!(store.keys().healing.iter().collect::<Vec<_>>(), [&OTHER]);
        assert!(store.check_whole().is_err());
    }

    #[test]
    fn what_is_written_once_is_linked_and_the_rest_is_copied() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir(&from).unwrap();
        for number in 1..=4 {
            fs::write(from.join(format!("0000000{number}.seg")), [number; 100]).unwrap();
        }
        fs::write(from.join("00000001.seg.new"), "left by a crash").unwrap();
        keep_journal(&from, &to).unwrap();
        fs::write(from.join("00000004.seg"), "more").unwrap();
        fs::write(from.join("00000003.seg"), "cut").unwrap();
        assert_eq!(fs::read_dir(&to).unwrap().count(), 4);
        for number in 1..=4 {
            assert_eq!(fs::read(to.join(format!("0000000{number}.seg"))).unwrap(), [number; 100]);
        }
        use std::os::unix::fs::MetadataExt as _;
        let links = |name| fs::metadata(to.join(name)).unwrap().nlink();
        assert_eq!((links("00000002.seg"), links("00000003.seg")), (2, 1));
    }

    #[test]
    fn a_home_that_cannot_be_kept_is_not_changed_and_a_copy_cut_short_is_made_again() {
        let (_folder, home) = earlier_home();
        let vault = fs::read(home.vault_path()).unwrap();
        // Where the copy is to be made lies something else.
        fs::write(unfinished(&home), "in the way").unwrap();
        assert!(open(&home).is_err());
        assert!(!is_kept(&home) && fs::read(home.vault_path()).unwrap() == vault);
        fs::remove_file(unfinished(&home)).unwrap();

        fs::create_dir(unfinished(&home)).unwrap();
        fs::write(unfinished(&home).join("vault"), "half of it").unwrap();
        fs::create_dir(home.kept_path()).unwrap();
        drop(open(&home).unwrap());
        assert_eq!(format_of(&home.at(&home.kept_path())).0, 1);
        assert!(!unfinished(&home).exists());
    }

    #[test]
    fn what_is_to_leave_the_device_leaves_the_copy_too() {
        let (_folder, home, mut store) = upgraded_home();
        store.let_go_of_words().unwrap();
        assert!(!is_kept(&home), "the recovery words");

        let (_folder, home, mut store) = upgraded_home();
        store.change_lock(None, &VaultChoice::Passphrase(Zeroizing::new("new".to_owned()))).unwrap();
        assert!(!is_kept(&home), "what opened it");

        let (_folder, home, mut store) = upgraded_home();
        let fields = [("title".to_owned(), "To be forgotten".into())].into_iter().collect();
        let note = store.add("note", &fields).unwrap()["id"].as_str().unwrap().to_owned();
        store.forget(&[note], None).unwrap();
        assert!(!is_kept(&home), "what was forgotten");
    }

    #[test]
    fn a_week_later_it_goes_and_until_then_nothing_new_is_begun() {
        let (_folder, home, mut store) = upgraded_home();
        let fields = [("title".to_owned(), "0".into())].into_iter().collect();
        let note = store.add("note", &fields).unwrap()["id"].as_str().unwrap().parse().unwrap();
        for number in 1..40 {
            let set = [("title".to_owned(), number.to_string().into())].into_iter().collect();
            store.edit(note, &RawEdit { set, ..RawEdit::default() }).unwrap();
        }
        while store.tidy().unwrap() {}
        assert!(is_kept(&home) && Version::First.can_say(store.state()));
        let vault = File::options().write(true).open(home.at(&home.kept_path()).vault_path()).unwrap();
        let now = clock::now();
        let age = |ms: i64| Duration::from_millis(u64::try_from(now.as_millis() - KEPT_MS + ms).unwrap());
        vault.set_modified(UNIX_EPOCH + age(60_000)).unwrap();
        let_go_when_old(&home, now).unwrap();
        assert!(is_kept(&home));
        vault.set_modified(UNIX_EPOCH + age(0)).unwrap();
        while store.tidy().unwrap() {}
        assert!(!is_kept(&home));
        assert!(!Version::First.can_say(store.state()), "it was folded");
    }
}
