//! One device: its replica, its documents, and what the node's shell does around them.
//!
//! As in the node, what is appended is made durable some time later, together; until then nothing
//! of it is acknowledged or sent ([`Device::may_send`]). A document that was changed but could not
//! be written is dropped and read again.

use std::collections::BTreeMap;

use musette_crdt::document::{Document, DocumentError};
use musette_protocol::{
    crypto::sign::SigningKey,
    id::{DeviceId, DocumentId, RecordId},
    record::{Change, Payload},
    replica::{Counted, Effects, Ingested, State, Subject, Write, WriteError},
    session::{
        Event, Frontier, Session, SessionError,
        message::{Message, frame_of_message},
    },
    time::Timestamp,
};

use crate::{
    check::{
        Check, Violation,
        authenticity::Ledger,
        convergence::Views,
        durability::{Acknowledged, Told},
        sending::{Durable, Frame},
    },
    dice::Dice,
    options::Breakage,
    person::{Person, device_id},
    storage::{Index, SimReplica, Storage, Trouble},
    tally::{Fault, Tally},
    workload::{Act, Deed},
};

/// Documents kept loaded; few, so that others are read from their records.
const MAX_LOADED: usize = 6;

/// What a frame led to.
pub enum Handled {
    /// Records were taken in.
    Records,
    /// Anything else.
    Other,
    /// The session is over.
    Ended(SessionError),
}

/// A device of the person.
pub struct Device {
    /// Its number in this run, from 0.
    pub number: usize,
    /// Its name.
    pub id: DeviceId,
    /// Its disk.
    pub storage: Storage,
    /// Whether it was enrolled, and so has a disk worth starting from.
    pub enrolled: bool,
    /// Whether it holds something that is not durable yet.
    pub dirty: bool,
    key: SigningKey,
    breakage: Option<Breakage>,
    replica: Option<SimReplica>,
    payloads: BTreeMap<DocumentId, Vec<Vec<u8>>>,
    loaded: BTreeMap<DocumentId, Document>,
    counted: Vec<Counted>,
    /// Records that counted since the last sync.
    unsynced: Vec<RecordId>,
    durable: Durable,
    told: Told,
    waiting: Vec<Acknowledged>,
    acknowledged: Vec<Acknowledged>,
}

impl Device {
    /// A device that is off and not enrolled.
    #[must_use]
    pub fn new(number: usize, key: SigningKey, storage: Storage, breakage: Option<Breakage>) -> Self {
        Self {
            number,
            id: device_id(&key),
            storage,
            enrolled: false,
            dirty: false,
            key,
            breakage,
            replica: None,
            payloads: BTreeMap::new(),
            loaded: BTreeMap::new(),
            counted: Vec::new(),
            unsynced: Vec::new(),
            durable: Durable::default(),
            told: Told::default(),
            waiting: Vec::new(),
            acknowledged: Vec::new(),
        }
    }

    /// Its key.
    #[must_use]
    pub const fn key(&self) -> &SigningKey {
        &self.key
    }

