//! Invariant 2, seen from the wire: nothing leaves before its fsync.
//!
//! The account here does not ask the journal what it takes for durable: it counts what was held
//! when the last sync returned.

use std::collections::BTreeSet;

use musette_protocol::{
    codec::decode,
    id::{BlobId, RecordId, StatementId},
    record::record_id,
    schedule::NotNow,
    session::{
        Frontier,
        message::{Message, SpaceMessage, parse_frame, parse_part},
    },
};

use super::{Check, Violation, durability::Told, ensure};

/// What a device holds durably.
#[derive(Debug, Default)]
pub struct Durable {
    records: BTreeSet<RecordId>,
    statements: BTreeSet<StatementId>,
    frontier: Option<Frontier>,
}

/// What a frame is about.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    /// These records.
    Records(Vec<RecordId>),
    /// A part of this record.
    Part {
        /// That.
        record: RecordId,
        /// Where it begins.
        from: usize,
        /// Where it ends.
        to: usize,
        /// Whether the record ends with it.
        is_last: bool,
    },
    /// A frontier.
    Frontier(Frontier),
    /// A step of a reconciliation.
    Reconciliation,
    /// A question for pieces of this attachment.
    Want(BlobId),
    /// The answer that there are none.
    Lacks,
    /// A list of statements.
    Statements,
    /// What is held of records that are not whole.
    Begun,
    /// A step of the handshake, or a refusal.
    Handshake,
    /// That nothing may flow.
    NotNow,
}

impl Frame {
    /// Reads a frame that a session of ours made.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(bytes: &[u8]) -> Result<Self, Violation> {
        if NotNow::from_frame(bytes).is_some() {
            return Ok(Self::NotNow);
        }
        let unreadable = || Violation::new(Check::Courtesy, "a session made a frame that cannot be read");
        if let Some((_, records)) = parse_frame(bytes).map_err(|_| unreadable())? {
            return Ok(Self::Records(records.iter().map(|record| record_id(record)).collect()));
        }
        if let Some((_, part)) = parse_part(bytes).map_err(|_| unreadable())? {
            let (record, from) = (part.record, part.from as usize);
            let to = from + part.bytes.len();
            return Ok(Self::Part { record, from, to, is_last: to == part.len as usize });
        }
        Ok(match decode(bytes).map_err(|_| unreadable())? {
            Message::Space { message: SpaceMessage::Frontier { frontier, .. }, .. } => {
                Self::Frontier(frontier)
            }
            Message::Space { message, .. } => match message {
                SpaceMessage::Want { blob, .. } => Self::Want(blob),
                SpaceMessage::Lacks { .. } => Self::Lacks,
                SpaceMessage::Statements(_) => Self::Statements,
                SpaceMessage::Begun(_) => Self::Begun,
                _ => Self::Reconciliation,
            },
            _ => Self::Handshake,
        })
    }
}

impl Durable {
    /// A sync returned: these are held, and this counts.
    pub fn note_sync(&mut self, held: impl IntoIterator<Item = RecordId>, frontier: Frontier) {
        self.records.extend(held);
        self.frontier = Some(frontier);
    }

    /// These statements are held, and durable.
    pub fn note_statements<'a>(&mut self, held: impl Iterator<Item = &'a StatementId>) {
        self.statements.extend(held);
    }

    /// Whether a statement is held durably, under whatever seal.
    #[must_use]
    pub fn states(&self, statement: &StatementId) -> bool {
        self.statements.contains(statement)
    }

    /// Checks a frame that is about to leave, and notes what a frontier tells. `renewed` are those of its
    /// records that say what a durable one says.
    ///
    /// # Errors
    /// When it holds or claims something that a power cut could still take.
    pub fn check(
        &self,
        frame: &Frame,
        renewed: &BTreeSet<RecordId>,
        told: &mut Told,
    ) -> Result<(), Violation> {
        match frame {
            Frame::Records(records) => {
                let early = records
                    .iter()
                    .find(|record| !self.records.contains(*record) && !renewed.contains(*record));
                ensure(early.is_none(), Check::Sending, || format!("{early:?} left before its fsync"))?;
            }
            Frame::Part { record, .. } => {
                let is_durable = self.records.contains(record) || renewed.contains(record);
                ensure(is_durable, Check::Sending, || format!("{record:?} left before its fsync"))?;
            }
            Frame::Frontier(frontier) => {
                let durable = self.frontier.as_ref() == Some(frontier);
                ensure(durable, Check::Sending, || "a frontier claims what is not durable".to_owned())?;
                told.note_frontier(frontier);
            }
            _ => {}
        }
        Ok(())
    }
}
