//! Roots that are replaced, once and twice.

use proptest::prelude::*;

use super::*;
use crate::{
    crypto::{kem::KemPublic, secret::Secret32},
    id::OperationId,
    identity::log::{
        Revocation,
        tests::{Bag, announce, bag, by, enrol, revoke, standing, with},
    },
    limits::LOG_OPERATIONS_KEPT_FOR_REPLACEMENTS,
    testkit::{device, key},
};

fn words(byte: u8) -> Recovery {
    Recovery::from_entropy(&Secret32::from_bytes([byte; 32]))
}

/// Signs as a root on top of what this log holds, and adds it there.
fn by_root(log: &mut DeviceLog, root: &Recovery, action: Action) -> Signed<Operation> {
    let operation = log.sign(Author::Root, action, root.root());
    log.apply(operation.clone()).unwrap();
    operation
}

fn replace(log: &mut DeviceLog, old: &Recovery, new: &Recovery) -> Signed<Operation> {
    let operation = log.sign_replacement(old, new);
    log.apply(operation.clone()).unwrap();
    operation
}

fn apply_all<'a>(log: &mut DeviceLog, operations: impl IntoIterator<Item = &'a Signed<Operation>>) {
    for operation in operations {
        log.apply(operation.clone()).unwrap();
    }
}

fn enrols(byte: u8) -> Action {
    enrol(&bag().log, byte, true)
}

#[test]
fn the_new_root_speaks_and_the_old_one_no_more() {
    let Bag { recovery: old, mut log } = with(&[2]);
    let new = words(10);
    let person = log.person();
    replace(&mut log, &old, &new);
    assert_eq!(log.root(), Some(&new.keys()));
    assert_eq!(log.person(), person);
    assert_eq!(standing(&log), [1, 2], "what was seen stays");
    for action in [enrols(3), revoke(2), announce(1)] {
        assert_eq!(log.apply(log.sign(Author::Root, action, old.root())), Err(LogError::BadSignature));
    }
    assert_eq!(log.apply(log.sign_replacement(&old, &words(11))), Err(LogError::BadSignature));
    by_root(&mut log, &new, enrols(3));
    by_root(&mut log, &new, revoke(2));
    assert_eq!(standing(&log), [1, 3]);
    let of = |words: &Recovery| log.root_standing(&words.root().verifying_key());
    assert_eq!(of(&new), RootStanding::Present);
    assert_eq!(of(&old), RootStanding::Replaced);
    assert_eq!(of(&words(12)), RootStanding::Unknown);
}

#[test]
fn what_the_old_root_did_unseen_does_not_hold_nor_what_came_of_it() {
    let Bag { recovery: old, log } = with(&[2]);
    let new = words(10);
    // Somebody who has the old words enrols a device, which enrols another and takes out the person's.
    let mut theirs = log.clone();
    let mut by_thief = vec![by_root(&mut theirs, &old, enrols(4))];
    by_thief.push(by(&mut theirs, 4, enrols(5)));
    by_thief.push(by(&mut theirs, 5, revoke(1)));
    by_thief.push(by_root(&mut theirs, &old, revoke(2)));
    by_thief.push(by_root(&mut theirs, &old, announce(3)));
    assert_eq!(standing(&theirs), [4, 5]);
    let mut ours = log.clone();
    let by_us = replace(&mut ours, &old, &new);
    apply_all(&mut ours, &by_thief);
    theirs.apply(by_us.clone()).unwrap();
    for log in [&ours, &theirs] {
        assert_eq!(standing(log), [1, 2]);
        assert_eq!(log.person_key(), None);
        assert!(log.has_ended(&device(4)) && log.has_ended(&device(5)));
        let ended = log.ended_by(&device(5));
        assert_eq!((ended[0].operation, ended[0].is_replacement), (by_us.id(), true));
        assert!(!log.has_seen_endings(&[by_thief[4].id()]) && log.has_seen_endings(&log.heads()));
    }
    // Whoever knows of both signs nothing for them.
    let late = ours.sign(Author::Device(device(4)), enrols(6), &key(4));
    assert_eq!(ours.apply(late), Err(LogError::NotEntitled));
}

