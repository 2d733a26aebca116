//! Taking a device out, and what it did too late.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

use musette_crdt::{document::Document, view::ItemView};
use musette_protocol::{
    crypto::{aead::NONCE_LEN, sign::SigningKey},
    id::{BlobId, DeviceId, DocumentId, MIN_PREFIX_CHARS, OperationId},
    identity::{
        certificate::Certificate,
        log::{Author, LogError},
    },
    pairing::words::PhraseError,
    replica::{
        Quarantined,
        revoking::{RevokeError, Revoking},
        rotating::{EpochStartError, NewEpoch},
    },
};
use serde_json::{Value as Json, json};

use super::{Store, write_error};
use crate::{
    entropy,
    error::{Error, Result},
};

/// What a document is with what is in quarantine of it, and without.
struct Both {
    with: Document,
    without: Option<Document>,
}

impl Store {
    /// Takes a device out, by this one or by the phrase. `restore` names devices that it had taken out
    /// and that stay in; with the phrase this one is always among them.
    ///
    /// # Errors
    /// When a device is not found or this one has no right to it, the words are wrong, or the disk refuses.
    pub(crate) fn revoke(&mut self, device: &str, restore: &[String], words: Option<&str>) -> Result<Json> {
        self.check_whole()?;
        let recovery = words.map(|words| self.recovery_from(words)).transpose()?;
        let device = self.find_device(device)?;
        if device == self.device {
            return Err(Error::new("revoke-self"));
        }
        let mut stays = restore.iter().map(|name| self.find_device(name)).collect::<Result<Vec<_>>>()?;
        let log = self.state().log();
        let theirs = log.revocations_by(&device);
        if let Some(other) = stays.iter().find(|stays| theirs.iter().all(|(_, one)| one.device != **stays)) {
            let name = self.name_of(other);
            return Err(Error::new("not-revoked-by").with("name", name).with("by", self.name_of(&device)));
        }
        if recovery.is_some() {
            stays.push(self.device);
        }
        // What has no effect as things are is to have none: this revocation takes the place of earlier ones, which
        // undid it.
        let is_undone =
            |id: &OperationId, of: &DeviceId| log.ended_by(of).iter().all(|one| one.operation != *id);
        let undone =
            theirs.iter().filter(|(id, one)| stays.contains(&one.device) || is_undone(id, &one.device));
        let mut undone: Vec<OperationId> = undone.map(|(id, _)| *id).collect();
        undone.sort_unstable();
        let kept = self.state().head(&device).0;
        let changed = !log.has_ended(&device) || stays.iter().any(|stays| log.has_ended(stays));
        let mut taken_out: Vec<DeviceId> = theirs.iter().map(|(_, one)| one.device).collect();
        taken_out.sort_unstable();
        taken_out.dedup();
        if changed {
            let root = recovery.as_ref().map(|recovery| recovery.root());
            self.append_revocation(device, undone, root)?;
        }
        let (out, restored): (Vec<_>, Vec<_>) =
            taken_out.iter().partition(|one| self.state().log().has_ended(one));
        let names = |devices: Vec<&DeviceId>| -> Vec<String> {
            devices.into_iter().map(|device| self.name_of(device)).collect()
        };
        Ok(json!({
            "device": { "id": device.to_string(), "name": self.name_of(&device) },
            "kept": kept,
            "changed": changed,
            "restored": names(restored),
            "out": names(out),
        }))
    }

    fn append_revocation(
        &mut self,
        device: DeviceId,
        undone: Vec<OperationId>,
        root: Option<&SigningKey>,
    ) -> Result<()> {
        let keeper = self.keeper().ok_or_else(|| Error::new("not-admin"))?;
        let recovery = Some(self.recovery_key());
        let (secret, entropy) = (entropy::secret(), entropy::secret());
        let epoch = NewEpoch { keeper: &keeper, device: &self.device_key, recovery, secret, entropy };
        let revoking = Revoking { device, undone, root, epoch };
        let effects = self
            .replica
            .revoke(&revoking, &mut entropy::bytes::<NONCE_LEN>)
            .map_err(|error| ending_error(error, "not-admin"))?;
        self.unsynced = true;
        self.apply(effects, Vec::new())
    }

