//! Two computers on a cable: network namespaces, and a tap on the line.

use std::{
    path::{Path, PathBuf},
    process::{self, Command},
    sync::atomic::{AtomicU32, Ordering},
};

use crate::{
    process::Process,
    wait::{PATIENCE, until},
};

/// Two namespaces with a cable between them. They go when this is dropped.
#[derive(Debug)]
pub struct Cable {
    /// The namespaces' names.
    pub ends: [String; 2],
    /// Their addresses on the cable.
    pub addresses: [String; 2],
}

/// A tap on a cable.
#[derive(Debug)]
pub struct Tap {
    tcpdump: Process,
    file: PathBuf,
}

/// The name of the cable's end in each namespace.
const INTERFACE: &str = "cable0";

impl Default for Cable {
    fn default() -> Self {
        Self::new()
    }
}

impl Cable {
    /// Lays one.
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = |end: &str| format!("musette-{}-{number}{end}", process::id());
        let cable = Self {
            ends: [name("a"), name("b")],
            addresses: ["10.213.77.1".to_owned(), "10.213.77.2".to_owned()],
        };
        let [one, other] = &cable.ends;
        ip(&["netns", "add", one]);
        ip(&["netns", "add", other]);
        ip(&[
            "link", "add", INTERFACE, "netns", one, "type", "veth", "peer", "name", INTERFACE, "netns", other,
        ]);
        for (end, address) in cable.ends.iter().zip(&cable.addresses) {
            ip(&["-n", end, "link", "set", "lo", "up"]);
            ip(&["-n", end, "address", "add", &format!("{address}/24"), "dev", INTERFACE]);
            ip(&["-n", end, "link", "set", INTERFACE, "up"]);
            // What is sent to a group needs a way out, also where there is no default route.
            ip(&["-n", end, "route", "add", "224.0.0.0/4", "dev", INTERFACE]);
        }
        cable
    }

    /// Where a node at one end listens.
    pub fn listen(&self, end: usize, port: u16) -> String {
        format!("/ip4/{}/udp/{port}/quic-v1", self.addresses[end])
    }

    /// Records every packet on the cable from now on.
    pub fn tap(&self, file: &Path, log: PathBuf) -> Tap {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.ends[0], "tcpdump", "-U", "-s", "0", "-Z", "root"]);
        // Otherwise the last packets lie in the kernel, and are lost when it is stopped.
        command.args(["--immediate-mode", "-B", "16384", "-i", INTERFACE, "-w"]).arg(file);
        let tcpdump = Process::start(command, log);
        until(PATIENCE, "tcpdump listens", || tcpdump.stderr().contains("listening on").then_some(()));
        Tap { tcpdump, file: file.to_owned() }
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        for end in &self.ends {
            drop(Command::new("ip").args(["netns", "delete", end]).status());
        }
    }
}

impl Tap {
    /// Stops recording and gives the file.
    pub fn stop(self) -> PathBuf {
        self.tcpdump.terminate();
        self.tcpdump.wait(PATIENCE).ok();
        self.file
    }
}

pub(crate) fn ip(args: &[&str]) {
    let output = Command::new("ip").args(args).output().unwrap();
    assert!(output.status.success(), "ip {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}
