//! One space on one device: the journal of its records and the account of which of them count.
//!
//! 1. Records come in, written here ([`Replica::write`]) or sent by a peer ([`Replica::ingest`]).
//!    They are opened, checked against the bounds, and appended to the journal.
//! 2. [`Replica::sync`] makes what was appended durable. Until then nothing of it may be shown,
//!    acknowledged or sent; the caller holds its answers back.
//! 3. What counts is told in [`Effects`]: documents apply these changes.
//!
//! The node runs it over files, the simulator over a disk that loses what was not synced.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::{
    crypto::{
        aead::NONCE_LEN,
        kem::{KemPublic, KemSecret},
        sign::SigningKey,
    },
    epoch::{EpochError, Keyring},
    id::{CommitId, DeviceId, DocumentId, DropId, EpochId, OperationId, RecordId, SpaceId, StatementId},
    identity::log::{Author, Operation},
    journal::{Disk, Journal, JournalError, Location, SegmentNumber},
    limits::{MAX_COMMIT_RECORDS, MAX_DROP_IDS, MAX_RECORD_LEN},
    membership::Statement,
    record::{
        BlobChunk, Change, Commit, DropStatement, OpenError, Payload, drop_record, epoch_record,
        is_written_under, open, record_id, renewed, seal, sealed_under,
    },
    session::{Beginning, Beginnings, Part, frontier::Head},
    signed::Signed,
};

mod admitting;
pub(crate) mod chains;
mod drops;
mod erasing;
pub mod forgetting;
mod names;
#[cfg(test)]
mod order;
mod receipts;
pub(crate) mod records;
pub mod revoking;
pub mod rotating;
pub mod sharing;
mod shown;
mod slots;
pub mod state;
mod wanted;

use admitting::Admitted;
use erasing::Erasing;
use records::Row;
use shown::Shown;
use state::is_droppable;

pub use state::{
    Arrived, Counted, Effects, GivenUp, Item, Naming, NewlyCounted, Quarantined, Refusal, State, Subject,
};

/// What a device writes in one go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// A change of a document.
    Change(Change),
    /// A piece of an attachment.
    BlobChunk(BlobChunk),
}

/// What takes the place of many small changes of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    /// The document.
    pub document: DocumentId,
    /// The whole of it as one payload, loaded again and compared before.
    pub snapshot: Vec<u8>,
    /// The counted changes that are all in it.
    pub replaces: Vec<RecordId>,
}

/// Why a write did not happen; nothing of it is left.
#[derive(Debug, thiserror::Error)]
pub enum WriteError<E> {
    /// One record is larger than records may be.
    #[error("a record of {len} bytes is larger than records may be")]
    TooLarge {
        /// Its size once sealed, in bytes.
        len: usize,
    },
    /// A device was revoked, and no epoch without it came yet: whoever may starts one.
    #[error("no epoch is known that the revoked device does not hold")]
    NoEpoch,
    /// The storage is at fault.
    #[error(transparent)]
    Journal(#[from] JournalError<E>),
}

/// What a batch from a peer led to.
#[derive(Debug, Default)]
pub struct Ingested {
    /// What counts now.
    pub effects: Effects,
    /// The commits in the batch that count, before or now: the peer has them.
    pub commits: Vec<Head>,
    /// The statements in the batch that hold, before or now.
    pub statements: Vec<StatementId>,
    /// How many pieces of attachments were in the batch, wanted or not.
    pub chunks: usize,
    /// Records not held before.
    pub new_records: usize,
    /// Records that did not open, and why.
    pub unopened: Vec<OpenError>,
    /// Records that were left aside because the peer is not enrolled.
    pub from_stranger: usize,
    /// How many records were in the batch.
    pub records: usize,
}

/// A record, its name, and what it holds.
type Prepared = ((RecordId, Vec<u8>), Payload);

/// The end of a device's chain, to which commits are added.
struct Link {
    space: SpaceId,
    device: DeviceId,
    number: u64,
    previous: Option<CommitId>,
    seen: Vec<CommitId>,
    log_heads: Vec<OperationId>,
}

impl Link {
    fn commit(&mut self, records: Vec<RecordId>, chunks: Vec<RecordId>, key: &SigningKey) -> Signed<Commit> {
        self.number += 1;
        let commit = Commit {
            space: self.space,
            device: self.device,
            number: self.number,
            previous: self.previous,
            seen: self.seen.clone(),
            log_heads: self.log_heads.clone(),
            records,
            chunks,
        };
        let signed = Signed::new(commit, key);
        self.previous = Some(signed.id());
        signed
    }
}

/// The journal of one space and the state that follows from it.
#[derive(Debug)]
pub struct Replica<D: Disk> {
    state: State,
    journal: Journal<D>,
    /// Whether some change may lie under older epochs than those that are written under.
    may_be_stale: bool,
    forgotten_blobs: forgetting::ForgottenBlobs,
    audience: Option<rotating::Audience>,
    erasing: Erasing,
    beginnings: Beginnings,
    shown: Shown,
}

impl<D: Disk> Replica<D> {
    /// A state and the journal it was read from.
    #[must_use]
    pub const fn new(state: State, journal: Journal<D>) -> Self {
        Self {
            state,
            journal,
            may_be_stale: true,
            forgotten_blobs: forgetting::ForgottenBlobs::new(),
            audience: None,
            erasing: Erasing::new(),
            beginnings: Beginnings::new(),
            shown: Shown::new(),
        }
    }

