//! Syncing as its user sees it: it ends, and says what it waits for while it has not.

use std::{fs, path::Path};

use musette_tests::{
    process::Node,
    search::files_below,
    turns,
    wait::{PATIENCE, until, until_seen},
    world::{Device, World},
};
use serde_json::Value;

/// Which device is waited for, and why.
fn awaited(run: &Value) -> (&Value, &Value) {
    (&run["error"]["args"]["device"], &run["error"]["args"]["why"])
}

/// What `status --wait` says when it is to give up at once.
fn gives_up(device: &Device) -> Value {
    device.run(&["--json", "status", "--wait", "synced", "--timeout", "0"]).exits(5).json()
}

fn await_reason(node: &Node, name: &str, reason: &str) {
    until_seen(PATIENCE, "the reason", || {
        let device = node.device(name);
        let found = device["reason"] == reason && device["connected"] == false;
        if found { Ok(()) } else { Err(device) }
    });
}

fn sent_and_received(node: &Node) -> (u64, u64) {
    let traffic = node.api.get("/v1/status")["traffic"].clone();
    (traffic["sent"].as_u64().unwrap(), traffic["received"].as_u64().unwrap())
}

fn has(node: &Node, id: &str) -> bool {
    node.api.items().iter().any(|item| item["id"] == *id)
}

#[test]
fn a_pause_holds_until_it_is_ended_and_the_wait_ends_with_it() {
    let _turn = turns::shared();
    let world = World::new();
    let (laptop, phone, laptop_node, phone_node) = world.pair(|_| ());
    assert_eq!(laptop.run(&["status", "--wait", "synced", "--timeout", "60"]).ok().stderr, "");
    let (sent, received) = sent_and_received(&laptop_node);
    assert!(sent > 0 && received > 0);

    let standing = laptop.json(&["sync", "pause"]);
    let settings = &standing["settings"];
    assert_eq!((&settings["paused"], &standing["flow"]["reason"]), (&true.into(), &"paused".into()));
    await_reason(&phone_node, "laptop", "peer-paused");
    let id = phone.add(&["note", "title=Pause"]);
    assert_eq!(awaited(&gives_up(&phone)), (&"laptop".into(), &"peer-paused".into()));
    let said = phone.run(&["status", "--wait", "synced", "--timeout", "0"]).exits(5);
    assert!(said.stderr.contains("\"laptop\" is paused"), "{}", said.stderr);
    // Calling it does not help: it answers, and says that it does not want to talk.
    let before = sent_and_received(&phone_node);
    phone.run(&["sync", "now"]).ok();
    until(PATIENCE, "it was called", || (sent_and_received(&phone_node).1 > before.1).then_some(()));
    await_reason(&phone_node, "laptop", "peer-paused");
    assert!(!has(&laptop_node, &id));
    laptop.refuses(&["sync", "now"], 1, "sync-paused");
    // It is not the phone's doing, nor the network's.
    until(PATIENCE, "the phone is away because of the pause", || {
        (laptop_node.device("phone")["why"] == "paused").then_some(())
    });
    let shown = laptop.run(&["sync"]).ok().stdout;
    assert!(shown.contains("paused") && shown.contains("musette sync resume"), "{shown}");
    assert!(!shown.contains("another network"), "{shown}");

    // The pause is the person's, not the process's.
    laptop_node.stop();
    assert_eq!(laptop.json(&["sync"])["settings"]["paused"], true);
    let laptop_node = laptop.up();
    let before = sent_and_received(&phone_node);
    phone.run(&["sync", "now"]).ok();
    until(PATIENCE, "it was called", || (sent_and_received(&phone_node).1 > before.1).then_some(()));
    assert!(!has(&laptop_node, &id));

    let waiting = phone.start(&["status", "--wait", "synced", "--timeout", "60"]);
    laptop.run(&["sync", "resume"]).ok();
    phone.run(&["sync", "now"]).ok();
    waiting.wait(PATIENCE).ok();
    assert!(has(&laptop_node, &id), "it was said to be there");
    assert_eq!(laptop.json(&["status", "--wait", "here"])["sync"]["state"], "everywhere");
    let space = phone.json(&["status"])["spaces"][0].clone();
    assert_eq!((&space["state"], &space["kind"]), (&"everywhere".into(), &"self".into()));
    assert_eq!(space["items"], 1);

    laptop_node.stop();
    phone.add(&["note", "title=Alone"]);
    let told = gives_up(&phone);
    assert_eq!(awaited(&told).0, "laptop", "{told}");
    assert!(told["error"]["args"]["last_seen"].is_string(), "{told}");
    phone_node.stop();
    assert_eq!(gives_up(&phone)["error"]["code"], "no-node-in-time");
}

