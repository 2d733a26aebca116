//! Which records are held, and which of them count.
//!
//! A commit *counts* once its device is entitled at the log heads it names, the commit before it
//! and all commits it had seen count, and every change it names is held or was dropped. So what
//! counts is closed under "had seen": a frontier of one number per device describes it, and
//! documents receive changes after those they build on.
//!
//! The pieces of attachments are not waited for: they count when their commit does, held or not,
//! and are fetched on demand ([`State::missing_chunks`]).

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Range,
};

use super::{
    chains::{Chains, Entry, NewEntry},
    records::{Class, Records, Row, Slot},
    slots::Slots,
    wanted::Wanted,
};
use crate::{
    crypto::{kem::KemSecret, sign::VerifyingKey},
    epoch::{EpochError, EpochStatement, Keyring},
    id::{BlobId, CommitId, DeviceId, DocumentId, EpochId, RecordId, SpaceId, StatementId},
    identity::{log::DeviceLog, person::Inception},
    journal::{Location, SegmentNumber},
    limits::{MAX_EPOCHS, MAX_PENDING_COMMITS, MAX_STAGED_BYTES},
    membership::{Refused, Roster, Statement, Waiting},
    record::{Change, Commit, DropError, Payload},
    session::frontier::Span,
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

/// A record that a counted commit names, and that is held.
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
    /// Pieces of attachments that it names and that are not held.
    pub wanted: Vec<RecordId>,
}

/// A commit that counts, and the changes whose bytes are at hand; the others are read back.
#[derive(Debug)]
pub struct NewlyCounted {
    /// The commit.
    pub counted: Counted,
    /// Changes by record.
    pub changes: HashMap<RecordId, Change>,
}

/// A piece of an attachment that came after the commit that names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrived {
    /// The piece.
    pub item: Item,
    /// Whose commit names it.
    pub device: DeviceId,
    /// The number of that commit.
    pub number: u64,
}

/// What inserting a record led to.
#[derive(Debug, Default)]
pub struct Effects {
    /// Commits that count from now on, each after those it had seen.
    pub counted: Vec<NewlyCounted>,
    /// Pieces of attachments that came after the commit that names them.
    pub arrived: Vec<Arrived>,
    /// Records that were held and are dropped now.
    pub dropped: Vec<RecordId>,
    /// Whether the device log or the epochs grew.
    pub membership_changed: bool,
    /// Records whose content was refused although they opened.
    pub refused: Vec<Refusal>,
}

impl Effects {
    /// Adds what came after.
    pub fn extend(&mut self, later: Self) {
        self.counted.extend(later.counted);
        self.arrived.extend(later.arrived);
        self.dropped.extend(later.dropped);
        self.membership_changed |= later.membership_changed;
        self.refused.extend(later.refused);
    }
}

/// Why an opened record has no effect. Whoever wrote it is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// An operation of a device log or of the membership log that does not hold.
    #[error(transparent)]
    Operation(#[from] Refused),
    /// An epoch that does not hold.
    #[error("epoch: {0}")]
    Epoch(EpochError),
    /// A drop that does not hold.
    #[error("drop: {0}")]
    Drop(DropError),
    /// A receipt that its device did not sign, or by a device without the right.
    #[error("a receipt that its device did not sign or had no right to")]
    Receipt,
    /// A record that was dropped.
    #[error("a record that was dropped")]
    Dropped,
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
    record: Slot,
    /// How many of the things that it names were found so far. What was there once stays there, so
    /// that a thousand commits that wait for one record each cost little at every arrival.
    found: usize,
}

/// The records of one space, as far as this device holds them.
#[derive(Debug)]
pub struct State {
    space: SpaceId,
    pub(super) recovery: Inception,
    roster: Roster,
    keyring: Keyring,
    /// What epochs may be sealed to: this device's key, the person's keys.
    kems: Vec<KemSecret>,
    pub(crate) records: Records,
    pub(crate) chains: Chains,
    pub(super) statements: BTreeMap<StatementId, Slot>,
    generation: u64,
    pub(super) drops: super::drops::Drops,
    waiting: Waiting<Slot>,
    epochs: BTreeSet<StatementId>,
    pending: BTreeMap<CommitId, Pending>,
    max_pending: usize,
    /// Commits of a history that does not count here, because another one of that device does.
    apart: BTreeMap<CommitId, Slot>,
    /// What changes and chunks that do not count yet are part of.
    subjects: HashMap<Slot, Subject>,
    uncounted: BTreeSet<Slot>,
    /// Counted changes, by document.
    documents: HashMap<DocumentId, Slots>,
    /// Counted chunks that are held, by attachment. A writer who named two for one place is
    /// understood the same way everywhere: the first by name is taken.
    blobs: HashMap<BlobId, BTreeMap<(u32, RecordId), Slot>>,
    /// Counted chunks that are not held.
    wanted: Wanted,
    arrivals: u64,
    staged: HashMap<Slot, Change>,
    staged_bytes: usize,
}

