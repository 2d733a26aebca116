//! The device log, operation by operation.

use super::*;
use crate::{
    crypto::{kem::KemSecret, secret::Secret32},
    epoch::{epoch_id, person_key},
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
    certificate.kem = KemPublic::from_bytes([0; 32]);
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
    let Action::Enrol { certificate, device_signature, .. } = enrol(&blank, 2, true) else { unreachable!() };
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

fn announce(byte: u8) -> Action {
    let secret = Secret32::from_bytes([byte; 32]);
    Action::PersonKey(PersonKey { epoch: epoch_id(&secret), kem: person_key(&secret).public() })
}

#[test]
fn the_last_person_key_holds_and_of_two_unseen_by_each_other_the_same_everywhere() {
    let Bag { recovery, mut log } = bag();
    let apply = |log: &mut DeviceLog, action| {
        let operation = log.sign(Author::Root, action, recovery.root());
        log.apply(operation.clone()).unwrap();
        operation
    };
    assert_eq!(log.person_key(), None);
    let first = apply(&mut log, announce(1));
    assert_eq!(log.person_key().map(|key| Action::PersonKey(*key)), Some(announce(1)));
    let mut other = log.clone();
    let (left, right) = (apply(&mut log, announce(2)), apply(&mut other, announce(3)));
    log.apply(right.clone()).unwrap();
    for operation in [right.clone(), left.clone(), first] {
        other.apply(operation).unwrap();
    }
    let holds = if left.id() < right.id() { left } else { right };
    for log in [&mut log, &mut other] {
        assert_eq!(log.person_key().map(|key| Action::PersonKey(*key)), Some(holds.body().action.clone()));
        // Even the same key again is a new word that has seen both.
        apply(log, announce(1));
        assert_eq!(log.person_key().map(|key| Action::PersonKey(*key)), Some(announce(1)));
    }
}

#[test]
fn a_person_key_is_an_admins_and_can_be_sealed_to() {
    let Bag { recovery, mut log } = bag();
    let first = log.sign(Author::Root, enrol(&log, 1, false), recovery.root());
    log.apply(first).unwrap();
    let by_plain = log.sign(Author::Device(device(1)), announce(2), &key(1));
    assert_eq!(log.apply(by_plain), Err(LogError::NotEntitled));
    let Action::PersonKey(mut weak) = announce(2) else { unreachable!() };
    weak.kem = KemPublic::from_bytes([0; 32]);
    let weak = log.sign(Author::Root, Action::PersonKey(weak), recovery.root());
    assert_eq!(log.apply(weak), Err(LogError::Malformed));
    assert_eq!(log.person_key(), None);
}
