//! A device's disk and what is opened from it.
//!
//! The disk outlives the replica on it: the simulator keeps a handle, fills it up, makes it refuse
//! to sync, and cuts its power. Beside it lies what a node's index would hold: the commits that
//! counted at some earlier position, from where the journal need not be read again; and the vault, with
//! the epochs' secrets, which is written whole or not at all.

use std::{cell::RefCell, rc::Rc};

use musette_protocol::{
    epoch::{Grant, Keyring},
    id::{DeviceId, RecordId},
    journal::{
        Disk, Journal, JournalError, JournalId, Location, Opening, Position, Recovery, SegmentNumber,
        memory::{MemoryDisk, MemoryDiskError},
    },
    record::{OpenError, open},
    replica::{Counted, Effects, Replica},
};

use crate::{
    check::{Check, Violation},
    dice::Dice,
    person::{Person, device_kem},
};

/// Bytes of a vault without a secret, and for each one more.
const VAULT_LEN: [u64; 2] = [400, 100];

/// A replica on a simulated disk.
pub type SimReplica = Replica<SharedDisk>;

/// A disk to which the simulator keeps a second handle.
#[derive(Debug, Clone, Default)]
pub struct SharedDisk(Rc<RefCell<MemoryDisk>>);

impl SharedDisk {
    /// Cuts its power: what was not synced may be gone, or torn.
    pub fn power_cut(&self, dice: &mut Dice) {
        self.0.borrow_mut().power_cut(&mut |bound| dice.below(bound));
    }
}

/// Why a device could not do something.
#[derive(Debug)]
pub enum Trouble {
    /// Its disk is full.
    Full,
    /// Its disk failed in a way after which it must start again.
    Stopped,
    /// Something does not hold.
    Broken(Violation),
}

impl From<Violation> for Trouble {
    fn from(violation: Violation) -> Self {
        Self::Broken(violation)
    }
}

impl From<JournalError<MemoryDiskError>> for Trouble {
    fn from(error: JournalError<MemoryDiskError>) -> Self {
        match error {
            JournalError::Disk(MemoryDiskError::Full) => Self::Full,
            JournalError::Disk(MemoryDiskError::SyncFailed) | JournalError::Failed => Self::Stopped,
            error => Self::Broken(Violation::new(Check::Durability, format!("the journal: {error}"))),
        }
    }
}

/// What an index kept.
#[derive(Debug, Clone)]
pub struct Index {
    /// Up to where the journal was read.
    pub position: Position,
    /// How many of its segments were emptied by then.
    pub emptied: u32,
    /// The commits that counted, in order.
    pub counted: Vec<Counted>,
    /// Records that no counted commit named.
    pub uncounted: Vec<(RecordId, Location)>,
}

/// What opening gave.
pub struct Opened {
    /// The replica.
    pub replica: SimReplica,
    /// The commits that the index kept.
    pub kept: Vec<Counted>,
    /// What counts beyond them.
    pub effects: Effects,
    /// What the journal told.
    pub recovery: Recovery,
    /// Whether the index was of no use, because records had moved since.
    pub moved: bool,
}

/// A device's disk and index.
#[derive(Debug)]
pub struct Storage {
    disk: SharedDisk,
    journal: JournalId,
    segment_len: u64,
    durable: Option<Position>,
    index: Option<Index>,
    vault: Grant,
    holds_recovery_key: bool,
}

impl Storage {
    /// An empty disk.
    #[must_use]
    pub fn new(journal: JournalId, segment_len: u64) -> Self {
        let (disk, vault) = (SharedDisk::default(), Keyring::default().to_grant());
        Self { disk, journal, segment_len, durable: None, index: None, vault, holds_recovery_key: false }
    }

    /// The records that a power cut cannot take, in their order.
    ///
    /// # Errors
    /// When the journal refuses.
    pub fn records(&self) -> Result<Vec<Vec<u8>>, Trouble> {
        let copy = SharedDisk(Rc::new(RefCell::new(self.disk.0.borrow().clone())));
        // Of a disk that is about to fail only what is on it is copied.
        copy.0.borrow_mut().fail_syncs_after(None);
        let mut records = Vec::new();
        Journal::open(copy, &Opening::new(self.journal), &mut |_, _, bytes| records.push(bytes.to_vec()))?;
        Ok(records)
    }

