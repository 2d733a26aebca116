//! A stolen admin device that fills what has a bound before anybody takes it out.

use super::{
    revoked::{agree, of, own, revoke, try_to_revoke},
    shared::{OWNER, SHARED, Spaces, all, enrol, kem, nonces, read, restarted, secret, space, talk, write},
    *,
};
use crate::{
    crypto::aead::NONCE_LEN,
    epoch::{EpochStatement, Keyring, person_key},
    id::EpochId,
    identity::log::{LogError, PersonKey, Revocation},
    limits::{MAX_EPOCHS, MAX_LOG_OPERATIONS, MAX_MEMBERSHIP_OPERATIONS},
    membership::MembershipAction,
    record::{epoch_record, seal},
    replica::{revoking::RevokeError, rotating::EpochStartError},
};

const PHONE: u8 = 2;
const ACCOMPLICE: u8 = 4;

/// Statements of the phone's, until one more does not fit; how many there were.
fn fill(phone: &mut Spaces, mut next: impl FnMut(&State, usize) -> Payload) -> usize {
    let mut nonce = nonces(80);
    for number in 0.. {
        let payload = next(of(phone).state(), number);
        let effects = of(phone).write_statement(payload, &mut nonce).unwrap();
        if !effects.refused.is_empty() {
            return number;
        }
    }
    unreachable!()
}

fn fill_log(phone: &mut Spaces) -> usize {
    fill(phone, |state, _| {
        let vouch = Action::Vouch { device: id(1) };
        Payload::Operation(state.log().sign(Author::Device(id(PHONE)), vouch, &key(PHONE)))
    })
}

fn fill_membership(phone: &mut Spaces) -> usize {
    fill(phone, |state, number| {
        let epoch = EpochId::from_bytes(*blake3::hash(&number.to_le_bytes()).as_bytes());
        let action = MembershipAction::Epoch(epoch);
        let heads = state.log().heads();
        let membership = state.roster().membership();
        Payload::Membership(membership.sign(heads, id(PHONE), action, &key(PHONE)))
    })
}

/// The phone itself is held back by nobody.
fn fill_epochs(phone: &mut Spaces) -> usize {
    let to = [kem(1).public(), kem(3).public()];
    for number in 0..MAX_EPOCHS {
        let drawn = Secret32::from_bytes(*blake3::hash(&number.to_be_bytes()).as_bytes());
        let (keeper, none) = (key(SHARED), Keyring::default());
        let statement = EpochStatement::begin(space(SHARED), &keeper, &drawn, &to, &none, &drawn).unwrap();
        of(phone).write_statement(Payload::Epoch(statement), &mut nonces(81)).unwrap();
    }
    MAX_EPOCHS - 1
}

#[test]
fn whoever_fills_all_there_is_room_for_is_taken_out_by_the_words_all_the_same() {
    type Fill = fn(&mut Spaces) -> usize;
    let fills: [(Fill, usize); 3] = [
        (fill_log, MAX_LOG_OPERATIONS),
        (fill_membership, MAX_MEMBERSHIP_OPERATIONS),
        (fill_epochs, MAX_EPOCHS),
    ];
    for filled in [&fills[..1], &fills[1..2], &fills[2..], &fills[..]] {
        let (mut laptop, mut phone, mut tablet) = (own(1), own(PHONE), own(3));
        write(of(&mut laptop), 1, "before");
        // With a key announced, each ending announces another one; with an accomplice to take out, there is
        // an ending that every epoch must have seen.
        let announced = PersonKey {
            epoch: crate::epoch::epoch_id(&secret(SHARED)),
            kem: person_key(&secret(SHARED)).public(),
        };
        for action in [
            Action::PersonKey(announced),
            enrol(of(&mut phone).state().log(), OWNER, ACCOMPLICE).body().action.clone(),
        ] {
            let operation = of(&mut phone).state().log().sign(Author::Device(id(PHONE)), action, &key(PHONE));
            of(&mut phone).write_statement(Payload::Operation(operation), &mut nonces(70)).unwrap();
        }
        revoke(&mut phone, PHONE, ACCOMPLICE, 60, vec![], false);
        for (fill, bound) in filled {
            let count = fill(&mut phone);
            assert!(count < *bound && count > *bound - 40, "{count} of {bound}");
        }
        for (other, byte) in [(&mut laptop, 1), (&mut tablet, 3)] {
            talk([&mut phone, other], [PHONE, byte]).unwrap();
        }
        agree(&mut laptop, &mut tablet);
        let again = restarted(laptop.remove(&space(SHARED)).unwrap(), kem(1), None);
        laptop = all([again]);
        let refused = try_to_revoke(&mut laptop, 1, PHONE, 50, vec![], false).unwrap_err();
        let is_full = matches!(
            refused,
            RevokeError::Refused(LogError::Malformed) | RevokeError::Epoch(EpochStartError::NoRoom)
        );
        assert!(is_full, "{refused:?}");
        revoke(&mut laptop, 1, PHONE, 50, vec![], true);
        write(of(&mut laptop), 1, "after");
        // What had no room before it was known why it has comes the next time.
        for _ in 0..2 {
            talk([&mut laptop, &mut tablet], [1, 3]).unwrap();
        }
        agree(&mut laptop, &mut tablet);
        write(of(&mut tablet), 3, "on the tablet");
        talk([&mut tablet, &mut laptop], [3, 1]).unwrap();
        assert_eq!(read(of(&mut laptop)).len(), 3);
    }
}

