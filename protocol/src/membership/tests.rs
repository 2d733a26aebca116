//! A space, its owner and some friends, in whatever order the news comes.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::{
    crypto::{kem::KemSecret, secret::Secret32},
    epoch::{epoch_id, person_key},
    id::{OperationId, PersonId, SpaceId},
    identity::{
        certificate::Certificate,
        log::{Action, Author, DeviceLog, LogError, Operation, PersonKey},
        person::{Inception, Recovery},
    },
    limits::{MAX_LOG_HEADS, MAX_MEMBERSHIP_OPERATIONS, MAX_WAITING_STATEMENTS, PLACES_KEPT_FOR_ROOT},
    signed::Signed,
    testkit::{device, key},
};

const SPACE: SpaceId = SpaceId::from_bytes([1; 32]);
const OWNER: u8 = 200;
/// Friends; the devices of each have the numbers that follow.
const ADA: u8 = 20;
const BOB: u8 = 30;

fn recovery(person: u8) -> Recovery {
    Recovery::from_entropy(&Secret32::from_bytes([person; 32]))
}

fn inception(person: u8) -> Signed<Inception> {
    recovery(person).incept()
}

fn id(person: u8) -> PersonId {
    inception(person).person().unwrap()
}

fn kem(byte: u8) -> KemSecret {
    KemSecret::from_secret(&Secret32::from_bytes([byte; 32]))
}

fn blank(person: u8) -> DeviceLog {
    DeviceLog::new(id(person), inception(person).body())
}

fn certificate(person: u8, byte: u8, admin: bool) -> Action {
    let name = format!("device {byte}");
    let certificate =
        Certificate { person: id(person), device: device(byte), kem: kem(byte).public(), name, admin };
    let device_signature = certificate.countersign(&key(byte));
    Action::Enrol { certificate, device_signature, verified: true }
}

/// By the root, on top of a log.
fn by_root(log: &DeviceLog, person: u8, action: Action) -> Signed<Operation> {
    log.sign(Author::Root, action, recovery(person).root())
}

fn announced(byte: u8) -> Action {
    let secret = Secret32::from_bytes([byte; 32]);
    Action::PersonKey(PersonKey { epoch: epoch_id(&secret), kem: person_key(&secret).public() })
}

/// A friend with one device, which has announced a person key.
fn friend(person: u8) -> DeviceLog {
    let mut log = blank(person);
    for action in [certificate(person, person + 1, true), announced(person)] {
        log.apply(by_root(&log, person, action)).unwrap();
    }
    log
}

/// The owner's own space: devices 1 and 2 are admin devices, 3 is not.
fn alone() -> Roster {
    let mut owner = blank(OWNER);
    for (byte, admin) in [(1, true), (2, true), (3, false)] {
        owner.apply(by_root(&owner, OWNER, certificate(OWNER, byte, admin))).unwrap();
    }
    Roster::new(SPACE, owner)
}

/// By an admin device of the owner, on top of all that this roster holds.
fn sign(roster: &Roster, byte: u8, action: MembershipAction) -> Signed<MembershipOperation> {
    roster.membership().sign(roster.owner().heads(), device(byte), action, &key(byte))
}

fn does(roster: &mut Roster, byte: u8, action: MembershipAction) -> Signed<MembershipOperation> {
    let operation = sign(roster, byte, action);
    roster.apply_membership(operation.clone()).unwrap();
    operation
}

fn add(person: u8, role: Role) -> MembershipAction {
    MembershipAction::Add { inception: inception(person), role }
}

fn remove(person: u8) -> MembershipAction {
    MembershipAction::Remove { person: id(person) }
}

fn take_log(roster: &mut Roster, log: &DeviceLog) {
    for operation in log.in_order() {
        roster.apply_operation(operation.clone()).unwrap();
    }
}

/// Ada writes, Bob reads.
fn shared() -> Roster {
    let mut roster = alone();
    does(&mut roster, 1, add(ADA, Role::Writer));
    does(&mut roster, 2, add(BOB, Role::Reader));
    take_log(&mut roster, &friend(ADA));
    take_log(&mut roster, &friend(BOB));
    roster
}

