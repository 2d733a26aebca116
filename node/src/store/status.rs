//! Where things stand, in words that a person can act on, and never from hope: only what another
//! device acknowledged counts as being there.

use std::collections::BTreeMap;

use musette_crdt::{date::rfc3339, view::Attachment};
use musette_protocol::{
    id::{BlobId, CommitId, DeviceId, DocumentId},
    replica::Naming,
    schedule::StopReason,
    session::Frontier,
    time::Timestamp,
};
use serde_json::{Value as Json, json};

use super::{Notice, Store, StoreEvent, documents::views_of, formats, parting::Parted, replace};
use crate::{
    clock,
    error::{Error, Result},
    net::limits::MAX_ADDRESSES,
    standing::{Goal, Standing, Waiting},
};

/// What is known of another device.
#[derive(Debug, Default)]
pub(crate) struct Peer {
    frontier: Option<Frontier>,
    sessions: usize,
    /// Since when it is connected, or no longer is, as far as this start knows.
    since: Option<Timestamp>,
    last_seen: Option<Timestamp>,
    reason: Option<String>,
    parted: Option<Parted>,
}

impl Peer {
    const fn is_connected(&self) -> bool {
        self.sessions > 0
    }

    /// Whether one of the two refused for a reason that stays.
    fn refuses(&self) -> bool {
        let stays = |reason: &str| reason.starts_with("session-") || reason.starts_with("protocol-");
        !self.is_connected() && self.reason.as_deref().is_some_and(stays)
    }
}

/// The other devices, as this one knows them since it started.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    by_device: BTreeMap<DeviceId, Peer>,
    /// Why somebody could not be talked to who could not even say who it is: another version. Until the
    /// next device that can.
    other_version: Option<String>,
}

/// What of a [`Peer`] outlives a restart.
type Kept = (DeviceId, Option<Frontier>, Option<Timestamp>, Option<Parted>);

impl Peers {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let keep = |(device, peer): (&DeviceId, &Peer)| {
            (*device, peer.frontier.clone(), peer.last_seen, peer.parted.clone())
        };
        let kept: Vec<Kept> = self.by_device.iter().map(keep).collect();
        postcard::to_allocvec(&kept).expect("postcard writes frontiers")
    }

    pub(super) fn take_back(&mut self, bytes: &[u8]) {
        let kept = postcard::from_bytes::<Vec<Kept>>(bytes).unwrap_or_default();
        for (device, frontier, last_seen, parted) in kept {
            let peer = Peer { frontier, last_seen, parted, ..Peer::default() };
            self.by_device.insert(device, peer);
        }
    }

    fn refuses(&self, device: DeviceId) -> bool {
        self.by_device.get(&device).is_some_and(Peer::refuses)
    }

    /// The commits that some devices said they hold, the last of each device's.
    pub(super) fn heads_of(&self, is_meant: impl Fn(&DeviceId) -> bool) -> impl Iterator<Item = CommitId> {
        let meant = self.by_device.iter().filter(move |(device, _)| is_meant(device));
        let frontiers = meant.filter_map(|(_, peer)| peer.frontier.as_ref());
        frontiers.flat_map(|frontier| &frontier.chains).map(|chain| chain.head.commit)
    }

    /// The devices that hold another history of some device than this one.
    pub(super) fn parted(&self) -> impl Iterator<Item = (&DeviceId, &Parted)> {
        self.by_device.iter().filter_map(|(device, peer)| Some((device, peer.parted.as_ref()?)))
    }

    /// Notes one; whether it was not known.
    pub(super) fn part(&mut self, device: DeviceId, parted: Parted) -> bool {
        let known = &mut self.by_device.entry(device).or_default().parted;
        let is_new = known.as_ref() != Some(&parted);
        *known = Some(parted);
        is_new
    }

    /// What a device last said that it holds.
    pub(super) fn frontier_of(&self, device: DeviceId) -> Option<&Frontier> {
        self.by_device.get(&device)?.frontier.as_ref()
    }
}

