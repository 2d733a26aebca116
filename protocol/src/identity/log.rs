//! The device log: signed, hash-linked, valid offline, the same for everybody who holds it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{certificate::Certificate, person::Inception};
use crate::{
    codec::{Encoded, Tag},
    crypto::{
        kem::KemPublic,
        sign::{Signature, SigningKey, VerifyingKey},
    },
    id::{DeviceId, EpochId, OperationId, PersonId},
    limits::{
        LOG_OPERATIONS_KEPT_FOR_REPLACEMENTS, LOG_OPERATIONS_KEPT_FOR_ROOT, MAX_LOG_HEADS, MAX_LOG_OPERATIONS,
    },
    past::Past,
    signed::Signed,
};

mod revocation;
mod root;
mod standing;

pub use revocation::{Ended, Kept, Revocation, SpaceMark};
pub use root::{Replacement, RootStanding};
use standing::Ending;

/// Who signed an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Author {
    /// The root key that speaks for the person ([`DeviceLog::root`]).
    Root,
    /// An admin device.
    Device(DeviceId),
}

/// What an operation does. New actions are added at the end: the position is the number on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Adds a device.
    Enrol {
        /// What the device is certified as.
        certificate: Certificate,
        /// The device's own signature over the certificate.
        device_signature: Signature,
        /// Whether a person compared the authentication words before.
        verified: bool,
    },
    /// States that the words of an unverified device were compared afterwards.
    Vouch {
        /// The device.
        device: DeviceId,
    },
    /// Announces the person key.
    PersonKey(PersonKey),
    /// Takes a device out.
    Revoke(Revocation),
    /// Puts new recovery words in the place of those that sign.
    Replace(Replacement),
}

/// What others seal to a person goes to this key, which all of their devices hold: it follows from
/// the secret of an epoch of their own space. A friend's new phone thus reads at once, and a revoked
/// one nothing that is sealed to the key of a later epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonKey {
    /// The epoch of the person's own space; to others a name and nothing more.
    pub epoch: EpochId,
    /// The key (`epoch::person_key` of that epoch's secret).
    pub kem: KemPublic,
}

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Whose log it is.
    pub person: PersonId,
    /// The heads of the log that the author had seen, sorted; empty for the first.
    pub previous: Vec<OperationId>,
    /// Who signs.
    pub author: Author,
    /// What it does.
    pub action: Action,
}

impl Encoded for Operation {
    const TAG: Tag = Tag::DeviceOperation;
    const VERSION: u8 = 1;
}

impl Signed<Operation> {
    /// The operation's name.
    #[must_use]
    pub fn id(&self) -> OperationId {
        OperationId::from_bytes(self.hash())
    }
}

/// Why an operation was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// It builds on operations that are not held yet. Nobody is at fault; they may follow.
    #[error("operations that it builds on are not known yet")]
    MissingPrevious,
    /// It is another person's.
    #[error("it belongs to another person's log")]
    OtherPerson,
    /// Its signature, or the device's own, does not hold.
    #[error("a signature does not hold")]
    BadSignature,
    /// Its author had no right to it, at the place in the log where it stands.
    #[error("its author has no right to it")]
    NotEntitled,
    /// A name, list or log beyond its bound, or a key that nothing can be sealed to.
    #[error("it is beyond a limit, not in order, or holds an unusable key")]
    Malformed,
}

/// A device as the log describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// What it was certified as.
    pub certificate: Certificate,
    /// Whether authentication words were compared, on a device of which the same holds.
    pub verified: bool,
    /// The operation that enrolled it.
    pub enrolment: OperationId,
}

/// All operations of one person that hold.
#[derive(Debug, Clone)]
pub struct DeviceLog {
    person: PersonId,
    inception: Inception,
    /// In the order of arrival, each after those it builds on.
    entries: Vec<Entry>,
    places: BTreeMap<OperationId, usize>,
    heads: BTreeSet<OperationId>,
    /// All of them.
    view: Past,
    /// The places of what enrols each device.
    enrolments: BTreeMap<DeviceId, Past>,
    revocations: Past,
    /// The places of what replaces each root, by the replacement that had put that one in.
    replaced: BTreeMap<Option<usize>, Past>,
    /// The revocations that hold, and the replacements that ended a root, according to the whole log.
    endings: Vec<Ending>,
    /// The devices, according to the whole log.
    present: BTreeMap<DeviceId, Device>,
}

#[derive(Debug, Clone)]
struct Entry {
    id: OperationId,
    signed: Signed<Operation>,
    /// The places of those that it had seen.
    past: Past,
}

impl Entry {
    const fn author(&self) -> Author {
        self.signed.body().author
    }