#[test]
fn a_space_of_ones_own_is_its_device_log() {
    let roster = alone();
    let log = roster.owner();
    for byte in [1, 2, 3, 4] {
        let byte = device(byte);
        assert_eq!(roster.heads_for(&byte), log.heads());
        assert_eq!(roster.is_entitled_at(&log.heads(), &byte), log.is_entitled_at(&log.heads(), &byte));
        assert_eq!(roster.knows(&byte), log.devices().contains_key(&byte));
    }
    assert_eq!(roster.is_entitled_at(&[], &device(1)), Some(false));
    assert_eq!(roster.is_entitled_at(&[OperationId::from_bytes([9; 32])], &device(1)), None);
    assert_eq!(&roster.devices(), log.devices());
    assert_eq!(roster.recipients(Some(&recovery(OWNER).kem().public())).len(), 4);
    assert_eq!(roster.in_order().len(), 3);
}

#[test]
fn the_owners_devices_and_a_writers_may_write_and_a_reader_is_known() {
    let roster = shared();
    let may = |byte: u8| roster.is_entitled_at(&roster.heads_for(&device(byte)), &device(byte));
    assert_eq!([may(1), may(3)], [Some(true); 2], "the owner's devices");
    assert_eq!(may(ADA + 1), Some(true), "a writer's");
    assert_eq!(may(BOB + 1), Some(false), "a reader's");
    assert_eq!(may(77), Some(false), "a stranger's");
    assert!(roster.knows(&device(BOB + 1)) && !roster.knows(&device(77)));
    assert_eq!(roster.person_of(&device(ADA + 1)), Some(id(ADA)));
    assert_eq!(roster.devices().len(), 5);
    let log = roster.log_of(&id(ADA)).unwrap();
    let no_membership = roster.is_entitled_at(&log.heads(), &device(ADA + 1));
    assert_eq!(no_membership, Some(false), "who names no admission was not let in there");
    let no_log = roster.is_entitled_at(&roster.membership().heads(), &device(ADA + 1));
    assert_eq!(no_log, Some(false), "nor who names no enrolment");
}

#[test]
fn a_members_new_phone_belongs_at_once() {
    let mut roster = shared();
    let log = roster.log_of(&id(ADA)).unwrap();
    let enrolment = certificate(ADA, ADA + 2, false);
    let phone = log.sign(Author::Device(device(ADA + 1)), enrolment, &key(ADA + 1));
    assert!(!roster.knows(&device(ADA + 2)));
    roster.apply_operation(phone).unwrap();
    assert!(roster.knows(&device(ADA + 2)));
    let heads = roster.heads_for(&device(ADA + 2));
    assert_eq!(roster.is_entitled_at(&heads, &device(ADA + 2)), Some(true));
}

#[test]
fn who_was_put_out_is_no_longer_known_and_earlier_commits_are_judged_as_before() {
    let mut roster = shared();
    let before = roster.heads_for(&device(ADA + 1));
    does(&mut roster, 1, remove(ADA));
    assert!(!roster.knows(&device(ADA + 1)) && roster.knows(&device(BOB + 1)));
    assert_eq!(roster.is_entitled_at(&before, &device(ADA + 1)), Some(true));
    let now = [roster.membership().heads(), roster.log_of(&id(ADA)).unwrap().heads()].concat();
    assert_eq!(roster.is_entitled_at(&now, &device(ADA + 1)), Some(false));
    assert_eq!(roster.recipients(None).len(), 3 + 1);
}

#[test]
fn a_removal_beats_every_admission_that_had_not_seen_it() {
    let mut roster = shared();
    let mut other = roster.clone();
    let removal = does(&mut roster, 1, remove(ADA));
    // Elsewhere, without knowledge of it: put out, and let in again.
    does(&mut other, 2, remove(ADA));
    let again = does(&mut other, 2, add(ADA, Role::Writer));
    assert!(other.members().contains_key(&id(ADA)));
    other.apply_membership(removal).unwrap();
    assert!(!other.members().contains_key(&id(ADA)));
    assert_eq!(roster.apply_membership(again), Err(MembershipError::MissingPrevious));
    does(&mut other, 2, add(ADA, Role::Reader));
    assert_eq!(other.members()[&id(ADA)].role, Role::Reader);
}

