//! Which commits count, and what counts with them.

use std::collections::HashMap;

use super::{Counted, Effects, Item, NewlyCounted, Refusal, State, Subject, pending::Pending};
use crate::{
    crypto::sign::VerifyingKey,
    id::{CommitId, DeviceId, RecordId},
    record::{Change, Commit},
    replica::{
        chains::NewEntry,
        records::{Class, Row, Slot},
    },
    signed::Signed,
};

impl State {
    /// Takes in a commit that was opened, to count once all that it names is there.
    pub(super) fn insert_commit(&mut self, slot: Slot, signed: Signed<Commit>, effects: &mut Effects) {
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
                self.bound_pending(name, effects);
            }
        }
    }

    /// Lets go of a commit that came and waits, if too many wait. It was let count first: it may be what all the
    /// others wait for, of which after damage to the journal there may be any number.
    fn bound_pending(&mut self, name: CommitId, effects: &mut Effects) {
        if self.pending.len() > self.max_pending
            && let Some(pending) = self.pending.remove(&name)
        {
            self.records.remove_commit(&name);
            effects.refused.push(Refusal::TooManyPending);
            self.leave_out(Refusal::TooManyPending, name, pending.record);
        }
    }

    /// Lets every pending commit count whose conditions are met, until none is left.
    pub(in crate::replica) fn count(&mut self, effects: &mut Effects) {
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
        let decided = pending
            .find_next(|device| self.head(device).0, |name, pending| Some((*name, self.verdict(pending)?)));
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
            (_, Row::Held(_, Class::Change) | Row::Dropped | Row::Listed) => true,
            (slot, Row::Held(..) | Row::Wanted) => self.drops.is_listed(slot),
            (_, Row::Absent) => false,
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
            again: Vec::new(),
            listed: Vec::new(),
            log_heads: commit.log_heads.clone(),
        };
        let mut entry = NewEntry::new(name, pending.record, commit.log_heads.clone());
        for record in &commit.records {
            if let Some(change) = self.count_change(record, &mut entry, &mut counted) {
                changes.insert(*record, change);
            }
        }
        commit.chunks.iter().for_each(|record| self.count_chunk(record, &mut entry, &mut counted));
        self.uncounted.remove(&pending.record);
        self.chains.push(commit.device, commit.number, &entry, &commit.seen);
        self.doubt_quarantine(commit, !counted.again.is_empty());
        NewlyCounted { counted, changes }
    }

    /// A name among a commit's changes; gives the change if its bytes are at hand.
    fn count_change(
        &mut self,
        record: &RecordId,
        entry: &mut NewEntry,
        counted: &mut Counted,
    ) -> Option<Change> {
        let (slot, row) = self.records.find(record)?;
        if !matches!(row, Row::Held(_, Class::Change)) {
            if self.expected.contains_key(&slot) {
                entry.add_again(slot);
                counted.again.push(*record);
            } else if self.may_come(slot, row) {
                entry.add(slot, Class::Change);
                counted.listed.push(*record);
                if row != Row::Dropped {
                    self.expected.insert(slot, (counted.device, counted.number));
                }
            }
            return None;
        }
        let Some(item) = self.count_item(slot) else {
            entry.add_again(slot);
            counted.again.push(*record);
            return None;
        };
        entry.add(slot, Class::Change);
        counted.items.push(item);
        let change = self.staged.remove(&slot)?;
        self.staged_bytes -= change.bytes.len();
        Some(change)
    }

    /// A name among a commit's pieces of attachments.
    fn count_chunk(&mut self, record: &RecordId, entry: &mut NewEntry, counted: &mut Counted) {
        match self.records.find(record) {
            Some((slot, Row::Held(_, Class::Chunk))) => {
                if let Some(item) = self.count_item(slot) {
                    entry.add(slot, Class::Chunk);
                    counted.items.push(item);
                } else {
                    entry.add_again(slot);
                    counted.again.push(*record);
                }
            }
            // Another commit wants it already.
            Some((slot, Row::Wanted)) => {
                entry.add_again(slot);
                counted.again.push(*record);
            }
            Some((slot, Row::Dropped)) if self.may_come(slot, Row::Dropped) => {
                entry.add(slot, Class::Chunk);
                counted.wanted.push(*record);
            }
            // It is no piece of anything, or no more.
            Some((_, Row::Held(..) | Row::Dropped)) => {}
            Some((_, Row::Listed | Row::Absent)) | None => {
                let slot = self.want(*record, counted.device, counted.number);
                entry.add(slot, Class::Chunk);
                counted.wanted.push(*record);
            }
        }
    }

    /// Whether what a counted commit names may come yet: it is not here, and wanted as a piece, or listed by
    /// a drop that waits for a commit, or would again were that one put into quarantine.
    pub(super) fn may_come(&self, slot: Slot, row: Row) -> bool {
        match row {
            Row::Listed | Row::Wanted => true,
            Row::Dropped => self.drops.may_be_void(slot),
            Row::Held(..) | Row::Absent => false,
        }
    }

    /// Waits for a piece of an attachment that a commit names.
    pub(super) fn want(&mut self, record: RecordId, device: DeviceId, number: u64) -> Slot {
        let before = self.records.find(&record);
        let slot = self.records.want(record);
        if matches!(before, Some((_, Row::Listed))) {
            self.drops.note_listed(slot);
        }
        self.wanted.insert(slot, device, number);
        slot
    }

    /// A record that counts from now on; `None` when it counted before, by another commit.
    fn count_item(&mut self, slot: Slot) -> Option<Item> {
        let subject = self.subjects.remove(&slot)?;
        self.uncounted.remove(&slot);
        self.note_counted(slot, subject);
        Some(Item { record: self.records.id(slot), location: self.records.location(slot)?, subject })
    }

    pub(super) fn note_counted(&mut self, slot: Slot, subject: Subject) {
        match subject {
            Subject::Document(document) => self.documents.entry(document).or_default().push(slot),
            Subject::Forgotten(document) => self.forgotten.entry(document).or_default().push(slot),
            Subject::Blob(blob, index) => {
                let place = (index, self.records.id(slot));
                self.blobs.entry(blob).or_default().insert(place, slot);
            }
        }
    }
}
