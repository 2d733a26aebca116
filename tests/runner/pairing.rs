//! Letting a device in: words, tickets, and what is refused.

use data_encoding::{BASE32_NOPAD, Specification};
use musette_tests::{
    process::Process,
    turns,
    wait::{PATIENCE, until},
    world::{Device, LOOPBACK, World},
};

/// The three words that a joining device shows.
fn words(joining: &Process) -> String {
    until(PATIENCE, "the words are shown", || {
        let said = joining.stderr();
        let line = said.lines().find(|line| line.starts_with("    "))?.trim().to_owned();
        (line.split_whitespace().count() == 3).then_some(line)
    })
}

fn verified(laptop: &Device) -> bool {
    let list = laptop.json(&["device", "list"]);
    let devices = list["devices"].as_array().unwrap();
    assert_eq!(devices.len(), 2, "{list}");
    devices.iter().find(|device| device["name"] == "phone").unwrap()["verified"] == true
}

fn start_join(phone: &Device, ticket: &str, args: &[&str]) -> Process {
    let line = ["device", "join", ticket, "--device", &phone.name, "--no-passphrase"];
    phone.start(&[&line[..], &LOOPBACK, args].concat())
}

/// A ticket with another expiry, as a stranger who read the specification would write it: the
/// expiry, a zigzag number of seven bits a byte, comes last before four bytes of checksum.
fn expired(ticket: &str) -> String {
    let mut specification = Specification::new();
    specification.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
    let base32 = specification.encoding().unwrap();
    let mut bytes = base32.decode(ticket.strip_prefix("musette1").unwrap().as_bytes()).unwrap();
    bytes.truncate(bytes.len() - 4);
    // A time of this century, doubled, has 42 bits: six bytes.
    let first = bytes.len() - 6;
    let mut value = bytes.drain(first..).rev().fold(0_u64, |value, byte| value << 7 | u64::from(byte & 0x7f));
    // Milliseconds, doubled by the zigzag: eleven minutes less.
    value -= 2 * 11 * 60_000;
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    let sum = blake3::hash(&bytes);
    bytes.extend_from_slice(&sum.as_bytes()[..4]);
    format!("musette1{}", base32.encode(&bytes))
}

#[test]
fn words_let_a_device_in_and_wrong_ones_do_not() {
    let _turn = turns::shared();
    let world = World::new();
    let (laptop, phone) = (world.first_device("laptop"), world.device("phone"));
    let id = laptop.add(&["note", "title=Bonjour"]);
    laptop.refuses(&["device", "invite"], 1, "needs-running-node");
    let node = laptop.up();
    let ticket = laptop.ticket(&[]);
    laptop.refuses(&["device", "confirm", "anchor anchor anchor"], 1, "no-pairing");
    let joining = start_join(&phone, &ticket, &[]);
    let shown = words(&joining);
    until(PATIENCE, "it waits for words", || {
        (node.api.get("/v1/pairing")["state"] == "confirm").then_some(())
    });
    let wrong = if shown == "anchor anchor anchor" { "zebra zebra zebra" } else { "anchor anchor anchor" };
    laptop.refuses(&["device", "confirm", wrong], 1, "words-mismatch");
    assert!(!phone.home().join("vault").exists(), "nothing is given away before the words are confirmed");
    assert_eq!(laptop.json(&["device", "list"])["devices"].as_array().map(Vec::len), Some(1));
    laptop.run(&["device", "confirm", &shown.to_uppercase()]).ok();
    joining.wait(PATIENCE).ok();
    assert!(verified(&laptop));
    assert_eq!(phone.json(&["show", &id])["fields"]["title"], "Bonjour");
    assert!(!laptop.notices().contains(&"device-unverified".to_owned()));
    node.stop();
}

