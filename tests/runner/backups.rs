//! Backups: written into a folder, brought up to date, and made into a new device.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    path::{Path, PathBuf},
};

use musette_tests::{
    need,
    netns::Cable,
    process::Run,
    search::{Needle, copy_below},
    turns,
    wait::{PATIENCE, until},
    world::{Device, World},
};
use serde_json::Value;

/// A first device whose words are on paper, and items with an attachment.
fn first_device(world: &World) -> (Device, PathBuf) {
    let laptop = world.device("laptop");
    let paper = world.path().join("paper");
    laptop.init_with_words(&paper);
    let id = laptop.add(&["note", "title=Canary of a backup"]);
    laptop.add(&["experience", "title=Festival", "from=2016-06-04"]);
    let file = world.file("poster.bin", vec![7; 700_000]);
    laptop.run(&["attach", &id, file.to_str().unwrap()]).ok();
    laptop.json(&["edit", &id, "note=edited"]);
    (laptop, paper)
}

fn back_up(device: &Device, dir: &Path) -> Value {
    device.json(&["backup", dir.to_str().unwrap()])
}

/// The bytes of a backup's only segment.
fn segment_of(dir: &Path) -> (PathBuf, Vec<u8>) {
    let segment = dir.join("journal").join("00000001.seg");
    let bytes = fs::read(&segment).unwrap();
    (segment, bytes)
}

fn titles(device: &Device) -> BTreeSet<String> {
    let items = all(device);
    items.as_array().unwrap().iter().map(|item| item["title"].as_str().unwrap().to_owned()).collect()
}

fn restore(device: &Device, paper: &Path, args: &[&str]) -> Run {
    let args = [&["--json", "restore", "--device", "new", "--no-passphrase"], args].concat();
    device.start_with(&args, paper).wait(PATIENCE)
}

fn refuses(device: &Device, paper: &Path, dir: &Path, code: &str) {
    let run = restore(device, paper, &[dir.to_str().unwrap()]);
    assert_ne!(run.code, Some(0));
    assert_eq!(run.json()["error"]["code"], code, "{}", run.stderr);
    assert!(!device.home().join("vault").exists());
}

/// All items, without what tells how they are synced.
fn all(device: &Device) -> Value {
    device.json(&["list", "--all"])["items"].clone()
}

#[test]
fn words_and_a_backup_bring_everything_back_under_a_new_device() {
    let _turn = turns::shared();
    let world = World::new();
    let (laptop, paper) = first_device(&world);
    let dir = world.path().join("stick").join("backup");
    let first = back_up(&laptop, &dir);
    assert_eq!(first["added"], first["records"]);
    let again = back_up(&laptop, &dir);
    assert_eq!((&again["added"], &again["removed"]), (&Value::from(0), &Value::from(0)));
    let later = laptop.add(&["note", "title=Later"]);
    let node = laptop.up();
    let third = back_up(&laptop, &dir);
    node.stop();
    assert!(third["added"].as_u64().unwrap() < 10, "{third}");
    assert!(Needle::new("Canary of a backup").find_below(&dir).is_empty());
    assert!(laptop.json(&["status"])["backup"]["last"].is_string());

    // What folding drops leaves the backup too, and nothing else with it.
    for number in 0..30 {
        laptop.json(&["edit", &later, &format!("note=edit {number}")]);
    }
    back_up(&laptop, &dir);
    laptop.run(&["doctor", "--compact"]).ok();
    assert!(back_up(&laptop, &dir)["removed"].as_u64().unwrap() >= 30);

    let bare = world.device("bare");
    let restored = restore(&bare, &paper, &["--alone", dir.to_str().unwrap()]).ok().json();
    assert_eq!((&restored["person"], &restored["waits"]), (&Value::from("Emilie"), &Value::from(false)));
    assert_eq!(all(&bare), all(&laptop));
    let id = bare.json(&["list"])["items"].as_array().unwrap().iter().find_map(|item| {
        (item["title"] == "Canary of a backup").then(|| item["id"].as_str().unwrap().to_owned())
    });
    let out = world.path().join("out.bin");
    bare.run(&["extract", &id.unwrap(), "poster.bin", "--to", out.to_str().unwrap()]).ok();
    assert_eq!(fs::read(out).unwrap(), vec![7; 700_000]);
    bare.add(&["note", "title=From the new device"]);
    let ids = |device: &Device| device.json(&["status"])["device"]["id"].clone();
    assert_ne!(ids(&bare), ids(&laptop));
    assert_eq!(bare.json(&["doctor"])["ok"], laptop.json(&["doctor"])["ok"]);
    // The backup goes on from the new device.
    assert!(back_up(&bare, &dir)["added"].as_u64().unwrap() > 0);
}

