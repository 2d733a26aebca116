//! Removing: into the trash and out of it, and for good, on every device.

use std::{fs, path::Path};

use musette_tests::{
    need,
    netns::Cable,
    process::Node,
    search::files_below,
    turns,
    wait::{PATIENCE, until},
    world::{Device, World, await_same_list},
};
use serde_json::Value;

/// Bytes of what was sealed: enough to know it again.
const LEN: usize = 48;
/// Where in a record they are taken from: behind frame, header and nonce.
const WITHIN: usize = 160;

/// What a command writes first: a record, before the commit that names it.
fn sealed_by(device: &Device, work: impl FnOnce() -> String) -> (String, Vec<u8>) {
    let before = device.segments().pop().map_or(0, |last| fs::metadata(last).unwrap().len()) as usize;
    let told = work();
    let bytes = fs::read(device.segments().pop().unwrap()).unwrap();
    (told, bytes[before + WITHIN..before + WITHIN + LEN].to_vec())
}

fn holds(folder: &Path, needle: &[u8]) -> bool {
    files_below(folder).iter().any(|file| {
        let bytes = fs::read(file).unwrap_or_default();
        bytes.windows(needle.len()).any(|window| window == needle)
    })
}

fn titles(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().unwrap();
    items.iter().map(|item| item["title"].as_str().unwrap()).collect()
}

#[test]
fn the_trash_keeps_and_gives_back() {
    let _turn = turns::shared();
    let world = World::new();
    let laptop = world.first_device("laptop");
    let ids: Vec<String> = (0..21).map(|n| laptop.add(&["note", &format!("title=Note {n}")])).collect();
    laptop.run(&["remove", &ids[0]]).ok();
    assert_eq!(laptop.list()["items"].as_array().unwrap().len(), 20);
    assert_eq!(titles(&laptop.json(&["list", "--trash"])), ["Note 0"]);
    laptop.refuses(&["show", &ids[0]], 1, "in-trash");
    laptop.refuses(&["remove", &ids[0]], 1, "in-trash");
    laptop.refuses(&["restore-item", &ids[1]], 1, "not-in-trash");
    laptop.run(&["restore-item", &ids[0]]).ok();
    assert!(laptop.json(&["list", "--trash"])["items"].as_array().unwrap().is_empty());
    // A slip of the hand empties nothing.
    let all: Vec<&str> = ids.iter().map(String::as_str).collect();
    laptop.refuses(&[&["remove"], &all[..]].concat(), 1, "so-many");
    laptop.refuses(&[&["remove", "--many", "20"], &all[..]].concat(), 1, "not-so-many");
    laptop.run(&[&["remove", "--many", "21"], &all[..]].concat()).ok();
    laptop.refuses(&["forget", "--trash", "--yes"], 1, "so-many");
    laptop.run(&["forget", "--trash"]).exits(2);
    assert_eq!(laptop.json(&["forget", "--trash", "--many", "21", "--yes"])["forgotten"], 21);
    assert!(laptop.json(&["list", "--trash"])["items"].as_array().unwrap().is_empty());
    laptop.refuses(&["forget", &ids[0], "--yes"], 1, "forgotten");
    laptop.refuses(&["restore-item", &ids[0]], 1, "forgotten");
    laptop.refuses(&["forget", "--trash", "--yes"], 1, "trash-empty");
}

