//! The handle of a running endpoint.

use std::{
    collections::HashMap,
    fmt,
    time::{Duration, Instant},
};

use futures::{AsyncReadExt as _, AsyncWriteExt as _, FutureExt as _, future::select_ok};
use libp2p::{Multiaddr, PeerId, StreamProtocol, identity::Keypair, multiaddr::Protocol as AddressPart};
use musette_protocol::session::Version;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::AbortHandle,
    time::{sleep, timeout},
};

use super::{
    Connection, Framed, NetEvent, Path, Protocol, Reservation, Way,
    behaviour::{self, Part},
    circuits::Circuits,
    limits::{
        CONNECT_DEADLINE, DIRECT_HEAD_START, LISTEN_DEADLINE, MAX_INBOUND_CONNECTIONS, MAX_IPS_PER_NAME,
        MAX_WAITING_COMMANDS, MAX_WAITING_EVENTS, OPEN_STREAM_DEADLINE, PING_LEN, RESERVE_DEADLINE,
        SEEN_DEADLINE, STOP_DEADLINE,
    },
    listen::{self, Dial, Dials, Listeners, ThroughRelay},
    observed::Observed,
    runner::{Command, Runner, View},
    streams::Controls,
};
use crate::{
    entropy,
    error::{Error, Result},
};

/// How to start an endpoint.
#[derive(Debug, Clone, Default)]
pub(crate) struct EndpointConfig {
    /// The transport key; none: one drawn for this endpoint.
    pub(crate) key: Option<Keypair>,
    /// Where to listen: `/ip4/…/udp/…/quic-v1` or `/ip4/…/tcp/…`, likewise `/ip6`. Empty: nowhere.
    pub(crate) listen: Vec<Multiaddr>,
    /// Whether to announce this endpoint on the local network, and look for others there.
    pub(crate) discovery: bool,
    /// Whether to reach others through relays, and be reached.
    pub(crate) relays: bool,
}

/// A running swarm under a transport key of its own. Dropping it ends the swarm at once.
pub(crate) struct Endpoint {
    peer_id: PeerId,
    view: watch::Receiver<View>,
    commands: mpsc::Sender<Command>,
    streams: Controls,
    /// The swarm's task.
    task: AbortHandle,
}

impl Endpoint {
    /// Starts. Returns once every listen address is bound, or when the
    /// machine has had [`LISTEN_DEADLINE`] to come up with a network interface.
    ///
    /// # Errors
    /// `bad-listen-address` and `port-in-use` (with `address`), `network-unavailable`.
    pub(crate) async fn start(config: EndpointConfig) -> Result<(Self, mpsc::Receiver<NetEvent>)> {
        Self::start_with(config, MAX_INBOUND_CONNECTIONS).await
    }

    async fn start_with(
        config: EndpointConfig,
        max_inbound: u32,
    ) -> Result<(Self, mpsc::Receiver<NetEvent>)> {
        let key = config.key.unwrap_or_else(Keypair::generate_ed25519);
        let part = Part { discovery: config.discovery, relays: config.relays, max_inbound };
        let (events, event_receiver) = mpsc::channel(MAX_WAITING_EVENTS);
        let mut swarm = behaviour::swarm(key, part, events.clone())?;
        let listeners = Listeners::bind(&mut swarm, &config.listen)?;
        let (commands, command_receiver) = mpsc::channel(MAX_WAITING_COMMANDS);
        let (view, view_receiver) = watch::channel(View::default());
        let (bound, is_bound) = oneshot::channel();
        let streams = swarm.behaviour().streams.controls();
        let peer_id = *swarm.local_peer_id();
        let runner = Runner {
            swarm,
            listeners,
            circuits: Circuits::default(),
            observed: Observed::new(Instant::now()),
            dialling: HashMap::new(),
            view,
            events,
            bound: Some(bound),
        };
        let task = tokio::spawn(runner.run(command_receiver)).abort_handle();
        let endpoint = Self { peer_id, view: view_receiver, commands, streams, task };
        match timeout(LISTEN_DEADLINE, is_bound).await {
            Ok(Ok(outcome)) => outcome?,
            Ok(Err(_)) => return Err(stopped()),
            Err(_) => tracing::debug!("no network interface yet"),
        }
        Ok((endpoint, event_receiver))
    }

