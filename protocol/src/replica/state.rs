//! Which records are held, and which of them count.
//!
//! A commit *counts* once its device is entitled at the log heads it names, the commit before it
//! and all commits it had seen count, and every record it names is held and is a change or a chunk
//! (nothing else travels because a commit names it: one that did would count on the device that
//! happens to hold it and wait for ever on the next). So what counts is closed
//! under "had seen": a frontier of one number per device describes it, and documents receive
//! changes after those they build on.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::{
    crypto::sign::VerifyingKey,
    epoch::{EpochError, EpochStatement, Keyring},
    id::{BlobId, CommitId, DeviceId, DocumentId, EpochId, OperationId, RecordId, SpaceId},
    identity::{
        log::{DeviceLog, LogError, Operation},
        person::Inception,
    },
    journal::Location,
    limits::{MAX_FRONTIER_ENTRIES, MAX_LOG_OPERATIONS, MAX_PENDING_COMMITS, MAX_STAGED_BYTES},
    record::{Change, Commit, Payload},
    signed::Signed,
};

/// What a counted record is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A change of a document.
    Document(DocumentId),
    /// A chunk of an attachment, and its place.
    Blob(BlobId, u32),
}

/// A record that a counted commit names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// The record.
    pub record: RecordId,
    /// Where it lies.
    pub location: Location,
    /// What it is part of.
    pub subject: Subject,
}

/// A commit that counts, with all that later work needs of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// Whose it is.
    pub device: DeviceId,
    /// Its place in the device's chain, from 1.
    pub number: u64,
    /// Its name.
    pub commit: CommitId,
    /// The record that holds it.
    pub record: RecordId,
    /// Where that lies.
    pub location: Location,
    /// The commits it had seen.
    pub seen: Vec<CommitId>,
    /// What it made count.
    pub items: Vec<Item>,
}

/// A commit that counts, and the changes whose bytes are at hand; the others are read back.
#[derive(Debug)]
pub struct NewlyCounted {
    /// The commit.
    pub counted: Counted,
    /// Changes by record.
    pub changes: HashMap<RecordId, Change>,
}

/// What inserting a record led to.
#[derive(Debug, Default)]
pub struct Effects {
    /// Commits that count from now on, each after those it had seen.
    pub counted: Vec<NewlyCounted>,
    /// Whether the device log or the epochs grew.
    pub membership_changed: bool,
    /// Records whose content was refused although they opened.
    pub refused: Vec<Refusal>,
}

impl Effects {
    /// Adds what came after.
    pub fn extend(&mut self, later: Self) {
        self.counted.extend(later.counted);
        self.membership_changed |= later.membership_changed;
        self.refused.extend(later.refused);
    }
}

/// Why an opened record has no effect. Whoever wrote it is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A log operation that does not hold.
    #[error("device log: {0}")]
    Operation(LogError),
    /// An epoch that does not hold.
    #[error("epoch: {0}")]
    Epoch(EpochError),
    /// A commit with a bad signature, of another space, or by a device without the right.
    #[error("a commit that its device had no right to, or did not sign")]
    Commit,
    /// Two commits of one device with one number.
    #[error("two commits of device {} have number {number}", device.short())]
    Fork {
        /// The device.
        device: DeviceId,
        /// The number that was used twice.
        number: u64,
    },
    /// More commits wait than an honest peer would leave waiting.
    #[error("too many commits wait for what they build on")]
    TooManyPending,
}

#[derive(Debug)]
struct Pending {
    signed: Signed<Commit>,
    record: RecordId,
    location: Location,
}

/// What one entry of a chain needs in memory.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) commit: CommitId,
    pub(crate) seen: Box<[CommitId]>,
    /// The records to send: those it names, then itself.
    pub(crate) locations: Box<[Location]>,
}

