//! Statements, grants and keyrings together.

use super::{statement::SEAL_INFO, *};
use crate::{
    crypto::{kem::KemSecret, sign::SigningKey},
    limits::{MAX_EPOCH_SECRETS, MAX_EPOCHS, MAX_LOG_HEADS, MAX_RECORD_EPOCHS, MAX_REPLACED_EPOCHS},
    signed::Signed,
};

fn secret(byte: u8) -> Secret32 {
    Secret32::from_bytes([byte; 32])
}

fn keeper() -> SigningKey {
    SigningKey::from_secret(&secret(1))
}

fn recovery_keeper() -> VerifyingKey {
    SigningKey::from_secret(&secret(2)).verifying_key()
}

fn space() -> SpaceId {
    space_id(&keeper().verifying_key(), &recovery_keeper())
}

fn begin(recipient: &KemSecret, epoch_secret: u8, earlier: &Keyring) -> Signed<EpochStatement> {
    let to = [recipient.public()];
    EpochStatement::begin(space(), &keeper(), &secret(epoch_secret), &to, earlier, &secret(4)).unwrap()
}

#[test]
fn a_recipient_learns_this_epoch_and_the_earlier_ones() {
    let phone = KemSecret::from_secret(&secret(3));
    let first = begin(&phone, 10, &Keyring::default());
    let second = begin(&phone, 11, &first.open(&phone).unwrap());
    let space = second.body().space;
    second.check(&space, &recovery_keeper()).unwrap();
    let keyring = second.open(&phone).unwrap();
    assert_eq!(keyring.iter().count(), 2);
    assert_eq!(keyring.written_under(), [second.body().epoch]);
    assert!(keyring.secret(&first.body().epoch).is_some());
}

#[test]
fn somebody_else_learns_nothing() {
    let statement = begin(&KemSecret::from_secret(&secret(3)), 10, &Keyring::default());
    let stranger = KemSecret::from_secret(&secret(5));
    assert_eq!(statement.open(&stranger).unwrap_err(), EpochError::NotForUs);
}

#[test]
fn only_the_keeper_of_the_space_states_epochs() {
    let phone = KemSecret::from_secret(&secret(3));
    let statement = begin(&phone, 10, &Keyring::default());
    let space = statement.body().space;
    let thief = SigningKey::from_secret(&secret(6));
    let forged = Signed::new(statement.body().clone(), &thief);
    assert_eq!(forged.check(&space, &recovery_keeper()), Err(EpochError::NotKeeper));
    let mut body = statement.body().clone();
    body.keeper = thief.verifying_key();
    let forged = Signed::new(body, &thief);
    assert_eq!(forged.check(&space, &recovery_keeper()), Err(EpochError::NotKeeper));
}

#[test]
fn an_epoch_named_by_another_secret_is_refused() {
    let phone = KemSecret::from_secret(&secret(3));
    let mut body = begin(&phone, 10, &Keyring::default()).body().clone();
    let associated = [body.space.as_bytes().as_slice(), body.epoch.as_bytes()].concat();
    body.recipients =
        vec![phone.public().seal(SEAL_INFO, &associated, secret(99).expose(), &secret(7)).unwrap()];
    let forged = Signed::new(body, &keeper());
    assert_eq!(forged.open(&phone).unwrap_err(), EpochError::WrongSecret);
}

#[test]
fn keys_that_do_not_follow_from_the_secret_are_refused() {
    let phone = KemSecret::from_secret(&secret(3));
    let statement = begin(&phone, 10, &Keyring::default());
    for swapped in [true, false] {
        let mut body = statement.body().clone();
        let (write, read) = (body.write, body.read);
        if swapped {
            body.write = read;
        } else {
            body.read = write;
        }
        assert_eq!(Signed::new(body, &keeper()).open(&phone).unwrap_err(), EpochError::WrongSecret);
    }
}

#[test]
fn epochs_in_a_circle_leave_one_to_write_under() {
    let mut keyring = Keyring::default();
    let (first, second) = (epoch_id(&secret(10)), epoch_id(&secret(11)));
    keyring.insert(secret(10), &[second]);
    keyring.insert(secret(11), &[first]);
    assert_eq!(keyring.heads(), []);
    assert_eq!(keyring.written_under(), [first.min(second)]);
}

#[test]
fn a_grant_of_nothing_is_refused() {
    let phone = KemSecret::from_secret(&secret(3));
    let sealed = Keyring::default().to_grant().seal(&phone.public(), b"transcript", &secret(8)).unwrap();
    assert_eq!(Grant::open(&sealed, &phone, b"transcript").unwrap_err(), EpochError::Malformed);
}

#[test]
fn a_grant_opens_in_its_own_context_only() {
    let phone = KemSecret::from_secret(&secret(3));
    let grant = begin(&phone, 10, &Keyring::default()).open(&phone).unwrap().to_grant();
    let sealed = grant.seal(&phone.public(), b"transcript", &secret(8)).unwrap();
    assert_eq!(Grant::open(&sealed, &phone, b"transcript").unwrap(), grant);
    assert_eq!(Grant::open(&sealed, &phone, b"another").unwrap_err(), EpochError::NotForUs);
}

#[test]
fn a_rotation_joins_all_heads() {
    let phone = KemSecret::from_secret(&secret(3));
    let first = begin(&phone, 10, &Keyring::default());
    let mut keyring = first.open(&phone).unwrap();
    // Two devices start one each, unseen by the other.
    for byte in [11, 12] {
        keyring.absorb(&begin(&phone, byte, &first.open(&phone).unwrap()), &phone).unwrap();
    }
    let mut both = [epoch_id(&secret(11)), epoch_id(&secret(12))];
    both.sort_unstable();
    assert_eq!(keyring.written_under(), both);
    let joined = begin(&phone, 13, &keyring);
    assert_eq!(joined.body().previous, both);
    assert_eq!(keyring.absorb(&joined, &phone), Ok(joined.body().epoch));
    assert_eq!(keyring.written_under(), [joined.body().epoch]);
    assert_eq!(keyring.iter().count(), 4);
}

