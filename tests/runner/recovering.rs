//! A bare computer becomes a device by the 24 words, and another device that only runs.

use std::{
    fs,
    path::{Path, PathBuf},
};

use musette_tests::{
    need,
    netns::Cable,
    process::{Node, Process, Run},
    turns,
    wait::{PATIENCE, until},
    world::{Device, LOOPBACK, World, await_same_list},
};
use serde_json::Value;

/// A first device whose words are on paper.
fn first_device(world: &World) -> (Device, PathBuf) {
    let laptop = world.device("laptop");
    let paper = world.path().join("paper");
    laptop.init_with_words(&paper);
    (laptop, paper)
}

fn start(device: &Device, paper: &Path, args: &[&str]) -> Process {
    let args = [&["recover", "--device", &device.name, "--no-passphrase"], args].concat();
    device.start_with(&args, paper)
}

fn recover(device: &Device, paper: &Path, at: &str) -> Run {
    start(device, paper, &[&["--json", "--at", at], &LOOPBACK[..]].concat()).wait(PATIENCE)
}

/// That it is refused, says why in words, and leaves nothing that looks like a Musette.
fn refuses(device: &Device, paper: &Path, at: &str, code: &str) {
    let told = recover(device, paper, at).json();
    assert_eq!(told["error"]["code"], code, "{told}");
    assert!(told["error"]["message"].is_string() && told["error"]["hint"].is_string(), "{told}");
    for left in ["vault", "journal", "key", "musette.json"] {
        assert!(!device.home().join(left).exists(), "{code} left {left}");
    }
}

/// Where a node listens.
fn address(node: &Node) -> String {
    node.api.get("/v1/status")["listen"][0].as_str().unwrap().to_owned()
}

fn names(devices: &Value) -> Vec<&str> {
    devices.as_array().unwrap().iter().map(|device| device["name"].as_str().unwrap()).collect()
}

/// All items, without what tells how they are synced.
fn all(device: &Device) -> Value {
    device.json(&["list", "--all"])["items"].clone()
}