    /// A new disk with these records and secrets.
    ///
    /// # Errors
    /// When the journal refuses.
    pub fn filled(&self, journal: JournalId, records: &[Vec<u8>], epochs: &Keyring) -> Result<Self, Trouble> {
        let mut filled = Self::new(journal, self.segment_len);
        let opening = Opening { segment_len: self.segment_len, ..Opening::new(journal) };
        let (mut journal, _) = Journal::open(filled.disk.clone(), &opening, &mut |_, _, _| {})?;
        journal.append(records)?;
        journal.sync()?;
        filled.keep_epochs(epochs);
        Ok(filled)
    }

    /// The secrets that the vault holds.
    #[must_use]
    pub fn epochs(&self) -> Keyring {
        self.vault.duplicate().into_parts().0
    }

    /// Of how many epochs the vault holds the secret.
    #[must_use]
    pub const fn epochs_kept(&self) -> usize {
        self.vault.count()
    }

    /// Writes the vault; false when there is no room for it beside the old one.
    pub fn keep_epochs(&mut self, keyring: &Keyring) -> bool {
        let len = VAULT_LEN[0] + VAULT_LEN[1] * keyring.count() as u64;
        let fits = self.disk.0.borrow().has_room(len);
        if fits {
            self.vault = keyring.to_grant();
        }
        fits
    }

    /// Whether the key of the recovery words is kept beside the vault, which opens every epoch.
    #[must_use]
    pub const fn holds_recovery_key(&self) -> bool {
        self.holds_recovery_key
    }

    /// Keeps the key of the recovery words, or gives it up.
    pub const fn hold_recovery_key(&mut self, holds: bool) {
        self.holds_recovery_key = holds;
    }

    /// Notes up to where a sync made the journal durable.
    pub const fn note_durable(&mut self, position: Position) {
        self.durable = Some(position);
    }

    /// Keeps an index.
    pub fn keep_index(&mut self, index: Index) {
        self.index = Some(index);
    }

    /// The index kept last.
    #[must_use]
    pub const fn index(&self) -> Option<&Index> {
        self.index.as_ref()
    }

    /// Gives the index up: records are about to move.
    pub fn forget_index(&mut self) {
        self.index = None;
    }

    /// The files as a reader sees them. Their numbers have no gap.
    #[must_use]
    pub fn files(&self) -> Vec<Vec<u8>> {
        let disk = self.disk.0.borrow();
        let numbers = (1..).map_while(SegmentNumber::new);
        numbers.map_while(|number| disk.bytes(number).map(<[u8]>::to_vec)).collect()
    }

    /// Opens what is on the disk, from the index if there is one and it is to be used.
    ///
    /// # Errors
    /// When the journal refuses: whatever befell the disk, it only lost what was not synced.
    pub fn open(&mut self, person: &Person, device: &DeviceId, with_index: bool) -> Result<Opened, Trouble> {
        if let Some(opened) = self.open_from(person, device, self.index.as_ref().filter(|_| with_index))? {
            return Ok(opened);
        }
        self.index = None;
        let opened = self.open_from(person, device, None)?;
        let opened = opened.ok_or_else(|| Violation::new(Check::Durability, "moved since nothing"))?;
        Ok(Opened { moved: true, ..opened })
    }

    /// Opens from an index; `None` when records moved since it was kept.
    fn open_from(
        &self,
        person: &Person,
        device: &DeviceId,
        index: Option<&Index>,
    ) -> Result<Option<Opened>, Trouble> {
        let recovery = self.holds_recovery_key.then(|| person.recovery_secret());
        let mut state = person.state_of(self.epochs(), [device_kem(device)].into_iter().chain(recovery));
        state.exempt(*device);
        let (kept, uncounted) =
            index.map_or((Vec::new(), Vec::new()), |index| (index.counted.clone(), index.uncounted.clone()));
        kept.iter().for_each(|counted| state.restore(counted));
        let opening = Opening {
            from: index.map(|index| index.position),
            emptied: index.map_or(0, |index| index.emptied),
            known_durable: self.durable,
            segment_len: self.segment_len,
            ..Opening::new(self.journal)
        };
        let durable = |location: Location| {
            let position = Position { segment: location.segment, offset: location.offset };
            self.durable.is_some_and(|durable| position < durable)
        };
        let (mut tail, mut unopened) = (Vec::new(), None);
        let opened = Journal::open(self.disk.clone(), &opening, &mut |id, location, bytes| match open(
            bytes,
            person.space(),
            state.keyring(),
        ) {
            Ok(payload) => {
                state.read_ahead(&payload);
                tail.push((id, location, payload));
            }
            // The disk may keep a part of what was never synced.
            Err(error) if durable(location) => unopened = Some(error),
            Err(_) => {}
        });
        let (journal, recovery) = match opened {
            Err(JournalError::Moved { .. }) => return Ok(None),
            opened => opened?,
        };
        check_opened(unopened)?;
        let (mut replica, mut beyond) = (Replica::new(state, journal), Effects::default());
        // In the order of the journal, what the index kept before what lies beyond it: of two commits
        // of one device with one number the first to arrive counts, and so it must again.
        for (record, location) in uncounted {
            match replica.read_payload(location)? {
                Ok(payload) => beyond.extend(replica.reinsert(record, location, payload)),
                Err(error) => check_opened(Some(error))?,
            }
        }
        for (record, location, payload) in tail {
            beyond.extend(replica.reinsert(record, location, payload));
        }
        beyond.extend(replica.draw_quarantine());
        Ok(Some(Opened { replica, kept, effects: beyond, recovery, moved: false }))
    }