    /// Whether it runs.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.replica.is_some()
    }

    /// What counts on it.
    ///
    /// # Panics
    /// When it is off.
    #[must_use]
    pub fn state(&self) -> &State {
        self.replica.as_ref().expect("only devices that are on are asked").state()
    }

    fn replica(&mut self) -> &mut SimReplica {
        self.replica.as_mut().expect("only devices that are on are asked")
    }

    /// What its person was told is safe.
    #[must_use]
    pub fn acknowledged(&self) -> &[Acknowledged] {
        &self.acknowledged
    }

    /// Starts it from its disk, and checks that nothing is missing that must not be.
    ///
    /// # Errors
    /// When something is.
    pub fn start(
        &mut self,
        person: &Person,
        dice: &mut Dice,
        ledger: &Ledger,
        tally: &mut Tally,
    ) -> Result<(), Trouble> {
        let with_index = dice.one_in(2);
        let opened = self.storage.open(person, with_index)?;
        if opened.recovery.torn_bytes > 0 {
            tally.fault(Fault::TornTail);
        }
        if with_index && self.storage.index().is_some() && opened.recovery.records > 0 {
            tally.fault(Fault::StaleIndex);
        }
        self.replica = Some(opened.replica);
        for counted in opened.kept {
            ledger.check_counted(&counted)?;
            self.take_in(counted, BTreeMap::new())?;
        }
        self.apply(opened.effects, ledger)?;
        let lost = self.unsynced_before_stop().any(|record| !self.state().holds(&record));
        if lost {
            tally.fault(Fault::UnsyncedLost);
        }
        self.waiting.clear();
        self.note_durable();
        self.check_kept(tally)?;
        Ok(())
    }

    /// Records of writes that were never acknowledged.
    fn unsynced_before_stop(&self) -> impl Iterator<Item = RecordId> {
        self.waiting.iter().flat_map(|write| write.records.iter().copied())
    }

    fn check_kept(&self, tally: &mut Tally) -> Result<(), Violation> {
        for write in &self.acknowledged {
            write.check(self.state())?;
            tally.check(Check::Durability);
        }
        self.told.check(self.state())?;
        tally.check(Check::SentIsKept);
        Ok(())
    }

    /// Ends it at once. What it holds in memory is gone.
    pub fn stop(&mut self) {
        self.replica = None;
        self.payloads.clear();
        self.loaded.clear();
        self.counted.clear();
        self.unsynced.clear();
        self.dirty = false;
    }

    /// Writes statements that carry their own signature.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn write_statements(
        &mut self,
        statements: Vec<Payload>,
        dice: &mut Dice,
        ledger: &Ledger,
    ) -> Result<(), Trouble> {
        for statement in statements {
            let written = self.replica().write_statement(statement, &mut || dice.bytes());
            let effects = written.map_err(write_trouble)?;
            self.dirty = true;
            self.check_not_refused(&effects)?;
            self.apply(effects, ledger)?;
        }
        Ok(())
    }

    /// Does what its person does. Durable, and acknowledged, after [`Device::sync`].
    ///
    /// # Errors
    /// When the disk refuses: then nothing was written.
    pub fn write(
        &mut self,
        deed: Deed,
        now: Timestamp,
        dice: &mut Dice,
        ledger: &mut Ledger,
    ) -> Result<(), Trouble> {
        let mut writes: Vec<Write> = deed.chunks.into_iter().map(Write::BlobChunk).collect();
        let (mut at_hand, mut markers) = (BTreeMap::new(), Vec::new());
        for act in deed.acts {
            let mut document = self.act(&act, now, dice)?;
            let bytes = document.take_changes();
            writes.push(Write::Change(Change { document: act.document, bytes }));
            ledger.note_marker(&act.marker);
            markers.push((act.document, act.marker));
            at_hand.insert(act.document, document);
        }
        let replica = self.replica.as_mut().expect("only devices that are on are asked");
        let effects = replica.write(writes, &self.key, &mut || dice.bytes()).map_err(write_trouble)?;
        self.dirty = true;
        self.check_not_refused(&effects)?;
        for newly in &effects.counted {
            ledger.note_commit(&newly.counted);
            self.waiting.push(Acknowledged::of(&newly.counted, std::mem::take(&mut markers)));
        }
        if self.is_broken(Breakage::AcknowledgeBeforeFsync) {
            self.acknowledged.append(&mut self.waiting);
        }
        for newly in effects.counted {
            let made_here = newly.changes.into_iter().collect();
            self.take_in_made(newly.counted, made_here);
        }
        self.loaded.extend(at_hand);
        self.unload();
        Ok(())
    }

    fn act(&mut self, act: &Act, now: Timestamp, dice: &mut Dice) -> Result<Document, Violation> {
        let (device, actor) = (self.id.short(), dice.bytes());
        let mut document = match act.create {
            Some(kind) => {
                Document::create(kind, &[], now, &device, actor).map_err(|error| unreadable(&error))?
            }
            None => self.take_document(act.document)?,
        };
        document.edit(&act.edit, now, &device, actor).map_err(|error| unreadable(&error))?;
        Ok(document)
    }

    fn take_document(&mut self, id: DocumentId) -> Result<Document, Violation> {
        match self.loaded.remove(&id) {
            Some(document) => Ok(document),
            None => load(&self.payloads[&id]),
        }
    }

    /// Takes a frame from a session's peer.
    ///
    /// # Errors
    /// When the disk refuses. That the peer did wrong is told in [`Handled`].
    pub fn handle(
        &mut self,
        session: &mut Session,
        frame: &[u8],
        ledger: &Ledger,
    ) -> Result<(Handled, Option<Ingested>), Trouble> {
        let replica = self.replica.as_ref().expect("only devices that are on are asked");
        let records = match session.handle_frame(frame, replica.state(), &self.key) {
            Ok(Some(Event::Records(records))) => records,
            Ok(_) => return Ok((Handled::Other, None)),
            Err(error) => return Ok((Handled::Ended(error), None)),
        };
        if self.is_broken(Breakage::IgnoreWhenBusy) && self.dirty {
            return Ok((Handled::Other, None));
        }
        let Some(peer) = session.peer() else { return Ok((Handled::Other, None)) };
        let records = self.lose_some(records);
        let mut ingested = self.replica().ingest(&peer, &records).map_err(write_trouble)?;
        self.dirty |= ingested.new_records > 0;
        let ended = session.ingested(&ingested).err();
        if self.is_broken(Breakage::CountUncommitted) {
            self.merge_uncommitted()?;
        }
        // What counts, counts, even if the session is over.
        let refused = std::mem::take(&mut ingested.effects.refused);
        self.apply(std::mem::take(&mut ingested.effects), ledger)?;
        ingested.effects.refused = refused;
        if let Some(error) = ended {
            return Ok((Handled::Ended(error), None));
        }
        Ok((Handled::Records, Some(ingested)))
    }

    fn lose_some(&self, mut records: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        if self.is_broken(Breakage::LoseRecords) {
            records.retain(|record| record.last().is_none_or(|byte| byte % 16 != 0));
        }
        records
    }

    /// What [`Breakage::CountUncommitted`] does.
    fn merge_uncommitted(&mut self) -> Result<(), Trouble> {
        let orphans: Vec<_> = self.state().uncounted().map(|(_, location)| *location).collect();
        for location in orphans {
            if let Ok(Payload::Change(change)) = self.replica().read_payload(location)? {
                let payloads = self.payloads.entry(change.document).or_default();
                if !payloads.contains(&change.bytes) {
                    payloads.push(change.bytes);
                    self.loaded.remove(&change.document);
                }
            }
        }
        Ok(())
    }

    /// Whether all it holds is durable, and frames may leave.
    #[must_use]
    pub fn may_send(&self) -> bool {
        self.is_on() && (!self.dirty || self.is_broken(Breakage::SendBeforeFsync))
    }

    /// Whether it does this wrong on purpose.
    #[must_use]
    pub fn is_broken(&self, breakage: Breakage) -> bool {
        self.breakage == Some(breakage)
    }

    /// The next frame for a session's peer, checked.
    ///
    /// # Errors
    /// When it must not leave, or the disk fails.
    pub fn poll(&mut self, session: &mut Session) -> Result<Option<(Vec<u8>, Frame)>, Trouble> {
        let Some(bytes) = session.poll_frame(self.replica())? else { return Ok(None) };
        let frame = Frame::read(&bytes)?;
        self.durable.check(&frame, &mut self.told)?;
        if matches!(frame, Frame::Frontier(_)) && self.is_broken(Breakage::AnnounceNothing) {
            let nothing = Frontier { operations: Vec::new(), epochs: Vec::new(), chains: Vec::new() };
            return Ok(Some((frame_of_message(&Message::Frontier(nothing)), frame)));
        }
        Ok(Some((bytes, frame)))
    }

    /// Makes durable what was appended, and acknowledges it; gives how many writes that were.
    ///
    /// # Errors
    /// When the disk refuses: then the device must stop.
    pub fn sync(&mut self) -> Result<usize, Trouble> {
        if !self.is_broken(Breakage::SkipFsync) {
            self.replica().sync()?;
        }
        self.note_durable();
        self.dirty = false;
        let acknowledged = self.waiting.len();
        self.acknowledged.append(&mut self.waiting);
        Ok(acknowledged)
    }

    fn note_durable(&mut self) {
        let replica = self.replica.as_ref().expect("only devices that are on are asked");
        let uncounted = replica.state().uncounted().map(|(record, _)| *record);
        self.durable.note_sync(self.unsynced.drain(..).chain(uncounted), Frontier::of(replica.state()));
        self.storage.note_durable(replica.journal().position());
    }

    /// Writes its index, as a node does when it has time. Nothing of it is unsynced then.
    pub fn keep_index(&mut self) {
        if self.dirty {
            return;
        }
        let (position, counted) = (self.replica().journal().position(), self.counted.clone());
        let uncounted = self.state().uncounted().map(|(record, location)| (*record, *location)).collect();
        self.storage.keep_index(Index { position, counted, uncounted });
    }

    fn check_not_refused(&self, effects: &Effects) -> Result<(), Violation> {
        match effects.refused.first() {
            Some(refusal) => Err(Violation::new(Check::Courtesy, format!("own record: {refusal}"))),
            None => Ok(()),
        }
    }

    /// Takes in what counts now.
    fn apply(&mut self, effects: Effects, ledger: &Ledger) -> Result<(), Trouble> {
        for newly in effects.counted {
            ledger.check_counted(&newly.counted)?;
            self.take_in(newly.counted, newly.changes.into_iter().collect())?;
        }
        Ok(())
    }

    fn take_in(&mut self, counted: Counted, mut changes: BTreeMap<RecordId, Change>) -> Result<(), Trouble> {
        for item in &counted.items {
            let Subject::Document(id) = item.subject else { continue };
            let bytes = match changes.remove(&item.record) {
                Some(change) => change.bytes,
                None => self.read_change(item.location)?,
            };
            if self.is_broken(Breakage::SkipMerge) && item.record.as_bytes()[0] < 16 {
                continue;
            }
            if let Some(document) = self.loaded.get_mut(&id) {
                document.merge(&bytes).map_err(|error| unreadable(&error))?;
            }
            self.payloads.entry(id).or_default().push(bytes);
        }
        self.note_counted(counted);
        Ok(())
    }

    /// Takes in what was made here: the documents hold it already.
    fn take_in_made(&mut self, counted: Counted, mut changes: BTreeMap<RecordId, Change>) {
        for item in &counted.items {
            if let Some(change) = changes.remove(&item.record) {
                self.payloads.entry(change.document).or_default().push(change.bytes);
            }
        }
        self.note_counted(counted);
    }

    fn note_counted(&mut self, counted: Counted) {
        self.unsynced.extend(counted.items.iter().map(|item| item.record).chain([counted.record]));
        self.counted.push(counted);
    }

    fn read_change(&mut self, location: musette_protocol::journal::Location) -> Result<Vec<u8>, Trouble> {
        match self.replica().read_payload(location)? {
            Ok(Payload::Change(change)) => Ok(change.bytes),
            other => Err(Violation::new(Check::Durability, format!("a change reads as {other:?}")).into()),
        }
    }

    fn unload(&mut self) {
        while self.loaded.len() > MAX_LOADED {
            self.loaded.pop_first();
        }
    }

    /// The documents that people see, and their kinds.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn known(&self) -> Result<Vec<(DocumentId, String)>, Violation> {
        self.payloads
            .iter()
            .map(|(id, payloads)| match self.loaded.get(id) {
                Some(document) => Ok((*id, document.kind_name().to_owned())),
                None => Ok((*id, load(payloads)?.kind_name().to_owned())),
            })
            .collect()
    }

    /// What it shows.
    ///
    /// # Errors
    /// When a document cannot be read.
    pub fn views(&self) -> Result<Views, Violation> {
        self.payloads
            .iter()
            .map(|(id, payloads)| match self.loaded.get(id) {
                Some(document) => view(document, *id),
                None => view(&load(payloads)?, *id),
            })
            .collect()
    }

    /// What it would show if it had just started.
    ///
    /// # Errors
    /// When a document cannot be read.
    pub fn views_from_records(&self) -> Result<Views, Violation> {
        self.payloads.iter().map(|(id, payloads)| view(&load(payloads)?, *id)).collect()
    }
}

fn view(
    document: &Document,
    id: DocumentId,
) -> Result<(DocumentId, musette_crdt::view::ItemView), Violation> {
    Ok((id, document.view(id).map_err(|error| unreadable(&error))?))
}

fn load(payloads: &[Vec<u8>]) -> Result<Document, Violation> {
    Document::load(payloads.iter().map(Vec::as_slice)).map_err(|error| unreadable(&error))
}

fn unreadable(error: &DocumentError) -> Violation {
    Violation::new(Check::Agreement, format!("a document: {error}"))
}

fn write_trouble(error: WriteError<musette_protocol::journal::memory::MemoryDiskError>) -> Trouble {
    match error {
        WriteError::Journal(error) => error.into(),
        error @ WriteError::TooLarge { .. } => Violation::new(Check::Courtesy, error.to_string()).into(),
    }
}
