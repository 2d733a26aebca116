//! What one connection does for [`super::Behaviour`]: takes streams in, opens them when told to.

use std::{
    collections::VecDeque,
    task::{Context, Poll},
};

use futures::future::Either;
use libp2p::{
    Stream, StreamProtocol,
    core::upgrade::{ReadyUpgrade, SelectUpgrade},
    relay::{HOP_PROTOCOL_NAME, STOP_PROTOCOL_NAME},
    swarm::{
        ConnectionHandler, ConnectionHandlerEvent, SubstreamProtocol,
        handler::{ConnectionEvent, FullyNegotiatedInbound, FullyNegotiatedOutbound},
    },
};
use tokio::sync::oneshot;

use super::Purpose;
use crate::limits::{MAX_REQUESTS_PER_CONNECTION, REQUEST_DEADLINE};

const PRESENT_PROTOCOL_NAME: StreamProtocol = StreamProtocol::new(musette_protocol::relaying::PROTOCOL);

type Upgrade = ReadyUpgrade<StreamProtocol>;

/// Streams on their way, both bounded: a peer that does not wait for answers loses what is too many.
#[derive(Default)]
pub(crate) struct Handler {
    arrived: VecDeque<(Purpose, Stream)>,
    /// Those to be opened, each for whoever waits for it.
    opening: VecDeque<oneshot::Sender<Stream>>,
}

impl ConnectionHandler for Handler {
    type FromBehaviour = oneshot::Sender<Stream>;
    type ToBehaviour = (Purpose, Stream);
    type InboundProtocol = SelectUpgrade<Upgrade, Upgrade>;
    type OutboundProtocol = Upgrade;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = oneshot::Sender<Stream>;

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        let (hop, present) = (Upgrade::new(HOP_PROTOCOL_NAME), Upgrade::new(PRESENT_PROTOCOL_NAME));
        SubstreamProtocol::new(SelectUpgrade::new(hop, present), ()).with_timeout(REQUEST_DEADLINE)
    }

    fn poll(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, Self::OutboundOpenInfo, Self::ToBehaviour>> {
        if let Some(arrived) = self.arrived.pop_front() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(arrived));
        }
        if let Some(sender) = self.opening.pop_front() {
            let protocol = SubstreamProtocol::new(Upgrade::new(STOP_PROTOCOL_NAME), sender)
                .with_timeout(REQUEST_DEADLINE);
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        Poll::Pending
    }

    /// As many as [`crate::desk`] lets call this peer.
    fn on_behaviour_event(&mut self, sender: Self::FromBehaviour) {
        self.opening.push_back(sender);
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<Self::InboundProtocol, Self::OutboundProtocol, (), Self::OutboundOpenInfo>,
    ) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol, .. })
                if self.arrived.len() < MAX_REQUESTS_PER_CONNECTION as usize =>
            {
                self.arrived.push_back(match protocol {
                    Either::Left(stream) => (Purpose::Hop, stream),
                    Either::Right(stream) => (Purpose::Present, stream),
                });
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol, info }) => {
                // Whoever waited for it may have stopped waiting; then it is dropped.
                let _ = info.send(protocol);
            }
            // One stream too many is dropped; so is the sender of one that failed, and whoever waits
            // for that knows.
            _ => {}
        }
    }
}
