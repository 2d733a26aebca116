//! New recovery words take the place of those that somebody may have seen.

use std::{
    fs,
    path::{Path, PathBuf},
};

use musette_tests::{
    need,
    netns::Cable,
    process::{Node, Run},
    search::copy_below,
    turns,
    wait::{PATIENCE, until},
    world::{Device, LOOPBACK, World},
};
use serde_json::Value;

/// A first device whose words are on paper, checked, and kept nowhere else.
fn first_device(world: &World) -> (Device, PathBuf) {
    let laptop = world.device("laptop");
    let paper = world.path().join("paper");
    laptop.init_with_words(&paper);
    laptop.add(&["note", "title=Plan"]);
    with_paper(&laptop, &paper, &["recovery", "check"]).ok();
    (laptop, paper)
}

/// Answers the question for the words from the paper.
fn with_paper(device: &Device, paper: &Path, args: &[&str]) -> Run {
    let args = [&["--json"], args].concat();
    device.start_with(&args, paper).wait(PATIENCE)
}

fn refuses(device: &Device, paper: &Path, args: &[&str], code: &str) {
    let told = with_paper(device, paper, args).exits(1).json();
    assert_eq!(told["error"]["code"], code, "{args:?}: {told}");
    assert!(told["error"]["message"].is_string() && told["error"]["hint"].is_string(), "{told}");
}

