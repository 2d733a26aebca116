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
    limits::{MAX_LOG_HEADS, MAX_LOG_OPERATIONS},
    signed::Signed,
};

/// Who signed an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Author {
    /// The root key of the person's inception.
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
    root: VerifyingKey,
    operations: BTreeMap<OperationId, Signed<Operation>>,
    heads: BTreeSet<OperationId>,
}

impl DeviceLog {
    /// The empty log of a person.
    #[must_use]
    pub const fn new(person: PersonId, inception: &Inception) -> Self {
        Self { person, root: inception.root, operations: BTreeMap::new(), heads: BTreeSet::new() }
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
        if self.operations.contains_key(&id) {
            return Ok(id);
        }
        self.check(&signed)?;
        for previous in &signed.body().previous {
            self.heads.remove(previous);
        }
        self.heads.insert(id);
        self.operations.insert(id, signed);
        Ok(id)
    }

    fn check(&self, signed: &Signed<Operation>) -> Result<(), LogError> {
        let operation = signed.body();
        if operation.person != self.person {
            return Err(LogError::OtherPerson);
        }
        let previous = &operation.previous;
        if self.operations.len() >= MAX_LOG_OPERATIONS
            || previous.len() > MAX_LOG_HEADS
            || !previous.is_sorted_by(|a, b| a < b)
        {
            return Err(LogError::Malformed);
        }
        if previous.iter().any(|id| !self.operations.contains_key(id)) {
            return Err(LogError::MissingPrevious);
        }
        let key = self.author_key(operation)?;
        signed.verify(&key).map_err(|_| LogError::BadSignature)?;
        self.check_action(operation)
    }

    fn author_key(&self, operation: &Operation) -> Result<VerifyingKey, LogError> {
        match operation.author {
            Author::Root => Ok(self.root),
            Author::Device(device) => {
                let certificate = self.certificate_at(&operation.previous, &device);
                let entitled = certificate.is_some_and(|certificate| certificate.admin);
                entitled.then(|| VerifyingKey::from_bytes(*device.as_bytes())).ok_or(LogError::NotEntitled)
            }
        }
    }

    fn check_action(&self, operation: &Operation) -> Result<(), LogError> {
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
                let known = self.certificate_at(&operation.previous, device).is_some();
                known.then_some(()).ok_or(LogError::NotEntitled)
            }
            // Others seal epochs to it: one that nobody can seal to would stop them all.
            Action::PersonKey(key) => (!key.kem.is_weak()).then_some(()).ok_or(LogError::Malformed),
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
        self.operations.contains_key(id)
    }

    /// All operations, each after those it builds on.
    #[must_use]
    pub fn in_order(&self) -> Vec<&Signed<Operation>> {
        let mut done = BTreeSet::new();
        let mut order = Vec::with_capacity(self.operations.len());
        while order.len() < self.operations.len() {
            for (id, signed) in &self.operations {
                if !done.contains(id) && signed.body().previous.iter().all(|id| done.contains(id)) {
                    done.insert(*id);
                    order.push(signed);
                }
            }
        }
        order
    }

    /// The devices as the whole log describes them.
    #[must_use]
    pub fn devices(&self) -> BTreeMap<DeviceId, Device> {
        self.devices_at(&self.heads())
    }

    /// Whether a device is enrolled, according to the whole log.
    #[must_use]
    pub fn enrols(&self, device: &DeviceId) -> bool {
        self.operations.values().any(|signed| match &signed.body().action {
            Action::Enrol { certificate, .. } => certificate.device == *device,
            Action::Vouch { .. } | Action::PersonKey(_) => false,
        })
    }

    /// The devices as the log described them to somebody who had seen just these heads.
    #[must_use]
    pub fn devices_at(&self, heads: &[OperationId]) -> BTreeMap<DeviceId, Device> {
        let past = self.past_of(heads);
        let mut devices = BTreeMap::new();
        for id in &past {
            if let Action::Enrol { certificate, .. } = &self.operations[id].body().action {
                let device = Device { certificate: certificate.clone(), verified: false, enrolment: *id };
                devices.entry(certificate.device).or_insert(device);
            }
        }
        self.mark_verified(&past, &mut devices);
        devices
    }

    /// A device is verified if a verified device, or the root, says so. A device that slipped in
    /// unverified can therefore neither vouch for itself nor through another that it enrolled.
    fn mark_verified(&self, past: &BTreeSet<OperationId>, devices: &mut BTreeMap<DeviceId, Device>) {
        let claims: Vec<(Author, DeviceId)> = past.iter().filter_map(|id| self.claim(id)).collect();
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

    /// Who says of which device that its words were compared.
    fn claim(&self, id: &OperationId) -> Option<(Author, DeviceId)> {
        let operation = self.operations[id].body();
        match &operation.action {
            Action::Enrol { certificate, verified: true, .. } => Some((operation.author, certificate.device)),
            Action::Enrol { .. } | Action::PersonKey(_) => None,
            Action::Vouch { device } => Some((operation.author, *device)),
        }
    }

    /// Whether a device may write, judged by somebody who had seen just these heads; `None` when
    /// some of them are not held yet.
    #[must_use]
    pub fn is_entitled_at(&self, heads: &[OperationId], device: &DeviceId) -> Option<bool> {
        let known = heads.iter().all(|id| self.contains(id));
        known.then(|| self.certificate_at(heads, device).is_some())
    }

    /// Whether a device was an admin device, likewise.
    #[must_use]
    pub fn is_admin_at(&self, heads: &[OperationId], device: &DeviceId) -> Option<bool> {
        let known = heads.iter().all(|id| self.contains(id));
        known.then(|| self.certificate_at(heads, device).is_some_and(|certificate| certificate.admin))
    }

    /// If a device is enrolled twice, the operation with the smaller name counts.
    fn certificate_at(&self, heads: &[OperationId], device: &DeviceId) -> Option<&Certificate> {
        self.past_of(heads).iter().find_map(|id| match &self.operations[id].body().action {
            Action::Enrol { certificate, .. } if certificate.device == *device => Some(certificate),
            _ => None,
        })
    }

    /// The key that others seal to: of the announcements that no other one had seen, the first by
    /// name. `None` before the first.
    #[must_use]
    pub fn person_key(&self) -> Option<&PersonKey> {
        let announcements: BTreeMap<&OperationId, &PersonKey> =
            self.operations.iter().filter_map(|(id, signed)| Some((id, announced(signed)?))).collect();
        let mut seen = BTreeSet::new();
        for id in announcements.keys() {
            seen.extend(self.past_of(&self.operations[*id].body().previous));
        }
        announcements.iter().find(|(id, _)| !seen.contains(**id)).map(|(_, key)| *key)
    }

    fn past_of(&self, heads: &[OperationId]) -> BTreeSet<OperationId> {
        let mut past = BTreeSet::new();
        let mut open: Vec<OperationId> = heads.to_vec();
        while let Some(id) = open.pop() {
            if let Some(signed) = self.operations.get(&id)
                && past.insert(id)
            {
                open.extend(&signed.body().previous);
            }
        }
        past
    }
}

const fn announced(signed: &Signed<Operation>) -> Option<&PersonKey> {
    match &signed.body().action {
        Action::PersonKey(key) => Some(key),
        Action::Enrol { .. } | Action::Vouch { .. } => None,
    }
}

#[cfg(test)]
mod tests;