#[test]
fn words_and_a_device_that_runs_make_a_new_one_and_the_lost_one_is_taken_out() {
    let _turn = turns::shared();
    let world = World::new();
    let (laptop, paper) = first_device(&world);
    let id = laptop.add(&["note", "title=Canary of a recovery"]);
    laptop.add(&["experience", "title=Festival", "from=2016-06-04"]);
    let file = world.file("poster.bin", vec![7; 700_000]);
    laptop.run(&["attach", &id, file.to_str().unwrap()]).ok();
    let mut node = laptop.up();
    let phone = world.device("phone");
    phone.join(&laptop);
    phone.json(&["edit", &id, "note=from the phone"]);
    let phone_node = phone.up();
    phone_node.await_agreement("laptop");
    node.await_agreement("phone");
    // The phone is lost, nobody can type on the laptop, and a new computer is bare.
    phone_node.kill();
    let bare = world.device("bare");
    // As somebody copies them from the screen, a number before each.
    let words = fs::read_to_string(&paper).unwrap();
    let numbered = (1..).zip(words.split_whitespace()).map(|(number, word)| format!("{number:2}. {word}\n"));
    let numbered = world.file("numbered", numbered.collect::<String>());
    let recovered = recover(&bare, &numbered, &address(&node)).ok().json();
    assert_eq!((&recovered["person"], &recovered["by"]), (&Value::from("Emilie"), &Value::from("laptop")));
    assert_eq!((&recovered["items"], all(&bare)), (&Value::from(2), all(&laptop)));
    let status = bare.json(&["status"]);
    assert_eq!(names(&status["devices"]).len(), 3);
    assert_eq!(status["device"]["admin"], true);
    assert_eq!((&status["recovery"]["held"], &status["recovery"]["checked"]), (&false.into(), &true.into()));

    // The laptop says so, at once, later, and once more when it starts.
    let told = "\"bare\" was let in with your 24 recovery words";
    until(PATIENCE, "the node says it", || node.process().stderr().contains(told).then_some(()));
    assert!(laptop.notices().contains(&"device-recovered".to_owned()));
    assert!(node.device("bare")["recovered"].is_string() && node.device("phone")["recovered"].is_null());
    assert!(laptop.run(&["device", "list"]).ok().stdout.contains("let in with your recovery words"));
    assert!(!bare.notices().contains(&"device-recovered".to_owned()), "whoever typed them knows");
    drop(node.stop());
    let mut node = laptop.up();
    until(PATIENCE, "the next node says it", || node.process().stderr().contains(told).then_some(()));

    // From here on it is a device like any other: it writes, and takes the lost one out.
    let bare_node = bare.up();
    bare_node.await_agreement("laptop");
    let out = world.path().join("out.bin");
    let extract = ["extract", &id, "poster.bin", "--to", out.to_str().unwrap()];
    until(PATIENCE, "the attachment comes", || (bare.run(&extract).code == Some(0)).then_some(()));
    assert_eq!(fs::read(&out).unwrap(), vec![7; 700_000]);
    assert_eq!(bare.json(&["device", "revoke", "phone", "--yes"])["device"]["name"], "phone");
    bare.add(&["note", "title=After"]);
    until(PATIENCE, "the laptop heard of both", || {
        let status = node.api.get("/v1/status");
        (names(&status["revoked"]) == ["phone"] && status["items"] == 3).then_some(())
    });
    node.stop();
    bare_node.stop();
    assert_eq!(all(&bare), all(&laptop));
    assert!(bare.json(&["doctor"])["checks"].as_array().unwrap().iter().all(|check| check["ok"] == true));
    // A device that comes later by a ticket was never surprised.
    let node = laptop.up();
    let third = world.device("third");
    third.join(&laptop);
    assert!(!third.notices().contains(&"device-recovered".to_owned()));
    node.stop();
}

#[test]
fn wrong_words_wrong_doors_and_devices_that_are_out_are_told_apart() {
    let _turn = turns::shared();
    let (world, elsewhere) = (World::new(), World::new());
    let (laptop, paper) = first_device(&world);
    let (stranger, strange_paper) = first_device(&elsewhere);
    laptop.add(&["note", "title=Mine"]);
    let (node, strange_node) = (laptop.up(), stranger.up());
    let bare = world.device("bare");
    let here = address(&node);
    let words = fs::read_to_string(&paper).unwrap();
    let list: Vec<&str> = words.split_whitespace().collect();
    refuses(&bare, &world.file("few", list[..23].join(" ")), &here, "phrase-word-count");
    refuses(&bare, &strange_paper, &here, "recover-other-person");
    refuses(&bare, &paper, &address(&strange_node), "recover-other-person");
    refuses(&bare, &paper, "/ip4/127.0.0.1/tcp/9", "unreachable");
    refuses(&bare, &paper, "laptop", "bad-address");
    bare.run(&["recover", "--no-discovery"]).exits(2);
    assert_eq!(laptop.json(&["device", "list"])["devices"].as_array().map(Vec::len), Some(1));
    assert!(laptop.notices().iter().all(|code| code != "device-recovered"));

    // One that was taken out, and has heard of it, lets nobody in; the other one does.
    let phone = world.device("phone");
    phone.join(&laptop);
    let phone_node = phone.up();
    phone_node.await_agreement("laptop");
    laptop.json(&["device", "revoke", "phone", "--yes"]);
    until(PATIENCE, "the phone learns that it is out", || {
        phone_node.api.get("/v1/status")["device"]["revoked"].as_bool().filter(|revoked| *revoked)
    });
    refuses(&bare, &paper, &address(&phone_node), "recover-refused");
    phone_node.stop();
    assert_eq!(recover(&bare, &paper, &here).ok().json()["by"], "laptop");
    assert_eq!(names(&bare.json(&["status"])["revoked"]), ["phone"]);
    // A home that holds a Musette is left alone, before any word is asked for.
    let before = bare.list();
    bare.refuses(&["recover", "--at", &here], 1, "home-exists");
    assert_eq!(bare.list(), before);
    node.stop();
    strange_node.stop();
    refuses(&world.device("late"), &paper, &here, "unreachable");
}