#[test]
fn of_two_admissions_the_later_holds_and_side_by_side_the_one_that_allows_least() {
    let mut roster = shared();
    let mut other = roster.clone();
    does(&mut roster, 1, add(ADA, Role::Reader));
    assert_eq!(roster.members()[&id(ADA)].role, Role::Reader, "a change of role");
    let writer = does(&mut other, 2, add(ADA, Role::Writer));
    roster.apply_membership(writer).unwrap();
    assert_eq!(roster.members()[&id(ADA)].role, Role::Reader);
    does(&mut roster, 2, add(ADA, Role::Writer));
    assert_eq!(roster.members()[&id(ADA)].role, Role::Writer, "who had seen both");
}

#[test]
fn only_the_owners_admin_devices_change_membership() {
    let mut roster = shared();
    let refused = |roster: &Roster, byte| {
        roster.clone().apply_membership(sign(roster, byte, add(BOB, Role::Writer))).unwrap_err()
    };
    assert_eq!(refused(&roster, 3), MembershipError::NotEntitled, "no admin");
    assert_eq!(refused(&roster, ADA + 1), MembershipError::NotEntitled, "a member's");
    assert_eq!(refused(&roster, 77), MembershipError::NotEntitled, "a stranger's");
    let body = sign(&roster, 1, add(BOB, Role::Writer)).body().clone();
    let forged = Signed::new(body.clone(), &key(2));
    assert_eq!(roster.apply_membership(forged), Err(MembershipError::BadSignature));
    let nowhere = MembershipOperation { log_heads: vec![], ..body.clone() };
    assert_eq!(
        roster.apply_membership(Signed::new(nowhere, &key(1))),
        Err(MembershipError::NotEntitled),
        "judged where it says that it was"
    );
    let elsewhere = MembershipOperation { space: SpaceId::from_bytes([2; 32]), ..body };
    assert_eq!(roster.apply_membership(Signed::new(elsewhere, &key(1))), Err(MembershipError::OtherSpace));
    assert_eq!(roster.members()[&id(BOB)].role, Role::Reader);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let mut roster = alone();
    let mut verdict = |action| {
        let operation = sign(&roster, 1, action);
        roster.apply_membership(operation)
    };
    assert_eq!(verdict(add(OWNER, Role::Reader)), Err(MembershipError::Malformed));
    let forged = Signed::new(inception(ADA).body().clone(), recovery(BOB).root());
    let forged = MembershipAction::Add { inception: forged, role: Role::Reader };
    assert_eq!(verdict(forged), Err(MembershipError::BadSignature));
    assert_eq!(verdict(remove(ADA)), Err(MembershipError::NotEntitled), "never let in");
}

#[test]
fn secrets_go_to_the_owners_devices_and_the_members_person_keys() {
    let mut roster = shared();
    let secret = |byte| person_key(&Secret32::from_bytes([byte; 32])).public();
    let mut expected = vec![secret(ADA), secret(BOB)];
    expected.extend([1, 2, 3].map(|byte| kem(byte).public()));
    expected.sort_unstable();
    assert_eq!(roster.recipients(None), expected);
    does(&mut roster, 1, add(40, Role::Reader));
    assert_eq!(roster.recipients(None), expected);
    assert_eq!(roster.without_key().copied().collect::<Vec<_>>(), [id(40)]);
    take_log(&mut roster, &friend(40));
    assert_eq!(roster.recipients(None).len(), 6);
    assert_eq!(roster.without_key().count(), 0);
}