    /// The name of this endpoint's transport key.
    pub(crate) const fn peer_id(&self) -> PeerId {
        self.peer_id
    }

    /// Where others can reach this endpoint, QUIC first, without `/p2p/`; at most
    /// [`super::limits::MAX_ADDRESSES`].
    pub(crate) fn listen_addresses(&self) -> Vec<Multiaddr> {
        self.view.borrow().listen.clone()
    }

    /// Where others can reach this endpoint from afar, without `/p2p/` at the end: as above, then what
    /// relays found to be reachable, then its places at relays; at most [`super::limits::MAX_ADDRESSES`].
    pub(crate) fn addresses(&self) -> Vec<Multiaddr> {
        self.view.borrow().addresses()
    }

    /// Resolves with what `of` this endpoint's addresses gives once that is not `known` any more; never
    /// when the endpoint stopped.
    pub(crate) async fn changed(
        &self,
        known: &[Multiaddr],
        of: impl Fn(&Self) -> Vec<Multiaddr>,
    ) -> Vec<Multiaddr> {
        let mut view = self.view.clone();
        loop {
            view.mark_unchanged();
            let now = of(self);
            if now != known {
                return now;
            }
            if view.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// The best connection with a peer; of two alike the newer.
    fn best(&self, peer: PeerId) -> Option<Connection> {
        self.view.borrow().best(peer)
    }

    /// Resolves once there is a direct connection to the peer; never when the endpoint stopped.
    pub(crate) async fn until_direct(&self, peer: PeerId) {
        let mut view = self.view.clone();
        let is_direct = |view: &View| view.best(peer).is_some_and(|best| best.path() == Path::Direct);
        if view.wait_for(is_direct).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Connects to whoever answers first. Addresses that end in the same `/p2p/` are one dial, in
    /// which QUIC has a head start, and so have direct ones before those through relays; for a peer that is
    /// already connected nothing is dialled.
    ///
    /// # Errors
    /// `unreachable` after [`CONNECT_DEADLINE`] at the latest, `endpoint-stopped`.
    pub(crate) async fn connect_any(&self, addresses: Vec<Multiaddr>) -> Result<Connection> {
        self.connect_over(Path::Relayed, addresses).await
    }

    /// As [`Endpoint::connect_any`], over this path or a better one.
    ///
    /// # Errors
    /// As there; of a direct path also `other-peer-there`, when somebody under another key answers.
    pub(crate) async fn connect_over(&self, path: Path, addresses: Vec<Multiaddr>) -> Result<Connection> {
        let connecting = async {
            let Dials { direct, through_relays } = listen::dials(resolve(addresses).await);
            let wait = if direct.is_empty() { Duration::ZERO } else { DIRECT_HEAD_START };
            let direct = direct.into_iter().map(|dial| self.dial(dial, path).boxed());
            let relayed = through_relays.into_iter().filter(|_| path == Path::Relayed);
            let relayed = relayed.map(|dial| self.dial_through(dial, wait).boxed());
            let attempts: Vec<_> = direct.chain(relayed).collect();
            if attempts.is_empty() {
                return Err(Error::new("unreachable"));
            }
            let connected = select_ok(attempts).await;
            // Where relays lead to it too, who answers at an old address of it says nothing of it.
            let (peer, _others) = connected.map_err(|error| match (path, error.code()) {
                (Path::Relayed, "other-peer-there") => Error::new("unreachable"),
                _ => error,
            })?;
            self.best(peer).ok_or_else(|| Error::new("connection-lost"))
        };
        timeout(CONNECT_DEADLINE, connecting).await.map_err(|_| Error::new("unreachable"))?
    }

    /// Connects to a relay by whichever of its addresses answers, then through it. libp2p would try one
    /// of them alone.
    async fn dial_through(&self, dial: ThroughRelay, wait: Duration) -> Result<PeerId> {
        sleep(wait).await;
        self.dial(dial.relay, Path::Direct).await?;
        self.dial(dial.beyond, Path::Relayed).await
    }

    /// Has a hole punched once more to a peer that a relay leads to: its end of a new relayed connection
    /// begins with that. Whether it came about, [`Endpoint::until_direct`] tells.
    pub(crate) async fn punch(&self, addresses: Vec<Multiaddr>) {
        for ThroughRelay { beyond, .. } in listen::dials(resolve(addresses).await).through_relays {
            // The first relay that answers will do.
            if timeout(CONNECT_DEADLINE, self.dial_as(beyond, Path::Relayed, true))
                .await
                .is_ok_and(|done| done.is_ok())
            {
                return;
            }
        }
    }

    /// Has a peer see this endpoint over QUIC too, where it answered over TCP first. A hole can be punched
    /// only by a transport over which both ends were seen.
    pub(crate) async fn be_seen_over_quic(&self, peer: PeerId, addresses: Vec<Multiaddr>) {
        if self.direct(peer).is_none_or(|direct| direct.way == (Way::Direct { quic: true })) {
            return;
        }
        let mut addresses = resolve(addresses).await;
        addresses.retain(listen::is_quic);
        for dial in listen::dials(addresses).direct {
            // Where no UDP gets through there is no answer.
            drop(timeout(SEEN_DEADLINE, self.dial_as(dial, Path::Direct, true)).await);
        }
    }

    async fn dial(&self, dial: Dial, path: Path) -> Result<PeerId> {
        self.dial_as(dial, path, false).await
    }

    async fn dial_as(&self, dial: Dial, path: Path, anew: bool) -> Result<PeerId> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Dial { dial, path, anew, reply }).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    /// Asks a relay that is connected for a place, at which others reach this endpoint. `relay` is its
    /// address, with `/p2p/`.
    ///
    /// # Errors
    /// `relay-refused`, `deadline`, `endpoint-stopped`.
    pub(crate) async fn reserve(&self, relay: Multiaddr) -> Result<Reservation> {
        let ((reply, answer), (ended, lost)) = (oneshot::channel(), oneshot::channel());
        self.commands.send(Command::Reserve { relay, reply, ended }).await.map_err(|_| stopped())?;
        let granted = timeout(RESERVE_DEADLINE, answer).await.map_err(|_| Error::new("deadline"))?;
        let listener = granted.map_err(|_| stopped())??;
        Ok(Reservation { listener, lost, commands: self.commands.clone() })
    }

    /// Opens a stream over a connection.
    ///
    /// # Errors
    /// `connection-lost` when it is not open any more, `stream-refused` when the peer does not speak the
    /// protocol, `deadline`.
    pub(crate) async fn open_stream(&self, connection: Connection, protocol: Protocol) -> Result<Framed> {
        let lost = || Error::new("connection-lost");
        let mut control = self.streams.of(connection.id).ok_or_else(lost)?;
        let opening = control.open_stream(connection.peer, StreamProtocol::new(protocol.name()));
        let opened = tokio::select! {
            opened = timeout(OPEN_STREAM_DEADLINE, opening) => opened,
            () = self.until_closed(connection) => return Err(lost()),
        };
        match opened {
            Ok(Ok(stream)) => Ok(Framed::over(stream, protocol.max_answer(), protocol.max_called_with())),
            Ok(Err(libp2p_stream::OpenStreamError::UnsupportedProtocol(_))) => {
                Err(Error::new("stream-refused"))
            }
            Ok(Err(_)) => Err(lost()),
            Err(_) => Err(Error::new("deadline")),
        }
    }

    async fn until_closed(&self, connection: Connection) {
        let mut view = self.view.clone();
        // The endpoint stopped: so it is.
        let _ = view.wait_for(|view| !view.is_open(&connection)).await;
    }

    /// Asks a peer that is connected directly for a sign of life.
    ///
    /// # Errors
    /// When it gives none within this time.
    pub(crate) async fn ping(&self, peer: PeerId, within: Duration) -> Result<()> {
        let silent = || Error::new("connection-lost");
        let asking = async {
            let connection = self.direct(peer)?;
            let mut control = self.streams.of(connection.id)?;
            let mut stream = control.open_stream(peer, libp2p::ping::PROTOCOL_NAME).await.ok()?;
            let (asked, mut answer) = (entropy::bytes::<PING_LEN>(), [0; PING_LEN]);
            stream.write_all(&asked).await.ok()?;
            stream.read_exact(&mut answer).await.ok()?;
            (asked == answer).then_some(())
        };
        timeout(within, asking).await.ok().flatten().ok_or_else(silent)
    }

    /// The direct connection with a peer, if there is one.
    pub(crate) fn direct(&self, peer: PeerId) -> Option<Connection> {
        self.best(peer).filter(|best| best.path() == Path::Direct)
    }

    /// As which address a peer sees this endpoint over QUIC, if it said so.
    pub(crate) fn seen_by(&self, peer: PeerId) -> Option<Multiaddr> {
        self.view.borrow().seen.get(&peer).cloned()
    }

    /// Addresses at which relays reached this endpoint when it asked them to.
    pub(crate) fn external(&self) -> Vec<Multiaddr> {
        self.view.borrow().external.clone()
    }

    /// Ends all connections to a peer.
    pub(crate) async fn disconnect(&self, peer: PeerId) {
        // A swarm that stopped has none.
        let _ = self.commands.send(Command::Disconnect(peer)).await;
    }

    /// Opens a stream for syncing, in the newest version that the peer knows.
    ///
    /// # Errors
    /// As [`Endpoint::open_stream`].
    pub(crate) async fn open_sync(&self, connection: Connection) -> Result<(Version, Framed)> {
        let mut refused = Error::new("stream-refused");
        for version in Version::ALL {
            match self.open_stream(connection, Protocol::Sync(version)).await {
                Ok(stream) => return Ok((version, stream)),
                Err(error) if error.code() == "stream-refused" => refused = error,
                Err(error) => return Err(error),
            }
        }
        Err(refused)
    }

    /// Says goodbye to peers and frees the ports, within [`STOP_DEADLINE`]. QUIC keeps its port
    /// for as long as somebody holds a stream, or an event with one: drop them before.
    pub(crate) async fn stop(&self) {
        let (done, is_done) = oneshot::channel();
        let stopping = async {
            let _ = self.commands.send(Command::Stop { done }).await;
            let _ = is_done.await;
        };
        let _ = timeout(STOP_DEADLINE, stopping).await;
        self.task.abort();
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").finish_non_exhaustive()
    }
}

/// Addresses with the system's answer in the place of each name; what has none is left out.
async fn resolve(addresses: Vec<Multiaddr>) -> Vec<Multiaddr> {
    let mut resolved = Vec::with_capacity(addresses.len());
    for address in addresses {
        let Some((name, wanted)) = name_in(&address) else {
            resolved.push(address);
            continue;
        };
        let found = tokio::net::lookup_host((name.as_str(), 0)).await.into_iter().flatten();
        let found = found.map(|socket| AddressPart::from(socket.ip())).filter(|part| wanted.takes(part));
        let with_ip = |ip| std::iter::once(ip).chain(address.iter().skip(1)).collect();
        resolved.extend(found.take(MAX_IPS_PER_NAME).map(with_ip));
    }
    resolved
}

/// The families that a name may stand for.
#[derive(Clone, Copy)]
struct Families {
    four: bool,
    six: bool,
}

impl Families {
    const fn takes(self, part: &AddressPart<'_>) -> bool {
        match part {
            AddressPart::Ip4(_) => self.four,
            _ => self.six,
        }
    }
}

fn name_in(address: &Multiaddr) -> Option<(String, Families)> {
    let (name, four, six) = match address.iter().next()? {
        AddressPart::Dns(name) => (name, true, true),
        AddressPart::Dns4(name) => (name, true, false),
        AddressPart::Dns6(name) => (name, false, true),
        _ => return None,
    };
    Some((name.into_owned(), Families { four, six }))
}

fn stopped() -> Error {
    Error::new("endpoint-stopped")
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, time::Duration};

    use futures::StreamExt as _;
    use libp2p::{
        autonat,
        core::ConnectedPoint,
        identify, relay,
        swarm::{NetworkBehaviour, SwarmEvent},
    };
    use tokio::time::sleep;

    use super::*;
    use crate::net::{
        behaviour::BehaviourEvent,
        limits::{MAX_STREAMS_PER_PROTOCOL, MAX_SYNC_FRAME_LEN},
    };

    const SYNC: Protocol = Protocol::Sync(Version::NEWEST);
    const QUIC: &str = "/ip4/127.0.0.1/udp/0/quic-v1";
    const TCP: &str = "/ip4/127.0.0.1/tcp/0";

    type Started = (Endpoint, mpsc::Receiver<NetEvent>);

    fn listening(addresses: &[&str]) -> EndpointConfig {
        let listen = addresses.iter().map(|address| address.parse().unwrap()).collect();
        EndpointConfig { listen, ..EndpointConfig::default() }
    }

    async fn open(endpoint: &Endpoint, peer: PeerId, protocol: Protocol) -> Result<Framed> {
        let connection = endpoint.best(peer).ok_or_else(|| Error::new("unreachable"))?;
        endpoint.open_stream(connection, protocol).await
    }

    async fn start(addresses: &[&str]) -> Started {
        Endpoint::start(listening(addresses)).await.unwrap()
    }

    async fn next<T>(events: &mut mpsc::Receiver<T>) -> T {
        timeout(Duration::from_secs(20), events.recv()).await.expect("an event").expect("a running endpoint")
    }

    /// Waits for less than it takes ping or QUIC to notice a silent peer.
    async fn until(condition: impl Fn() -> bool) {
        let holds = async {
            while !condition() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(Duration::from_secs(5), holds).await.expect("the condition comes to hold");
    }

    async fn next_stream(events: &mut mpsc::Receiver<NetEvent>) -> (PeerId, Protocol, Framed) {
        loop {
            if let NetEvent::Stream { connection, protocol, stream } = next(events).await {
                return (connection.peer, protocol, *stream);
            }
        }
    }

    async fn connected(listen: &str) -> (Started, Started) {
        let (server, server_events) = start(&[listen]).await;
        let (client, client_events) = start(&[]).await;
        let address = server.listen_addresses().remove(0);
        assert_eq!(client.connect_any(vec![address]).await.unwrap().peer, server.peer_id());
        ((server, server_events), (client, client_events))
    }

    async fn exchange_over(listen: &str) {
        let ((_server, mut server_events), (client, _client_events)) = connected(listen).await;
        let peer = _server.peer_id();
        let mut ours = open(&client, peer, SYNC).await.unwrap();
        let large = vec![0x5a; MAX_SYNC_FRAME_LEN];
        let sending = tokio::spawn(async move {
            ours.send(b"hello").await.unwrap();
            ours.send(&large).await.unwrap();
            let answer = ours.recv().await.unwrap();
            ours.close().await.unwrap();
            (ours, answer)
        });
        let (from, protocol, mut theirs) = next_stream(&mut server_events).await;
        assert_eq!((from, protocol), (client.peer_id(), SYNC));
        assert_eq!(theirs.recv().await.unwrap().as_deref(), Some(&b"hello"[..]));
        assert_eq!(theirs.recv().await.unwrap().unwrap().len(), MAX_SYNC_FRAME_LEN);
        theirs.send(b"answer").await.unwrap();
        let (_ours, answer) = sending.await.unwrap();
        assert_eq!(answer.as_deref(), Some(&b"answer"[..]));
        assert_eq!(theirs.recv().await, Ok(None));
    }

    #[tokio::test]
    async fn frames_are_exchanged_over_quic() {
        exchange_over(QUIC).await;
    }

    #[tokio::test]
    async fn frames_are_exchanged_over_tcp() {
        exchange_over(TCP).await;
    }

    fn bare_swarm() -> libp2p::Swarm<behaviour::Behaviour> {
        let part = Part { max_inbound: 8, ..Part::default() };
        behaviour::swarm(Keypair::generate_ed25519(), part, mpsc::channel(1).0).unwrap()
    }

    /// A swarm without an endpoint around it, whose addresses are given with its name, and the
    /// address that each connection came in by.
    async fn bare_server(listen: &[&str]) -> (Vec<Multiaddr>, mpsc::Receiver<Multiaddr>) {
        let mut swarm = bare_swarm();
        let mut addresses = Vec::new();
        for address in listen {
            swarm.listen_on(address.parse().unwrap()).unwrap();
            loop {
                if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
                    addresses.push(address.with_p2p(*swarm.local_peer_id()).unwrap());
                    break;
                }
            }
        }
        let (arrivals, arrival_receiver) = mpsc::channel(8);
        tokio::spawn(async move {
            loop {
                if let SwarmEvent::ConnectionEstablished { endpoint, .. } = swarm.select_next_some().await
                    && let ConnectedPoint::Listener { local_addr, .. } = endpoint
                {
                    arrivals.send(local_addr).await.unwrap();
                }
            }
        });
        (addresses, arrival_receiver)
    }

    #[tokio::test]
    async fn what_anybody_says_of_an_address_here_is_no_candidate() {
        let (addresses, _arrivals) = bare_server(&[QUIC]).await;
        let mut client = bare_swarm();
        client.dial(addresses[0].clone()).unwrap();
        let mut is_identified = false;
        let told = async {
            loop {
                match client.select_next_some().await {
                    SwarmEvent::NewExternalAddrCandidate { address } => panic!("{address}"),
                    SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received { .. })) => {
                        is_identified = true;
                    }
                    // What identify has to say comes before another answer does.
                    SwarmEvent::Behaviour(BehaviourEvent::Ping(_)) if is_identified => break,
                    _ => {}
                }
            }
        };
        timeout(Duration::from_secs(30), told).await.expect("it is identified");
    }

    #[derive(NetworkBehaviour)]
    struct Serving {
        relay: relay::Behaviour,
        identify: identify::Behaviour,
        autonat: autonat::v2::server::Behaviour,
    }

    impl Serving {
        fn new(key: &Keypair, config: relay::Config) -> Self {
            let identify = identify::Config::new("/test/1".to_owned(), key.public());
            Self {
                relay: relay::Behaviour::new(key.public().to_peer_id(), config),
                identify: identify::Behaviour::new(identify),
                autonat: autonat::v2::server::Behaviour::default(),
            }
        }
    }

    /// A relay of libp2p's that grants places for so long; its address, with its name.
    async fn relay_granting(time: Duration) -> Multiaddr {
        let config = relay::Config { reservation_duration: time, ..relay::Config::default() };
        let mut swarm = libp2p::SwarmBuilder::with_new_identity()
            .with_tokio()
            .with_quic()
            .with_behaviour(|key| Serving::new(key, config))
            .unwrap()
            .with_swarm_config(|swarm| swarm.with_idle_connection_timeout(Duration::from_secs(60)))
            .build();
        swarm.listen_on(QUIC.parse().unwrap()).unwrap();
        let address = loop {
            if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
                break address;
            }
        };
        swarm.add_external_address(address.clone());
        let address = address.with_p2p(*swarm.local_peer_id()).unwrap();
        tokio::spawn(async move { while swarm.next().await.is_some() {} });
        address
    }

    #[tokio::test]
    async fn a_relay_that_grants_a_moment_only_is_given_up() {
        let relay = relay_granting(Duration::from_secs(1)).await;
        let config = EndpointConfig { relays: true, ..EndpointConfig::default() };
        let (client, _events) = Endpoint::start(config).await.unwrap();
        client.connect_any(vec![relay.clone()]).await.unwrap();
        let mut place = client.reserve(relay).await.unwrap();
        let lost = timeout(Duration::from_secs(20), place.lost()).await.expect("it is given up");
        assert_eq!(lost, Error::new("relay-refused"));
        until(|| client.addresses().is_empty()).await;
    }

    #[tokio::test]
    async fn a_relay_with_a_place_tells_whether_this_endpoint_is_reachable() {
        let relay = relay_granting(Duration::from_secs(60 * 60)).await;
        let config = EndpointConfig { relays: true, ..listening(&[QUIC]) };
        let (client, _events) = Endpoint::start(config).await.unwrap();
        client.connect_any(vec![relay.clone()]).await.unwrap();
        until(|| !client.view.borrow().seen.is_empty()).await;
        let _place = client.reserve(relay).await.unwrap();
        let reached = client.changed(&[], Endpoint::external);
        let reached = timeout(Duration::from_secs(30), reached).await.expect("it is called back");
        assert_eq!(reached, client.listen_addresses());
    }

    #[tokio::test]
    async fn quic_is_preferred_and_tcp_is_the_fallback() {
        let (addresses, mut arrivals) = bare_server(&[TCP, QUIC]).await;
        let (client, _events) = start(&[]).await;
        client.connect_any(addresses.clone()).await.unwrap();
        let arrival = next(&mut arrivals).await.to_string();
        assert!(arrival.contains("/quic-v1"), "{arrival}");

        let Some(AddressPart::P2p(server)) = addresses[0].iter().last() else { panic!("expected a name") };
        let dead: Multiaddr = "/ip4/127.0.0.1/udp/9/quic-v1".parse().unwrap();
        let (other, _events) = start(&[]).await;
        let fallback = vec![dead.with_p2p(server).unwrap(), addresses[0].clone()];
        assert_eq!(other.connect_any(fallback).await.unwrap().peer, server);
        let arrival = next(&mut arrivals).await.to_string();
        assert!(arrival.contains("/tcp/"), "{arrival}");
    }

    #[tokio::test]
    async fn two_that_know_the_newest_version_speak_it() {
        let ((server, mut events), (client, _client_events)) = connected(QUIC).await;
        let (version, mut ours) = client.open_sync(client.best(server.peer_id()).unwrap()).await.unwrap();
        ours.send(b"hello").await.unwrap();
        assert_eq!((version, next_stream(&mut events).await.1), (Version::NEWEST, SYNC));
    }

    #[tokio::test]
    async fn who_knows_an_earlier_version_only_is_spoken_to_in_that() {
        let mut swarm = libp2p::SwarmBuilder::with_new_identity()
            .with_tokio()
            .with_quic()
            .with_behaviour(|_| libp2p_stream::Behaviour::new())
            .unwrap()
            .build();
        let mut control = swarm.behaviour().new_control();
        let mut incoming = control.accept(StreamProtocol::new("/musette/sync/1")).unwrap();
        swarm.listen_on(QUIC.parse().unwrap()).unwrap();
        let address = loop {
            if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
                break address;
            }
        };
        let running = tokio::spawn(async move {
            loop {
                swarm.select_next_some().await;
            }
        });
        let (client, _events) = start(&[]).await;
        let connection = client.connect_any(vec![address]).await.unwrap();
        let (version, mut ours) = client.open_sync(connection).await.unwrap();
        assert_eq!(version, Version::First);
        ours.send(b"hello").await.unwrap();
        assert_eq!(incoming.next().await.unwrap().0, client.peer_id());
        let pairing = client.open_stream(connection, Protocol::Pairing).await;
        assert_eq!(pairing.unwrap_err().code(), "stream-refused");
        running.abort();
    }

    #[tokio::test]
    async fn somebody_else_at_the_address_is_unreachable() {
        let (server, _events) = start(&[QUIC]).await;
        let (client, _) = start(&[]).await;
        let wrong = server.listen_addresses().remove(0).with_p2p(PeerId::random()).unwrap();
        assert_eq!(client.connect_any(vec![wrong.clone()]).await.unwrap_err().code(), "unreachable");
        let direct = client.connect_over(Path::Direct, vec![wrong]).await;
        assert_eq!(direct.unwrap_err().code(), "other-peer-there");
    }

    #[tokio::test]
    async fn a_dead_port_is_unreachable_within_the_deadline() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (client, _) = start(&[]).await;
        let texts = [format!("/ip4/127.0.0.1/tcp/{port}"), format!("/ip4/127.0.0.1/udp/{port}/quic-v1")];
        for text in texts {
            let attempt = client.connect_any(vec![text.parse().unwrap()]);
            let outcome = timeout(CONNECT_DEADLINE + Duration::from_secs(1), attempt).await.unwrap();
            assert_eq!(outcome.unwrap_err().code(), "unreachable");
        }
        assert_eq!(client.connect_any(Vec::new()).await.unwrap_err().code(), "unreachable");
        let stranger = open(&client, PeerId::random(), SYNC).await;
        assert_eq!(stranger.unwrap_err().code(), "unreachable");
    }

    #[tokio::test]
    async fn a_full_listener_turns_others_away_and_keeps_whom_it_has() {
        let (server, mut events) = Endpoint::start_with(listening(&[QUIC]), 1).await.unwrap();
        let address = server.listen_addresses().remove(0);
        let (first, _first_events) = start(&[]).await;
        let (second, _second_events) = start(&[]).await;
        first.connect_any(vec![address.clone()]).await.unwrap();
        let _held = open(&first, server.peer_id(), SYNC).await.unwrap();
        let _taken = next_stream(&mut events).await;

        // The refusal follows the handshake, so the dialler may see a short connection.
        let _ = second.connect_any(vec![address]).await;
        until(|| second.best(server.peer_id()).is_none()).await;
        assert!(first.best(server.peer_id()).is_some());
    }

    #[tokio::test]
    async fn a_stream_too_many_ends_before_its_first_frame() {
        let ((server, mut events), (client, _client_events)) = connected(QUIC).await;
        let mut held = Vec::new();
        for _ in 0..MAX_STREAMS_PER_PROTOCOL {
            let mut ours = open(&client, server.peer_id(), Protocol::Pairing).await.unwrap();
            ours.send(b"x").await.unwrap();
            held.push((ours, next_stream(&mut events).await));
        }
        let mut extra = open(&client, server.peer_id(), Protocol::Pairing).await.unwrap();
        let sent = extra.send(b"x").await;
        assert!(sent.is_err() || !matches!(extra.recv().await, Ok(Some(_))));

        held.clear();
        let mut again = open(&client, server.peer_id(), Protocol::Pairing).await.unwrap();
        again.send(b"again").await.unwrap();
        let (.., mut theirs) = next_stream(&mut events).await;
        assert_eq!(theirs.recv().await.unwrap().as_deref(), Some(&b"again"[..]));
    }

    #[tokio::test]
    async fn bad_and_taken_addresses_are_named() {
        for bad in ["/ip4/127.0.0.1/tcp/0/ws", "/dns/example.org/tcp/0", "/ip4/203.0.113.9/tcp/0"] {
            let error = Endpoint::start(listening(&[bad])).await.unwrap_err();
            assert_eq!(error, Error::new("bad-listen-address").with("address", bad));
        }
        for listen in [TCP, QUIC] {
            let (server, _events) = start(&[listen]).await;
            let taken = server.listen_addresses().remove(0).to_string();
            let error = Endpoint::start(listening(&[&taken])).await.unwrap_err();
            assert_eq!(error, Error::new("port-in-use").with("address", taken));
        }
    }

    #[tokio::test]
    async fn stopping_tells_peers_and_frees_the_port() {
        for listen in [TCP, QUIC] {
            let ((server, events), (client, _client_events)) = connected(listen).await;
            let _stream = open(&client, server.peer_id(), SYNC).await.unwrap();
            let address = server.listen_addresses().remove(0).to_string();
            assert!(client.best(server.peer_id()).is_some());
            drop(events);
            server.stop().await;
            let again = Endpoint::start(listening(&[&address])).await;
            assert_eq!(again.map(|_| ()), Ok(()), "{address}");
            until(|| client.best(server.peer_id()).is_none()).await;
        }
    }

    #[tokio::test]
    async fn an_unspecified_address_becomes_those_of_the_interfaces() {
        let (server, _events) = start(&["/ip4/0.0.0.0/tcp/0"]).await;
        for address in server.listen_addresses() {
            let text = address.to_string();
            assert!(
                !text.contains("/0.0.0.0/") && !text.contains("/127.") && !text.ends_with("/tcp/0"),
                "{text}"
            );
        }
    }
}