    /// Forgets the devices that were taken out by now, here or elsewhere.
    ///
    /// # Errors
    /// When the vault cannot be written.
    pub(super) fn forget_ended(&mut self) -> Result<()> {
        let (log, keys) = (self.state().log(), &self.keys);
        let known = keys.addresses.keys().chain(&keys.met);
        let ended: BTreeSet<DeviceId> = known.filter(|device| log.has_ended(device)).copied().collect();
        ended.into_iter().try_for_each(|device| self.forget_peer(device))?;
        self.heal_alone()
    }

    /// Nothing is asked of a device any more that was taken out.
    fn forget_peer(&mut self, device: DeviceId) -> Result<()> {
        self.change_keys(|keys| {
            keys.addresses.remove(&device);
            keys.met.remove(&device);
            keys.words.remove(&device);
        })
    }

    /// A device by its name or the beginning of its id.
    fn find_device(&self, text: &str) -> Result<DeviceId> {
        let log = self.state().log();
        let text = text.trim();
        let is_meant = |certificate: &&Certificate| {
            let prefix = text.to_lowercase();
            certificate.name == text
                || prefix.len() >= MIN_PREFIX_CHARS && certificate.device.to_string().starts_with(&prefix)
        };
        // Those that are out too: whoever repeats a command must not take out another device.
        let found: Vec<DeviceId> = log.certificates().filter(is_meant).map(|one| one.device).collect();
        match found.as_slice() {
            [one] => Ok(*one),
            [] => Err(Error::new("device-not-found").with("name", text).with("letters", MIN_PREFIX_CHARS)),
            _ => Err(Error::new("device-ambiguous").with("name", text)),
        }
    }

    pub(super) fn name_of(&self, device: &DeviceId) -> String {
        let certificate = self.state().log().certificate(device);
        certificate.map_or_else(|| device.short().to_string(), |certificate| certificate.name.clone())
    }

    /// Whether this device was taken out.
    pub(crate) fn is_revoked(&self) -> bool {
        self.state().log().has_ended(&self.device)
    }

    /// Whether what this device writes would count.
    pub(super) fn may_write(&self) -> bool {
        !self.is_revoked() && !self.state().keyring().written_under().is_empty()
    }

    /// Requires that what this device writes counts.
    ///
    /// # Errors
    /// `device-revoked`, `device-words-replaced`.
    pub(crate) fn check_entitled(&self) -> Result<()> {
        if self.is_revoked() {
            if self.ended_with_words(&self.device) {
                return Err(Error::new("device-words-replaced"));
            }
            return Err(Error::new("device-revoked").with("by", self.revoked_by(&self.device).join(", ")));
        }
        Ok(())
    }

    /// Whether a device is out because the words were replaced with which it, or who let it in, was let in.
    fn ended_with_words(&self, device: &DeviceId) -> bool {
        self.state().log().ended_by(device).iter().all(|ended| ended.is_replacement)
    }

    /// The names of the devices that took one out; the phrase has none.
    fn revoked_by(&self, device: &DeviceId) -> Vec<String> {
        let ended = self.state().log().ended_by(device);
        let names: BTreeSet<String> = ended
            .iter()
            .filter_map(|ended| match ended.by {
                Author::Device(by) => Some(self.name_of(&by)),
                Author::Root => None,
            })
            .collect();
        names.into_iter().collect()
    }

    /// The devices that were taken out.
    pub(crate) fn revoked_json(&self) -> Vec<Json> {
        let log = self.state().log();
        let ended = log.certificates().filter(|certificate| log.has_ended(&certificate.device));
        let revoked = ended.map(|certificate| {
            json!({
                "id": certificate.device.to_string(),
                "name": certificate.name,
                "this": certificate.device == self.device,
                "by": self.revoked_by(&certificate.device),
                "words_replaced": self.ended_with_words(&certificate.device),
            })
        });
        revoked.collect()
    }

    /// How many items are in quarantine, in whole or in part.
    pub(crate) fn quarantine_count(&self) -> usize {
        self.quarantined_items().len()
    }