impl State {
    /// An empty replica of a space. `kem` opens later epochs' secrets, where they are sealed to it.
    #[must_use]
    pub fn new(
        space: SpaceId,
        log: DeviceLog,
        inception: Inception,
        keyring: Keyring,
        kem: Option<KemSecret>,
    ) -> Self {
        Self {
            space,
            recovery: inception,
            roster: Roster::new(space, log),
            keyring,
            kems: kem.into_iter().collect(),
            records: Records::default(),
            chains: Chains::default(),
            statements: BTreeMap::new(),
            generation: 0,
            drops: super::drops::Drops::default(),
            waiting: Waiting::default(),
            epochs: BTreeSet::new(),
            pending: BTreeMap::new(),
            max_pending: MAX_PENDING_COMMITS,
            apart: BTreeMap::new(),
            subjects: HashMap::new(),
            uncounted: BTreeSet::new(),
            documents: HashMap::new(),
            blobs: HashMap::new(),
            wanted: Wanted::default(),
            arrivals: 0,
            staged: HashMap::new(),
            staged_bytes: 0,
        }
    }

    /// The space.
    #[must_use]
    pub const fn space(&self) -> &SpaceId {
        &self.space
    }

    /// The device log of the space's owner.
    #[must_use]
    pub const fn log(&self) -> &DeviceLog {
        self.roster.owner()
    }

    /// Who may write here, and who may be talked to.
    #[must_use]
    pub const fn roster(&self) -> &Roster {
        &self.roster
    }

    /// The secrets known here.
    #[must_use]
    pub const fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// Whether a record is held, counted or not.
    #[must_use]
    pub fn holds(&self, record: &RecordId) -> bool {
        matches!(self.records.find(record), Some((_, Row::Held(..))))
    }

    /// Whether a record was dropped.
    #[must_use]
    pub fn has_dropped(&self, record: &RecordId) -> bool {
        matches!(self.records.find(record), Some((_, Row::Dropped)))
    }

    /// The last counted commit of a device: its number and name; number 0 before the first.
    #[must_use]
    pub fn head(&self, device: &DeviceId) -> (u64, Option<CommitId>) {
        let chain = self.chains.of(device);
        (chain.len() as u64, chain.last().map(|entry| entry.commit))
    }

    /// The commits of a device of which pieces of attachments are not held.
    #[must_use]
    pub fn lacking(&self, device: &DeviceId) -> Vec<Span> {
        self.wanted.spans(device)
    }

