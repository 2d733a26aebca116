//! Where an endpoint listens: binding with clear errors, and addresses that others can dial.

use std::{
    collections::BTreeSet,
    io::ErrorKind,
    net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket},
};

use libp2p::{Multiaddr, PeerId, Swarm, core::transport::ListenerId, multiaddr::Protocol as Part};

use tokio::time::sleep;

use super::{
    Way,
    behaviour::Behaviour,
    limits::{MAX_ADDRESSES, MAX_DIALLED, PORT_POLL_INTERVAL},
};
use crate::error::{Error, Result};

/// The endpoint's listeners and what each is bound to.
pub(super) struct Listeners(Vec<Listener>);

struct Listener {
    id: ListenerId,
    requested: Multiaddr,
    bound: Vec<Multiaddr>,
}

/// An address this endpoint can listen on or dial: IP and port, over QUIC or TCP.
struct Target {
    ip: IpAddr,
    port: u16,
    quic: bool,
    peer: Option<PeerId>,
}

impl Listeners {
    /// Binds every address.
    ///
    /// # Errors
    /// `bad-listen-address` or `port-in-use`, with the address.
    pub(super) fn bind(swarm: &mut Swarm<Behaviour>, requested: &[Multiaddr]) -> Result<Self> {
        let bind = |address: &Multiaddr| {
            let bad = || Error::new("bad-listen-address").with("address", address);
            let target = Target::of(address).filter(|target| target.peer.is_none()).ok_or_else(bad)?;
            target.probe().map_err(|error| match error.kind() {
                ErrorKind::AddrInUse => Error::new("port-in-use").with("address", address),
                _ => bad(),
            })?;
            let id = swarm.listen_on(address.clone()).map_err(|_| bad())?;
            Ok(Listener { id, requested: address.clone(), bound: Vec::new() })
        };
        requested.iter().map(bind).collect::<Result<_>>().map(Self)
    }

    pub(super) fn added(&mut self, id: ListenerId, address: Multiaddr) {
        if let Some(listener) = self.0.iter_mut().find(|listener| listener.id == id) {
            listener.bound.push(address);
        }
    }

    pub(super) fn expired(&mut self, id: ListenerId, address: &Multiaddr) {
        if let Some(listener) = self.0.iter_mut().find(|listener| listener.id == id) {
            listener.bound.retain(|bound| bound != address);
        }
    }

    /// Forgets a listener that ended, and tells the address it was asked for.
    pub(super) fn closed(&mut self, id: ListenerId) -> Option<Multiaddr> {
        let at = self.0.iter().position(|listener| listener.id == id)?;
        Some(self.0.remove(at).requested)
    }

    /// Whether each listener has at least one address. Many machines speak IPv6 and have no address of it:
    /// for one of all interfaces nobody waits.
    pub(super) fn are_bound(&self) -> bool {
        let may_have_none = |listener: &Listener| {
            Target::of(&listener.requested).is_some_and(|target| target.ip == Ipv6Addr::UNSPECIFIED)
        };
        self.0.iter().all(|listener| !listener.bound.is_empty() || may_have_none(listener))
    }

    /// Waits until somebody else could bind every address. Unbounded: the caller has a deadline.
    pub(super) async fn until_free(&self) {
        for listener in &self.0 {
            let bound = listener.bound.first().and_then(Target::of);
            if let (Some(requested), Some(bound)) = (Target::of(&listener.requested), bound) {
                let target = Target { port: bound.port, ..requested };
                while target.probe().is_err() {
                    sleep(PORT_POLL_INTERVAL).await;
                }
            }
        }
    }

