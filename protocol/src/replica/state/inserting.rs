//! What a record does once it was opened: statements count by their own signatures, changes wait for a
//! commit.

use std::collections::BTreeSet;

use super::{Arrived, Effects, Item, Refusal, State, Subject, is_droppable};
use crate::{
    id::{RecordId, StatementId},
    journal::Location,
    limits::{MAX_PENDING_COMMITS, MAX_STAGED_BYTES},
    membership::Statement,
    record::{Change, Payload},
    replica::records::{Class, Row, Slot},
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
            Payload::Epoch(statement) => self.insert_epoch(slot, &statement, effects),
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
            self.allow_epochs();
            self.quarantine.doubt();
            self.judge_receipts(effects);
            self.count(effects);
        }
    }
}

fn subject_of(change: &Change) -> Subject {
    if change.forgets() { Subject::Forgotten(change.document) } else { Subject::Document(change.document) }
}
