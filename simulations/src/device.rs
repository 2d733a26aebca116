//! One device: its replica, its documents, and what the node's shell does around them.
//!
//! As in the node, what is appended is made durable some time later, together; until then nothing
//! of it is acknowledged or sent ([`Device::may_send`]). A document that was changed but could not
//! be written is dropped and read again.

use std::collections::{BTreeMap, BTreeSet};

use musette_protocol::{
    crypto::sign::SigningKey,
    id::{BlobId, DeviceId, DocumentId, RecordId},
    journal::{Location, memory::MemoryDiskError},
    record::{Change, Payload},
    replica::{Counted, Effects, State, Subject, WriteError, rotating::Watch},
    session::Frontier,
};

use crate::{
    check::{
        Check, Violation,
        authenticity::Ledger,
        durability::{Acknowledged, Told},
        forgetting::check_stays_gone,
        sending::Durable,
    },
    dice::Dice,
    documents::{Documents, Memo},
    options::Breakage,
    person::{Person, device_id},
    scheduler::Scheduler,
    storage::{Index, SimReplica, Storage, Trouble},
    tally::{Fault, Tally},
};

mod forgetting;
mod restoring;
mod revoking;
mod rotating;
mod talking;
mod tidying;
mod writing;

pub use restoring::Backup;
pub use talking::{Handled, Said, is_asked_for};

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
    /// What it shows.
    pub documents: Documents,
    /// How wrong its wall clock is.
    pub wall_offset_ms: i64,
    /// Whether that changed since it was last looked at.
    pub clock_jumped: bool,
    /// Its disk takes long to sync until then.
    pub slow_until_ms: u64,
    /// Whom it dials, and what may flow.
    pub scheduler: Scheduler,
    /// Devices that were not heard of for long.
    pub away: BTreeSet<DeviceId>,
    /// When it is its turn to start an epoch.
    watch: Watch,
    key: SigningKey,
    breakage: Option<Breakage>,
    replica: Option<SimReplica>,
    /// Records that counted since the last sync.
    unsynced: Vec<RecordId>,
    durable: Durable,
    told: Told,
    waiting: Vec<Acknowledged>,
    acknowledged: Vec<Acknowledged>,
    /// Records that were dropped, durably, and since the last sync.
    gone: BTreeSet<RecordId>,
    going: Vec<RecordId>,
    /// Attachments of documents that were forgotten elsewhere, to be named if the forgetting does not.
    late: BTreeMap<DocumentId, BTreeSet<BlobId>>,
    /// Those that were named since the last sync.
    naming: BTreeMap<DocumentId, BTreeSet<BlobId>>,
    /// Attachments that were written since then: their pieces may outlast what attached them.
    attaching: Vec<BlobId>,
}

