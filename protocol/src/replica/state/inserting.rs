//! What a record does once it was opened: statements count by their own signatures, changes wait for a
//! commit.

use std::collections::BTreeSet;

use super::{Arrived, Effects, Item, Refusal, State, Subject, is_droppable};
use crate::{
    crypto::kem::KemSecret,
    epoch::{EpochError, EpochStatement, Keyring},
    id::{EpochId, RecordId, StatementId},
    journal::Location,
    limits::{MAX_EPOCHS, MAX_PENDING_COMMITS, MAX_STAGED_BYTES},
    membership::Statement,
    record::{Change, Payload},
    replica::records::{Class, Row, Slot},
    signed::Signed,
};

impl State {
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
            Some(Row::Dropped) if is_droppable(&payload) => {
                // Its bytes are written, in a segment that may have been searched for such.
                self.records.note_grave(location);
                effects.dropped_before += 1;
            }
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
        if matches!(before, Some((_, Row::Dropped | Row::Listed))) {
            self.drops.note_listed(slot);
        }
        let expected = self.expected.remove(&slot);
        let (named_by, subject) = match &payload {
            Payload::BlobChunk(chunk) => (wanted, Subject::Blob(chunk.blob, chunk.index)),
            Payload::Change(change) => (expected, subject_of(change)),
            _ => return self.insert_unnamed(slot, payload, effects),
        };
        let Some((device, number)) = named_by else { return self.insert_unnamed(slot, payload, effects) };
        self.arrivals += u64::from(class == Class::Chunk);
        self.note_counted(slot, subject);
        self.doubt_piece();
        if let Subject::Document(document) | Subject::Forgotten(document) = subject {
            effects.redrawn.insert(document);
        }
        effects.arrived.push(Arrived { item: Item { record: id, location, subject }, device, number });
    }

    /// Takes in what no counted commit names yet.
    fn insert_unnamed(&mut self, slot: Slot, payload: Payload, effects: &mut Effects) {
        self.uncounted.insert(slot);
        match payload {
            Payload::Change(change) => {
                self.subjects.insert(slot, subject_of(&change));
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
    pub(in crate::replica) fn note_statement(&mut self, name: StatementId, slot: Slot) {
        self.statements.entry(name).or_insert(slot);
        self.generation += 1;
    }

    /// Lets go of a statement or a commit that says nothing here; it may come again.
    pub(in crate::replica) fn forget(&mut self, slot: Slot) {
        let id = self.records.id(slot);
        // Still listed by a drop: who never held it must come to the same conclusions.
        if self.drops.is_listed(slot) {
            self.records.put_back_on_list(id)
        } else {
            self.records.forget(id)
        };
        self.uncounted.remove(&slot);
    }

    /// Takes out a change or a piece that a drop lists: its bytes are not live from now on.
    pub(in crate::replica) fn discard(&mut self, slot: Slot) {
        let id = self.records.id(slot);
        self.records.drop(id);
        self.uncounted.remove(&slot);
        if let Some(Subject::Document(_)) = self.subjects.remove(&slot)
            && let Some(change) = self.staged.remove(&slot)
        {
            self.staged_bytes -= change.bytes.len();
        }
        self.wanted.remove(slot);
        self.quarantine.forget(slot);
    }

    /// Refuses from now on what is not here.
    pub(in crate::replica) fn refuse(&mut self, slot: Slot) {
        self.records.drop(self.records.id(slot));
        self.wanted.remove(slot);
        self.expected.remove(&slot);
    }

    /// Takes records again that were dropped, if they come: the commits that count and name them are
    /// looked for in all chains.
    pub(in crate::replica) fn expect_again(&mut self, slots: &BTreeSet<Slot>) {
        for slot in slots {
            self.records.put_back_on_list(self.records.id(*slot));
        }
        for (device, number, entry) in self.chains.entries() {
            for slot in entry.records.iter().filter(|slot| slots.contains(slot)) {
                self.expected.entry(*slot).or_insert((device, number));
            }
            for slot in entry.chunks.iter().filter(|slot| slots.contains(slot)) {
                if self.records.row(*slot) == Row::Listed {
                    self.records.want(self.records.id(*slot));
                    self.drops.note_listed(*slot);
                    self.wanted.insert(*slot, device, number);
                }
            }
        }
    }

    /// Takes records that are gone out of the lists of what documents and attachments consist of.
    pub(in crate::replica) fn forget_subjects(&mut self) {
        let records = &self.records;
        self.documents.retain(|_, slots| {
            slots.retain(|slot| records.is_held(slot));
            !slots.as_slice().is_empty()
        });
        self.forgotten.retain(|_, slots| {
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
    pub(in crate::replica) fn keyring_with(
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

    /// Learns the secret of an epoch whose statement lies in the journal and is inserted later: what comes
    /// after it there may be sealed under it.
    pub fn read_ahead(&mut self, payload: &Payload) {
        if let Payload::Epoch(statement) = payload {
            self.learn_epoch(statement);
        }
    }

    /// Learns the secret of an epoch whose statement is stored.
    pub(in crate::replica) fn learn_epoch(&mut self, statement: &Signed<EpochStatement>) {
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
    pub(in crate::replica) fn add_key(&mut self, kem: KemSecret) {
        if self.kems.iter().all(|held| held.public() != kem.public()) {
            self.kems.push(kem);
        }
    }

    /// Where the statements of all epochs lie.
    pub(in crate::replica) fn epoch_statements(&self) -> Vec<Location> {
        self.epochs.iter().filter_map(|name| self.statement(name)).collect()
    }

    /// Where the statements lie of epochs whose secret is not known here.
    pub(in crate::replica) fn unopened_epochs(&self) -> Vec<Location> {
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
            self.keyring.allow(self.roster.epochs_since_endings());
            self.quarantine.doubt();
            self.judge_receipts(effects);
            self.count(effects);
        }
    }
}

fn subject_of(change: &Change) -> Subject {
    if change.forgets() { Subject::Forgotten(change.document) } else { Subject::Document(change.document) }
}
