//! A client with libp2p's own relay client, in place of a node.

use futures::StreamExt;
use libp2p::{
    Multiaddr, PeerId, Stream, StreamProtocol, Swarm, SwarmBuilder, autonat,
    core::multiaddr::Protocol,
    identify, noise, relay,
    swarm::{NetworkBehaviour, SwarmEvent},
    tcp, yamux,
};
use libp2p_stream::{Control, OpenStreamError};
use tokio::sync::mpsc;

pub(super) const ECHO: &str = "/musette/test/echo";

#[derive(NetworkBehaviour)]
struct Behaviour {
    relay: relay::client::Behaviour,
    identify: identify::Behaviour,
    autonat: autonat::v2::client::Behaviour,
    streams: libp2p_stream::Behaviour,
}

/// What a client notices.
#[derive(Debug, PartialEq)]
pub(super) enum Told {
    Connected(PeerId),
    Closed(PeerId),
    Failed,
    Reserved,
    Unreserved,
    Reachable,
}

enum Do {
    Dial(Multiaddr),
    Listen(Multiaddr),
}

pub(super) struct Client {
    pub(super) peer: PeerId,
    control: Control,
    todo: mpsc::UnboundedSender<Do>,
    told: mpsc::UnboundedReceiver<Told>,
}

impl Client {
    pub(super) fn new() -> Self {
        let swarm = swarm();
        let (peer, control) = (*swarm.local_peer_id(), swarm.behaviour().streams.new_control());
        let ((todo, doing), (telling, told)) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
        tokio::spawn(run(swarm, doing, telling));
        Self { peer, control, todo, told }
    }

    pub(super) fn dial(&self, address: Multiaddr) {
        assert!(self.todo.send(Do::Dial(address)).is_ok());
    }

    pub(super) fn listen(&self, address: Multiaddr) {
        assert!(self.todo.send(Do::Listen(address)).is_ok());
    }

    pub(super) fn reserve(&self, relay: Multiaddr) {
        self.listen(relay.with(Protocol::P2pCircuit));
    }

    /// Waits until the client notices this.
    pub(super) async fn told(&mut self, expected: &Told) {
        while self.told.recv().await.expect("it runs as long as this") != *expected {}
    }

    pub(super) async fn stream(
        &mut self,
        peer: PeerId,
        name: &'static str,
    ) -> Result<Stream, OpenStreamError> {
        self.control.open_stream(peer, StreamProtocol::new(name)).await
    }

    /// Sends whoever opens a stream of [`ECHO`] what it says.
    pub(super) fn echo(&mut self) {
        let mut incoming = self.control.accept(StreamProtocol::new(ECHO)).expect("once");
        tokio::spawn(async move {
            while let Some((_, stream)) = incoming.next().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = futures::AsyncReadExt::split(stream);
                    // It ends when the other end does.
                    let _ = futures::io::copy(&mut from, &mut to).await;
                    let _ = futures::AsyncWriteExt::close(&mut to).await;
                });
            }
        });
    }
}

fn swarm() -> Swarm<Behaviour> {
    SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_quic()
        .with_relay_client(noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_behaviour(|key, relay| Behaviour {
            relay,
            identify: identify::Behaviour::new(identify::Config::new("/test/1".to_owned(), key.public())),
            autonat: autonat::v2::client::Behaviour::default(),
            streams: libp2p_stream::Behaviour::new(),
        })
        .unwrap()
        .with_swarm_config(|swarm| swarm.with_idle_connection_timeout(super::PATIENCE))
        .build()
}

async fn run(
    mut swarm: Swarm<Behaviour>,
    mut doing: mpsc::UnboundedReceiver<Do>,
    telling: mpsc::UnboundedSender<Told>,
) {
    loop {
        tokio::select! {
            event = swarm.select_next_some() => {
                if let Some(told) = noticed(event) {
                    // Whoever heard what it waited for listens no longer.
                    let _ = telling.send(told);
                }
            }
            order = doing.recv() => match order {
                Some(Do::Dial(address)) => swarm.dial(address).unwrap(),
                Some(Do::Listen(address)) => {
                    swarm.listen_on(address).unwrap();
                }
                None => return,
            },
        }
    }
}

fn noticed(event: SwarmEvent<BehaviourEvent>) -> Option<Told> {
    match event {
        SwarmEvent::Behaviour(BehaviourEvent::Relay(relay::client::Event::ReservationReqAccepted {
            limit,
            ..
        })) => {
            assert!(limit.is_some(), "a client is told the truth");
            Some(Told::Reserved)
        }
        SwarmEvent::Behaviour(BehaviourEvent::Autonat(event)) => {
            event.result.is_ok().then_some(Told::Reachable)
        }
        SwarmEvent::ConnectionEstablished { peer_id, .. } => Some(Told::Connected(peer_id)),
        SwarmEvent::ConnectionClosed { peer_id, num_established: 0, .. } => Some(Told::Closed(peer_id)),
        SwarmEvent::OutgoingConnectionError { .. } => Some(Told::Failed),
        SwarmEvent::ListenerClosed { .. } => Some(Told::Unreserved),
        _ => None,
    }
}
