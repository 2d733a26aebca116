//! Devices that are taken out: what they may still do, and what becomes of what they did.

use std::{fs, path::Path};

use musette_tests::{
    need,
    netns::Cable,
    process::Node,
    turns,
    wait::{PATIENCE, until},
    world::{Device, World, await_same_list},
};
use serde_json::Value;

fn revoke(device: &Device, other: &str) -> Value {
    device.json(&["device", "revoke", other, "--yes"])
}

fn names(devices: &Value) -> Vec<&str> {
    devices.as_array().unwrap().iter().map(|device| device["name"].as_str().unwrap()).collect()
}

/// Whether a node said something at its terminal.
fn says(node: &Node, words: &str) -> Option<()> {
    fs::read_to_string(node.log()).unwrap().contains(words).then_some(())
}

fn titles(list: &Value) -> Vec<&str> {
    let mut titles: Vec<&str> =
        list["items"].as_array().unwrap().iter().map(|item| item["title"].as_str().unwrap()).collect();
    titles.sort_unstable();
    titles
}

#[test]
fn a_revoked_device_gets_nothing_and_is_told_why() {
    let _turn = turns::shared();
    let world = World::new();
    let (laptop, phone, laptop_node, phone_node) = world.pair(|laptop| {
        laptop.add(&["note", "title=Before"]);
    });
    await_same_list(&laptop_node, &phone_node);
    phone_node.stop();
    let revoked = revoke(&laptop, "phone");
    assert_eq!(revoked["device"]["name"], "phone");
    laptop.add(&["note", "title=Since"]);
    phone.add(&["note", "title=Unheard"]);

    let phone_node = phone.up();
    until(PATIENCE, "the phone learns that it is out", || {
        phone_node.api.get("/v1/status")["device"]["revoked"].as_bool().filter(|revoked| *revoked)
    });
    assert!(phone.notices().contains(&"device-revoked".to_owned()));
    until(PATIENCE, "the phone says so", || says(&phone_node, "this device was taken out"));
    until(PATIENCE, "the laptop says so", || says(&laptop_node, "\"phone\" was taken out."));
    phone.refuses(&["add", "note", "title=No"], 1, "device-revoked");
    phone.refuses(&["device", "revoke", "laptop", "--yes"], 1, "not-admin");
    phone.refuses(&["status", "--wait", "synced", "--timeout", "60"], 1, "device-revoked");
    for command in ["status", "sync"] {
        let said = phone.run(&[command]).ok().stdout;
        let is_true = !said.contains("laptop") && !said.contains("Everything may flow");
        assert!(said.contains("this device was taken out") && is_true, "{said}");
    }
    laptop.run(&["status", "--wait", "synced", "--timeout", &u64::MAX.to_string()]).ok();
    // What is there stays readable there, also what nobody heard of.
    assert_eq!(titles(&phone.list()), ["Before", "Unheard"]);
    assert_eq!(titles(&laptop.list()), ["Before", "Since"]);
    assert_eq!(laptop.json(&["quarantine", "list"])["items"], Value::from(Vec::<Value>::new()));
    laptop.refuses(&["quarantine", "accept", "--all"], 1, "quarantine-empty");
    let status = laptop.json(&["status"]);
    assert_eq!((names(&status["devices"]), names(&status["revoked"])), (vec!["laptop"], vec!["phone"]));
    assert_eq!((&status["sync"]["of"], &status["sync"]["state"]), (&1.into(), &"only-here".into()));
    let listed = laptop.run(&["device", "list"]).ok().stdout;
    assert!(listed.contains("phone: taken out by \"laptop\""), "{listed}");
    // Both after another start.
    laptop_node.stop();
    phone_node.stop();
    assert_eq!(titles(&laptop.list()), ["Before", "Since"]);
    assert_eq!(titles(&phone.list()), ["Before", "Unheard"]);
    let checks = laptop.json(&["doctor"])["checks"].clone();
    assert!(checks.as_array().unwrap().iter().all(|check| check["ok"] == true), "{checks}");
    laptop.refuses(&["device", "revoke", "nobody", "--yes"], 1, "device-not-found");
    laptop.refuses(&["device", "revoke", "laptop", "--yes"], 1, "revoke-self");
    laptop.refuses(&["device", "revoke", "phone", "--restore", "laptop", "--yes"], 1, "not-revoked-by");
    laptop.run(&["device", "revoke", "phone"]).exits(2);
}

