//! The person's relays: in the settings, so that all of their devices use the same.

use std::collections::BTreeMap;

use libp2p::{Multiaddr, PeerId, multiaddr::Protocol as Part};
use musette_protocol::{
    id::MIN_PREFIX_CHARS,
    relaying::{RelayTicket, RelayTicketError},
};

use super::{Store, items::document_error, settings::settings_id};
use crate::{
    clock, entropy,
    error::{Error, Result},
    net::{limits::MAX_ADDRESSES, peer_of},
};

/// Before a relay's peer id, a key of the settings. Its value is the text that the person gave.
const KEY: &str = "relay/";
/// How the text of a relay's ticket begins.
const TICKET_PREFIX: &str = "musetterelay";
/// How that of a device's does, before a digit.
const DEVICE_TICKET_PREFIX: &str = "musette";
/// Relays that a person names: each costs every device a connection that stays.
const MAX_RELAYS: usize = 4;
/// Relays that are used: two devices may each have named some while apart.
const MAX_USED: usize = 3 * MAX_RELAYS;

/// A relay, as a person named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Relay {
    /// Its transport.
    pub(crate) peer: PeerId,
    /// Where it listens, with its peer id at the end.
    pub(crate) addresses: Vec<Multiaddr>,
    /// What lets this person's devices use it, if it asks for that.
    pub(crate) ticket: Option<RelayTicket>,
    /// What was given.
    pub(crate) text: String,
}

impl Relay {
    /// Reads what a person gives: a ticket, or addresses that end in the relay's peer id, with spaces between.
    ///
    /// # Errors
    /// What is wrong with the ticket, but for its time; `relay-ticket-is-a-devices`; `bad-relay-address`, with it.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        if is_relay_ticket(text) {
            return Self::of_ticket(text);
        }
        let behind = behind_prefix(text, DEVICE_TICKET_PREFIX);
        if behind.is_some_and(|text| text.starts_with(|first: char| first.is_ascii_digit())) {
            return Err(Error::new("relay-ticket-is-a-devices"));
        }
        let addresses: Vec<Multiaddr> = text.split_whitespace().map(relay_address).collect::<Result<_>>()?;
        let mut peers = addresses.iter().map(peer_of);
        let peer = peers.next().flatten().ok_or_else(|| bad_address(text))?;
        if addresses.len() > MAX_ADDRESSES || !peers.all(|other| other == Some(peer)) {
            return Err(bad_address(text));
        }
        Ok(Self { peer, addresses, ticket: None, text: text.to_owned() })
    }

    fn of_ticket(text: &str) -> Result<Self> {
        let malformed = || Error::new("relay-ticket-malformed");
        let ticket: RelayTicket = text.parse().map_err(|error: RelayTicketError| Error::new(error.code()))?;
        let peer = PeerId::from_bytes(&ticket.peer()).map_err(|_| malformed())?;
        let addresses = ticket.terms().addresses.iter();
        let addresses = addresses.filter_map(|bytes| Multiaddr::try_from(bytes.clone()).ok());
        let addresses: Vec<Multiaddr> = addresses.map(|address| address.with(Part::P2p(peer))).collect();
        if addresses.is_empty() {
            return Err(malformed());
        }
        Ok(Self { peer, addresses, ticket: Some(ticket), text: text.to_owned() })
    }

    fn is_named(&self, text: &str) -> bool {
        let is_address = |address: &Multiaddr| address.to_string() == text;
        let ends_so = text.len() >= MIN_PREFIX_CHARS && self.peer.to_string().ends_with(text);
        self.text == text || ends_so || self.addresses.iter().any(is_address)
    }

    pub(super) fn key(peer: PeerId) -> String {
        format!("{KEY}{peer}")
    }

    /// Of an entry of the settings; another version may have put there what this one cannot read.
    pub(super) fn of_entry(key: &str, value: &[u8]) -> Option<Self> {
        let peer: PeerId = key.strip_prefix(KEY)?.parse().ok()?;
        let relay = Self::parse(std::str::from_utf8(value).ok()?).ok()?;
        (relay.peer == peer).then_some(relay)
    }
}

/// Whether this begins as a relay's ticket does.
pub(crate) fn is_relay_ticket(text: &str) -> bool {
    behind_prefix(text.trim_start(), TICKET_PREFIX).is_some()
}

/// What follows a prefix in whatever case.
fn behind_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

fn bad_address(text: &str) -> Error {
    Error::new("bad-relay-address").with("address", text)
}

