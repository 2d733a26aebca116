//! The running relay: its network, and the loop that drives it.
//!
//! libp2p's circuit relay v2, the server's side, is [`crate::circuit`]; this puts it together with
//! what else a peer may ask: identify, ping, and whether it can be reached (AutoNAT v2). Nothing that
//! names a peer is logged above debug.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Instant,
};

use futures::StreamExt;
use libp2p::{
    Multiaddr, PeerId, Swarm, SwarmBuilder, TransportError, autonat, connection_limits,
    core::transport::ListenerId,
    identify,
    identity::Keypair,
    multiaddr::Protocol,
    noise, ping,
    swarm::{NetworkBehaviour, SwarmEvent},
    tcp, yamux,
};
use tokio::{
    task::JoinHandle,
    time::{Interval, MissedTickBehavior, interval, timeout},
};

use crate::{
    config::{Config, Metrics as MetricsAt},
    desk::{Desk, Moment},
    files, gate, key,
    ledger::{Ledger, LedgerError},
    limits,
    metrics::{self, Metrics},
    service::{Service, lock},
    streams,
};

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
    #[error("cannot listen on {address}, as `listen` says: {error}")]
    Listen { address: Multiaddr, error: io::Error },
    #[error("cannot listen on {address}, as `listen` says: it is no address of QUIC or TCP")]
    NoTransport { address: Multiaddr },
    #[error("cannot show numbers at {address}, as `metrics` says: {error}")]
    Metrics { address: SocketAddr, error: io::Error },
    #[error("{0}")]
    Ledger(#[from] LedgerError),
}

/// The protocols of the relay. Limits come first: a refused connection costs the others nothing.
#[derive(NetworkBehaviour)]
struct Behaviour {
    limits: connection_limits::Behaviour,
    gate: gate::Behaviour,
    streams: streams::Behaviour,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    autonat: autonat::v2::server::Behaviour,
}

/// A relay that runs for as long as [`Relay::next_address`] is awaited.
pub(crate) struct Relay {
    swarm: Swarm<Behaviour>,
    service: Service,
    desk: Arc<Mutex<Desk>>,
    listeners: Vec<ListenerId>,
    /// Where it listens, and whether that is what others are told.
    own: Vec<Multiaddr>,
    announces_own: bool,
    sweeps: Interval,
    usage_file: PathBuf,
    /// The file being written; at most one at a time.
    writing: Option<JoinHandle<Result<String, io::Error>>>,
}

impl Relay {
    /// Starts listening.
    ///
    /// # Errors
    /// When an address is none to listen on, or is in use, or the usage cannot be read.
    pub(crate) async fn start(key: Keypair, config: &Config) -> Result<Self, RelayError> {
        let ledger = Ledger::load(&config.usage_file())?;
        let verifying = key::signing(&key).verifying_key();
        let desk = Desk::new(config.limits.clone(), verifying, ledger, Instant::now());
        let desk = Arc::new(Mutex::new(desk));
        let (streams, commands) = streams::Behaviour::new();
        let metrics = Arc::new(Metrics::new());
        if let MetricsAt::At(address) = config.metrics {
            metrics::serve(address, Arc::clone(&metrics), Arc::clone(&desk))
                .await
                .map_err(|error| RelayError::Metrics { address, error })?;
        }
        let service = Service::new(Arc::clone(&desk), commands, metrics);
        let mut swarm = swarm(key, gate::Behaviour::new(Arc::clone(&desk)), streams)?;
        let listeners = config.listen.iter().map(|address| {
            check_free(address)?;
            swarm.listen_on(address.clone()).map_err(|error| match error {
                TransportError::Other(error) => RelayError::Listen { address: address.clone(), error },
                TransportError::MultiaddrNotSupported(address) => RelayError::NoTransport { address },
            })
        });
        let listeners = listeners.collect::<Result<_, _>>()?;
        let mut sweeps = interval(limits::SWEEP_INTERVAL);
        sweeps.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let relay = Self {
            swarm,
            service,
            desk,
            listeners,
            own: config.announce.clone(),
            announces_own: config.announce.is_empty(),
            sweeps,
            usage_file: config.usage_file(),
            writing: None,
        };
        relay.announce();
        tracing::info!("relaying");
        Ok(relay)
    }

    /// Serves until there is one more address at which the relay can be reached.
    pub(crate) async fn next_address(&mut self) -> Multiaddr {
        loop {
            tokio::select! {
                event = self.swarm.select_next_some() => {
                    if let Some(address) = self.handle(event) {
                        return with_peer(address, *self.swarm.local_peer_id());
                    }
                }
                _ = self.sweeps.tick() => self.sweep().await,
            }
        }
    }

