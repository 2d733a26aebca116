//! What the swarm is made of.

use libp2p::{
    Swarm, SwarmBuilder, autonat, connection_limits, dcutr, identify,
    identity::Keypair,
    mdns, noise, ping, relay,
    swarm::{NetworkBehaviour, behaviour::toggle::Toggle},
    tcp, yamux,
};
use tokio::sync::mpsc;

use super::{NetEvent, limits, observed::Identify, streams::Streams};
use crate::error::{Error, Result};

/// What identify tells about us: that this is a Musette, not which one, which version or which system.
const AGENT_VERSION: &str = "musette";
const PROTOCOL_VERSION: &str = "/musette/1";

/// The protocols of an endpoint. Limits come first: a refused connection costs the others nothing.
#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    limits: connection_limits::Behaviour,
    identify: Identify,
    ping: ping::Behaviour,
    mdns: Toggle<mdns::tokio::Behaviour>,
    relay: Toggle<relay::client::Behaviour>,
    pub(super) dcutr: Toggle<dcutr::Behaviour>,
    pub(super) autonat: Toggle<autonat::v2::client::Behaviour>,
    pub(super) streams: Streams,
}

/// What an endpoint takes part in.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Part {
    /// mDNS on the local network.
    pub(super) discovery: bool,
    /// Circuits through relays, and what makes direct connections of them.
    pub(super) relays: bool,
    /// Connections that others may hold.
    pub(super) max_inbound: u32,
}

/// A swarm that listens nowhere yet, and tells `events` of streams: QUIC, and TCP with Noise and Yamux.
///
/// # Errors
/// `network-unavailable` when the system gives no network at all.
pub(super) fn swarm(key: Keypair, part: Part, events: mpsc::Sender<NetEvent>) -> Result<Swarm<Behaviour>> {
    let unavailable = || Error::new("network-unavailable");
    let swarm = SwarmBuilder::with_existing_identity(key)
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux_config)
        .map_err(|_| unavailable())?
        .with_quic_config(|mut quic| {
            quic.handshake_timeout = limits::HANDSHAKE_DEADLINE;
            quic.max_concurrent_stream_limit = limits::MAX_STREAMS_PER_CONNECTION;
            quic.max_stream_data = limits::STREAM_WINDOW_BYTES;
            quic.max_connection_data = limits::CONNECTION_WINDOW_BYTES;
            quic
        })
        .with_relay_client(noise::Config::new, yamux_config)
        .map_err(|_| unavailable())?
        .with_behaviour(|key, relay| behaviour(key, part, relay, events))
        .map_err(|_| unavailable())?
        .with_swarm_config(|swarm| {
            // Smart dialling gives QUIC a head start over TCP.
            swarm
                .with_smart_dial()
                .with_idle_connection_timeout(limits::IDLE_DEADLINE)
                .with_max_negotiating_inbound_streams(limits::MAX_NEGOTIATING_STREAMS)
        })
        .with_connection_timeout(limits::HANDSHAKE_DEADLINE)
        .build();
    Ok(swarm)
}

fn behaviour(
    key: &Keypair,
    part: Part,
    relay: relay::client::Behaviour,
    events: mpsc::Sender<NetEvent>,
) -> Behaviour {
    let identify = identify::Config::new(PROTOCOL_VERSION.to_owned(), key.public())
        .with_agent_version(AGENT_VERSION.to_owned())
        .with_hide_listen_addrs(true)
        .with_cache_size(0);
    let ping = ping::Config::new().with_interval(limits::PING_INTERVAL).with_timeout(limits::PING_DEADLINE);
    let connections = connection_limits::ConnectionLimits::default()
        .with_max_pending_incoming(Some(limits::MAX_PENDING_INBOUND))
        .with_max_pending_outgoing(Some(limits::MAX_PENDING_OUTBOUND))
        .with_max_established_incoming(Some(part.max_inbound))
        .with_max_established_per_peer(Some(limits::MAX_CONNECTIONS_PER_PEER));
    Behaviour {
        limits: connection_limits::Behaviour::new(connections),
        identify: Identify::new(identify),
        ping: ping::Behaviour::new(ping),
        mdns: if part.discovery { discoverer(key) } else { None.into() },
        relay: part.relays.then_some(relay).into(),
        dcutr: part.relays.then(|| dcutr::Behaviour::new(key.public().to_peer_id())).into(),
        autonat: part.relays.then(autonat::v2::client::Behaviour::default).into(),
        streams: Streams::new(events),
    }
}

/// mDNS, or nothing where the system has no multicast: addresses in tickets still work then.
fn discoverer(key: &Keypair) -> Toggle<mdns::tokio::Behaviour> {
    let config = mdns::Config {
        ttl: limits::MDNS_TTL,
        query_interval: limits::MDNS_QUERY_INTERVAL,
        ..mdns::Config::default()
    };
    mdns::tokio::Behaviour::new(config, key.public().to_peer_id())
        .inspect_err(|_| tracing::warn!("mDNS is not available; devices will not find each other by it"))
        .ok()
        .into()
}

fn yamux_config() -> yamux::Config {
    let mut config = yamux::Config::default();
    config.set_max_num_streams(limits::MAX_STREAMS_PER_CONNECTION as usize);
    config
}