#[test]
fn a_restored_device_shows_nothing_before_it_met_another() {
    if !need::privileges(&["ip"]) {
        return;
    }
    let _turn = turns::shared();
    let world = World::new();
    let cable = Cable::new();
    let (laptop, paper) = first_device(&world);
    let laptop = laptop.in_namespace(&cable.ends[0]);
    let dir = world.path().join("backup");
    back_up(&laptop, &dir);
    let later = laptop.add(&["note", "title=Later"]);
    let bare = world.device("bare").in_namespace(&cable.ends[1]);
    let restored = restore(&bare, &paper, &[dir.to_str().unwrap()]).ok().json();
    assert_eq!(restored["waits"], true);
    for args in [&["list"][..], &["timeline"], &["add", "note", "title=No"], &["show", &later]] {
        bare.refuses(args, 1, "restored-waits");
    }
    bare.refuses(&["backup", dir.to_str().unwrap()], 1, "restored-waits");
    let reads_all = bare.home().join("recovery-key");
    assert!(reads_all.exists() && bare.json(&["status"])["recovery"]["held"] == false);
    bare.refuses(&["recovery", "show"], 1, "recovery-not-held");
    assert!(bare.notices().contains(&"restored-waits".to_owned()));

    // Nor does anybody else get from it what the backup had.
    let up = |device: &Device, end: usize| device.up_with(&["--listen", &cable.listen(end, 4100)]);
    let waiting = up(&bare, 1);
    bare.refuses(&["device", "invite"], 1, "restored-waits");
    let second = world.device("second").in_namespace(&cable.ends[0]);
    let at = cable.listen(1, 4100);
    let args = ["--json", "recover", "--device", "second", "--no-passphrase", "--at", &at];
    let asked = second.start_with(&args, &paper).wait(PATIENCE);
    assert_eq!(asked.json()["error"]["code"], "recover-refused", "{}", asked.stderr);
    waiting.stop();

    // It is let in by what it shows, without being paired.
    let (node, met) = (up(&laptop, 0), up(&bare, 1));
    met.await_agreement("laptop");
    until(PATIENCE, "the laptop knows the new device", || {
        let devices = node.api.get("/v1/devices");
        let known = devices["devices"].as_array()?.iter().any(|device| device["state"] == "agrees");
        known.then_some(())
    });
    assert_eq!(all(&bare), all(&laptop));
    assert!(!reads_all.exists());
    bare.add(&["note", "title=Together"]);
    node.await_agreement("new");
    node.stop();
    met.stop();
    bare.refuses(&["restore", "--alone"], 1, "not-restored");
}