#[test]
fn two_replacements_of_one_root_end_both_and_the_devices_go_on() {
    let Bag { recovery: old, log } = with(&[2]);
    let (mut ours, mut theirs) = (log.clone(), log);
    let [mine, thiefs] = [10, 11].map(words);
    let first = [replace(&mut ours, &old, &mine), by_root(&mut ours, &mine, enrols(3))];
    let second = [replace(&mut theirs, &old, &thiefs), by_root(&mut theirs, &thiefs, revoke(2))];
    apply_all(&mut ours, &second);
    apply_all(&mut theirs, &first);
    for log in [&mut ours, &mut theirs] {
        assert_eq!((log.root(), standing(log)), (None, vec![1, 2]));
        for words in [&old, &mine, &thiefs] {
            assert_eq!(log.root_standing(&words.root().verifying_key()), RootStanding::Frozen);
            let action = log.sign(Author::Root, enrols(4), words.root());
            assert_eq!(log.apply(action), Err(LogError::NotEntitled));
        }
        assert_eq!(log.replacements().count(), 2);
        by(log, 1, enrols(5));
        assert_eq!(standing(log), [1, 2, 5]);
    }
}

#[test]
fn what_only_one_of_two_replacements_had_seen_does_not_hold() {
    let Bag { recovery: old, mut log } = with(&[]);
    by_root(&mut log, &old, enrols(2));
    let (mut ours, mut theirs) = (log.clone(), log);
    by_root(&mut ours, &old, enrols(3));
    replace(&mut ours, &old, &words(10));
    assert_eq!(standing(&ours), [1, 2, 3]);
    ours.apply(replace(&mut theirs, &old, &words(11))).unwrap();
    assert_eq!(standing(&ours), [1, 2]);
}

#[test]
fn words_may_be_replaced_again_and_never_by_earlier_ones() {
    let Bag { recovery: first, mut log } = with(&[2]);
    let [second, third] = [10, 11].map(words);
    replace(&mut log, &first, &second);
    let before = log.clone();
    replace(&mut log, &second, &third);
    assert_eq!(log.root(), Some(&third.keys()));
    for earlier in [&first, &second, &third] {
        assert_eq!(log.apply(log.sign_replacement(&third, earlier)), Err(LogError::Malformed));
    }
    // Whoever has the first words can still make one that looks as old as the first replacement.
    let mut theirs = with(&[2]).log;
    let rival = replace(&mut theirs, &first, &words(12));
    log.apply(rival).unwrap();
    assert_eq!(log.root(), None);
    // Whoever has the second words can freeze them no less.
    let (mut ours, mut theirs) = (before.clone(), before);
    replace(&mut ours, &second, &third);
    ours.apply(replace(&mut theirs, &second, &words(12))).unwrap();
    assert_eq!(ours.root(), None);
    assert_eq!(ours.root_standing(&first.root().verifying_key()), RootStanding::Replaced);
}

#[test]
fn a_replacement_by_a_device_without_consent_or_with_an_unusable_key_is_refused() {
    let Bag { recovery: old, mut log } = with(&[2]);
    let (new, stranger) = (words(10), with(&[2]));
    let Action::Replace(good) = log.sign_replacement(&old, &new).body().action.clone() else {
        unreachable!()
    };
    let by_device = log.sign(Author::Device(device(1)), Action::Replace(good.clone()), &key(1));
    assert_eq!(log.apply(by_device), Err(LogError::NotEntitled));
    let mut refuse = |replacement, error| {
        let operation = log.sign(Author::Root, Action::Replace(replacement), old.root());
        assert_eq!(log.apply(operation), Err(error));
        assert_eq!(log.root(), Some(&old.keys()));
    };
    let keys = Inception { recovery_keeper: words(11).keeper().verifying_key(), ..good.keys.clone() };
    refuse(Replacement { keys, ..good.clone() }, LogError::BadSignature);
    let elsewhere = Replacement::new(PersonId::from_bytes([1; 32]), old.root().verifying_key(), &new);
    refuse(elsewhere, LogError::BadSignature);
    let after_another = Replacement::new(stranger.log.person(), new.root().verifying_key(), &new);
    refuse(after_another, LogError::BadSignature);
    let keys = Inception { recovery_kem: KemPublic::from_bytes([0; 32]), ..good.keys.clone() };
    refuse(Replacement { keys, ..good }, LogError::Malformed);
}

