//! Places at relays: each is a listener of the swarm, whose addresses lead through the relay.

use std::{collections::HashMap, time::Instant};

use libp2p::{Multiaddr, PeerId, Swarm, core::transport::ListenerId, multiaddr::Protocol as Part};
use tokio::sync::oneshot;

use super::{
    behaviour::Behaviour,
    limits::{MAX_ADDRESS_LEN, MAX_ADDRESSES_PER_RELAY, SHORTEST_PLACE},
    listen::{peer_of, relay_of},
};
use crate::error::{Error, Result};

/// The places there are, and those asked for.
#[derive(Default)]
pub(super) struct Circuits(HashMap<ListenerId, Circuit>);

struct Circuit {
    relay: Option<PeerId>,
    addresses: Vec<Multiaddr>,
    /// Until the relay has answered.
    reply: Option<oneshot::Sender<Result<ListenerId>>>,
    /// When the relay granted the place, or last renewed it.
    granted: Option<Instant>,
    /// Hears why the place is given up; dropped when it is lost.
    ended: Option<oneshot::Sender<Error>>,
}

impl Circuits {
    /// Asks for a place. `reply` hears once the relay has granted it, or why there is none; `ended` hears why it
    /// is given up, and is dropped once it is lost.
    pub(super) fn reserve(
        &mut self,
        swarm: &mut Swarm<Behaviour>,
        relay: Multiaddr,
        reply: oneshot::Sender<Result<ListenerId>>,
        ended: oneshot::Sender<Error>,
    ) {
        let peer = peer_of(&relay);
        match swarm.listen_on(relay.with(Part::P2pCircuit)) {
            Ok(id) => {
                self.0.insert(id, Circuit::new(peer, reply, ended));
            }
            Err(_) => drop(reply.send(Err(Error::new("relay-refused")))),
        }
    }

    /// One more address of a listener, or the same again, as at each renewal; false when it is no circuit. What
    /// the relay says of itself is bounded, and cannot lead to another relay.
    pub(super) fn added(&mut self, id: ListenerId, address: &Multiaddr) -> bool {
        let Some(circuit) = self.0.get_mut(&id) else { return false };
        let address = without_end(address);
        let is_its = circuit.relay.is_some() && relay_of(&address) == circuit.relay;
        let has_room = circuit.addresses.len() < MAX_ADDRESSES_PER_RELAY && address.len() <= MAX_ADDRESS_LEN;
        if is_its && has_room && !circuit.addresses.contains(&address) {
            circuit.addresses.push(address);
        }
        if let Some(reply) = circuit.reply.take() {
            circuit.granted = Some(Instant::now());
            let _ = reply.send(Ok(id));
        }
        true
    }

    /// A relay renewed a place. Gives the listener to remove if that came too soon: the relay grants so little
    /// that libp2p would ask it again and again, as fast as it answers.
    pub(super) fn renewed(&mut self, relay: PeerId, now: Instant) -> Option<ListenerId> {
        let its = |circuit: &Circuit| circuit.relay == Some(relay) && circuit.granted.is_some();
        let (id, circuit) = self.0.iter_mut().find(|(_, circuit)| its(circuit))?;
        let before = circuit.granted.replace(now)?;
        if now.saturating_duration_since(before) >= SHORTEST_PLACE {
            return None;
        }
        if let Some(ended) = circuit.ended.take() {
            let _ = ended.send(Error::new("relay-refused"));
        }
        Some(*id)
    }

    /// A listener ended; false when it was no circuit.
    pub(super) fn closed(&mut self, id: ListenerId) -> bool {
        let Some(circuit) = self.0.remove(&id) else { return false };
        if let Some(reply) = circuit.reply {
            let _ = reply.send(Err(Error::new("relay-refused")));
        }
        true
    }

    pub(super) fn addresses(&self) -> Vec<Multiaddr> {
        let mut addresses: Vec<Multiaddr> =
            self.0.values().flat_map(|circuit| &circuit.addresses).cloned().collect();
        addresses.sort();
        addresses
    }
}

impl Circuit {
    const fn new(
        relay: Option<PeerId>,
        reply: oneshot::Sender<Result<ListenerId>>,
        ended: oneshot::Sender<Error>,
    ) -> Self {
        Self { relay, addresses: Vec::new(), reply: Some(reply), granted: None, ended: Some(ended) }
    }
}

/// Up to `/p2p-circuit`: whose place it is goes without saying.
fn without_end(address: &Multiaddr) -> Multiaddr {
    let mut ended = false;
    address.iter().take_while(|part| !std::mem::replace(&mut ended, *part == Part::P2pCircuit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A place that was asked for, and who waits to hear of it and of its end.
    type Asked = (ListenerId, oneshot::Receiver<Result<ListenerId>>, oneshot::Receiver<Error>);

    fn asked(circuits: &mut Circuits, relay: PeerId) -> Asked {
        let ((reply, answer), (ended, lost)) = (oneshot::channel(), oneshot::channel());
        let id = ListenerId::next();
        circuits.0.insert(id, Circuit::new(Some(relay), reply, ended));
        (id, answer, lost)
    }

    #[test]
    fn an_address_that_is_told_again_is_there_once() {
        let (mut circuits, relay) = (Circuits::default(), PeerId::random());
        let (id, mut answer, _lost) = asked(&mut circuits, relay);
        let at = |port: u16| -> Multiaddr {
            format!("/ip4/192.0.2.7/tcp/{port}/p2p/{relay}/p2p-circuit").parse().unwrap()
        };
        for port in [1, 2, 1, 2, 1, 2, 3] {
            assert!(circuits.added(id, &at(port)));
        }
        assert_eq!(answer.try_recv().unwrap(), Ok(id));
        assert_eq!(circuits.addresses(), [1, 2, 3].map(at));
    }

    #[test]
    fn a_place_that_is_renewed_too_soon_is_given_up() {
        let (mut circuits, relay) = (Circuits::default(), PeerId::random());
        let (id, _answer, mut lost) = asked(&mut circuits, relay);
        let _other = asked(&mut circuits, PeerId::random());
        assert_eq!(circuits.renewed(relay, Instant::now()), None, "this is its first grant");
        circuits.added(id, &format!("/ip4/192.0.2.7/tcp/1/p2p/{relay}/p2p-circuit").parse().unwrap());
        let granted = Instant::now();
        assert_eq!(circuits.renewed(relay, granted + SHORTEST_PLACE), None);
        assert_eq!(circuits.renewed(relay, granted + 3 * SHORTEST_PLACE), None);
        assert!(lost.try_recv().is_err());
        assert_eq!(circuits.renewed(relay, granted + 3 * SHORTEST_PLACE + SHORTEST_PLACE / 2), Some(id));
        assert_eq!(lost.try_recv().unwrap(), Error::new("relay-refused"));
    }
}
