//! Invariant 2: what was acknowledged survives a crash or a power cut; and so does what was sent,
//! or a device would write a second history under the numbers that its peers know already.

use std::collections::{BTreeMap, BTreeSet};

use musette_protocol::{
    id::{CommitId, DeviceId, DocumentId, RecordId},
    replica::{Counted, State, Subject},
    session::Frontier,
};

use super::{Check, Violation, ensure};

/// A write that a person was told is safe.
#[derive(Debug, Clone)]
pub struct Acknowledged {
    /// Who wrote.
    pub device: DeviceId,
    /// The commit's place in the chain.
    pub number: u64,
    /// Its name.
    pub commit: CommitId,
    /// The records it named.
    pub records: Vec<RecordId>,
    /// The words written, and into which document.
    pub markers: Vec<(DocumentId, String)>,
    /// The documents forgotten.
    pub forgotten: Vec<DocumentId>,
}

impl Acknowledged {
    /// What is to be acknowledged once it is durable.
    #[must_use]
    pub fn of(counted: &Counted, markers: Vec<(DocumentId, String)>) -> Self {
        Self {
            device: counted.device,
            number: counted.number,
            commit: counted.commit,
            records: counted.items.iter().map(|item| item.record).chain([counted.record]).collect(),
            markers,
            forgotten: counted.items.iter().filter_map(|item| forgotten(&item.subject)).collect(),
        }
    }

    /// Its device goes on as another one, without these records: if its commit is among them, only what that
    /// named is still to be kept. All of that may be in quarantine, and the person was asked.
    pub fn give_up(&mut self, given_up: &BTreeSet<RecordId>, other: DeviceId) {
        if self.records.iter().any(|record| given_up.contains(record)) {
            self.records.retain(|record| !given_up.contains(record));
            (self.device, self.number) = (other, 0);
            if self.records.is_empty() {
                self.markers.clear();
                self.forgotten.clear();
            }
        }
    }

    /// Checks that it counts, and that it is held or was dropped: then a snapshot holds what it said,
    /// which is checked of what is shown. Nobody else asks for pieces of what is forgotten (`unasked`).
    ///
    /// # Errors
    /// When it was lost.
    pub fn check(&self, state: &State, unasked: &BTreeSet<RecordId>) -> Result<(), Violation> {
        let is_kept = |record| is_held_or_listed(record, state) || unasked.contains(record);
        let held = self.records.iter().all(is_kept);
        let counts = state.head(&self.device).0 >= self.number;
        ensure(held && counts, Check::Durability, || {
            format!("{:?}, acknowledged as number {}, is lost", self.commit, self.number)
        })?;
        let is_out = state.log().has_ended(&self.device);
        let back = self.forgotten.iter().find(|document| !is_out && !state.is_forgotten(document));
        ensure(back.is_none(), Check::Forgetting, || format!("{back:?} was forgotten and is back"))
    }
}

/// Whether a record is held, was dropped, or may be taken again: its drop is void.
fn is_held_or_listed(record: &RecordId, state: &State) -> bool {
    state.holds(record) || state.has_dropped(record) || state.may_be_dropped(record)
}

const fn forgotten(subject: &Subject) -> Option<DocumentId> {
    if let Subject::Forgotten(document) = subject { Some(*document) } else { None }
}

/// What a device told others.
#[derive(Debug, Default)]
pub struct Told {
    records: BTreeSet<RecordId>,
    heads: BTreeMap<DeviceId, (u64, CommitId)>,
}

impl Told {
    /// Notes a record that was sent.
    pub fn note_record(&mut self, record: RecordId) {
        self.records.insert(record);
    }

    /// Notes a frontier that was sent.
    pub fn note_frontier(&mut self, frontier: &Frontier) {
        for head in frontier.chains.iter().map(|chain| chain.head) {
            self.heads.insert(head.device, (head.number, head.commit));
        }
    }

    /// Checks that a device still has all that it told others.
    ///
    /// # Errors
    /// When something is lost, or counts under another name.
    pub fn check(&self, state: &State) -> Result<(), Violation> {
        let lost = self.records.iter().find(|record| !is_held_or_listed(record, state));
        ensure(lost.is_none(), Check::SentIsKept, || format!("{lost:?} was sent and then lost"))?;
        let changed = self.heads.iter().find(|(device, (number, commit))| {
            let (now, name) = state.head(device);
            now < *number || (now == *number && name != Some(*commit))
        });
        ensure(changed.is_none(), Check::SentIsKept, || format!("{changed:?} was told and then lost"))
    }
}