#[test]
fn bad_backups_and_wrong_words_are_told_and_leave_nothing() {
    let _turn = turns::shared();
    let world = World::new();
    let (laptop, paper) = first_device(&world);
    let dir = world.path().join("backup");
    back_up(&laptop, &dir);
    let bare = world.device("bare");
    refuses(&bare, &paper, world.path(), "no-backup");
    refuses(&bare, &paper, &world.path().join("nowhere"), "no-backup");
    let words = fs::read_to_string(&paper).unwrap();
    let mut list: Vec<&str> = words.split_whitespace().collect();
    refuses(&bare, &world.file("few", list[..23].join(" ")), &dir, "phrase-word-count");
    // One swap in 256 makes other words that go together.
    let is_noticed = (0..3).any(|place| {
        let mut swapped = list.clone();
        swapped.swap(place, place + 1);
        let swapped = world.file("swapped", swapped.join("\n"));
        restore(&bare, &swapped, &[dir.to_str().unwrap()]).json()["error"]["code"] == "phrase-checksum"
    });
    assert!(is_noticed && !bare.home().join("vault").exists());
    list[5] = "musette";
    refuses(&bare, &world.file("unknown", list.join(" ")), &dir, "phrase-unknown-word");
    let other = World::new();
    let (stranger, strange_paper) = first_device(&other);
    refuses(&bare, &strange_paper, &dir, "words-of-another");
    stranger.refuses(&["backup", dir.to_str().unwrap()], 1, "backup-foreign");
    let docs = world.path().join("documents");
    fs::create_dir(&docs).unwrap();
    fs::write(docs.join("letter.txt"), "x").unwrap();
    laptop.refuses(&["backup", docs.to_str().unwrap()], 1, "backup-not-empty");
    laptop.refuses(&["backup", laptop.home().join("b").to_str().unwrap()], 1, "backup-in-home");
    laptop.refuses(&["backup", "/proc/nowhere"], 1, "backup-no-folder");

    let file = world.file("file", "x");
    laptop.refuses(&["backup", file.to_str().unwrap()], 1, "not-a-folder");
    refuses(&bare, &paper, &file, "not-a-folder");

    // One damaged head is made up for by the other; what is damaged in the records is told, the rest is there.
    let heads = ["musette-backup", "musette-backup.copy"].map(|name| dir.join(name));
    let bytes = fs::read(&heads[0]).unwrap();
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 1;
    fs::write(&heads[0], &flipped).unwrap();
    restore(&world.device("second"), &paper, &["--alone", dir.to_str().unwrap()]).ok();
    fs::write(&heads[1], flipped).unwrap();
    refuses(&bare, &paper, &dir, "backup-unreadable");
    heads.iter().for_each(|head| fs::write(head, &bytes).unwrap());
    let torn = world.path().join("torn");
    copy_below(&dir, &torn);
    let segment = torn.join("journal").join("00000001.seg");
    let len = fs::metadata(&segment).unwrap().len();
    File::options().write(true).open(&segment).unwrap().set_len(len - 300_000).unwrap();
    laptop.refuses(&["backup", torn.to_str().unwrap()], 7, "backup-damaged");
    let restored = restore(&bare, &paper, &["--alone", torn.to_str().unwrap()]).exits(3).json();
    assert!(restored["damaged_bytes"].as_u64().unwrap() > 0, "{restored}");
    assert!(restored["items"].as_u64().unwrap() >= 1, "{restored}");
    // A home that is there is not written over.
    let run = restore(&bare, &paper, &[dir.to_str().unwrap()]);
    assert_eq!(run.exits(1).json()["error"]["code"], "home-exists");
}

#[test]
fn what_damage_took_of_a_backup_hides_nothing_else() {
    let _turn = turns::shared();
    let world = World::new();
    let (laptop, paper) = first_device(&world);
    let dir = world.path().join("backup");
    back_up(&laptop, &dir);
    let before = titles(&laptop).len();
    let begins = segment_of(&dir).1.len();
    laptop.add(&["note", "title=Lost"]);
    back_up(&laptop, &dir);
    for number in 0..5 {
        laptop.add(&["note", &format!("title=Later {number}")]);
    }
    back_up(&laptop, &dir);
    let (segment, mut bytes) = segment_of(&dir);
    bytes[begins + 120] ^= 0x20;
    fs::write(segment, bytes).unwrap();

    let bare = world.device("bare");
    let restored = restore(&bare, &paper, &["--alone", dir.to_str().unwrap()]).exits(3).json();
    assert!(restored["damaged_bytes"].as_u64().unwrap() > 0, "{restored}");
    let mut rest = titles(&laptop);
    rest.remove("Lost");
    assert!(rest.len() == before + 5 && rest == titles(&bare), "{:?}", titles(&bare));
    bare.add(&["note", "title=From the new device"]);
    let checks = bare.json(&["doctor"]);
    assert!(checks["checks"].as_array().unwrap().iter().all(|check| check["ok"] == true), "{checks}");
}

