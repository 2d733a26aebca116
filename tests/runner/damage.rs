//! A flipped byte in the journal.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    os::unix::fs::FileExt as _,
    path::Path,
};

use musette_tests::{
    turns,
    wait::{PATIENCE, until, until_seen},
    world::{Device, World, await_same_list},
};
use serde_json::Value;

fn flip(path: &Path, offset: u64) {
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    byte[0] ^= 0x20;
    file.write_all_at(&byte, offset).unwrap();
}

/// Notes, and where in the journal each begins.
fn notes(device: &Device, count: usize) -> BTreeMap<String, u64> {
    let node = device.up();
    let mut notes = BTreeMap::new();
    for number in 0..count {
        let begins = device.journal_len();
        let body = serde_json::json!({ "kind": "note", "fields": { "title": format!("Note {number}") } });
        notes.insert(node.api.post("/v1/items", &body)["id"].as_str().unwrap().to_owned(), begins);
    }
    node.stop();
    notes
}

fn by_id(list: &Value) -> BTreeMap<String, Value> {
    let items = list["items"].as_array().unwrap().iter();
    items.map(|item| (item["id"].as_str().unwrap().to_owned(), item.clone())).collect()
}

/// Damages the record of one note of ten, which nothing may read before the index is gone.
fn damage(device: &Device, notes: &BTreeMap<String, u64>) -> String {
    let (id, begins) = notes.iter().find(|(_, begins)| **begins > *notes.values().min().unwrap()).unwrap();
    flip(&device.segments()[0], begins + 120);
    fs::remove_dir_all(device.home().join("index")).unwrap();
    id.clone()
}

#[test]
fn damage_is_refused_with_a_way_out_that_keeps_all_the_rest() {
    let _turn = turns::shared();
    let world = World::new();
    let laptop = world.first_device("laptop");
    let notes = notes(&laptop, 10);
    let before = by_id(&laptop.list());
    let lost = damage(&laptop, &notes);
    let bytes = fs::read(&laptop.segments()[0]).unwrap();
    laptop.refuses(&["list"], 7, "journal-damaged");
    laptop.refuses(&["up"], 7, "journal-damaged");
    let said = laptop.run(&["list"]).exits(7).stderr;
    assert!(said.contains("doctor"), "{said}");
    assert!(fs::read(&laptop.segments()[0]).unwrap() == bytes, "looking at damage changes nothing");

    laptop.run(&["doctor", "--rebuild"]);
    let after = by_id(&laptop.list());
    assert_eq!(after.len(), 9);
    for (id, item) in &before {
        assert_eq!(after.get(id), (*id != lost).then_some(item), "{id}");
    }
    let kept = fs::read_dir(laptop.home()).unwrap().flatten();
    assert!(
        kept.map(|entry| entry.path()).any(|path| path.ends_with("journal.damaged-1")),
        "the damaged one is kept"
    );
    // And it goes on.
    laptop.add(&["note", "title=After"]);
    assert_eq!(by_id(&laptop.list()).len(), 10);
    let checks = laptop.run(&["--json", "doctor"]).ok().json();
    assert!(checks["checks"].as_array().unwrap().iter().all(|check| check["ok"] == true), "{checks}");
}

#[test]
fn another_device_gives_back_what_was_damaged() {
    let _turn = turns::shared();
    let world = World::new();
    let laptop = world.first_device("laptop");
    let notes = notes(&laptop, 10);
    let (phone, node) = (world.device("phone"), laptop.up());
    phone.join(&laptop);
    node.stop();
    let before = by_id(&laptop.list());
    damage(&laptop, &notes);
    laptop.refuses(&["list"], 7, "journal-damaged");
    laptop.run(&["doctor", "--rebuild"]);
    // What was written behind the damage waits for it.
    assert!(by_id(&laptop.list()).len() < 10);
    // Nothing is signed below a number that the other device may know already.
    laptop.refuses(&["add", "note", "title=Too early"], 1, "healing");
    let (laptop_node, phone_node) = (laptop.up(), phone.up());
    until(PATIENCE, "everything is back", || (laptop_node.api.items().len() == 10).then_some(()));
    assert_eq!(by_id(&laptop.list()), before);
    until_seen(PATIENCE, "it writes again", || {
        let run = laptop.run(&["add", "note", "title=After"]);
        if run.code == Some(0) {
            Ok(())
        } else {
            Err(format!("{}\n{}", run.stderr, laptop_node.api.get("/v1/status")))
        }
    });
    await_same_list(&laptop_node, &phone_node);
    laptop_node.await_agreement("phone");
    phone_node.await_agreement("laptop");
    assert_eq!(by_id(&phone.list()).len(), 11);
    laptop_node.stop();
    phone_node.stop();
    assert_eq!(laptop.list(), phone.list());
}