#[test]
fn a_recovery_that_is_cut_off_is_begun_anew() {
    let _turn = turns::shared();
    let world = World::new();
    let (laptop, paper) = first_device(&world);
    (0..40).for_each(|number| drop(laptop.add(&["note", &format!("title=Note {number}")])));
    let bare = world.device("bare");
    let node = laptop.up();
    let here = address(&node);
    // Cut off at other moments each time: whatever is there opens, or is no Musette.
    for tries in 0.. {
        let mut process = start(&bare, &paper, &[&["--at", &here], &LOOPBACK[..]].concat());
        until(PATIENCE, "a moment to cut it off", || {
            let moments = ["journal", "key", "vault", "index"];
            let is_there = bare.home().join(moments[tries % moments.len()]).exists();
            (is_there || process.ended().is_some()).then_some(())
        });
        process.kill();
        if bare.home().join("vault").exists() {
            break;
        }
        bare.refuses(&["list"], 1, "no-home");
        assert!(tries < 20, "it never ends");
    }
    let bare_node = bare.up();
    assert_eq!(await_same_list(&bare_node, &node).len(), 40);
    bare_node.stop();
    assert!(bare.json(&["doctor"])["checks"].as_array().unwrap().iter().all(|check| check["ok"] == true));

    // Both go away in the middle.
    let second = world.device("second");
    let mut process = start(&second, &paper, &[&["--at", &here], &LOOPBACK[..]].concat());
    until(PATIENCE, "it is let in", || {
        names(&node.api.get("/v1/devices")["devices"]).contains(&"second").then_some(())
    });
    node.kill();
    process.kill();
    let node = laptop.up();
    if !second.home().join("vault").exists() {
        recover(&second, &paper, &address(&node)).ok();
    }
    let second_node = second.up();
    assert_eq!(await_same_list(&second_node, &node).len(), 40);
    second_node.stop();
    node.stop();
}

#[test]
fn a_device_on_the_same_network_is_found_without_an_address() {
    if !need::privileges(&["ip"]) {
        return;
    }
    let _turn = turns::shared();
    let world = World::new();
    let cable = Cable::new();
    let (laptop, paper) = first_device(&world);
    let laptop = laptop.in_namespace(&cable.ends[0]);
    laptop.add(&["note", "title=Found"]);
    let other = World::new();
    let stranger = first_device(&other).0.in_namespace(&cable.ends[0]);
    let bare = world.device("bare").in_namespace(&cable.ends[1]);
    let listen = cable.listen(1, 4100);
    // The neighbour's Musette is asked too, and learns nothing.
    let strange_node = stranger.up_with(&["--listen", &cable.listen(0, 4102)]);
    let node = laptop.up_with(&["--listen", &cable.listen(0, 4101)]);
    let recovered = start(&bare, &paper, &["--json", "--listen", &listen]).wait(PATIENCE).ok().json();
    assert_eq!((&recovered["by"], &recovered["items"]), (&Value::from("laptop"), &Value::from(1)));
    node.stop();
    let nobody = world.device("nobody").in_namespace(&cable.ends[1]);
    let told = start(&nobody, &paper, &["--json", "--listen", &listen]).wait(PATIENCE).exits(1).json();
    assert_eq!(told["error"]["code"], "recover-nobody");
    assert_eq!(stranger.json(&["device", "list"])["devices"].as_array().map(Vec::len), Some(1));
    strange_node.stop();
}
