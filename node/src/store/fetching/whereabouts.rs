//! On which devices attachments are whole, by what these acknowledged.
//!
//! A frontier speaks of commits, so it is kept by which commits the pieces of each attachment were
//! written. That is known of pieces that are held here: of an attachment that is not whole here, nothing
//! is said about other devices.

use std::collections::BTreeMap;

use musette_crdt::view::Attachment;
use musette_protocol::{
    id::{BlobId, DeviceId, DocumentId},
    replica::{Counted, Item, Subject},
    session::frontier::Span,
};
use serde_json::{Value as Json, json};

use super::{SMALL_ATTACHMENT_BYTES, Store};
use crate::standing::Standing;

/// The commits by which each attachment's pieces were written: the first and the last of each device.
#[derive(Debug, Default)]
pub(in crate::store) struct Written(BTreeMap<BlobId, Vec<(DeviceId, Span)>>);

impl Written {
    /// Notes by which commit a record was written, if it is a piece.
    pub(in crate::store) fn note(&mut self, item: &Item, writer: DeviceId, number: u64) {
        let Subject::Blob(blob, _) = item.subject else { return };
        let commits = self.0.entry(blob).or_default();
        match commits.iter_mut().find(|(known, _)| *known == writer) {
            Some((_, span)) => {
                span.first = span.first.min(number);
                span.last = span.last.max(number);
            }
            None => commits.push((writer, Span { first: number, last: number })),
        }
    }

    /// Notes all pieces that a commit names.
    pub(in crate::store) fn note_all(&mut self, counted: &Counted) {
        counted.items.iter().for_each(|item| self.note(item, counted.device, counted.number));
    }

    fn of(&self, blob: &BlobId) -> &[(DeviceId, Span)] {
        self.0.get(blob).map_or(&[], Vec::as_slice)
    }
}

/// How many attachments, and their bytes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Sum {
    pub(in crate::store) count: u64,
    pub(in crate::store) bytes: u64,
}

impl Sum {
    fn of(sizes: impl Iterator<Item = u64>) -> Self {
        sizes.fold(Self::default(), |sum, size| Self { count: sum.count + 1, bytes: sum.bytes + size })
    }

    pub(in crate::store) fn to_json(self) -> Json {
        json!({ "count": self.count, "bytes": self.bytes })
    }
}

impl Store {
    /// Whether all of an attachment that is whole here is durable on a device too.
    fn is_whole_on(&self, device: DeviceId, blob: &BlobId) -> bool {
        let frontier = self.peers.frontier_of(device);
        let has = |(writer, span): &(DeviceId, Span)| {
            frontier.is_some_and(|frontier| frontier.has_whole(writer, *span))
        };
        device == self.device() || self.fetching.written.of(blob).iter().all(has)
    }

    /// Attachments that are whole here and not known to be on a device; those that it fetches by itself,
    /// or all.
    pub(in crate::store) fn attachments_lacking_on(&self, device: DeviceId, is_small: bool) -> Sum {
        let whole = self.fetching.known.iter().filter(|(_, known)| known.is_whole());
        let lacking = whole.filter(|(blob, known)| {
            (!is_small || known.size <= SMALL_ATTACHMENT_BYTES) && !self.is_whole_on(device, blob)
        });
        Sum::of(lacking.map(|(_, known)| known.size))
    }

    /// Attachments that are lost with this device; none where there is no other, or who asks sees no items.
    pub(in crate::store) fn attachments_only_here(&self) -> Sum {
        let others = self.other_devices();
        let whole = self.fetching.known.iter().filter(|(_, known)| known.is_whole());
        let only_here = whole.filter(|(blob, _)| {
            !self.is_restored()
                && !others.is_empty()
                && !others.iter().any(|device| self.is_whole_on(*device, blob))
        });
        Sum::of(only_here.map(|(_, known)| known.size))
    }

    fn other_devices(&self) -> Vec<DeviceId> {
        let devices = self.state().log().devices();
        devices.keys().copied().filter(|device| *device != self.device()).collect()
    }

    /// Whether a device has those attachments of an item that come by themselves.
    pub(in crate::store) fn has_small_attachments(&self, device: DeviceId, item: DocumentId) -> bool {
        let attachments = self.view(item).map(|view| view.attachments).unwrap_or_default();
        let small = attachments.iter().filter(|one| one.size <= SMALL_ATTACHMENT_BYTES);
        small.map(|one| &one.id).all(|blob| self.is_whole_on(device, blob))
    }

    /// Adds to an item's attachments how much of each is here, and on how many devices it is whole.
    pub(crate) fn tell_whereabouts(&self, item: DocumentId, json: &mut Json) {
        let attachments = self.view(item).map(|view| view.attachments).unwrap_or_default();
        let listed = json.get_mut("attachments").and_then(Json::as_array_mut);
        for (attachment, told) in attachments.iter().zip(listed.into_iter().flatten()) {
            let known = self.fetching.known.get(&attachment.id);
            told["done"] = known.map_or(0, super::Known::done).into();
            told["sync"] = self.whereabouts_json(attachment);
        }
    }

    /// As [`Store::sync_json`] tells it of items; nothing where that is not known.
    fn whereabouts_json(&self, attachment: &Attachment) -> Json {
        let is_whole = self.fetching.known.get(&attachment.id).is_some_and(super::Known::is_whole);
        if !is_whole {
            return Json::Null;
        }
        let others = self.other_devices();
        let have = 1 + others.iter().filter(|device| self.is_whole_on(**device, &attachment.id)).count();
        let of = 1 + others.len();
        json!({ "state": Standing::of(have, of).code(), "have": have, "of": of })
    }
}