impl Store {
    /// A session with this device began.
    pub(crate) fn note_connected(&mut self, device: DeviceId) {
        let peer = self.peers.by_device.entry(device).or_default();
        let now = Some(clock::now());
        if peer.sessions == 0 {
            peer.since = now;
        }
        peer.sessions += 1;
        peer.last_seen = now;
        peer.reason = None;
        self.peers.other_version = None;
        self.changed |= self.fetching.forget(device);
        self.events.push(StoreEvent::Devices);
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

    /// Remembers where a device says that it is, in the place of all before.
    ///
    /// # Errors
    /// When the vault cannot be written.
    pub(crate) fn know_addresses(&mut self, device: DeviceId, mut addresses: Vec<String>) -> Result<()> {
        addresses.truncate(MAX_ADDRESSES);
        if addresses.is_empty() || self.keys().addresses.get(&device) == Some(&addresses) {
            return Ok(());
        }
        self.change_keys(|keys| {
            keys.addresses.insert(device, addresses);
        })
    }

    /// The person's other devices that are connected; none that was taken out.
    pub(super) fn connected_devices(&self) -> Vec<DeviceId> {
        let connected = self.peers.by_device.iter().filter(|(_, peer)| peer.is_connected());
        connected.map(|(device, _)| *device).filter(|device| self.is_device(device)).collect()
    }

    /// Whether this is one of the person's devices, and was not taken out.
    pub(crate) fn is_device(&self, device: &DeviceId) -> bool {
        self.state().log().devices().contains_key(device)
    }

    /// A session with this device ended.
    pub(crate) fn note_disconnected(&mut self, device: DeviceId) {
        let peer = self.peers.by_device.entry(device).or_default();
        let now = Some(clock::now());
        peer.sessions = peer.sessions.saturating_sub(1);
        if peer.sessions == 0 {
            peer.since = now;
        }
        peer.last_seen = now;
        // Another device may have what this one was asked for.
        self.changed |= self.fetching.forget(device);
        self.events.push(StoreEvent::Devices);
    }

    /// Reaching this device failed, for a reason that has a code.
    pub(crate) fn note_unreachable(&mut self, device: DeviceId, reason: String) {
        let peer = self.peers.by_device.entry(device).or_default();
        if peer.reason.as_ref() != Some(&reason) {
            peer.reason = Some(reason);
            self.note_sync_changed();
        }
    }

    /// A device nearby speaks another version, by this code. Who it is was not said.
    pub(crate) fn note_other_version(&mut self, code: String) {
        if self.peers.other_version.as_ref() != Some(&code) {
            self.peers.other_version = Some(code);
            self.note_sync_changed();
        }
    }

    /// Tells listeners that what they know of syncing is out of date; once for many changes.
    pub(crate) fn note_sync_changed(&mut self) {
        if self.events.last() != Some(&StoreEvent::Sync) {
            self.events.push(StoreEvent::Sync);
        }
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
        // Asked each time: what the frontier covers may have come after it, and so may an epoch to write
        // under, where a device was taken out.
        let has_epoch = !self.state().keyring().written_under().is_empty();
        let waits = has_epoch && self.keys().healing.contains(&device);
        let heals = waits && frontier.is_covered_by(self.replica.state());
        let peer = self.peers.by_device.entry(device).or_default();
        peer.last_seen = Some(clock::now());
        peer.parted = None;
        if peer.frontier.as_ref() != Some(&frontier) {
            peer.frontier = Some(frontier);
            self.dirty.any = true;
            self.note_sync_changed();
        }
        if heals { self.finish_healing() } else { Ok(()) }
    }

    /// When there was last a word from a device.
    pub(super) fn last_seen(&self, device: DeviceId) -> Option<Timestamp> {
        self.peers.by_device.get(&device)?.last_seen
    }

    /// Bytes of the journal.
    pub(crate) fn journal_bytes(&self) -> u64 {
        self.replica.journal().bytes()
    }

    /// Why what a device sent could not be kept here.
    pub(crate) fn disk_failure(&self, device: DeviceId) -> Option<Error> {
        let reason = self.peers.by_device.get(&device)?.reason.clone()?;
        Some(Error::new(reason)).filter(replace::is_disk_failure)
    }

    /// Whether all that a device said it holds is held here.
    pub(crate) fn has_all_of(&self, device: DeviceId) -> bool {
        self.peers.frontier_of(device).is_some_and(|frontier| frontier.is_covered_by(self.state()))
    }

    fn missing_on(&self, device: DeviceId) -> Option<u64> {
        Some(self.peers.frontier_of(device)?.missing_from(self.state()))
    }

    /// Whether a device said that it holds all that counts here: changes, and what was decided of devices and
    /// words.
    fn agrees(&self, device: DeviceId) -> bool {
        let has_all = |frontier: &Frontier| {
            frontier.has_statements_of(self.state()) && frontier.missing_from(self.state()) == 0
        };
        self.peers.frontier_of(device).is_some_and(has_all)
    }

    /// How many commits this device said it has that do not count here.
    fn to_arrive_from(&self, device: DeviceId) -> u64 {
        let heads = self.peers.frontier_of(device).into_iter().flat_map(|frontier| &frontier.chains);
        heads.map(|chain| chain.head.number.saturating_sub(self.state().head(&chain.head.device).0)).sum()
    }

    /// All devices of the person.
    pub(crate) fn devices_json(&self) -> Vec<Json> {
        let devices = self.state().log().devices();
        devices
            .values()
            .map(|device| {
                let id = device.certificate.device;
                let peer = self.peers.by_device.get(&id);
                let connected = peer.is_some_and(Peer::is_connected);
                let missing = self.missing_on(id);
                let reason = peer.and_then(|peer| peer.reason.as_deref());
                let state = match (id == self.device(), missing) {
                    (true, _) => "this",
                    // What it once acknowledged says nothing while the two do not talk.
                    _ if peer.is_some_and(Peer::refuses) => "unreachable",
                    _ if self.agrees(id) => "agrees",
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
                    "since": peer.and_then(|peer| peer.since).and_then(rfc3339),
                    "state": state,
                    "missing": missing,
                    "attachments_lacking": self.attachments_lacking_on(id, false).to_json(),
                    "to_arrive": self.to_arrive_from(id),
                    "last_seen": peer.and_then(|peer| peer.last_seen).and_then(rfc3339),
                    "reason": reason,
                    "recovered": self.recovered.since(&id).and_then(rfc3339),
                })
            })
            .collect()
    }

