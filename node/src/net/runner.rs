//! The task that owns the swarm: commands in, events out.

use std::{
    collections::{BTreeMap, HashMap},
    time::Instant,
};

use futures::{FutureExt as _, StreamExt as _};
use libp2p::{
    Multiaddr, PeerId, Swarm,
    core::{ConnectedPoint, transport::ListenerId},
    identify, mdns, ping, relay,
    swarm::{
        ConnectionId, DialError, FromSwarm, NetworkBehaviour as _, NewExternalAddrCandidate, SwarmEvent,
        dial_opts::{DialOpts, PeerCondition},
    },
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::timeout,
};

use super::{
    Connection, NetEvent, Path, Way,
    behaviour::{Behaviour, BehaviourEvent},
    circuits::Circuits,
    limits::{MAX_ADDRESSES, MAX_EXTERNAL_ADDRESSES, STOP_DEADLINE},
    listen::{self, Dial, Listeners},
    observed::Observed,
};
use crate::error::{Error, Result};

/// What the endpoint's handle asks for.
pub(super) enum Command {
    /// A connection over this path, or a better one; `anew`: one more, whatever there is.
    Dial {
        dial: Dial,
        path: Path,
        anew: bool,
        reply: oneshot::Sender<Result<PeerId>>,
    },
    /// A place at a relay that is connected; see [`Circuits`].
    Reserve {
        relay: Multiaddr,
        reply: oneshot::Sender<Result<ListenerId>>,
        ended: oneshot::Sender<Error>,
    },
    Release(ListenerId),
    Disconnect(PeerId),
    Stop {
        done: oneshot::Sender<()>,
    },
}

/// What the handle may look at without asking.
#[derive(Default)]
pub(super) struct View {
    pub(super) listen: Vec<Multiaddr>,
    /// Addresses at which relays reached this endpoint when it asked them to.
    pub(super) external: Vec<Multiaddr>,
    /// Addresses of this endpoint at relays, each ending in `/p2p-circuit`.
    pub(super) circuits: Vec<Multiaddr>,
    pub(super) connections: HashMap<PeerId, BTreeMap<ConnectionId, Way>>,
    /// As which address others see this endpoint over QUIC, while they are connected.
    pub(super) seen: HashMap<PeerId, Multiaddr>,
}

pub(super) struct Runner {
    pub(super) swarm: Swarm<Behaviour>,
    pub(super) listeners: Listeners,
    pub(super) circuits: Circuits,
    pub(super) observed: Observed,
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
                    Some(Command::Dial { dial, path, anew, reply }) => self.dial(dial, (path, anew), reply),
                    Some(Command::Reserve { relay, reply, ended }) => {
                        self.heed(listen::peer_of(&relay));
                        self.circuits.reserve(&mut self.swarm, relay, reply, ended);
                    }
                    Some(Command::Release(id)) => drop(self.swarm.remove_listener(id)),
                    Some(Command::Disconnect(peer)) => drop(self.swarm.disconnect_peer_id(peer)),
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