    /// What is held and what counts.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// The journal.
    #[must_use]
    pub const fn journal(&self) -> &Journal<D> {
        &self.journal
    }

    /// The disk, for a caller that tears a replica down.
    #[must_use]
    pub fn into_journal(self) -> Journal<D> {
        self.journal
    }

    /// Reads a record back.
    ///
    /// # Errors
    /// When the disk fails or the bytes are no longer what was written.
    pub fn read(&mut self, location: Location) -> Result<Vec<u8>, JournalError<D::Error>> {
        self.journal.read(location)
    }

    /// Adds a key that epochs may be sealed to, such as a new person key, and opens what it opens.
    ///
    /// # Errors
    /// When the disk fails or a statement is no longer what was written.
    pub fn learn_key(&mut self, key: KemSecret) -> Result<(), JournalError<D::Error>> {
        self.state.add_key(key);
        for location in self.state.unopened_epochs() {
            if let Ok(Payload::Epoch(statement)) = self.read_payload(location)? {
                self.state.learn_epoch(&statement);
            }
        }
        Ok(())
    }

    /// Gives up a key that epochs may be sealed to; what it opened stays known.
    pub fn forget_key(&mut self, key: &KemPublic) {
        self.state.remove_key(key);
    }

    /// Reads a record back, sealed under the epochs that are written under now if it was not.
    pub(crate) fn read_renewed(&mut self, location: Location) -> Result<Vec<u8>, JournalError<D::Error>> {
        let record = self.read(location)?;
        Ok(self.renew(&record).unwrap_or(record))
    }

    /// The record under the epochs that are written under now, if it is not and can be.
    pub(crate) fn renew(&self, record: &[u8]) -> Option<Vec<u8>> {
        let keyring = self.state.keyring();
        let is_due = !is_written_under(record, keyring);
        is_due.then(|| renewed(record, self.state.space(), keyring, keyring.written_under()).ok()).flatten()
    }

    /// The record under an epoch that another device knows too, if it is an operation and nothing may be
    /// written under here: somebody was taken out, of which that device may not know, and only operations
    /// tell it.
    pub(crate) fn renew_for(&self, record: &[u8], shared: EpochId) -> Option<Vec<u8>> {
        let (space, keyring) = (self.state.space(), self.state.keyring());
        let is_due = keyring.written_under().is_empty()
            && sealed_under(record) != [shared]
            && open(record, space, keyring).is_ok_and(|payload| operation_of(&payload).is_some());
        is_due.then(|| renewed(record, space, keyring, &[shared]).ok()).flatten()
    }

    /// Reads a record back and opens it.
    ///
    /// # Errors
    /// When the disk fails or the record does not open.
    pub fn read_payload(
        &mut self,
        location: Location,
    ) -> Result<Result<Payload, OpenError>, JournalError<D::Error>> {
        let record = self.read(location)?;
        Ok(open(&record, self.state.space(), self.state.keyring()))
    }

