//! The handle of a running endpoint.

use std::{collections::HashMap, fmt};

use futures::future::select_ok;
use libp2p::{Multiaddr, PeerId, StreamProtocol, identity::Keypair};
use libp2p_stream::Control;
use musette_protocol::session::Version;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::AbortHandle,
    time::timeout,
};

use super::{
    Framed, NetEvent, Protocol, behaviour,
    limits::{
        CONNECT_DEADLINE, LISTEN_DEADLINE, MAX_INBOUND_CONNECTIONS, MAX_WAITING_COMMANDS, MAX_WAITING_EVENTS,
        OPEN_STREAM_DEADLINE, STOP_DEADLINE,
    },
    listen::{self, Dial, Listeners},
    runner::{Command, Runner, View},
    streams::{Slots, accept},
};
use crate::error::{Error, Result};

/// How to start an endpoint.
#[derive(Debug, Clone, Default)]
pub(crate) struct EndpointConfig {
    /// Where to listen: `/ip4/…/udp/…/quic-v1` or `/ip4/…/tcp/…`, likewise `/ip6`. Empty: nowhere.
    pub(crate) listen: Vec<Multiaddr>,
    /// Whether to announce this endpoint on the local network, and look for others there.
    pub(crate) discovery: bool,
}

/// A running swarm under a transport key of its own. Dropping it ends the swarm at once.
pub(crate) struct Endpoint {
    peer_id: PeerId,
    view: watch::Receiver<View>,
    commands: mpsc::Sender<Command>,
    streams: Control,
    /// The swarm's task, and one per protocol that takes streams.
    tasks: Vec<AbortHandle>,
}

impl Endpoint {
    /// Starts under a new transport key. Returns once every listen address is bound, or when the
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
        let mut swarm = behaviour::swarm(Keypair::generate_ed25519(), config.discovery, max_inbound)?;
        let listeners = Listeners::bind(&mut swarm, &config.listen)?;
        let (events, event_receiver) = mpsc::channel(MAX_WAITING_EVENTS);
        let (commands, command_receiver) = mpsc::channel(MAX_WAITING_COMMANDS);
        let (view, view_receiver) = watch::channel(View::default());
        let (bound, is_bound) = oneshot::channel();
        let streams = swarm.behaviour().streams.new_control();
        let mut tasks = accept_all(&streams, &events);
        let peer_id = *swarm.local_peer_id();
        let runner = Runner { swarm, listeners, dialling: HashMap::new(), view, events, bound: Some(bound) };
        tasks.push(tokio::spawn(runner.run(command_receiver)).abort_handle());
        let endpoint = Self { peer_id, view: view_receiver, commands, streams, tasks };
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

