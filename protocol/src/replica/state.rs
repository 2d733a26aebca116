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
    chains::Chains,
    records::{Class, Records, Row, Slot},
    slots::Slots,
    wanted::Wanted,
};
use crate::{
    crypto::kem::KemSecret,
    epoch::{EpochError, Keyring},
    id::{BlobId, CommitId, DeviceId, DocumentId, EpochId, OperationId, RecordId, SpaceId, StatementId},
    identity::{log::DeviceLog, person::Inception},
    journal::{Location, SegmentNumber},
    limits::MAX_PENDING_COMMITS,
    membership::{Refused, Roster, Statement, Waiting},
    record::{Change, DropError, Payload},
    session::frontier::Span,
};

mod counting;
mod epochs;
mod forgetting;
mod histories;
mod indexing;
mod inserting;
mod pending;
mod quarantining;

pub use histories::GivenUp;
use pending::PendingCommits;
pub use quarantining::Quarantined;

/// What a counted record is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A change of a document.
    Document(DocumentId),
    /// A chunk of an attachment, and its place.
    Blob(BlobId, u32),
    /// The change that forgets a document.
    Forgotten(DocumentId),
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
    /// Records that it names and that another commit made count before.
    pub again: Vec<RecordId>,
    /// Records that it names as changes and that are not held: a drop lists them that waits, or may wait
    /// again, for a commit.
    pub listed: Vec<RecordId>,
    /// The log heads that it names; none, if they are those of the device's commit before.
    pub log_heads: Vec<OperationId>,
}

/// A commit that counts, and the changes whose bytes are at hand; the others are read back.
#[derive(Debug)]
pub struct NewlyCounted {
    /// The commit.
    pub counted: Counted,
    /// Changes by record.
    pub changes: HashMap<RecordId, Change>,
}

/// A piece of an attachment that came after the commit that names it, or such a change that a drop lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrived {
    /// The record.
    pub item: Item,
    /// Whose commit names it.
    pub device: DeviceId,
    /// The number of that commit.
    pub number: u64,
}

/// Which commits of a device made changes of a document count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Naming {
    /// The device.
    pub device: DeviceId,
    /// The number of the first one.
    pub first: u64,
    /// The number of the last one.
    pub last: u64,
}

/// What inserting a record led to.
#[derive(Debug, Default)]
pub struct Effects {
    /// Commits that count from now on, each after those it had seen.
    pub counted: Vec<NewlyCounted>,
    /// Pieces of attachments, and changes that a drop lists, that came after the commit that names them.
    pub arrived: Vec<Arrived>,
    /// Records that were held and are dropped now.
    pub dropped: Vec<RecordId>,
    /// Documents of which a change was put into quarantine or taken out of it, or came after the commit
    /// that names it: what counted is to be read again.
    pub redrawn: BTreeSet<DocumentId>,
    /// Whether the device log or the epochs grew.
    pub membership_changed: bool,
    /// Records whose content was refused although they opened.
    pub refused: Vec<Refusal>,
    /// Records that were left aside because they were dropped: nobody is at fault, who gave them may not
    /// hold the drop.
    pub dropped_before: usize,
}

