//! The device log, operation by operation.

use super::*;
use crate::{
    crypto::{kem::KemSecret, secret::Secret32},
    epoch::{epoch_id, person_key},
    identity::person::Recovery,
    testkit::{device, key},
};

pub(super) struct Bag {
    pub(super) recovery: Recovery,
    pub(super) log: DeviceLog,
}

pub(super) fn bag() -> Bag {
    let recovery = Recovery::from_entropy(&Secret32::from_bytes([9; 32]));
    let inception = recovery.incept();
    let log = DeviceLog::new(inception.person().unwrap(), inception.body());
    Bag { recovery, log }
}

pub(super) fn enrol(log: &DeviceLog, byte: u8, admin: bool) -> Action {
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
    let room = MAX_LOG_OPERATIONS - LOG_OPERATIONS_KEPT_FOR_ROOT;
    for number in 0..room - 2 {
        let Action::Enrol { mut certificate, .. } = enrol(&alone, 2, false) else { unreachable!() };
        certificate.name = format!("device {number}");
        let device_signature = certificate.countersign(&key(2));
        let action = Action::Enrol { certificate, device_signature, verified: false };
        log.apply(alone.sign(Author::Device(device(1)), action, &key(1))).unwrap();
    }
    assert_eq!(log.heads().len(), room - 2);
    let next = log.sign(Author::Device(device(1)), enrol(&log, 3, false), &key(1));
    log.apply(next).unwrap();
    assert_eq!(log.heads().len(), 1);
    let over = log.sign(Author::Device(device(1)), enrol(&log, 4, false), &key(1));
    assert_eq!(log.apply(over), Err(LogError::Malformed));
    // The root still takes it out.
    for _ in 0..(LOG_OPERATIONS_KEPT_FOR_ROOT - LOG_OPERATIONS_KEPT_FOR_REPLACEMENTS) / 2 {
        log.apply(log.sign(Author::Root, revoke(1), recovery.root())).unwrap();
        log.apply(log.sign(Author::Root, enrol(&log, 5, true), recovery.root())).unwrap();
    }
    assert!(log.has_ended(&device(1)) && log.devices().contains_key(&device(5)));
    let over = log.sign(Author::Root, enrol(&log, 6, true), recovery.root());
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

pub(super) fn announce(byte: u8) -> Action {
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

pub(super) fn revoke(byte: u8) -> Action {
    undo(byte, &[])
}

fn undo(byte: u8, undone: &[OperationId]) -> Action {
    let mut undone = undone.to_vec();
    undone.sort_unstable();
    Action::Revoke(Revocation { device: device(byte), kept: vec![], undone })
}

/// A log in which the root enrolled the first device, and that one these others.
pub(super) fn with(others: &[u8]) -> Bag {
    let Bag { recovery, mut log } = bag();
    log.apply(log.sign(Author::Root, enrol(&log, 1, true), recovery.root())).unwrap();
    for byte in others {
        by(&mut log, 1, enrol(&bag().log, *byte, true));
    }
    Bag { recovery, log }
}

/// Signs on top of what this log holds, and adds it there.
pub(super) fn by(log: &mut DeviceLog, byte: u8, action: Action) -> Signed<Operation> {
    let operation = log.sign(Author::Device(device(byte)), action, &key(byte));
    log.apply(operation.clone()).unwrap();
    operation
}

pub(super) fn standing(log: &DeviceLog) -> Vec<u8> {
    (1..9).filter(|byte| log.devices().contains_key(&device(*byte))).collect()
}

#[test]
fn a_revoked_device_is_entitled_to_nothing_and_what_was_seen_of_it_stays() {
    let mut log = with(&[2]).log;
    let before = log.heads();
    by(&mut log, 2, enrol(&bag().log, 3, false));
    // The second enrols one more, which the first does not see before it revokes the second.
    let mut theirs = log.clone();
    let unseen = by(&mut theirs, 2, enrol(&bag().log, 4, false));
    by(&mut log, 1, revoke(2));
    assert_eq!(standing(&log), [1, 3]);
    log.apply(unseen).unwrap();
    assert_eq!(standing(&log), [1, 3]);
    assert!(log.has_ended(&device(4)) && log.has_ended(&device(2)));
    assert_eq!(log.is_entitled_at(&before, &device(2)), Some(true), "by who had not seen it");
    assert_eq!(log.is_entitled_at(&log.heads(), &device(2)), Some(false));
    let late = log.sign(Author::Device(device(2)), revoke(1), &key(2));
    assert_eq!(log.apply(late), Err(LogError::NotEntitled));
    // Who says so again, having seen that, says all of it anew.
    by(&mut log, 1, revoke(2));
    assert_eq!(standing(&log), [1, 3, 4]);
    // Its key never stands again.
    by(&mut log, 1, enrol(&bag().log, 2, true));
    assert_eq!(standing(&log), [1, 3, 4]);
    assert!(log.has_ended(&device(2)));
}

#[test]
fn who_was_enrolled_by_a_revoked_device_ended_with_it() {
    let mut log = with(&[2]).log;
    let mut theirs = log.clone();
    by(&mut log, 1, revoke(2));
    for (author, enrolled) in [(2, 4), (4, 5)] {
        log.apply(by(&mut theirs, author, enrol(&bag().log, enrolled, true))).unwrap();
        assert_eq!(standing(&log), [1]);
    }
    let [by_both, by_one] = [&device(2), &device(4)].map(|device| log.ended_by(device));
    assert_eq!(by_both.len(), 1);
    assert_eq!(by_one[0].operation, by_both[0].operation);
    assert!(by_both[0].revocation.is_some() && by_one[0].revocation.is_none());
}

#[test]
fn two_that_revoke_each_other_are_both_out_until_the_root_speaks() {
    let Bag { recovery, log } = with(&[2, 3]);
    let (mut first, mut second) = (log.clone(), log);
    let ours = by(&mut first, 1, revoke(2));
    let theirs = by(&mut second, 2, revoke(1));
    first.apply(theirs.clone()).unwrap();
    second.apply(ours).unwrap();
    assert_eq!(standing(&first), [3]);
    assert_eq!(standing(&second), [3]);
    // By whoever had seen both: what the second did is undone.
    let mut third = first.clone();
    by(&mut third, 3, undo(2, &[theirs.id()]));
    assert_eq!(standing(&third), [1, 3]);
    first.apply(first.sign(Author::Root, undo(2, &[theirs.id()]), recovery.root())).unwrap();
    assert_eq!(standing(&first), [1, 3]);
}

#[test]
fn the_roots_revocation_undoes_what_it_had_not_seen() {
    let Bag { recovery, log } = with(&[2]);
    let (ours, mut theirs) = (log.clone(), log);
    let by_thief = by(&mut theirs, 2, revoke(1));
    let by_root = ours.sign(Author::Root, revoke(2), recovery.root());
    for (first, then) in [(&by_thief, &by_root), (&by_root, &by_thief)] {
        let mut log = with(&[2]).log;
        log.apply(first.clone()).unwrap();
        log.apply(then.clone()).unwrap();
        assert_eq!(standing(&log), [1]);
    }
}

#[test]
fn whoever_revokes_a_device_may_undo_what_it_revoked() {
    for root in [false, true] {
        let Bag { recovery, mut log } = with(&[2, 3]);
        let by_thief = by(&mut log, 2, revoke(1)).id();
        assert_eq!(standing(&log), [2, 3]);
        let other = log.in_order()[0].id();
        let author = if root { Author::Root } else { Author::Device(device(3)) };
        let key = if root { recovery.root() } else { &key(3) };
        let foreign = log.sign(author, undo(2, &[other]), key);
        assert_eq!(log.apply(foreign), Err(LogError::Malformed));
        let kept = log.sign(author, revoke(2), key);
        let mut without = log.clone();
        without.apply(kept).unwrap();
        assert_eq!(standing(&without), [3], "an earlier revocation holds unless it is undone");
        log.apply(log.sign(author, undo(2, &[by_thief]), key)).unwrap();
        assert_eq!(standing(&log), [1, 3]);
    }
}

#[test]
fn a_person_key_that_a_revoked_device_announced_unseen_does_not_hold() {
    let mut log = with(&[2]).log;
    by(&mut log, 1, announce(1));
    let mut theirs = log.clone();
    let unseen = by(&mut theirs, 2, announce(2));
    by(&mut log, 1, revoke(2));
    log.apply(unseen).unwrap();
    assert_eq!(log.person_key().map(|key| Action::PersonKey(*key)), Some(announce(1)));
}

#[test]
fn a_revocation_out_of_order_or_of_a_stranger_is_refused() {
    let mut log = with(&[2]).log;
    let commit = crate::id::CommitId::from_bytes([1; 32]);
    let kept = |space: u8, number| {
        let space = SpaceMark::of(&crate::id::SpaceId::from_bytes([space; 32]), &device(2));
        Kept { space, number, commit }
    };
    let mut sorted = vec![kept(1, 1), kept(2, 1)];
    sorted.sort_unstable_by_key(|kept| kept.space);
    let reversed: Vec<Kept> = sorted.iter().rev().copied().collect();
    for kept in [reversed, vec![sorted[0], sorted[0]], vec![kept(1, 0)]] {
        let action = Action::Revoke(Revocation { device: device(2), kept, undone: vec![] });
        let bad = log.sign(Author::Device(device(1)), action, &key(1));
        assert_eq!(log.apply(bad), Err(LogError::Malformed));
    }
    let stranger = log.sign(Author::Device(device(1)), revoke(7), &key(1));
    assert_eq!(log.apply(stranger), Err(LogError::NotEntitled));
    let space = crate::id::SpaceId::from_bytes([1; 32]);
    let action = Action::Revoke(Revocation { device: device(2), kept: sorted, undone: vec![] });
    let signed = by(&mut log, 1, action);
    let Action::Revoke(revocation) = &signed.body().action else { unreachable!() };
    assert_eq!(revocation.kept_in(&space), 1);
    assert_eq!(revocation.kept_in(&crate::id::SpaceId::from_bytes([3; 32])), 0);
}
