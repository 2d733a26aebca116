//! What a node sends, and to whom, as a capture shows it.

use std::{collections::BTreeSet, path::Path, process::Command};

use musette_tests::{
    need,
    netns::Cable,
    turns,
    wait::{PATIENCE, until},
    world::World,
};

/// Packets after which enough was seen.
const PACKETS: usize = 12;

#[test]
fn without_discovery_and_relays_a_node_sends_to_paired_devices_alone() {
    if !need::privileges(&["ip", "tcpdump"]) {
        return;
    }
    let _turn = turns::shared();
    let (world, cable) = (World::new(), Cable::new());
    let laptop = world.device("laptop").in_namespace(&cable.ends[0]);
    let phone = world.device("phone").in_namespace(&cable.ends[1]);
    laptop.init();
    let quiet = ["--no-discovery", "--listen"];
    let node = laptop.up_with(&[&quiet[..], &[&cable.listen(0, 4101)]].concat());
    let ticket = laptop.ticket(&["--yes"]);
    let line = ["device", "join", &ticket, "--device", "phone", "--yes"];
    phone.run(&[&line[..], &quiet, &[&cable.listen(1, 4102)]].concat()).ok();
    until(PATIENCE, "the phone is gone", || (node.device("phone")["connected"] == false).then_some(()));

    let file = world.path().join("quiet.pcap");
    let tap = cable.tap(&file, world.path().join("tcpdump.log"));
    // Long enough for several tries to reach the other device.
    let sent = until(PATIENCE, "packets to the paired device", || {
        let sent = destinations(&file, &cable.addresses[0]);
        (sent.len() >= PACKETS).then_some(sent)
    });
    tap.stop();
    node.stop();
    let others: Vec<&String> =
        sent.iter().filter(|to| **to != format!("{}.4102", cable.addresses[1])).collect();
    assert!(others.is_empty(), "packets to others than the paired device: {others:?}");
}

#[test]
fn on_the_local_network_each_start_has_another_name() {
    if !need::privileges(&["ip", "tcpdump"]) {
        return;
    }
    let _turn = turns::shared();
    let (world, cable) = (World::new(), Cable::new());
    let laptop = world.device("laptop").in_namespace(&cable.ends[0]);
    let other = world.device("other").in_namespace(&cable.ends[1]);
    laptop.init();
    other.init();
    let mut heard = Vec::new();
    for start in 0..2 {
        let tap = cable.tap(&world.path().join(format!("{start}.pcap")), world.path().join("tcpdump.log"));
        let node = laptop.up_with(&["--listen", &cable.listen(0, 4101)]);
        // Somebody who asks: mDNS answers.
        let asking = other.up_with(&["--listen", &cable.listen(1, 4102)]);
        let file = world.path().join(format!("{start}.pcap"));
        let names = until(PATIENCE, "an announcement", || {
            let names = announced(&file, &cable.addresses[0]);
            (!names.is_empty()).then_some(names)
        });
        node.stop();
        asking.stop();
        tap.stop();
        heard.push(names);
    }
    assert!(heard[0].is_disjoint(&heard[1]), "{heard:?}");
}

/// Where UDP and TCP packets from an address went, with the ports.
fn destinations(capture: &Path, from: &str) -> Vec<String> {
    let told =
        tcpdump(&["-nn", "-r", capture.to_str().unwrap(), &format!("src host {from} and (udp or tcp)")]);
    let lines = told.lines().filter_map(|line| line.split(" > ").nth(1));
    lines.filter_map(|rest| rest.split(": ").next()).map(str::to_owned).collect()
}

/// The peer ids in what an address sent by mDNS.
fn announced(capture: &Path, from: &str) -> BTreeSet<String> {
    let filter = format!("src host {from} and udp port 5353");
    let told = tcpdump(&["-nn", "-A", "-r", capture.to_str().unwrap(), &filter]);
    let words = told.split(|char: char| !char.is_ascii_alphanumeric());
    words.filter(|word| word.starts_with("12D3KooW") && word.len() == 52).map(str::to_owned).collect()
}

fn tcpdump(args: &[&str]) -> String {
    let output = Command::new("tcpdump").args(args).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}