#[test]
fn a_device_names_few_heads_even_when_there_are_too_many() {
    let mut roster = shared();
    // Side by side, each unseen by the others.
    let before = roster.clone();
    for number in 1..=u16::try_from(MAX_LOG_HEADS).unwrap() {
        let mut entropy = [0; 32];
        entropy[..2].copy_from_slice(&number.to_le_bytes());
        let inception = Recovery::from_entropy(&Secret32::from_bytes(entropy)).incept();
        let let_in = MembershipAction::Add { inception, role: Role::Reader };
        roster.apply_membership(sign(&before, 1, let_in)).unwrap();
    }
    for byte in [1, ADA + 1] {
        let heads = roster.heads_for(&device(byte));
        assert!(heads.len() <= 2 && heads.is_sorted(), "{}", heads.len());
        assert_eq!(roster.is_entitled_at(&heads, &device(byte)), Some(true));
    }
    does(&mut roster, 1, remove(BOB));
    assert_eq!(roster.membership().heads().len(), 1, "one operation joins them");
}

#[test]
fn a_log_is_bounded() {
    let mut roster = alone();
    does(&mut roster, 1, add(ADA, Role::Reader));
    for _ in 1..MAX_MEMBERSHIP_OPERATIONS - PLACES_KEPT_FOR_ROOT {
        does(&mut roster, 1, add(ADA, Role::Writer));
    }
    let over = sign(&roster, 1, remove(ADA));
    assert_eq!(roster.apply_membership(over), Err(MembershipError::Malformed));
}

#[test]
fn what_waits_is_bounded_and_the_last_is_refused() {
    let mut roster = alone();
    let mut waiting = Waiting::default();
    let stray = |number: u16| {
        let mut previous = [0; 32];
        previous[..2].copy_from_slice(&number.to_le_bytes());
        let mut body = sign(&alone(), 1, remove(ADA)).body().clone();
        body.previous = vec![OperationId::from_bytes(previous)];
        Statement::Membership(Signed::new(body, &key(1)))
    };
    let most = u16::try_from(MAX_WAITING_STATEMENTS).unwrap();
    for number in 0..most {
        assert_eq!(waiting.insert(&mut roster, stray(number), number), []);
    }
    let verdict = Err(Refused::Membership(MembershipError::MissingPrevious));
    assert_eq!(waiting.insert(&mut roster, stray(most), most), [Settled { tag: most, verdict }]);
    assert_eq!(waiting.iter().count(), MAX_WAITING_STATEMENTS);
    // What needs none of them goes through all the same.
    let letting_in = Statement::Membership(sign(&roster, 1, add(ADA, Role::Reader)));
    let settled = waiting.insert(&mut roster, letting_in, 0);
    assert!(matches!(settled[..], [Settled { tag: 0, verdict: Ok(_) }]), "{settled:?}");
}

#[test]
fn a_members_log_waits_for_the_admission() {
    let mut roster = alone();
    let operation = by_root(&blank(ADA), ADA, certificate(ADA, ADA + 1, true));
    assert_eq!(roster.apply_operation(operation.clone()), Err(LogError::MissingPrevious));
    does(&mut roster, 1, add(ADA, Role::Reader));
    roster.apply_operation(operation).unwrap();
}

/// What two admin devices do, together and apart.
#[derive(Debug, Clone)]
struct Step {
    device: u8,
    person: u8,
    what: u8,
    meet: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (1_u8..=2, prop_oneof![Just(ADA), Just(BOB)], 0_u8..4, any::<bool>());
    let step = step.prop_map(|(device, person, what, meet)| Step { device, person, what, meet });
    proptest::collection::vec(step, 1..12)
}

/// All that was said, in an order in which it could be.
fn history(steps: &[Step]) -> Vec<Signed<MembershipOperation>> {
    let mut rosters = [alone(), alone()];
    let mut said = Vec::new();
    for step in steps {
        let roster = &mut rosters[usize::from(step.device) - 1];
        let action = match step.what {
            0 => add(step.person, Role::Reader),
            1 => add(step.person, Role::Writer),
            _ => remove(step.person),
        };
        let operation = sign(roster, step.device, action);
        if roster.apply_membership(operation.clone()).is_ok() {
            said.push(operation);
        }
        if step.meet {
            for roster in &mut rosters {
                for operation in &said {
                    roster.apply_membership(operation.clone()).unwrap();
                }
            }
        }
    }
    said
}