#[test]
fn what_is_forgotten_is_in_no_file_of_any_device() {
    let _turn = turns::shared();
    let world = World::new();
    let (laptop, phone, laptop_node, phone_node) = world.pair(|_| ());
    laptop_node.stop();
    phone_node.stop();
    let (id, added) = sealed_by(&laptop, || laptop.add(&["note", "title=Sick leave", "note=from May"]));
    let (_, edited) = sealed_by(&laptop, || {
        laptop.json(&["edit", &id, "note=until June"]);
        String::new()
    });
    let file = world.file("certificate.pdf", vec![5; 400_000]);
    let (_, piece) = sealed_by(&laptop, || {
        laptop.run(&["attach", &id, file.to_str().unwrap()]).ok();
        String::new()
    });
    let kept = laptop.add(&["note", "title=Kept"]);
    let backup = world.path().join("backup");
    laptop.json(&["backup", backup.to_str().unwrap()]);
    let (laptop_node, phone_node) = (laptop.up(), phone.up());
    await_same_list(&laptop_node, &phone_node);
    let copy = world.path().join("copy.pdf");
    until(PATIENCE, "the attachment is there", || {
        (phone.run(&["extract", &id, "certificate.pdf", "--to", copy.to_str().unwrap()]).code == Some(0))
            .then_some(())
    });
    phone_node.stop();
    for needle in [&added, &edited, &piece] {
        assert!(holds(laptop.home(), needle) && holds(phone.home(), needle));
    }

    // The phone is away, and does not know: it goes on.
    phone.json(&["edit", &id, "note=unheard"]);
    let told = laptop.json(&["forget", &id, "--yes"]);
    assert_eq!((&told["gone"], &told["of"]), (&1.into(), &2.into()), "{told}");
    assert_eq!(told["waiting"][0]["name"], "phone");
    for needle in [&added, &edited, &piece] {
        assert!(!holds(laptop.home(), needle));
    }
    laptop.refuses(&["show", &id], 1, "forgotten");
    let shown = laptop.run(&["status"]).ok().stdout;
    assert!(shown.contains("gone from 1 of 2 devices"), "{shown}");

    let phone_node = phone.up();
    until(PATIENCE, "gone there too", || (titles(&phone.list()) == ["Kept"]).then_some(()));
    // Tidying would do it within a minute; twice, as one of them drops what the phone wrote meanwhile.
    let tidy = |laptop_node: Node, phone_node: Node| {
        let gone = |node: &Node| node.api.get("/v1/status")["forgetting"]["gone"].clone();
        until(PATIENCE, "both know of the same drops", || {
            let agrees = laptop_node.device("phone")["state"] == "agrees";
            let connected = laptop_node.device("phone")["connected"] == true;
            (agrees && connected && gone(&laptop_node) == gone(&phone_node)).then_some(())
        });
        phone_node.stop();
        laptop_node.stop();
        phone.run(&["doctor", "--compact"]).ok();
        laptop.run(&["doctor", "--compact"]).ok();
        (laptop.up(), phone.up())
    };
    let (laptop_node, phone_node) = tidy(laptop_node, phone_node);
    for needle in [&added, &edited, &piece] {
        assert!(!holds(phone.home(), needle) && !holds(laptop.home(), needle));
    }
    let (laptop_node, phone_node) = tidy(laptop_node, phone_node);
    until(PATIENCE, "confirmed by both", || {
        (laptop_node.api.get("/v1/status")["forgetting"]["gone"] == 2).then_some(())
    });
    laptop_node.stop();
    phone_node.stop();
    assert_eq!(titles(&laptop.list()), ["Kept"]);
    laptop.json(&["show", &kept]);
    let checks = laptop.json(&["doctor"])["checks"].clone();
    assert!(checks.as_array().unwrap().iter().all(|check| check["ok"] == true), "{checks}");
    // The next backup has it no more either.
    assert!(holds(&backup, &added));
    laptop.json(&["backup", backup.to_str().unwrap()]);
    assert!(!holds(&backup, &added) && !holds(&backup, &piece));
    // The same from the journal alone.
    fs::remove_dir_all(laptop.home().join("index")).unwrap();
    assert_eq!(titles(&laptop.list()), ["Kept"]);
}

#[test]
fn a_row_that_was_forgotten_stays_away() {
    let _turn = turns::shared();
    let world = World::new();
    let laptop = world.first_device("laptop");
    let card = world.file("card.vcf", "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ada\r\nN:;Ada;;;\r\nEND:VCARD\r\n");
    assert_eq!(laptop.import(&[&card])["added"], 1);
    let id = laptop.list()["items"][0]["id"].as_str().unwrap().to_owned();
    laptop.run(&["forget", &id, "--yes"]).ok();
    let again = laptop.import(&[&card]);
    assert_eq!((&again["added"], &again["skipped"]), (&0.into(), &1.into()), "{again}");
    assert_eq!(again["rows"][0]["reason"], "forgotten");
    assert!(laptop.list()["items"].as_array().unwrap().is_empty());
    let batch = laptop.json(&["import", "list"])["batches"][0]["id"].as_str().unwrap().to_owned();
    laptop.run(&["import", "undo", &batch]).ok();
}

#[test]
fn an_import_is_undone_over_what_lies_in_the_trash() {
    let _turn = turns::shared();
    let world = World::new();
    let laptop = world.first_device("laptop");
    let card = world.file("card.vcf", "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ada\r\nN:;Ada;;;\r\nEND:VCARD\r\n");
    let batch = laptop.import(&[&card])["batch"].as_str().unwrap().to_owned();
    let id = laptop.list()["items"][0]["id"].as_str().unwrap().to_owned();
    laptop.run(&["remove", &id]).ok();
    let undone = laptop.json(&["import", "undo", &batch]);
    assert_eq!((&undone["kept"], &undone["kept_items"]), (&0.into(), &Vec::<Value>::new().into()));
}

#[test]
fn a_backup_from_before_does_not_bring_it_back() {
    if !need::privileges(&["ip"]) {
        return;
    }
    let _turn = turns::shared();
    let world = World::new();
    let cable = Cable::new();
    let paper = world.path().join("paper");
    let laptop = world.device("laptop").in_namespace(&cable.ends[0]);
    laptop.init_with_words(&paper);
    let (id, sealed) = sealed_by(&laptop, || laptop.add(&["note", "title=Gone"]));
    laptop.add(&["note", "title=Kept"]);
    let backup = world.path().join("backup");
    laptop.json(&["backup", backup.to_str().unwrap()]);
    laptop.run(&["forget", &id, "--yes"]).ok();
    let bare = world.device("bare").in_namespace(&cable.ends[1]);
    let args = ["--json", "restore", "--device", "new", "--no-passphrase", backup.to_str().unwrap()];
    bare.start_with(&args, &paper).wait(PATIENCE).ok();
    let up = |device: &Device, end: usize| device.up_with(&["--listen", &cable.listen(end, 4100)]);
    let (node, met) = (up(&laptop, 0), up(&bare, 1));
    met.await_agreement("laptop");
    until(PATIENCE, "it shows what there is", || {
        let list = bare.run(&["--json", "list"]);
        (list.code == Some(0) && titles(&list.json()) == ["Kept"]).then_some(())
    });
    node.stop();
    met.stop();
    bare.run(&["doctor", "--compact"]).ok();
    assert!(!holds(bare.home(), &sealed));
}