    /// Appends what this device writes, and the commits that make it count. Durable after
    /// [`Replica::sync`]. `nonce` draws fresh random bytes at each call.
    ///
    /// # Errors
    /// When a record is too large or the storage fails; the replica is then unchanged.
    ///
    /// # Panics
    /// When the keyring is empty: a replica that writes has an epoch.
    pub fn write(
        &mut self,
        writes: Vec<Write>,
        device: &SigningKey,
        nonce: &mut dyn FnMut() -> [u8; NONCE_LEN],
    ) -> Result<Effects, WriteError<D::Error>> {
        let mut prepared = Vec::with_capacity(writes.len() + 1 + writes.len() / MAX_COMMIT_RECORDS);
        self.prepare(writes, device, nonce, &mut prepared)?;
        self.append(prepared)
    }

    /// Seals writes and the commits that make them count; gives the name of the last commit.
    fn prepare(
        &self,
        writes: Vec<Write>,
        device: &SigningKey,
        nonce: &mut dyn FnMut() -> [u8; NONCE_LEN],
        prepared: &mut Vec<Prepared>,
    ) -> Result<Option<CommitId>, WriteError<D::Error>> {
        let mut chain = self.next_link(device);
        let mut writes = writes.into_iter().peekable();
        while writes.peek().is_some() {
            let (mut records, mut chunks) = (Vec::new(), Vec::new());
            for write in writes.by_ref().take(MAX_COMMIT_RECORDS) {
                let (list, payload) = match write {
                    Write::Change(change) => (&mut records, Payload::Change(change)),
                    Write::BlobChunk(chunk) => (&mut chunks, Payload::BlobChunk(chunk)),
                };
                let sealed = self.seal(&payload, nonce)?;
                list.push(sealed.0);
                prepared.push((sealed, payload));
            }
            let payload = Payload::Commit(chain.commit(records, chunks, device));
            prepared.push((self.seal(&payload, nonce)?, payload));
        }
        Ok(chain.previous)
    }

    /// Replaces small changes of documents by one each, and drops them once that counts. Durable
    /// after [`Replica::sync`]. All that would be dropped beyond [`MAX_DROP_IDS`] stays.
    ///
    /// # Errors
    /// When a snapshot is too large for a record or the storage fails; nothing is then changed.
    pub fn fold(
        &mut self,
        folds: Vec<Fold>,
        device: &SigningKey,
        keeper: &SigningKey,
        nonce: &mut dyn FnMut() -> [u8; NONCE_LEN],
    ) -> Result<Effects, WriteError<D::Error>> {
        let (mut writes, mut ids) = (Vec::new(), BTreeSet::new());
        for fold in folds {
            if ids.len() + fold.replaces.len() > MAX_DROP_IDS {
                break;
            }
            ids.extend(fold.replaces);
            writes.push(Write::Change(Change { document: fold.document, bytes: fold.snapshot }));
        }
        // Snapshots without their drop would only add to what they replace.
        if ids.is_empty() || self.state.room_for_drops() == 0 {
            return Ok(Effects::default());
        }
        let mut prepared = Vec::new();
        let after = self.prepare(writes, device, nonce, &mut prepared)?;
        prepared.push(self.prepare_drop(after, ids.into_iter().collect(), Vec::new(), keeper));
        self.append(prepared)
    }

    /// Merges the drops that every device has confirmed into one. `None` when there is nothing to
    /// merge; else durable after [`Replica::sync`].
    ///
    /// # Errors
    /// When the storage fails; nothing is then changed.
    pub fn merge_drops(&mut self, keeper: &SigningKey) -> Result<Option<Effects>, WriteError<D::Error>> {
        let Some((ids, replaces)) = self.state.mergeable() else { return Ok(None) };
        let prepared = self.prepare_drop(None, ids, replaces, keeper);
        self.append(vec![prepared]).map(Some)
    }

