//! A relay that runs.

use std::{path::Path, process::Command};

use crate::{
    binaries,
    process::Process,
    wait::{PATIENCE, until},
};

/// A running `musette-relay`. It is killed when this is dropped.
#[derive(Debug)]
pub struct Relay {
    process: Process,
    /// Its addresses, each ending in its peer id.
    pub addresses: Vec<String>,
}

impl Relay {
    /// Starts one in a namespace, with what it keeps in `folder`, listening at these IP addresses.
    pub fn start(namespace: &str, folder: &Path, ips: &[String], port: u16) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let listen: Vec<String> = ips
            .iter()
            .flat_map(|ip| {
                let family = if ip.contains(':') { "ip6" } else { "ip4" };
                [format!("/{family}/{ip}/udp/{port}/quic-v1"), format!("/{family}/{ip}/tcp/{port}")]
            })
            .collect();
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace]).arg(binaries::relay());
        command.arg("--key-file").arg(folder.join("key")).arg("--listen").args(&listen);
        let (log, told) = (folder.join("relay.log"), folder.join("relay.out"));
        let stdout = std::fs::File::create(&told).unwrap();
        let process = Process::start_into(command, stdout, log);
        let addresses = until(PATIENCE, "the relay listens", || {
            let told = std::fs::read_to_string(&told).unwrap();
            let addresses: Vec<String> = told.lines().map(str::to_owned).collect();
            (addresses.len() == listen.len()).then_some(addresses)
        });
        Self { process, addresses }
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}
