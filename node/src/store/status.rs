//! Where things stand, in words that a person can act on, and never from hope: only what another
//! device acknowledged counts as being there.

use std::collections::{BTreeMap, HashMap};

use musette_crdt::date::rfc3339;
use musette_protocol::{
    id::{DeviceId, DocumentId},
    limits::BLOB_CHUNK_LEN,
    session::Frontier,
    time::Timestamp,
};
use serde_json::{Value as Json, json};

use super::{Notice, Store};
use crate::{clock, error::Result, net::limits::MAX_ADDRESSES};

/// What is known of another device.
#[derive(Debug, Default)]
pub(crate) struct Peer {
    frontier: Option<Frontier>,
    sessions: usize,
    last_seen: Option<Timestamp>,
    reason: Option<String>,
}

/// The other devices, as this one knows them since it started.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    by_device: BTreeMap<DeviceId, Peer>,
    /// The commits that an item needs, by device.
    commits_of: HashMap<DocumentId, Vec<(DeviceId, u64)>>,
}

/// What of a [`Peer`] outlives a restart.
type Kept = (DeviceId, Option<Frontier>, Option<Timestamp>);

impl Peers {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let keep = |(device, peer): (&DeviceId, &Peer)| (*device, peer.frontier.clone(), peer.last_seen);
        let kept: Vec<Kept> = self.by_device.iter().map(keep).collect();
        postcard::to_allocvec(&kept).expect("postcard writes frontiers")
    }

    pub(super) fn take_back(&mut self, bytes: &[u8]) {
        for (device, frontier, last_seen) in postcard::from_bytes::<Vec<Kept>>(bytes).unwrap_or_default() {
            let peer = Peer { frontier, last_seen, ..Peer::default() };
            self.by_device.insert(device, peer);
        }
    }

    pub(super) fn note_commit(&mut self, item: DocumentId, device: DeviceId, number: u64) {
        let commits = self.commits_of.entry(item).or_default();
        match commits.iter_mut().find(|(known, _)| *known == device) {
            Some((_, newest)) => *newest = (*newest).max(number),
            None => commits.push((device, number)),
        }
    }
}

impl Store {
    /// A session with this device began.
    pub(crate) fn note_connected(&mut self, device: DeviceId) {
        let peer = self.peers.by_device.entry(device).or_default();
        peer.sessions += 1;
        peer.last_seen = Some(clock::now());
        peer.reason = None;
    }

    /// Remembers where a device was reached, the newest first, so that it is found again.
    ///
    /// # Errors
    /// When the vault cannot be written.
    pub(crate) fn note_addresses(&mut self, device: DeviceId, mut addresses: Vec<String>) -> Result<()> {
        let known = self.keys().addresses.get(&device).cloned().unwrap_or_default();
        if addresses.iter().all(|address| known.contains(address)) {
            return Ok(());
        }
        let older: Vec<String> = known.into_iter().filter(|address| !addresses.contains(address)).collect();
        addresses.extend(older);
        addresses.truncate(MAX_ADDRESSES);
        self.change_keys(|keys| {
            keys.addresses.insert(device, addresses);
        })
    }

    /// A session with this device ended.
    pub(crate) fn note_disconnected(&mut self, device: DeviceId) {
        let peer = self.peers.by_device.entry(device).or_default();
        peer.sessions = peer.sessions.saturating_sub(1);
        peer.last_seen = Some(clock::now());
    }

    /// Reaching this device failed, for a reason that has a code.
    pub(crate) fn note_unreachable(&mut self, device: DeviceId, reason: String) {
        self.peers.by_device.entry(device).or_default().reason = Some(reason);
    }

    pub(super) fn note_frontier(&mut self, device: DeviceId, frontier: Frontier) -> Result<()> {
        // Who knows a secret of ours but is not enrolled has no say in what is where.
        if !self.state().log().devices().contains_key(&device) {
            return Ok(());
        }
        if !self.keys().met.contains(&device) {
            self.change_keys(|keys| {
                keys.met.insert(device);
            })?;
        }
        // Asked each time: what the frontier covers may have come after it.
        let heals = self.keys().healing.contains(&device) && frontier.is_covered_by(self.replica.state());
        let peer = self.peers.by_device.entry(device).or_default();
        peer.last_seen = Some(clock::now());
        if peer.frontier.as_ref() != Some(&frontier) {
            peer.frontier = Some(frontier);
            self.dirty.any = true;
        }
        if heals { self.finish_healing() } else { Ok(()) }
    }

    /// Whether all that a device said it holds is held here.
    pub(crate) fn has_all_of(&self, device: DeviceId) -> bool {
        let frontier = self.peers.by_device.get(&device).and_then(|peer| peer.frontier.as_ref());
        frontier.is_some_and(|frontier| frontier.is_covered_by(self.state()))
    }

    fn missing_on(&self, device: DeviceId) -> Option<u64> {
        let frontier = self.peers.by_device.get(&device)?.frontier.as_ref()?;
        Some(frontier.missing_from(self.state()))
    }

