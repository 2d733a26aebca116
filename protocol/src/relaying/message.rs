//! What a node and a relay say to each other: one frame each.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ticket::RelayTicketError;
use crate::{
    codec::{Encoded, Tag},
    time::Timestamp,
};

/// A frame on a stream of [`super::PROTOCOL`]: its length as four bytes, big-endian, then this.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// Node: let me in on this ticket, as [`super::RelayTicket::to_bytes`] has it. The relay judges
    /// those bytes itself, so that it can say what is wrong with them.
    Present {
        /// The signed ticket.
        #[serde(with = "serde_bytes")]
        ticket: Vec<u8>,
    },
    /// Relay: you are in, while this connection lasts.
    Admitted(Admission),
    /// Relay: you are not.
    Refused(Refusal),
}

impl Encoded for Message {
    const TAG: Tag = Tag::Relaying;
    const VERSION: u8 = 1;
}

/// Shows nothing of a ticket.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present { .. } => f.write_str("Present(…)"),
            Self::Admitted(admission) => fmt::Debug::fmt(admission, f),
            Self::Refused(refusal) => write!(f, "Refused({refusal:?})"),
        }
    }
}

/// What a ticket is worth at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admission {
    /// When the ticket ends, by the relay's clock.
    pub expires: Timestamp,
    /// Bytes that may still be carried on it, both ways together.
    pub bytes_left: u64,
    /// Bytes that one circuit carries at most, both ways together.
    pub circuit_bytes: u64,
    /// Seconds that one circuit lasts at most.
    pub circuit_seconds: u32,
}

/// Why a relay refuses a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Refusal {
    /// Its signature is not by the relay that it names.
    #[error("the relay did not make this ticket")]
    Forged,
    /// It names another relay.
    #[error("the ticket is for another relay")]
    OtherRelay,
    /// Its time is over.
    #[error("the relay ticket has expired")]
    Expired,
    /// All its bytes were carried.
    #[error("the relay ticket is used up")]
    UsedUp,
    /// As many nodes as may use one ticket at once do, or the relay has no place.
    #[error("too many use the relay at once")]
    TooMany,
    /// The relay can read no ticket in what came, or no message.
    #[error("the relay could not read the ticket")]
    Malformed,
}

impl Refusal {
    /// The kebab-case code that the interface renders.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Forged => "relay-ticket-forged",
            Self::OtherRelay => "relay-ticket-other-relay",
            Self::Expired => "relay-ticket-expired",
            Self::UsedUp => "relay-ticket-used-up",
            Self::TooMany => "relay-crowded",
            Self::Malformed => "relay-ticket-malformed",
        }
    }
}

/// A ticket from a newer version was not made by this relay as it is now.
impl From<RelayTicketError> for Refusal {
    fn from(error: RelayTicketError) -> Self {
        match error {
            RelayTicketError::Malformed | RelayTicketError::Newer => Self::Malformed,
            RelayTicketError::Forged => Self::Forged,
            RelayTicketError::Expired => Self::Expired,
        }
    }
}
