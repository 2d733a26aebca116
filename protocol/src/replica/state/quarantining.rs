//! What a device did after its revocation, as far as it counts for nothing.
//!
//! A revocation says up to which commit the work of a device counts in this space. A later commit
//! counts only if somebody who is still entitled built on it without knowing of the revocation. The
//! others are in *quarantine*: they stay part of their chain, so that all devices agree on frontiers,
//! but what they name has no effect unless a commit that is in no quarantine names it too. So the
//! owner accepts something by naming it again.
//!
//! It is a function of the records and logs alone, drawn anew whenever one of them may move the line.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Effects, State, Subject};
use crate::{
    id::{BlobId, CommitId, DeviceId, DocumentId, OperationId, RecordId},
    identity::log::DeviceLog,
    record::Commit,
    replica::records::{Class, Row, Slot},
};

/// What is in quarantine.
#[derive(Debug, Default)]
pub(in crate::replica) struct Quarantine {
    /// How many commits of each device that was revoked are in none.
    lines: BTreeMap<DeviceId, u64>,
    /// What is in quarantine and held.
    slots: BTreeMap<Slot, Subject>,
    /// Pieces of attachments that are in quarantine and did not come yet.
    wanted: BTreeSet<Slot>,
    /// This device, if its own work is never in quarantine here.
    exempt: Option<DeviceId>,
    /// Whether something came that may move the line.
    is_doubtful: bool,
}

impl Quarantine {
    pub(super) const fn doubt(&mut self) {
        self.is_doubtful = true;
    }

    pub(super) fn subjects(&self) -> impl Iterator<Item = (Slot, Subject)> {
        self.slots.iter().map(|(slot, subject)| (*slot, *subject))
    }

    pub(super) fn forget(&mut self, slot: Slot) {
        self.slots.remove(&slot);
    }
}

/// A change in quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quarantined {
    /// The device that made it.
    pub device: DeviceId,
    /// The number of the commit that names it.
    pub number: u64,
    /// The record.
    pub record: RecordId,
    /// The document.
    pub document: DocumentId,
}

impl State {
    /// Notes that a commit came to count, which may move the line: by a device that was revoked, by one
    /// that had not seen every revocation, or one that names again what is in quarantine.
    pub(super) fn doubt_quarantine(&mut self, commit: &Commit, names_again: bool) {
        if !self.roster.has_endings() {
            return;
        }
        let person = self.roster.person_of(&commit.device);
        let log = person.and_then(|person| self.roster.log_of(&person));
        let is_aware = log.is_some_and(|log| log.has_seen_endings(&commit.log_heads));
        if !is_aware || names_again {
            self.quarantine.doubt();
        }
    }

    /// Notes that a piece of an attachment came that was waited for, perhaps by a commit in quarantine.
    pub(super) fn doubt_piece(&mut self) {
        if self.quarantine.lines.iter().any(|(device, line)| (self.chains.of(device).len() as u64) > *line) {
            self.quarantine.doubt();
        }
    }

    /// Draws the line anew, if something may have moved it.
    pub(in crate::replica) fn draw_quarantine(&mut self, effects: &mut Effects) {
        if std::mem::take(&mut self.quarantine.is_doubtful) {
            self.draw_lines(effects);
        }
        if self.roster.has_endings() {
            if self.reopen_drops() {
                self.draw_lines(effects);
            }
            self.carry_out_drops(effects);
        }
    }

    fn draw_lines(&mut self, effects: &mut Effects) {
        self.quarantine.lines = self.lines();
        let (wanted, slots): (BTreeSet<Slot>, BTreeSet<Slot>) =
            self.slots_beyond_lines().into_iter().partition(|slot| self.records.row(*slot) == Row::Wanted);
        self.quarantine.wanted = wanted;
        let (held, released): (Vec<_>, Vec<_>) = self
            .quarantine
            .slots
            .iter()
            .map(|(slot, subject)| (*slot, *subject))
            .partition(|(slot, _)| slots.contains(slot));
        self.quarantine.slots = held.into_iter().collect();
        for (slot, subject) in released {
            self.note_counted(slot, subject);
            note(effects, subject);
        }
        let fresh: BTreeSet<Slot> =
            slots.into_iter().filter(|slot| !self.quarantine.slots.contains_key(slot)).collect();
        if !fresh.is_empty() {
            self.set_aside(&fresh, effects);
        }
    }

