//! What a relay has in memory of those whom it serves: no word of theirs, and none of their keys.

use data_encoding::BASE32_NOPAD;
use musette_tests::{
    fetching::{Film, await_length, missing},
    memory::Memory,
    natlab::{Kind, Lab},
    need,
    pairs::{NO_DISCOVERY, use_relays},
    process::Node,
    relay::Relay,
    search::Needle,
    secrets::{self, Named},
    turns,
    wait::{PATIENCE, until},
    world::{Device, World, await_same_list},
};
use serde_json::Value;

use crate::canary::{canary, plant};

/// Larger than what comes without being asked for.
const FILM: u64 = 16 << 20;

/// What the relay must not have.
fn hidden(canary: &str, [laptop, phone]: [&Device; 2], node: &Node) -> Vec<Named> {
    let forms = Needle::new(canary);
    let forms = forms.forms().iter().map(|(form, bytes)| (format!("canary, {form}"), bytes.clone()));
    let mut hidden: Vec<Named> = forms.collect();
    hidden.extend([secrets::of(laptop), secrets::of(phone)].concat());
    for device in node.api.get("/v1/devices")["devices"].as_array().unwrap() {
        let id = device["id"].as_str().unwrap();
        let bytes = BASE32_NOPAD.decode(id.to_uppercase().as_bytes()).unwrap();
        hidden.extend([(format!("the id {id}"), id.into()), (format!("the bytes of the id {id}"), bytes)]);
    }
    let words = laptop.json(&["recovery", "show"]);
    let words = words["words"].as_array().unwrap().iter().filter_map(Value::as_str);
    let words = words.take(3).collect::<Vec<_>>().join(" ");
    hidden.push(("the recovery words".to_owned(), words.into_bytes()));
    hidden
}

/// Searches the relay's memory at this moment; what is `there` shows that the search finds things.
fn check(relay: &Relay, when: &str, hidden: &[Named], there: &[Named]) {
    let memory = Memory::of(relay.id()).unwrap();
    let found = memory.holds(hidden);
    assert!(found.is_empty(), "{when}, the relay has in its memory: {found:?}");
    assert_eq!(memory.holds(there).len(), there.len(), "{when}, the search misses {there:?}");
    println!("{when}: {} bytes of memory, searched for {} things", memory.len(), hidden.len());
}

/// Two devices, with the canary in all their names.
fn pair(world: &World, lab: &mut Lab, canary: &str) -> [Device; 2] {
    let mut device = |name| {
        let host = lab.host(Kind::Random);
        world.device(name).in_namespace(&host.namespace)
    };
    let (laptop, phone) = (device("laptop"), device("phone"));
    let (person, name) = (format!("{canary} Serin"), format!("{canary} at home"));
    laptop.run(&["init", "--name", &person, "--device", &name, "--no-passphrase"]).ok();
    plant(world, &laptop, canary);
    [laptop, phone]
}

#[test]
fn a_relays_memory_holds_no_word_and_no_key_of_those_it_serves() {
    if !need::privileges(&["ip", "nft"]) {
        return;
    }
    let _turn = turns::shared();
    let (world, mut lab) = (World::new(), Lab::new());
    let relay = Relay::start(&lab.host(Kind::Open), &world.path().join("relay"));
    if !need::memory(relay.id()) {
        return;
    }
    let canary = canary(&world);
    let [laptop, phone] = pair(&world, &mut lab, &canary);
    let laptop_node = laptop.up_with(&NO_DISCOVERY);
    use_relays(&laptop, &laptop_node, &[relay.ticket("2GB")]);
    let ticket = laptop.ticket(&["--yes"]);
    let (here, there) = (format!("{canary} at home"), format!("{canary} on the road"));
    phone.run(&["device", "join", &ticket, "--device", &there, "--yes", NO_DISCOVERY[0]]).ok();
    let phone_node = phone.up_with(&NO_DISCOVERY);
    phone_node.await_agreement(&here);
    await_same_list(&laptop_node, &phone_node);
    until(PATIENCE, "all attachments are there", || (missing(&phone_node) == 0).then_some(()));

    let (peer, secret) = secrets::of_ticket(&ticket);
    let mut hidden = hidden(&canary, [&laptop, &phone], &laptop_node);
    hidden.extend([("the ticket".to_owned(), ticket.into_bytes()), ("its secret".to_owned(), secret)]);
    let there = [("its own key".to_owned(), relay.seed()), ("a device's transport key".to_owned(), peer)];
    let (film, _) = Film::attach(&world, &laptop, FILM, PATIENCE);
    until(PATIENCE, "the film is known", || (missing(&phone_node) == FILM).then_some(()));
    let empty = phone.journal_len();
    let asked = film.ask(&phone_node);
    await_length(&phone, empty + FILM / 4, PATIENCE);
    check(&relay, "while it carries", &hidden, &there);
    assert!(missing(&phone_node) > 0, "the film arrived before the memory was read");
    assert!(relay.is(phone_node.device(&here)["relay"].as_str().unwrap()), "the relay carries it");
    film.await_whole(&phone_node, PATIENCE);
    drop(asked);
    check(&relay, "when all was carried", &hidden, &there);
    phone_node.stop();
    laptop_node.stop();
    // Of those who left it may have forgotten everything.
    check(&relay, "when both have left", &hidden, &there[..1]);
}
