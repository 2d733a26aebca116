//! Devices that were given different histories of one device, and do not sync because of that: which these
//! are, and what this one gives up if it becomes a device of its own ([`super::splitting`]).

use std::collections::{BTreeMap, BTreeSet};

use musette_protocol::{
    id::{DeviceId, OperationId},
    identity::log::Author,
    replica::GivenUp,
    session::frontier::Head,
};
use serde::{Deserialize, Serialize};

use super::{Store, StoreEvent};

/// That another device holds another history of some device than this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Parted {
    /// Whose: one of these.
    over: BTreeSet<DeviceId>,
    /// The heads of the device log when that was noticed.
    at: Vec<OperationId>,
}

impl Store {
    /// Notes that `peer` holds another history of a device than this one, or that this home is in use twice.
    pub(crate) fn note_fork(&mut self, peer: DeviceId, device: DeviceId) {
        if peer == self.device {
            self.copy_met = true;
            self.tell_of_histories();
        } else {
            self.note_parted(peer, BTreeSet::from([device]));
        }
    }

    /// Notes that `peer` refused this device for such a history. It does not say whose: of one that goes on
    /// there beyond what is here, or this device would have noticed.
    pub(crate) fn note_refused_for_fork(&mut self, peer: DeviceId) {
        let Some(frontier) = self.peers.frontier_of(peer) else { return };
        let is_beyond = |head: &Head| self.state().head(&head.device).0 < head.number;
        let mut over: BTreeSet<DeviceId> = frontier
            .chains
            .iter()
            .map(|chain| chain.head)
            .filter(is_beyond)
            .map(|head| head.device)
            .collect();
        // Nobody else knows more of this device than itself, and `peer` has most likely gone on itself.
        if over.contains(&self.device) {
            over = BTreeSet::from([self.device]);
        } else if over.len() > 1 {
            over.remove(&peer);
        }
        if !over.is_empty() {
            self.note_parted(peer, over);
        }
    }

    fn note_parted(&mut self, peer: DeviceId, over: BTreeSet<DeviceId>) {
        let at = self.state().log().heads();
        if self.peers.part(peer, Parted { over, at }) {
            self.dirty.any = true;
            self.tell_of_histories();
        }
    }

    fn tell_of_histories(&mut self) {
        self.events.push(StoreEvent::Devices);
        self.note_sync_changed();
    }

    /// Whether another copy of this home went on as this device.
    pub(super) fn is_copied(&self) -> bool {
        self.copy_met || self.parted().any(|(_, over)| over.contains(&self.device))
    }

    /// The devices that do not sync with this one because of two histories of a third one, and whose these are.
    pub(super) fn parted_over_a_third(&self) -> impl Iterator<Item = (&DeviceId, &BTreeSet<DeviceId>)> {
        self.parted().filter(|(peer, over)| !over.contains(&self.device) && !over.contains(peer))
    }

    /// As above, whosoever these are.
    fn parted(&self) -> impl Iterator<Item = (&DeviceId, &BTreeSet<DeviceId>)> {
        let parted = self.peers.parted().filter(|(peer, parted)| !self.is_another_by_now(peer, parted));
        parted.map(|(peer, parted)| (peer, &parted.over))
    }

    /// Whether a device was taken out since, or went on as another one, which it let in.
    fn is_another_by_now(&self, peer: &DeviceId, parted: &Parted) -> bool {
        let log = self.state().log();
        let mut of_peer = self.enrolments().filter(|(_, _, author)| *author == Author::Device(*peer));
        !self.is_device(peer) || of_peer.any(|(id, ..)| !log.had_seen(&parted.at, &id))
    }

    /// What a device that takes this one's place gives up: of the devices that have two histories, what the other
    /// side is not known to hold; of this one, if no side is known, what no other device is.
    pub(super) fn given_up(&self) -> GivenUp {
        let mut stays: BTreeMap<DeviceId, u64> = BTreeMap::new();
        for (peer, over) in self.parted() {
            let known = self.known_to(|device| device == peer);
            // Of its own history it holds one, and what is known of that may be of the other.
            for device in over.iter().filter(|device| *device != peer) {
                let last = known.get(device).copied().unwrap_or(0);
                stays.entry(*device).and_modify(|before| *before = last.min(*before)).or_insert(last);
            }
        }
        stays.entry(self.device).or_insert_with(|| {
            self.known_to(|device| *device != self.device).get(&self.device).copied().unwrap_or(0)
        });
        self.state().given_up(&stays)
    }

    fn known_to(&self, is_meant: impl Fn(&DeviceId) -> bool + Copy) -> BTreeMap<DeviceId, u64> {
        self.state().known_to(is_meant, self.peers.heads_of(is_meant))
    }
}
