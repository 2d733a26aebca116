//! How a pairing ends when it does not end well.

use serde::{Deserialize, Serialize};

use crate::codec::DecodeError;

/// Who must act for the next attempt to succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The ticket: a new one is needed.
    Ticket,
    /// The person at the inviting device decided, or mistyped.
    Person,
    /// The peer's program: broken, newer, or hostile.
    Peer,
    /// Nobody: time passed.
    Nobody,
}

/// Why a pairing failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PairingError {
    /// The peer has no invitation open for this ticket's secret.
    #[error("no invitation is open for this ticket")]
    NotInvited,
    /// Another device, or an earlier attempt, used the ticket.
    #[error("the ticket was used before")]
    TicketUsed,
    /// The ticket's time is over, by the inviting device's clock.
    #[error("the ticket has expired")]
    TicketExpired,
    /// The person refused.
    #[error("the pairing was refused")]
    Refused,
    /// The words typed are not those of this session: a stranger may stand in the middle.
    #[error("the words do not match")]
    WordsMismatch,
    /// The peer speaks a newer version.
    #[error("the other device runs a newer version")]
    Newer,
    /// The peer's bytes make no sense here, or do not open.
    #[error("the other device broke the protocol")]
    Broken,
    /// The peer revealed something else than it had committed to, or signed something else.
    #[error("the other device revealed something else than it had committed to")]
    Cheated,
    /// The peer took too long.
    #[error("the other device took too long")]
    Deadline,
}

impl PairingError {
    /// The kebab-case code that the interface renders.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotInvited => "ticket-unknown",
            Self::TicketUsed => "ticket-used",
            Self::TicketExpired => "ticket-expired",
            Self::Refused => "pairing-refused",
            Self::WordsMismatch => "words-mismatch",
            Self::Newer => "protocol-newer",
            Self::Broken => "pairing-broken",
            Self::Cheated => "pairing-tampered",
            Self::Deadline => "deadline",
        }
    }

    /// Who is at fault.
    #[must_use]
    pub const fn fault(self) -> Fault {
        match self {
            Self::NotInvited | Self::TicketUsed | Self::TicketExpired => Fault::Ticket,
            Self::Refused | Self::WordsMismatch => Fault::Person,
            Self::Newer | Self::Broken | Self::Cheated => Fault::Peer,
            Self::Deadline => Fault::Nobody,
        }
    }
}

impl From<DecodeError> for PairingError {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::Newer { .. } => Self::Newer,
            _ => Self::Broken,
        }
    }
}

/// What an inviter tells a joiner that holds the secret. New reasons are added at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// See [`PairingError::TicketUsed`].
    TicketUsed,
    /// See [`PairingError::TicketExpired`].
    TicketExpired,
    /// See [`PairingError::Refused`].
    Refused,
    /// See [`PairingError::WordsMismatch`].
    WordsMismatch,
    /// See [`PairingError::Broken`]: the joiner's own bytes.
    Broken,
    /// See [`PairingError::Deadline`].
    Deadline,
}

impl From<Refusal> for PairingError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::TicketUsed => Self::TicketUsed,
            Refusal::TicketExpired => Self::TicketExpired,
            Refusal::Refused => Self::Refused,
            Refusal::WordsMismatch => Self::WordsMismatch,
            Refusal::Broken => Self::Broken,
            Refusal::Deadline => Self::Deadline,
        }
    }
}

impl From<PairingError> for Refusal {
    fn from(error: PairingError) -> Self {
        match error {
            PairingError::TicketUsed => Self::TicketUsed,
            PairingError::TicketExpired => Self::TicketExpired,
            PairingError::Refused => Self::Refused,
            PairingError::WordsMismatch => Self::WordsMismatch,
            PairingError::Deadline => Self::Deadline,
            PairingError::NotInvited | PairingError::Newer | PairingError::Broken | PairingError::Cheated => {
                Self::Broken
            }
        }
    }
}