    /// Where this endpoint may be reached if somebody sees it at this address: there, or at the ports on which
    /// it listens, where a connection left from another one.
    pub(super) fn seen_at(&self, seen: &Multiaddr) -> Vec<Multiaddr> {
        let Some(seen) = Target::of(seen) else { return Vec::new() };
        let bound = self.0.iter().flat_map(|listener| &listener.bound).filter_map(Target::of);
        let alike = bound.filter(|bound| bound.quic == seen.quic && bound.ip.is_ipv4() == seen.ip.is_ipv4());
        let mut ports: BTreeSet<u16> = alike.map(|bound| bound.port).collect();
        if ports.contains(&seen.port) {
            ports.retain(|port| *port == seen.port);
        }
        ports.into_iter().map(|port| Target { port, ..seen }.address()).collect()
    }

    /// What others can dial, QUIC first. Loopback only where it was asked for: in a ticket it
    /// would lead the other device to itself.
    pub(super) fn addresses(&self) -> Vec<Multiaddr> {
        let mut found: Vec<(bool, Multiaddr)> = Vec::new();
        for listener in &self.0 {
            let local = Target::of(&listener.requested).is_some_and(|target| target.ip.is_loopback());
            for address in &listener.bound {
                let Some(target) = Target::of(address).filter(|target| target.is_reachable(local)) else {
                    continue;
                };
                found.push((!target.quic, address.clone()));
            }
        }
        found.sort_by_key(|(tcp, _)| *tcp);
        found.into_iter().map(|(_, address)| address).take(MAX_ADDRESSES).collect()
    }
}

/// One dial: a peer, where it is known, and its addresses.
pub(super) type Dial = (Option<PeerId>, Vec<Multiaddr>);

/// What is dialled at once to reach somebody.
#[derive(Debug, Default)]
pub(super) struct Dials {
    pub(super) direct: Vec<Dial>,
    pub(super) through_relays: Vec<ThroughRelay>,
}

/// A peer beyond a relay.
#[derive(Debug)]
pub(super) struct ThroughRelay {
    /// The relay, with all of its addresses.
    pub(super) relay: Dial,
    /// The peer, by one of them.
    pub(super) beyond: Dial,
}

/// Sorts addresses into as few dials as possible; drops what this endpoint cannot dial.
pub(super) fn dials(addresses: Vec<Multiaddr>) -> Dials {
    let mut dials = Dials::default();
    for address in addresses.into_iter().take(MAX_DIALLED) {
        let Some(peer) = destination(&address) else { continue };
        let (to_relay, beyond) = split_circuit(&address);
        if beyond.is_none() {
            add(&mut dials.direct, peer, address);
            continue;
        }
        let relay = relay_of(&address);
        let is_it = |known: &&mut ThroughRelay| known.relay.0 == relay && known.beyond.0 == peer;
        match dials.through_relays.iter_mut().find(is_it) {
            Some(known) => known.relay.1.push(to_relay),
            None => dials
                .through_relays
                .push(ThroughRelay { relay: (relay, vec![to_relay]), beyond: (peer, vec![address]) }),
        }
    }
    dials
}

fn add(dials: &mut Vec<Dial>, peer: Option<PeerId>, address: Multiaddr) {
    match dials.iter_mut().find(|(known, _)| known.is_some() && *known == peer) {
        Some((_, known)) => known.push(address),
        None => dials.push((peer, vec![address])),
    }
}

/// Whom an address that can be dialled leads to, where it says so: through a relay it must.
fn destination(address: &Multiaddr) -> Option<Option<PeerId>> {
    let (to_relay, beyond) = split_circuit(address);
    let target = Target::of(&to_relay).filter(|target| target.port != 0)?;
    match beyond {
        None => Some(target.peer),
        Some(beyond) => match (target.peer, beyond.as_slice()) {
            (Some(_), [Part::P2p(peer)]) => Some(Some(*peer)),
            _ => None,
        },
    }
}

/// What comes before `/p2p-circuit`, and what after it.
fn split_circuit(address: &Multiaddr) -> (Multiaddr, Option<Vec<Part<'_>>>) {
    let parts: Vec<Part<'_>> = address.iter().collect();
    match parts.iter().position(|part| *part == Part::P2pCircuit) {
        Some(at) => (parts[..at].iter().cloned().collect(), Some(parts[at + 1..].to_vec())),
        None => (address.clone(), None),
    }
}