    /// Where everything is, or one item. `stop` is why nothing flows now.
    pub(crate) fn sync_json(&self, item: Option<DocumentId>, stop: Option<StopReason>) -> Json {
        let devices = self.state().log().devices();
        let needed = item.map_or_else(Vec::new, |item| self.state().commits_of(&item));
        let (have, lacking): (Vec<DeviceId>, Vec<DeviceId>) =
            devices.keys().copied().partition(|device| self.is_on(*device, item, &needed));
        let refusing = lacking.iter().find(|device| self.peers.refuses(**device));
        let sender = devices.keys().find(|device| self.to_arrive_from(**device) > 0);
        let awaited = item.and_then(|_| self.awaited_attachment(item));
        let (standing, waiting, device) = match item {
            _ if have.len() + lacking.len() < 2 => (Standing::OnlyHere, None, None),
            Some(_) if awaited.is_some() => (Standing::Waiting, Some(Waiting::Attachment), None),
            None if sender.is_some() => (Standing::Waiting, Some(Waiting::ToArrive), sender),
            _ if lacking.is_empty() => (Standing::Everywhere, None, None),
            _ => match (stop, refusing) {
                (Some(stop), _) => (Standing::Waiting, Some(waiting_for(stop)), None),
                (None, Some(device)) => (Standing::Refused, Some(Waiting::Refused), Some(device)),
                (None, None) if have.len() > 1 => (Standing::Partly, None, None),
                (None, None) => match lacking.iter().find(|device| self.acknowledged(**device, &needed)) {
                    Some(device) => (Standing::Waiting, Some(Waiting::AttachmentThere), Some(device)),
                    None => (Standing::OnlyHere, None, None),
                },
            },
        };
        let reason = device.and_then(|device| self.peers.by_device.get(device)?.reason.as_deref());
        let has_earlier = |device: &&DeviceId| {
            !self.acknowledged(**device, &needed) && self.acknowledged_some(**device, &needed)
        };
        let earlier = lacking.iter().filter(has_earlier).count();
        json!({
            "state": standing.code(),
            "have": have.len(),
            "earlier": earlier,
            "of": have.len() + lacking.len(),
            "why": waiting.map(Waiting::code),
            "device": device.and_then(|device| devices.get(device)).map(|one| &one.certificate.name),
            "attachment": awaited.and_then(|blob| self.name_of_attachment(&blob)),
            "reason": reason,
        })
    }

    /// Whether a device acknowledged an item's commits, and has those of its attachments that come by
    /// themselves; without commits, everything.
    fn is_on(&self, device: DeviceId, item: Option<DocumentId>, needed: &[Naming]) -> bool {
        if device == self.device() {
            return true;
        }
        if needed.is_empty() {
            return self.agrees(device);
        }
        self.acknowledged(device, needed) && item.is_none_or(|item| self.has_small_attachments(device, item))
    }