impl Device {
    /// A device that is off and not enrolled.
    #[must_use]
    pub fn new(
        number: usize,
        key: SigningKey,
        storage: Storage,
        memo: Memo,
        breakage: Option<Breakage>,
    ) -> Self {
        Self {
            number,
            id: device_id(&key),
            storage,
            enrolled: false,
            dirty: false,
            documents: Documents::new(memo),
            // Nobody's clocks agree.
            wall_offset_ms: i64::try_from(number).unwrap_or(0) * 7_000,
            clock_jumped: false,
            slow_until_ms: 0,
            scheduler: Scheduler::new(number, breakage),
            away: BTreeSet::new(),
            watch: Watch::default(),
            key,
            breakage,
            replica: None,
            unsynced: Vec::new(),
            durable: Durable::default(),
            told: Told::default(),
            waiting: Vec::new(),
            acknowledged: Vec::new(),
            gone: BTreeSet::new(),
            going: Vec::new(),
            late: BTreeMap::new(),
            naming: BTreeMap::new(),
            attaching: Vec::new(),
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
        let with_index = !dice.one_in(6);
        let opened = self.storage.open(person, &self.id, with_index)?;
        if opened.recovery.torn_bytes > 0 {
            tally.fault(Fault::TornTail);
        }
        if opened.moved {
            tally.fault(Fault::MovedIndex);
        }
        if opened.replica.state().keyring().count() > self.storage.epochs_kept() {
            tally.fault(Fault::VaultBehind);
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
            write.check(self.state(), &BTreeSet::new())?;
            tally.check(Check::Durability);
        }
        self.told.check(self.state())?;
        tally.check(Check::SentIsKept);
        check_stays_gone(&self.gone, self.state())?;
        Ok(())
    }

    /// Ends it at once. What it holds in memory is gone.
    pub fn stop(&mut self) {
        self.replica = None;
        self.scheduler.stop();
        self.documents.clear();
        self.unsynced.clear();
        self.going.clear();
        self.late.clear();
        self.naming.clear();
        self.attaching.clear();
        self.dirty = false;
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
        let uncounted = replica.state().uncounted().map(|(record, _)| record);
        self.gone.extend(self.going.drain(..));
        self.naming.clear();
        self.attaching.clear();
        self.durable.note_sync(self.unsynced.drain(..).chain(uncounted), Frontier::of(replica.state()));
        self.durable.note_statements(replica.state().statements());
        self.storage.note_durable(replica.journal().position());
    }

    /// Writes its index, as a node does when it has time. Nothing of it is unsynced then.
    pub fn keep_index(&mut self) {
        if self.dirty || !self.keep_epochs() {
            return;
        }
        let (position, counted) = (self.replica().journal().position(), self.state().counted().collect());
        let mut uncounted: Vec<_> = self.state().uncounted().collect();
        uncounted.sort_unstable_by_key(|(_, location)| *location);
        let emptied = self.replica().journal().emptied();
        self.storage.keep_index(Index { position, emptied, counted, uncounted });
    }

    /// Takes in what counts now.
    fn apply(&mut self, effects: Effects, ledger: &Ledger) -> Result<(), Trouble> {
        self.unsynced.extend(effects.arrived.iter().map(|arrived| arrived.item.record));
        for newly in effects.counted {
            ledger.check_counted(&newly.counted)?;
            self.take_in(newly.counted, newly.changes.into_iter().collect())?;
        }
        if !effects.dropped.is_empty() {
            self.going.extend(&effects.dropped);
            self.documents.remove(&effects.dropped.into_iter().collect())?;
        }
        self.redraw(effects.redrawn)
    }

    fn take_in(&mut self, counted: Counted, mut changes: BTreeMap<RecordId, Change>) -> Result<(), Trouble> {
        for item in &counted.items {
            let id = match item.subject {
                Subject::Document(id) if !self.state().is_forgotten(&id) => id,
                Subject::Forgotten(id) => {
                    self.note_late(id)?;
                    self.documents.replace(id, Vec::new());
                    continue;
                }
                _ => continue,
            };
            let bytes = match changes.remove(&item.record) {
                Some(change) => change.bytes,
                None => self.read_change(item.location)?,
            };
            if self.is_broken(Breakage::SkipMerge) && item.record.as_bytes()[0] < 16 {
                continue;
            }
            self.documents.push(id, item.record, &bytes);
        }
        self.note_counted(&counted);
        Ok(())
    }

    fn note_counted(&mut self, counted: &Counted) {
        self.unsynced.extend(counted.items.iter().map(|item| item.record).chain([counted.record]));
    }

    fn read_change(&mut self, location: Location) -> Result<Vec<u8>, Trouble> {
        match self.replica().read_payload(location)? {
            Ok(Payload::Change(change)) => Ok(change.bytes),
            other => Err(Violation::new(Check::Durability, format!("a change reads as {other:?}")).into()),
        }
    }
}

fn write_trouble(error: WriteError<MemoryDiskError>) -> Trouble {
    match error {
        WriteError::Journal(error) => error.into(),
        error => Violation::new(Check::Courtesy, error.to_string()).into(),
    }
}
