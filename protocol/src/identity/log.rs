//! The device log: signed, hash-linked, valid offline, the same for everybody who holds it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{certificate::Certificate, person::Inception};
use crate::{
    codec::{Encoded, Tag},
    crypto::sign::{Signature, SigningKey, VerifyingKey},
    id::{DeviceId, OperationId, PersonId},
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
                let enrolled = self.devices_at(&operation.previous);
                let entitled = enrolled.get(&device).is_some_and(|device| device.certificate.admin);
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
                let known = self.devices_at(&operation.previous).contains_key(device);
                known.then_some(()).ok_or(LogError::NotEntitled)
            }
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
            Action::Enrol { .. } => None,
            Action::Vouch { device } => Some((operation.author, *device)),
        }
    }

    /// Whether a device may write, judged by somebody who had seen just these heads; `None` when
    /// some of them are not held yet.
    #[must_use]
    pub fn is_entitled_at(&self, heads: &[OperationId], device: &DeviceId) -> Option<bool> {
        if heads.iter().any(|id| !self.contains(id)) {
            return None;
        }
        Some(self.devices_at(heads).contains_key(device))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        crypto::{kem::KemSecret, secret::Secret32},
        identity::person::Recovery,
        testkit::{device, key},
    };

    struct Bag {
        recovery: Recovery,
        log: DeviceLog,
    }

    fn bag() -> Bag {
        let recovery = Recovery::from_entropy(&Secret32::from_bytes([9; 32]));
        let inception = recovery.incept();
        let log = DeviceLog::new(inception.person().unwrap(), inception.body());
        Bag { recovery, log }
    }

    fn enrol(log: &DeviceLog, byte: u8, admin: bool) -> Action {
        let kem = KemSecret::from_secret(&Secret32::from_bytes([byte; 32])).public();
        let certificate = Certificate {
            person: log.person(),
            device: device(byte),
            kem,
            name: format!("device {byte}"),
            admin,
        };
        let device_signature = certificate.countersign(&key(byte));
        Action::Enrol { certificate, device_signature, verified: true }
    }

    #[test]
    fn root_enrols_the_first_and_an_admin_the_second() {
        let Bag { recovery, mut log } = bag();
        let first = log.sign(Author::Root, enrol(&log, 1, true), recovery.root());
        log.apply(first).unwrap();
        let second = log.sign(Author::Device(device(1)), enrol(&log, 2, false), &key(1));
        log.apply(second).unwrap();
        assert_eq!(log.devices().len(), 2);
        assert_eq!(log.is_entitled_at(&log.heads(), &device(2)), Some(true));
        assert_eq!(log.is_entitled_at(&[], &device(2)), Some(false));
    }

    #[test]
    fn a_device_without_the_right_enrols_nobody() {
        let Bag { recovery, mut log } = bag();
        let first = log.sign(Author::Root, enrol(&log, 1, false), recovery.root());
        log.apply(first).unwrap();
        let by_plain = log.sign(Author::Device(device(1)), enrol(&log, 2, true), &key(1));
        assert_eq!(log.apply(by_plain), Err(LogError::NotEntitled));
        let by_stranger = log.sign(Author::Device(device(3)), enrol(&log, 3, true), &key(3));
        assert_eq!(log.apply(by_stranger), Err(LogError::NotEntitled));
        let by_false_root = log.sign(Author::Root, enrol(&log, 3, true), &key(3));
        assert_eq!(log.apply(by_false_root), Err(LogError::BadSignature));
        assert_eq!(log.devices().len(), 1);
    }

    #[test]
    fn a_device_is_not_enrolled_without_its_consent() {
        let Bag { recovery, mut log } = bag();
        let Action::Enrol { certificate, .. } = enrol(&log, 1, true) else { unreachable!() };
        let device_signature = certificate.countersign(&key(2));
        let action = Action::Enrol { certificate, device_signature, verified: true };
        let forged = log.sign(Author::Root, action, recovery.root());
        assert_eq!(log.apply(forged), Err(LogError::BadSignature));
    }

    #[test]
    fn a_device_that_nothing_can_be_sealed_to_is_refused() {
        let Bag { recovery, mut log } = bag();
        let Action::Enrol { mut certificate, .. } = enrol(&log, 1, true) else { unreachable!() };
        certificate.kem = crate::crypto::kem::KemPublic::from_bytes([0; 32]);
        let device_signature = certificate.countersign(&key(1));
        let action = Action::Enrol { certificate, device_signature, verified: true };
        let weak = log.sign(Author::Root, action, recovery.root());
        assert_eq!(log.apply(weak), Err(LogError::Malformed));
    }

    #[test]
    fn an_unverified_device_verifies_nobody() {
        let Bag { recovery, mut log } = bag();
        let mut apply = |author, action, key: &SigningKey| {
            let operation = log.sign(author, action, key);
            log.apply(operation).unwrap();
            log.devices().values().map(|device| device.verified).filter(|verified| *verified).count()
        };
        let blank = bag().log;
        assert_eq!(apply(Author::Root, enrol(&blank, 1, true), recovery.root()), 1);
        let Action::Enrol { certificate, device_signature, .. } = enrol(&blank, 2, true) else {
            unreachable!()
        };
        let unverified = Action::Enrol { certificate, device_signature, verified: false };
        assert_eq!(apply(Author::Device(device(1)), unverified, &key(1)), 1);
        let vouch = |byte| Action::Vouch { device: device(byte) };
        assert_eq!(apply(Author::Device(device(2)), vouch(2), &key(2)), 1, "for itself");
        assert_eq!(apply(Author::Device(device(2)), enrol(&blank, 3, true), &key(2)), 1, "its accomplice");
        assert_eq!(apply(Author::Device(device(3)), vouch(2), &key(3)), 1, "by its accomplice");
        assert_eq!(apply(Author::Device(device(1)), vouch(2), &key(1)), 3, "and whom it vouched for");
    }

    #[test]
    fn an_admin_cannot_leave_more_heads_than_an_operation_may_name() {
        let Bag { recovery, mut log } = bag();
        let first = log.sign(Author::Root, enrol(&log, 1, true), recovery.root());
        log.apply(first).unwrap();
        // Side by side: each has seen the first alone.
        let alone = log.clone();
        for number in 0..MAX_LOG_OPERATIONS - 2 {
            let Action::Enrol { mut certificate, .. } = enrol(&alone, 2, false) else { unreachable!() };
            certificate.name = format!("device {number}");
            let device_signature = certificate.countersign(&key(2));
            let action = Action::Enrol { certificate, device_signature, verified: false };
            log.apply(alone.sign(Author::Device(device(1)), action, &key(1))).unwrap();
        }
        assert_eq!(log.heads().len(), MAX_LOG_OPERATIONS - 2);
        let next = log.sign(Author::Device(device(1)), enrol(&log, 3, false), &key(1));
        log.apply(next).unwrap();
        assert_eq!(log.heads().len(), 1);
        let over = log.sign(Author::Device(device(1)), enrol(&log, 4, false), &key(1));
        assert_eq!(log.apply(over), Err(LogError::Malformed));
    }

    #[test]
    fn the_order_of_arrival_does_not_matter() {
        let Bag { recovery, mut log } = bag();
        let first = log.sign(Author::Root, enrol(&log, 1, true), recovery.root());
        log.apply(first.clone()).unwrap();
        // Two enrolments that do not know of each other.
        let left = log.sign(Author::Device(device(1)), enrol(&log, 2, true), &key(1));
        let right = log.sign(Author::Device(device(1)), enrol(&log, 3, true), &key(1));
        let mut other = bag().log;
        assert_eq!(other.apply(right.clone()), Err(LogError::MissingPrevious));
        for operation in [first, right.clone(), left.clone(), left.clone()] {
            other.apply(operation).unwrap();
        }
        log.apply(left).unwrap();
        log.apply(right).unwrap();
        assert_eq!(log.devices(), other.devices());
        assert_eq!(log.heads(), other.heads());
        assert_eq!(log.heads().len(), 2);
        assert_eq!(log.in_order().len(), 3);
    }

    #[test]
    fn an_operation_round_trips_and_another_persons_is_refused() {
        let Bag { recovery, mut log } = bag();
        let first = log.sign(Author::Root, enrol(&log, 1, true), recovery.root());
        let again = Signed::<Operation>::from_bytes(&first.to_bytes()).unwrap();
        assert_eq!(again, first);
        let stranger = Recovery::from_entropy(&Secret32::from_bytes([8; 32]));
        let inception = stranger.incept();
        let mut foreign = DeviceLog::new(inception.person().unwrap(), inception.body());
        assert_eq!(foreign.apply(first.clone()), Err(LogError::OtherPerson));
        log.apply(first).unwrap();
    }
}