fn relay_address(text: &str) -> Result<Multiaddr> {
    let address: Multiaddr = text.parse().map_err(|_| bad_address(text))?;
    let is_circuit = address.iter().any(|part| part == Part::P2pCircuit);
    if is_circuit || peer_of(&address).is_none() { Err(bad_address(text)) } else { Ok(address) }
}

impl Store {
    /// The person's relays.
    pub(crate) fn relays(&self) -> BTreeMap<PeerId, Relay> {
        let relays = self.settings.relays.iter().take(MAX_USED);
        relays.map(|relay| (relay.peer, relay.clone())).collect()
    }

    /// Names a relay, in the place of what was known of the same one.
    ///
    /// # Errors
    /// `relay-ticket-expired`, `relay-has-ticket` where an address alone would take the place of a ticket,
    /// `too-many-relays`, and when the disk refuses.
    pub(crate) fn add_relay(&mut self, relay: &Relay) -> Result<()> {
        if let Some(ticket) = &relay.ticket {
            ticket.check_time(clock::now()).map_err(|error| Error::new(error.code()))?;
        }
        let known = self.relays();
        let has_ticket = known.get(&relay.peer).is_some_and(|known| known.ticket.is_some());
        if has_ticket && relay.ticket.is_none() {
            return Err(Error::new("relay-has-ticket"));
        }
        if known.len() >= MAX_RELAYS && !known.contains_key(&relay.peer) {
            return Err(Error::new("too-many-relays").with("max", MAX_RELAYS));
        }
        self.set_setting(&Relay::key(relay.peer), Some(relay.text.as_bytes()))
    }

    /// Forgets the relay that `named` tells: its peer id or the end of that, an address, a ticket.
    ///
    /// # Errors
    /// `relay-not-found`, `relay-ambiguous`; and when the disk refuses.
    pub(crate) fn remove_relay(&mut self, named: &str) -> Result<PeerId> {
        let named = named.trim();
        let is_it = |relay: &&Relay| relay.is_named(named);
        let found: Vec<PeerId> = self.settings.relays.iter().filter(is_it).map(|relay| relay.peer).collect();
        match found[..] {
            [peer] => {
                self.set_setting(&Relay::key(peer), None)?;
                Ok(peer)
            }
            [] => Err(Error::new("relay-not-found").with("relay", named)),
            _ => Err(Error::new("relay-ambiguous").with("relay", named)),
        }
    }

    fn set_setting(&mut self, key: &str, value: Option<&[u8]>) -> Result<()> {
        self.check_entitled()?;
        let id = settings_id(self.state().space());
        let mut document = self.take_document(id)?;
        let set = document.set_bytes(key, value, clock::now(), &self.device().short(), entropy::bytes());
        if let Err(error) = set {
            self.loaded.put(id, document);
            return Err(document_error(error));
        }
        self.save_document(id, document)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_relay_when_it_ends_in_its_peer_id() {
        let peer = PeerId::random();
        let text = format!(" /dns4/relay.example.org/udp/4001/quic-v1/p2p/{peer}\n");
        let relay = Relay::parse(&text).unwrap();
        assert_eq!((relay.peer, relay.text.as_str()), (peer, text.trim()));
        let name = peer.to_string();
        let end = |chars: usize| &name[name.len() - chars..];
        assert!(relay.is_named(end(MIN_PREFIX_CHARS)) && relay.is_named(text.trim()));
        assert!(!relay.is_named(end(MIN_PREFIX_CHARS - 1)) && !relay.is_named(""));
        assert_eq!(Relay::of_entry(&Relay::key(peer), relay.text.as_bytes()), Some(relay.clone()));
        assert_eq!(Relay::of_entry(&Relay::key(PeerId::random()), relay.text.as_bytes()), None);
        let circuit = format!("/ip4/192.0.2.1/tcp/1/p2p/{peer}/p2p-circuit/p2p/{peer}");
        let of = |peer: PeerId| format!("/ip4/192.0.2.1/tcp/4001/p2p/{peer}");
        let both = format!("{} {}", of(peer), relay.text);
        assert_eq!(Relay::parse(&both).unwrap().addresses.len(), 2);
        let two = format!("{} {}", of(peer), of(PeerId::random()));
        for bad in ["", "relay.example.org", "/ip4/192.0.2.1/tcp/4001", &circuit, &two] {
            assert_eq!(Relay::parse(bad).unwrap_err().code(), "bad-relay-address", "{bad}");
        }
        for of_a_device in ["musette1abc", " MUSETTE1ABC\n"] {
            assert_eq!(Relay::parse(of_a_device).unwrap_err().code(), "relay-ticket-is-a-devices");
        }
    }
}
