//! Two devices of one person behind two routers, with a relay that both can reach.

use std::time::{Duration, Instant};

use crate::{
    natlab::{Host, Kind, Lab},
    process::Node,
    relay::Relay,
    wait::{PATIENCE, until},
    world::{Device, World},
};

/// How long a pair has to become direct: a hole is punched within a second, or after a few tries.
const TO_BECOME_DIRECT: Duration = Duration::from_secs(15);

/// How two devices met.
#[derive(Debug, Clone, Copy)]
pub struct Met {
    /// From the start of the second node to the agreement.
    pub synced: Duration,
    /// To a session over a direct connection, if one came about.
    pub direct: Option<Duration>,
}

/// Two devices that know each other, the first one's node running.
#[derive(Debug)]
pub struct Pair {
    /// The relay that both use.
    pub relay: Relay,
    /// Where they are.
    pub hosts: [Host; 2],
    /// The device that was first.
    pub laptop: Device,
    /// Its node.
    pub laptop_node: Node,
    /// The one that joined it through the relay; its node does not run.
    pub phone: Device,
}

impl Pair {
    /// Sets them up.
    pub fn new(world: &World, lab: &mut Lab, one: Kind, other: Kind) -> Self {
        let at_relay = lab.host(Kind::Open);
        let relay = Relay::start(&at_relay.namespace, &world.path().join("relay"), &at_relay.public, 4001);
        let hosts = [lab.host(one), lab.host(other)];
        let laptop = world.device("laptop").in_namespace(&hosts[0].namespace);
        let phone = world.device("phone").in_namespace(&hosts[1].namespace);
        laptop.init();
        laptop.add(&["note", "title=Before"]);
        let laptop_node = laptop.up_with(&["--no-discovery"]);
        use_relay(&laptop, &laptop_node, &relay);
        let ticket = laptop.ticket(&["--yes"]);
        let line = ["device", "join", &ticket, "--device", "phone", "--yes", "--no-discovery"];
        phone.run(&line).ok();
        Self { relay, hosts, laptop, laptop_node, phone }
    }
}

/// Names a relay for a device and the others of its person, and waits until it has a place there.
pub fn use_relay(device: &Device, node: &Node, relay: &Relay) {
    let addresses: Vec<&str> = relay.addresses.iter().map(String::as_str).collect();
    device.run(&[&["relay", "add"], &addresses[..]].concat()).ok();
    until(PATIENCE, "a place at the relay", || {
        let relays = node.api.get("/v1/relays");
        let mut relays = relays["relays"].as_array().unwrap().iter();
        relays.all(|relay| relay["state"] == "reserved").then_some(())
    });
}

/// Lets two devices behind these routers meet.
pub fn meet(world: &World, lab: &mut Lab, one: Kind, other: Kind) -> Met {
    let Pair { relay: _relay, laptop_node, phone, .. } = Pair::new(world, lab, one, other);
    let began = Instant::now();
    let phone_node = phone.up_with(&["--no-discovery"]);
    phone_node.await_agreement("laptop");
    let synced = began.elapsed();
    let direct = loop {
        if phone_node.device("laptop")["path"] == "direct" {
            break Some(began.elapsed());
        }
        if began.elapsed() > TO_BECOME_DIRECT {
            break None;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    laptop_node.stop();
    phone_node.stop();
    Met { synced, direct }
}