    /// Takes counted records out of documents and attachments.
    fn set_aside(&mut self, slots: &BTreeSet<Slot>, effects: &mut Effects) {
        let mut subjects = HashMap::new();
        self.documents.retain(|document, held| {
            let is_set_aside = |slot: &&Slot| slots.contains(slot);
            let found: Vec<Slot> = held.as_slice().iter().filter(is_set_aside).copied().collect();
            if !found.is_empty() {
                held.retain(|slot| !slots.contains(&slot));
                subjects.extend(found.into_iter().map(|slot| (slot, Subject::Document(*document))));
            }
            !held.as_slice().is_empty()
        });
        self.forgotten.retain(|document, held| {
            let found = held.as_slice().iter().filter(|slot| slots.contains(slot));
            subjects.extend(found.map(|slot| (*slot, Subject::Forgotten(*document))));
            held.retain(|slot| !slots.contains(&slot));
            !held.as_slice().is_empty()
        });
        self.blobs.retain(|blob, chunks| {
            chunks.retain(|(index, _), slot| {
                let is_set_aside = slots.contains(slot);
                if is_set_aside {
                    subjects.insert(*slot, Subject::Blob(*blob, *index));
                }
                !is_set_aside
            });
            !chunks.is_empty()
        });
        subjects.values().for_each(|subject| note(effects, *subject));
        self.quarantine.slots.extend(subjects);
    }

    /// Up to where the commits of each device count that is entitled to nothing any more.
    fn lines(&self) -> BTreeMap<DeviceId, u64> {
        let ended =
            self.chains.iter().filter_map(|(device, _)| Some((*device, self.roster.ended_in(device)?)));
        let is_out =
            |device: &DeviceId| !self.roster.knows(device) && self.quarantine.exempt.as_ref() != Some(device);
        let ended: BTreeMap<DeviceId, &DeviceLog> = ended.filter(|(device, _)| is_out(device)).collect();
        // The least that holds: nobody is vouched for by commits that only they vouch for.
        let mut lines: BTreeMap<DeviceId, u64> = ended.keys().map(|device| (*device, 0)).collect();
        loop {
            let line = |(device, log): (&DeviceId, &&DeviceLog)| (*device, self.line(device, log, &lines));
            let drawn: BTreeMap<DeviceId, u64> = ended.iter().map(line).collect();
            if drawn == lines {
                return lines;
            }
            lines = drawn;
        }
    }

    fn line(&self, device: &DeviceId, log: &DeviceLog, lines: &BTreeMap<DeviceId, u64>) -> u64 {
        let of_each = log.ended_by(device).into_iter().map(|ended| {
            let kept = ended.revocation.map_or(0, |revocation| revocation.kept_in(&self.space));
            kept.max(self.vouched_for(device, log, &ended.operation, lines))
        });
        of_each.min().unwrap_or(0)
    }

    /// How many commits of a device others had seen in commits that count, of those who had not seen
    /// its revocation. Others are those of the same person: nobody else names the heads of their log.
    fn vouched_for(
        &self,
        device: &DeviceId,
        log: &DeviceLog,
        revocation: &OperationId,
        lines: &BTreeMap<DeviceId, u64>,
    ) -> u64 {
        let unaware = self.chains.iter().filter_map(|(other, chain)| {
            if other == device || log.certificate(other).is_none() {
                return None;
            }
            let counting = lines.get(other).copied().unwrap_or(chain.len() as u64);
            let runs = chain.log_heads_of_first(counting);
            let unaware = runs.filter(|(_, heads)| !log.had_seen(heads, revocation));
            Some((*other, unaware.last()?.0))
        });
        let reached = self.chains.reached_from(&unaware.collect());
        reached.get(device).copied().unwrap_or(0)
    }

