//! The relay ticket: what lets its holder use a relay, until when and how much.
//!
//! It is signed by the relay's transport key, which is in it, so that a node can tell a real ticket
//! from a forged one before it calls anybody, and the relay needs no list of those it made. Only an
//! Ed25519 key is its own name in libp2p; a relay has no other.
//!
//! A [`RelayTicket`] exists only with a signature that holds. Whoever has its bytes can use it up,
//! so nothing prints them but the text form that is asked for.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    codec::{DecodeError, Encoded, Tag},
    crypto::sign::{SigningKey, VerifyingKey},
    pairing::ticket::{MAX_ADDRESS_LEN, MAX_ADDRESSES},
    signed::Signed,
    ticket_text::{self, TextError},
    time::Timestamp,
};

/// Bytes of the peer id of an Ed25519 key.
pub const PEER_LEN: usize = 38;

const PREFIX: &str = "musetterelay";

/// What comes before the key in its peer id: an identity multihash of 36 bytes, which are a protobuf
/// of key type 1 and 32 bytes.
const PEER_HEAD: [u8; PEER_LEN - 32] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];

/// What a ticket is counted under: drawn when it is made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TicketId([u8; 16]);

impl TicketId {
    /// Takes bytes that were drawn for a ticket, or were stored for one.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for TicketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketId(…)")
    }
}

/// What a relay promises whoever holds the ticket.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The relay's transport key.
    pub relay: VerifyingKey,
    /// Where the relay listens: multiaddrs in their binary form, without `/p2p/`; at least one.
    pub addresses: Vec<Vec<u8>>,
    /// What it is counted under.
    pub id: TicketId,
    /// When it ends, by the relay's clock.
    pub expires: Timestamp,
    /// Bytes that are carried on it in all, both ways together.
    pub quota: u64,
}

impl Encoded for Terms {
    const TAG: Tag = Tag::RelayTicket;
    const VERSION: u8 = 1;
}

impl Terms {
    fn is_bounded(&self) -> bool {
        (1..=MAX_ADDRESSES).contains(&self.addresses.len())
            && self.addresses.iter().all(|address| (1..=MAX_ADDRESS_LEN).contains(&address.len()))
    }
}

impl fmt::Debug for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Terms(…)")
    }
}

/// Terms that the relay they name has signed.
#[derive(Clone, PartialEq, Eq)]
pub struct RelayTicket(Signed<Terms>);

/// Why something is no relay ticket that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RelayTicketError {
    /// Mistyped, cut off, or something else.
    #[error("this is no relay ticket, or it was mistyped")]
    Malformed,
    /// From a version that this one does not know.
    #[error("the relay ticket comes from a newer version")]
    Newer,
    /// The relay that it names did not sign it.
    #[error("the relay did not make this ticket")]
    Forged,
    /// Its time is over.
    #[error("the relay ticket has expired")]
    Expired,
}

impl RelayTicketError {
    /// The kebab-case code that the interface renders.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "relay-ticket-malformed",
            Self::Newer => "relay-ticket-newer",
            Self::Forged => "relay-ticket-forged",
            Self::Expired => "relay-ticket-expired",
        }
    }
}

impl From<TextError> for RelayTicketError {
    fn from(error: TextError) -> Self {
        match error {
            TextError::Malformed => Self::Malformed,
            TextError::Newer => Self::Newer,
        }
    }
}

impl From<DecodeError> for RelayTicketError {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::Newer { .. } => Self::Newer,
            _ => Self::Malformed,
        }
    }
}

/// The peer id, in its binary form, of whoever has this transport key.
#[must_use]
pub fn peer_of(key: &VerifyingKey) -> [u8; PEER_LEN] {
    let mut peer = [0; PEER_LEN];
    peer[..PEER_HEAD.len()].copy_from_slice(&PEER_HEAD);
    peer[PEER_HEAD.len()..].copy_from_slice(key.as_bytes());
    peer
}

impl RelayTicket {
    /// Makes a ticket of the relay whose transport key this is.
    ///
    /// # Errors
    /// [`RelayTicketError::Malformed`] without an address, or with too many or too long ones.
    pub fn sign(
        key: &SigningKey,
        addresses: Vec<Vec<u8>>,
        id: TicketId,
        expires: Timestamp,
        quota: u64,
    ) -> Result<Self, RelayTicketError> {
        let terms = Terms { relay: key.verifying_key(), addresses, id, expires, quota };
        if terms.is_bounded() { Ok(Self(Signed::new(terms, key))) } else { Err(RelayTicketError::Malformed) }
    }