type Named<'a> = BTreeMap<OperationId, &'a MembershipOperation>;

fn past(of: &MembershipOperation, all: &Named<'_>) -> BTreeSet<OperationId> {
    of.previous.iter().flat_map(|id| past(all[id], all).into_iter().chain([*id])).collect()
}

/// Who is in, from the rule as it is written.
fn by_the_rule(said: &[Signed<MembershipOperation>]) -> BTreeMap<PersonId, Role> {
    let all: Named<'_> = said.iter().map(|signed| (signed.id(), signed.body())).collect();
    let mut members = BTreeMap::new();
    for person in [ADA, BOB] {
        let removed = |action: &MembershipAction| *action == remove(person);
        let admitted = |action: &MembershipAction| match action {
            MembershipAction::Add { inception, role, .. } => {
                (inception.person().unwrap() == id(person)).then_some(*role)
            }
            _ => None,
        };
        let stands = |id: &OperationId| {
            let seen = past(all[id], &all);
            admitted(&all[id].action).is_some()
                && all.iter().all(|(id, other)| !removed(&other.action) || seen.contains(id))
        };
        let standing: Vec<&OperationId> = all.keys().filter(|id| stands(id)).collect();
        let is_old = |id: &OperationId| standing.iter().any(|other| past(all[*other], &all).contains(id));
        let newest = standing.iter().filter(|one| !is_old(one));
        if let Some(role) = newest.filter_map(|one| admitted(&all[*one].action)).min() {
            members.insert(id(person), role);
        }
    }
    members
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn in_whatever_order_the_news_comes_the_same_are_in(
        steps in steps(),
        order in proptest::collection::vec(any::<u32>(), 24),
    ) {
        let said = history(&steps);
        let start = alone();
        let logs = [start.owner().clone(), friend(ADA), friend(BOB)];
        let mut news: Vec<Statement> = said.iter().cloned().map(Statement::Membership).collect();
        for log in &logs {
            news.extend(log.in_order().into_iter().cloned().map(Statement::Operation));
        }
        let mut shuffled: Vec<(&u32, &Statement)> = order.iter().cycle().zip(&news).collect();
        shuffled.sort_by_key(|(place, _)| **place);

        let (mut here, mut there) = (Roster::new(SPACE, blank(OWNER)), Roster::new(SPACE, blank(OWNER)));
        let (mut waits_here, mut waits_there) = (Waiting::default(), Waiting::default());
        let mut told = 0;
        for ((_, left), right) in shuffled.iter().zip(news.iter().rev()) {
            told += waits_here.insert(&mut here, (*left).clone(), ()).len();
            waits_there.insert(&mut there, right.clone(), ());
        }
        prop_assert_eq!(told + waits_here.iter().count(), news.len());
        let roles: BTreeMap<PersonId, Role> =
            here.members().iter().map(|(person, member)| (*person, member.role)).collect();
        prop_assert_eq!(roles, by_the_rule(&said));
        prop_assert_eq!(here.members(), there.members());
        prop_assert_eq!(here.membership().heads(), there.membership().heads());
        prop_assert_eq!(here.devices(), there.devices());
        prop_assert_eq!(here.recipients(None), there.recipients(None));
        for byte in [1, ADA + 1, BOB + 1] {
            let heads = here.heads_for(&device(byte));
            prop_assert_eq!(&heads, &there.heads_for(&device(byte)));
            let may = here.is_entitled_at(&heads, &device(byte));
            prop_assert_eq!(may, there.is_entitled_at(&heads, &device(byte)));
        }
        // What is sent in this order waits nowhere.
        let by_name: BTreeMap<OperationId, &Statement> = news.iter().map(|one| (name(one), one)).collect();
        let mut third = Roster::new(SPACE, blank(OWNER));
        for id in here.in_order() {
            prop_assert!(third.apply(by_name[&id]).is_ok());
        }
        prop_assert_eq!(third.members(), here.members());
    }
}

fn name(statement: &Statement) -> OperationId {
    match statement {
        Statement::Operation(signed) => signed.id(),
        Statement::Membership(signed) => signed.id(),
    }
}
