//! As which addresses relays see this endpoint: where others may reach it, and what holes are punched by.
//!
//! Whoever is connected may say anything of that, again and again. AutoNAT keeps what it is given for ever and
//! has each address tried, at 30 to 100 KB; among the few addresses that DCUtR keeps, new ones push out the true
//! ones. So only relays count at which this endpoint has a place or through which it calls, and of each the
//! first word over each connection.

use std::{
    collections::{HashMap, HashSet},
    task::{Context, Poll},
    time::Instant,
};

use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    identify,
    swarm::{
        ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
        THandlerOutEvent, ToSwarm,
    },
};

use super::limits::{CANDIDATES_FOR, MAX_CANDIDATES};

/// identify, without what it would have all others take for an address of this endpoint.
pub(super) struct Identify(identify::Behaviour);

impl Identify {
    pub(super) fn new(config: identify::Config) -> Self {
        Self(identify::Behaviour::new(config))
    }
}

impl NetworkBehaviour for Identify {
    type ConnectionHandler = <identify::Behaviour as NetworkBehaviour>::ConnectionHandler;
    type ToSwarm = identify::Event;

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.0.handle_established_inbound_connection(connection, peer, local, remote)
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.0.handle_established_outbound_connection(connection, peer, address, role, port)
    }

    fn on_swarm_event(&mut self, event: FromSwarm) {
        self.0.on_swarm_event(event);
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        self.0.on_connection_handler_event(peer, connection, event);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        loop {
            match self.0.poll(cx) {
                Poll::Ready(ToSwarm::NewExternalAddrCandidate(_)) => {}
                other => return other,
            }
        }
    }
}

/// What is said, and whose word counts.
pub(super) struct Observed {
    relays: HashSet<PeerId>,
    /// The first word over each connection that is open.
    said: HashMap<ConnectionId, (PeerId, Multiaddr)>,
    /// What AutoNAT was given since then.
    tried: HashSet<Multiaddr>,
    since: Instant,
}

impl Observed {
    pub(super) fn new(now: Instant) -> Self {
        Self { relays: HashSet::new(), said: HashMap::new(), tried: HashSet::new(), since: now }
    }

    /// A peer says as which address it sees this endpoint over a connection that is open. Whether that counts.
    pub(super) fn say(&mut self, peer: PeerId, connection: ConnectionId, address: &Multiaddr) -> bool {
        let (_, first) = self.said.entry(connection).or_insert_with(|| (peer, address.clone()));
        first == address && self.relays.contains(&peer)
    }

    /// From now on this relay's word counts, for as long as it is connected; gives what it said before.
    pub(super) fn heed(&mut self, relay: PeerId) -> Vec<Multiaddr> {
        if !self.relays.insert(relay) {
            return Vec::new();
        }
        let its = self.said.values().filter(|(peer, _)| *peer == relay);
        its.map(|(_, address)| address.clone()).collect()
    }

    /// A connection is closed; `last`: none is left with that peer.
    pub(super) fn forget(&mut self, peer: PeerId, connection: ConnectionId, last: bool) {
        self.said.remove(&connection);
        if last {
            self.relays.remove(&peer);
        }
    }

    /// Whether AutoNAT may be given this address.
    pub(super) fn may_try(&mut self, address: &Multiaddr, now: Instant) -> bool {
        if now.saturating_duration_since(self.since) >= CANDIDATES_FOR {
            self.tried.clear();
            self.since = now;
        }
        let has_room = self.tried.len() < MAX_CANDIDATES;
        self.tried.contains(address) || (has_room && self.tried.insert(address.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: usize) -> Multiaddr {
        format!("/ip4/192.0.2.7/tcp/{port}").parse().unwrap()
    }

    #[test]
    fn only_the_first_word_of_a_relay_over_a_connection_counts() {
        let mut observed = Observed::new(Instant::now());
        let (relay, stranger) = (PeerId::random(), PeerId::random());
        let [first, second, third] = [1, 2, 3].map(ConnectionId::new_unchecked);
        assert!(!observed.say(stranger, first, &address(1)) && !observed.say(relay, second, &address(2)));
        assert_eq!(observed.heed(relay), [address(2)], "what it said before it was called through");
        assert!(observed.heed(relay).is_empty());
        assert!(observed.say(relay, second, &address(2)), "the same again");
        assert!((3..100).all(|port| !observed.say(relay, second, &address(port))), "something else");
        assert!(observed.say(relay, third, &address(4)), "over another connection");
        assert_eq!(observed.said.len(), 3);
        observed.forget(relay, second, false);
        observed.forget(relay, third, true);
        assert!(!observed.say(relay, third, &address(4)), "it is no relay of this endpoint any more");
    }

    #[test]
    fn so_many_addresses_are_tried_in_a_day() {
        let start = Instant::now();
        let mut observed = Observed::new(start);
        let tried = |observed: &mut Observed, now| {
            (0..100).filter(|port| observed.may_try(&address(*port), now)).count()
        };
        assert_eq!(tried(&mut observed, start), MAX_CANDIDATES);
        assert_eq!(tried(&mut observed, start), MAX_CANDIDATES, "the same ones");
        assert!(!observed.may_try(&address(100), start));
        assert!(observed.may_try(&address(100), start + CANDIDATES_FOR));
    }
}