    fn prepare_drop(
        &self,
        after: Option<CommitId>,
        ids: Vec<RecordId>,
        replaces: Vec<DropId>,
        keeper: &SigningKey,
    ) -> Prepared {
        let space = *self.state.space();
        let statement = DropStatement { space, keeper: keeper.verifying_key(), after, ids, replaces };
        let signed = Signed::new(statement, keeper);
        (named(drop_record(&signed)), Payload::Drop(signed))
    }

    /// Closes the journal's segment, so that it may be rewritten.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn rotate_journal(&mut self) -> Result<(), JournalError<D::Error>> {
        self.journal.rotate()
    }

    /// Rewrites a segment, which is closed first if it is the one written to: what is still needed of
    /// it is copied to the end and made durable, then the segment is emptied. What was dropped of it
    /// is in no file of the journal after that, but for copies elsewhere ([`Replica::find_dropped`]).
    ///
    /// # Errors
    /// When the storage fails. Nothing is lost then, and it may be tried again.
    pub fn rewrite_segment(&mut self, segment: SegmentNumber) -> Result<(), JournalError<D::Error>> {
        // Of two commits of one device with one number the first to arrive counts, and the journal's
        // order is what tells which that was. A commit that moves behind its rival would count no
        // more after the next start, nor would what was written on top of it. So the rivals go
        // first, the last segment before the others: a rival lies behind what it lost against.
        let mut rivals = self.state.rivals();
        while let Some((segment, records)) = rivals.pop_last() {
            self.rewrite_without(segment, &records)?;
            records.iter().for_each(|record| self.state.let_go(record));
        }
        self.rewrite_without(segment, &BTreeSet::new())
    }

    fn rewrite_without(
        &mut self,
        segment: SegmentNumber,
        dead: &BTreeSet<RecordId>,
    ) -> Result<(), JournalError<D::Error>> {
        if segment.get() == self.journal.segments() {
            self.journal.rotate()?;
            // Nothing was ever written to it.
            if segment.get() == self.journal.segments() {
                return Ok(());
            }
        }
        self.erasing.note_copying(segment);
        loop {
            let records = &self.state.records;
            let mut is_live = |record, location| match records.find(&record) {
                Some((_, Row::Held(held, _))) => held == location && !dead.contains(&record),
                Some((_, Row::Dropped | Row::Listed | Row::Absent)) => false,
                // Unknown here, perhaps for want of a key: not ours to destroy.
                Some((_, Row::Wanted)) | None => true,
            };
            let copied = self.journal.copy_forward(segment, &mut is_live)?;
            for (record, location) in copied.records {
                self.state.relocate(record, location);
            }
            if copied.finished {
                break;
            }
        }
        self.journal.retire(segment)
    }

    /// Commits the records that are held but that no counted commit names: after damage to the
    /// journal took the commits, the changes need not go with them.
    ///
    /// # Errors
    /// When the storage fails; the replica is then unchanged.
    pub fn adopt_orphans(
        &mut self,
        device: &SigningKey,
        nonce: &mut dyn FnMut() -> [u8; NONCE_LEN],
    ) -> Result<Effects, WriteError<D::Error>> {
        let mut prepared = Vec::new();
        let mut chain = self.next_link(device);
        for orphans in self.state.orphans().chunks(MAX_COMMIT_RECORDS) {
            let (mut records, mut chunks) = (Vec::new(), Vec::new());
            for (record, subject) in orphans {
                match subject {
                    Subject::Document(_) | Subject::Forgotten(_) => records.push(*record),
                    Subject::Blob(..) => chunks.push(*record),
                }
            }
            let payload = Payload::Commit(chain.commit(records, chunks, device));
            prepared.push((self.seal(&payload, nonce)?, payload));
        }
        self.append(prepared)
    }

    fn next_link(&self, device: &SigningKey) -> Link {
        let id = DeviceId::from_bytes(*device.verifying_key().as_bytes());
        let (number, previous) = self.state.head(&id);
        Link {
            space: *self.state.space(),
            device: id,
            number,
            previous,
            seen: self.state.seen_by(&id),
            log_heads: self.state.roster().heads_for(&id),
        }
    }

    /// Inserts a record that the journal holds already and an index kept apart.
    pub fn reinsert(&mut self, id: RecordId, location: Location, payload: Payload) -> Effects {
        self.state.replay(id, location, payload)
    }