    /// Reads what [`RelayTicket::to_bytes`] wrote. Time is not judged: see [`RelayTicket::check_time`].
    ///
    /// # Errors
    /// When it is not in canonical form, out of bounds, or the signature does not hold.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RelayTicketError> {
        let ticket: Signed<Terms> = Signed::from_bytes(bytes)?;
        if !ticket.body().is_bounded() {
            return Err(RelayTicketError::Malformed);
        }
        ticket.verify(&ticket.body().relay).map_err(|_| RelayTicketError::Forged)?;
        Ok(Self(ticket))
    }

    /// The encoded terms and the signature.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.to_bytes()
    }

    /// What the relay promises.
    #[must_use]
    pub const fn terms(&self) -> &Terms {
        self.0.body()
    }

    /// The relay's peer id in its binary form.
    #[must_use]
    pub fn peer(&self) -> [u8; PEER_LEN] {
        peer_of(&self.terms().relay)
    }

    /// Checks the time.
    ///
    /// # Errors
    /// [`RelayTicketError::Expired`] from the instant [`Terms::expires`] on.
    pub fn check_time(&self, now: Timestamp) -> Result<(), RelayTicketError> {
        if now < self.terms().expires { Ok(()) } else { Err(RelayTicketError::Expired) }
    }
}

impl fmt::Debug for RelayTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RelayTicket(…)")
    }
}

/// The text form.
impl fmt::Display for RelayTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ticket_text::write(f, PREFIX, &self.to_bytes())
    }
}

/// Reads the text form, as [`RelayTicket::from_bytes`] does.
impl FromStr for RelayTicket {
    type Err = RelayTicketError;

    fn from_str(text: &str) -> Result<Self, RelayTicketError> {
        Self::from_bytes(&ticket_text::read(PREFIX, text)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        codec::encode,
        pairing::Ticket,
        relaying::{MAX_FRAME_LEN, Message},
        testkit::key,
    };

    const END: Timestamp = Timestamp::from_millis(1_795_000_000_000);

    fn signed(addresses: Vec<Vec<u8>>) -> Result<RelayTicket, RelayTicketError> {
        RelayTicket::sign(&key(1), addresses, TicketId::from_bytes([0xa5; 16]), END, 2_000_000_000)
    }

    fn ticket() -> RelayTicket {
        signed(vec![vec![4, 192, 0, 2, 7, 0x91, 2, 0x10, 0, 0xcd, 3]]).unwrap()
    }

    #[test]
    fn the_text_survives_mail_programs_and_is_no_other_tickets() {
        let text = ticket().to_string();
        assert_eq!(text.parse(), Ok(ticket()));
        assert_eq!(format!(" {}\r\n {}", &text[..40], &text[40..]).to_uppercase().parse(), Ok(ticket()));
        assert!(text.parse::<Ticket>().is_err(), "a relay's ticket pairs nobody");
        assert_eq!("musette1baaqajqa".parse::<RelayTicket>(), Err(RelayTicketError::Malformed));
    }

    #[test]
    fn no_byte_of_it_can_be_changed() {
        let bytes = ticket().to_bytes();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(RelayTicket::from_bytes(&changed).is_err(), "byte {at}");
        }
    }

    #[test]
    fn another_relays_signature_is_forged() {
        let terms = Terms { relay: key(2).verifying_key(), ..ticket().terms().clone() };
        let forged = Signed::new(terms, &key(1)).to_bytes();
        assert_eq!(RelayTicket::from_bytes(&forged), Err(RelayTicketError::Forged));
    }

    #[test]
    fn the_longest_fits_in_a_frame_and_nothing_is_longer() {
        let longest = signed(vec![vec![4; MAX_ADDRESS_LEN]; MAX_ADDRESSES]).unwrap();
        assert_eq!(longest.to_string().parse(), Ok(longest.clone()));
        assert!(encode(&Message::Present { ticket: longest.to_bytes() }).len() <= MAX_FRAME_LEN);
        for addresses in
            [vec![], vec![vec![]], vec![vec![4]; MAX_ADDRESSES + 1], vec![vec![4; MAX_ADDRESS_LEN + 1]]]
        {
            assert_eq!(signed(addresses), Err(RelayTicketError::Malformed));
        }
    }

    #[test]
    fn it_ends_at_its_instant_and_shows_nothing() {
        assert_eq!(ticket().check_time(END.plus_millis(-1)), Ok(()));
        assert_eq!(ticket().check_time(END), Err(RelayTicketError::Expired));
        let present = Message::Present { ticket: ticket().to_bytes() };
        let shown = format!("{:?} {:?} {:?} {present:?}", ticket(), ticket().terms(), ticket().terms().id);
        assert_eq!(shown, "RelayTicket(…) Terms(…) TicketId(…) Present(…)");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(musetterelay1)?\\PC{0,200}") {
            let _ = text.parse::<RelayTicket>();
        }
    }
}
