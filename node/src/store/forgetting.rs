//! Removing: into the trash, out of it, and for good.

use std::collections::{BTreeMap, BTreeSet};

use musette_crdt::{date::rfc3339, document::Edit, value::Value};
use musette_protocol::{
    crypto::aead::NONCE_LEN,
    id::{BlobId, DeviceId, DocumentId},
    replica::forgetting::Forgetting,
};
use serde_json::{Value as Json, json};

use super::{Store, replace::is_disk_failure, revoking::blobs_of, write_error};
use crate::{
    entropy,
    error::{Error, Result},
};

/// Items that are removed at once without a further word.
const FEW: usize = 20;

impl Store {
    /// Puts items into the trash. `many` says how many the person expects, if they are more than a few.
    ///
    /// # Errors
    /// When one is not found, they are more than was said, or the disk refuses.
    pub(crate) fn remove(&mut self, ids: &[String], many: Option<usize>) -> Result<Json> {
        let items = ids.iter().map(|id| self.find(id)).collect::<Result<BTreeSet<DocumentId>>>()?;
        check_many(items.len(), many)?;
        self.set_removed(&items, true)?;
        Ok(json!({ "removed": items.len() }))
    }

    /// Takes items out of the trash.
    ///
    /// # Errors
    /// When one is not there, or the disk refuses.
    pub(crate) fn restore_items(&mut self, ids: &[String]) -> Result<Json> {
        let find = |id: &String| {
            self.find_in_trash(id).map_err(|error| match self.find(id) {
                Ok(_) => Error::new("not-in-trash").with("id", id),
                Err(known) if known.code() == "forgotten" => known,
                Err(_) => error,
            })
        };
        let items = ids.iter().map(find).collect::<Result<BTreeSet<DocumentId>>>()?;
        self.set_removed(&items, false)?;
        Ok(json!({ "restored": items.len() }))
    }

    fn set_removed(&mut self, items: &BTreeSet<DocumentId>, removed: bool) -> Result<()> {
        let edit = Edit { set: vec![("removed".to_owned(), Some(Value::Bool(removed)))], ..Edit::default() };
        for id in items {
            self.apply_edit(*id, &edit)?;
        }
        Ok(())
    }

    /// Forgets items for good, in the trash or not; all in the trash, if none are named.
    ///
    /// # Errors
    /// When one is not found, they are more than was said, or the disk refuses.
    pub(crate) fn forget(&mut self, ids: &[String], many: Option<usize>) -> Result<Json> {
        self.check_whole()?;
        self.check_entitled()?;
        let find = |id: &String| self.find(id).or_else(|error| self.find_in_trash(id).map_err(|_| error));
        let mut items = ids.iter().map(find).collect::<Result<BTreeSet<DocumentId>>>()?;
        if ids.is_empty() {
            items.extend(self.trash_after(None).map(|view| view.id));
        }
        if items.is_empty() {
            return Err(Error::new("trash-empty"));
        }
        check_many(items.len(), many)?;
        let blobs: BTreeMap<DocumentId, BTreeSet<BlobId>> =
            items.iter().map(|id| (*id, blobs_of(self.view(*id)))).collect();
        let documents: Vec<Forgetting<'_>> =
            blobs.iter().map(|(document, blobs)| Forgetting { document: *document, blobs }).collect();
        let keeper = self.keeper();
        let nonce = &mut entropy::bytes::<NONCE_LEN>;
        let effects =
            self.replica.forget(&documents, &self.device_key, keeper.as_ref(), nonce).map_err(write_error)?;
        self.unsynced = true;
        self.apply(effects, Vec::new())?;
        self.commit()?;
        // It is final by now. Rewriting takes room: where there is none, it is done later.
        let erased = self.erase_all();
        if let Err(error) = &erased {
            if !is_disk_failure(error) {
                return Err(error.clone());
            }
            tracing::warn!(code = error.code(), "what was forgotten is not erased yet");
        }
        let mut told = self.forgetting_json();
        told["forgotten"] = items.len().into();
        Ok(told)
    }

    /// Names the attachments that were put here to items which another device forgot meanwhile: nobody else
    /// can tell what their pieces are.
    ///
    /// # Errors
    /// When the disk refuses; it is then to be tried again.
    pub(super) fn forget_late(&mut self) -> Result<()> {
        if self.late.is_empty() || !self.keys.healing.is_empty() || !self.may_write() {
            return Ok(());
        }
        let nonce = &mut entropy::bytes::<NONCE_LEN>;
        let named = self.replica.forget_late(&self.late, &self.device_key, nonce).map_err(write_error)?;
        if let Some(effects) = named {
            self.unsynced = true;
            self.apply(effects, Vec::new())?;
        }
        // What is in quarantine now may be forgotten again, and by then nothing of it is read here.
        let state = self.replica.state();
        self.late.retain(|document, _| !state.is_forgotten(document));
        Ok(())
    }

    /// How far forgetting is: on how many devices nothing is left, and whom it waits for.
    pub(crate) fn forgetting_json(&self) -> Json {
        let state = self.state();
        let drops = state.forgetting_drops();
        let devices = state.log().devices();
        let has_all = |device: &&DeviceId| {
            let confirmed = state.confirmed_by(device);
            drops.iter().all(|drop| confirmed.is_some_and(|confirmed| confirmed.contains(drop)))
        };
        let connected = self.connected_devices();
        let waiting: Vec<Json> = devices
            .iter()
            .filter(|(device, _)| !has_all(device))
            .map(|(device, known)| {
                let seen = self.last_seen(*device).and_then(rfc3339);
                let this = *device == self.device;
                json!({
                    "id": device.to_string(), "name": known.certificate.name, "this": this, "last_seen": seen,
                    "connected": connected.contains(device),
                })
            })
            .collect();
        json!({
            "items": state.forgotten().count(),
            "gone": devices.len() - waiting.len(),
            "of": devices.len(),
            "waiting": waiting,
        })
    }
}

/// A slip of the hand must not empty a Musette.
fn check_many(count: usize, many: Option<usize>) -> Result<()> {
    match many {
        Some(many) if many != count => Err(Error::new("not-so-many").with("count", count).with("said", many)),
        None if count > FEW => Err(Error::new("so-many").with("count", count)),
        _ => Ok(()),
    }
}
