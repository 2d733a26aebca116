//! The first version of what two devices say, for a device that was not updated yet.
//!
//! 1. The handshake is that of today.
//! 2. There is one space, the one of the epoch taken, and records name none.
//! 3. A frontier lists epochs and operations whole. A commit counts there with its attachments, so
//!    their pieces come before it, unasked.
//! 4. Nothing else is said: no reconciliation, no requests, no checks.
//!
//! A device of that version learns no second epoch, and waits for ever for what was dropped. So this
//! version is spoken of a space that holds neither, nor anything that follows from a revocation
//! ([`can_say`]). Of any other a device of that version hears the present one, and says that it is to be
//! updated.

use serde::{Deserialize, Serialize};

use super::{
    SessionError,
    frontier::{Chain, Frontier, Head, digest_of_statements},
    message::{self, Reason, parse_records, push_records},
};
use crate::{
    codec::{DecodeError, Encoded, Tag, decode, encode},
    id::{EpochId, OperationId, StatementId},
    identity::log::Action,
    limits::{MAX_FRONTIER_ENTRIES, MAX_LOG_OPERATIONS},
    replica::State,
};

/// Marks of epochs that either side shows at most.
pub(super) const MAX_RECOGNITION_MARKS: usize = 8;

/// The position of a variant is its number on the wire.
#[derive(Debug, Serialize, Deserialize)]
enum Message {
    Hello { nonce: [u8; 32] },
    Marks { marks: Vec<[u8; 16]> },
    Proof { sealed: Vec<u8> },
    Frontier(FirstFrontier),
    Refuse { reason: Reason },
}

impl Encoded for Message {
    const TAG: Tag = Tag::Session;
    const VERSION: u8 = 1;
}

/// What a device of the first version holds.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct FirstFrontier {
    operations: Vec<OperationId>,
    epochs: Vec<EpochId>,
    chains: Vec<Head>,
}

/// A frame, read.
pub(super) enum Frame {
    Records(Vec<Vec<u8>>),
    Frontier(FirstFrontier),
    /// One that is the same in all versions.
    Message(message::Message),
}

/// Whether a device of the first version can read all that a space holds.
pub(super) fn can_say(state: &State) -> bool {
    let keyring = state.keyring();
    let is_known = |action: &Action| matches!(action, Action::Enrol { .. } | Action::Vouch { .. });
    let operations = state.log().in_order();
    let listed = operations.len() + epochs_of(state).len();
    keyring.count() <= 1
        && operations.iter().all(|operation| is_known(&operation.body().action))
        && state.statements().count() == listed
}

fn epochs_of(state: &State) -> Vec<EpochId> {
    let known = state.keyring().iter().map(|(epoch, _)| *epoch);
    known.filter(|epoch| state.holds_statement(&StatementId::from(*epoch))).collect()
}

impl FirstFrontier {
    fn of(state: &State) -> Self {
        let mut operations: Vec<_> = state.log().in_order().iter().map(|operation| operation.id()).collect();
        operations.sort_unstable();
        let chains = Frontier::of(state).chains.into_iter().map(|chain| chain.head).collect();
        Self { operations, epochs: epochs_of(state), chains }
    }

    fn is_within_bounds(&self) -> bool {
        self.operations.len() <= MAX_LOG_OPERATIONS
            && self.epochs.len() <= MAX_FRONTIER_ENTRIES
            && self.operations.is_sorted_by(|a, b| a < b)
            && self.epochs.is_sorted_by(|a, b| a < b)
    }

    /// As it is said today, and the names of the statements. What counts there has its attachments.
    pub(super) fn into_parts(self, state: &State) -> Result<(Frontier, Vec<StatementId>), SessionError> {
        if !self.is_within_bounds() {
            return Err(SessionError::Malformed);
        }
        let operations = self.operations.into_iter().map(StatementId::from);
        let mut names: Vec<StatementId> =
            self.epochs.into_iter().map(StatementId::from).chain(operations).collect();
        names.sort_unstable();
        names.dedup();
        let holds_the_same = state.statements().eq(&names);
        let frontier = Frontier {
            statements: if holds_the_same { digest_of_statements(state) } else { Default::default() },
            // Never told, and so never compared.
            records: state.records_digest(),
            chains: self.chains.into_iter().map(|head| Chain { head, lacking: Vec::new() }).collect(),
        };
        Ok((frontier, names))
    }
}

pub(super) fn frame_of_frontier(state: &State) -> Vec<u8> {
    encode(&Message::Frontier(FirstFrontier::of(state)))
}

pub(super) fn frame_of_records(records: &[Vec<u8>]) -> Vec<u8> {
    let mut frame = vec![message::RECORDS];
    push_records(&mut frame, records);
    frame
}

/// A message of the handshake, or a refusal.
///
/// # Panics
/// For one about a space: the first version has no such message.
pub(super) fn frame_of_message(said: message::Message) -> Vec<u8> {
    encode(&match said {
        message::Message::Hello { nonce } => Message::Hello { nonce },
        message::Message::Marks { marks } => Message::Marks { marks },
        message::Message::Proof { sealed } => Message::Proof { sealed },
        message::Message::Refuse { reason } => Message::Refuse { reason },
        message::Message::Space { .. } => unreachable!("said by an exchange, which knows its version"),
    })
}

pub(super) fn read(frame: &[u8]) -> Result<Frame, SessionError> {
    if let Some((&message::RECORDS, records)) = frame.split_first() {
        return Ok(Frame::Records(parse_records(records)?));
    }
    let said = decode::<Message>(frame).map_err(|error| match error {
        DecodeError::Newer { .. } => SessionError::Newer,
        _ => SessionError::Malformed,
    })?;
    Ok(match said {
        Message::Hello { nonce } => Frame::Message(message::Message::Hello { nonce }),
        Message::Marks { marks } => Frame::Message(message::Message::Marks { marks }),
        Message::Proof { sealed } => Frame::Message(message::Message::Proof { sealed }),
        // There is no such reason in it.
        Message::Refuse { reason: Reason::Older } => return Err(SessionError::Malformed),
        Message::Refuse { reason } => Frame::Message(message::Message::Refuse { reason }),
        Message::Frontier(frontier) => Frame::Frontier(frontier),
    })
}
