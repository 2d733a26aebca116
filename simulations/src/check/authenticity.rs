//! Invariant 4: nothing counts that no entitled commit names.
//!
//! The ledger knows every commit that a device of the person really made. Whatever counts anywhere
//! must be among them, with just the records it named; whatever is shown must have been written.

use std::collections::{BTreeMap, BTreeSet};

use musette_crdt::view::ItemView;
use musette_protocol::{
    id::{BlobId, CommitId, DeviceId, RecordId},
    record::BlobChunk,
    replica::{Counted, State, Subject},
};

use super::{Check, Violation, ensure, forgetting::Graves, revocation::Account};

/// What the person's devices really wrote.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Attachments, and of how many pieces each is.
    blobs: BTreeMap<BlobId, u32>,
    /// The last commit that names pieces of an attachment.
    attached: BTreeMap<BlobId, (DeviceId, u64)>,
    commits: BTreeMap<CommitId, BTreeSet<RecordId>>,
    markers: BTreeSet<String>,
    pieces: BTreeMap<BlobId, BTreeSet<RecordId>>,
    /// Who wrote what, and what of it counts.
    pub account: Account,
    /// What was to be dropped.
    pub graves: Graves,
}

impl Ledger {
    /// Notes a commit of a device of the person.
    pub fn note_commit(&mut self, counted: &Counted, state: &State) {
        self.account.note(counted, state);
        let records = counted.items.iter().map(|item| item.record).collect();
        self.commits.insert(counted.commit, records);
        for item in &counted.items {
            if let Subject::Blob(blob, _) = item.subject {
                self.attached.insert(blob, (counted.device, counted.number));
                self.pieces.entry(blob).or_default().insert(item.record);
            }
        }
    }

    /// Notes a commit that a bad device signed, and that names nothing.
    pub fn note_signed(&mut self, commit: CommitId) {
        self.commits.insert(commit, BTreeSet::new());
    }

    /// Notes a piece of an attachment that somebody wrote.
    pub fn note_chunk(&mut self, chunk: &BlobChunk) {
        let len = self.blobs.entry(chunk.blob).or_default();
        *len = (*len).max(chunk.index + 1);
    }

    /// All attachments that somebody with this state knows of, and of how many pieces each is. Nobody
    /// asks for what is in quarantine.
    pub fn blobs(&self, state: &State) -> impl Iterator<Item = (BlobId, u32)> {
        let late: BTreeSet<RecordId> = state.quarantined_chunks().into_iter().collect();
        let is_late =
            move |blob: &BlobId| self.pieces.get(blob).is_some_and(|pieces| !pieces.is_disjoint(&late));
        let is_known = move |blob: &BlobId| {
            let attached = self.attached.get(blob);
            attached.is_some_and(|(device, number)| state.head(device).0 >= *number) && !is_late(blob)
        };
        self.blobs.iter().filter(move |(blob, _)| is_known(blob)).map(|(blob, len)| (*blob, *len))
    }

    /// Notes a word that a person writes once.
    pub fn note_marker(&mut self, marker: &str) {
        self.markers.insert(marker.to_owned());
    }

    /// How many commits were made.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.commits.len() as u64
    }

    /// Checks what began to count on a device.
    ///
    /// # Errors
    /// When no device of the person made that commit, or it named other records.
    pub fn check_counted(&self, counted: &Counted) -> Result<(), Violation> {
        let records = self.commits.get(&counted.commit).ok_or_else(|| {
            Violation::new(Check::Authenticity, format!("{:?} was made by nobody", counted.commit))
        })?;
        let named = counted.items.iter().all(|item| records.contains(&item.record));
        ensure(named, Check::Authenticity, || format!("{:?} named other records", counted.commit))
    }

    /// Checks that everything shown was written by a person.
    ///
    /// # Errors
    /// When it was not.
    pub fn check_view(&self, view: &ItemView) -> Result<(), Violation> {
        let foreign = view.tags.iter().find(|tag| !self.markers.contains(*tag));
        ensure(foreign.is_none(), Check::Authenticity, || format!("{foreign:?} is shown but nobody wrote it"))
    }
}