#[test]
fn what_is_not_for_us_leaves_the_keyring_as_it_was() {
    let phone = KemSecret::from_secret(&secret(3));
    let mut keyring = begin(&phone, 10, &Keyring::default()).open(&phone).unwrap();
    let stranger = KemSecret::from_secret(&secret(5));
    let theirs = begin(&stranger, 11, &Keyring::default());
    assert_eq!(keyring.absorb(&theirs, &phone), Err(EpochError::NotForUs));
    assert_eq!(keyring.iter().count(), 1);
}

#[test]
fn in_a_shared_space_a_newcomer_learns_nothing_from_before() {
    let (owner, newcomer) = (KemSecret::from_secret(&secret(3)), KemSecret::from_secret(&secret(5)));
    let mut known = begin(&owner, 10, &Keyring::default()).open(&owner).unwrap();
    let space = space_id(&keeper().verifying_key(), &recovery_keeper());
    let recipients = [owner.public(), newcomer.public()];
    let statement =
        EpochStatement::begin_shared(space, &keeper(), &secret(11), &recipients, &known, &secret(4)).unwrap();
    statement.check(&space, &recovery_keeper()).unwrap();
    assert_eq!(statement.body().previous, known.heads());
    assert_eq!(statement.open(&newcomer).unwrap().iter().count(), 1);
    known.absorb(&statement, &owner).unwrap();
    assert_eq!(known.iter().count(), 2);
    assert_eq!(known.written_under(), [statement.body().epoch]);
}

#[test]
fn of_too_many_heads_the_first_are_written_under() {
    let mut keyring = Keyring::default();
    let mut ids: Vec<EpochId> = (0..20).map(|byte| keyring.insert(secret(byte), &[])).collect();
    ids.sort_unstable();
    assert_eq!(keyring.heads(), ids);
    assert_eq!(keyring.written_under(), &ids[..MAX_RECORD_EPOCHS]);
}

#[test]
fn what_is_replaced_beside_an_unknown_epoch_is_no_head() {
    for unknown in 0..20 {
        let mut keyring = Keyring::default();
        let old = keyring.insert(secret(100), &[]);
        let mut previous = [old, epoch_id(&secret(unknown))];
        previous.sort_unstable();
        let new = keyring.insert(secret(101), &previous);
        keyring.allow(Some([old, new].into()));
        assert_eq!(keyring.heads(), [new]);
    }
}

#[test]
fn more_earlier_secrets_than_a_device_holds_are_refused() {
    let phone = KemSecret::from_secret(&secret(3));
    let numbered = |number: usize| {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&(number as u64).to_le_bytes());
        (Secret32::from_bytes(bytes), vec![])
    };
    let verdict = |count| begin(&phone, 10, &Keyring::of((0..count).map(numbered))).open(&phone).map(drop);
    assert_eq!(verdict(MAX_EPOCH_SECRETS), Ok(()));
    assert_eq!(verdict(MAX_EPOCH_SECRETS + 1), Err(EpochError::Malformed));
}

#[test]
fn an_epoch_replaces_so_many_others_and_the_next_one_the_rest() {
    let phone = KemSecret::from_secret(&secret(3));
    let mut keyring = Keyring::default();
    for byte in 100..100 + MAX_REPLACED_EPOCHS as u8 + 5 {
        keyring.insert(secret(byte), &[]);
    }
    for (byte, heads) in [(10, 6), (11, 1)] {
        let statement = begin(&phone, byte, &keyring);
        statement.check(&space(), &recovery_keeper()).unwrap();
        keyring.absorb(&statement, &phone).unwrap();
        assert_eq!(keyring.heads().len(), heads);
    }
    let signed = |change: &dyn Fn(&mut EpochStatement)| {
        let mut body = begin(&phone, 12, &Keyring::default()).body().clone();
        change(&mut body);
        Signed::new(body, &keeper()).check(&space(), &recovery_keeper())
    };
    let names = |count: u8| (0..count).map(|byte| EpochId::from_bytes([byte; 32])).collect();
    assert_eq!(signed(&|body| body.previous = names(32)), Ok(()));
    assert_eq!(signed(&|body| body.previous = names(33)), Err(EpochError::Malformed));
    let long = |len| phone.public().seal(b"", b"", &vec![0; len], &secret(1)).unwrap();
    assert_eq!(signed(&|body| body.recipients = vec![long(32 * MAX_LOG_HEADS)]), Ok(()));
    let too_long = signed(&|body| body.recipients = vec![long(32 * MAX_LOG_HEADS + 1)]);
    assert_eq!(too_long, Err(EpochError::Malformed));
}

#[test]
fn of_the_earlier_secrets_no_more_are_held_than_there_is_room_for() {
    let phone = KemSecret::from_secret(&secret(3));
    let mut keyring = Keyring::default();
    for round in 0..3_u8 {
        let numbered = |number: u8| {
            let mut bytes = [99; 32];
            bytes[..2].copy_from_slice(&[round, number]);
            (Secret32::from_bytes(bytes), vec![])
        };
        let statement = begin(&phone, 10 + round, &Keyring::of((0..200).map(numbered)));
        let epoch = keyring.absorb(&statement, &phone).unwrap();
        assert!(keyring.secret(&epoch).is_some(), "its own always");
    }
    assert_eq!(keyring.count(), MAX_EPOCHS + 1);
}
