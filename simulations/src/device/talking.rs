//! What a device hears from its peers, and tells them.

use std::collections::{BTreeMap, BTreeSet};

use musette_protocol::{
    id::{BlobId, DeviceId, RecordId},
    record::{Payload, open, record_id},
    replica::{Ingested, statement_of},
    schedule::Flow,
    session::{
        Event, Frontier, Session, SessionError,
        message::{Message, SpaceMessage, frame_of_message, parse_frame},
    },
};

use super::{Device, write_trouble};
use crate::{
    check::{authenticity::Ledger, sending::Frame},
    options::Breakage,
    storage::Trouble,
};

/// What the record of a drop begins with.
const DROP_SUITE: u8 = 4;

/// A frame that is to leave.
pub struct Said {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What it is about.
    pub frame: Frame,
    /// The attachments of which there are pieces in it.
    pub pieces: BTreeSet<BlobId>,
}

/// What a frame led to.
pub enum Handled {
    /// Records were taken in. What counts by them was applied.
    Records(Box<Ingested>),
    /// The other side proved to be this device.
    Established(DeviceId),
    /// The other side gives no more of an attachment; `withheld` if it has more.
    Lacking {
        /// That.
        withheld: bool,
    },
    /// Anything else.
    Other,
    /// The session is over.
    Ended(SessionError),
}

impl Device {
    /// Takes a frame from a session's peer.
    ///
    /// # Errors
    /// When the disk refuses. That the peer did wrong is told in [`Handled`].
    pub fn handle(
        &mut self,
        session: &mut Session,
        frame: &[u8],
        ledger: &Ledger,
    ) -> Result<Handled, Trouble> {
        let replica = self.replica.as_ref().expect("only devices that are on are asked");
        let records = match session.handle_frame(frame, replica, &self.key) {
            Ok(Some(Event::Records { records, .. })) => records,
            Ok(Some(Event::Part { part, .. })) => {
                let Some(peer) = session.peer() else { return Ok(Handled::Other) };
                self.replica().keep_part(&peer, &part);
                return Ok(Handled::Other);
            }
            Ok(Some(Event::Established { device })) => {
                self.plan_fetches(session, ledger);
                return Ok(Handled::Established(device));
            }
            Ok(Some(Event::Acknowledged { .. })) => {
                self.plan_fetches(session, ledger);
                return Ok(Handled::Other);
            }
            Ok(Some(Event::Lacking { withheld, .. })) => return Ok(Handled::Lacking { withheld }),
            Ok(_) => return Ok(Handled::Other),
            Err(error) => return Ok(Handled::Ended(error)),
        };
        if self.is_broken(Breakage::IgnoreWhenBusy) && self.dirty {
            return Ok(Handled::Other);
        }
        let Some(peer) = session.peer() else { return Ok(Handled::Other) };
        let records = self.lose_some(records);
        let mut ingested = self.replica().ingest(&peer, &records).map_err(write_trouble)?;
        self.dirty |= ingested.new_records > 0;
        let ended = session.ingested(self.state().space(), &ingested).err();
        if self.is_broken(Breakage::CountUncommitted) {
            self.merge_uncommitted()?;
        }
        if self.is_broken(Breakage::SkipMembership) && ingested.from_stranger > 0 {
            self.merge_anybodys(&records);
        }
        // What counts, counts, even if the session is over.
        let refused = std::mem::take(&mut ingested.effects.refused);
        self.apply(std::mem::take(&mut ingested.effects), ledger)?;
        ingested.effects.refused = refused;
        if let Some(error) = ended {
            return Ok(Handled::Ended(error));
        }
        Ok(Handled::Records(Box::new(ingested)))
    }

    /// Lets a session give what may flow now, and ask for all attachments that may flow and of which
    /// something is missing here.
    pub fn plan_fetches(&self, session: &mut Session, ledger: &Ledger) {
        let flow =
            if self.is_broken(Breakage::IgnoreFlow) { Flow::Everything } else { self.scheduler.flow() };
        session.set_flow(flow);
        let space = self.state().space();
        let coming = ledger.blobs(self.state());
        let coming: BTreeMap<BlobId, u32> =
            coming.filter(|(blob, _)| flow.allows_attachment(is_asked_for(blob))).collect();
        session.retain_fetches(space, |blob| coming.contains_key(blob));
        for (blob, len) in coming {
            if !self.state().missing_chunks(&blob, 0..len, 1).is_empty() {
                session.fetch(space, blob, len, is_asked_for(&blob));
            }
        }
    }

    fn lose_some(&self, mut records: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        if self.is_broken(Breakage::LoseRecords) {
            records.retain(|record| record.last().is_none_or(|byte| byte % 16 != 0));
        }
        if self.is_broken(Breakage::IgnoreDrops) {
            records.retain(|record| record.first() != Some(&DROP_SUITE));
        }
        records
    }

