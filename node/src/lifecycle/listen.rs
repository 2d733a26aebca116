//! Where a node listens: for its person's devices on the same ports and under the same key at each start,
//! so that they find it again; on the local network on other ports under another key each time, so that
//! nobody else does.

use std::sync::Arc;

use libp2p::{Multiaddr, identity::Keypair, multiaddr::Protocol as Part};

use musette_protocol::crypto::{
    kdf::{context, derive},
    secret::Secret32,
};

use crate::{
    config::Config,
    error::{Error, Result},
    home::Home,
    net::{Endpoint, EndpointConfig, NetEvent},
    sync::{Arrivals, Endpoints},
};

/// Where a node listens when nobody said otherwise: on any port, kept for the next start.
const DEFAULT_LISTEN: [&str; 2] = ["/ip4/0.0.0.0/udp/0/quic-v1", "/ip4/0.0.0.0/tcp/0"];
/// The same where the system knows IPv6.
const DEFAULT_LISTEN_6: [&str; 2] = ["/ip6/::/udp/0/quic-v1", "/ip6/::/tcp/0"];

type Started = (Endpoint, tokio::sync::mpsc::Receiver<NetEvent>);

/// How the endpoints of a node start.
pub(super) struct Listening<'a> {
    pub(super) config: Config,
    /// Multiaddresses; empty for those of before, or the default.
    pub(super) asked: &'a [String],
    /// Whether to announce the device on the local network.
    pub(super) discovery: bool,
    pub(super) transport: Keypair,
}

/// The transport key of a device, by which relays and the person's other devices know it. It follows from
/// the device's own, and tells nothing about that.
pub(super) fn transport_key(device: &Secret32) -> Keypair {
    let mut seed = *derive(context::TRANSPORT, &[device.expose()]).expose();
    Keypair::ed25519_from_bytes(&mut seed).expect("32 bytes are a seed")
}

/// Starts the endpoints of a node.
pub(super) async fn listen(home: &Home, listening: Listening<'_>) -> Result<(Endpoints, Arrivals)> {
    let Listening { config, asked, discovery, transport } = listening;
    let (devices, arrivals) = listen_for_devices(home, config, asked, transport).await?;
    let (nearby, announced) = if discovery {
        let listen = listen_nearby(home, asked)?;
        let config = EndpointConfig { listen, discovery, ..EndpointConfig::default() };
        let (endpoint, events) = Endpoint::start(config).await?;
        (Some(Arc::new(endpoint)), Some(events))
    } else {
        (None, None)
    };
    let endpoints = Endpoints { devices: Arc::new(devices), nearby };
    Ok((endpoints, Arrivals { devices: arrivals, nearby: announced }))
}

/// Where the endpoint of the local network listens: as the other one, on ports of its own.
fn listen_nearby(home: &Home, asked: &[String]) -> Result<Vec<Multiaddr>> {
    let listen = if asked.is_empty() { Config::load(home)?.listen } else { asked.to_vec() };
    Ok(parse_addresses(&listen)?.iter().map(any_port).collect())
}

/// Binds the addresses asked for, or those of before, or the default; and keeps the ports, so that
/// other devices find this one again.
async fn listen_for_devices(
    home: &Home,
    mut config: Config,
    asked: &[String],
    transport: Keypair,
) -> Result<Started> {
    let before = parse_addresses(&config.listen)?;
    let wanted = if asked.is_empty() { with_default(&before) } else { parse_addresses(asked)? };
    let kept: Vec<Multiaddr> = wanted.iter().map(|address| with_port_of_before(address, &before)).collect();
    let start = |listen| {
        let key = Some(transport.clone());
        Endpoint::start(EndpointConfig { key, listen, discovery: false, relays: true })
    };
    let started = match start(kept.clone()).await {
        // Another program took the port meanwhile: any port will do, unless the person named it.
        Err(error) if error.code() == "port-in-use" && (asked.is_empty() || kept != wanted) => {
            let listen =
                if asked.is_empty() { wanted.iter().map(any_port).collect() } else { wanted.clone() };
            start(listen).await?
        }
        started => started?,
    };
    let bound = started.0.listen_addresses();
    let listen: Vec<String> =
        wanted.iter().map(|address| with_bound_port(address, &bound).to_string()).collect();
    if config.listen != listen {
        config.listen = listen;
        if let Err(error) = config.save(home) {
            // A full disk must not keep people from reading what they have.
            tracing::warn!(code = error.code(), "the ports are not kept for the next start");
        }
    }
    Ok(started)
}