/// The relay through which an address leads.
pub(super) fn relay_of(address: &Multiaddr) -> Option<PeerId> {
    match split_circuit(address) {
        (to_relay, Some(_)) => peer_of(&to_relay),
        _ => None,
    }
}

/// The peer whose id an address ends in.
pub(crate) fn peer_of(address: &Multiaddr) -> Option<PeerId> {
    match address.iter().last() {
        Some(Part::P2p(peer)) => Some(peer),
        _ => None,
    }
}

/// An address without the peer ids in it: a transport key on the local network is new at each start, and an
/// address outlives it.
pub(crate) fn without_peer(address: &Multiaddr) -> Multiaddr {
    address.iter().filter(|part| !matches!(part, Part::P2p(_))).collect()
}

/// How a connection leads to the peer, by the address at this end or by the one that was dialled.
pub(super) fn way_of(address: &Multiaddr) -> Way {
    let is_relayed = address.iter().any(|part| part == Part::P2pCircuit);
    if is_relayed { Way::Relayed { by: relay_of(address) } } else { Way::Direct { quic: is_quic(address) } }
}

/// An address that can be dialled, without a peer's name; none when it is another.
pub(super) fn as_dialled(address: &Multiaddr) -> Option<Multiaddr> {
    Target::of(address).map(|target| target.address())
}

/// Whether an address is one of QUIC, and leads through no relay.
pub(super) fn is_quic(address: &Multiaddr) -> bool {
    Target::of(address).is_some_and(|target| target.quic)
}

impl Target {
    fn of(address: &Multiaddr) -> Option<Self> {
        let mut parts = address.iter();
        let ip = match parts.next()? {
            Part::Ip4(ip) => IpAddr::from(ip),
            Part::Ip6(ip) => IpAddr::from(ip),
            _ => return None,
        };
        let (port, quic) = match parts.next()? {
            Part::Tcp(port) => (port, false),
            Part::Udp(port) => (parts.next()? == Part::QuicV1).then_some((port, true))?,
            _ => return None,
        };
        let peer = match parts.next() {
            None => None,
            Some(Part::P2p(peer)) => Some(peer),
            Some(_) => return None,
        };
        parts.next().is_none().then_some(Self { ip, port, quic, peer })
    }

    /// The address, without the peer.
    fn address(&self) -> Multiaddr {
        let ip = Multiaddr::from(self.ip);
        if self.quic {
            ip.with(Part::Udp(self.port)).with(Part::QuicV1)
        } else {
            ip.with(Part::Tcp(self.port))
        }
    }

    /// Tries the port without `SO_REUSEPORT`. libp2p sets it on TCP, so that a second node would
    /// share the port and steal half of the connections instead of failing.
    fn probe(&self) -> std::io::Result<()> {
        let address = SocketAddr::new(self.ip, self.port);
        if self.quic { UdpSocket::bind(address).map(drop) } else { TcpListener::bind(address).map(drop) }
    }