    /// Whether a device acknowledged these commits, of which there are some.
    fn acknowledged(&self, device: DeviceId, needed: &[Naming]) -> bool {
        let has_all = |frontier: &Frontier| needed.iter().all(|one| frontier.has(&one.device, one.last));
        !needed.is_empty() && self.peers.frontier_of(device).is_some_and(has_all)
    }

    /// Whether a device acknowledged some commit of an item.
    fn acknowledged_some(&self, device: DeviceId, commits: &[Naming]) -> bool {
        let has_some = |frontier: &Frontier| commits.iter().any(|one| frontier.has(&one.device, one.first));
        self.peers.frontier_of(device).is_some_and(has_some)
    }

    /// What a goal waits for, by device; nothing when it is reached.
    pub(crate) fn waiting_json(&self, goal: Goal, stop: Option<StopReason>) -> Vec<Json> {
        let mut waiting = Vec::new();
        for (device, known) in self.state().log().devices() {
            let device = *device;
            if device == self.device() {
                continue;
            }
            let missing = self.missing_on(device);
            let to_arrive = self.to_arrive_from(device);
            let lacking = self.attachments_lacking_on(device, true).count;
            let agrees = self.agrees(device);
            let is_there = agrees && lacking == 0;
            if to_arrive == 0 && (goal == Goal::Here || is_there) {
                continue;
            }
            let why = match self.why(device, stop) {
                Waiting::UnderWay if agrees => Waiting::AttachmentThere,
                why => why,
            };
            let peer = self.peers.by_device.get(&device);
            waiting.push(json!({
                "id": device.to_string(),
                "device": known.certificate.name,
                "why": why.code(),
                "missing": missing,
                "attachments_lacking": lacking,
                "to_arrive": to_arrive,
                "connected": peer.is_some_and(Peer::is_connected),
                "last_seen": peer.and_then(|peer| peer.last_seen).and_then(rfc3339),
                "reason": peer.and_then(|peer| peer.reason.as_deref()),
            }));
        }
        if let Some(blob) = self.awaited_attachment(None).filter(|_| waiting.is_empty()) {
            let why = stop.map_or(Waiting::Attachment, waiting_for);
            waiting.push(json!({ "why": why.code(), "attachment": self.name_of_attachment(&blob) }));
        }
        waiting
    }

    /// Why a device and this one do not hold the same yet.
    fn why(&self, device: DeviceId, stop: Option<StopReason>) -> Waiting {
        let Some(peer) = self.peers.by_device.get(&device) else {
            return stop.map_or(Waiting::NeverMet, waiting_for);
        };
        match (stop, peer.reason.as_deref()) {
            (Some(stop), _) => waiting_for(stop),
            _ if !self.keys().healing.is_empty() => Waiting::Healing,
            _ if peer.is_connected() && self.to_arrive_from(device) > 0 => Waiting::ToArrive,
            _ if peer.is_connected() => Waiting::UnderWay,
            _ if peer.refuses() => Waiting::Refused,
            (_, Some("peer-paused")) => Waiting::PeerPaused,
            (_, Some("peer-budget-used")) => Waiting::PeerBudgetUsed,
            _ if peer.last_seen.is_none() => Waiting::NeverMet,
            _ => Waiting::OutOfReach,
        }
    }