/// A statement under a record of its own, as whoever knows the epochs of a device can make one.
fn sealed(spaces: &mut Spaces, payload: &Payload) -> Vec<u8> {
    seal(payload, &space(SHARED), of(spaces).state().keyring(), &[90; NONCE_LEN])
}

#[test]
fn what_the_words_say_is_read_although_it_lies_under_an_epoch_without_room() {
    let (mut laptop, mut phone, mut tablet) = (own(1), own(PHONE), own(3));
    fill_epochs(&mut phone);
    // Since it took its accomplice out only an epoch may be written under that it never stated.
    let accomplice = enrol(of(&mut phone).state().log(), OWNER, ACCOMPLICE).body().action.clone();
    let ending = Action::Revoke(Revocation { device: id(ACCOMPLICE), kept: vec![], undone: vec![] });
    for action in [accomplice, ending] {
        let operation = of(&mut phone).state().log().sign(Author::Device(id(PHONE)), action, &key(PHONE));
        of(&mut phone).write_statement(Payload::Operation(operation), &mut nonces(70)).unwrap();
    }
    let unknown = MembershipAction::Epoch(EpochId::from_bytes([7; 32]));
    let state = of(&mut phone).state();
    let word = state.roster().membership().sign(state.log().heads(), id(PHONE), unknown, &key(PHONE));
    of(&mut phone).write_statement(Payload::Membership(word), &mut nonces(71)).unwrap();
    for (other, byte) in [(&mut laptop, 1), (&mut tablet, 3)] {
        talk([&mut phone, other], [PHONE, byte]).unwrap();
        assert!(of(other).state().keyring().written_under().is_empty());
    }
    revoke(&mut laptop, 1, PHONE, 50, vec![], true);
    talk([&mut laptop, &mut tablet], [1, 3]).unwrap();
    agree(&mut laptop, &mut tablet);
    write(of(&mut tablet), 3, "on the tablet");
}

#[test]
fn who_is_taken_out_does_not_take_the_places_that_this_opens() {
    let (mut laptop, mut phone, mut tablet) = (own(1), own(PHONE), own(3));
    fill_epochs(&mut phone);
    for (other, byte) in [(&mut laptop, 1), (&mut tablet, 3)] {
        talk([&mut phone, other], [PHONE, byte]).unwrap();
    }
    revoke(&mut laptop, 1, PHONE, 50, vec![], true);
    let log = of(&mut laptop).state().log();
    let revocation = Payload::Operation((*log.in_order().last().unwrap()).clone());
    let statements = (0..4).map(|number| {
        let drawn = Secret32::from_bytes([200 + number; 32]);
        let (keeper, none) = (key(SHARED), Keyring::default());
        EpochStatement::begin(space(SHARED), &keeper, &drawn, &[kem(3).public()], &none, &drawn).unwrap()
    });
    let mut records: Vec<Vec<u8>> = statements.map(|statement| epoch_record(&statement)).collect();
    records.push(sealed(&mut tablet, &revocation));
    let ingested = of(&mut tablet).ingest(&id(PHONE), &records).unwrap();
    assert_eq!((ingested.new_records, ingested.effects.refused.len()), (1, 4));
    assert!(of(&mut tablet).state().log().has_ended(&id(PHONE)));
    talk([&mut laptop, &mut tablet], [1, 3]).unwrap();
    agree(&mut laptop, &mut tablet);
}

#[test]
fn an_epoch_is_stored_whatever_else_its_batch_calls_by_its_name() {
    let mut tablet = own(3);
    let (drawn, to) = (secret(30), [kem(3).public()]);
    let begin = |keeper: &SigningKey, random: u8| {
        let (none, random) = (Keyring::default(), secret(random));
        EpochStatement::begin(space(SHARED), keeper, &drawn, &to, &none, &random).unwrap()
    };
    let (of_nobody, good, again) = (begin(&key(9), 31), begin(&key(SHARED), 32), begin(&key(SHARED), 33));
    let records: Vec<Vec<u8>> = [&of_nobody, &good, &again].map(epoch_record).to_vec();
    let ingested = of(&mut tablet).ingest(&id(3), &records).unwrap();
    assert!(of(&mut tablet).state().holds_statement(&good.body().epoch.into()));
    assert_eq!((ingested.new_records, ingested.effects.refused.len()), (1, 2));
}