/// The records of one space, as far as this device holds them.
#[derive(Debug)]
pub struct State {
    space: SpaceId,
    recovery: Inception,
    log: DeviceLog,
    keyring: Keyring,
    held: HashMap<RecordId, Location>,
    subjects: HashMap<RecordId, Subject>,
    /// Records held that no commit may name: commits, log operations, epochs.
    statements: HashSet<RecordId>,
    chains: BTreeMap<DeviceId, Vec<Entry>>,
    places: HashMap<CommitId, (DeviceId, u64)>,
    operations: BTreeMap<OperationId, Location>,
    epochs: BTreeMap<EpochId, Location>,
    waiting_operations: Vec<(Signed<Operation>, Location)>,
    pending: BTreeMap<CommitId, Pending>,
    uncounted: BTreeMap<RecordId, Location>,
    staged: HashMap<RecordId, Change>,
    staged_bytes: usize,
}

impl State {
    /// An empty replica of a space.
    #[must_use]
    pub fn new(space: SpaceId, log: DeviceLog, inception: Inception, keyring: Keyring) -> Self {
        Self {
            space,
            recovery: inception,
            log,
            keyring,
            held: HashMap::new(),
            subjects: HashMap::new(),
            statements: HashSet::new(),
            chains: BTreeMap::new(),
            places: HashMap::new(),
            operations: BTreeMap::new(),
            epochs: BTreeMap::new(),
            waiting_operations: Vec::new(),
            pending: BTreeMap::new(),
            uncounted: BTreeMap::new(),
            staged: HashMap::new(),
            staged_bytes: 0,
        }
    }

    /// The space.
    #[must_use]
    pub const fn space(&self) -> &SpaceId {
        &self.space
    }

    /// The device log.
    #[must_use]
    pub const fn log(&self) -> &DeviceLog {
        &self.log
    }

    /// The secrets known here.
    #[must_use]
    pub const fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// Whether a record is held, counted or not.
    #[must_use]
    pub fn holds(&self, record: &RecordId) -> bool {
        self.held.contains_key(record)
    }

    /// The last counted commit of a device: its number and name; number 0 before the first.
    #[must_use]
    pub fn head(&self, device: &DeviceId) -> (u64, Option<CommitId>) {
        let chain = self.chains.get(device).map_or(&[][..], Vec::as_slice);
        (chain.len() as u64, chain.last().map(|entry| entry.commit))
    }

    /// All chains, each from its first commit.
    pub(crate) fn chains(&self) -> impl Iterator<Item = (&DeviceId, &[Entry])> {
        self.chains.iter().map(|(device, chain)| (device, chain.as_slice()))
    }

    /// Whose a counted commit is, and its number.
    pub(crate) fn place(&self, commit: &CommitId) -> Option<(DeviceId, u64)> {
        self.places.get(commit).copied()
    }

    /// Where the epochs' records lie.
    pub(crate) const fn epochs(&self) -> &BTreeMap<EpochId, Location> {
        &self.epochs
    }

    /// Where a log operation's record lies.
    pub(crate) fn operation(&self, id: &OperationId) -> Option<Location> {
        self.operations.get(id).copied()
    }

    /// The heads of the other devices' chains: what a new commit of `device` has seen, sorted.
    #[must_use]
    pub fn seen_by(&self, device: &DeviceId) -> Vec<CommitId> {
        let others = self.chains.iter().filter(|(other, _)| *other != device);
        let mut seen: Vec<CommitId> =
            others.filter_map(|(_, chain)| chain.last()).map(|entry| entry.commit).collect();
        seen.sort_unstable();
        seen
    }

    /// Records that no counted commit names, epochs and log operations included. An index stores
    /// them apart, and inserts them again after [`State::restore`].
    pub fn uncounted(&self) -> impl Iterator<Item = (&RecordId, &Location)> {
        self.uncounted.iter()
    }