#[test]
fn a_used_up_budget_is_said_and_a_larger_one_goes_on() {
    let _turn = turns::shared();
    let world = World::new();
    let (laptop, phone, laptop_node, phone_node) = world.pair(|_| ());
    let (sent, received) = sent_and_received(&laptop_node);
    laptop.json(&["sync", "budget", "1MB"]);
    assert_eq!(laptop_node.api.get("/v1/status")["traffic"]["budget"], 1_000_000);
    let note = laptop.add(&["note", "title=Plan"]);
    let file = world.file("plan.bin", vec![7; 1_500_000]);
    laptop.run(&["attach", &note, file.to_str().unwrap()]).ok();
    let status = until(PATIENCE, "the budget is used up", || {
        let status = laptop_node.api.get("/v1/status");
        (status["flow"]["reason"] == "budget-used").then_some(status)
    });
    let traffic = &status["traffic"];
    let today = traffic["today"].as_u64().unwrap();
    // Two frames were in the air at most.
    assert!((1_000_000..6_000_000).contains(&today), "{traffic}");
    assert!(traffic["sent"].as_u64().unwrap() > sent && traffic["received"].as_u64().unwrap() >= received);
    let shown = laptop.run(&["sync"]).ok().stdout;
    assert!(shown.contains("used up") && shown.contains("of 1 MB"), "{shown}");
    laptop.refuses(&["sync", "now"], 1, "sync-budget-used");

    // A restart gives no new one.
    laptop_node.stop();
    let laptop_node = laptop.up();
    let status = laptop_node.api.get("/v1/status");
    assert_eq!(status["flow"]["reason"], "budget-used", "{status}");
    assert!(status["traffic"]["today"].as_u64().unwrap() >= today, "{status}");

    laptop.json(&["sync", "budget", "none"]);
    phone.run(&["sync", "now"]).ok();
    laptop.run(&["status", "--wait", "synced", "--timeout", "60"]).ok();
    phone.run(&["status", "--wait", "here", "--timeout", "60"]).ok();
    assert!(has(&phone_node, &note));
}

#[test]
fn settings_need_no_node_and_nonsense_is_refused() {
    let _turn = turns::shared();
    let world = World::new();
    let laptop = world.first_device("laptop");
    assert_eq!(laptop.json(&["sync", "metered", "on"])["flow"]["reason"], "metered");
    let standing = laptop.json(&["sync", "pause", "--for", "2h"]);
    assert!(standing["settings"]["paused_until"].is_string(), "{standing}");
    let config: Value =
        serde_json::from_slice(&fs::read(laptop.home().join("musette.json")).unwrap()).unwrap();
    assert_eq!((&config["sync"]["paused"], &config["sync"]["metered"]), (&true.into(), &true.into()));
    let node = laptop.up();
    let status = node.api.get("/v1/status");
    assert_eq!((&status["flow"]["reason"], &status["settings"]["metered"]), (&"paused".into(), &true.into()));
    laptop.json(&["sync", "resume"]);
    laptop.json(&["sync", "metered", "off"]);
    assert_eq!(node.api.get("/v1/sync")["flow"]["state"], "everything");
    // Nobody else to wait for.
    laptop.run(&["status", "--wait", "synced", "--timeout", "5"]).ok();

    for wrong in [
        &["sync", "pause", "--for", "2"][..],
        &["sync", "pause", "--for", "900d"],
        &["sync", "budget", "much"],
        &["sync", "metered", "maybe"],
        &["status", "--wait", "forever"],
        &["status", "--timeout", "3"],
    ] {
        laptop.refuses(wrong, 2, "usage");
    }
    laptop.refuses(&["sync", "budget", "10"], 2, "budget-too-small");
    let told = laptop.run(&["sync", "budget", "10"]).exits(2).stderr;
    assert!(told.contains("1 MB"), "{told}");
    let french = laptop.run(&["--lang", "fr", "sync", "budget", "500 Mo"]).ok().stdout;
    assert!(french.contains("500\u{a0}Mo"), "{french}");
    assert_eq!(laptop.json(&["sync", "budget", "aucun"])["settings"]["budget"], Value::Null);
}

#[test]
fn what_others_acknowledged_is_known_after_a_kill() {
    let _turn = turns::shared();
    let world = World::new();
    let (laptop, _phone, node, phone_node) = world.pair(|laptop| drop(laptop.add(&["note", "title=Mine"])));
    until(PATIENCE, "the acknowledgement is on the disk", || {
        // What a kill would leave at this moment.
        let copy = world.path().join("copy");
        drop(fs::remove_dir_all(&copy));
        for file in files_below(laptop.home()) {
            let name = file.strip_prefix(laptop.home()).unwrap();
            if name != Path::new("lock") && name != Path::new("socket") {
                let target = copy.join(name);
                fs::create_dir_all(target.parent().unwrap()).unwrap();
                fs::copy(&file, target).ok()?;
            }
        }
        let status = laptop.clone().with_home(&copy).json(&["status"]);
        (status["sync"]["state"] == "everywhere").then_some(())
    });
    node.stop();
    phone_node.stop();
}