    /// Resolves with these addresses once they are not `known` any more; never when the endpoint
    /// stopped.
    pub(crate) async fn listen_changed(&self, known: &[Multiaddr]) -> Vec<Multiaddr> {
        let mut view = self.view.clone();
        loop {
            let listen = view.borrow_and_update().listen.clone();
            if listen != known {
                return listen;
            }
            if view.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Whether a connection to this peer is open.
    fn is_connected(&self, peer: PeerId) -> bool {
        self.view.borrow().connected.contains(&peer)
    }

    /// Connects to whoever answers first. Addresses that end in the same `/p2p/` are one dial, in
    /// which QUIC has a head start; for a peer that is already connected nothing is dialled.
    ///
    /// # Errors
    /// `unreachable` after [`CONNECT_DEADLINE`] at the latest, `endpoint-stopped`.
    pub(crate) async fn connect_any(&self, addresses: Vec<Multiaddr>) -> Result<PeerId> {
        let dials = listen::dials(addresses);
        if dials.is_empty() {
            return Err(Error::new("unreachable"));
        }
        let attempts = select_ok(dials.into_iter().map(|dial| Box::pin(self.dial(dial))));
        let (peer, _others) =
            timeout(CONNECT_DEADLINE, attempts).await.map_err(|_| Error::new("unreachable"))??;
        Ok(peer)
    }

    async fn dial(&self, dial: Dial) -> Result<PeerId> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Dial { dial, reply }).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    /// Opens a stream to a connected peer.
    ///
    /// # Errors
    /// `unreachable` when no connection is open, `stream-refused` when the peer does not speak the
    /// protocol, `connection-lost`, `deadline`.
    pub(crate) async fn open_stream(&self, peer: PeerId, protocol: Protocol) -> Result<Framed> {
        // libp2p would dial, with no address but mDNS's and no deadline.
        if !self.is_connected(peer) {
            return Err(Error::new("unreachable"));
        }
        let mut streams = self.streams.clone();
        let opening = streams.open_stream(peer, StreamProtocol::new(protocol.name()));
        match timeout(OPEN_STREAM_DEADLINE, opening).await {
            Ok(Ok(stream)) => Ok(Framed::over(stream, protocol.max_frame_len())),
            Ok(Err(libp2p_stream::OpenStreamError::UnsupportedProtocol(_))) => {
                Err(Error::new("stream-refused"))
            }
            Ok(Err(_)) => Err(Error::new("connection-lost")),
            Err(_) => Err(Error::new("deadline")),
        }
    }

    /// Opens a stream for syncing, in the newest version that the peer knows.
    ///
    /// # Errors
    /// As [`Endpoint::open_stream`].
    pub(crate) async fn open_sync(&self, peer: PeerId) -> Result<(Version, Framed)> {
        let mut refused = Error::new("stream-refused");
        for version in Version::ALL {
            match self.open_stream(peer, Protocol::Sync(version)).await {
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
        self.end_tasks();
    }

    fn end_tasks(&self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.end_tasks();
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").finish_non_exhaustive()
    }
}

fn accept_all(streams: &Control, events: &mpsc::Sender<NetEvent>) -> Vec<AbortHandle> {
    let mut streams = streams.clone();
    let slots = Slots::default();
    let mut accept_one = |protocol: Protocol| {
        let incoming = streams
            .accept(StreamProtocol::new(protocol.name()))
            .expect("a new swarm has no protocol registered");
        tokio::spawn(accept(incoming, protocol, slots.clone(), events.clone())).abort_handle()
    };
    Protocol::ALL.map(&mut accept_one).to_vec()
}

fn stopped() -> Error {
    Error::new("endpoint-stopped")
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, time::Duration};

    use futures::StreamExt as _;
    use libp2p::{core::ConnectedPoint, multiaddr::Protocol as Part, swarm::SwarmEvent};
    use tokio::time::sleep;

    use super::*;
    use crate::net::limits::{MAX_STREAMS_PER_PROTOCOL, MAX_SYNC_FRAME_LEN};

    const SYNC: Protocol = Protocol::Sync(Version::NEWEST);
    const QUIC: &str = "/ip4/127.0.0.1/udp/0/quic-v1";
    const TCP: &str = "/ip4/127.0.0.1/tcp/0";

    type Started = (Endpoint, mpsc::Receiver<NetEvent>);

    fn listening(addresses: &[&str]) -> EndpointConfig {
        let listen = addresses.iter().map(|address| address.parse().unwrap()).collect();
        EndpointConfig { listen, discovery: false }
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
            if let NetEvent::Stream { peer, protocol, stream } = next(events).await {
                return (peer, protocol, stream);
            }
        }
    }

    async fn connected(listen: &str) -> (Started, Started) {
        let (server, server_events) = start(&[listen]).await;
        let (client, client_events) = start(&[]).await;
        let address = server.listen_addresses().remove(0);
        assert_eq!(client.connect_any(vec![address]).await, Ok(server.peer_id()));
        ((server, server_events), (client, client_events))
    }

    async fn exchange_over(listen: &str) {
        let ((_server, mut server_events), (client, _client_events)) = connected(listen).await;
        let peer = _server.peer_id();
        let mut ours = client.open_stream(peer, SYNC).await.unwrap();
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

    /// A swarm without an endpoint around it, whose addresses are given with its name, and the
    /// address that each connection came in by.
    async fn bare_server(listen: &[&str]) -> (Vec<Multiaddr>, mpsc::Receiver<Multiaddr>) {
        let mut swarm = behaviour::swarm(Keypair::generate_ed25519(), false, 8).unwrap();
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
    async fn quic_is_preferred_and_tcp_is_the_fallback() {
        let (addresses, mut arrivals) = bare_server(&[TCP, QUIC]).await;
        let (client, _events) = start(&[]).await;
        client.connect_any(addresses.clone()).await.unwrap();
        let arrival = next(&mut arrivals).await.to_string();
        assert!(arrival.contains("/quic-v1"), "{arrival}");

        let Some(Part::P2p(server)) = addresses[0].iter().last() else { panic!("expected a name") };
        let dead: Multiaddr = "/ip4/127.0.0.1/udp/9/quic-v1".parse().unwrap();
        let (other, _events) = start(&[]).await;
        let fallback = vec![dead.with_p2p(server).unwrap(), addresses[0].clone()];
        assert_eq!(other.connect_any(fallback).await, Ok(server));
        let arrival = next(&mut arrivals).await.to_string();
        assert!(arrival.contains("/tcp/"), "{arrival}");
    }

    #[tokio::test]
    async fn two_that_know_the_newest_version_speak_it() {
        let ((server, mut events), (client, _client_events)) = connected(QUIC).await;
        let (version, mut ours) = client.open_sync(server.peer_id()).await.unwrap();
        ours.send(b"hello").await.unwrap();
        assert_eq!((version, next_stream(&mut events).await.1), (Version::NEWEST, SYNC));
    }

    #[tokio::test]
    async fn who_knows_an_earlier_version_only_is_spoken_to_in_that() {
        let mut swarm = behaviour::swarm(Keypair::generate_ed25519(), false, 8).unwrap();
        let mut control = swarm.behaviour().streams.new_control();
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
        let peer = client.connect_any(vec![address]).await.unwrap();
        let (version, mut ours) = client.open_sync(peer).await.unwrap();
        assert_eq!(version, Version::First);
        ours.send(b"hello").await.unwrap();
        assert_eq!(incoming.next().await.unwrap().0, client.peer_id());
        let pairing = client.open_stream(peer, Protocol::Pairing).await;
        assert_eq!(pairing.unwrap_err().code(), "stream-refused");
        running.abort();
    }

    #[tokio::test]
    async fn somebody_else_at_the_address_is_unreachable() {
        let (server, _events) = start(&[QUIC]).await;
        let (client, _) = start(&[]).await;
        let wrong = server.listen_addresses().remove(0).with_p2p(PeerId::random()).unwrap();
        assert_eq!(client.connect_any(vec![wrong]).await.unwrap_err().code(), "unreachable");
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
        let stranger = client.open_stream(PeerId::random(), SYNC).await;
        assert_eq!(stranger.unwrap_err().code(), "unreachable");
    }

    #[tokio::test]
    async fn a_full_listener_turns_others_away_and_keeps_whom_it_has() {
        let (server, mut events) = Endpoint::start_with(listening(&[QUIC]), 1).await.unwrap();
        let address = server.listen_addresses().remove(0);
        let (first, _first_events) = start(&[]).await;
        let (second, _second_events) = start(&[]).await;
        first.connect_any(vec![address.clone()]).await.unwrap();
        let _held = first.open_stream(server.peer_id(), SYNC).await.unwrap();
        let _taken = next_stream(&mut events).await;

        // The refusal follows the handshake, so the dialler may see a short connection.
        let _ = second.connect_any(vec![address]).await;
        until(|| !second.is_connected(server.peer_id())).await;
        assert!(first.is_connected(server.peer_id()));
    }

    #[tokio::test]
    async fn a_stream_too_many_ends_before_its_first_frame() {
        let ((server, mut events), (client, _client_events)) = connected(QUIC).await;
        let mut held = Vec::new();
        for _ in 0..MAX_STREAMS_PER_PROTOCOL {
            let mut ours = client.open_stream(server.peer_id(), Protocol::Pairing).await.unwrap();
            ours.send(b"x").await.unwrap();
            held.push((ours, next_stream(&mut events).await));
        }
        let mut extra = client.open_stream(server.peer_id(), Protocol::Pairing).await.unwrap();
        let sent = extra.send(b"x").await;
        assert!(sent.is_err() || !matches!(extra.recv().await, Ok(Some(_))));

        held.clear();
        let mut again = client.open_stream(server.peer_id(), Protocol::Pairing).await.unwrap();
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
            let _stream = client.open_stream(server.peer_id(), SYNC).await.unwrap();
            let address = server.listen_addresses().remove(0).to_string();
            assert!(client.is_connected(server.peer_id()));
            drop(events);
            server.stop().await;
            let again = Endpoint::start(listening(&[&address])).await;
            assert_eq!(again.map(|_| ()), Ok(()), "{address}");
            until(|| !client.is_connected(server.peer_id())).await;
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