    /// What [`Breakage::CountUncommitted`] does.
    fn merge_uncommitted(&mut self) -> Result<(), Trouble> {
        let orphans: Vec<_> = self.state().uncounted().collect();
        for (record, location) in orphans {
            if let Ok(Payload::Change(change)) = self.replica().read_payload(location)?
                && !self.documents.has(change.document, &record)
            {
                self.documents.push(change.document, record, &change.bytes);
            }
        }
        Ok(())
    }

    /// What [`Breakage::SkipMembership`] does.
    fn merge_anybodys(&mut self, records: &[Vec<u8>]) {
        for record in records {
            let opened = open(record, self.state().space(), self.state().keyring());
            if let Ok(Payload::Change(change)) = opened
                && self.documents.kind(change.document).is_some()
            {
                self.documents.push(change.document, record_id(record), &change.bytes);
            }
        }
    }

    /// The next frame for a session's peer, of a device that need not keep to anything.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn poll_unchecked(&mut self, session: &mut Session) -> Result<Option<Vec<u8>>, Trouble> {
        Ok(session.poll_frame(self.replica())?)
    }

    /// Records of a frame that say what a durable one says, under the present epoch: so the log is shown
    /// to who is not in it.
    fn renewed_in(&self, frame: &[u8]) -> BTreeSet<RecordId> {
        let records = parse_frame(frame).ok().flatten().map(|(_, records)| records).unwrap_or_default();
        let is_renewed = |record: &Vec<u8>| match open(record, self.state().space(), self.state().keyring()) {
            Ok(payload) => statement_of(&payload).is_some_and(|stated| {
                !self.state().holds(&record_id(record)) && self.durable.states(&stated)
            }),
            Err(_) => false,
        };
        records.iter().filter(|record| is_renewed(record)).map(|record| record_id(record)).collect()
    }

    /// Notes what a frame tells that must never be lost. Drops and receipts may go, since others take
    /// their place, and so may a commit that lost against another one: those that count are told by
    /// frontiers. Gives the attachments of which there are pieces in it.
    fn note_told(
        &mut self,
        bytes: &[u8],
        frame: &Frame,
        renewed: &BTreeSet<RecordId>,
    ) -> Result<BTreeSet<BlobId>, Trouble> {
        let mut pieces = BTreeSet::new();
        let (records, is_whole) = match frame {
            // It was dropped meanwhile if it is not held.
            Frame::Part { record, is_last, .. } => match self.state().location(record) {
                Some(location) => (vec![self.replica().read(location)?], *is_last),
                None => return Ok(pieces),
            },
            _ => (parse_frame(bytes).ok().flatten().map(|(_, records)| records).unwrap_or_default(), true),
        };
        for record in records {
            let opened = open(&record, self.state().space(), self.state().keyring());
            let id = record_id(&record);
            let may_go = matches!(opened, Ok(Payload::Drop(_) | Payload::Receipt(_) | Payload::Commit(_)));
            if is_whole && !may_go && !renewed.contains(&id) {
                self.told.note_record(id);
            }
            if let Ok(Payload::BlobChunk(chunk)) = opened {
                pieces.insert(chunk.blob);
            }
        }
        Ok(pieces)
    }

    /// The next frame for a session's peer, checked.
    ///
    /// # Errors
    /// When it must not leave, or the disk fails.
    pub fn poll(&mut self, session: &mut Session) -> Result<Option<Said>, Trouble> {
        let Some(bytes) = session.poll_frame(self.replica())? else { return Ok(None) };
        let frame = Frame::read(&bytes)?;
        let mut renewed = self.renewed_in(&bytes);
        if let Frame::Part { record, .. } = frame
            && self.state().location(&record).is_none()
        {
            // A statement that is renewed, which a part does not tell.
            renewed.insert(record);
        }
        self.durable.check(&frame, &renewed, &mut self.told)?;
        let pieces = self.note_told(&bytes, &frame, &renewed)?;
        if matches!(frame, Frame::Frontier(_)) && self.is_broken(Breakage::AnnounceNothing) {
            let nothing = Frontier { statements: [0; 32], records: [0; 32], chains: Vec::new() };
            let message = SpaceMessage::Frontier { frontier: nothing, check: true };
            let mark = session.mark(self.state().space()).unwrap_or_default();
            let bytes = frame_of_message(&Message::Space { mark, message });
            return Ok(Some(Said { bytes, frame, pieces }));
        }
        Ok(Some(Said { bytes, frame, pieces }))
    }
}

/// Whether a person asked for an attachment: for every other one.
#[must_use]
pub const fn is_asked_for(blob: &BlobId) -> bool {
    blob.as_bytes()[0].is_multiple_of(2)
}
