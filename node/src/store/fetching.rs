//! Fetching attachments from other devices.
//!
//! Small ones come by themselves, so that they lie on more than one device; large ones when the
//! person asks. What is missing is worked out from what is held, so an interrupted fetch goes on
//! where it was, whatever ended it. One device at a time is asked for each attachment.

use std::collections::{BTreeMap, BTreeSet};

use musette_crdt::view::{Attachment, ItemView};
use musette_protocol::{
    id::{BlobId, DeviceId, DocumentId},
    limits::BLOB_CHUNK_LEN,
    schedule::Flow,
    session::Session,
};
use serde_json::{Value as Json, json};

use super::Store;
use crate::error::{Error, Result};

/// Attachments up to this size are fetched without being asked for: a photograph, a certificate. A
/// recording is not.
pub(crate) const SMALL_ATTACHMENT_BYTES: u64 = 8 * 1024 * 1024;

/// What is to be fetched, and from whom.
#[derive(Debug, Default)]
pub(crate) struct Fetching {
    /// Attachments of which pieces are missing here, with their size in bytes.
    missing: BTreeMap<BlobId, u64>,
    /// Those that the person asked for.
    asked: BTreeSet<BlobId>,
    /// The device that each is being fetched from.
    from: BTreeMap<BlobId, DeviceId>,
    /// Devices that have no more of an attachment.
    lacking: BTreeSet<(BlobId, DeviceId)>,
    /// What may come now.
    flow: Flow,
}

impl Fetching {
    pub(super) fn take_back(&mut self, asked: &[BlobId]) {
        self.asked.extend(asked);
    }

    pub(super) fn asked(&self) -> Vec<BlobId> {
        self.asked.iter().copied().collect()
    }

    /// A device is gone.
    pub(super) fn forget(&mut self, device: DeviceId) {
        self.from.retain(|_, from| *from != device);
        self.ask_again(device);
    }

    /// A device holds more than before.
    pub(super) fn ask_again(&mut self, device: DeviceId) {
        self.lacking.retain(|(_, lacking)| *lacking != device);
    }

    fn is_allowed(&self, blob: &BlobId) -> bool {
        self.flow.allows_attachment(self.asked.contains(blob))
    }

    /// Whether an attachment comes as soon as a device that has it is met.
    fn is_wanted(&self, blob: &BlobId, size: u64) -> bool {
        (self.asked.contains(blob) || size <= SMALL_ATTACHMENT_BYTES) && self.is_allowed(blob)
    }

    fn is_due(&self, blob: &BlobId, size: u64, device: DeviceId) -> bool {
        let is_free = !self.from.contains_key(blob) && !self.lacking.contains(&(*blob, device));
        is_free && self.is_wanted(blob, size)
    }
}

impl Store {
    /// Notes what a shown item is missing of its attachments.
    pub(super) fn note_attachments(&mut self, view: &ItemView) {
        for attachment in &view.attachments {
            if self.chunks_missing(attachment) > 0 {
                self.fetching.missing.insert(attachment.id, attachment.size);
            }
        }
    }

    /// What may flow from now on. What is on its way stops at each session's next turn.
    pub(crate) const fn set_flow(&mut self, flow: Flow) {
        self.fetching.flow = flow;
    }

    fn chunks_missing(&self, attachment: &Attachment) -> u64 {
        let held = self.state().chunks_held(&attachment.id) as u64;
        u64::from(chunks_of(attachment.size)).saturating_sub(held)
    }

    /// Whether some attachment, or one of this item, is to come and has not come whole.
    pub(super) fn awaits_attachment(&self, item: Option<DocumentId>) -> bool {
        let is_awaited = |blob: &BlobId, size: u64| {
            self.state().chunks_held(blob) < chunks_of(size) as usize && self.fetching.is_wanted(blob, size)
        };
        match item {
            None => self.fetching.missing.iter().any(|(blob, size)| is_awaited(blob, *size)),
            Some(item) => {
                let attachments = self.view(item).map(|view| view.attachments).unwrap_or_default();
                attachments.iter().any(|one| is_awaited(&one.id, one.size))
            }
        }
    }