    /// What this device wrote itself is never in quarantine here ([`State::exempt`]).
    pub fn exempt(&mut self, own: DeviceId) {
        self.state.exempt(own);
    }

    /// Tells which documents are in quarantine, in whole or in part, once all records of the journal
    /// are back.
    pub fn draw_quarantine(&mut self) -> Effects {
        let mut effects = Effects::default();
        self.state.draw_quarantine(&mut effects);
        effects
    }

    /// Appends statements that carry their own signature: a log operation, an epoch.
    ///
    /// # Errors
    /// When the storage fails; the replica is then unchanged.
    pub fn write_statement(
        &mut self,
        payload: Payload,
        nonce: &mut dyn FnMut() -> [u8; NONCE_LEN],
    ) -> Result<Effects, WriteError<D::Error>> {
        let sealed = match &payload {
            Payload::Epoch(statement) => named(epoch_record(statement)),
            Payload::Drop(statement) => named(drop_record(statement)),
            _ => self.seal(&payload, nonce)?,
        };
        self.append(vec![(sealed, payload)])
    }

    /// Opens what the device `peer` sent and appends what is new. Durable after [`Replica::sync`].
    ///
    /// # Errors
    /// When the storage fails; the replica is then unchanged. A bad record is no error of ours: it
    /// is told in [`Ingested`], and the others land.
    pub fn ingest(&mut self, peer: &DeviceId, records: &[Vec<u8>]) -> Result<Ingested, WriteError<D::Error>> {
        let mut ingested = Ingested { records: records.len(), ..Ingested::default() };
        let is_out = self.state.roster().ended_in(peer).is_some() && !self.state.roster().knows(peer);
        let with_shown = is_out.then(|| self.shown.with(peer, records));
        let records = with_shown.as_deref().unwrap_or(records);
        let Admitted { epochs, keyring } = self.admit(records);
        let keyring = keyring.as_ref().unwrap_or(self.state.keyring());
        let (mut statements, mut data) = (Vec::new(), Vec::new());
        let (mut fresh, mut listed) = (HashSet::new(), HashSet::new());
        for record in records {
            let id = record_id(record);
            self.beginnings.forget(&id);
            let opened = if record.len() > MAX_RECORD_LEN {
                Err(OpenError::Malformed)
            } else {
                open(record, self.state.space(), keyring)
            };
            let payload = match opened {
                Ok(payload) => payload,
                Err(error) => {
                    ingested.unopened.push(error);
                    continue;
                }
            };
            ingested.chunks += usize::from(matches!(payload, Payload::BlobChunk(_)));
            // Also by a drop that came just before, in the same batch: bytes that were written after
            // their drop would lie in a file that was searched already.
            let is_dropped = self.state.has_dropped(&id) || listed.contains(&id) && !self.state.holds(&id);
            if is_dropped && is_droppable(&payload) {
                ingested.effects.dropped_before += 1;
                continue;
            }
            if let Payload::Drop(statement) = &payload
                && self.state.check_drop(statement).is_ok()
                && self.state.is_due(statement.body().after.as_ref())
            {
                listed.extend(statement.body().ids.iter().copied().filter(|id| !fresh.contains(id)));
            }
            let held = self.state.holds(&id)
                || statement_of(&payload).is_some_and(|name| self.state.holds_statement(&name))
                || matches!(&payload, Payload::Commit(commit) if self.state.holds_commit(&commit.id()))
                || self.state.is_superseded(&payload);
            let is_new = !held && fresh.insert(id);
            // Not stored: it may come again once there is room.
            if is_new && matches!(payload, Payload::Epoch(_)) && !epochs.contains(&id) {
                ingested.effects.refused.push(Refusal::Epoch(EpochError::Malformed));
                continue;
            }
            let list =
                if matches!(payload, Payload::Operation(_) | Payload::Membership(_) | Payload::Epoch(_)) {
                    &mut statements
                } else {
                    &mut data
                };
            self.may_be_stale |= is_new && !is_written_under(record, keyring);
            list.push((((id, record.clone()), payload), is_new));
        }
        // Who was revoked has nothing to say, and might go on, date back, or revoke others. But the root
        // may have spoken since, for this very device. That may not come in one frame.
        if is_out {
            if !self.state.would_know(peer, by_root(&statements).into_iter()) {
                ingested.from_stranger = statements.len() + data.len();
                let shown = statements.into_iter();
                let named =
                    shown.filter_map(|(((_, record), payload), _)| Some((statement_of(&payload)?, record)));
                self.shown.keep(*peer, named.collect());
                return Ok(ingested);
            }
            self.shown.forget(peer);
        }
        // Who knows an epoch's secret but is not enrolled may show why it should be, and nothing
        // else: it could fill the disk with records that never count.
        let shown = statements.iter().filter_map(|((_, payload), _)| operation_of(payload));
        if self.state.would_know(peer, shown) {
            statements.append(&mut data);
        }
        ingested.from_stranger = data.len();
        self.leave_doubtful(&mut statements, &mut ingested);
        // A journal is read in its order: first the epochs that what follows may be sealed under.
        statements.sort_by_key(|((_, payload), _)| !matches!(payload, Payload::Epoch(_)));
        // All at once: were the statements to land and the data not to fit, the caller would learn
        // of neither, and neither sync nor show what counts by then.
        self.take_in(statements, &mut ingested)?;
        Ok(ingested)
    }

