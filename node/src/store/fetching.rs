//! Fetching attachments from other devices.
//!
//! 1. Small ones come by themselves, so that they lie on more than one device; large ones when the
//!    person asks, which a crash does not undo ([`asked`]).
//! 2. What is missing is worked out from what is held, so an interrupted fetch goes on where it was,
//!    whatever ended it.
//! 3. One device at a time is asked for each attachment, and each device for a few at a time: several
//!    devices share the work. When a session ends, or its device gives no more of an attachment, another
//!    that is connected takes over. Who lacked something is asked again once it told of more.

use std::collections::{BTreeMap, BTreeSet};

use musette_crdt::view::{Attachment, ItemView};
use musette_protocol::{
    id::{BlobId, DeviceId, DocumentId, SpaceId},
    replica::State,
    schedule::Flow,
    session::{Frontier, Session},
};

pub(super) use self::whereabouts::Written;
use super::{Store, keys::Keys};
use crate::{error::Result, home::Home};

mod asked;
mod progress;
#[cfg(test)]
mod tests;
mod whereabouts;

/// Attachments up to this size are fetched without being asked for: a photograph, a certificate. A
/// recording is not.
pub(crate) const SMALL_ATTACHMENT_BYTES: u64 = 8 * 1024 * 1024;
/// Attachments that one device is asked for at a time: the next is at hand when one is whole, and the
/// rest is left to other devices.
const FETCHES_AT_ONCE: usize = 4;

/// What is to be fetched, and from whom.
#[derive(Debug, Default)]
pub(crate) struct Fetching {
    /// The attachments of all items.
    known: BTreeMap<BlobId, Known>,
    /// Those of which pieces are missing here.
    missing: BTreeSet<BlobId>,
    pub(super) written: Written,
    /// Those that the person asked for, and perhaps some that came since.
    asked: BTreeSet<BlobId>,
    /// The device that each is being fetched from.
    from: BTreeMap<BlobId, DeviceId>,
    /// Devices that give no more of an attachment, and whether they have more.
    lacking: BTreeMap<(BlobId, DeviceId), bool>,
    /// What may come now.
    flow: Flow,
    /// Raised when something may have become due, and as of when it was looked for with each device:
    /// there may be thousands, and a session asks at every frame.
    generation: u64,
    planned: BTreeMap<DeviceId, u64>,
}

/// An attachment, and how much of it is here.
#[derive(Debug)]
struct Known {
    item: DocumentId,
    size: u64,
    chunk_len: u32,
    chunks: u32,
    held: u32,
}

impl Known {
    const fn is_whole(&self) -> bool {
        self.held >= self.chunks
    }

    /// Bytes that are here, not counting that the last piece is shorter.
    fn done(&self) -> u64 {
        self.size.min(u64::from(self.held) * u64::from(self.chunk_len))
    }
}

impl Fetching {
    /// With what the person asked for before this start, and the pieces that the index knows of.
    pub(super) fn open(home: &Home, keys: &Keys, written: Written) -> Self {
        Self { asked: asked::load(home, keys), written, ..Self::default() }
    }

    /// A session with a device began or ended; what was asked of it in another one may not come.
    /// True if something waits for another device now.
    pub(super) fn forget(&mut self, device: DeviceId) -> bool {
        let before = self.from.len();
        self.from.retain(|_, from| *from != device);
        self.lacking.retain(|(_, lacking), _| *lacking != device);
        self.generation += 1;
        self.from.len() < before
    }

    /// A device told what it holds. Attachments that it lacked are asked for again if it holds more than
    /// it told `before`, or if that is not to matter.
    pub(super) fn note_frontier(
        &mut self,
        device: DeviceId,
        before: Option<&Frontier>,
        now: &Frontier,
        state: &State,
    ) {
        if before.is_none_or(|before| now.has_more_pieces_than(before, state)) {
            let lacked = self.lacking.len();
            self.lacking.retain(|(_, lacking), _| *lacking != device);
            self.generation += u64::from(self.lacking.len() < lacked);
        }
    }

    fn note_lacking(&mut self, device: DeviceId, blob: BlobId, withheld: bool) {
        self.from.retain(|coming, from| *coming != blob || *from != device);
        self.lacking.insert((blob, device), withheld);
        self.generation += 1;
    }

    fn is_allowed(&self, blob: &BlobId) -> bool {
        self.flow.allows_attachment(self.asked.contains(blob))
    }

    /// Whether an attachment comes as soon as a device that has it is met.
    fn is_wanted(&self, blob: &BlobId, size: u64) -> bool {
        (self.asked.contains(blob) || size <= SMALL_ATTACHMENT_BYTES) && self.is_allowed(blob)
    }

    fn is_due(&self, blob: &BlobId, known: &Known, device: DeviceId) -> bool {
        let is_free = !self.from.contains_key(blob) && !self.lacking.contains_key(&(*blob, device));
        is_free && self.is_wanted(blob, known.size)
    }

    /// What a session is to ask its device for. True if something waits for another device now.
    fn plan(&mut self, space: &SpaceId, device: DeviceId, session: &mut Session) -> bool {
        let (mut busy, mut is_freed) = (0, false);
        // What is whole, forgotten or in quarantine by now is not to come.
        let stopped: BTreeSet<BlobId> =
            self.coming_from(device).filter(|blob| !self.may_come(blob)).collect();
        self.from.retain(|blob, _| !stopped.contains(blob));
        session.retain_fetches(space, |blob| self.from.get(blob) == Some(&device));
        for blob in self.coming_from(device).collect::<Vec<_>>() {
            let chunks = self.known.get(&blob).map_or(0, |known| known.chunks);
            if session.fetch(space, blob, chunks, self.asked.contains(&blob)) {
                busy += 1;
            } else {
                self.note_lacking(device, blob, false);
                is_freed = true;
            }
        }
        if busy < FETCHES_AT_ONCE && self.planned.insert(device, self.generation) != Some(self.generation) {
            for (blob, chunks) in self.due(device, FETCHES_AT_ONCE - busy) {
                if session.fetch(space, blob, chunks, self.asked.contains(&blob)) {
                    self.from.insert(blob, device);
                } else {
                    self.note_lacking(device, blob, false);
                }
            }
        }
        is_freed
    }

