//! Invariant 5: no exchange goes on without progress; each has a bound.
//!
//! In one session a side sends no record twice unless it was asked for it again, nor a part of one, and says
//! nothing but the handshake, its frontier and its statements once, and once more for each frame of records
//! that its device took, from whomever, or that it sent (who sends statements tells which it holds now), or
//! check that either asked for, or statements that its device made. Reconciliations and questions for
//! attachments have bounds of their own. So a session is bounded by what there is to tell.

use std::collections::{BTreeMap, BTreeSet};

use musette_protocol::{
    codec::decode,
    id::RecordId,
    session::message::{Message, SpaceMessage},
};

use super::{Check, Violation, ensure, sending::Frame};

/// Hello, marks, proof, the first frontier, the statements, and what is held of records.
const FIRST_MESSAGES: u64 = 6;

/// Messages of reconciliations in one session. Between few records each takes three.
const MAX_RECONCILIATION: u64 = 200;

/// Questions for attachments in one session.
const MAX_FETCHING: u64 = 2_000;

/// Steps that the second phase may take. A run needs some thousands; past this it never ends.
pub const MAX_HEALING_STEPS: u64 = 200_000;

/// Virtual milliseconds that healing may take, and the second sync after it, once those who have to wait
/// with a dial have dialled: silent connections are given up after eight seconds, and what is left is to
/// be said over few links; of attachments two pieces come in a round trip.
pub const MAX_HEALING_MS: u64 = 120_000;

/// What one side of a session said so far.
#[derive(Debug, Default)]
pub struct Exchange {
    records: BTreeSet<RecordId>,
    /// Where the next part of a record is to begin.
    parts: BTreeMap<RecordId, usize>,
    /// Of these, those that were on their way when the other side compared everything again.
    on_their_way: BTreeSet<RecordId>,
    messages: u64,
    occasions: u64,
    reconciliation: u64,
    fetching: u64,
    /// Whether the other side asked for records, by name or by their place.
    asked: bool,
}

impl Exchange {
    /// The side was given a reason to send its frontier again.
    pub const fn note_occasion(&mut self) {
        self.occasions += 1;
    }

    /// The side is to compare everything again: it says its frontier, and perhaps its statements.
    pub const fn note_check(&mut self) {
        self.occasions += 3;
    }

    /// The side hears something. Who compares everything again may be sent once more what was on its
    /// way; a bad device may ask for the same again and again.
    pub fn note_heard(&mut self, frame: &[u8], from_villain: bool) {
        let Ok(Message::Space { message, .. }) = decode(frame) else { return };
        match message {
            SpaceMessage::Frontier { check: true, .. } => {
                self.records.clear();
                self.on_their_way.extend(self.parts.keys());
                self.occasions += 1;
            }
            SpaceMessage::Frontier { .. } | SpaceMessage::Statements(_) => {}
            // Who lacks a piece asks again, also for what is on its way.
            SpaceMessage::Want { .. } => self.asked = true,
            _ => self.asked |= from_villain,
        }
    }

    /// The other side turned out to be out: it may be told once more why.
    pub const fn note_ended(&mut self) {
        self.asked = true;
    }

    /// Whether it sent records.
    #[must_use]
    pub fn has_sent_records(&self) -> bool {
        !self.records.is_empty() || !self.parts.is_empty()
    }

    /// Whether a frame goes on with a record that began in this session.
    #[must_use]
    pub fn is_going_on(&self, frame: &Frame) -> bool {
        matches!(frame, Frame::Part { record, .. } if self.parts.contains_key(record))
    }

    /// Checks a frame that the side is about to send.
    ///
    /// # Errors
    /// When it repeats itself.
    pub fn check(&mut self, frame: &Frame) -> Result<(), Violation> {
        match frame {
            Frame::Records(records) => {
                ensure(!records.is_empty(), Check::Termination, || "a frame without a record".to_owned())?;
                self.note_occasion();
                return self.check_records(records);
            }
            Frame::Part { record, from, to, is_last } => {
                let expected = self.parts.remove(record);
                if expected.is_none() {
                    self.note_occasion();
                }
                let is_next = from < to && expected.is_none_or(|expected| expected == *from);
                ensure(is_next, Check::Termination, || format!("a part of {record:?} from {from} to {to}"))?;
                if !*is_last {
                    self.parts.insert(*record, *to);
                } else if !self.on_their_way.remove(record) {
                    self.check_records(&[*record])?;
                }
                return Ok(());
            }
            Frame::Reconciliation => self.reconciliation += 1,
            Frame::Want(_) | Frame::Lacks => self.fetching += 1,
            _ => self.messages += 1,
        }
        let bounded = self.reconciliation <= MAX_RECONCILIATION && self.fetching <= MAX_FETCHING;
        ensure(bounded, Check::Termination, || "questions without end".to_owned())?;
        // Who sent commits that wait at its side, after a reconciliation, tells its frontier again.
        let occasions = self.occasions + self.reconciliation;
        ensure(self.messages <= FIRST_MESSAGES + occasions, Check::Termination, || {
            format!("{} messages on {occasions} occasions", self.messages)
        })
    }

    fn check_records(&mut self, records: &[RecordId]) -> Result<(), Violation> {
        let again = records.iter().find(|record| !self.records.insert(**record));
        // Who lacks a piece is asked again later, also for those that were still on their way.
        let asked = self.asked || self.reconciliation > 0;
        ensure(again.is_none() || asked, Check::Termination, || format!("{again:?} was sent twice"))
    }
}