    fn dial(
        &mut self,
        (peer, addresses): Dial,
        (path, anew): (Path, bool),
        reply: oneshot::Sender<Result<PeerId>>,
    ) {
        let has_way =
            |peer: &PeerId| !anew && self.view.borrow().best(*peer).is_some_and(|best| best.path() <= path);
        if let Some(peer) = peer.filter(has_way) {
            let _ = reply.send(Ok(peer));
            return;
        }
        for address in &addresses {
            self.heed(listen::relay_of(address));
        }
        let options = match (peer, addresses.into_iter()) {
            (Some(peer), addresses) => DialOpts::peer_id(peer)
                .condition(PeerCondition::Always)
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
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                let way = listen::way_of(match &endpoint {
                    ConnectedPoint::Dialer { address, .. } => address,
                    ConnectedPoint::Listener { local_addr, .. } => local_addr,
                });
                self.view.send_modify(|view| {
                    view.connections.entry(peer_id).or_default().insert(connection_id, way);
                });
                if let Some(reply) = self.dialling.remove(&connection_id) {
                    let _ = reply.send(Ok(peer_id));
                }
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, .. } => {
                self.view.send_modify(|view| view.forget(peer_id, connection_id));
                let last = !self.view.borrow().connections.contains_key(&peer_id);
                self.observed.forget(peer_id, connection_id, last);
                self.close_circuits(peer_id);
            }
            SwarmEvent::OutgoingConnectionError { connection_id, error, .. } => {
                if let Some(reply) = self.dialling.remove(&connection_id) {
                    let _ = reply.send(Err(match error {
                        DialError::WrongPeerId { .. } => Error::new("other-peer-there"),
                        _ => unreachable_peer(),
                    }));
                }
            }
            SwarmEvent::ExternalAddrConfirmed { address }
                if listen::way_of(&address).path() == Path::Direct =>
            {
                self.view.send_modify(|view| view.add_external(address));
            }
            SwarmEvent::ExternalAddrExpired { address } => {
                self.view.send_modify(|view| view.external.retain(|known| *known != address));
            }
            SwarmEvent::Behaviour(event) => self.handle_behaviour(event).await,
            event => self.handle_listening(event),
        }
    }

    /// Ends what a relay carried that is not connected any more: libp2p notices in its own time.
    fn close_circuits(&mut self, relay: PeerId) {
        let view = self.view.borrow();
        if view.connections.contains_key(&relay) {
            return;
        }
        let carried = |way: &Way| matches!(way, Way::Relayed { by: Some(by) } if *by == relay);
        let all = view.connections.values().flatten();
        let ended: Vec<ConnectionId> = all.filter(|(_, way)| carried(way)).map(|(id, _)| *id).collect();
        drop(view);
        for id in ended {
            self.swarm.close_connection(id);
        }
    }

    fn handle_listening(&mut self, event: Event) {
        match event {
            SwarmEvent::NewListenAddr { listener_id, address } => {
                if !self.circuits.added(listener_id, &address) {
                    self.listeners.added(listener_id, address);
                }
            }
            SwarmEvent::ExpiredListenAddr { listener_id, address } => {
                self.listeners.expired(listener_id, &address);
            }
            SwarmEvent::ListenerClosed { listener_id, .. } => {
                if !self.circuits.closed(listener_id)
                    && let Some(address) = self.listeners.closed(listener_id)
                {
                    self.answer_start(Err(Error::new("bad-listen-address").with("address", address)));
                }
            }
            _ => return,
        }
        let (listen, circuits) = (self.listeners.addresses(), self.circuits.addresses());
        self.view.send_modify(|view| {
            view.listen = listen;
            view.circuits = circuits;
        });
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
            BehaviourEvent::Identify(identify::Event::Received { connection_id, peer_id, info }) => {
                self.note_observed(peer_id, connection_id, &info.observed_addr);
            }
            BehaviourEvent::Relay(relay::client::Event::ReservationReqAccepted {
                relay_peer_id,
                renewal: true,
                ..
            }) => {
                if let Some(id) = self.circuits.renewed(relay_peer_id, Instant::now()) {
                    self.swarm.remove_listener(id);
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

    fn note_observed(&mut self, peer: PeerId, connection: ConnectionId, address: &Multiaddr) {
        let is_open =
            self.view.borrow().connections.get(&peer).is_some_and(|open| open.contains_key(&connection));
        let Some(address) = listen::as_dialled(address).filter(|_| is_open) else { return };
        if self.observed.say(peer, connection, &address) {
            self.add_candidates(&address);
        }
        if listen::is_quic(&address) {
            self.view.send_modify(|view| drop(view.seen.insert(peer, address)));
        }
    }

    /// What this relay says of this endpoint's addresses counts.
    fn heed(&mut self, relay: Option<PeerId>) {
        for address in relay.map(|relay| self.observed.heed(relay)).unwrap_or_default() {
            self.add_candidates(&address);
        }
    }

    /// Has holes punched by an address at which a relay sees this endpoint, and AutoNAT try the ports on which
    /// it listens there. QUIC leaves from the port on which it listens: as others see that, a router lets
    /// answers in, and behind many routers it is another one.
    fn add_candidates(&mut self, seen: &Multiaddr) {
        let behaviour = self.swarm.behaviour_mut();
        for address in self.listeners.seen_at(seen) {
            let candidate =
                || FromSwarm::NewExternalAddrCandidate(NewExternalAddrCandidate { addr: &address });
            if self.observed.may_try(&address, Instant::now()) {
                behaviour.autonat.on_swarm_event(candidate());
            }
            behaviour.dcutr.on_swarm_event(candidate());
        }
        if listen::is_quic(seen) {
            let candidate = NewExternalAddrCandidate { addr: seen };
            behaviour.dcutr.on_swarm_event(FromSwarm::NewExternalAddrCandidate(candidate));
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
        let Self { mut swarm, listeners, circuits, .. } = self;
        drop(circuits);
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

impl View {
    /// Where others can reach the endpoint from afar. Its own network's share is bounded, so that many
    /// interfaces leave room for the rest.
    pub(super) fn addresses(&self) -> Vec<Multiaddr> {
        let external = self.external.iter().filter(|address| !self.listen.contains(address));
        let all = self.listen.iter().take(MAX_ADDRESSES / 2).chain(external).chain(&self.circuits);
        all.take(MAX_ADDRESSES).cloned().collect()
    }

    /// The best connection with a peer; of two alike the newer.
    pub(super) fn best(&self, peer: PeerId) -> Option<Connection> {
        let connections = self.connections.get(&peer)?.iter().rev();
        let (id, way) = connections.min_by_key(|(_, way)| way.path())?;
        Some(Connection { id: *id, peer, way: *way })
    }

    pub(super) fn is_open(&self, connection: &Connection) -> bool {
        self.connections.get(&connection.peer).is_some_and(|open| open.contains_key(&connection.id))
    }

    fn forget(&mut self, peer: PeerId, connection: ConnectionId) {
        if let Some(connections) = self.connections.get_mut(&peer) {
            connections.remove(&connection);
            if connections.is_empty() {
                self.connections.remove(&peer);
                self.seen.remove(&peer);
            }
        }
    }

    /// The newest first: those of a network that was left are of no use.
    fn add_external(&mut self, address: Multiaddr) {
        self.external.retain(|known| *known != address);
        self.external.insert(0, address);
        self.external.truncate(MAX_EXTERNAL_ADDRESSES);
    }
}

fn unreachable_peer() -> Error {
    Error::new("unreachable")
}
