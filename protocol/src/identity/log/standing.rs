//! Which operations of a log hold, for somebody who had seen some of it.
//!
//! All do that were signed by who had the right to it, but for what a revocation undoes: the operations
//! of that device that the author of the revocation had not seen, or wished undone, and whatever is by
//! a device that only these enrolled. So a stolen device that dates its operations back adds nothing.
//!
//! Where the root was replaced, the same goes for what the old one did that the replacement had not seen
//! ([`super::root`]).
//!
//! A revocation itself is undone only by one that had seen it, or by the root: two devices that take
//! out each other, neither knowing, are both out until somebody else, or the phrase, says who stays.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use super::{Action, Author, Certificate, Device, DeviceLog, Entry};
use crate::{id::DeviceId, past::Past};

/// A revocation that holds, or a replacement that ended a root.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ending {
    /// Its place.
    pub(super) place: usize,
    /// What does not hold because of it.
    pub(super) undone: Past,
}

/// All that does not hold because of some of these.
pub(super) fn undone_by(endings: &[Ending]) -> Past {
    let mut undone = Past::EMPTY;
    endings.iter().for_each(|ending| undone.extend(&ending.undone));
    undone
}

impl DeviceLog {
    /// What ends somebody's rights in a view: first the replacements of roots, then the revocations that
    /// hold. Of two of one device the one that had seen the other holds.
    pub(super) fn endings_in(&self, view: &Past) -> Vec<Ending> {
        let by_replacement = |place| Ending { place, undone: self.undone_by_replacement(place, view) };
        let mut endings: Vec<Ending> = self.replacements_in(view).into_iter().map(by_replacement).collect();
        if !self.revocations.intersects(view) {
            return endings;
        }
        let mut places: Vec<usize> = self
            .within(view)
            .map(|(place, _)| place)
            .filter(|place| self.revocations.contains(*place))
            .collect();
        // Later ones first, as they judge earlier ones; the root's before all.
        let order = |place: &usize| {
            let entry = &self.entries[*place];
            (entry.author() != Author::Root, Reverse(entry.past.len()), entry.id)
        };
        places.sort_by_key(order);
        for place in places {
            let says_nothing = |ending: &Ending| {
                let by = &self.entries[ending.place];
                let has_seen = by.past.contains(place);
                let is_of_same = self.revoked_at(place) == self.revoked_at(ending.place);
                has_seen && is_of_same
                    || ending.undone.contains(place) && (has_seen || by.author() == Author::Root)
            };
            if !endings.iter().any(says_nothing) {
                endings.push(Ending { place, undone: self.undone_by_one(place, view) });
            }
        }
        endings
    }

    fn revoked_at(&self, place: usize) -> Option<DeviceId> {
        self.entries[place].revocation().map(|revocation| revocation.device)
    }

    /// What a revocation undoes. Entries lie each after those it builds on.
    fn undone_by_one(&self, place: usize, view: &Past) -> Past {
        let by = &self.entries[place];
        let mut undone = Past::EMPTY;
        let Some(revocation) = by.revocation() else { return undone };
        for (at, entry) in self.within(view).filter(|(at, _)| *at != place) {
            let Author::Device(author) = entry.author() else { continue };
            let is_undone = author == revocation.device && !by.past.contains(at)
                || revocation.undone.binary_search(&entry.id).is_ok()
                || self.is_orphan(entry, author, &undone);
            if is_undone {
                undone.insert(at);
            }
        }
        undone
    }

    /// Whether its author would not have been enrolled but for what is undone.
    pub(super) fn is_orphan(&self, entry: &Entry, author: DeviceId, undone: &Past) -> bool {
        let mut left = self.enrolments.get(&author).copied().unwrap_or(Past::EMPTY);
        let mut unseen = left;
        unseen.remove_all(&entry.past);
        left.remove_all(&unseen);
        left.remove_all(undone);
        left == Past::EMPTY
    }

    pub(super) fn devices_in(&self, view: &Past, endings: &[Ending]) -> BTreeMap<DeviceId, Device> {
        let mut devices = BTreeMap::new();
        for device in self.enrolments.keys() {
            if let Some((entry, certificate)) = self.enrolment_in(view, endings, device) {
                let certificate = certificate.clone();
                devices.insert(*device, Device { certificate, verified: false, enrolment: entry.id });
            }
        }
        self.mark_verified(view, &undone_by(endings), &mut devices);
        devices
    }

    /// The certificate of a device that stands in a view.
    pub(super) fn certificate_in(&self, view: &Past, device: &DeviceId) -> Option<&Certificate> {
        Some(self.enrolment_in(view, &self.endings_in(view), device)?.1)
    }

    /// If a device is enrolled twice, the operation with the smaller name counts.
    fn enrolment_in(
        &self,
        view: &Past,
        endings: &[Ending],
        device: &DeviceId,
    ) -> Option<(&Entry, &Certificate)> {
        let mut enrolments = *self.enrolments.get(device)?;
        enrolments.remove_all(&undone_by(endings));
        if endings.iter().any(|ending| self.revoked_at(ending.place) == Some(*device)) {
            return None;
        }
        let enrolments = self.within(view).filter(|(place, _)| enrolments.contains(*place));
        let (_, entry) = enrolments.min_by_key(|(_, entry)| entry.id)?;
        match entry.action() {
            Action::Enrol { certificate, .. } => Some((entry, certificate)),
            Action::Vouch { .. } | Action::PersonKey(_) | Action::Revoke(_) | Action::Replace(_) => None,
        }
    }

    /// What the log ever certified a device as, revoked or not.
    #[must_use]
    pub fn certificate(&self, device: &DeviceId) -> Option<&Certificate> {
        Some(self.enrolment_in(&self.view, &[], device)?.1)
    }

    /// What the log ever certified devices as, revoked ones among them.
    pub fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        self.enrolments.keys().filter_map(|device| self.certificate(device))
    }

    /// A device is verified if a verified device, or the root, says so. A device that slipped in
    /// unverified can therefore neither vouch for itself nor through another that it enrolled.
    fn mark_verified(&self, view: &Past, undone: &Past, devices: &mut BTreeMap<DeviceId, Device>) {
        let holding = self.within(view).filter(|(place, _)| !undone.contains(*place));
        let claims: Vec<(Author, DeviceId)> =
            holding.filter_map(|(_, entry)| Some((entry.author(), claimed(entry)?))).collect();
        let mut verified = BTreeSet::new();
        loop {
            let known = |author| match author {
                Author::Root => true,
                Author::Device(device) => verified.contains(&device),
            };
            let more: Vec<DeviceId> = claims
                .iter()
                .filter(|(author, device)| known(*author) && !verified.contains(device))
                .map(|(_, device)| *device)
                .collect();
            if more.is_empty() {
                break;
            }
            verified.extend(more);
        }
        for (id, device) in devices {
            device.verified = verified.contains(id);
        }
    }
}

/// Of which device an operation says that its words were compared.
fn claimed(entry: &Entry) -> Option<DeviceId> {
    match entry.action() {
        Action::Enrol { certificate, verified: true, .. } => Some(certificate.device),
        Action::Vouch { device } => Some(*device),
        Action::Enrol { .. } | Action::PersonKey(_) | Action::Revoke(_) | Action::Replace(_) => None,
    }
}