    /// What is being fetched from a device.
    fn coming_from(&self, device: DeviceId) -> impl Iterator<Item = BlobId> {
        self.from.iter().filter(move |(_, from)| **from == device).map(|(blob, _)| *blob)
    }

    /// Whether an attachment that is on its way is still to come.
    fn may_come(&self, blob: &BlobId) -> bool {
        self.missing.contains(blob) && self.is_allowed(blob)
    }

    /// The next attachments to ask a device for: those that somebody waits for come first.
    fn due(&self, device: DeviceId, count: usize) -> Vec<(BlobId, u32)> {
        let asked = self.asked.intersection(&self.missing);
        let all = asked.chain(self.missing.difference(&self.asked));
        let due = all.filter_map(|blob| self.known.get_key_value(blob));
        let due = due.filter(|(blob, known)| self.is_due(blob, known, device));
        due.take(count).map(|(blob, known)| (*blob, known.chunks)).collect()
    }
}

/// How many pieces of an attachment are here.
fn held_of(state: &State, blob: &BlobId) -> u32 {
    u32::try_from(state.chunks_held(blob)).unwrap_or(u32::MAX)
}

impl Store {
    /// Forgets what is known of an item's attachments, which are about to be read again.
    pub(super) fn forget_attachments(&mut self, item: DocumentId) {
        let Fetching { known, missing, .. } = &mut self.fetching;
        known.retain(|blob, known| {
            let stays = known.item != item;
            if !stays {
                missing.remove(blob);
            }
            stays
        });
    }

    /// Notes what a shown item is missing of its attachments.
    pub(super) fn note_attachments(&mut self, view: &ItemView) {
        for attachment in &view.attachments {
            let Attachment { id, size, chunk_len, .. } = *attachment;
            let (chunks, held) = (attachment.chunks(), held_of(self.state(), &id));
            let known = Known { item: view.id, size, chunk_len, chunks, held };
            if !known.is_whole() {
                self.fetching.missing.insert(id);
                self.fetching.generation += 1;
            }
            self.fetching.known.insert(id, known);
        }
    }

    /// Pieces of these attachments arrived.
    pub(super) fn note_pieces(&mut self, blobs: &BTreeSet<BlobId>) {
        let state = self.replica.state();
        for blob in blobs {
            let Some(known) = self.fetching.known.get_mut(blob) else { continue };
            known.held = held_of(state, blob);
            if known.is_whole() {
                self.fetching.missing.remove(blob);
                self.fetching.from.remove(blob);
                self.fetching.generation += 1;
            }
        }
    }

    /// What may flow from now on. What is on its way stops at each session's next turn.
    pub(crate) const fn set_flow(&mut self, flow: Flow) {
        self.fetching.flow = flow;
        self.fetching.generation += 1;
    }

    /// Whether an attachment is to be here: it is small, or was asked for.
    pub(super) fn comes_by_itself(&self, attachment: &Attachment) -> bool {
        let Attachment { id, size, .. } = attachment;
        *size <= SMALL_ATTACHMENT_BYTES || self.fetching.asked.contains(id)
    }

    /// An attachment, or one of this item, that is to come and has not come whole.
    pub(super) fn awaited_attachment(&self, item: Option<DocumentId>) -> Option<BlobId> {
        let missing = self.fetching.missing.iter().filter_map(|blob| self.fetching.known.get_key_value(blob));
        let mut awaited = missing.filter(|(blob, known)| {
            item.is_none_or(|item| known.item == item) && self.fetching.is_wanted(blob, known.size)
        });
        awaited.next().map(|(blob, _)| *blob)
    }

    /// Lets a session ask for what is missing here and not asked for elsewhere, and give what may be
    /// given.
    pub(super) fn plan_fetches(&mut self, session: &mut Session) {
        let Some(device) = session.peer() else { return };
        session.set_flow(self.fetching.flow);
        if !self.is_device(&device) {
            // Of who was taken out nothing is asked any more: what was to come from there comes from others.
            if self.fetching.coming_from(device).next().is_some() {
                self.changed |= self.fetching.forget(device);
            }
            return;
        }
        self.changed |= self.fetching.plan(self.replica.state().space(), device, session);
    }

    /// A device gives no more of an attachment.
    pub(super) fn note_lacking(&mut self, device: DeviceId, blob: BlobId, withheld: bool) {
        self.fetching.note_lacking(device, blob, withheld);
        // Another session may ask for it.
        self.changed = true;
    }

    /// Asks for an attachment, however large.
    ///
    /// # Errors
    /// When the item has no such attachment, or the disk refuses to remember it.
    pub(crate) fn ask_for(&mut self, id: DocumentId, name: &str) -> Result<Attachment> {
        let attachment = self.find_attachment(id, name)?;
        if self.fetching.missing.contains(&attachment.id) {
            let Fetching { asked, missing, lacking, generation, .. } = &mut self.fetching;
            asked.retain(|blob| missing.contains(blob));
            if asked.insert(attachment.id) {
                asked::save(&self.home, &self.keys, asked)?;
            }
            // Whoever had none of it may have it by now.
            lacking.retain(|(blob, _), _| *blob != attachment.id);
            *generation += 1;
            self.changed = true;
        }
        Ok(attachment)
    }
}