    /// Cuts the power: what was not synced may be gone, or torn.
    pub fn power_cut(&self, dice: &mut Dice) {
        self.disk.power_cut(dice);
    }

    /// Leaves room for so many more bytes.
    ///
    /// # Panics
    /// Never: a disk in memory lists its own files.
    pub fn fill(&self, room: u64) {
        let mut disk = self.disk.0.borrow_mut();
        let segments = disk.segments().expect("a disk in memory lists its files");
        let used: u64 = segments.into_iter().filter_map(|segment| disk.len(segment).ok()).sum();
        disk.set_byte_budget(Some(used + room));
    }

    /// Lets so many more syncs succeed.
    pub fn fail_syncs_after(&self, syncs: u64) {
        self.disk.0.borrow_mut().fail_syncs_after(Some(syncs));
    }

    /// The disk syncs again.
    pub fn repair(&self) {
        self.disk.0.borrow_mut().fail_syncs_after(None);
    }

    /// The disk has room again.
    pub fn make_room(&self) {
        self.disk.0.borrow_mut().set_byte_budget(None);
    }
}

/// Only records that opened are ever stored, and each epoch's statement before what is sealed under it.
fn check_opened(unopened: Option<OpenError>) -> Result<(), Violation> {
    match unopened {
        Some(error) => Err(Violation::new(Check::Durability, format!("a stored record: {error}"))),
        None => Ok(()),
    }
}

impl Disk for SharedDisk {
    type Error = MemoryDiskError;

    fn segments(&mut self) -> Result<Vec<SegmentNumber>, MemoryDiskError> {
        self.0.borrow_mut().segments()
    }

    fn create(&mut self, segment: SegmentNumber) -> Result<(), MemoryDiskError> {
        self.0.borrow_mut().create(segment)
    }

    fn len(&mut self, segment: SegmentNumber) -> Result<u64, MemoryDiskError> {
        self.0.borrow_mut().len(segment)
    }

    fn read(
        &mut self,
        segment: SegmentNumber,
        offset: u64,
        buffer: &mut [u8],
    ) -> Result<(), MemoryDiskError> {
        self.0.borrow_mut().read(segment, offset, buffer)
    }

    fn append(&mut self, segment: SegmentNumber, bytes: &[u8]) -> Result<(), MemoryDiskError> {
        self.0.borrow_mut().append(segment, bytes)
    }

    fn write_again(
        &mut self,
        segment: SegmentNumber,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), MemoryDiskError> {
        self.0.borrow_mut().write_again(segment, offset, bytes)
    }

    fn sync(&mut self, segment: SegmentNumber) -> Result<(), MemoryDiskError> {
        self.0.borrow_mut().sync(segment)
    }

    fn truncate(&mut self, segment: SegmentNumber, len: u64) -> Result<(), MemoryDiskError> {
        self.0.borrow_mut().truncate(segment, len)
    }

    fn remove(&mut self, segment: SegmentNumber) -> Result<(), MemoryDiskError> {
        self.0.borrow_mut().remove(segment)
    }

    fn replace(&mut self, segment: SegmentNumber, bytes: &[u8]) -> Result<(), MemoryDiskError> {
        self.0.borrow_mut().replace(segment, bytes)
    }
}