    /// What is named by commits beyond the lines and by no other.
    fn slots_beyond_lines(&self) -> BTreeSet<Slot> {
        let mut beyond = BTreeSet::new();
        let row = |slot: &&Slot| self.records.row(**slot);
        let is_change = |slot: &&Slot| matches!(row(slot), Row::Held(_, Class::Change));
        // What was waited for as a piece may have turned out to be none.
        let is_piece = |slot: &&Slot| matches!(row(slot), Row::Held(_, Class::Chunk) | Row::Wanted);
        for (device, line) in &self.quarantine.lines {
            let chain = self.chains.of(device);
            for entry in (*line as usize..chain.len()).filter_map(|index| chain.get(index)) {
                beyond.extend(entry.records.iter().filter(is_change));
                beyond.extend(entry.chunks.iter().filter(is_piece));
            }
        }
        if !beyond.is_empty() {
            for (device, chain) in self.chains.iter() {
                let counting = self.quarantine.lines.get(device).map_or(chain.len(), |line| *line as usize);
                for entry in (0..counting).filter_map(|index| chain.get(index)) {
                    // What was not here when it was named, several commits may have made count.
                    let records = entry.records.iter().filter(is_change);
                    let chunks = entry.chunks.iter().filter(is_piece);
                    for slot in records.chain(chunks).chain(entry.again) {
                        beyond.remove(slot);
                    }
                }
            }
        }
        beyond
    }

    /// Whether a commit counts and is in no quarantine; `None` when it does not count.
    pub(in crate::replica) fn commit_counts(&self, commit: &CommitId) -> Option<bool> {
        let (device, number) = self.chains.owner(self.chains.place(commit)?);
        Some(self.quarantine.lines.get(&device).is_none_or(|line| number <= *line))
    }

    /// What this device wrote itself is never in quarantine here: whoever was taken out can read what is on
    /// their device.
    pub fn exempt(&mut self, own: DeviceId) {
        self.quarantine.exempt = Some(own);
        self.quarantine.doubt();
    }

    /// The changes in quarantine, by device, in the order of its commits.
    #[must_use]
    pub fn quarantined(&self) -> Vec<Quarantined> {
        let mut quarantined = Vec::new();
        for (device, line) in &self.quarantine.lines {
            let chain = self.chains.of(device);
            for number in line + 1..=chain.len() as u64 {
                let named = chain.get(number as usize - 1).map_or(&[][..], |entry| entry.records);
                quarantined.extend(named.iter().filter_map(|slot| match self.quarantine.slots.get(slot) {
                    Some(Subject::Document(document) | Subject::Forgotten(document)) => Some(Quarantined {
                        device: *device,
                        number,
                        record: self.records.id(*slot),
                        document: *document,
                    }),
                    _ => None,
                }));
            }
        }
        quarantined
    }

    /// Pieces of attachments that are in quarantine, held or not.
    #[must_use]
    pub fn quarantined_chunks(&self) -> Vec<RecordId> {
        self.chunks_in_quarantine(|_| true)
    }

    /// Those of these attachments, and those that did not come yet: nobody knows of what these are.
    pub(in crate::replica) fn quarantined_chunks_of(&self, blobs: &BTreeSet<BlobId>) -> Vec<RecordId> {
        self.chunks_in_quarantine(|blob| blobs.contains(blob))
    }

    fn chunks_in_quarantine(&self, is_asked: impl Fn(&BlobId) -> bool) -> Vec<RecordId> {
        let held = self.quarantine.slots.iter().filter_map(|(slot, subject)| match subject {
            Subject::Blob(blob, _) if is_asked(blob) => Some(slot),
            _ => None,
        });
        let is_wanted = |slot: &&Slot| self.records.row(**slot) == Row::Wanted;
        held.chain(self.quarantine.wanted.iter().filter(is_wanted))
            .map(|slot| self.records.id(*slot))
            .collect()
    }
}

fn note(effects: &mut Effects, subject: Subject) {
    if let Subject::Document(document) | Subject::Forgotten(document) = subject {
        effects.redrawn.insert(document);
    }
}
