//! Where connections are let in: asks [`crate::desk`] before a handshake, and after it.
//!
//! It also keeps the relay from calling anybody but those who call it. A node may ask whether it can
//! be reached from outside (AutoNAT); what it asks to be called must be where it called from, or the
//! relay would be a way to knock at other people's doors.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Instant,
};

use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    multiaddr::Protocol,
    swarm::{
        ConnectionClosed, ConnectionDenied, ConnectionId, DialFailure, FromSwarm, ListenFailure,
        NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm, dummy,
    },
};

use crate::{desk::Desk, service::lock, source::Source};

/// Why a connection does not come about.
#[derive(Debug, thiserror::Error)]
enum Denied {
    #[error("too many connections")]
    Full,
    #[error("nobody called from there")]
    Unknown,
}

/// The behaviour: see the module.
pub(crate) struct Behaviour {
    desk: Arc<Mutex<Desk>>,
}

impl Behaviour {
    pub(crate) const fn new(desk: Arc<Mutex<Desk>>) -> Self {
        Self { desk }
    }
}

fn checked(holds: bool, denied: Denied) -> Result<(), ConnectionDenied> {
    if holds { Ok(()) } else { Err(ConnectionDenied::new(denied)) }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        connection: ConnectionId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        // Over TCP it has answered from where it says it is; a packet of QUIC may have any address on it.
        let proven = remote.iter().any(|part| matches!(part, Protocol::Tcp(_)));
        let may = |source| lock(&self.desk).may_connect(connection, (source, proven), Instant::now());
        checked(Source::of(remote).is_some_and(may), Denied::Full)
    }

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        let may = |source| lock(&self.desk).arrived(connection, peer, source, Instant::now());
        checked(Source::of(remote).is_some_and(may), Denied::Full)?;
        Ok(dummy::ConnectionHandler)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: Option<PeerId>,
        addresses: &[Multiaddr],
        _: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        let desk = lock(&self.desk);
        let known = |address| Source::of(address).is_some_and(|source| desk.connections.knows(source));
        checked(addresses.iter().all(known), Denied::Unknown)?;
        Ok(Vec::new())
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        lock(&self.desk).connections.called_back(connection, peer, Instant::now());
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm) {
        if let FromSwarm::ConnectionClosed(ConnectionClosed { connection_id, .. })
        | FromSwarm::DialFailure(DialFailure { connection_id, .. })
        | FromSwarm::ListenFailure(ListenFailure { connection_id, .. }) = event
        {
            lock(&self.desk).left(connection_id, Instant::now());
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use musette_protocol::{crypto::sign::VerifyingKey, time::Timestamp};

    use super::*;
    use crate::{config::Limits, desk::Moment, ledger::Ledger, limits::IDLE_DEADLINE};

    #[test]
    fn only_where_a_call_came_from_is_called_back() {
        let desk = Desk::new(
            Limits::default(),
            VerifyingKey::from_bytes([1; 32]),
            Ledger::default(),
            Instant::now(),
        );
        let desk = Arc::new(Mutex::new(desk));
        let mut gate = Behaviour::new(Arc::clone(&desk));
        let [here, caller, other] = ["/ip4/192.0.2.1/tcp/1", "/ip4/192.0.2.7/tcp/9", "/ip4/192.0.2.8/tcp/9"]
            .map(|address| address.parse::<Multiaddr>().unwrap());
        let (connection, peer) = (ConnectionId::new_unchecked(1), PeerId::random());
        gate.handle_pending_inbound_connection(connection, &here, &caller).unwrap();
        gate.handle_established_inbound_connection(connection, peer, &here, &caller).unwrap();
        let back = ConnectionId::new_unchecked(3);
        gate.handle_established_outbound_connection(back, peer, &caller, Endpoint::Dialer, PortUse::New)
            .unwrap();
        let later = Moment { instant: Instant::now() + IDLE_DEADLINE, time: Timestamp::from_millis(0) };
        assert!(lock(&desk).sweep(later).contains(&(peer, back)), "a call back is over soon");
        let mut may = |addresses: &[&Multiaddr]| {
            let addresses: Vec<_> = addresses.iter().copied().cloned().collect();
            let call = ConnectionId::new_unchecked(2);
            gate.handle_pending_outbound_connection(call, None, &addresses, Endpoint::Dialer).is_ok()
        };
        assert!(may(&[&caller]));
        assert!(!may(&[&other]) && !may(&[&caller, &other]), "a relay knocks at nobody else's door");
        assert!(!may(&[&"/dns4/example.org/tcp/1".parse().unwrap()]), "a name could be anybody's");
    }
}
