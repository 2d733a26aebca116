//! Invariant 4: nothing counts that no entitled commit names.
//!
//! The ledger knows every commit that a device of the person really made. Whatever counts anywhere
//! must be among them, with just the records it named; whatever is shown must have been written.

use std::collections::{BTreeMap, BTreeSet};

use musette_crdt::view::ItemView;
use musette_protocol::{
    id::{BlobId, CommitId, DeviceId, DocumentId, RecordId},
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
    /// To which document each attachment was attached.
    attached_to: BTreeMap<BlobId, DocumentId>,
    /// Attachments that may stay although their document was forgotten.
    excused: BTreeSet<BlobId>,
    /// Documents that somebody forgot.
    forgotten: BTreeSet<DocumentId>,
    /// Documents of which a restored device committed changes that no commit named: a bad device may keep
    /// to itself what they build on.
    adopted: BTreeSet<DocumentId>,
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
            let is_forgotten =
                self.attached_to.get(blob).is_some_and(|document| state.is_forgotten(document));
            attached.is_some_and(|(device, number)| state.head(device).0 >= *number)
                && !is_late(blob)
                && !is_forgotten
        };
        self.blobs.iter().filter(move |(blob, _)| is_known(blob)).map(|(blob, len)| (*blob, *len))
    }

    /// Notes to which document an attachment was attached.
    pub fn note_attachment(&mut self, blob: BlobId, document: DocumentId) {
        self.attached_to.insert(blob, document);
    }

    /// Notes an attachment that may stay although its document was forgotten.
    pub fn excuse(&mut self, blob: BlobId) {
        self.excused.insert(blob);
    }

    /// Notes that somebody forgot a document.
    pub fn note_forgotten(&mut self, document: DocumentId) {
        self.forgotten.insert(document);
    }

    /// Notes changes that a restored device commits anew.
    pub fn note_adopted(&mut self, counted: &Counted) {
        for item in &counted.items {
            self.account.note_adopted(item.record);
            if let Subject::Document(document) = item.subject {
                self.adopted.insert(document);
            }
        }
    }

    /// Whether that was done of a document.
    #[must_use]
    pub fn is_adopted(&self, document: &DocumentId) -> bool {
        self.adopted.contains(document)
    }

    /// Whether somebody forgot a document, be it that it did not come to count.
    #[must_use]
    pub fn is_forgotten(&self, document: &DocumentId) -> bool {
        self.forgotten.contains(document)
    }

    /// Checks that nothing is left on a device of what is forgotten there, attachments included; but for
    /// those of `gone`, which attached them not knowing and never came back to name them.
    ///
    /// # Errors
    /// When something is, or nobody forgot it.
    pub fn check_forgotten(&self, state: &State, gone: &[DeviceId]) -> Result<(), Violation> {
        let unasked = state.forgotten().find(|document| !self.forgotten.contains(*document));
        ensure(unasked.is_none(), Check::Forgetting, || format!("{unasked:?} was forgotten by nobody"))?;
        let left = state.forgotten().find(|document| state.document(document).next().is_some());
        ensure(left.is_none(), Check::Forgetting, || {
            format!("{left:?} was forgotten, and some of it is held")
        })?;
        let is_left = |(blob, document): &(&BlobId, &DocumentId)| {
            let by = self.attached.get(blob).map(|(device, _)| device);
            by.is_none_or(|by| !gone.contains(by))
                && !self.excused.contains(*blob)
                && state.is_forgotten(document)
                && state.chunks_held(blob) > 0
        };
        let left = self.attached_to.iter().find(is_left);
        ensure(left.is_none(), Check::Forgetting, || {
            let by = left.and_then(|(blob, _)| self.attached.get(blob));
            format!("{left:?} was attached to what is forgotten, by {by:?}")
        })
    }

    /// Pieces of attachments of what is forgotten on a device: nobody asks for them.
    pub fn forgotten_pieces(&self, state: &State) -> BTreeSet<RecordId> {
        let forgotten = self.attached_to.iter().filter(|(_, document)| state.is_forgotten(document));
        forgotten.filter_map(|(blob, _)| self.pieces.get(blob)).flatten().copied().collect()
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