/// Replaces the words on a device, and gives the paper with the new ones.
fn replace(world: &World, device: &Device, paper: &Path) -> PathBuf {
    assert_eq!(with_paper(device, paper, &["recovery", "replace"]).ok().json()["replaced"], true);
    let shown = device.json(&["recovery", "show"]);
    let words: Vec<&str> = shown["words"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_ne!(words.join(" "), fs::read_to_string(paper).unwrap().trim());
    world.file("new-paper", words.join(" "))
}

/// Where a node listens.
fn address(node: &Node) -> String {
    node.api.get("/v1/status")["listen"][0].as_str().unwrap().to_owned()
}

fn has_notice(device: &Device, code: &str) -> bool {
    device.notices().contains(&code.to_owned())
}

fn titles(device: &Device) -> Vec<String> {
    let list = device.list();
    let items = list["items"].as_array().unwrap().iter();
    items.map(|item| item["title"].as_str().unwrap().to_owned()).collect()
}

const RESTORE: [&str; 4] = ["restore", "--device", "new", "--no-passphrase"];
const RECOVER: [&str; 5] = ["recover", "--device", "new", "--no-passphrase", "--at"];

#[test]
fn new_words_are_good_for_all_that_the_old_ones_were_and_those_for_nothing() {
    let _turn = turns::shared();
    let world = World::new();
    let (laptop, paper) = first_device(&world);
    let backup = world.path().join("backup");
    laptop.json(&["backup", backup.to_str().unwrap()]);
    let before = world.path().join("backup-before");
    copy_below(&backup, &before);
    let node = laptop.up();
    let phone = world.device("phone");
    phone.join(&laptop);
    let mut phone_node = phone.up();
    phone_node.await_agreement("laptop");
    let elsewhere = World::new();
    let (_, strange_paper) = first_device(&elsewhere);
    refuses(&laptop, &strange_paper, &["recovery", "replace"], "words-of-another-person");
    laptop.refuses(&["recovery", "show"], 1, "recovery-not-held");

    // On the laptop it is as at the beginning; the phone tells.
    let new_paper = replace(&world, &laptop, &paper);
    assert!(has_notice(&laptop, "recovery-unchecked") && !has_notice(&laptop, "words-replaced"));
    let told = "your recovery words were replaced on another device";
    until(PATIENCE, "the phone says it", || phone_node.process().stderr().contains(told).then_some(()));
    assert!(has_notice(&phone, "words-replaced"));
    assert!(phone.run(&["status"]).ok().stdout.contains(told));
    with_paper(&laptop, &paper, &["recovery", "check"]).exits(1);
    with_paper(&laptop, &new_paper, &["recovery", "check"]).ok();
    assert!(!has_notice(&laptop, "recovery-unchecked"));
    laptop.refuses(&["recovery", "show"], 1, "recovery-not-held");
    phone.add(&["note", "title=Since"]);
    node.await_agreement("phone");
    phone_node.await_agreement("laptop");

    // Either device tells whoever has the old words, and does what the new ones ask for.
    let bare = world.device("bare");
    for device in [&laptop, &phone] {
        refuses(device, &paper, &["recovery", "replace"], "words-replaced");
        refuses(device, &paper, &["device", "revoke", "laptop", "--words", "--yes"], "words-replaced");
    }
    for running in [&node, &phone_node] {
        let at = address(running);
        refuses(&bare, &paper, &[&RECOVER[..], &[&at], &LOOPBACK].concat(), "words-replaced");
        assert!(!bare.home().join("vault").exists());
    }
    let recovered =
        with_paper(&bare, &new_paper, &[&RECOVER[..], &[&address(&phone_node)], &LOOPBACK].concat());
    assert_eq!(recovered.ok().json()["by"], "phone");
    assert_eq!(titles(&bare), titles(&laptop));
    assert!(!has_notice(&bare, "words-replaced"), "it came after");
    until(PATIENCE, "the laptop knows it", || has_notice(&laptop, "device-recovered").then_some(()));
    let revoke = ["device", "revoke", "phone", "--words", "--yes"];
    assert_eq!(with_paper(&laptop, &new_paper, &revoke).ok().json()["device"]["name"], "phone");
    node.stop();
    phone_node.stop();

    // A backup opens with the words of when it was made; one that was cut off is found out.
    laptop.json(&["backup", backup.to_str().unwrap()]);
    let other = world.device("other");
    let cut = world.path().join("backup-cut");
    copy_below(&backup, &cut);
    fs::copy(before.join("musette-backup"), cut.join("musette-backup")).unwrap();
    let tries = [
        (&new_paper, &before, "words-of-another"),
        (&paper, &backup, "words-replaced"),
        (&paper, &cut, "words-replaced"),
    ];
    for (paper, dir, code) in tries {
        refuses(&other, paper, &[&RESTORE[..], &["--alone", dir.to_str().unwrap()]].concat(), code);
        assert!(!other.home().join("vault").exists());
    }
    with_paper(&other, &new_paper, &[&RESTORE[..], &["--alone", backup.to_str().unwrap()]].concat()).ok();
    assert_eq!(titles(&other), titles(&laptop));
}

#[test]
fn a_backup_from_before_opens_with_the_old_words_and_its_device_is_told_where_it_stands() {
    if !need::privileges(&["ip"]) {
        return;
    }
    let _turn = turns::shared();
    let world = World::new();
    let cable = Cable::new();
    let (laptop, paper) = first_device(&world);
    let laptop = laptop.in_namespace(&cable.ends[0]);
    let backup = world.path().join("backup");
    laptop.json(&["backup", backup.to_str().unwrap()]);
    replace(&world, &laptop, &paper);
    laptop.add(&["note", "title=Since"]);
    let restored = world.device("restored").in_namespace(&cable.ends[1]);
    let args = [&RESTORE[..], &[backup.to_str().unwrap()]].concat();
    assert_eq!(with_paper(&restored, &paper, &args).ok().json()["waits"], true);
    let up = |device: &Device, end: usize| device.up_with(&["--listen", &cable.listen(end, 4100)]);
    let (node, met) = (up(&laptop, 0), up(&restored, 1));
    until(PATIENCE, "it is told", || has_notice(&restored, "device-words-replaced").then_some(()));
    restored.refuses(&["list"], 1, "device-words-replaced");
    restored.refuses(&["add", "note", "title=No"], 1, "device-words-replaced");
    let devices = laptop.json(&["device", "list"]);
    assert_eq!(devices["devices"].as_array().map(Vec::len), Some(1));
    assert!(!has_notice(&laptop, "device-recovered"));
    node.stop();
    met.stop();
    restored.refuses(&["list"], 1, "device-words-replaced");
}