    /// Leaves aside what lies under epochs of which it is not known whom they leave out, but for operations.
    fn leave_doubtful(&self, opened: &mut Vec<(Prepared, bool)>, ingested: &mut Ingested) {
        let is_data = |payload: &Payload| is_droppable(payload) || matches!(payload, Payload::Commit(_));
        let may_be_doubtful =
            |epoch: &EpochId| self.state.is_doubtful(epoch) || self.state.keyring().secret(epoch).is_none();
        let data = opened.iter().filter(|((_, payload), _)| is_data(payload));
        if !data.flat_map(|(((_, record), _), _)| sealed_under(record)).any(|epoch| may_be_doubtful(&epoch)) {
            return;
        }
        let statements = opened.iter().filter_map(|((_, payload), _)| match payload {
            Payload::Epoch(statement) => Some(statement),
            _ => None,
        });
        let operations = opened.iter().filter_map(|((_, payload), _)| operation_of(payload));
        let doubtful = self.state.doubtful_with(statements, operations);
        let before = opened.len();
        opened.retain(|(((_, record), payload), _)| {
            !is_data(payload) || sealed_under(record).iter().all(|epoch| !doubtful.contains(epoch))
        });
        ingested.unopened.extend(vec![OpenError::UnknownEpoch; before - opened.len()]);
    }

    /// Keeps a part of a record that the device `peer` sent, in memory alone: another session can go on from
    /// there.
    pub fn keep_part(&mut self, peer: &DeviceId, part: &Part) {
        self.beginnings.keep(peer, part);
    }

    /// What there is of records that the device sent in part.
    pub(crate) fn beginnings_of(&self, peer: &DeviceId) -> Vec<Beginning> {
        self.beginnings.of(peer)
    }

    fn take_in(
        &mut self,
        opened: Vec<(Prepared, bool)>,
        ingested: &mut Ingested,
    ) -> Result<(), WriteError<D::Error>> {
        let commits = opened.iter().filter_map(|((_, payload), _)| match payload {
            Payload::Commit(commit) => {
                let (device, number) = (commit.body().device, commit.body().number);
                Some(Head { device, number, commit: commit.id() })
            }
            _ => None,
        });
        ingested.commits.extend(commits);
        ingested.statements.extend(opened.iter().filter_map(|((_, payload), _)| statement_of(payload)));
        let new: Vec<Prepared> =
            opened.into_iter().filter(|(_, is_new)| *is_new).map(|(one, _)| one).collect();
        ingested.new_records += new.len();
        ingested.effects.extend(self.append(new)?);
        // What does not hold says nothing about who sent it, and there is no end of it.
        ingested.commits.retain(|head| self.state.chains.place(&head.commit).is_some());
        ingested.statements.retain(|name| self.state.holds_statement(name));
        Ok(())
    }