    fn handle(&mut self, event: SwarmEvent<BehaviourEvent>) -> Option<Multiaddr> {
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::Streams(arrived)) => self.service.take(arrived),
            SwarmEvent::NewListenAddr { address, .. } => {
                if self.announces_own {
                    self.own.push(address.clone());
                    self.announce();
                }
                return Some(address);
            }
            SwarmEvent::ExpiredListenAddr { address, .. } if self.announces_own => {
                self.own.retain(|own| *own != address);
                self.announce();
            }
            SwarmEvent::ListenerError { error, .. } => tracing::warn!(%error, "a listener failed"),
            SwarmEvent::ListenerClosed { reason: Err(error), .. } => {
                tracing::error!(%error, "a listener is closed");
            }
            _ => {}
        }
        None
    }

    /// Has whoever reserves told where this relay is. A reservation without an address to call is
    /// worth nothing, and clients refuse it.
    fn announce(&self) {
        let peer = *self.swarm.local_peer_id();
        let addresses = self.own.iter().take(limits::MAX_OWN_ADDRESSES);
        lock(&self.desk).addresses =
            addresses.map(|address| with_peer(address.clone(), peer).to_vec()).collect();
    }

    /// Closes what is idle, forgets what has ended, writes what was used.
    async fn sweep(&mut self) {
        for (peer, connection) in lock(&self.desk).sweep(Moment::now()) {
            self.service.commands.close(peer, connection);
        }
        if let Some(writing) = self.writing.take_if(|writing| writing.is_finished()) {
            self.wrote(writing).await;
        }
        if self.writing.is_none() {
            self.write();
        }
    }

    /// Begins to write the usage, if it has changed.
    fn write(&mut self) {
        if let Some(text) = lock(&self.desk).ledger.unwritten() {
            let path = self.usage_file.clone();
            let write = move || files::replace(&path, text.as_bytes()).map(|()| text);
            self.writing = Some(tokio::task::spawn_blocking(write));
        }
    }

    async fn wrote(&mut self, writing: JoinHandle<io::Result<String>>) {
        match writing.await {
            Ok(Ok(text)) => lock(&self.desk).ledger.written(text),
            Ok(Err(error)) => tracing::error!(%error, "what was used is not written"),
            Err(error) => tracing::error!(%error, "what was used is not written"),
        }
    }

    /// Stops: takes nothing new, says goodbye, so that clients go elsewhere at once, and writes what
    /// was used.
    pub(crate) async fn stop(mut self) {
        lock(&self.desk).stopping = true;
        for listener in std::mem::take(&mut self.listeners) {
            self.swarm.remove_listener(listener);
        }
        let peers: Vec<PeerId> = self.swarm.connected_peers().copied().collect();
        for peer in peers {
            // It may have gone by itself.
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        let closing = async {
            while self.swarm.connected_peers().next().is_some() {
                self.swarm.select_next_some().await;
            }
        };
        if timeout(limits::STOP_DEADLINE, closing).await.is_err() {
            tracing::warn!("some connections did not close in time");
        }
        if let Some(writing) = self.writing.take() {
            self.wrote(writing).await;
        }
        self.write();
        if let Some(writing) = self.writing.take() {
            self.wrote(writing).await;
        }
        tracing::info!("stopped");
    }
}

/// That nobody listens on an address of TCP. libp2p shares ports, to punch holes: another relay that listens
/// there would get half of the calls.
fn check_free(address: &Multiaddr) -> Result<(), RelayError> {
    let mut parts = address.iter();
    let ip = match parts.next() {
        Some(Protocol::Ip4(ip)) => IpAddr::from(ip),
        Some(Protocol::Ip6(ip)) => IpAddr::from(ip),
        _ => return Ok(()),
    };
    let Some(Protocol::Tcp(port)) = parts.next() else { return Ok(()) };
    let bound = std::net::TcpListener::bind(SocketAddr::from((ip, port)));
    bound.map(drop).map_err(|error| RelayError::Listen { address: address.clone(), error })
}

fn with_peer(address: Multiaddr, peer: PeerId) -> Multiaddr {
    match address.iter().last() {
        Some(Protocol::P2p(_)) => address,
        _ => address.with(Protocol::P2p(peer)),
    }
}

fn swarm(
    key: Keypair,
    gate: gate::Behaviour,
    streams: streams::Behaviour,
) -> Result<Swarm<Behaviour>, RelayError> {
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
        .with_behaviour(|key| behaviour(key, gate, streams))
        .map_err(|_| RelayError::NoNetwork)?
        // The desk closes what is idle: a reservation holds no stream open, and must not end.
        .with_swarm_config(|swarm| swarm.with_idle_connection_timeout(limits::RESERVATION_DURATION * 24))
        .with_connection_timeout(limits::HANDSHAKE_DEADLINE)
        .build();
    Ok(swarm)
}

fn yamux_config() -> yamux::Config {
    let mut config = yamux::Config::default();
    config.set_max_num_streams(limits::MAX_STREAMS_PER_CONNECTION as usize);
    config
}

fn behaviour(key: &Keypair, gate: gate::Behaviour, streams: streams::Behaviour) -> Behaviour {
    let connections = connection_limits::ConnectionLimits::default()
        .with_max_pending_outgoing(Some(limits::MAX_OUTBOUND))
        .with_max_established_outgoing(Some(limits::MAX_OUTBOUND))
        .with_max_established_per_peer(Some(limits::MAX_CONNECTIONS_PER_PEER));
    let identify = identify::Config::new(PROTOCOL_VERSION.to_owned(), key.public())
        .with_agent_version(AGENT_VERSION.to_owned())
        .with_hide_listen_addrs(true)
        .with_cache_size(0);
    let ping = ping::Config::new().with_interval(limits::PING_INTERVAL).with_timeout(limits::PING_DEADLINE);
    Behaviour {
        limits: connection_limits::Behaviour::new(connections),
        gate,
        streams,
        identify: identify::Behaviour::new(identify),
        ping: ping::Behaviour::new(ping),
        autonat: autonat::v2::server::Behaviour::default(),
    }
}
