//! The versions of what two devices say, and which of them a session is in.
//!
//! Each version has a name of its own below the session, the libp2p protocol: the dialer asks for them
//! newest first, and takes the first that the other side knows. So neither says a word that the other
//! cannot read, and a session is in one version from its first byte on. Nobody in between can make them
//! choose an older one: they would have to end both connections themselves, and then the proofs fail,
//! which are bound to the transport keys at both ends.
//!
//! An earlier version is spoken as long as a space holds nothing that it cannot say.

use super::{
    first,
    message::{Message, frame_of_message},
};
use crate::{
    limits::{MAX_LACKING_SPANS, MAX_RECOGNITION_MARKS},
    replica::State,
};

/// A version of session messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// The first.
    First,
    /// The one before the present one. (The second was in no version of the program.)
    Third,
    /// The present one: a record can come in parts.
    Fourth,
}

/// Marks of epochs that either side showed at most in the third version.
const MARKS_OF_THE_THIRD: usize = 24;

/// Spans of a chain that a frontier listed at most in the third version.
const SPANS_OF_THE_THIRD: usize = 32;

impl Version {
    /// All that are spoken, the newest first.
    pub const ALL: [Self; 3] = [Self::Fourth, Self::Third, Self::First];
    /// The newest.
    pub const NEWEST: Self = Self::ALL[0];

    /// Whether all that a space holds can be said in it.
    #[must_use]
    pub fn can_say(self, state: &State) -> bool {
        match self {
            Self::First => first::can_say(state),
            Self::Third | Self::Fourth => true,
        }
    }

    /// Marks of epochs that either side shows at most.
    pub(super) const fn most_marks(self) -> usize {
        match self {
            Self::First => first::MAX_RECOGNITION_MARKS,
            Self::Third => MARKS_OF_THE_THIRD,
            Self::Fourth => MAX_RECOGNITION_MARKS,
        }
    }

    /// Spans of a chain that a frontier lists at most.
    pub(super) const fn most_spans(self) -> usize {
        match self {
            Self::First | Self::Third => SPANS_OF_THE_THIRD,
            Self::Fourth => MAX_LACKING_SPANS,
        }
    }

    /// A message that all versions have.
    pub(super) fn frame(self, message: Message) -> Vec<u8> {
        match self {
            Self::First => first::frame_of_message(message),
            Self::Third | Self::Fourth => frame_of_message(&message),
        }
    }
}
