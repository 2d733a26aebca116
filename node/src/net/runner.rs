//! The task that owns the swarm: commands in, events out.

use std::collections::{BTreeMap, HashMap, HashSet};

use futures::{FutureExt as _, StreamExt as _};
use libp2p::{
    Multiaddr, PeerId, Swarm, mdns, ping,
    swarm::{
        ConnectionId, SwarmEvent,
        dial_opts::{DialOpts, PeerCondition},
    },
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::timeout,
};

use super::{
    NetEvent,
    behaviour::{Behaviour, BehaviourEvent},
    limits::{MAX_ADDRESSES, STOP_DEADLINE},
    listen::{Dial, Listeners},
};
use crate::error::{Error, Result};

/// What the endpoint's handle asks for.
pub(super) enum Command {
    Dial { dial: Dial, reply: oneshot::Sender<Result<PeerId>> },
    Stop { done: oneshot::Sender<()> },
}

/// What the handle may look at without asking.
#[derive(Default)]
pub(super) struct View {
    pub(super) listen: Vec<Multiaddr>,
    pub(super) connected: HashSet<PeerId>,
}

pub(super) struct Runner {
    pub(super) swarm: Swarm<Behaviour>,
    pub(super) listeners: Listeners,
    pub(super) dialling: HashMap<ConnectionId, oneshot::Sender<Result<PeerId>>>,
    pub(super) view: watch::Sender<View>,
    pub(super) events: mpsc::Sender<NetEvent>,
    /// Waits to hear that every listener is bound, or which one failed.
    pub(super) bound: Option<oneshot::Sender<Result<()>>>,
}

type Event = SwarmEvent<BehaviourEvent>;

impl Runner {
    /// Runs until told to stop, or until the handle is gone.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        loop {
            self.report_bound().await;
            tokio::select! {
                event = self.swarm.select_next_some() => self.handle_event(event).await,
                command = commands.recv() => match command {
                    Some(Command::Dial { dial, reply }) => self.dial(dial, reply),
                    Some(Command::Stop { done }) => {
                        self.say_goodbye().await;
                        let _ = done.send(());
                        return;
                    }
                    None => return,
                },
            }
        }
    }

    /// Once each listener has an address, takes in those of the other interfaces that are already
    /// waiting, then lets `start` return.
    async fn report_bound(&mut self) {
        if self.bound.is_none() || !self.listeners.are_bound() {
            return;
        }
        while let Some(Some(event)) = self.swarm.next().now_or_never() {
            self.handle_event(event).await;
        }
        self.answer_start(Ok(()));
    }

    fn answer_start(&mut self, outcome: Result<()>) {
        if let Some(bound) = self.bound.take() {
            // `start` may have stopped waiting: the machine has no network yet.
            let _ = bound.send(outcome);
        }
    }

    fn dial(&mut self, (peer, addresses): Dial, reply: oneshot::Sender<Result<PeerId>>) {
        if let Some(peer) = peer.filter(|peer| self.swarm.is_connected(peer)) {
            let _ = reply.send(Ok(peer));
            return;
        }
        let options = match (peer, addresses.into_iter()) {
            (Some(peer), addresses) => DialOpts::peer_id(peer)
                .condition(PeerCondition::Disconnected)
                .addresses(addresses.collect())
                .build(),
            (None, mut addresses) => match addresses.next() {
                Some(address) => DialOpts::unknown_peer_id().address(address).build(),
                None => return drop(reply.send(Err(unreachable_peer()))),
            },
        };
        let id = options.connection_id();
        match self.swarm.dial(options) {
            Ok(()) => drop(self.dialling.insert(id, reply)),
            Err(_) => drop(reply.send(Err(unreachable_peer()))),
        }
    }

    async fn handle_event(&mut self, event: Event) {
        match event {
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, .. } => {
                self.view.send_if_modified(|view| view.connected.insert(peer_id));
                if let Some(reply) = self.dialling.remove(&connection_id) {
                    let _ = reply.send(Ok(peer_id));
                }
            }
            SwarmEvent::ConnectionClosed { peer_id, num_established: 0, .. } => {
                self.view.send_if_modified(|view| view.connected.remove(&peer_id));
            }
            SwarmEvent::OutgoingConnectionError { connection_id, .. } => {
                if let Some(reply) = self.dialling.remove(&connection_id) {
                    let _ = reply.send(Err(unreachable_peer()));
                }
            }
            SwarmEvent::Behaviour(event) => self.handle_behaviour(event).await,
            event => self.handle_listening(event),
        }
    }

    fn handle_listening(&mut self, event: Event) {
        match event {
            SwarmEvent::NewListenAddr { listener_id, address } => self.listeners.added(listener_id, address),
            SwarmEvent::ExpiredListenAddr { listener_id, address } => {
                self.listeners.expired(listener_id, &address);
            }
            SwarmEvent::ListenerClosed { listener_id, .. } => {
                if let Some(address) = self.listeners.closed(listener_id) {
                    self.answer_start(Err(Error::new("bad-listen-address").with("address", address)));
                }
            }
            _ => return,
        }
        let listen = self.listeners.addresses();
        self.view.send_modify(|view| view.listen = listen);
    }

    async fn handle_behaviour(&mut self, event: BehaviourEvent) {
        match event {
            BehaviourEvent::Mdns(mdns::Event::Discovered(found)) => {
                let mut peers: BTreeMap<PeerId, Vec<Multiaddr>> = BTreeMap::new();
                for (peer, address) in found {
                    let addresses = peers.entry(peer).or_default();
                    if addresses.len() < MAX_ADDRESSES {
                        addresses.push(address);
                    }
                }
                for (peer, addresses) in peers {
                    self.emit(NetEvent::Discovered { peer, addresses }).await;
                }
            }
            BehaviourEvent::Ping(ping::Event {
                connection,
                result: Err(ping::Failure::Timeout | ping::Failure::Other { .. }),
                ..
            }) => {
                // The other side is gone without a word: shut lid, pulled cable.
                self.swarm.close_connection(connection);
            }
            _ => {}
        }
    }

    /// Waits when the driver is behind: what is not read from the network is not stored here.
    async fn emit(&mut self, event: NetEvent) {
        // Nobody listens any more when the endpoint is stopping.
        let _ = self.events.send(event).await;
    }

    /// Closes connections so that peers notice at once, then waits until the ports are free: QUIC
    /// holds its socket for a few round trips more, to repeat its goodbye.
    async fn say_goodbye(self) {
        let Self { mut swarm, listeners, .. } = self;
        let peers: Vec<PeerId> = swarm.connected_peers().copied().collect();
        for peer in peers {
            let _ = swarm.disconnect_peer_id(peer);
        }
        let closing = async {
            while swarm.connected_peers().next().is_some() {
                swarm.select_next_some().await;
            }
        };
        let _ = timeout(STOP_DEADLINE / 2, closing).await;
        drop(swarm);
        listeners.until_free().await;
    }
}

fn unreachable_peer() -> Error {
    Error::new("unreachable")
}