    /// The whole status. `running` and `listen` are the node's.
    pub(crate) fn status_json(&self, running: bool, listen: &[String], stop: Option<StopReason>) -> Json {
        let devices = self.state().log().devices();
        let own = devices.get(&self.device());
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "home": self.home().path().display().to_string(),
            "running": running,
            "person": { "id": self.person().to_string(), "name": self.person_name() },
            "device": {
                "id": self.device().to_string(),
                "name": self.state().log().certificate(&self.device()).map(|own| own.name.as_str()),
                "admin": own.is_some_and(|device| device.certificate.admin),
                "revoked": self.is_revoked(),
            },
            "vault": self.vault().opened_by(),
            "recovery": {
                "held": self.words_kept().is_ok(),
                "checked": self.keys().recovery_checked,
                "frozen": self.state().log().root().is_none(),
            },
            "items": self.items_shown(),
            "backup": { "last": self.backups.last().and_then(rfc3339) },
            "sync": self.sync_json(None, stop),
            "spaces": [self.space_json(stop)],
            "devices": self.devices_json(),
            "revoked": self.revoked_json(),
            "quarantine": { "items": self.quarantine_count() },
            "forgetting": self.forgetting_json(),
            "attachments": self.attachments_json(),
            "listen": listen,
            "notices": self.notices_json(),
            "journal": {
                "bytes": self.replica.journal().bytes(),
                "live": self.state().held_bytes(),
                "segments": self.replica.journal().segments(),
            },
        })
    }

    /// How many items this device shows: none of those that may have been forgotten since.
    fn items_shown(&self) -> usize {
        if self.is_restored() { 0 } else { self.item_count() }
    }

    /// The self space: the only kind that there is so far.
    fn space_json(&self, stop: Option<StopReason>) -> Json {
        let mut space = self.sync_json(None, stop);
        space["id"] = self.state().space().to_string().into();
        space["kind"] = "self".into();
        space["items"] = self.items_shown().into();
        space
    }

    fn notices_json(&self) -> Vec<Json> {
        let mut notices: Vec<Json> = self.notices.iter().map(Notice::to_json).collect();
        let plain = |code: &str| json!({ "code": code, "args": {} });
        if formats::is_kept(self.home()) {
            let kept = self.home().kept_path();
            notices.push(json!({ "code": "upgraded", "args": { "kept": kept.display().to_string() } }));
        }
        if self.vault().has_key_file() {
            notices.push(plain("key-file-vault"));
        }
        if self.words_kept().is_ok() {
            notices.push(plain("recovery-unchecked"));
        }
        for check in [self.check_whole(), self.check_entitled()] {
            if let Err(error) = check {
                notices.push(json!({ "code": error.code(), "args": error.args() }));
            }
        }
        // Whoever was taken out is told so alone: to become another device is no way back.
        if self.is_copied() && !self.is_revoked() {
            notices.push(plain("copied"));
        }
        for (peer, over) in self.parted_over_a_third().filter(|(peer, _)| self.peers.refuses(**peer)) {
            let whose: Vec<String> = over.iter().map(|device| self.name_of(device)).collect();
            let args = json!({ "name": self.name_of(peer), "whose": whose.join(", "), "count": over.len() });
            notices.push(json!({ "code": "parted", "args": args }));
        }
        let quarantined = self.quarantine_count();
        if quarantined > 0 {
            notices.push(json!({ "code": "quarantine", "args": { "count": quarantined } }));
        }
        if let Some(code) = &self.peers.other_version {
            notices.push(plain(code));
        }
        if self.backups.is_due(clock::now()) {
            notices.push(plain("backup-due"));
        }
        for device in self.state().log().devices().values().filter(|device| !device.verified) {
            notices.push(json!({ "code": "device-unverified", "args": { "name": device.certificate.name } }));
        }
        for (device, since) in self.recovered.recent(clock::now()) {
            // Not by its name alone, which whoever has the words chose.
            let args = json!({
                "name": self.name_of(&device), "id": device.short(), "since": rfc3339(since),
            });
            notices.push(json!({ "code": "device-recovered", "args": args }));
        }
        if self.state().log().root().is_none() {
            notices.push(plain("words-frozen"));
        } else if let Some(since) = self.replaced.recent(clock::now()) {
            notices.push(json!({ "code": "words-replaced", "args": { "since": rfc3339(since) } }));
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
        let mut ids = self.documents_as_they_lie().into_iter();
        let (documents, mut current) = (ids.len(), 0);
        loop {
            let batch = self.next_batch(&mut ids);
            if batch.is_empty() {
                break;
            }
            let views = views_of(&batch);
            current += views.into_iter().filter(|(id, view)| self.view(*id).as_ref() == Some(view)).count();
        }
        let unreadable = documents - current;
        check("views-current", unreadable == 0, json!({ "documents": documents, "bad": unreadable }));
        let held = |id: &BlobId| self.state().chunks_held(id);
        let comes = |one: &Attachment| self.comes_by_itself(one) || held(&one.id) > 0;
        let wanted: Vec<_> = self.items().flat_map(|view| view.attachments).filter(comes).collect();
        let bad = wanted.iter().filter(|one| held(&one.id) < one.chunks() as usize).count();
        check("attachments-whole", bad == 0, json!({ "attachments": wanted.len(), "bad": bad }));
        check("index-open", self.index.is_some(), json!({}));
        json!({ "checks": checks, "notices": self.notices_json() })
    }
}

const fn waiting_for(stop: StopReason) -> Waiting {
    match stop {
        StopReason::Paused => Waiting::Paused,
        StopReason::BudgetUsed => Waiting::BudgetUsed,
    }
}

impl Notice {
    fn to_json(&self) -> Json {
        json!({ "code": self.code, "args": self.args })
    }
}
