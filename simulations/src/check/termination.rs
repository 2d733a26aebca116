//! Invariant 5: no exchange goes on without progress; each has a bound.
//!
//! In one session a side sends no record twice, and says nothing but the handshake, its frontier
//! once, and once more for each frame of records that it took or refresh that was asked for. So a
//! session is bounded by what there is to tell.

use std::collections::BTreeSet;

use musette_protocol::id::RecordId;

use super::{Check, Violation, ensure, sending::Frame};

/// Hello, marks, proof, and the first frontier.
const FIRST_MESSAGES: u64 = 4;

/// Steps that the second phase may take. A run needs some thousands; past this it never ends.
pub const MAX_HEALING_STEPS: u64 = 200_000;

/// What one side of a session said so far.
#[derive(Debug, Default)]
pub struct Exchange {
    records: BTreeSet<RecordId>,
    messages: u64,
    occasions: u64,
}

impl Exchange {
    /// The side was given a reason to send its frontier again.
    pub const fn note_occasion(&mut self) {
        self.occasions += 1;
    }

    /// Whether it sent records.
    #[must_use]
    pub fn has_sent_records(&self) -> bool {
        !self.records.is_empty()
    }

    /// Checks a frame that the side is about to send.
    ///
    /// # Errors
    /// When it repeats itself.
    pub fn check(&mut self, frame: &Frame) -> Result<(), Violation> {
        if let Frame::Records(records) = frame {
            ensure(!records.is_empty(), Check::Termination, || "a frame without a record".to_owned())?;
            let again = records.iter().find(|record| !self.records.insert(**record));
            return ensure(again.is_none(), Check::Termination, || format!("{again:?} was sent twice"));
        }
        self.messages += 1;
        ensure(self.messages <= FIRST_MESSAGES + self.occasions, Check::Termination, || {
            format!("{} messages on {} occasions", self.messages, self.occasions)
        })
    }
}