    /// Makes everything appended so far durable.
    ///
    /// # Errors
    /// When the disk fails; every later call fails too, because nobody knows what it kept.
    pub fn sync(&mut self) -> Result<(), JournalError<D::Error>> {
        self.journal.sync()
    }

    /// Between a revocation and the word of which epoch is written under since, operations alone are
    /// written: they say nothing that a revoked device did not know, and the word is one of them.
    fn seal(
        &self,
        payload: &Payload,
        nonce: &mut dyn FnMut() -> [u8; NONCE_LEN],
    ) -> Result<(RecordId, Vec<u8>), WriteError<D::Error>> {
        let keyring = self.state.keyring();
        let is_operation = matches!(payload, Payload::Operation(_) | Payload::Membership(_));
        if is_operation && keyring.written_under().is_empty() {
            return self.seal_under(&keyring.unrestricted(), payload, nonce);
        }
        self.seal_under(keyring, payload, nonce)
    }

    fn seal_under(
        &self,
        keyring: &Keyring,
        payload: &Payload,
        nonce: &mut dyn FnMut() -> [u8; NONCE_LEN],
    ) -> Result<(RecordId, Vec<u8>), WriteError<D::Error>> {
        if keyring.written_under().is_empty() && keyring.count() > 0 {
            return Err(WriteError::NoEpoch);
        }
        let record = seal(payload, self.state.space(), keyring, &nonce());
        if record.len() > MAX_RECORD_LEN {
            return Err(WriteError::TooLarge { len: record.len() });
        }
        Ok(named(record))
    }

    fn append(&mut self, prepared: Vec<Prepared>) -> Result<Effects, WriteError<D::Error>> {
        let records: Vec<&[u8]> = prepared.iter().map(|((_, record), _)| record.as_slice()).collect();
        let locations = self.journal.append(&records)?;
        let mut effects = Effects::default();
        for ((_, payload), (id, location)) in prepared.into_iter().zip(locations) {
            self.may_be_stale |= matches!(payload, Payload::Epoch(_));
            effects.extend(self.state.insert(id, location, payload));
        }
        self.state.draw_quarantine(&mut effects);
        Ok(effects)
    }
}

/// A record with its name.
fn named(record: Vec<u8>) -> (RecordId, Vec<u8>) {
    (record_id(&record), record)
}

/// The operations of the root among these statements, and those that they build on.
fn by_root(statements: &[(Prepared, bool)]) -> Vec<Statement> {
    let operations = statements.iter().filter_map(|((_, payload), _)| match payload {
        Payload::Operation(operation) => Some((operation.id(), operation)),
        _ => None,
    });
    let mut operations: BTreeMap<OperationId, &Signed<Operation>> = operations.collect();
    let of_root = operations.iter().filter(|(_, one)| one.body().author == Author::Root);
    let mut next: Vec<OperationId> = of_root.map(|(id, _)| *id).collect();
    let mut found = Vec::new();
    while let Some(id) = next.pop() {
        if let Some(operation) = operations.remove(&id) {
            next.extend(&operation.body().previous);
            found.push(Statement::Operation(operation.clone()));
        }
    }
    found
}

/// The operation that a payload is, of whichever log.
fn operation_of(payload: &Payload) -> Option<Statement> {
    match payload {
        Payload::Operation(operation) => Some(Statement::Operation(operation.clone())),
        Payload::Membership(operation) => Some(Statement::Membership(operation.clone())),
        _ => None,
    }
}

/// The name of a payload that counts by its own signature.
#[must_use]
pub fn statement_of(payload: &Payload) -> Option<StatementId> {
    match payload {
        Payload::Operation(operation) => Some(StatementId::from(operation.id())),
        Payload::Membership(operation) => Some(StatementId::from(operation.id())),
        Payload::Epoch(statement) => Some(StatementId::from(statement.body().epoch)),
        Payload::Drop(statement) => Some(StatementId::from(statement.id())),
        Payload::Receipt(receipt) => Some(StatementId::from_bytes(receipt.hash())),
        Payload::Change(_) | Payload::BlobChunk(_) | Payload::Commit(_) => None,
    }
}