    /// What is in quarantine: each item, who changed it, and what would be different.
    ///
    /// # Errors
    /// When the disk fails.
    pub(crate) fn quarantine_json(&mut self) -> Result<Json> {
        let mut items = Vec::new();
        for (id, changes) in self.quarantined_items() {
            let devices: BTreeSet<String> =
                changes.iter().map(|change| self.name_of(&change.device)).collect();
            let mut item = json!({
                "id": id.to_string(),
                "devices": devices,
                "changes": changes.len(),
                "is_new": self.view(id).is_none(),
                "title": null,
                "kind": null,
                "history": [],
            });
            if let Some(both) = self.both(id, &changes)? {
                let before = both.without.map(|document| document.history()).unwrap_or_default();
                let mut entries = both.with.history();
                entries.retain(|entry| !before.contains(entry));
                item["history"] = self.history_json(&entries);
                if let Ok(view) = both.with.view(id) {
                    item["title"] = view.title().into();
                    item["kind"] = view.kind.as_str().into();
                }
            }
            items.push(item);
        }
        Ok(json!({ "items": items }))
    }

    /// The changes in quarantine of each item that was not forgotten: nothing could bring that back.
    fn quarantined_items(&self) -> BTreeMap<DocumentId, Vec<Quarantined>> {
        let mut items: BTreeMap<DocumentId, Vec<Quarantined>> = BTreeMap::new();
        let quarantined = self.state().quarantined();
        for change in quarantined.into_iter().filter(|one| !self.state().is_forgotten(&one.document)) {
            items.entry(change.document).or_default().push(change);
        }
        items
    }

    fn both(&mut self, id: DocumentId, changes: &[Quarantined]) -> Result<Option<Both>> {
        let without = self.take_document(id).ok();
        let counted: Vec<_> = self.state().document(&id).map(|(_, location)| location).collect();
        let quarantined = changes.iter().filter_map(|change| self.state().location(&change.record));
        let all: Vec<_> = counted.into_iter().chain(quarantined.collect::<Vec<_>>()).collect();
        let payloads: Vec<Vec<u8>> =
            all.into_iter().filter_map(|location| self.read_change(location)).collect();
        let with = Document::load(payloads.iter().map(Vec::as_slice)).ok();
        Ok(with.map(|with| Both { with, without }))
    }

    /// Lets count what is in quarantine of some items; of all, if none are named.
    ///
    /// # Errors
    /// When one of them has nothing there, this device may not write, or the disk refuses.
    pub(crate) fn quarantine_accept(&mut self, ids: &[String]) -> Result<Json> {
        self.check_whole()?;
        self.check_entitled()?;
        let items = self.quarantined_items();
        let mut chosen = BTreeSet::new();
        for id in ids {
            let from = |first: DocumentId| items.range(first..).map(|(id, _)| *id);
            let found = super::items::unique(id, from);
            chosen.insert(found.map_err(|error| match error.code() {
                "not-found" => Error::new("not-in-quarantine").with("id", id),
                _ => error,
            })?);
        }
        if ids.is_empty() {
            chosen.extend(items.keys());
        }
        if chosen.is_empty() {
            return Err(Error::new("quarantine-empty"));
        }
        for id in &chosen {
            let both = self.both(*id, &items[id])?;
            let blobs = blobs_of(both.and_then(|both| both.with.view(*id).ok()));
            let nonce = &mut entropy::bytes::<NONCE_LEN>;
            let effects = self.replica.accept(id, &blobs, &self.device_key, nonce).map_err(write_error)?;
            self.unsynced = true;
            self.apply(effects, Vec::new())?;
        }
        Ok(json!({ "accepted": chosen.len() }))
    }
}

/// The attachments of what is shown of an item.
pub(super) fn blobs_of(view: Option<ItemView>) -> BTreeSet<BlobId> {
    view.into_iter().flat_map(|view| view.attachments).map(|attachment| attachment.id).collect()
}

/// Why nobody was taken out, or no root replaced; `not_entitled` where this device may not do it.
pub(super) fn ending_error(error: RevokeError<io::Error>, not_entitled: &'static str) -> Error {
    match error {
        RevokeError::Refused(LogError::Malformed) | RevokeError::Epoch(EpochStartError::NoRoom) => {
            Error::new("device-log-full")
        }
        RevokeError::Epoch(EpochStartError::Write(error)) => write_error(error),
        RevokeError::Refused(_) | RevokeError::Epoch(_) => Error::new(not_entitled),
    }
}

/// What is wrong with 24 words, in a person's terms.
pub(crate) fn phrase_error(error: PhraseError) -> Error {
    let told = Error::new(error.code());
    match error {
        PhraseError::WrongCount { found } => told.with("found", found),
        PhraseError::UnknownWord { position } => told.with("position", position),
        PhraseError::BadChecksum => told,
    }
}