#[test]
fn what_came_too_late_is_in_the_same_quarantine_everywhere() {
    if !need::privileges(&["ip"]) {
        return;
    }
    let _turn = turns::shared();
    let world = World::new();
    let cable = Cable::new();
    let laptop = world.device("laptop").in_namespace(&cable.ends[0]);
    let [phone, tablet] = ["phone", "tablet"].map(|name| world.device(name).in_namespace(&cable.ends[1]));
    let up = |device: &Device, end: usize, port: u16| device.up_with(&["--listen", &cable.listen(end, port)]);
    laptop.init();
    let shared = laptop.add(&["note", "title=Plan", "note=first"]);
    let laptop_node = up(&laptop, 0, 4101);
    for (device, name, port) in [(&phone, "phone", 4102), (&tablet, "tablet", 4103)] {
        let listen = cable.listen(1, port);
        let ticket = laptop.ticket(&["--yes"]);
        device.run(&["device", "join", &ticket, "--device", name, "--yes", "--listen", &listen]).ok();
    }
    revoke(&laptop, "phone");
    laptop_node.stop();

    // The thief goes on, and the tablet does not know yet.
    phone.json(&["edit", &shared, "note=by the thief"]);
    phone.add(&["note", "title=Planted"]);
    let file = world.file("planted.bin", vec![9; 300_000]);
    phone.run(&["attach", &shared, file.to_str().unwrap()]).ok();
    let (tablet_node, phone_node) = (up(&tablet, 1, 4103), up(&phone, 1, 4102));
    let copy = world.path().join("copy.bin");
    let extract = ["extract", &shared, "planted.bin", "--to", copy.to_str().unwrap()];
    until(PATIENCE, "the tablet has it", || (titles(&tablet.list()) == ["Plan", "Planted"]).then_some(()));
    until(PATIENCE, "the attachment too", || (tablet.run(&extract).code == Some(0)).then_some(()));
    fs::remove_file(&copy).unwrap();
    phone_node.stop();
    let laptop_node = up(&laptop, 0, 4101);
    tablet_node.await_agreement("laptop");
    laptop_node.await_agreement("tablet");
    for node in [&laptop_node, &tablet_node] {
        until(PATIENCE, "the same line", || {
            (node.api.get("/v1/quarantine")["items"].as_array().unwrap().len() == 2).then_some(())
        });
    }
    assert_eq!(laptop_node.api.get("/v1/quarantine"), tablet_node.api.get("/v1/quarantine"));
    for device in [&laptop, &tablet] {
        assert_eq!(titles(&device.list()), ["Plan"]);
        let item = device.json(&["show", &shared]);
        assert_eq!((&item["fields"]["note"], item["attachments"].get(0)), (&"first".into(), None));
    }
    let told = laptop.run(&["quarantine", "list"]).ok().stdout;
    assert!(told.contains("by the thief") && told.contains("phone") && told.contains("Planted"), "{told}");
    assert!(laptop.notices().contains(&"quarantine".to_owned()));

    // One of them is accepted, on the other device; it counts on both.
    tablet.refuses(&["quarantine", "accept", "aaaaaaaa"], 1, "not-in-quarantine");
    tablet.run(&["quarantine", "accept", &shared]).ok();
    until(PATIENCE, "accepted on both", || {
        (laptop.json(&["show", &shared])["fields"]["note"] == "by the thief").then_some(())
    });
    laptop_node.stop();
    tablet_node.stop();
    for device in [&laptop, &tablet] {
        let quarantined = device.json(&["quarantine", "list"])["items"].clone();
        assert_eq!(quarantined.as_array().unwrap().len(), 1, "{quarantined}");
        assert_eq!(titles(&device.list()), ["Plan"]);
    }
    // The same when all is made anew from the journal.
    let before = laptop.list();
    fs::remove_dir_all(laptop.home().join("index")).unwrap();
    assert_eq!(laptop.list(), before);
    assert_eq!(laptop.json(&["quarantine", "list"])["items"].as_array().unwrap().len(), 1);
    tablet.run(&extract).ok();
    assert_eq!(fs::read(copy).unwrap(), vec![9; 300_000]);
}

/// Answers the question for the words from the paper.
fn with_words(device: &Device, paper: &Path, args: &[&str]) -> Value {
    let args = [&["--json"], args].concat();
    device.start_with(&args, paper).wait(PATIENCE).ok().json()
}

#[test]
fn after_two_devices_took_out_each_other_the_words_say_who_stays() {
    let _turn = turns::shared();
    let world = World::new();
    let paper = world.path().join("paper");
    let (laptop, phone) = (world.device("laptop"), world.device("phone"));
    laptop.init_with_words(&paper);
    let node = laptop.up();
    phone.join(&laptop);
    node.stop();
    phone.add(&["note", "title=Mine"]);
    revoke(&laptop, "phone");
    let (laptop_node, phone_node) = (laptop.up(), phone.up());
    until(PATIENCE, "the phone learns that it is out", || {
        phone_node.api.get("/v1/status")["device"]["revoked"].as_bool().filter(|revoked| *revoked)
    });
    phone.refuses(&["add", "note", "title=No"], 1, "device-revoked");
    let told = with_words(&phone, &paper, &["device", "revoke", "laptop", "--words", "--yes"]);
    assert_eq!((&told["restored"], &told["out"]), (&vec!["phone"].into(), &Vec::<&str>::new().into()));
    assert_eq!(phone.json(&["status"])["device"]["revoked"], false);
    phone.add(&["note", "title=Again"]);
    assert_eq!(titles(&phone.list()), ["Again", "Mine"]);
    assert_eq!(names(&phone.json(&["status"])["revoked"]), ["laptop"]);
    laptop_node.stop();
    phone_node.stop();
    let other = World::new();
    let stranger = other.device("stranger");
    let strange = other.path().join("paper");
    stranger.init_with_words(&strange);
    let args = ["--json", "device", "revoke", "laptop", "--words", "--yes"];
    let refused = phone.start_with(&args, &strange).wait(PATIENCE);
    assert_eq!(refused.exits(1).json()["error"]["code"], "words-of-another-person");
}

