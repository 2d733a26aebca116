//! How far fetching is, as the API tells it.

use musette_crdt::view::Attachment;
use musette_protocol::{
    id::{BlobId, DeviceId},
    schedule::{Flow, StopReason},
};
use serde_json::{Value as Json, json};

use super::{Known, Store};
use crate::{
    error::{Error, Result},
    standing::Waiting,
};

/// Attachments on their way that are told one by one; the others are only counted.
const MAX_TOLD: usize = 16;

impl Store {
    /// How much of an attachment is here.
    ///
    /// # Errors
    /// `attachment-elsewhere` when more is missing, and all of the person's devices are connected and lack it.
    pub(crate) fn fetched(&self, attachment: &Attachment) -> Result<Json> {
        let known = self.fetching.known.get(&attachment.id);
        let Some(missing) = known.filter(|known| !known.is_whole()) else {
            let size = attachment.size;
            return Ok(json!({ "name": attachment.name, "done": size, "total": size, "whole": true }));
        };
        let why = self.why_not_coming(&attachment.id);
        let are_all_there = self.connected_devices().len() + 1 >= self.state().log().devices().len();
        if why == Some(Waiting::Elsewhere) && are_all_there {
            return Err(Error::new("attachment-elsewhere").with("name", &attachment.name));
        }
        Ok(json!({
            "name": attachment.name,
            "done": missing.done(),
            "total": attachment.size,
            "whole": false,
            "from": self.source_of(&attachment.id),
            "why": why.filter(|why| *why != Waiting::Attachment).map(Waiting::code),
        }))
    }

    /// The name of the device that an attachment comes from.
    fn source_of(&self, blob: &BlobId) -> Option<String> {
        let from = self.fetching.from.get(blob)?;
        self.state().log().devices().get(from).map(|device| device.certificate.name.clone())
    }

    /// What an attachment waits for that is to come and does not.
    fn why_not_coming(&self, blob: &BlobId) -> Option<Waiting> {
        if self.fetching.from.contains_key(blob) {
            return None;
        }
        Some(match self.fetching.flow {
            Flow::Nothing(not_now) if not_now.reason == StopReason::Paused => Waiting::Paused,
            Flow::Nothing(_) => Waiting::BudgetUsed,
            Flow::NoAttachments { asked_for: false } => Waiting::BudgetLow,
            _ => {
                let connected = self.connected_devices();
                let lacking = |device: &DeviceId| self.fetching.lacking.get(&(*blob, *device)).copied();
                match connected.iter().map(lacking).collect::<Option<Vec<bool>>>() {
                    _ if connected.is_empty() => Waiting::NobodyThere,
                    Some(lacking) if lacking.contains(&true) => Waiting::Withheld,
                    Some(_) => Waiting::Elsewhere,
                    None => Waiting::Attachment,
                }
            }
        })
    }

    /// How many attachments are not all here.
    pub(crate) fn attachments_missing(&self) -> usize {
        self.fetching.missing.len()
    }

    /// Attachments that are not all here: how many, how many bytes, and which of them are on their way.
    pub(crate) fn attachments_json(&self) -> Json {
        let fetching = &self.fetching;
        let left = |known: &Known| known.size - known.done();
        let missing = || fetching.missing.iter().filter_map(|blob| fetching.known.get_key_value(blob));
        let coming = missing().filter(|(blob, _)| fetching.from.contains_key(blob));
        let is_to_come = |(blob, known): &(&BlobId, &Known)| {
            fetching.asked.contains(blob) || fetching.is_wanted(blob, known.size)
        };
        let mut to_come: Vec<_> = missing().filter(is_to_come).collect();
        to_come.sort_by_key(|(blob, _)| !fetching.from.contains_key(blob));
        // Their names are not for who sees no items.
        let at_most = if self.is_restored() { 0 } else { MAX_TOLD };
        let told = to_come.iter().take(at_most).map(|(blob, known)| self.coming_json(blob, known));
        json!({
            "missing": fetching.missing.len(),
            "missing_bytes": missing().map(|(_, known)| left(known)).sum::<u64>(),
            "coming_bytes": coming.map(|(_, known)| left(known)).sum::<u64>(),
            "to_come": to_come.len(),
            "to_come_bytes": to_come.iter().map(|(_, known)| left(known)).sum::<u64>(),
            "only_here": self.attachments_only_here().to_json(),
            "coming": told.collect::<Vec<_>>(),
        })
    }

    /// What an attachment is called, for who sees items.
    pub(crate) fn name_of_attachment(&self, blob: &BlobId) -> Option<String> {
        let known = self.fetching.known.get(blob).filter(|_| !self.is_restored())?;
        let mut attachments = self.view(known.item)?.attachments.into_iter();
        attachments.find(|one| one.id == *blob).map(|one| one.name)
    }

    fn coming_json(&self, blob: &BlobId, known: &Known) -> Json {
        json!({
            "item": known.item.to_string(),
            "name": self.name_of_attachment(blob),
            "done": known.done(),
            "total": known.size,
            "asked": self.fetching.asked.contains(blob),
            "from": self.source_of(blob),
            "why": self.why_not_coming(blob).map(Waiting::code),
        })
    }
}
