//! How a recovery ends when it does not end well.

use crate::{
    codec::DecodeError,
    pairing::{PairingError, error::Refusal},
};

/// Why the exchange failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecoveringError {
    /// The Musette that answers is not that of these words.
    #[error("another person's Musette answers, or the words are those of another one")]
    OtherPerson,
    /// The peer answers no more for the moment: too many knock.
    #[error("the other device is asked too often")]
    Busy,
    /// The device that answers was taken out.
    #[error("the device that answers was taken out")]
    DeviceRevoked,
    /// Other words are in the place of these: their own root said so.
    #[error("other words are in the place of these")]
    WordsReplaced,
    /// The answering device could not let the asker in.
    #[error("the other device refused")]
    Refused,
    /// The peer speaks a newer version.
    #[error("the other device runs a newer version")]
    Newer,
    /// The peer's bytes make no sense here, or do not open.
    #[error("the other device broke the protocol")]
    Broken,
    /// A signature does not hold, or is by somebody else: the peer is not who it must be.
    #[error("the other side is not what it must be")]
    Cheated,
    /// The peer took too long.
    #[error("the other device took too long")]
    Deadline,
}

impl RecoveringError {
    /// The kebab-case code that the interface renders.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::OtherPerson => "recover-other-person",
            Self::Busy => "recover-busy",
            Self::DeviceRevoked => "recover-device-revoked",
            Self::WordsReplaced => "words-replaced",
            Self::Refused => "recover-refused",
            Self::Newer => "protocol-newer",
            Self::Broken => "recover-broken",
            Self::Cheated => "recover-tampered",
            Self::Deadline => "deadline",
        }
    }

    /// What the other side is told.
    pub(super) const fn refusal(self) -> Refusal {
        match self {
            Self::Refused => Refusal::Refused,
            Self::Deadline => Refusal::Deadline,
            Self::OtherPerson
            | Self::Busy
            | Self::DeviceRevoked
            | Self::WordsReplaced
            | Self::Newer
            | Self::Broken
            | Self::Cheated => Refusal::Broken,
        }
    }
}

impl From<DecodeError> for RecoveringError {
    fn from(error: DecodeError) -> Self {
        PairingError::from(error).into()
    }
}

/// The channel of a pairing carries this exchange; of its errors these can occur.
impl From<PairingError> for RecoveringError {
    fn from(error: PairingError) -> Self {
        match error {
            PairingError::Newer => Self::Newer,
            PairingError::Deadline => Self::Deadline,
            PairingError::Refused => Self::Refused,
            PairingError::Cheated => Self::Cheated,
            PairingError::NotInvited
            | PairingError::TicketUsed
            | PairingError::TicketExpired
            | PairingError::WordsMismatch
            | PairingError::Broken => Self::Broken,
        }
    }
}
