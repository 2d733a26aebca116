//! Two devices of one person behind two routers, with a relay that both can reach.

use std::time::{Duration, Instant};

use crate::{
    natlab::{Host, Kind, Lab},
    process::Node,
    relay::Relay,
    wait::{PATIENCE, until},
    world::{Device, World},
};

/// How long a pair has to become direct: a hole is punched within a second, or at one of the next tries, after
/// 5 and 10 s more.
const TO_BECOME_DIRECT: Duration = Duration::from_secs(30);
/// The same for a pair that is not expected to.
const TO_SURPRISE: Duration = Duration::from_secs(3);

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
    /// The relays that both use.
    pub relays: Vec<Relay>,
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
    /// Sets them up, with so many relays.
    pub fn new(world: &World, lab: &mut Lab, one: Kind, other: Kind, relays: usize) -> Self {
        let relays: Vec<Relay> = (0..relays)
            .map(|number| {
                let folder = world.path().join(format!("relay-{number}"));
                Relay::start(&lab.host(Kind::Open), &folder)
            })
            .collect();
        let names: Vec<String> = relays.iter().map(|relay| relay.ticket("2GB")).collect();
        Self::over(world, lab, [one, other], relays, &names)
    }

    /// Sets them up with these relays, by tickets or addresses.
    pub fn over(
        world: &World,
        lab: &mut Lab,
        [one, other]: [Kind; 2],
        relays: Vec<Relay>,
        names: &[String],
    ) -> Self {
        let hosts = [lab.host(one), lab.host(other)];
        let laptop = world.device("laptop").in_namespace(&hosts[0].namespace);
        let phone = world.device("phone").in_namespace(&hosts[1].namespace);
        laptop.init();
        laptop.add(&["note", "title=Before"]);
        let laptop_node = laptop.up_with(&NO_DISCOVERY);
        use_relays(&laptop, &laptop_node, names);
        let ticket = laptop.ticket(&["--yes"]);
        let line = ["device", "join", &ticket, "--device", "phone", "--yes", "--no-discovery"];
        phone.run(&line).ok();
        Self { relays, hosts, laptop, laptop_node, phone }
    }
}

/// Each device finds the other by relays and addresses alone.
pub const NO_DISCOVERY: [&str; 1] = ["--no-discovery"];

/// Names relays for a device and the others of its person, by tickets or addresses, and waits until it has a
/// place at each.
pub fn use_relays(device: &Device, node: &Node, names: &[String]) {
    for name in names {
        device.run(&["relay", "add", name]).ok();
    }
    await_places(node, names.len());
}

/// Waits until a node has so many places at relays.
pub fn await_places(node: &Node, count: usize) {
    until(PATIENCE, "places at the relays", || {
        let relays = node.api.get("/v1/relays");
        let relays = relays["relays"].as_array().unwrap().iter();
        let held = relays.filter(|relay| relay["state"] == "reserved").count();
        (held == count).then_some(())
    });
}

/// Lets two devices behind these routers meet.
pub fn meet(world: &World, lab: &mut Lab, one: Kind, other: Kind) -> Met {
    let Pair { relays: _relays, laptop_node, phone, .. } = Pair::new(world, lab, one, other, 1);
    let began = Instant::now();
    let phone_node = phone.up_with(&NO_DISCOVERY);
    phone_node.await_agreement("laptop");
    let synced = began.elapsed();
    let patience = if one.is_direct_with(other) { TO_BECOME_DIRECT } else { TO_SURPRISE };
    let direct = loop {
        if phone_node.device("laptop")["path"] == "direct" {
            break Some(began.elapsed());
        }
        if began.elapsed() > patience {
            break None;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    laptop_node.stop();
    phone_node.stop();
    Met { synced, direct }
}