    const fn action(&self) -> &Action {
        &self.signed.body().action
    }

    const fn revocation(&self) -> Option<&Revocation> {
        match self.action() {
            Action::Revoke(revocation) => Some(revocation),
            Action::Enrol { .. } | Action::Vouch { .. } | Action::PersonKey(_) | Action::Replace(_) => None,
        }
    }

    const fn replacement(&self) -> Option<&Replacement> {
        match self.action() {
            Action::Replace(replacement) => Some(replacement),
            Action::Enrol { .. } | Action::Vouch { .. } | Action::PersonKey(_) | Action::Revoke(_) => None,
        }
    }
}

impl DeviceLog {
    /// The empty log of a person.
    #[must_use]
    pub const fn new(person: PersonId, inception: &Inception) -> Self {
        Self {
            person,
            inception: Inception {
                root: inception.root,
                recovery_kem: inception.recovery_kem,
                recovery_keeper: inception.recovery_keeper,
            },
            entries: Vec::new(),
            places: BTreeMap::new(),
            heads: BTreeSet::new(),
            view: Past::EMPTY,
            enrolments: BTreeMap::new(),
            revocations: Past::EMPTY,
            replaced: BTreeMap::new(),
            endings: Vec::new(),
            present: BTreeMap::new(),
        }
    }

    /// Signs an operation on top of the present heads. It is not part of the log until [`Self::apply`].
    #[must_use]
    pub fn sign(&self, author: Author, action: Action, key: &SigningKey) -> Signed<Operation> {
        let previous = self.heads.iter().copied().collect();
        Signed::new(Operation { person: self.person, previous, author, action }, key)
    }

    /// Adds an operation that holds; one already held changes nothing.
    ///
    /// # Errors
    /// When it does not hold, or not yet; the log is then unchanged.
    pub fn apply(&mut self, signed: Signed<Operation>) -> Result<OperationId, LogError> {
        let id = signed.id();
        if self.places.contains_key(&id) {
            return Ok(id);
        }
        let past = self.check(&signed)?;
        for previous in &signed.body().previous {
            self.heads.remove(previous);
        }
        self.heads.insert(id);
        let place = self.entries.len();
        self.places.insert(id, place);
        self.view.insert(place);
        match &signed.body().action {
            Action::Enrol { certificate, .. } => {
                self.enrolments.entry(certificate.device).or_insert(Past::EMPTY).insert(place);
            }
            Action::Revoke(_) => self.revocations.insert(place),
            Action::Replace(_) => {
                let seat = self.seat_in(&past).expect("a root that was replaced twice signs nothing");
                self.replaced.entry(seat).or_insert(Past::EMPTY).insert(place);
            }
            Action::Vouch { .. } | Action::PersonKey(_) => {}
        }
        self.entries.push(Entry { id, signed, past });
        self.endings = self.endings_in(&self.view);
        self.present = self.devices_in(&self.view, &self.endings);
        Ok(id)
    }

    /// What an operation that holds had seen.
    fn check(&self, signed: &Signed<Operation>) -> Result<Past, LogError> {
        let operation = signed.body();
        if operation.person != self.person {
            return Err(LogError::OtherPerson);
        }
        let kept = match (operation.author, &operation.action) {
            (Author::Root, Action::Replace(_)) => 0,
            (Author::Root, _) => LOG_OPERATIONS_KEPT_FOR_REPLACEMENTS,
            (Author::Device(_), _) => LOG_OPERATIONS_KEPT_FOR_ROOT,
        };
        let previous = &operation.previous;
        if self.entries.len() >= MAX_LOG_OPERATIONS - kept
            || previous.len() > MAX_LOG_HEADS
            || !previous.is_sorted_by(|a, b| a < b)
        {
            return Err(LogError::Malformed);
        }
        let past = self.past_of(previous).ok_or(LogError::MissingPrevious)?;
        let key = self.author_key(operation, &past)?;
        signed.verify(&key).map_err(|_| LogError::BadSignature)?;
        self.check_action(operation, &past)?;
        Ok(past)
    }

    fn author_key(&self, operation: &Operation, past: &Past) -> Result<VerifyingKey, LogError> {
        match operation.author {
            Author::Root => Ok(self.root_in(past).ok_or(LogError::NotEntitled)?.root),
            Author::Device(device) => {
                let entitled = self.is_admin_at(&operation.previous, &device) == Some(true);
                entitled.then(|| VerifyingKey::from_bytes(*device.as_bytes())).ok_or(LogError::NotEntitled)
            }
        }
    }