    /// Lets a session ask for what is missing here and not asked for elsewhere.
    pub(super) fn plan_fetches(&mut self, session: &mut Session) {
        let Some(device) = session.peer() else { return };
        let state = self.replica.state();
        let whole = |blob: &BlobId, size: u64| state.chunks_held(blob) >= chunks_of(size) as usize;
        self.fetching.missing.retain(|blob, size| !whole(blob, *size));
        let missing = &self.fetching.missing;
        self.fetching.asked.retain(|blob| missing.contains_key(blob));
        self.fetching.from.retain(|blob, _| missing.contains_key(blob));
        let is_stopped =
            |(blob, from): &(&BlobId, &DeviceId)| **from == device && !self.fetching.is_allowed(blob);
        let stopped: Vec<BlobId> =
            self.fetching.from.iter().filter(is_stopped).map(|(blob, _)| *blob).collect();
        for blob in stopped {
            session.stop_fetching(self.replica.state().space(), &blob);
            self.fetching.from.remove(&blob);
        }
        let missing = &self.fetching.missing;
        let due: Vec<(BlobId, u64)> = missing
            .iter()
            .filter(|(blob, size)| self.fetching.is_due(blob, **size, device))
            .map(|(blob, size)| (*blob, *size))
            .collect();
        for (blob, size) in due {
            session.fetch(self.replica.state().space(), blob, chunks_of(size));
            self.fetching.from.insert(blob, device);
        }
    }

    /// A device has no more of an attachment.
    pub(super) fn note_lacking(&mut self, device: DeviceId, blob: BlobId) {
        self.fetching.from.remove(&blob);
        self.fetching.lacking.insert((blob, device));
    }

    /// Asks for an attachment, however large.
    ///
    /// # Errors
    /// When the item has no such attachment.
    pub(crate) fn ask_for(&mut self, id: DocumentId, name: &str) -> Result<Attachment> {
        let attachment = self.find_attachment(id, name)?;
        if self.chunks_missing(&attachment) > 0 {
            self.fetching.missing.insert(attachment.id, attachment.size);
            self.fetching.asked.insert(attachment.id);
            self.dirty.any = true;
            // A person asks rarely, and expects it to go on after a crash too.
            self.checkpoint(true);
        }
        Ok(attachment)
    }

    /// How much of an attachment is here.
    ///
    /// # Errors
    /// `attachment-elsewhere` when more is missing and no connected device has it.
    pub(crate) fn fetched(&self, attachment: &Attachment) -> Result<Json> {
        let missing = self.chunks_missing(attachment) * BLOB_CHUNK_LEN as u64;
        let from = self.fetching.from.get(&attachment.id);
        let connected = self.peers.connected();
        let asked_all =
            connected.iter().all(|device| self.fetching.lacking.contains(&(attachment.id, *device)));
        if missing > 0 && !connected.is_empty() && asked_all {
            return Err(Error::new("attachment-elsewhere").with("name", &attachment.name));
        }
        Ok(json!({
            "name": attachment.name,
            "done": attachment.size.saturating_sub(missing),
            "total": attachment.size,
            "whole": missing == 0,
            "from": from.map(ToString::to_string),
        }))
    }

    /// Bytes of attachments that are not here, and how many of these are on their way.
    pub(crate) fn attachments_json(&self) -> Json {
        let missing = |blob: &BlobId, size: u64| {
            let held = self.state().chunks_held(blob) as u64 * BLOB_CHUNK_LEN as u64;
            size.saturating_sub(held)
        };
        let sum = |only: &dyn Fn(&BlobId) -> bool| -> u64 {
            let chosen = self.fetching.missing.iter().filter(|(blob, _)| only(blob));
            chosen.map(|(blob, size)| missing(blob, *size)).sum()
        };
        json!({
            "missing": self.fetching.missing.iter().filter(|(blob, size)| missing(blob, **size) > 0).count(),
            "missing_bytes": sum(&|_| true),
            "coming_bytes": sum(&|blob| self.fetching.from.contains_key(blob)),
        })
    }
}

/// How many chunks a file of so many bytes has.
pub(super) fn chunks_of(size: u64) -> u32 {
    u32::try_from(size.div_ceil(BLOB_CHUNK_LEN as u64)).unwrap_or(u32::MAX)
}