    fn is_reachable(&self, loopback_too: bool) -> bool {
        let link_local = matches!(self.ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
        !self.ip.is_unspecified() && !link_local && (loopback_too || !self.ip.is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(requested: &str, bound: &[&str]) -> Listener {
        let bound = bound.iter().map(|address| address.parse().unwrap()).collect();
        Listener { id: ListenerId::next(), requested: requested.parse().unwrap(), bound }
    }

    #[test]
    fn addresses_are_such_that_another_device_can_dial_them() {
        let any = listener("/ip4/0.0.0.0/tcp/0", &["/ip4/127.0.0.1/tcp/4001", "/ip4/192.168.1.7/tcp/4001"]);
        let quic = listener(
            "/ip6/::/udp/0/quic-v1",
            &["/ip6/::1/udp/4002/quic-v1", "/ip6/fe80::1/udp/4002/quic-v1", "/ip6/fd00::7/udp/4002/quic-v1"],
        );
        let texts = |listeners: Vec<Listener>| -> Vec<String> {
            Listeners(listeners).addresses().iter().map(ToString::to_string).collect()
        };
        assert_eq!(texts(vec![any, quic]), ["/ip6/fd00::7/udp/4002/quic-v1", "/ip4/192.168.1.7/tcp/4001"]);
        let local = listener("/ip4/127.0.0.1/tcp/0", &["/ip4/127.0.0.1/tcp/4001"]);
        assert_eq!(texts(vec![local]), ["/ip4/127.0.0.1/tcp/4001"]);
    }

    #[test]
    fn who_is_seen_at_another_port_may_be_reached_at_those_it_listens_on() {
        let tcp = listener("/ip4/0.0.0.0/tcp/0", &["/ip4/127.0.0.1/tcp/4001", "/ip4/192.168.1.7/tcp/4001"]);
        let quic = listener("/ip4/0.0.0.0/udp/0/quic-v1", &["/ip4/192.168.1.7/udp/4002/quic-v1"]);
        let six = listener("/ip6/::/tcp/0", &["/ip6/fd00::7/tcp/4003"]);
        let listeners = Listeners(vec![tcp, quic, six]);
        for (seen, at) in [
            ("/ip4/192.0.2.7/tcp/4001", Some("/ip4/192.0.2.7/tcp/4001")),
            ("/ip4/192.0.2.7/tcp/9", Some("/ip4/192.0.2.7/tcp/4001")),
            ("/ip4/192.0.2.7/udp/9/quic-v1", Some("/ip4/192.0.2.7/udp/4002/quic-v1")),
            ("/ip6/2001:db8::7/tcp/9", Some("/ip6/2001:db8::7/tcp/4003")),
            ("/ip6/2001:db8::7/udp/9/quic-v1", None),
            ("/dns4/example.org/tcp/9", None),
        ] {
            let found = listeners.seen_at(&seen.parse().unwrap());
            assert_eq!(found, at.map(|at| at.parse().unwrap()).as_slice(), "{seen}");
        }
    }

    #[test]
    fn addresses_of_one_peer_make_one_dial() {
        let (peer, relay) = (PeerId::random(), PeerId::random());
        let texts = [
            format!("/ip4/10.0.0.1/udp/1/quic-v1/p2p/{peer}"),
            format!("/ip4/10.0.0.1/tcp/1/p2p/{peer}"),
            "/ip4/10.0.0.2/tcp/2".to_owned(),
            "/ip4/10.0.0.3/tcp/3".to_owned(),
            "/dns/example.org/tcp/4".to_owned(),
            "/ip4/10.0.0.4/tcp/0".to_owned(),
            "/ip4/10.0.0.5/tcp/5/ws".to_owned(),
            format!("/ip4/10.0.0.6/tcp/6/p2p/{relay}/p2p-circuit/p2p/{peer}"),
            format!("/ip6/fd00::6/tcp/6/p2p/{relay}/p2p-circuit/p2p/{peer}"),
            format!("/ip4/10.0.0.6/tcp/6/p2p/{relay}/p2p-circuit"),
            format!("/ip4/10.0.0.6/tcp/6/p2p-circuit/p2p/{peer}"),
        ];
        let dials = dials(texts.iter().map(|text| text.parse().unwrap()).collect());
        let shape: Vec<_> = dials.direct.iter().map(|(peer, addresses)| (*peer, addresses.len())).collect();
        assert_eq!(shape, [(Some(peer), 2), (None, 1), (None, 1)]);
        let [ThroughRelay { relay: (known, at), beyond }] = &dials.through_relays[..] else {
            panic!("one relay: {dials:?}")
        };
        assert_eq!((*known, at.len()), (Some(relay), 2));
        assert_eq!((beyond.0, beyond.1.len()), (Some(peer), 1));
    }
}
