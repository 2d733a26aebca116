//! All of it in one go: each time with a new relay on this machine, which has the first core to itself.
//!
//! The strangers run in a process of their own, which gives way to the client that they are to disturb: both are on
//! the second core, and what that does to the client says nothing about the relay.

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use libp2p::Multiaddr;
use musette_protocol::relaying::RelayTicket;
use tempfile::TempDir;

use crate::{hold, transfer};

const RELAY_CORE: &str = "0";
const LOAD_CORE: &str = "1";
const CLIENTS: usize = 2_000;
const CIRCUITS: usize = 200;
const STRANGERS: &str = "500";
const MEGABYTES: usize = 200;
/// Transfers of which the middle one is compared.
const TIMES: usize = 5;

/// All clients have one address: it is allowed as much as many are together.
const ONE_FOR_ALL: &str = "connections_per_source = 4000\nconnects_per_source_and_minute = 60000\n\
                           circuits_per_source = 500\npeers_per_ticket = 3000\n";
/// Reserving 2,000 places is to be measured, not the rate at which newcomers are let in.
const AT_ONCE: &str = "connects_per_second = 10000\n";

/// A relay that runs until this is dropped.
struct Relay {
    process: Child,
    address: Multiaddr,
    ticket: RelayTicket,
    _dir: TempDir,
}

impl Relay {
    fn start(transport: &str, limits: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("relay.toml");
        let data = dir.path().join("data");
        let text =
            format!("listen = [\"{transport}\"]\ndata_dir = {data:?}\nmetrics = \"off\"\n[limits]\n{limits}");
        fs::write(&config, text).unwrap();
        let mut process = Command::new("taskset")
            .args(["-c", RELAY_CORE])
            .arg(binary())
            .args(["run", "--config"])
            .arg(&config)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("taskset of util-linux");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address: Multiaddr = line.trim().parse().expect("the relay's first line is its address");
        let ticket = ticket(&config, &address);
        Self { process, address, ticket, _dir: dir }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn ticket(config: &Path, address: &Multiaddr) -> RelayTicket {
    let made = Command::new(binary())
        .args(["ticket", "--days", "1", "--quota", "1TB", "--address", &address.to_string(), "--config"])
        .arg(config)
        .output()
        .unwrap();
    String::from_utf8(made.stdout).unwrap().trim().parse().expect("a ticket")
}

/// The relay that was built beside this program.
fn binary() -> PathBuf {
    let examples = env::current_exe().unwrap();
    let built = examples.parent().and_then(Path::parent).unwrap().join("musette-relay");
    assert!(built.exists(), "to build the relay first: cargo build --release -p musette-relay");
    built
}

pub(crate) async fn run() {
    let own = std::process::id().to_string();
    let pinned = Command::new("taskset").args(["-acp", LOAD_CORE, &own]).output();
    assert!(pinned.is_ok_and(|done| done.status.success()), "taskset, and two cores");
    for transport in ["/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"] {
        println!("{transport}");
        let relay = Relay::start(transport, &format!("{ONE_FOR_ALL}{AT_ONCE}"));
        hold(&relay.address, &relay.ticket, CLIENTS, CIRCUITS, relay.process.id()).await;
        drop(relay);

        let relay = Relay::start(transport, ONE_FOR_ALL);
        let quiet = middle(transfer(&relay.address, &relay.ticket, MEGABYTES, TIMES).await);
        let mut strangers = Command::new("nice")
            .args(["-n", "19", "taskset", "-c", LOAD_CORE])
            .arg(env::current_exe().unwrap())
            .args(["flood", "--strangers", STRANGERS, "--relay", &relay.address.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(strangers.stdout.take().unwrap()).lines();
        println!("{}", said.next().unwrap().unwrap());
        let flooded = middle(transfer(&relay.address, &relay.ticket, MEGABYTES, TIMES).await);
        drop(strangers.stdin.take());
        said.for_each(|line| println!("{}", line.unwrap()));
        strangers.wait().unwrap();
        println!("{STRANGERS} strangers leave a client {:.0} % of its speed", 100.0 * flooded / quiet);
    }
}

fn middle(mut speeds: Vec<f64>) -> f64 {
    speeds.sort_unstable_by(f64::total_cmp);
    speeds[speeds.len() / 2]
}