    fn check_action(&self, operation: &Operation, past: &Past) -> Result<(), LogError> {
        match &operation.action {
            Action::Enrol { certificate, device_signature, .. } => {
                if certificate.person != self.person {
                    return Err(LogError::OtherPerson);
                }
                // An epoch is sealed to every device: one that nobody can seal to would stop them all.
                if !Certificate::is_name_valid(&certificate.name) || certificate.kem.is_weak() {
                    return Err(LogError::Malformed);
                }
                certificate.verify_countersignature(device_signature).map_err(|_| LogError::BadSignature)
            }
            Action::Vouch { device } => {
                let known = self.is_entitled_at(&operation.previous, device) == Some(true);
                known.then_some(()).ok_or(LogError::NotEntitled)
            }
            // Others seal epochs to it: one that nobody can seal to would stop them all.
            Action::PersonKey(key) => (!key.kem.is_weak()).then_some(()).ok_or(LogError::Malformed),
            Action::Revoke(revocation) => self.check_revocation(revocation, past),
            Action::Replace(replacement) => self.check_replacement(operation.author, replacement, past),
        }
    }

    /// Whose log it is.
    #[must_use]
    pub const fn person(&self) -> PersonId {
        self.person
    }

    /// Operations that no other builds on, sorted.
    #[must_use]
    pub fn heads(&self) -> Vec<OperationId> {
        self.heads.iter().copied().collect()
    }

    /// Whether an operation is part of the log.
    #[must_use]
    pub fn contains(&self, id: &OperationId) -> bool {
        self.places.contains_key(id)
    }

    /// All operations, each after those it builds on: the same order wherever the same are held.
    #[must_use]
    pub fn in_order(&self) -> Vec<&Signed<Operation>> {
        let mut done = Past::EMPTY;
        let mut order = Vec::with_capacity(self.entries.len());
        while order.len() < self.entries.len() {
            for place in self.places.values() {
                let entry = &self.entries[*place];
                let mut missing = entry.past;
                missing.remove_all(&done);
                if !done.contains(*place) && missing == Past::EMPTY {
                    done.insert(*place);
                    order.push(&entry.signed);
                }
            }
        }
        order
    }

    /// The devices as the whole log describes them: enrolled, and not revoked.
    #[must_use]
    pub const fn devices(&self) -> &BTreeMap<DeviceId, Device> {
        &self.present
    }

    /// The devices as the log described them to somebody who had seen just these heads.
    #[must_use]
    pub fn devices_at(&self, heads: &[OperationId]) -> BTreeMap<DeviceId, Device> {
        let view = self.past_of(heads).unwrap_or(Past::EMPTY);
        self.devices_in(&view, &self.endings_in(&view))
    }

    /// Whether a device may write, judged by somebody who had seen just these heads; `None` when
    /// some of them are not held yet.
    #[must_use]
    pub fn is_entitled_at(&self, heads: &[OperationId], device: &DeviceId) -> Option<bool> {
        Some(self.certificate_in(&self.past_of(heads)?, device).is_some())
    }

    /// Whether a device was an admin device, likewise.
    #[must_use]
    pub fn is_admin_at(&self, heads: &[OperationId], device: &DeviceId) -> Option<bool> {
        let certificate = self.certificate_in(&self.past_of(heads)?, device);
        Some(certificate.is_some_and(|certificate| certificate.admin))
    }

    /// The key that others seal to: of the announcements that no other one had seen, the first by
    /// name. `None` before the first.
    #[must_use]
    pub fn person_key(&self) -> Option<&PersonKey> {
        let undone = standing::undone_by(&self.endings);
        let announcements: BTreeMap<&OperationId, (&Entry, &PersonKey)> = self
            .within(&self.view)
            .filter(|(place, _)| !undone.contains(*place))
            .filter_map(|(_, entry)| match entry.action() {
                Action::PersonKey(key) => Some((&entry.id, (entry, key))),
                Action::Enrol { .. } | Action::Vouch { .. } | Action::Revoke(_) | Action::Replace(_) => None,
            })
            .collect();
        let mut seen = Past::EMPTY;
        announcements.values().for_each(|(entry, _)| seen.extend(&entry.past));
        announcements.iter().find(|(id, _)| !seen.contains(self.places[*id])).map(|(_, (_, key))| *key)
    }

    /// The operations of a set, each with its place.
    fn within(&self, view: &Past) -> impl Iterator<Item = (usize, &Entry)> {
        self.entries.iter().enumerate().filter(|(place, _)| view.contains(*place))
    }

    /// What somebody who had seen these had seen in all; `None` when one is not held.
    fn past_of(&self, heads: &[OperationId]) -> Option<Past> {
        Past::of(
            heads.iter().map(|head| self.places.get(head).map(|place| (*place, &self.entries[*place].past))),
        )
    }
}

#[cfg(test)]
mod tests;
