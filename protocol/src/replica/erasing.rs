//! That what was dropped is in no file, and who says so.
//!
//! 1. A record that is dropped lies on in its segment, and perhaps in another one: a copy that was
//!    cut off leaves two. So segments are searched, also for what is known elsewhere, each once: until
//!    a record of theirs is dropped, or they are copied from, there is nothing new to find
//!    ([`Replica::find_dropped`]). One with a record that is unknown here is searched each time.
//! 2. A segment that holds some is rewritten ([`Replica::rewrite_segment`]).
//! 3. When no segment holds any, the drops that took effect by then are carried out, and a receipt
//!    tells the others ([`Replica::write_receipt`]). A receipt before that would be a lie.

use std::collections::BTreeSet;

use super::{Replica, WriteError, records::Row, state::Effects};
use crate::{
    crypto::{aead::NONCE_LEN, sign::SigningKey},
    id::{DeviceId, DropId},
    journal::{Disk, JournalError, SegmentNumber},
    record::{Payload, Receipt},
    signed::Signed,
};

/// What is known of the bytes of dropped records.
#[derive(Debug, Default)]
pub(super) struct Erasing {
    /// Segments that were searched: they hold none, and nothing that is known elsewhere.
    clean: BTreeSet<SegmentNumber>,
    /// Drops that had taken effect when no segment held any.
    carried_out: BTreeSet<DropId>,
}

impl Erasing {
    pub(super) const fn new() -> Self {
        Self { clean: BTreeSet::new(), carried_out: BTreeSet::new() }
    }

    /// A segment is copied from: should that be cut off, records lie in it that are known elsewhere.
    pub(super) fn note_copying(&mut self, segment: SegmentNumber) {
        self.clean.remove(&segment);
    }
}

impl<D: Disk> Replica<D> {
    /// Whether drops took effect here that this device did not confirm yet.
    #[must_use]
    pub fn has_unconfirmed_drops(&self, device: &DeviceId) -> bool {
        let said = self.state.confirmed_by(device);
        let is_said = |name: &DropId| said.is_some_and(|said| said.contains(name));
        let applied = self.state.applied_drops();
        applied.iter().any(|name| !is_said(name) || self.state.was_reopened(name))
    }

    /// The first segment that holds a record that was dropped, or that is known elsewhere and may be
    /// dropped there, to be rewritten; `None` when none does, and the drops may be confirmed. Reads
    /// the segments that it did not search before.
    ///
    /// # Errors
    /// When the storage fails or a segment is damaged.
    pub fn find_dropped(&mut self) -> Result<Option<SegmentNumber>, JournalError<D::Error>> {
        for segment in self.state.records.take_graves() {
            self.erasing.clean.remove(&segment);
        }
        let segments: Vec<SegmentNumber> = self.journal.segment_bytes().map(|(number, _)| number).collect();
        for segment in segments {
            if self.erasing.clean.contains(&segment) {
                continue;
            }
            let records = &self.state.records;
            let mut is_known = true;
            let mut is_to_go = |record, location| match records.find(&record) {
                Some((_, Row::Held(held, _))) => held != location,
                // Of one that is listed, bytes are left from when it was dropped, and may be dropped again.
                Some((_, Row::Dropped | Row::Listed)) => true,
                Some((_, Row::Wanted | Row::Absent)) => false,
                // It did not open. Should it come again, and be dropped where it lies then, it must be
                // found here too.
                None => {
                    is_known = false;
                    false
                }
            };
            if self.journal.holds(segment, &mut is_to_go)? {
                return Ok(Some(segment));
            }
            if is_known {
                self.erasing.clean.insert(segment);
            }
        }
        self.erasing.carried_out = self.state.applied_drops().into_iter().collect();
        self.state.note_searched();
        Ok(None)
    }

    /// States which drops this device has carried out, unless it said so before. Those that took effect
    /// after [`Replica::find_dropped`] last found nothing are not among them. `None` when there is
    /// nothing to say; else durable after [`Replica::sync`].
    ///
    /// # Errors
    /// When the storage fails; nothing is then changed.
    pub fn write_receipt(
        &mut self,
        device: &SigningKey,
        nonce: &mut dyn FnMut() -> [u8; NONCE_LEN],
    ) -> Result<Option<Effects>, WriteError<D::Error>> {
        let id = DeviceId::from_bytes(*device.verifying_key().as_bytes());
        let said = self.state.confirmed_by(&id);
        let was_said = |name: &DropId| said.is_some_and(|said| said.contains(name));
        let is_carried_out = |name: &DropId| self.erasing.carried_out.contains(name) || was_said(name);
        let mut drops = self.state.applied_drops();
        drops.retain(|name| is_carried_out(name) && !self.state.was_reopened(name));
        // What it said of one that is open, or was meanwhile, is not so any more: its records may have come.
        let is_outdated = |name: &DropId| self.state.is_open(name) || self.state.was_reopened(name);
        if drops.iter().all(was_said) && !said.into_iter().flatten().any(is_outdated) {
            return Ok(None);
        }
        let number = self.state.next_receipt(&id);
        let receipt = Receipt { space: *self.state.space(), device: id, number, drops };
        self.write_statement(Payload::Receipt(Signed::new(receipt, device)), nonce).map(Some)
    }
}
