//! A disk that fills up.

use std::fs;

use musette_tests::{
    disk::Disk,
    linkedin, need, turns,
    world::{Device, LOOPBACK, World},
};
use serde_json::Value;

fn many_connections() -> String {
    let row = |number: u32| {
        format!(
            "Given{number},Family{number},https://www.linkedin.com/in/p{number},,Firm {number},Role,05 Sep 2016"
        )
    };
    linkedin::connections(&(0..12_000).map(row).collect::<Vec<_>>())
}

fn shows(device: &Device, id: &str) -> bool {
    device.json(&["show", id])["fields"]["title"] == "Before"
}

fn contacts(list: &Value) -> usize {
    list["items"].as_array().unwrap().iter().filter(|item| item["kind"] == "contact").count()
}

#[test]
fn a_full_disk_loses_nothing_and_works_again_with_room() {
    if !need::privileges(&["mount", "umount"]) {
        return;
    }
    let _turn = turns::shared();
    let world = World::new();
    let path = world.path().join("disk");
    let disk = Disk::new(&path, "6m");
    let laptop = world.device("laptop").with_home(&path.join("home"));
    laptop.init();
    let id = laptop.add(&["note", "title=Before"]);
    let many = world.file("Connections.csv", many_connections());
    let many = many.to_str().unwrap();

    // In process. What had landed by then is told, and is there.
    let cut = laptop.run(&["--json", "import", many]).exits(3).json();
    assert_eq!(cut["error"]["code"], "import-cut-short");
    let landed: usize = cut["error"]["args"]["landed"].as_str().unwrap().parse().unwrap();
    assert_eq!(contacts(&laptop.list()), landed);
    assert!(shows(&laptop, &id));
    let large = world.file("large.bin", vec![7; 8 << 20]);
    laptop.refuses(&["attach", &id, large.to_str().unwrap()], 1, "disk-full");
    let shown = laptop.json(&["show", &id]);
    assert!(shown.get("attachments").is_none(), "{shown}");

    // Through a node, which must go on: what it refused was not written.
    disk.grow("7m");
    let node = laptop.up();
    let cut = laptop.run(&["--json", "import", many]).json();
    assert!(["import-cut-short", "disk-full"].contains(&cut["error"]["code"].as_str().unwrap()), "{cut}");
    assert!(shows(&laptop, &id));
    assert!(contacts(&laptop.list()) >= landed, "what had landed stays");
    disk.grow("200m");
    let after = laptop.add(&["note", "title=Before"]);
    assert!(shows(&laptop, &after));
    laptop.run(&["attach", &id, large.to_str().unwrap()]).ok();
    node.stop();

    laptop.run(&["import", many]).ok();
    let list = laptop.list();
    assert_eq!(contacts(&list), 12_000);
    let orphans = laptop.json(&["doctor"]);
    assert!(orphans["checks"].as_array().unwrap().iter().all(|check| check["ok"] == true), "{orphans}");
    fs::remove_dir_all(laptop.home().join("index")).unwrap();
    assert_eq!(laptop.list(), list);
    let batches = laptop.json(&["import", "list"]);
    assert!(batches["batches"].as_array().is_some_and(|batches| !batches.is_empty()), "{batches}");
}

#[test]
fn a_home_that_finds_no_room_at_all_says_so() {
    if !need::privileges(&["mount", "umount"]) {
        return;
    }
    let _turn = turns::shared();
    let world = World::new();
    let path = world.path().join("disk");
    let disk = Disk::new(&path, "4k");
    let laptop = world.device("laptop").with_home(&path.join("home"));
    let line = ["init", "--name", "E", "--device", "laptop", "--no-passphrase"];
    laptop.refuses(&line, 1, "disk-full");
    disk.grow("20m");
    laptop.run(&line).ok();
    laptop.add(&["note", "title=Mine"]);
}

#[test]
fn joining_on_a_small_disk_ends_and_says_why_and_goes_on_with_room() {
    if !need::privileges(&["mount", "umount"]) {
        return;
    }
    let _turn = turns::shared();
    let world = World::new();
    let laptop = world.first_device("laptop");
    laptop.run(&["import", world.file("Connections.csv", many_connections()).to_str().unwrap()]).ok();
    let node = laptop.up();
    let path = world.path().join("disk");
    let disk = Disk::new(&path, "6m");
    let phone = world.device("phone").with_home(&path.join("home"));
    let join = |device: &Device| {
        let ticket = laptop.ticket(&["--yes"]);
        let line = ["--json", "device", "join", &ticket, "--device", &device.name, "--yes"];
        device.run(&[&line[..], &LOOPBACK].concat())
    };
    assert_eq!(join(&phone).exits(1).json()["error"]["code"], "disk-full");
    disk.grow("200m");
    let phone_node = phone.up();
    node.await_agreement("phone");
    assert_eq!(phone.list(), laptop.list());
    phone_node.stop();

    // Where nothing can be written at all, nobody is enrolled.
    let nowhere = world.device("nowhere").with_home(&path.join("other"));
    fs::write(path.join("other"), "a file where the home would be").unwrap();
    assert_ne!(join(&nowhere).code, Some(0));
    let devices = laptop.json(&["device", "list"]);
    assert_eq!(devices["devices"].as_array().unwrap().len(), 2, "{devices}");
    node.stop();
}