#[test]
fn the_words_on_one_device_after_the_other_put_all_back() {
    let _turn = turns::shared();
    let world = World::new();
    let paper = world.path().join("paper");
    let [laptop, desk, thief] = ["laptop", "desk", "thief"].map(|name| world.device(name));
    laptop.init_with_words(&paper);
    // Who joined at a device knows where that one is: the thief's knows both.
    let node = laptop.up();
    thief.join(&laptop);
    let thief_node = thief.up();
    desk.join(&thief);
    thief_node.stop();
    node.stop();
    revoke(&thief, "laptop");
    revoke(&thief, "desk");
    // What was written after the laptop was taken out it cannot read; the desk hears of both.
    let thief_node = thief.up();
    let nodes = [(&laptop, 1), (&desk, 2)].map(|(device, out)| {
        let node = device.up();
        until(PATIENCE, "it learns who is out", || {
            (names(&node.api.get("/v1/status")["revoked"]).len() == out).then_some(())
        });
        node
    });
    let by_words = ["device", "revoke", "thief", "--words", "--yes"];
    with_words(&laptop, &paper, &by_words);
    until(PATIENCE, "the desk hears that the laptop is in", || {
        let status = nodes[1].api.get("/v1/status");
        (!names(&status["revoked"]).contains(&"laptop")).then_some(())
    });
    with_words(&desk, &paper, &by_words);
    let status = nodes[1].api.get("/v1/status");
    assert_eq!(names(&status["revoked"]), ["thief"], "the laptop stays in too");
    nodes.into_iter().chain([thief_node]).for_each(|node| drop(node.stop()));
}

/// Each lacks the epoch of the other: that of the thief leaves the laptop out, that of the laptop the thief's
/// and whoever is let in later.
#[test]
fn a_device_restored_from_under_a_thief_and_those_it_took_out_come_together() {
    if !need::privileges(&["ip"]) {
        return;
    }
    let _turn = turns::shared();
    let world = World::new();
    let cable = Cable::new();
    let paper = world.path().join("paper");
    let laptop = world.device("laptop").in_namespace(&cable.ends[0]);
    let [phone, tablet, new] =
        ["phone", "tablet", "new"].map(|name| world.device(name).in_namespace(&cable.ends[1]));
    let up = |device: &Device, end: usize, port: u16| device.up_with(&["--listen", &cable.listen(end, port)]);
    laptop.init_with_words(&paper);
    laptop.add(&["note", "title=Laptop"]);
    let laptop_node = up(&laptop, 0, 4101);
    for (device, name, port) in [(&phone, "phone", 4102), (&tablet, "tablet", 4103)] {
        let listen = cable.listen(1, port);
        let ticket = laptop.ticket(&["--yes"]);
        device.run(&["device", "join", &ticket, "--device", name, "--yes", "--listen", &listen]).ok();
    }
    let phone_node = up(&phone, 1, 4102);
    until(PATIENCE, "the phone knows the tablet", || {
        names(&phone_node.api.get("/v1/status")["devices"]).contains(&"tablet").then_some(())
    });
    revoke(&phone, "laptop");
    until(PATIENCE, "the laptop learns that it is out", || {
        laptop_node.api.get("/v1/status")["device"]["revoked"].as_bool().filter(|revoked| *revoked)
    });
    laptop_node.stop();
    let tablet_node = up(&tablet, 1, 4103);
    tablet_node.await_agreement("phone");
    tablet_node.stop();
    phone_node.stop();
    tablet.add(&["note", "title=Tablet"]);
    let dir = world.path().join("backup");
    let dir = dir.to_str().unwrap();
    tablet.json(&["backup", dir]);
    with_words(&laptop, &paper, &["device", "revoke", "phone", "--words", "--yes"]);
    let restored = with_words(&new, &paper, &["restore", dir, "--device", "new", "--no-passphrase"]);
    assert_eq!(restored["waits"], true);

    let (laptop_node, new_node) = (up(&laptop, 0, 4101), up(&new, 1, 4104));
    until(PATIENCE, "the new device goes on", || {
        (new_node.api.get("/v1/status")["items"] == 2).then_some(())
    });
    new.add(&["note", "title=New"]);
    laptop.add(&["note", "title=Since"]);
    for device in [&laptop, &new] {
        let all = ["Laptop", "New", "Since", "Tablet"];
        until(PATIENCE, "both have all", || (titles(&device.list()) == all).then_some(()));
    }
    for node in [&laptop_node, &new_node] {
        assert_eq!(names(&node.api.get("/v1/status")["revoked"]), ["phone"]);
    }
    assert!(!new.home().join("recovery-key").exists());
    new_node.stop();
    laptop_node.stop();
}
