//! Homes that an earlier version made: `tests/fixtures`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use musette_tests::{
    disk::Disk,
    need,
    netns::Cable,
    turns,
    world::{Device, LOOPBACK, World, await_same_list},
};
use serde_json::Value;

const KEPT: &str = "before-upgrade";

fn fixture(part: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/first-version")).join(part)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// The same device with the home of one that the first version made.
fn take_over(device: &Device) {
    copy(&fixture(&device.name), device.home());
}

fn list_of_then() -> Value {
    serde_json::from_slice(&fs::read(fixture("list.json")).unwrap()).unwrap()
}

fn unlocked<'a>(passphrase: &'a str, args: &[&'a str]) -> Vec<&'a str> {
    [&["--passphrase-file", passphrase], args].concat()
}

/// The format that a home's vault names.
fn format_of(home: &Path) -> [u8; 2] {
    *fs::read(home.join("vault")).unwrap()[8..].first_chunk().unwrap()
}

#[test]
fn a_home_of_the_first_version_is_kept_and_opens_with_all_that_was_in_it() {
    let _turn = turns::shared();
    let world = World::new();
    let laptop = world.device("laptop");
    take_over(&laptop);
    let passphrase = fixture("passphrase");
    let passphrase = passphrase.to_str().unwrap();
    let kept = laptop.home().join(KEPT);
    let segment = "journal/00000001.seg";
    laptop.refuses(&["list"], 4, "passphrase-needed");
    assert!(!kept.exists() && format_of(laptop.home()) == [1, 0], "who cannot open it changes nothing");

    let said = laptop.run(&unlocked(passphrase, &["list", "--all"])).ok().stderr;
    assert_eq!(said.matches(KEPT).count(), 1, "{said}");
    assert_eq!((format_of(laptop.home()), format_of(&kept)), ([2, 0], [1, 0]));
    let written = fs::read(fixture("laptop").join(segment)).unwrap();
    assert!(fs::read(kept.join(segment)).unwrap() == written);
    assert_eq!(laptop.json(&unlocked(passphrase, &["list", "--all"])), list_of_then());
    let poster = world.path().join("poster.txt");
    let items = list_of_then();
    let with = |item: &&Value| item["attachments"].is_array();
    let id = items["items"].as_array().unwrap().iter().find(with).unwrap()["id"].as_str().unwrap();
    let line = ["extract", id, "poster.txt", "--to", poster.to_str().unwrap()];
    laptop.run(&unlocked(passphrase, &line)).ok();
    assert_eq!(fs::read_to_string(&poster).unwrap(), "A poster, in words.\n");
    laptop.run(&unlocked(passphrase, &["doctor"])).ok();

    // The second time there is nothing to do, and as long as it is kept `status` says so.
    let vault = fs::read(kept.join("vault")).unwrap();
    let said = laptop.run(&unlocked(passphrase, &["add", "note", "title=Later"])).ok().stderr;
    assert!(!said.contains(KEPT), "{said}");
    assert!(fs::read(kept.join("vault")).unwrap() == vault);
    let status = laptop.json(&unlocked(passphrase, &["status"]));
    let upgraded = |notice: &Value| notice["code"] == "upgraded";
    assert!(status["notices"].as_array().unwrap().iter().any(upgraded), "{status}");
    let rebuilt = |notice: &Value| notice["code"] == "index-rebuilt";
    assert!(!status["notices"].as_array().unwrap().iter().any(rebuilt), "{status}");
    // It is a home, as it was.
    let before = laptop.clone().with_home(&kept);
    assert_eq!(before.json(&unlocked(passphrase, &["list", "--all"])), list_of_then());
}

#[test]
fn a_home_of_the_first_version_syncs_with_a_device_of_this_one() {
    let _turn = turns::shared();
    let world = World::new();
    // With its key file it opens without a word.
    let phone = world.device("phone");
    take_over(&phone);
    let node = phone.up();
    let tablet = world.device("tablet");
    tablet.join(&phone);
    let tablet_node = tablet.up();
    tablet_node.await_agreement("phone");
    assert_eq!(tablet.list(), list_of_then());
    tablet.add(&["note", "title=From the tablet"]);
    assert_eq!(await_same_list(&node, &tablet_node).len(), 9);
    let said = node.stop().stderr;
    assert_eq!(said.matches(KEPT).count(), 1, "{said}");
    tablet_node.stop();
}

#[test]
fn two_homes_of_the_first_version_find_each_other_and_sync() {
    if !need::privileges(&["ip"]) {
        return;
    }
    let _turn = turns::shared();
    let world = World::new();
    let cable = Cable::new();
    let laptop = world.device("laptop").in_namespace(&cable.ends[0]);
    let phone = world.device("phone").in_namespace(&cable.ends[1]);
    take_over(&laptop);
    take_over(&phone);
    let passphrase = fixture("passphrase");
    phone.add(&["note", "title=Apart"]);
    let laptop_node =
        laptop.up_with(&unlocked(passphrase.to_str().unwrap(), &["--listen", &cable.listen(0, 4101)]));
    let phone_node = phone.up_with(&["--listen", &cable.listen(1, 4102)]);
    laptop_node.await_agreement("phone");
    phone_node.await_agreement("laptop");
    assert_eq!(await_same_list(&laptop_node, &phone_node).len(), 9);
    laptop_node.stop();
    phone_node.stop();
}

#[test]
fn where_there_is_no_room_to_keep_it_nothing_is_changed() {
    if !need::privileges(&["mount", "umount"]) {
        return;
    }
    let _turn = turns::shared();
    let world = World::new();
    let path = world.path().join("disk");
    let disk = Disk::new(&path, "40k");
    let phone = world.device("phone").with_home(&path.join("home"));
    take_over(&phone);
    let files = |device: &Device| {
        let names = fs::read_dir(device.home()).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name != "lock").collect::<std::collections::BTreeSet<_>>()
    };
    let (before, vault) = (files(&phone), fs::read(phone.home().join("vault")).unwrap());
    phone.refuses(&["list"], 1, "upgrade-no-room");
    phone.refuses(&[&["up"], &LOOPBACK[..]].concat(), 1, "upgrade-no-room");
    assert_eq!(files(&phone), before);
    assert!(fs::read(phone.home().join("vault")).unwrap() == vault);
    disk.grow("40m");
    assert_eq!(phone.list(), list_of_then());
    assert!(phone.home().join(KEPT).exists());
}