    /// Whether a device would be enrolled once these operations were inserted.
    pub(crate) fn would_know<'a>(
        &'a self,
        device: &DeviceId,
        operations: impl Iterator<Item = &'a Signed<Operation>>,
    ) -> bool {
        if self.log.devices().contains_key(device) {
            return true;
        }
        let mut log = self.log.clone();
        let waiting = self.waiting_operations.iter().map(|(signed, _)| signed);
        let mut open: Vec<&Signed<Operation>> = waiting.chain(operations).collect();
        let mut progress = true;
        while progress {
            let before = open.len();
            open.retain(|signed| log.apply((*signed).clone()).is_err());
            progress = open.len() < before;
        }
        log.devices().contains_key(device)
    }

    /// Where every record lies that is held, in the order of the journal.
    #[must_use]
    pub fn locations(&self) -> Vec<Location> {
        let mut locations: Vec<Location> = self.held.values().copied().collect();
        locations.sort_unstable();
        locations
    }

    /// Changes and chunks that no counted commit names, sorted: those of commits that are not
    /// complete yet, and those whose commit was lost.
    #[must_use]
    pub fn orphans(&self) -> Vec<(RecordId, Subject)> {
        let mut orphans: Vec<_> = self.subjects.iter().map(|(record, subject)| (*record, *subject)).collect();
        orphans.sort_unstable_by_key(|(record, _)| *record);
        orphans
    }

    /// Takes back a commit that an index kept. Commits of one device come in order.
    ///
    /// # Panics
    /// When they do not: the index is ours.
    pub fn restore(&mut self, counted: &Counted) {
        self.held.insert(counted.record, counted.location);
        self.statements.insert(counted.record);
        for item in &counted.items {
            self.held.insert(item.record, item.location);
        }
        self.append_to_chain(counted);
    }

    /// Adds a record that was opened and is held at `location`.
    pub fn insert(&mut self, id: RecordId, location: Location, payload: Payload) -> Effects {
        let mut effects = Effects::default();
        if self.held.insert(id, location).is_some() {
            return effects;
        }
        self.uncounted.insert(id, location);
        if !matches!(payload, Payload::Change(_) | Payload::BlobChunk(_)) {
            self.statements.insert(id);
        }
        match payload {
            Payload::Change(change) => {
                self.subjects.insert(id, Subject::Document(change.document));
                self.stage(id, change);
                self.count(&mut effects);
            }
            Payload::BlobChunk(chunk) => {
                self.subjects.insert(id, Subject::Blob(chunk.blob, chunk.index));
                self.count(&mut effects);
            }
            Payload::Commit(signed) => self.insert_commit(id, location, signed, &mut effects),
            Payload::Operation(signed) => self.insert_operation(location, signed, &mut effects),
            Payload::Epoch(statement) => match self.check_epoch(&statement) {
                Ok(()) => {
                    self.epochs.insert(statement.body().epoch, location);
                    effects.membership_changed = true;
                }
                Err(error) => effects.refused.push(Refusal::Epoch(error)),
            },
        }
        effects
    }

    fn check_epoch(&self, statement: &Signed<EpochStatement>) -> Result<(), EpochError> {
        statement.check(&self.space, &self.recovery.recovery_keeper)?;
        // One more could not be listed in a frontier, and no session would get past that.
        let listed =
            self.epochs.len() < MAX_FRONTIER_ENTRIES || self.epochs.contains_key(&statement.body().epoch);
        listed.then_some(()).ok_or(EpochError::Malformed)
    }

    fn stage(&mut self, id: RecordId, change: Change) {
        if self.staged_bytes + change.bytes.len() <= MAX_STAGED_BYTES {
            self.staged_bytes += change.bytes.len();
            self.staged.insert(id, change);
        }
    }

    fn insert_operation(&mut self, location: Location, signed: Signed<Operation>, effects: &mut Effects) {
        self.waiting_operations.push((signed, location));
        let mut progress = true;
        while progress {
            progress = false;
            for (signed, location) in std::mem::take(&mut self.waiting_operations) {
                match self.log.apply(signed.clone()) {
                    Ok(id) => {
                        self.operations.insert(id, location);
                        effects.membership_changed = true;
                        progress = true;
                    }
                    Err(LogError::MissingPrevious) if self.waiting_operations.len() < MAX_LOG_OPERATIONS => {
                        self.waiting_operations.push((signed, location));
                    }
                    Err(error) => effects.refused.push(Refusal::Operation(error)),
                }
            }
        }
        if effects.membership_changed {
            self.count(effects);
        }
    }

    fn insert_commit(
        &mut self,
        id: RecordId,
        location: Location,
        signed: Signed<Commit>,
        effects: &mut Effects,
    ) {
        let name = signed.id();
        if self.places.contains_key(&name) || self.pending.contains_key(&name) {
            return;
        }
        let commit = signed.body();
        let key = VerifyingKey::from_bytes(*commit.device.as_bytes());
        let refusal = if commit.space != self.space || signed.verify(&key).is_err() {
            Some(Refusal::Commit)
        } else if commit.number <= self.head(&commit.device).0 {
            Some(Refusal::Fork { device: commit.device, number: commit.number })
        } else if self.pending.len() >= MAX_PENDING_COMMITS {
            Some(Refusal::TooManyPending)
        } else {
            None
        };
        match refusal {
            Some(refusal) => effects.refused.push(refusal),
            None => {
                self.pending.insert(name, Pending { signed, record: id, location });
                self.count(effects);
            }
        }
    }

    /// Lets every pending commit count whose conditions are met, until none is left.
    fn count(&mut self, effects: &mut Effects) {
        while let Some((name, verdict)) = self.next_decided() {
            let pending = self.pending.remove(&name).expect("chosen from the pending commits");
            match verdict {
                Ok(()) => effects.counted.push(self.count_one(name, &pending)),
                Err(refusal) => effects.refused.push(refusal),
            }
        }
    }

    fn next_decided(&self) -> Option<(CommitId, Result<(), Refusal>)> {
        self.pending.iter().find_map(|(name, pending)| Some((*name, self.verdict(pending.signed.body())?)))
    }

    /// `None` while something is missing that may still arrive.
    fn verdict(&self, commit: &Commit) -> Option<Result<(), Refusal>> {
        let (number, head) = self.head(&commit.device);
        if commit.number <= number {
            return Some(Err(Refusal::Fork { device: commit.device, number: commit.number }));
        }
        if commit.number > number + 1 {
            return None;
        }
        if commit.previous != head {
            return Some(Err(Refusal::Fork { device: commit.device, number }));
        }
        if commit.seen.iter().any(|seen| !self.places.contains_key(seen)) {
            return None;
        }
        let mut named = commit.records.iter().chain(&commit.chunks);
        if named.clone().any(|record| self.statements.contains(record)) {
            return Some(Err(Refusal::Commit));
        }
        if !named.all(|record| self.held.contains_key(record)) {
            return None;
        }
        let entitled = self.log.is_entitled_at(&commit.log_heads, &commit.device)?;
        Some(entitled.then_some(()).ok_or(Refusal::Commit))
    }

    fn count_one(&mut self, name: CommitId, pending: &Pending) -> NewlyCounted {
        let commit = pending.signed.body();
        let mut changes = HashMap::new();
        let mut items = Vec::with_capacity(commit.records.len() + commit.chunks.len());
        for record in commit.records.iter().chain(&commit.chunks) {
            // One that counted before, by another commit, is not counted twice.
            let Some(subject) = self.subjects.remove(record) else { continue };
            items.push(Item { record: *record, location: self.held[record], subject });
            self.uncounted.remove(record);
            if let Some(change) = self.staged.remove(record) {
                self.staged_bytes -= change.bytes.len();
                changes.insert(*record, change);
            }
        }
        self.uncounted.remove(&pending.record);
        let counted = Counted {
            device: commit.device,
            number: commit.number,
            commit: name,
            record: pending.record,
            location: pending.location,
            seen: commit.seen.clone(),
            items,
        };
        self.append_to_chain(&counted);
        NewlyCounted { counted, changes }
    }

    fn append_to_chain(&mut self, counted: &Counted) {
        let chain = self.chains.entry(counted.device).or_default();
        assert_eq!(chain.len() as u64 + 1, counted.number, "commits of a chain count in order");
        let locations = counted.items.iter().map(|item| item.location).chain([counted.location]);
        chain.push(Entry {
            commit: counted.commit,
            seen: counted.seen.as_slice().into(),
            locations: locations.collect(),
        });
        self.places.insert(counted.commit, (counted.device, counted.number));
    }
}
