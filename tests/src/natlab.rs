//! An internet in small: a public network, and homes behind routers of every kind.
//!
//! Each host and router is a network namespace; the routers translate addresses with nftables, as real
//! ones do. What goes on the public network is IPv4 in 198.51.100.0/24 and IPv6 in 2001:db8::/64.

use std::{
    fmt,
    io::Write as _,
    process::{self, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use crate::netns::ip;

/// How a host is connected to the public network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// With addresses of its own of both families, and no firewall.
    Open,
    /// Behind a router that sends everything that comes in to it: a static mapping, a full cone.
    FullCone,
    /// Behind a router that keeps ports, and lets in answers alone.
    KeepsPorts,
    /// Behind one that draws another port for each destination: symmetric.
    Random,
    /// Behind two routers that keep ports, one behind the other.
    Double,
    /// Behind one that keeps ports and lets no UDP through.
    NoUdp,
    /// With an address of IPv6 alone, behind a firewall that lets in answers alone.
    SixOnly,
    /// Behind a router that keeps ports, and that behind the carrier's. There is one carrier in a lab, and its
    /// router sends nothing back in that goes to its own address.
    OneCarrier,
    /// The same with a carrier whose router does: hairpin.
    Hairpin,
}

impl Kind {
    /// Those of a host, whatever the other one's is.
    pub const ALL: [Self; 7] = [
        Self::Open,
        Self::FullCone,
        Self::KeepsPorts,
        Self::Random,
        Self::Double,
        Self::NoUdp,
        Self::SixOnly,
    ];

    /// What can stand before two devices: each two of [`Self::ALL`], and one carrier before both.
    pub fn pairs() -> impl Iterator<Item = (Self, Self)> {
        let others = |(at, one)| Self::ALL[at..].iter().map(move |other| (one, *other));
        let carriers = [Self::OneCarrier, Self::Hairpin].map(|carrier| (carrier, carrier));
        Self::ALL.into_iter().enumerate().flat_map(others).chain(carriers)
    }

    /// Whether hosts behind two routers of these kinds are to reach each other directly.
    pub fn is_direct_with(self, other: Self) -> bool {
        if self == Self::OneCarrier && other == Self::OneCarrier {
            return false;
        }
        let alone = |kind: Self| matches!(kind, Self::Random | Self::NoUdp);
        let has_four = |kind: Self| kind != Self::SixOnly;
        let has_six = |kind: Self| matches!(kind, Self::SixOnly | Self::Open);
        let share = (has_four(self) && has_four(other)) || (has_six(self) && has_six(other));
        share && !alone(self) && !alone(other)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Open => "open",
            Self::FullCone => "full cone",
            Self::KeepsPorts => "keeps ports",
            Self::Random => "random ports",
            Self::Double => "two layers",
            Self::NoUdp => "no UDP",
            Self::SixOnly => "IPv6 only",
            Self::OneCarrier => "one carrier",
            Self::Hairpin => "hairpin",
        })
    }
}

/// The public network, and what is connected to it. Everything goes when this is dropped.
#[derive(Debug)]
pub struct Lab {
    prefix: String,
    namespaces: Vec<String>,
    /// The namespace of the carrier's router, once there is one.
    carrier: Option<String>,
    /// Numbers that are not used yet: of hosts and networks.
    next: u8,
}

/// A host's namespace, and where it is on the public network, if it is there itself.
#[derive(Debug, Clone)]
pub struct Host {
    /// For `ip netns exec`.
    pub namespace: String,
    /// The namespace of the router next to the public network, if there is one.
    pub router: Option<String>,
    /// Its own addresses on the public network: of IPv4, then of IPv6.
    pub public: Vec<String>,
}

/// What a router does with packets, as nftables has it: `wan` is the interface to the outside.
const KEEP_PORTS: &str = "oifname \"wan\" masquerade";
const RANDOM_PORTS: &str = "oifname \"wan\" masquerade fully-random";
const ANSWERS_ALONE: &str = "iifname \"wan\" ct state new drop";

impl Default for Lab {
    fn default() -> Self {
        Self::new()
    }
}