    /// Raised whenever a piece of an attachment comes that was waited for.
    pub(crate) const fn arrivals(&self) -> u64 {
        self.arrivals
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

    /// Names of all statements that hold here, sorted.
    pub fn statements(&self) -> impl Iterator<Item = &StatementId> {
        self.statements.keys()
    }

    /// Whether a statement is held.
    #[must_use]
    pub fn holds_statement(&self, id: &StatementId) -> bool {
        self.statements.contains_key(id)
    }

    /// Where a statement lies.
    pub(super) fn statement(&self, id: &StatementId) -> Option<Location> {
        self.records.location(*self.statements.get(id)?)
    }

    /// Statements as they are sent, causes before effects: epochs, log operations, then the others.
    /// Somebody who is not enrolled is given the first two, which may show that they are.
    pub(crate) fn statements_in_order(&self, enrolled: bool) -> Vec<(StatementId, Slot)> {
        let operations = self.roster.in_order().into_iter().map(StatementId::from);
        let mut names: Vec<StatementId> = self.epochs.iter().copied().chain(operations).collect();
        if enrolled {
            let first: BTreeSet<StatementId> = names.iter().copied().collect();
            names.extend(self.statements.keys().filter(|name| !first.contains(name)));
        }
        names.into_iter().filter_map(|name| Some((name, *self.statements.get(&name)?))).collect()
    }

    /// Raised whenever a statement is added.
    pub(crate) const fn generation(&self) -> u64 {
        self.generation
    }

    /// The sum of the names of all changes and commits that are held.
    pub(crate) fn records_digest(&self) -> [u8; 32] {
        self.records.digest().to_bytes()
    }

    /// The names of all changes and commits that are held, and where each lies: what is compared
    /// between members.
    pub(crate) fn compared(&self) -> impl Iterator<Item = ([u8; 32], Slot)> {
        let changes = self.records.changes().map(|(slot, id)| (*id.as_bytes(), slot));
        let counted = self.chains.iter().flat_map(|(_, chain)| chain.commits());
        let counted = counted.map(|(name, slot)| (*name.as_bytes(), slot));
        let pending = self.pending.iter().map(|(name, pending)| (*name.as_bytes(), pending.record));
        let apart = self.apart.iter().map(|(name, slot)| (*name.as_bytes(), *slot));
        changes.chain(counted).chain(pending).chain(apart)
    }

    /// Whether a commit is held, counted or not.
    pub(super) fn holds_commit(&self, name: &CommitId) -> bool {
        self.chains.place(name).is_some() || self.pending.contains_key(name) || self.apart.contains_key(name)
    }

    /// Records that no counted commit names, statements included. An index stores them apart, and
    /// inserts them again after [`State::restore`].
    pub fn uncounted(&self) -> impl Iterator<Item = (RecordId, Location)> {
        self.uncounted.iter().filter_map(|slot| Some((self.records.id(*slot), self.records.location(*slot)?)))
    }

    /// Whether a device might be talked to once these statements were inserted.
    pub(crate) fn would_know(&self, device: &DeviceId, statements: impl Iterator<Item = Statement>) -> bool {
        if self.roster.knows(device) {
            return true;
        }
        let (mut roster, mut waiting) = (self.roster.clone(), self.waiting.clone());
        for statement in statements {
            waiting.insert(&mut roster, statement, Slot::default());
        }
        roster.knows(device)
    }

    /// Where every record lies that is held, in the order of the journal.
    #[must_use]
    pub fn locations(&self) -> Vec<Location> {
        let mut locations: Vec<Location> = self.records.held().map(|(_, _, location, _)| location).collect();
        locations.sort_unstable();
        locations
    }

    /// Every record that is held, in the order of the journal.
    #[must_use]
    pub fn held(&self) -> Vec<RecordId> {
        let mut held: Vec<(Location, Slot)> =
            self.records.held().map(|(slot, _, location, _)| (location, slot)).collect();
        held.sort_unstable();
        held.into_iter().map(|(_, slot)| self.records.id(slot)).collect()
    }

    /// Where a record lies, if it is held.
    #[must_use]
    pub fn location(&self, record: &RecordId) -> Option<Location> {
        self.records.location(self.records.find(record)?.0)
    }

    /// Bytes of all records that are held.
    #[must_use]
    pub fn held_bytes(&self) -> u64 {
        self.records.held_bytes()
    }

    /// Bytes of a segment's frames whose records are held: the rest is worth nothing.
    #[must_use]
    pub fn live_bytes(&self, segment: SegmentNumber) -> u64 {
        self.records.live_bytes(segment)
    }

    /// Commits that are held and lost against another one with their number, by segment.
    pub(super) fn rivals(&self) -> BTreeMap<SegmentNumber, BTreeSet<RecordId>> {
        let mut rivals: BTreeMap<SegmentNumber, BTreeSet<RecordId>> = BTreeMap::new();
        for slot in self.apart.values() {
            if let Some(location) = self.records.location(*slot) {
                rivals.entry(location.segment).or_default().insert(self.records.id(*slot));
            }
        }
        rivals
    }

    /// Lets go of a commit that lost against another one: its bytes are gone.
    pub(super) fn let_go(&mut self, record: &RecordId) {
        let rival = self.apart.iter().find(|(_, slot)| self.records.id(**slot) == *record);
        if let Some((name, slot)) = rival.map(|(name, slot)| (*name, *slot)) {
            self.apart.remove(&name);
            self.records.remove_commit(&name);
            self.forget(slot);
        }
    }

    /// Notes that a record was copied to another place.
    pub(super) fn relocate(&mut self, record: RecordId, location: Location) {
        if let Some((_, Row::Held(_, class))) = self.records.find(&record) {
            self.records.hold(record, location, class);
        }
    }

    /// The changes of a document that count and are held, in the order in which they came to count.
    pub fn document(&self, id: &DocumentId) -> impl Iterator<Item = (RecordId, Location)> {
        let slots = self.documents.get(id).map_or(&[][..], Slots::as_slice);
        slots.iter().filter_map(|slot| Some((self.records.id(*slot), self.records.location(*slot)?)))
    }

    /// The last commit of each device that made a change of a document count, of those that are held.
    /// It is looked for in all chains: for one document, not for a list.
    #[must_use]
    pub fn last_commits_of(&self, id: &DocumentId) -> Vec<(DeviceId, u64)> {
        let slots = self.documents.get(id).map_or(&[][..], Slots::as_slice);
        let last = self.chains.iter().map(|(device, chain)| Some((*device, chain.last_naming(slots)?)));
        last.flatten().collect()
    }

    /// All documents that have changes here, in no order.
    pub fn documents(&self) -> impl Iterator<Item = &DocumentId> {
        self.documents.keys()
    }

    /// Documents with at least so many changes here, in no order.
    pub fn documents_with(&self, changes: usize) -> impl Iterator<Item = DocumentId> {
        self.documents.iter().filter(move |(_, slots)| slots.as_slice().len() >= changes).map(|(id, _)| *id)
    }

    /// Where a chunk of an attachment lies, if it counts and is held.
    #[must_use]
    pub fn chunk(&self, blob: &BlobId, index: u32) -> Option<Location> {
        self.records.location(self.chunk_slot(blob, index)?)
    }

    /// How many chunks of an attachment count and are held.
    #[must_use]
    pub fn chunks_held(&self, blob: &BlobId) -> usize {
        let Some(chunks) = self.blobs.get(blob) else { return 0 };
        let mut places: Vec<u32> = chunks.keys().map(|(index, _)| *index).collect();
        places.dedup();
        places.len()
    }

    pub(crate) fn chunk_slot(&self, blob: &BlobId, index: u32) -> Option<Slot> {
        first_of(self.blobs.get(blob)?, index)
    }

    /// The first chunks of an attachment in a range that are not here, at most `limit`.
    #[must_use]
    pub fn missing_chunks(&self, blob: &BlobId, range: Range<u32>, limit: usize) -> Vec<u32> {
        let held = self.blobs.get(blob);
        let missing = |index: &u32| held.is_none_or(|held| first_of(held, *index).is_none());
        range.filter(missing).take(limit).collect()
    }

    /// Changes and chunks that no counted commit names, sorted: those of commits that are not
    /// complete yet, and those whose commit was lost.
    #[must_use]
    pub fn orphans(&self) -> Vec<(RecordId, Subject)> {
        let mut orphans: Vec<_> =
            self.subjects.iter().map(|(slot, subject)| (self.records.id(*slot), *subject)).collect();
        orphans.sort_unstable_by_key(|(record, _)| *record);
        orphans
    }

    /// Takes back a commit that an index kept; each comes after those it had seen.
    ///
    /// # Panics
    /// When it is not the next one of its device: the index is ours.
    pub fn restore(&mut self, counted: &Counted) {
        let record = self.records.hold(counted.record, counted.location, Class::Commit);
        let mut entry = NewEntry::new(counted.commit, record);
        for item in &counted.items {
            let class = class_of(item.subject);
            let slot = self.records.hold(item.record, item.location, class);
            entry.add(slot, class);
            self.note_counted(slot, item.subject);
        }
        for record in &counted.wanted {
            let slot = self.records.want(*record);
            entry.add(slot, Class::Chunk);
            self.wanted.insert(slot, counted.device, counted.number);
        }
        self.chains.push(counted.device, counted.number, &entry, &counted.seen);
        self.records.add_commit(&counted.commit);
    }

    /// Takes back a piece of an attachment that came after its commit, and gives whose commit that is
    /// and its number.
    pub fn restore_arrived(&mut self, item: &Item) -> Option<(DeviceId, u64)> {
        let (slot, Row::Wanted) = self.records.find(&item.record)? else { return None };
        self.records.hold(item.record, item.location, class_of(item.subject));
        self.note_counted(slot, item.subject);
        self.wanted.remove(slot)
    }

    /// Commits as an index keeps them, each after those it had seen.
    pub fn counted(&self) -> impl Iterator<Item = Counted> {
        let mut subjects = HashMap::new();
        for (document, slots) in &self.documents {
            subjects.extend(slots.as_slice().iter().map(|slot| (*slot, Subject::Document(*document))));
        }
        for (blob, chunks) in &self.blobs {
            subjects.extend(chunks.iter().map(|((index, _), slot)| (*slot, Subject::Blob(*blob, *index))));
        }
        self.chains.in_order().into_iter().filter_map(move |place| {
            let (device, number) = self.chains.owner(place);
            self.counted_of(device, number, &self.chains.at(place), &subjects)
        })
    }

    fn counted_of(
        &self,
        device: DeviceId,
        number: u64,
        entry: &Entry<'_>,
        subjects: &HashMap<Slot, Subject>,
    ) -> Option<Counted> {
        let item = |slot: &Slot| {
            let (record, location) = (self.records.id(*slot), self.records.location(*slot)?);
            Some(Item { record, location, subject: *subjects.get(slot)? })
        };
        let wanted = |slot: &&Slot| self.records.row(**slot) == Row::Wanted;
        Some(Counted {
            device,
            number,
            commit: entry.commit,
            record: self.records.id(entry.record),
            location: self.records.location(entry.record)?,
            seen: entry.seen.iter().map(|place| self.chains.at(*place).commit).collect(),
            items: entry.records.iter().chain(entry.chunks).filter_map(item).collect(),
            wanted: entry.chunks.iter().filter(wanted).map(|slot| self.records.id(*slot)).collect(),
        })
    }

    /// As [`State::insert`], for a record of the own journal: it was within bounds when it came, and
    /// since then segments were rewritten, so that any number of commits may lie before what they
    /// build on.
    pub fn replay(&mut self, id: RecordId, location: Location, payload: Payload) -> Effects {
        self.max_pending = usize::MAX;
        let effects = self.insert(id, location, payload);
        self.max_pending = MAX_PENDING_COMMITS;
        effects
    }

    /// Adds a record that was opened and is held at `location`.
    pub fn insert(&mut self, id: RecordId, location: Location, payload: Payload) -> Effects {
        let mut effects = Effects::default();
        let before = self.records.find(&id).map(|(_, row)| row);
        match before {
            Some(Row::Held(..)) => {}
            Some(Row::Dropped) if is_droppable(&payload) => effects.refused.push(Refusal::Dropped),
            _ => self.insert_new(id, location, payload, &mut effects),
        }
        effects
    }

    fn insert_new(&mut self, id: RecordId, location: Location, payload: Payload, effects: &mut Effects) {
        let before = self.records.find(&id);
        let wanted = before.and_then(|(slot, _)| self.wanted.remove(slot));
        let class = match &payload {
            Payload::Change(_) => Class::Change,
            Payload::BlobChunk(_) => Class::Chunk,
            Payload::Commit(_) => Class::Commit,
            _ => Class::Statement,
        };
        let slot = self.records.hold(id, location, class);
        if matches!(before, Some((_, Row::Dropped))) {
            self.drops.note_listed(slot);
        }
        if let (Payload::BlobChunk(chunk), Some((device, number))) = (&payload, wanted) {
            let subject = Subject::Blob(chunk.blob, chunk.index);
            self.note_counted(slot, subject);
            self.arrivals += 1;
            effects.arrived.push(Arrived { item: Item { record: id, location, subject }, device, number });
            return;
        }
        self.uncounted.insert(slot);
        match payload {
            Payload::Change(change) => {
                self.subjects.insert(slot, Subject::Document(change.document));
                self.stage(slot, change);
                self.count(effects);
            }
            Payload::BlobChunk(chunk) => {
                self.subjects.insert(slot, Subject::Blob(chunk.blob, chunk.index));
            }
            Payload::Commit(signed) => self.insert_commit(slot, signed, effects),
            Payload::Operation(signed) => self.insert_operation(slot, Statement::Operation(signed), effects),
            Payload::Membership(signed) => {
                self.insert_operation(slot, Statement::Membership(signed), effects);
            }
            Payload::Epoch(statement) => match self.check_epoch(&statement) {
                Ok(()) => {
                    self.absorb(&statement);
                    let name = StatementId::from(statement.body().epoch);
                    self.epochs.insert(name);
                    self.note_statement(name, slot);
                    effects.membership_changed = true;
                }
                Err(error) => effects.refused.push(Refusal::Epoch(error)),
            },
            Payload::Drop(statement) => self.insert_drop(slot, &statement, effects),
            Payload::Receipt(receipt) => self.insert_receipt(slot, &receipt, effects),
        }
    }

    /// Notes a statement. One held under another seal already keeps its first record.
    pub(super) fn note_statement(&mut self, name: StatementId, slot: Slot) {
        self.statements.entry(name).or_insert(slot);
        self.generation += 1;
    }

    /// Lets go of a statement or a commit that says nothing here; it may come again.
    pub(super) fn forget(&mut self, slot: Slot) {
        let id = self.records.id(slot);
        // Still listed by a drop: who never held it must come to the same conclusions.
        if self.drops.is_listed(slot) {
            self.records.drop(id)
        } else {
            self.records.forget(id)
        };
        self.uncounted.remove(&slot);
    }

    /// Takes out a change or a piece that a drop lists: its bytes are not live from now on.
    pub(super) fn discard(&mut self, slot: Slot) {
        let id = self.records.id(slot);
        self.records.drop(id);
        self.uncounted.remove(&slot);
        if let Some(Subject::Document(_)) = self.subjects.remove(&slot)
            && let Some(change) = self.staged.remove(&slot)
        {
            self.staged_bytes -= change.bytes.len();
        }
        self.wanted.remove(slot);
    }

    /// Waits no longer for pieces of attachments that were dropped.
    pub(super) fn forget_wanted(&mut self) {
        let records = &self.records;
        self.wanted.retain(|slot| records.row(slot) == Row::Wanted);
    }

    /// Takes records that are gone out of the lists of what documents and attachments consist of.
    pub(super) fn forget_subjects(&mut self) {
        let records = &self.records;
        self.documents.retain(|_, slots| {
            slots.retain(|slot| records.is_held(slot));
            !slots.as_slice().is_empty()
        });
        self.blobs.retain(|_, chunks| {
            chunks.retain(|_, slot| records.is_held(*slot));
            !chunks.is_empty()
        });
    }

    /// The keyring with what statements that are not stored yet hold for this device; `None` when that
    /// is nothing new.
    pub(super) fn keyring_with(
        &self,
        statements: impl Iterator<Item = Signed<EpochStatement>>,
    ) -> Option<Keyring> {
        let room = MAX_EPOCHS.saturating_sub(self.epochs.len());
        let is_new = |statement: &Signed<EpochStatement>| {
            !self.epochs.contains(&StatementId::from(statement.body().epoch))
                && self.check_epoch(statement).is_ok()
        };
        let learnt = statements.filter(is_new).take(room).filter_map(|statement| self.open_epoch(&statement));
        learnt.fold(None, |keyring, learnt| {
            let mut keyring = keyring.unwrap_or_else(|| self.keyring.duplicate());
            keyring.merge(learnt);
            Some(keyring)
        })
    }

    /// Learns the secret of an epoch whose statement is stored.
    pub(super) fn learn_epoch(&mut self, statement: &Signed<EpochStatement>) {
        if self.check_epoch(statement).is_ok() {
            self.absorb(statement);
        }
    }

    /// Learns the secret of an epoch that is sealed to this device.
    fn absorb(&mut self, statement: &Signed<EpochStatement>) {
        if let Some(keyring) = self.open_epoch(statement) {
            self.keyring.merge(keyring);
        }
    }

    /// What an epoch holds for this device, unless its secret is known.
    fn open_epoch(&self, statement: &Signed<EpochStatement>) -> Option<Keyring> {
        let is_unknown = self.keyring.secret(&statement.body().epoch).is_none();
        self.kems.iter().filter(|_| is_unknown).find_map(|kem| statement.open(kem).ok())
    }

    /// Adds a key that epochs may be sealed to.
    pub(super) fn add_key(&mut self, kem: KemSecret) {
        if self.kems.iter().all(|held| held.public() != kem.public()) {
            self.kems.push(kem);
        }
    }

    /// Where the statements of all epochs lie.
    pub(super) fn epoch_statements(&self) -> Vec<Location> {
        self.epochs.iter().filter_map(|name| self.statement(name)).collect()
    }

    /// Where the statements lie of epochs whose secret is not known here.
    pub(super) fn unopened_epochs(&self) -> Vec<Location> {
        let is_unknown =
            |name: &&StatementId| self.keyring.secret(&EpochId::from_bytes(*name.as_bytes())).is_none();
        let names = self.epochs.iter().filter(is_unknown);
        names.filter_map(|name| self.statement(name)).collect()
    }

    fn check_epoch(&self, statement: &Signed<EpochStatement>) -> Result<(), EpochError> {
        statement.check(&self.space, &self.recovery.recovery_keeper)?;
        // One more could not be listed in a frontier, and no session would get past that.
        let name = StatementId::from(statement.body().epoch);
        let listed = self.epochs.len() < MAX_EPOCHS || self.epochs.contains(&name);
        listed.then_some(()).ok_or(EpochError::Malformed)
    }

    fn stage(&mut self, slot: Slot, change: Change) {
        if self.staged_bytes + change.bytes.len() <= MAX_STAGED_BYTES {
            self.staged_bytes += change.bytes.len();
            self.staged.insert(slot, change);
        }
    }

    fn insert_operation(&mut self, slot: Slot, statement: Statement, effects: &mut Effects) {
        for settled in self.waiting.insert(&mut self.roster, statement, slot) {
            match settled.verdict {
                Ok(id) => {
                    self.note_statement(StatementId::from(id), settled.tag);
                    effects.membership_changed = true;
                }
                Err(refused) => effects.refused.push(Refusal::Operation(refused)),
            }
        }
        if effects.membership_changed {
            self.judge_receipts(effects);
            self.count(effects);
        }
    }

    fn insert_commit(&mut self, slot: Slot, signed: Signed<Commit>, effects: &mut Effects) {
        let name = signed.id();
        // Under another seal it says nothing new.
        if self.holds_commit(&name) {
            return self.forget(slot);
        }
        let commit = signed.body();
        let key = VerifyingKey::from_bytes(*commit.device.as_bytes());
        let refusal = if commit.space != self.space || signed.verify(&key).is_err() {
            Some(Refusal::Commit)
        } else if commit.number <= self.head(&commit.device).0 {
            Some(Refusal::Fork { device: commit.device, number: commit.number })
        } else if self.pending.len() >= self.max_pending {
            Some(Refusal::TooManyPending)
        } else {
            None
        };
        match refusal {
            Some(refusal) => {
                effects.refused.push(refusal);
                self.leave_out(refusal, name, slot);
            }
            None => {
                self.records.add_commit(&name);
                self.pending.insert(name, Pending { signed, record: slot, found: 0 });
                self.count(effects);
            }
        }
    }

    /// Lets every pending commit count whose conditions are met, until none is left.
    pub(super) fn count(&mut self, effects: &mut Effects) {
        while let Some((name, verdict)) = self.next_decided() {
            let pending = self.pending.remove(&name).expect("chosen from the pending commits");
            match verdict {
                Ok(()) => effects.counted.push(self.count_one(name, &pending)),
                Err(refusal) => {
                    effects.refused.push(refusal);
                    self.records.remove_commit(&name);
                    self.leave_out(refusal, name, pending.record);
                }
            }
        }
        self.apply_drops(effects);
    }

    /// Keeps a refused commit if it is of another history, and lets go of any other: one too many may
    /// hold, and were it kept, it would never be judged again; one that is nobody's would be passed on
    /// when sets of records are compared.
    fn leave_out(&mut self, refusal: Refusal, name: CommitId, slot: Slot) {
        if matches!(refusal, Refusal::Fork { .. }) {
            self.records.add_commit(&name);
            self.apart.insert(name, slot);
        } else {
            self.forget(slot);
        }
    }

    fn next_decided(&mut self) -> Option<(CommitId, Result<(), Refusal>)> {
        let mut pending = std::mem::take(&mut self.pending);
        let decided = pending.iter_mut().find_map(|(name, pending)| Some((*name, self.verdict(pending)?)));
        self.pending = pending;
        decided
    }

    /// `None` while something is missing that may still arrive.
    fn verdict(&self, pending: &mut Pending) -> Option<Result<(), Refusal>> {
        let commit = pending.signed.body();
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
        while self.is_there(commit, pending.found)? {
            pending.found += 1;
        }
        let entitled = self.roster.is_entitled_at(&commit.log_heads, &commit.device)?;
        Some(entitled.then_some(()).ok_or(Refusal::Commit))
    }

    /// Whether the thing in this place, of all that a commit names, is there; `None` when it is not,
    /// false past the last.
    ///
    /// A record must be a change that is held, or be listed by a drop. Nothing else travels because a
    /// commit names it. Waiting for it, rather than refusing the commit, gives every device one result:
    /// who never held a dropped record cannot tell what it was.
    fn is_there(&self, commit: &Commit, mut place: usize) -> Option<bool> {
        if let Some(seen) = commit.seen.get(place) {
            return self.chains.place(seen).map(|_| true);
        }
        place -= commit.seen.len();
        if let Some(head) = commit.log_heads.get(place) {
            return self.roster.contains(head).then_some(true);
        }
        place -= commit.log_heads.len();
        let Some(record) = commit.records.get(place) else { return Some(false) };
        let is_there = match self.records.find(record)? {
            (_, Row::Held(_, Class::Change) | Row::Dropped) => true,
            (slot, Row::Held(..)) => self.drops.is_listed(slot),
            (_, Row::Wanted | Row::Absent) => false,
        };
        is_there.then_some(true)
    }

    fn count_one(&mut self, name: CommitId, pending: &Pending) -> NewlyCounted {
        let commit = pending.signed.body();
        let mut changes = HashMap::new();
        let mut counted = Counted {
            device: commit.device,
            number: commit.number,
            commit: name,
            record: self.records.id(pending.record),
            location: self.records.location(pending.record).expect("a pending commit is held"),
            seen: commit.seen.clone(),
            items: Vec::with_capacity(commit.records.len() + commit.chunks.len()),
            wanted: Vec::new(),
        };
        let mut entry = NewEntry::new(name, pending.record);
        for record in &commit.records {
            if let Some((slot, Row::Held(_, Class::Change))) = self.records.find(record)
                && let Some(item) = self.count_item(slot)
            {
                entry.add(slot, Class::Change);
                counted.items.push(item);
                if let Some(change) = self.staged.remove(&slot) {
                    self.staged_bytes -= change.bytes.len();
                    changes.insert(*record, change);
                }
            }
        }
        for record in &commit.chunks {
            match self.records.find(record) {
                Some((slot, Row::Held(_, Class::Chunk))) => {
                    if let Some(item) = self.count_item(slot) {
                        entry.add(slot, Class::Chunk);
                        counted.items.push(item);
                    }
                }
                // Another commit wants it already, or it is no piece of anything.
                Some((_, Row::Held(..) | Row::Wanted | Row::Dropped)) => {}
                Some((_, Row::Absent)) | None => {
                    let slot = self.records.want(*record);
                    entry.add(slot, Class::Chunk);
                    self.wanted.insert(slot, commit.device, commit.number);
                    counted.wanted.push(*record);
                }
            }
        }
        self.uncounted.remove(&pending.record);
        self.chains.push(commit.device, commit.number, &entry, &commit.seen);
        NewlyCounted { counted, changes }
    }

    /// A record that counts from now on; `None` when it counted before, by another commit.
    fn count_item(&mut self, slot: Slot) -> Option<Item> {
        let subject = self.subjects.remove(&slot)?;
        self.uncounted.remove(&slot);
        self.note_counted(slot, subject);
        Some(Item { record: self.records.id(slot), location: self.records.location(slot)?, subject })
    }

    fn note_counted(&mut self, slot: Slot, subject: Subject) {
        match subject {
            Subject::Document(document) => self.documents.entry(document).or_default().push(slot),
            Subject::Blob(blob, index) => {
                let place = (index, self.records.id(slot));
                self.blobs.entry(blob).or_default().insert(place, slot);
            }
        }
    }
}

fn first_of(chunks: &BTreeMap<(u32, RecordId), Slot>, index: u32) -> Option<Slot> {
    let from = (index, RecordId::from_bytes([0; 32]));
    let ((place, _), slot) = chunks.range(from..).next()?;
    (*place == index).then_some(*slot)
}

/// Whether a drop may list it. Commits and statements stay whatever a list says: chains are made of
/// them, and a device that had one before the drop would count what another never could.
pub(super) const fn is_droppable(payload: &Payload) -> bool {
    matches!(payload, Payload::Change(_) | Payload::BlobChunk(_))
}

const fn class_of(subject: Subject) -> Class {
    match subject {
        Subject::Document(_) => Class::Change,
        Subject::Blob(..) => Class::Chunk,
    }
}