#[test]
fn a_home_whose_vault_is_missing_is_not_made_anew() {
    let _turn = turns::shared();
    let world = World::new();
    let laptop = world.first_device("laptop");
    notes(&laptop, 3);
    let before = laptop.list();
    let (vault, aside) = (laptop.home().join("vault"), world.path().join("vault"));
    fs::rename(&vault, &aside).unwrap();
    for line in
        [&["list"][..], &["up"], &["init", "--name", "Emilie", "--device", "again", "--no-passphrase"]]
    {
        laptop.refuses(line, 7, "vault-missing");
    }
    fs::rename(&aside, &vault).unwrap();
    assert_eq!(laptop.list(), before);
}

#[test]
fn a_folder_with_somebody_elses_things_is_left_alone() {
    let _turn = turns::shared();
    let world = World::new();
    let laptop = world.device("laptop");
    let diary = laptop.home().join("journal").join("2024.md");
    fs::create_dir_all(diary.parent().unwrap()).unwrap();
    fs::write(&diary, "dear diary").unwrap();
    laptop.refuses(
        &["init", "--name", "Emilie", "--device", "laptop", "--no-passphrase"],
        7,
        "vault-missing",
    );
    assert_eq!(fs::read_to_string(&diary).unwrap(), "dear diary");
}

#[test]
fn a_journal_that_lost_its_end_is_healed_and_not_forked() {
    let _turn = turns::shared();
    let world = World::new();
    let laptop = world.first_device("laptop");
    let notes = notes(&laptop, 10);
    let phone = world.device("phone");
    let node = laptop.up();
    phone.join(&laptop);
    node.stop();
    let before = by_id(&laptop.list());
    let mut begins: Vec<u64> = notes.values().copied().collect();
    begins.sort_unstable();
    let segment = laptop.segments()[0].clone();
    let whole = fs::metadata(&segment).unwrap().len();
    OpenOptions::new().write(true).open(&segment).unwrap().set_len(whole - (whole - begins[5]) / 2).unwrap();
    laptop.refuses(&["list"], 7, "journal-damaged");
    laptop.run(&["doctor", "--rebuild"]);
    laptop.refuses(&["add", "note", "title=Too early"], 1, "healing");
    let (laptop_node, phone_node) = (laptop.up(), phone.up());
    until(PATIENCE, "everything is back", || (laptop_node.api.items().len() == 10).then_some(()));
    assert_eq!(by_id(&laptop.list()), before);
    until(PATIENCE, "it writes again", || {
        (laptop.run(&["add", "note", "title=After"]).code == Some(0)).then_some(())
    });
    await_same_list(&laptop_node, &phone_node);
}

#[test]
fn an_empty_journal_is_no_empty_musette() {
    let _turn = turns::shared();
    let world = World::new();
    let laptop = world.first_device("laptop");
    notes(&laptop, 3);
    let before = laptop.list();
    let (journal, aside) = (laptop.home().join("journal"), world.path().join("journal"));
    fs::rename(&journal, &aside).unwrap();
    for line in [&["list"][..], &["up"], &["doctor", "--rebuild"]] {
        laptop.refuses(line, 7, "journal-missing");
    }
    // A repair that was cut off between its two renames is finished.
    fs::rename(&aside, laptop.home().join("journal.new")).unwrap();
    assert_eq!(laptop.list(), before);
}
