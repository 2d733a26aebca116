//! Attachments: small ones come by themselves, large ones when asked for.

use std::time::Duration;

use musette_tests::{
    fetching, turns,
    wait::{PATIENCE, until},
    world::{Device, World},
};

/// Bytes that no compression and no sharing of chunks makes fewer.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// Long enough that two pieces are less than a hundredth of it: so much may be lost with each kill.
const FILM: u64 = 64 << 20;
const KILLS: u32 = 5;

fn missing(device: &Device) -> u64 {
    device.json(&["status"])["attachments"]["missing_bytes"].as_u64().unwrap()
}

#[test]
fn a_small_one_comes_by_itself() {
    let _turn = turns::alone();
    let world = World::new();
    let (laptop, phone, laptop_node, phone_node) = world.pair(|_| {});
    let id = laptop.add(&["note", "title=Certificate"]);
    let small = world.file("certificate.pdf", noise(300_000));
    laptop.run(&["attach", &id, small.to_str().unwrap()]).ok();
    let to = world.path().join("certificate-back.pdf");
    until(Duration::from_secs(20), "the small attachment", || {
        phone
            .run(&["extract", &id, "certificate.pdf", "--to", to.to_str().unwrap()])
            .code
            .eq(&Some(0))
            .then_some(())
    });
    assert_eq!(std::fs::read(&to).unwrap(), noise(300_000));

    phone_node.stop();
    laptop_node.stop();
}

#[test]
fn the_same_file_is_kept_once() {
    let _turn = turns::shared();
    let world = World::new();
    let laptop = world.first_device("laptop");
    let id = laptop.add(&["note", "title=Certificate"]);
    let attach = |bytes: Vec<u8>| {
        let file = world.file("certificate.pdf", bytes);
        let item = laptop.json(&["attach", &id, file.to_str().unwrap()]);
        item["attachments"].as_array().unwrap().len()
    };
    let mut other = noise(300_000);
    assert_eq!(attach(other.clone()), 1);
    assert_eq!(attach(other.clone()), 1, "it is there");
    *other.last_mut().unwrap() ^= 1;
    assert_eq!(attach(other), 2, "one byte is another one");
}

#[test]
fn an_attachment_that_nobody_has_here_is_said_to_be_elsewhere() {
    let _turn = turns::alone();
    let world = World::new();
    let (laptop, phone, laptop_node, phone_node) = world.pair(|_| {});
    let id = laptop.add(&["note", "title=Talk"]);
    let file = world.file("talk.bin", noise(9 << 20));
    laptop.run(&["attach", &id, file.to_str().unwrap()]).ok();
    until(Duration::from_secs(20), "the item to be known", || (missing(&phone) > 0).then_some(()));
    phone_node.stop();
    phone.refuses(&["fetch", &id, "talk.bin"], 1, "needs-running-node");
    let phone_node = phone.up();
    let too_early = world.path().join("too-early.bin");
    phone.refuses(
        &["extract", &id, "talk.bin", "--to", too_early.to_str().unwrap()],
        1,
        "attachment-incomplete",
    );
    assert!(!too_early.exists());

    let is_connected = || (phone_node.device("laptop")["connected"] == true).then_some(());
    until(PATIENCE, "they are connected", is_connected);
    laptop_node.stop();
    let fetching = phone.start(&["fetch", &id, "talk.bin"]);
    until(PATIENCE, "it says whom it waits for, and that it goes on", || {
        let said = fetching.stderr();
        (said.contains("laptop: out of reach, last seen") && said.contains("Ctrl-C")).then_some(())
    });
    let laptop_node = laptop.up();
    fetching.wait(PATIENCE).ok();
    assert_eq!(missing(&phone), 0);
    laptop_node.stop();
    phone_node.stop();
}

#[test]
fn five_kills_on_the_way_cost_a_twentieth_at_most() {
    let _turn = turns::alone();
    let world = World::new();
    let took = fetching::interrupted(&world, FILM, KILLS, Duration::from_secs(60));
    println!("{took:?}");
    assert!(took.moved >= FILM, "{took:?}");
    assert!(took.moved <= FILM + FILM / 20, "{} bytes moved for {FILM}", took.moved);
}