    /// All devices of the person.
    pub(crate) fn devices_json(&self) -> Vec<Json> {
        let devices = self.state().log().devices();
        devices
            .values()
            .map(|device| {
                let id = device.certificate.device;
                let peer = self.peers.by_device.get(&id);
                let connected = peer.is_some_and(|peer| peer.sessions > 0);
                let missing = self.missing_on(id);
                let reason = peer.and_then(|peer| peer.reason.as_deref());
                let refused = reason.is_some_and(|reason| reason.starts_with("session-"));
                let state = match (id == self.device(), missing) {
                    (true, _) => "this",
                    // What it once acknowledged says nothing while the two do not talk.
                    _ if refused && !connected => "unreachable",
                    (_, Some(0)) => "agrees",
                    (_, Some(_)) => "behind",
                    (_, None) if connected => "behind",
                    (_, None) if reason.is_some() => "unreachable",
                    (_, None) => "never-met",
                };
                json!({
                    "id": id.to_string(),
                    "name": device.certificate.name,
                    "this": id == self.device(),
                    "admin": device.certificate.admin,
                    "verified": device.verified,
                    "connected": connected,
                    "state": state,
                    "missing": missing,
                    "last_seen": peer.and_then(|peer| peer.last_seen).and_then(rfc3339),
                    "reason": reason,
                })
            })
            .collect()
    }

    /// On how many devices everything is, or one item.
    pub(crate) fn sync_json(&self, item: Option<DocumentId>) -> Json {
        let devices = self.state().log().devices();
        let has = |device: &DeviceId| {
            if *device == self.device() {
                return true;
            }
            match item.and_then(|item| self.peers.commits_of.get(&item)) {
                Some(commits) => self.peers.by_device.get(device).is_some_and(|peer| {
                    let frontier = peer.frontier.as_ref();
                    frontier.is_some_and(|frontier| commits.iter().all(|(d, n)| frontier.has(d, *n)))
                }),
                None => self.missing_on(*device) == Some(0),
            }
        };
        let have = devices.keys().filter(|device| has(device)).count();
        let state = match (have, devices.len()) {
            (_, 0 | 1) => "only-here",
            (have, all) if have == all => "everywhere",
            (0 | 1, _) => "only-here",
            _ => "partly",
        };
        json!({ "state": state, "have": have, "of": devices.len() })
    }

    /// The whole status. `running` and `listen` are the node's.
    pub(crate) fn status_json(&self, running: bool, listen: &[String]) -> Json {
        let devices = self.state().log().devices();
        let own = devices.get(&self.device());
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "home": self.home().path().display().to_string(),
            "running": running,
            "person": { "id": self.person().to_string(), "name": self.person_name() },
            "device": {
                "id": self.device().to_string(),
                "name": own.map(|device| device.certificate.name.as_str()),
                "admin": own.is_some_and(|device| device.certificate.admin),
            },
            "vault": if self.vault().has_passphrase() { "passphrase" } else { "key-file" },
            "recovery": { "held": self.keys().recovery.is_some(), "checked": self.keys().recovery_checked },
            "items": self.item_count(),
            "sync": self.sync_json(None),
            "devices": self.devices_json(),
            "listen": listen,
            "notices": self.notices_json(),
            "journal": {
                "bytes": self.replica.journal().bytes(),
                "segments": self.replica.journal().segments(),
            },
        })
    }

    fn notices_json(&self) -> Vec<Json> {
        let mut notices: Vec<Json> = self.notices.iter().map(Notice::to_json).collect();
        let plain = |code: &str| json!({ "code": code, "args": {} });
        if !self.vault().has_passphrase() {
            notices.push(plain("key-file-vault"));
        }
        if self.keys().recovery.is_some() {
            notices.push(plain("recovery-unchecked"));
        }
        if !self.keys().healing.is_empty() {
            notices.push(plain("healing"));
        }
        for device in self.state().log().devices().values().filter(|device| !device.verified) {
            notices.push(json!({ "code": "device-unverified", "args": { "name": device.certificate.name } }));
        }
        if self.index.is_none() {
            notices.push(plain("no-index"));
        }
        notices
    }

    /// What `doctor` finds in order and what not.
    pub(crate) fn doctor_json(&mut self) -> Json {
        let mut checks = Vec::new();
        let mut check = |code: &str, ok: bool, args: Json| {
            checks.push(json!({ "code": code, "ok": ok, "args": args }));
        };
        let (mut records, mut bad) = (0_u64, 0_u64);
        for location in self.replica.state().locations() {
            records += 1;
            bad += u64::from(!matches!(self.replica.read_payload(location), Ok(Ok(_))));
        }
        check("journal-readable", bad == 0, json!({ "records": records, "bad": bad }));
        let orphans = self.state().orphans().len();
        check("records-counted", orphans == 0, json!({ "orphans": orphans }));
        let mut unreadable = 0_u64;
        let ids: Vec<DocumentId> = self.records.keys().copied().collect();
        for id in ids {
            match self.take_document(id) {
                Ok(document) => {
                    let same = document.view(id).ok() == self.view(id);
                    unreadable += u64::from(!same);
                }
                Err(_) => unreadable += 1,
            }
        }
        check(
            "views-current",
            unreadable == 0,
            json!({ "documents": self.records.len(), "bad": unreadable }),
        );
        let wanted: Vec<_> = self.items().flat_map(|view| view.attachments).collect();
        let chunks = |size: u64| size.div_ceil(BLOB_CHUNK_LEN as u64);
        let held = |id| self.blobs.get(id).map_or(0, |chunks| chunks.len() as u64);
        let bad = wanted.iter().filter(|one| held(&one.id) < chunks(one.size)).count();
        check("attachments-whole", bad == 0, json!({ "attachments": wanted.len(), "bad": bad }));
        check("index-open", self.index.is_some(), json!({}));
        json!({ "checks": checks, "notices": self.notices_json() })
    }
}

impl Notice {
    fn to_json(&self) -> Json {
        json!({ "code": self.code, "args": self.args })
    }
}
