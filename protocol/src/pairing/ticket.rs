//! The ticket: what a QR code or a line of text carries from the inviting to the joining device.
//!
//! Text form: `musette1…`, in base32 with a checksum: see `protocol/spec/pairing.md`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{
    codec::{DecodeError, Encoded, Tag, decode, encode},
    ticket_text::{self, TextError},
    time::Timestamp,
};

/// Milliseconds that a ticket is valid: time to walk to the other device, not to leave it on a desk.
pub const LIFETIME_MS: i64 = 600_000;
/// Addresses in a ticket: a laptop with several interfaces, over QUIC and TCP.
pub const MAX_ADDRESSES: usize = 16;
/// Bytes of one address: relayed ones, with two peer ids, are the longest.
pub const MAX_ADDRESS_LEN: usize = 128;
/// Bytes of a peer id: the longest that libp2p writes for any key is 42.
pub const MAX_PEER_LEN: usize = 64;
const PREFIX: &str = "musette";

/// 128 secret bits, good for one pairing. Wiped on drop, never printed but in the ticket.
#[derive(PartialEq, Eq, Zeroize, ZeroizeOnDrop, Serialize, Deserialize)]
pub struct TicketSecret([u8; 16]);

impl TicketSecret {
    /// Takes bytes that were drawn for this ticket.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes, for the one call that needs them.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for TicketSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketSecret(…)")
    }
}

/// An invitation for one device.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// Where the inviting device listens: multiaddrs in their binary form, without `/p2p/`.
    pub addresses: Vec<Vec<u8>>,
    /// The inviting endpoint's peer id, so that nobody else is taken for it.
    pub peer: Vec<u8>,
    /// Proves that the joining device was shown the ticket.
    pub secret: TicketSecret,
    /// When it ends, by the inviting device's clock.
    pub expires: Timestamp,
}

impl Encoded for Ticket {
    const TAG: Tag = Tag::Ticket;
    const VERSION: u8 = 1;
}

/// Why a text is no ticket that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// Mistyped, cut off, or something else.
    #[error("this is no ticket, or it was mistyped")]
    Malformed,
    /// From a version that this one does not know.
    #[error("the ticket comes from a newer version")]
    Newer,
    /// Its time is over.
    #[error("the ticket has expired")]
    Expired,
}

impl TicketError {
    /// The kebab-case code that the interface renders.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "ticket-malformed",
            Self::Newer => "ticket-newer",
            Self::Expired => "ticket-expired",
        }
    }
}

impl Ticket {
    /// Checks the time.
    ///
    /// # Errors
    /// [`TicketError::Expired`] from the instant [`Ticket::expires`] on.
    pub fn check_time(&self, now: Timestamp) -> Result<(), TicketError> {
        if now < self.expires { Ok(()) } else { Err(TicketError::Expired) }
    }

    fn is_bounded(&self) -> bool {
        let bounded = |bytes: &Vec<u8>, max| (1..=max).contains(&bytes.len());
        self.addresses.len() <= MAX_ADDRESSES
            && self.addresses.iter().all(|address| bounded(address, MAX_ADDRESS_LEN))
            && bounded(&self.peer, MAX_PEER_LEN)
    }
}

impl From<TextError> for TicketError {
    fn from(error: TextError) -> Self {
        match error {
            TextError::Malformed => Self::Malformed,
            TextError::Newer => Self::Newer,
        }
    }
}

/// The text form.
impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ticket_text::write(f, PREFIX, &encode(self))
    }
}

/// Reads the text form. Time is not judged: see [`Ticket::check_time`].
impl FromStr for Ticket {
    type Err = TicketError;

    fn from_str(text: &str) -> Result<Self, TicketError> {
        let ticket: Self = decode(&ticket_text::read(PREFIX, text)?).map_err(|error| match error {
            DecodeError::Newer { .. } => TicketError::Newer,
            _ => TicketError::Malformed,
        })?;
        if ticket.is_bounded() { Ok(ticket) } else { Err(TicketError::Malformed) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        id::base32,
        ticket_text::{MAX_TEXT_LEN, checksum},
    };

    fn ticket() -> Ticket {
        Ticket {
            addresses: vec![vec![4, 192, 168, 1, 7, 0x91, 2, 0x10, 0, 0xcd, 3]],
            peer: vec![0x12; 38],
            secret: TicketSecret::from_bytes([0xa5; 16]),
            expires: Timestamp::from_millis(1_795_000_000_000),
        }
    }

    #[test]
    fn the_text_survives_mail_programs_and_qr_codes() {
        let text = ticket().to_string();
        assert_eq!(text.parse(), Ok(ticket()));
        assert_eq!(text.to_uppercase().parse(), Ok(ticket()));
        let chunks: Vec<_> = text.as_bytes().chunks(20).map(|chunk| String::from_utf8_lossy(chunk)).collect();
        assert_eq!(format!("  {}\r\n", chunks.join("\n\t ")).parse(), Ok(ticket()));
    }

    #[test]
    fn every_mistyped_character_is_noticed() {
        let text = ticket().to_string();
        for at in 0..text.len() {
            for replacement in ["a", "7", "1", "é", ""] {
                let mut typed = text.clone();
                typed.replace_range(at..=at, replacement);
                if typed != text {
                    assert!(typed.parse::<Ticket>().is_err(), "{typed}");
                }
            }
        }
    }

    #[test]
    fn a_newer_ticket_is_told_from_a_mistyped_one() {
        assert_eq!("musette2abc".parse::<Ticket>(), Err(TicketError::Newer));
        assert_eq!("musetteabc".parse::<Ticket>(), Err(TicketError::Malformed));
        let mut bytes = encode(&ticket());
        bytes[1] = 2;
        bytes.extend(checksum(&bytes));
        let text = format!("musette1{}", base32().encode(&bytes));
        assert_eq!(text.parse::<Ticket>(), Err(TicketError::Newer));
    }

    #[test]
    fn lists_and_lengths_are_bounded() {
        let refused = |change: fn(&mut Ticket)| {
            let mut ticket = ticket();
            change(&mut ticket);
            ticket.to_string().parse::<Ticket>() == Err(TicketError::Malformed)
        };
        assert!(refused(|ticket| ticket.addresses = vec![vec![1]; MAX_ADDRESSES + 1]));
        assert!(refused(|ticket| ticket.addresses = vec![vec![1; MAX_ADDRESS_LEN + 1]]));
        assert!(refused(|ticket| ticket.addresses = vec![vec![]]));
        assert!(refused(|ticket| ticket.peer = vec![1; MAX_PEER_LEN + 1]));
        assert_eq!("a".repeat(MAX_TEXT_LEN + 1).parse::<Ticket>(), Err(TicketError::Malformed));
    }

    #[test]
    fn it_ends_at_its_instant_and_shows_no_secret() {
        let end = ticket().expires;
        assert_eq!(ticket().check_time(end.plus_millis(-1)), Ok(()));
        assert_eq!(ticket().check_time(end), Err(TicketError::Expired));
        assert!(format!("{:?}", ticket()).contains("TicketSecret(…)"));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(musette1)?\\PC{0,200}") {
            let _ = text.parse::<Ticket>();
        }
    }
}
