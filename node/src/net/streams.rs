//! Streams, each known by its connection.
//!
//! `libp2p-stream` opens a stream over any connection with a peer, and does not tell over which one came in.
//! A session is to know whether a relay carries it, and which. So each connection has a
//! `libp2p_stream::Behaviour` of its own.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use futures::{StreamExt as _, stream::select_all};
use libp2p::{
    Multiaddr, PeerId, StreamProtocol,
    core::{Endpoint, transport::PortUse},
    swarm::{
        ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
        THandlerOutEvent, ToSwarm,
    },
};
use libp2p_stream::{Control, IncomingStreams};
use tokio::sync::mpsc;

use super::{Connection, Framed, NetEvent, Protocol, limits::MAX_STREAMS_PER_PROTOCOL, listen::way_of};

type Key = (PeerId, Protocol);

/// Counts the streams that peers hold open.
#[derive(Clone, Default)]
pub(super) struct Slots(Arc<Mutex<HashMap<Key, usize>>>);

/// One of a peer's places, given back on drop.
pub(super) struct StreamSlot {
    slots: Slots,
    key: Key,
}

impl Slots {
    /// A place, unless the peer has taken them all.
    pub(super) fn take(&self, peer: PeerId, protocol: Protocol) -> Option<StreamSlot> {
        let key = (peer, protocol);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(key).or_default();
        if *count >= MAX_STREAMS_PER_PROTOCOL {
            return None;
        }
        *count += 1;
        Some(StreamSlot { slots: self.clone(), key })
    }
}

impl Drop for StreamSlot {
    fn drop(&mut self) {
        let mut counts = self.slots.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut entry) = counts.entry(self.key) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

/// The controls of the connections there are; cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Controls(Arc<Mutex<HashMap<ConnectionId, Control>>>);

impl Controls {
    fn lock(&self) -> MutexGuard<'_, HashMap<ConnectionId, Control>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens streams over a connection, while there is one.
    pub(super) fn of(&self, connection: ConnectionId) -> Option<Control> {
        self.lock().get(&connection).cloned()
    }
}

/// The streams of all connections.
pub(super) struct Streams {
    connections: HashMap<ConnectionId, libp2p_stream::Behaviour>,
    controls: Controls,
    slots: Slots,
    events: mpsc::Sender<NetEvent>,
}

impl Streams {
    /// Streams that others open become events.
    pub(super) fn new(events: mpsc::Sender<NetEvent>) -> Self {
        Self { connections: HashMap::new(), controls: Controls::default(), slots: Slots::default(), events }
    }

    pub(super) fn controls(&self) -> Controls {
        self.controls.clone()
    }

    fn begin(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
    ) -> &mut libp2p_stream::Behaviour {
        let behaviour = libp2p_stream::Behaviour::new();
        let connection = Connection { id, peer, way: way_of(address) };
        let mut control = behaviour.new_control();
        let incoming = Protocol::SERVED.map(|protocol| {
            let name = StreamProtocol::new(protocol.name());
            (protocol, control.accept(name).expect("a new behaviour has no protocol registered"))
        });
        // Ends when the connection does.
        tokio::spawn(accept(incoming, connection, self.slots.clone(), self.events.clone()));
        self.controls.lock().insert(id, control);
        self.connections.entry(id).or_insert(behaviour)
    }
}

impl NetworkBehaviour for Streams {
    type ConnectionHandler = THandler<libp2p_stream::Behaviour>;
    type ToSwarm = ();

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        let streams = self.begin(connection, peer, local);
        streams.handle_established_inbound_connection(connection, peer, local, remote)
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        let streams = self.begin(connection, peer, address);
        streams.handle_established_outbound_connection(connection, peer, address, role, port)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        let (id, is_over) = match &event {
            FromSwarm::ConnectionEstablished(established) => (established.connection_id, false),
            FromSwarm::ConnectionClosed(closed) => (closed.connection_id, true),
            // Refused by another behaviour after this one had agreed.
            FromSwarm::ListenFailure(failure) => (failure.connection_id, true),
            FromSwarm::DialFailure(failure) => (failure.connection_id, true),
            _ => return,
        };
        if let Some(streams) = self.connections.get_mut(&id) {
            streams.on_swarm_event(event);
        }
        if is_over {
            self.connections.remove(&id);
            self.controls.lock().remove(&id);
        }
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        if let Some(streams) = self.connections.get_mut(&connection) {
            streams.on_connection_handler_event(peer, connection, event);
        }
    }

    /// All that libp2p-stream asks for is to dial a peer anew, which is not its decision here.
    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

/// Turns the streams that come in over a connection into events until it ends. A task of its own: libp2p
/// drops a stream that is not taken at once.
async fn accept(
    incoming: [(Protocol, IncomingStreams); Protocol::SERVED.len()],
    connection: Connection,
    slots: Slots,
    events: mpsc::Sender<NetEvent>,
) {
    let mut incoming = select_all(
        incoming.map(|(protocol, streams)| streams.map(move |(_, stream)| (protocol, stream)).boxed()),
    );
    while let Some((protocol, stream)) = incoming.next().await {
        let Some(slot) = slots.take(connection.peer, protocol) else {
            continue;
        };
        let (max_in, max_out) = (protocol.max_called_with(), protocol.max_answer());
        let stream = Box::new(Framed::with_slot(stream, max_in, max_out, Some(slot)));
        if events.send(NetEvent::Stream { connection, protocol, stream }).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use musette_protocol::session::Version;

    use super::*;

    const SYNC: Protocol = Protocol::Sync(Version::NEWEST);

    #[test]
    fn a_peer_gets_its_places_and_no_more() {
        let slots = Slots::default();
        let (greedy, other) = (PeerId::random(), PeerId::random());
        let mut held: Vec<_> =
            (0..MAX_STREAMS_PER_PROTOCOL).map(|_| slots.take(greedy, SYNC).unwrap()).collect();
        assert!(slots.take(greedy, SYNC).is_none());
        assert!(slots.take(greedy, Protocol::Pairing).is_some());
        assert!(slots.take(other, SYNC).is_some());
        held.pop();
        held.extend(slots.take(greedy, SYNC));
        assert_eq!(held.len(), MAX_STREAMS_PER_PROTOCOL);
        held.clear();
        assert!(slots.0.lock().unwrap().is_empty(), "nothing is kept about peers that left");
    }
}