#[test]
fn whoever_floods_the_log_with_old_words_keeps_no_new_ones_out() {
    let Bag { recovery: old, mut log } = with(&[2]);
    while log.apply(log.sign(Author::Root, announce(1), old.root())).is_ok() {}
    let new = words(10);
    replace(&mut log, &old, &new);
    assert_eq!(log.root(), Some(&new.keys()));
    let over = log.sign(Author::Root, enrols(3), new.root());
    assert_eq!(log.apply(over), Err(LogError::Malformed));
    let before = with(&[2]).log;
    let rivals = (20..60_u8).map(|byte| before.sign_replacement(&old, &words(byte)));
    let taken = rivals.filter(|rival| log.apply(rival.clone()).is_ok()).count();
    assert_eq!(taken, LOG_OPERATIONS_KEPT_FOR_REPLACEMENTS - 1);
}

/// A log as it grew in three places that now and then heard of each other.
fn operations(steps: &[(u8, u8, u8)]) -> Vec<Signed<Operation>> {
    let Bag { recovery, log } = with(&[2]);
    let pool: Vec<Recovery> = std::iter::once(recovery).chain((10..14).map(words)).collect();
    let mut all: Vec<Signed<Operation>> = log.in_order().into_iter().cloned().collect();
    let mut places = [log.clone(), log.clone(), log];
    for (place, action, number) in steps {
        let place = usize::from(place % 3);
        let log = &places[place];
        let byte = 1 + number % 8;
        let root = pool.iter().find(|words| Some(&words.keys()) == log.root());
        let signed = match (action % 8, root) {
            (0 | 1, Some(root)) => log.sign_replacement(root, &pool[usize::from(number % 5)]),
            (2, Some(root)) => log.sign(Author::Root, enrols(byte), root.root()),
            (3, Some(root)) => log.sign(Author::Root, revoke(byte), root.root()),
            (4, Some(root)) => log.sign(Author::Root, announce(byte), root.root()),
            (5, _) => log.sign(Author::Device(device(byte)), enrols(1 + number / 8 % 8), &key(byte)),
            (6, _) => {
                let revocation =
                    Revocation { device: device(1 + number / 8 % 8), kept: vec![], undone: vec![] };
                log.sign(Author::Device(device(byte)), Action::Revoke(revocation), &key(byte))
            }
            _ => {
                let other = places[usize::from(number % 3)].clone();
                apply_all(&mut places[place], other.in_order());
                continue;
            }
        };
        if places[place].apply(signed.clone()).is_ok() {
            all.push(signed);
        }
    }
    all
}

/// All that must be the same for everybody who holds the same.
fn concluded(log: &DeviceLog) -> impl PartialEq + std::fmt::Debug {
    let ended = |byte: u8| -> Vec<OperationId> {
        log.ended_by(&device(byte)).iter().map(|ended| ended.operation).collect()
    };
    (
        log.root().cloned(),
        log.devices().clone(),
        log.person_key().copied(),
        log.heads(),
        log.replacements().map(|(operation, _)| operation.id()).collect::<std::collections::BTreeSet<_>>(),
        (1..9).map(ended).collect::<Vec<_>>(),
    )
}

proptest! {
    #[test]
    fn any_order_of_arrival_leads_to_the_same(
        steps in proptest::collection::vec((any::<u8>(), any::<u8>(), any::<u8>()), 1..24),
        keys in proptest::collection::vec(any::<u32>(), 40),
    ) {
        let all = operations(&steps);
        let mut in_order = bag().log;
        apply_all(&mut in_order, &all);
        let mut left: Vec<(u32, Signed<Operation>)> = keys.into_iter().zip(all).collect();
        left.sort_by_key(|(key, _)| *key);
        let mut shuffled = bag().log;
        while !left.is_empty() {
            let before = left.len();
            left.retain(|(_, operation)| match shuffled.apply(operation.clone()) {
                Err(LogError::MissingPrevious) => true,
                outcome => { outcome.unwrap(); false }
            });
            prop_assert!(left.len() < before);
        }
        prop_assert_eq!(concluded(&shuffled), concluded(&in_order));
    }
}
