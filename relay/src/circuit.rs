//! The circuits: libp2p's circuit relay v2, the server's side.
//!
//! 1. A peer that cannot be called makes a reservation, and is told this relay's addresses.
//! 2. Another peer asks for a circuit to it; the relay opens one, and copies bytes both ways.
//! 3. The two agree on a key through it, which the relay does not learn.
//!
//! Nothing that names a peer is logged above debug.

use futures::StreamExt;
use libp2p::{
    Multiaddr, PeerId, Swarm, SwarmBuilder, TransportError, connection_limits, identify,
    identity::Keypair,
    multiaddr::Protocol,
    noise, ping, relay,
    swarm::{NetworkBehaviour, SwarmEvent},
    tcp, yamux,
};

use crate::limits;

#[cfg(test)]
mod tests;

/// What identify tells about this relay: that it is one of Musette's, not which version.
const AGENT_VERSION: &str = "musette-relay";
const PROTOCOL_VERSION: &str = "/musette/1";

/// Why the relay cannot start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RelayError {
    #[error("this system gives no network")]
    NoNetwork,
    #[error("cannot listen on {address}: {error}")]
    Listen { address: Multiaddr, error: TransportError<std::io::Error> },
}

/// The protocols of the relay. Limits come first: a refused connection costs the others nothing.
#[derive(NetworkBehaviour)]
struct Behaviour {
    limits: connection_limits::Behaviour,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    relay: relay::Behaviour,
}

/// A relay that runs for as long as [`Relay::next_address`] is awaited.
pub(crate) struct Relay {
    swarm: Swarm<Behaviour>,
    /// Whether the addresses that it listens on are what others are told.
    announces_own: bool,
}

impl Relay {
    /// Starts listening. `announce` are the addresses that others are told; empty: those that it
    /// listens on.
    ///
    /// # Errors
    /// When an address is none to listen on, or is in use.
    pub(crate) fn start(
        key: Keypair,
        listen: &[Multiaddr],
        announce: &[Multiaddr],
    ) -> Result<Self, RelayError> {
        let mut swarm = swarm(key)?;
        for address in listen {
            let failed = |error| RelayError::Listen { address: address.clone(), error };
            swarm.listen_on(address.clone()).map_err(failed)?;
        }
        // A reservation without an address to call is worth nothing, and clients refuse it.
        announce.iter().for_each(|address| swarm.add_external_address(address.clone()));
        tracing::info!("relaying");
        Ok(Self { swarm, announces_own: announce.is_empty() })
    }

    /// Serves until there is one more address at which the relay can be reached.
    pub(crate) async fn next_address(&mut self) -> Multiaddr {
        loop {
            match self.swarm.select_next_some().await {
                SwarmEvent::NewListenAddr { address, .. } => {
                    if self.announces_own {
                        self.swarm.add_external_address(address.clone());
                    }
                    return with_peer(address, *self.swarm.local_peer_id());
                }
                SwarmEvent::ExpiredListenAddr { address, .. } => self.swarm.remove_external_address(&address),
                SwarmEvent::ListenerError { error, .. } => tracing::warn!(%error, "a listener failed"),
                SwarmEvent::ListenerClosed { reason: Err(error), .. } => {
                    tracing::error!(%error, "a listener is closed");
                }
                event => tracing::debug!(?event),
            }
        }
    }
}

fn with_peer(address: Multiaddr, peer: PeerId) -> Multiaddr {
    address.with(Protocol::P2p(peer))
}

fn swarm(key: Keypair) -> Result<Swarm<Behaviour>, RelayError> {
    let swarm = SwarmBuilder::with_existing_identity(key)
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux_config)
        .map_err(|_| RelayError::NoNetwork)?
        .with_quic_config(|mut quic| {
            quic.handshake_timeout = limits::HANDSHAKE_DEADLINE;
            quic.max_concurrent_stream_limit = limits::MAX_STREAMS_PER_CONNECTION;
            quic.max_stream_data = limits::STREAM_WINDOW_BYTES;
            quic.max_connection_data = limits::CONNECTION_WINDOW_BYTES;
            quic
        })
        .with_behaviour(behaviour)
        .map_err(|_| RelayError::NoNetwork)?
        .with_swarm_config(|swarm| swarm.with_idle_connection_timeout(limits::IDLE_DEADLINE))
        .with_connection_timeout(limits::HANDSHAKE_DEADLINE)
        .build();
    Ok(swarm)
}

fn yamux_config() -> yamux::Config {
    let mut config = yamux::Config::default();
    config.set_max_num_streams(limits::MAX_STREAMS_PER_CONNECTION as usize);
    config
}

fn behaviour(key: &Keypair) -> Behaviour {
    let connections = connection_limits::ConnectionLimits::default()
        .with_max_pending_incoming(Some(limits::MAX_PENDING_INBOUND))
        .with_max_established_incoming(Some(limits::MAX_CONNECTIONS))
        .with_max_established_per_peer(Some(limits::MAX_CONNECTIONS_PER_PEER));
    let identify = identify::Config::new(PROTOCOL_VERSION.to_owned(), key.public())
        .with_agent_version(AGENT_VERSION.to_owned())
        .with_hide_listen_addrs(true)
        .with_cache_size(0);
    let ping = ping::Config::new().with_interval(limits::PING_INTERVAL).with_timeout(limits::PING_DEADLINE);
    Behaviour {
        limits: connection_limits::Behaviour::new(connections),
        identify: identify::Behaviour::new(identify),
        ping: ping::Behaviour::new(ping),
        relay: relay::Behaviour::new(key.public().to_peer_id(), relay_config()),
    }
}

fn relay_config() -> relay::Config {
    let config = relay::Config {
        max_reservations: limits::MAX_RESERVATIONS,
        max_reservations_per_peer: limits::MAX_RESERVATIONS_PER_PEER,
        reservation_duration: limits::RESERVATION_DURATION,
        reservation_rate_limiters: Vec::new(),
        max_circuits: limits::MAX_CIRCUITS,
        max_circuits_per_peer: limits::MAX_CIRCUITS_PER_PEER,
        max_circuit_duration: limits::MAX_CIRCUIT_DURATION,
        max_circuit_bytes: limits::MAX_CIRCUIT_BYTES,
        circuit_src_rate_limiters: Vec::new(),
    };
    config
        .reservation_rate_per_peer(limits::PEER_BURST, limits::PEER_INTERVAL)
        .reservation_rate_per_ip(limits::ADDRESS_BURST, limits::ADDRESS_INTERVAL)
        .circuit_src_per_peer(limits::PEER_BURST, limits::PEER_INTERVAL)
        .circuit_src_per_ip(limits::ADDRESS_BURST, limits::ADDRESS_INTERVAL)
}