/// The addresses of before, or the default ones; of these the ones of IPv6 too where a home has the others
/// from an earlier version.
fn with_default(before: &[Multiaddr]) -> Vec<Multiaddr> {
    let parse = |texts: [&str; 2]| texts.map(|text| text.parse().expect("an address"));
    let default: [Multiaddr; 2] = parse(DEFAULT_LISTEN);
    let is_default = before.iter().map(any_port).eq(default.iter().cloned());
    let four = if before.is_empty() { default.to_vec() } else { before.to_vec() };
    let has_six = || std::net::UdpSocket::bind((std::net::Ipv6Addr::UNSPECIFIED, 0)).is_ok();
    let six = if (before.is_empty() || is_default) && has_six() {
        parse(DEFAULT_LISTEN_6).to_vec()
    } else {
        Vec::new()
    };
    four.into_iter().chain(six).collect()
}

/// Checks addresses before anything is made on their behalf.
///
/// # Errors
/// When one of them is no multiaddress.
pub fn check_listen(addresses: &[String]) -> Result<()> {
    parse_addresses(addresses).map(drop)
}

fn parse_addresses(texts: &[String]) -> Result<Vec<Multiaddr>> {
    let parse =
        |text: &String| text.parse().map_err(|_| Error::new("bad-listen-address").with("address", text));
    texts.iter().map(parse).collect()
}

/// The kind of an address: everything but host and port.
fn shape(address: &Multiaddr) -> Vec<String> {
    address
        .iter()
        .map(|part| match part {
            Part::Ip4(_) => "ip4".to_owned(),
            Part::Ip6(_) => "ip6".to_owned(),
            Part::Udp(_) => "udp".to_owned(),
            Part::Tcp(_) => "tcp".to_owned(),
            other => other.to_string(),
        })
        .collect()
}

fn port(address: &Multiaddr) -> u16 {
    let of = |part: Part<'_>| match part {
        Part::Udp(port) | Part::Tcp(port) => Some(port),
        _ => None,
    };
    address.iter().find_map(of).unwrap_or(0)
}

fn with_port(address: &Multiaddr, port: u16) -> Multiaddr {
    let replace = |part| match part {
        Part::Udp(_) => Part::Udp(port),
        Part::Tcp(_) => Part::Tcp(port),
        other => other,
    };
    address.iter().map(replace).collect()
}

fn any_port(address: &Multiaddr) -> Multiaddr {
    with_port(address, 0)
}

fn with_port_of_before(address: &Multiaddr, before: &[Multiaddr]) -> Multiaddr {
    let same_place = |known: &&Multiaddr| any_port(known) == any_port(address);
    match before.iter().find(same_place) {
        Some(known) if port(address) == 0 => known.clone(),
        _ => address.clone(),
    }
}

fn with_bound_port(address: &Multiaddr, bound: &[Multiaddr]) -> Multiaddr {
    let found = bound.iter().find(|bound| shape(bound) == shape(address));
    found.map_or_else(|| address.clone(), |bound| with_port(address, port(bound)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Multiaddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_port_of_before_is_kept_where_any_was_asked_for() {
        let before = [address("/ip4/127.0.0.1/udp/4001/quic-v1"), address("/ip4/127.0.0.1/tcp/4002")];
        let kept = |text| with_port_of_before(&address(text), &before).to_string();
        assert_eq!(kept("/ip4/127.0.0.1/udp/0/quic-v1"), "/ip4/127.0.0.1/udp/4001/quic-v1");
        assert_eq!(kept("/ip4/127.0.0.1/udp/9/quic-v1"), "/ip4/127.0.0.1/udp/9/quic-v1");
        assert_eq!(kept("/ip4/10.0.0.1/tcp/0"), "/ip4/10.0.0.1/tcp/0", "another host");
    }

    #[test]
    fn the_port_that_was_bound_is_the_one_of_the_same_kind() {
        let bound = [address("/ip4/192.0.2.7/udp/5001/quic-v1"), address("/ip4/192.0.2.7/tcp/5002")];
        let saved = |text| with_bound_port(&address(text), &bound).to_string();
        assert_eq!(saved("/ip4/0.0.0.0/tcp/0"), "/ip4/0.0.0.0/tcp/5002");
        assert_eq!(saved("/ip6/::/udp/0/quic-v1"), "/ip6/::/udp/0/quic-v1", "nothing of that kind");
    }

    #[tokio::test]
    async fn ports_outlive_a_restart_and_a_taken_one_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::locate(Some(dir.path())).unwrap();
        let asked = ["/ip4/127.0.0.1/udp/0/quic-v1".to_owned()];
        let start = async || {
            let (config, transport) = (Config::load(&home).unwrap(), Keypair::generate_ed25519());
            listen_for_devices(&home, config, &asked, transport).await.unwrap().0
        };
        let first = start().await;
        let address = first.listen_addresses();
        first.stop().await;
        let second = start().await;
        assert_eq!(second.listen_addresses(), address);
        let third = start().await;
        assert_ne!(third.listen_addresses(), address, "the second still has it");
        second.stop().await;
        third.stop().await;
    }
}