#[test]
fn who_guesses_the_words_is_sent_away() {
    let _turn = turns::shared();
    let world = World::new();
    let (laptop, phone) = (world.first_device("laptop"), world.device("phone"));
    let node = laptop.up();
    let joining = start_join(&phone, &laptop.ticket(&[]), &["--json"]);
    let shown = words(&joining);
    until(PATIENCE, "it waits for words", || {
        (node.api.get("/v1/pairing")["state"] == "confirm").then_some(())
    });
    let guesses = (0..10).find(|_| {
        laptop.run(&["device", "confirm", "anchor anchor anchor"]).exits(1);
        node.api.get("/v1/pairing")["state"] == "failed"
    });
    assert!(guesses.is_some_and(|guess| guess < 5), "guessing goes on");
    let refused = joining.wait(PATIENCE).exits(1).json();
    assert!(refused["error"]["code"].is_string(), "{refused}");
    assert!(!phone.home().join("vault").exists());
    laptop.refuses(&["device", "confirm", &shown], 1, "no-pairing");
    assert_eq!(laptop.json(&["device", "list"])["devices"].as_array().map(Vec::len), Some(1));
    node.stop();
}

#[test]
fn a_device_let_in_without_words_is_unverified_until_they_are_compared() {
    let _turn = turns::shared();
    let world = World::new();
    let (laptop, phone) = (world.first_device("laptop"), world.device("phone"));
    let node = laptop.up();
    let run = phone.join(&laptop);
    assert!(!verified(&laptop));
    assert!(laptop.notices().contains(&"device-unverified".to_owned()));
    let line = run.stderr.lines().find(|line| line.starts_with("    ")).unwrap().trim().to_owned();
    laptop.refuses(&["device", "confirm", "anchor", "anchor", "zebra"], 1, "words-mismatch");
    laptop.run(&["device", "confirm", &line]).ok();
    assert!(verified(&laptop));
    node.stop();
    assert!(verified(&laptop), "also without a node");
}

#[test]
fn used_expired_and_mistyped_tickets_are_refused() {
    let _turn = turns::shared();
    let world = World::new();
    let (laptop, phone, third) = (world.first_device("laptop"), world.device("phone"), world.device("third"));
    let node = laptop.up();
    let ticket = laptop.ticket(&["--yes"]);
    let join = |device: &Device, ticket: &str, code: &str| {
        let line = ["device", "join", ticket, "--device", &device.name, "--yes"];
        device.refuses(&[&line[..], &LOOPBACK].concat(), 1, code);
        assert!(!device.home().join("vault").exists(), "{code}");
    };
    let middle = ticket.len() / 2;
    let other = if ticket.as_bytes()[middle] == b'a' { "b" } else { "a" };
    let mistyped = format!("{}{other}{}", &ticket[..middle], &ticket[middle + 1..]);
    join(&third, &mistyped, "ticket-malformed");
    join(&third, &ticket[..ticket.len() - 3], "ticket-malformed");
    join(&third, "musette1", "ticket-malformed");
    join(&third, &ticket.replacen("musette1", "musette2", 1), "ticket-newer");
    join(&third, &expired(&ticket), "ticket-expired");

    let line = ["device", "join", &ticket, "--device", "phone", "--yes"];
    phone.run(&[&line[..], &LOOPBACK].concat()).ok();
    join(&third, &ticket, "ticket-used");
    assert_eq!(node.api.get("/v1/devices")["devices"].as_array().map(Vec::len), Some(2));

    // One's own items are never mixed with another's, nor lost.
    let fresh = laptop.ticket(&["--yes"]);
    let before = phone.list();
    let line = ["device", "join", &fresh, "--device", "phone", "--yes"];
    phone.refuses(&[&line[..], &LOOPBACK].concat(), 1, "home-not-empty");
    assert_eq!(phone.list(), before);

    node.stop();
    join(&third, &fresh, "unreachable");
}

#[test]
fn a_ticket_survives_what_mail_programs_do_to_it() {
    let _turn = turns::shared();
    let world = World::new();
    let (laptop, phone) = (world.first_device("laptop"), world.device("phone"));
    let node = laptop.up();
    let ticket = laptop.ticket(&["--yes"]).to_uppercase();
    let (head, tail) = ticket.split_at(70);
    let line = ["device", "join", &format!("{head}\n  {tail}"), "--device", "phone", "--yes"];
    phone.run(&[&line[..], &LOOPBACK].concat()).ok();
    node.stop();
    // The alphabet of tickets is base32's, in lower case.
    assert!(BASE32_NOPAD.decode(ticket.strip_prefix("MUSETTE1").unwrap().as_bytes()).is_ok());
}
