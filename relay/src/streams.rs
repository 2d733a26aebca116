//! The streams that peers open to the relay, and those that it opens to them, told apart by the
//! connection that they are on.
//!
//! `libp2p-stream` does not serve here: it does not say on which connection a stream came, so that
//! a reservation could not end with it; it drops a stream that comes while another waits to be
//! taken, so that a flood would push the others out; and it keeps something of every connection that
//! ever was.
//!
//! Nothing here waits: a stream is handed on at once, and [`crate::desk`] bounds how many are served.

mod handler;

use std::{
    collections::VecDeque,
    task::{Context, Poll},
};

use libp2p::{
    Multiaddr, PeerId, Stream,
    core::{Endpoint, transport::PortUse},
    swarm::{
        CloseConnection, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler,
        THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
    },
};
use tokio::sync::{mpsc, oneshot};

use self::handler::Handler;
use crate::limits::MAX_COMMANDS;

/// What a stream is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To reserve, or to call somebody.
    Hop,
    /// To present a ticket.
    Present,
}

/// A stream that a peer opened.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) peer: PeerId,
    pub(crate) connection: ConnectionId,
    pub(crate) purpose: Purpose,
    pub(crate) stream: Stream,
}

/// What a connection is told to do.
#[derive(Debug)]
enum Command {
    /// Open a stream to the called; the sender is dropped when that fails.
    Open(oneshot::Sender<Stream>),
    Close,
}

/// Tells connections what to do, from any task.
#[derive(Debug, Clone)]
pub(crate) struct Commands(mpsc::Sender<(PeerId, ConnectionId, Command)>);

impl Commands {
    /// Opens a stream to the called on this connection; none when that is gone or refuses.
    pub(crate) async fn open(&self, peer: PeerId, connection: ConnectionId) -> Option<Stream> {
        let (sender, receiver) = oneshot::channel();
        self.0.send((peer, connection, Command::Open(sender))).await.ok()?;
        receiver.await.ok()
    }

    /// Closes a connection. With very many waiting it stays open until the next sweep finds it.
    pub(crate) fn close(&self, peer: PeerId, connection: ConnectionId) {
        let _ = self.0.try_send((peer, connection, Command::Close));
    }
}

/// The behaviour: see the module.
pub(crate) struct Behaviour {
    /// Empty after each turn of the loop, which takes all of it before it listens to connections.
    arrived: VecDeque<Arrived>,
    commands: mpsc::Receiver<(PeerId, ConnectionId, Command)>,
}

impl Behaviour {
    pub(crate) fn new() -> (Self, Commands) {
        let (sender, commands) = mpsc::channel(MAX_COMMANDS);
        (Self { arrived: VecDeque::new(), commands }, Commands(sender))
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = Arrived;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(Handler::default())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(Handler::default())
    }

    fn on_swarm_event(&mut self, _: FromSwarm) {}

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        (purpose, stream): THandlerOutEvent<Self>,
    ) {
        self.arrived.push_back(Arrived { peer, connection, purpose, stream });
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        if let Some(arrived) = self.arrived.pop_front() {
            return Poll::Ready(ToSwarm::GenerateEvent(arrived));
        }
        match self.commands.poll_recv(cx) {
            Poll::Ready(Some((peer_id, connection, Command::Open(event)))) => {
                Poll::Ready(ToSwarm::NotifyHandler {
                    peer_id,
                    handler: NotifyHandler::One(connection),
                    event,
                })
            }
            Poll::Ready(Some((peer_id, connection, Command::Close))) => {
                Poll::Ready(ToSwarm::CloseConnection {
                    peer_id,
                    connection: CloseConnection::One(connection),
                })
            }
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}