/// Who a device is, and which epochs there are, is there twice.
#[test]
fn no_flipped_bit_takes_the_whole_backup() {
    let _turn = turns::shared();
    let world = World::new();
    let (laptop, paper) = first_device(&world);
    let dir = world.path().join("backup");
    back_up(&laptop, &dir);
    let (segment, bytes) = segment_of(&dir);
    let again = dir.join("musette-backup.statements").join("00000001.seg");
    let statements = fs::read(&again).unwrap();
    // The first device begins with them.
    for place in (100..statements.len()).step_by(200) {
        let mut flipped = bytes.clone();
        flipped[place] ^= 1;
        fs::write(&segment, flipped).unwrap();
        let bare = world.device(&format!("bare-{place}"));
        let restored = restore(&bare, &paper, &["--alone", dir.to_str().unwrap()]).exits(3).json();
        assert_eq!((&restored["person"], all(&bare)), (&Value::from("Emilie"), all(&laptop)), "{place}");
    }
    // What is missing whole is told too.
    fs::write(&segment, b"").unwrap();
    let restored = restore(&world.device("emptied"), &paper, &["--alone", dir.to_str().unwrap()]).exits(3);
    assert!(restored.json()["damaged_bytes"].as_u64().unwrap() > 700_000, "{}", restored.stdout);
    fs::remove_file(&segment).unwrap();
    restore(&world.device("removed"), &paper, &[dir.to_str().unwrap()]).exits(3);
    // The other ones are as good, and are made anew.
    fs::write(&segment, bytes).unwrap();
    let mut flipped = statements.clone();
    flipped[statements.len() / 2] ^= 1;
    fs::write(&again, flipped).unwrap();
    let restored = restore(&world.device("last"), &paper, &["--alone", dir.to_str().unwrap()]).ok().json();
    assert_eq!((&restored["damaged"], &restored["worn"]), (&false.into(), &true.into()));
    back_up(&laptop, &dir);
    assert_eq!(fs::read(&again).unwrap().len(), statements.len());
    back_up(&laptop, &dir);
}

#[test]
fn a_backup_from_before_and_after_a_repair_gives_everything() {
    let _turn = turns::shared();
    let world = World::new();
    let (laptop, paper) = first_device(&world);
    let dir = world.path().join("backup");
    laptop.add(&["note", "title=Early"]);
    // Inside the commit, which is the last but for a mark of 16 bytes.
    let inside = laptop.journal_len() - 56;
    for number in 0..5 {
        laptop.add(&["note", &format!("title=Later {number}")]);
    }
    back_up(&laptop, &dir);
    let segment = &laptop.segments()[0];
    let mut bytes = fs::read(segment).unwrap();
    bytes[usize::try_from(inside).unwrap()] ^= 0x20;
    fs::write(segment, bytes).unwrap();
    laptop.run(&["doctor", "--rebuild"]);
    let before = titles(&laptop);
    for number in 0..8 {
        laptop.add(&["note", &format!("title=After {number}")]);
    }
    back_up(&laptop, &dir);
    let bare = world.device("bare");
    restore(&bare, &paper, &["--alone", dir.to_str().unwrap()]).ok();
    assert_eq!((titles(&bare).len(), titles(&bare)), (before.len() + 8, titles(&laptop)));
    assert_eq!(bare.notices(), ["key-file-vault"]);
    back_up(&bare, &dir);
}