impl Effects {
    /// Adds what came after.
    pub fn extend(&mut self, later: Self) {
        self.counted.extend(later.counted);
        self.arrived.extend(later.arrived);
        self.dropped.extend(later.dropped);
        self.redrawn.extend(later.redrawn);
        self.membership_changed |= later.membership_changed;
        self.refused.extend(later.refused);
        self.dropped_before += later.dropped_before;
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

/// The records of one space, as far as this device holds them.
#[derive(Debug)]
pub struct State {
    space: SpaceId,
    pub(super) recovery: Inception,
    roster: Roster,
    keyring: Keyring,
    /// What epochs may be sealed to: this device's key, the person's keys, the recovery key while it waits.
    kems: Vec<KemSecret>,
    pub(crate) records: Records,
    pub(crate) chains: Chains,
    pub(super) statements: BTreeMap<StatementId, Slot>,
    generation: u64,
    pub(super) drops: super::drops::Drops,
    pub(super) receipts: super::receipts::Receipts,
    waiting: Waiting<Slot>,
    epochs: BTreeMap<StatementId, epochs::AuthorKnew>,
    /// Of the known epochs, those that may be handed on.
    explained: BTreeSet<EpochId>,
    /// Those that are doubtful, if there are others that are not.
    doubtful: BTreeSet<EpochId>,
    pending: PendingCommits,
    max_pending: usize,
    /// Commits of a history that does not count here, because another one of that device does.
    apart: BTreeMap<CommitId, Slot>,
    /// What changes and chunks that do not count yet are part of.
    subjects: HashMap<Slot, Subject>,
    uncounted: BTreeSet<Slot>,
    /// Of what is not held and an open drop lists: the first commit that names it as a change, and counts.
    expected: BTreeMap<Slot, (DeviceId, u64)>,
    /// Counted changes, by document.
    documents: HashMap<DocumentId, Slots>,
    /// Counted chunks that are held, by attachment. A writer who named two for one place is
    /// understood the same way everywhere: the first by name is taken.
    blobs: HashMap<BlobId, BTreeMap<(u32, RecordId), Slot>>,
    /// Counted chunks that are not held.
    wanted: Wanted,
    quarantine: quarantining::Quarantine,
    /// Documents that were forgotten, with the changes that say so.
    forgotten: BTreeMap<DocumentId, Slots>,
    arrivals: u64,
    staged: HashMap<Slot, Change>,
    staged_bytes: usize,
}

impl State {
    /// An empty replica of a space. `kems` open later epochs' secrets, where they are sealed to one of them.
    #[must_use]
    pub fn new(
        space: SpaceId,
        log: DeviceLog,
        inception: Inception,
        keyring: Keyring,
        kems: impl IntoIterator<Item = KemSecret>,
    ) -> Self {
        let roster = Roster::new(space, log);
        let mut keyring = keyring;
        keyring.allow(roster.epochs_since_endings());
        Self {
            space,
            recovery: inception,
            roster,
            keyring,
            kems: kems.into_iter().collect(),
            records: Records::default(),
            chains: Chains::default(),
            statements: BTreeMap::new(),
            generation: 0,
            drops: super::drops::Drops::default(),
            receipts: super::receipts::Receipts::default(),
            waiting: Waiting::default(),
            epochs: BTreeMap::new(),
            explained: BTreeSet::new(),
            doubtful: BTreeSet::new(),
            pending: PendingCommits::default(),
            max_pending: MAX_PENDING_COMMITS,
            apart: BTreeMap::new(),
            subjects: HashMap::new(),
            uncounted: BTreeSet::new(),
            expected: BTreeMap::new(),
            documents: HashMap::new(),
            blobs: HashMap::new(),
            wanted: Wanted::default(),
            quarantine: quarantining::Quarantine::default(),
            forgotten: BTreeMap::new(),
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

    /// The records that hold them.
    pub fn statement_records(&self) -> impl Iterator<Item = RecordId> {
        self.statements.values().map(|slot| self.records.id(*slot))
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

    /// Statements as they are sent to a device, causes before effects: epochs, log operations, then the others.
    /// One that is not enrolled is given the first two, which may show that it is.
    pub(crate) fn statements_for(&self, device: &DeviceId, is_enrolled: bool) -> Vec<(StatementId, Slot)> {
        let operations = self.roster.in_order().into_iter().map(StatementId::from);
        let mut names: Vec<StatementId> = self.epochs.keys().copied().chain(operations).collect();
        if is_enrolled {
            let first: BTreeSet<StatementId> = names.iter().copied().collect();
            names.extend(self.statements.keys().filter(|name| !first.contains(name)));
        } else if self.log().has_ended(device) {
            names.retain(|name| !self.is_epoch_without(name, device));
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

    /// Whether it is a commit that is held and does not count.
    pub(crate) fn is_uncounted_commit(&self, slot: Slot) -> bool {
        matches!(self.records.row(slot), Row::Held(_, Class::Commit)) && self.uncounted.contains(&slot)
    }

    /// Whether a commit is held, counted or not.
    pub(super) fn holds_commit(&self, name: &CommitId) -> bool {
        self.chains.place(name).is_some() || self.pending.contains(name) || self.apart.contains_key(name)
    }

    /// Records that no counted commit names, statements included. An index stores them apart, and
    /// inserts them again after [`State::restore`].
    pub fn uncounted(&self) -> impl Iterator<Item = (RecordId, Location)> {
        self.uncounted.iter().filter_map(|slot| Some((self.records.id(*slot), self.records.location(*slot)?)))
    }

    /// Whether a device might be talked to once these statements were inserted.
    pub(crate) fn would_know(&self, device: &DeviceId, statements: impl Iterator<Item = Statement>) -> bool {
        self.roster.knows(device) || self.roster_with(statements).knows(device)
    }

    /// The logs once these statements were inserted.
    pub(super) fn roster_with(&self, statements: impl Iterator<Item = Statement>) -> Roster {
        let (mut roster, mut waiting) = (self.roster.clone(), self.waiting.clone());
        for statement in statements {
            waiting.insert(&mut roster, statement, Slot::default());
        }
        roster
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

    /// The first and the last commit of each device that made a change of a document count, of those that
    /// are held. They are looked for in all chains: for one document, not for a list.
    #[must_use]
    pub fn commits_of(&self, id: &DocumentId) -> Vec<Naming> {
        let slots = self.documents.get(id).map_or(&[][..], Slots::as_slice);
        let named = self.chains.iter().map(|(device, chain)| {
            let (first, last) = chain.naming(slots)?;
            Some(Naming { device: *device, first, last })
        });
        named.flatten().collect()
    }

    /// All documents that have changes here and were not forgotten, in no order.
    pub fn documents(&self) -> impl Iterator<Item = &DocumentId> {
        self.documents.keys().filter(|id| !self.is_forgotten(id))
    }

    /// Documents with at least so many changes here, in no order.
    pub fn documents_with(&self, changes: usize) -> impl Iterator<Item = DocumentId> {
        let is_meant = move |(id, slots): &(&DocumentId, &Slots)| {
            slots.as_slice().len() >= changes && !self.is_forgotten(id)
        };
        self.documents.iter().filter(is_meant).map(|(id, _)| *id)
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
        Subject::Document(_) | Subject::Forgotten(_) => Class::Change,
        Subject::Blob(..) => Class::Chunk,
    }
}
