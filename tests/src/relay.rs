//! A relay that runs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    binaries,
    natlab::Host,
    process::Process,
    wait::{PATIENCE, until},
};

const PORT: u16 = 4001;

/// A running `musette-relay`. It is killed when this is dropped.
#[derive(Debug)]
pub struct Relay {
    process: Process,
    host: Host,
    folder: PathBuf,
    /// Its addresses, each ending in its peer id.
    addresses: Vec<String>,
}

impl Relay {
    /// Starts one on a host of the public network, with what it keeps in a folder.
    pub fn start(host: &Host, folder: &Path) -> Self {
        let listen = listen_addresses(host);
        let config = folder.join("relay.toml");
        let data = folder.join("data");
        let text = format!("listen = {listen:?}\ndata_dir = {data:?}\nmetrics = \"off\"\n");
        fs::create_dir_all(folder).unwrap();
        fs::write(&config, text).unwrap();
        let mut command = in_namespace(host, binaries::relay());
        command.args(["run", "--config"]).arg(&config);
        Self::run(host, folder, command, listen.len())
    }

    /// Starts one that is libp2p's own, with its limits. It knows no tickets.
    pub fn start_plain(host: &Host, folder: &Path) -> Self {
        let listen = listen_addresses(host);
        fs::create_dir_all(folder).unwrap();
        let mut command = in_namespace(host, binaries::plain_relay());
        command.args(&listen);
        Self::run(host, folder, command, listen.len())
    }

    /// Runs a program that prints so many addresses once it listens.
    fn run(host: &Host, folder: &Path, command: Command, count: usize) -> Self {
        let told = folder.join("relay.out");
        let stdout = fs::File::create(&told).unwrap();
        let mut process = Process::start_into(command, stdout, folder.join("relay.log"));
        let addresses = until(PATIENCE, "the relay listens", || {
            assert!(process.ended().is_none(), "the relay does not run: {}", process.stderr());
            let told = fs::read_to_string(&told).unwrap();
            let addresses: Vec<String> = told.lines().map(str::to_owned).collect();
            (addresses.len() == count).then_some(addresses)
        });
        Self { process, host: host.clone(), folder: folder.to_owned(), addresses }
    }

    /// Where it can be used.
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// A ticket with which it can be used, for so much.
    pub fn ticket(&self, quota: &str) -> String {
        let mut command = Command::new(binaries::relay());
        command
            .args(["ticket", "--days", "30", "--quota", quota, "--config"])
            .arg(self.folder.join("relay.toml"));
        let made = command.arg("--address").args(&self.addresses).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        String::from_utf8(made.stdout).unwrap().trim().to_owned()
    }

    /// Whether this is the relay of that peer id.
    pub fn is(&self, peer: &str) -> bool {
        self.addresses[0].ends_with(peer)
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// The seed of its transport key: the first half of the key in the file, behind what says of which kind it is.
    pub fn seed(&self) -> Vec<u8> {
        fs::read(self.folder.join("data").join("key")).unwrap()[4..36].to_vec()
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again after it was killed.
    pub fn restart(&mut self) {
        *self = Self::start(&self.host.clone(), &self.folder.clone());
    }
}

/// On each of a host's addresses, over QUIC and TCP.
fn listen_addresses(host: &Host) -> Vec<String> {
    let on = |ip: &String| {
        let family = if ip.contains(':') { "ip6" } else { "ip4" };
        [format!("/{family}/{ip}/udp/{PORT}/quic-v1"), format!("/{family}/{ip}/tcp/{PORT}")]
    };
    host.public.iter().flat_map(on).collect()
}

fn in_namespace(host: &Host, program: &Path) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", &host.namespace]).arg(program);
    command
}