impl Lab {
    /// A public network with nobody on it.
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("musette-{}-lab{number}", process::id());
        let mut lab = Self { prefix, namespaces: Vec::new(), carrier: None, next: 2 };
        let public = lab.namespace("public");
        ip(&["-n", &public, "link", "add", "br0", "type", "bridge"]);
        ip(&["-n", &public, "link", "set", "br0", "up"]);
        ip(&["-n", &public, "address", "add", "198.51.100.1/24", "dev", "br0"]);
        ip(&["-n", &public, "address", "add", "2001:db8::1/64", "dev", "br0", "nodad"]);
        run_in(&public, &["sysctl", "-qw", "net.ipv6.conf.all.forwarding=1"]);
        lab
    }

    fn namespace(&mut self, name: &str) -> String {
        let namespace = format!("{}-{name}", self.prefix);
        ip(&["netns", "add", &namespace]);
        ip(&["-n", &namespace, "link", "set", "lo", "up"]);
        self.namespaces.push(namespace.clone());
        namespace
    }

    fn number(&mut self) -> u8 {
        self.next += 1;
        self.next
    }

    /// Connects a namespace to the public network, by an interface of this name.
    fn connect(&mut self, namespace: &str, interface: &str, number: u8, families: Families) -> Vec<String> {
        let public = format!("{}-public", self.prefix);
        let port = format!("port{number}");
        cable(&public, &port, namespace, interface);
        ip(&["-n", &public, "link", "set", &port, "master", "br0", "up"]);
        let (four, six) = (format!("198.51.100.{number}"), format!("2001:db8::{number}"));
        let mut addresses = Vec::new();
        if families.four {
            ip(&["-n", namespace, "address", "add", &format!("{four}/24"), "dev", interface]);
            addresses.push(four);
        }
        if families.six {
            ip(&["-n", namespace, "address", "add", &format!("{six}/64"), "dev", interface, "nodad"]);
            ip(&["-n", namespace, "route", "add", "default", "via", "2001:db8::1"]);
            addresses.push(six);
        }
        addresses
    }

    /// A host of this kind.
    pub fn host(&mut self, kind: Kind) -> Host {
        match kind {
            Kind::Open => {
                let number = self.number();
                let namespace = self.namespace(&format!("host{number}"));
                let public = self.connect(&namespace, "eth0", number, Families { four: true, six: true });
                Host { namespace, router: None, public }
            }
            Kind::SixOnly => self.behind_firewall(),
            Kind::OneCarrier => self.behind_carrier(without_hairpin),
            Kind::Hairpin => self.behind_carrier(hairpin),
            Kind::Double => {
                let outer = self.number();
                let router = self.namespace(&format!("router{outer}"));
                self.connect(&router, "wan", outer, Families { four: true, six: false });
                forward(&router, KEEP_PORTS, ANSWERS_ALONE);
                let inner = self.namespace(&format!("inner{outer}"));
                link(&router, "lan", &inner, "wan", &format!("192.168.{outer}"));
                let namespace = self.behind(&inner, outer);
                forward(&inner, KEEP_PORTS, ANSWERS_ALONE);
                Host { namespace, router: Some(router), public: Vec::new() }
            }
            _ => {
                let number = self.number();
                let router = self.namespace(&format!("router{number}"));
                self.connect(&router, "wan", number, Families { four: true, six: false });
                let namespace = self.behind(&router, number);
                match kind {
                    Kind::FullCone => full_cone(&router, &format!("10.0.{number}.2")),
                    Kind::Random => forward(&router, RANDOM_PORTS, ANSWERS_ALONE),
                    Kind::NoUdp => {
                        forward(&router, KEEP_PORTS, &format!("{ANSWERS_ALONE}\n    meta l4proto udp drop"));
                    }
                    _ => forward(&router, KEEP_PORTS, ANSWERS_ALONE),
                }
                Host { namespace, router: Some(router), public: Vec::new() }
            }
        }
    }

    /// A host on the local network of a router.
    fn behind(&mut self, router: &str, number: u8) -> String {
        let namespace = self.namespace(&format!("host{number}"));
        link(router, "lan", &namespace, "eth0", &format!("10.0.{number}"));
        namespace
    }

    /// A host of one of the carrier's customers. The first one's carrier, made by `translate` from its router
    /// and address, serves all.
    fn behind_carrier(&mut self, translate: fn(&str, &str)) -> Host {
        let number = self.number();
        let carrier = self.carrier.clone().unwrap_or_else(|| {
            let carrier = self.namespace("carrier");
            let public = self.connect(&carrier, "wan", number, Families { four: true, six: false });
            translate(&carrier, &public[0]);
            carrier
        });
        self.carrier = Some(carrier.clone());
        let home = self.namespace(&format!("home{number}"));
        // Addresses that are for carriers' customers: RFC 6598.
        link(&carrier, &format!("lan{number}"), &home, "wan", &format!("100.64.{number}"));
        let namespace = self.behind(&home, number);
        forward(&home, KEEP_PORTS, ANSWERS_ALONE);
        Host { namespace, router: Some(carrier), public: Vec::new() }
    }

    fn behind_firewall(&mut self) -> Host {
        let number = self.number();
        let router = self.namespace(&format!("router{number}"));
        self.connect(&router, "wan", number, Families { four: false, six: true });
        let namespace = self.namespace(&format!("host{number}"));
        cable(&router, "lan", &namespace, "eth0");
        let network = format!("2001:db8:{number}");
        for (place, end, interface) in [(1, &router, "lan"), (2, &namespace, "eth0")] {
            let address = format!("{network}::{place}/64");
            ip(&["-n", end, "address", "add", &address, "dev", interface, "nodad"]);
        }
        ip(&["-n", &namespace, "route", "add", "default", "via", &format!("{network}::1")]);
        run_in(&router, &["sysctl", "-qw", "net.ipv6.conf.all.forwarding=1"]);
        nft(
            &router,
            &format!(
                "table ip6 firewall {{\n  chain forwarded {{\n    type filter hook forward priority 0; policy accept\n    {ANSWERS_ALONE}\n  }}\n}}\n"
            ),
        );
        let public = format!("{}-public", self.prefix);
        let via = format!("2001:db8::{number}");
        ip(&["-n", &public, "route", "add", &format!("{network}::/64"), "via", &via]);
        Host { namespace, router: Some(router), public: Vec::new() }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for namespace in &self.namespaces {
            drop(Command::new("ip").args(["netns", "delete", namespace]).status());
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Families {
    four: bool,
    six: bool,
}

impl Host {
    /// Gives the router another address on the public network, as another provider would: what it had
    /// translated to the old one ends.
    pub fn change_uplink(&self, address: &str) {
        let router = self.router.as_ref().unwrap();
        ip(&["-n", router, "address", "flush", "dev", "wan"]);
        ip(&["-n", router, "address", "add", &format!("{address}/24"), "dev", "wan"]);
    }
}

/// Lays a cable, both ends up.
fn cable(one: &str, one_interface: &str, other: &str, other_interface: &str) {
    ip(&[
        "link",
        "add",
        one_interface,
        "netns",
        one,
        "type",
        "veth",
        "peer",
        "name",
        other_interface,
        "netns",
        other,
    ]);
    ip(&["-n", one, "link", "set", one_interface, "up"]);
    ip(&["-n", other, "link", "set", other_interface, "up"]);
}

/// A local network of two: a router at `.1`, by which the other one reaches everything.
fn link(router: &str, lan: &str, other: &str, interface: &str, network: &str) {
    cable(router, lan, other, interface);
    ip(&["-n", router, "address", "add", &format!("{network}.1/24"), "dev", lan]);
    ip(&["-n", other, "address", "add", &format!("{network}.2/24"), "dev", interface]);
    ip(&["-n", other, "route", "add", "default", "via", &format!("{network}.1")]);
}

/// Makes a router translate and filter.
fn forward(router: &str, translated: &str, filtered: &str) {
    run_in(router, &["sysctl", "-qw", "net.ipv4.ip_forward=1"]);
    nft(
        router,
        &format!(
            "table ip nat {{\n  chain out {{\n    type nat hook postrouting priority 100\n    {translated}\n  }}\n}}\n\
             table ip firewall {{\n  chain forwarded {{\n    type filter hook forward priority 0; policy accept\n    {filtered}\n  }}\n  \
             chain arriving {{\n    type filter hook input priority 0; policy accept\n    {ANSWERS_ALONE}\n  }}\n}}\n"
        ),
    );
}

/// A router that keeps ports, and takes nothing from inside that goes to its own address.
fn without_hairpin(router: &str, public: &str) {
    forward(router, KEEP_PORTS, ANSWERS_ALONE);
    let refused = format!("iifname \"lan*\" ip daddr {public} drop");
    nft(router, &format!("table ip firewall {{\n  chain arriving {{\n    {refused}\n  }}\n}}\n"));
}

/// A router that keeps ports, and sends what goes from inside to a port of its address to the host whose port
/// it is, as if it came from outside.
fn hairpin(router: &str, public: &str) {
    forward(router, KEEP_PORTS, ANSWERS_ALONE);
    nft(
        router,
        &format!(
            "table ip hairpin {{\n  map holders {{\n    type inet_service : ipv4_addr\n    flags dynamic, timeout\n    timeout 10m\n  }}\n  \
             chain noted {{\n    type filter hook postrouting priority 0\n    oifname \"wan\" ct state new meta l4proto udp update @holders {{ udp sport : ip saddr }}\n  }}\n  \
             chain in {{\n    type nat hook prerouting priority -100\n    iifname \"lan*\" ip daddr {public} dnat to udp dport map @holders\n  }}\n  \
             chain out {{\n    type nat hook postrouting priority 90\n    oifname \"lan*\" ct status dnat snat to {public}\n  }}\n}}\n"
        ),
    );
}

fn full_cone(router: &str, host: &str) {
    run_in(router, &["sysctl", "-qw", "net.ipv4.ip_forward=1"]);
    nft(
        router,
        &format!(
            "table ip nat {{\n  chain in {{\n    type nat hook prerouting priority -100\n    iifname \"wan\" dnat to {host}\n  }}\n  \
             chain out {{\n    type nat hook postrouting priority 100\n    {KEEP_PORTS}\n  }}\n}}\n"
        ),
    );
}

fn nft(namespace: &str, rules: &str) {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", namespace, "nft", "-f", "-"]);
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(rules.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "nft: {}\n{rules}", String::from_utf8_lossy(&output.stderr));
}

/// Runs a program in a namespace; it must succeed.
pub fn run_in(namespace: &str, line: &[&str]) {
    let output = Command::new("ip").args(["netns", "exec", namespace]).args(line).output().unwrap();
    assert!(output.status.success(), "{line:?}: {}", String::from_utf8_lossy(&output.stderr));
}
