//! Streams of one path only: over direct connections, or over those that a relay carries.
//!
//! With a peer to whom both lead, `libp2p-stream` opens a stream over either. A session is to move from
//! the one to the other, so each path has a behaviour of its own, which sees no connection of the other.

use std::task::{Context, Poll};

use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse, util::unreachable},
    multiaddr::Protocol as Part,
    swarm::{
        ConnectionDenied, ConnectionId, DialError, DialFailure, FromSwarm, NetworkBehaviour, THandler,
        THandlerInEvent, THandlerOutEvent, ToSwarm, derive_prelude::Either, dummy,
    },
};
use libp2p_stream::Control;

/// How a connection leads to the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Path {
    /// From one machine to the other.
    Direct,
    /// Through a relay, which carries a bounded number of bytes.
    Relayed,
}

impl Path {
    /// Both, the better one first.
    pub(super) const ALL: [Self; 2] = [Self::Direct, Self::Relayed];

    /// The path of a connection, by the address at this end or by the one that was dialled.
    pub(super) fn of(address: &Multiaddr) -> Self {
        if address.iter().any(|part| part == Part::P2pCircuit) { Self::Relayed } else { Self::Direct }
    }
}

/// `libp2p-stream` over the connections of one path.
pub(super) struct Streams {
    path: Path,
    inner: libp2p_stream::Behaviour,
}

type Inner = THandler<libp2p_stream::Behaviour>;

impl Streams {
    pub(super) fn over(path: Path) -> Self {
        Self { path, inner: libp2p_stream::Behaviour::new() }
    }

    pub(super) fn new_control(&self) -> Control {
        self.inner.new_control()
    }
}

impl NetworkBehaviour for Streams {
    type ConnectionHandler = Either<Inner, dummy::ConnectionHandler>;
    type ToSwarm = ();

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        if Path::of(local) != self.path {
            return Ok(Either::Right(dummy::ConnectionHandler));
        }
        self.inner.handle_established_inbound_connection(connection, peer, local, remote).map(Either::Left)
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        if Path::of(address) != self.path {
            return Ok(Either::Right(dummy::ConnectionHandler));
        }
        self.inner
            .handle_established_outbound_connection(connection, peer, address, role, port)
            .map(Either::Left)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        let endpoint = match &event {
            FromSwarm::ConnectionEstablished(established) => established.endpoint,
            FromSwarm::ConnectionClosed(closed) => closed.endpoint,
            _ => return,
        };
        if endpoint.is_relayed() == (self.path == Path::Relayed) {
            self.inner.on_swarm_event(event);
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {
            Either::Left(never) | Either::Right(never) => unreachable(never),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        while let Poll::Ready(effect) = self.inner.poll(cx) {
            let ToSwarm::Dial { opts } = effect else { return Poll::Ready(effect.map_in(Either::Left)) };
            // The connection ended while a stream was asked for. A dial of libp2p-stream's own could take
            // the other path, and has no deadline.
            self.inner.on_swarm_event(FromSwarm::DialFailure(DialFailure {
                peer_id: opts.get_peer_id(),
                error: &DialError::NoAddresses,
                connection_id: opts.connection_id(),
            }));
        }
        Poll::Pending
    }
}
