//! A device that was taken out of the person's own space, and what it does then; what is forgotten.

use std::collections::BTreeSet;

use super::{
    shared::{
        OWNER, SHARED, Spaces, all, begin_epoch, empty, enrol, go_on, inception, kem, news, nonces, read,
        restarted, secret, space, talk, write,
    },
    *,
};
use crate::{
    epoch::{EpochStatement, Keyring, epoch_id},
    id::{DocumentId, EpochId, OperationId, StatementId},
    identity::log::{Action, Author, Kept, Operation, Revocation, SpaceMark},
    journal::memory::MemoryDiskError,
    limits::FRAME_TARGET_LEN,
    record::{Change, OpenError, Payload, seal},
    replica::{
        Fold, Write, WriteError,
        forgetting::Forgetting,
        revoking::{RevokeError, Revoking},
        rotating::NewEpoch,
    },
    signed::Signed,
};

/// The stolen one.
pub(super) const PHONE: u8 = 2;

/// The person's own space on a device, with the three devices that they have.
pub(super) fn own(byte: u8) -> Spaces {
    filled(empty(SHARED, kem(byte)), byte, &[1, 2, 3])
}

/// What somebody has of it to whom a backup was opened: nothing is sealed to a key of theirs.
fn restored(byte: u8) -> Spaces {
    filled(bare(), byte, &[1, 2, 3])
}

/// Nothing of it but the first epoch's secret.
pub(super) fn bare() -> Replica<MemoryDisk> {
    testkit::replica(testkit::state(&inception(OWNER), space(SHARED), vec![secret(SHARED)]))
}

fn filled(mut replica: Replica<MemoryDisk>, byte: u8, devices: &[u8]) -> Spaces {
    let recovery = inception(OWNER).body().recovery_kem;
    let to = [kem(1).public(), kem(2).public(), kem(3).public(), recovery];
    let (keeper, known) = (key(SHARED), Keyring::default());
    let epoch = EpochStatement::begin(space(SHARED), &keeper, &secret(SHARED), &to, &known, &secret(7));
    replica.write_statement(Payload::Epoch(epoch.unwrap()), &mut nonces(byte)).unwrap();
    for device in devices {
        let operation = enrol(replica.state().log(), OWNER, *device);
        replica.write_statement(Payload::Operation(operation), &mut nonces(byte)).unwrap();
    }
    all([replica])
}

pub(super) fn of(spaces: &mut Spaces) -> &mut Replica<MemoryDisk> {
    spaces.get_mut(&space(SHARED)).unwrap()
}

pub(super) fn revoke(
    spaces: &mut Spaces,
    by: u8,
    device: u8,
    drawn: u8,
    undone: Vec<OperationId>,
    root: bool,
) {
    try_to_revoke(spaces, by, device, drawn, undone, root).unwrap();
}

pub(super) fn try_to_revoke(
    spaces: &mut Spaces,
    by: u8,
    device: u8,
    drawn: u8,
    undone: Vec<OperationId>,
    root: bool,
) -> Result<(), RevokeError<MemoryDiskError>> {
    let (keeper, admin) = (key(SHARED), key(by));
    let recovery = Some(inception(OWNER).body().recovery_kem);
    let phrase = Recovery::from_entropy(&secret(OWNER));
    let (secret, entropy) = (secret(drawn), secret(drawn + 1));
    let epoch = NewEpoch { keeper: &keeper, device: &admin, recovery, secret, entropy };
    let root = root.then(|| phrase.root());
    let revoking = Revoking { device: id(device), undone, root, epoch };
    let effects = of(spaces).revoke(&revoking, &mut nonces(drawn))?;
    assert!(effects.refused.is_empty());
    Ok(())
}

/// Says what nobody would let it say: the phone's own statement, without its replica's consent.
fn state(spaces: &mut Spaces, payload: Payload, drawn: u8) {
    of(spaces).write_statement(payload, &mut nonces(drawn)).unwrap();
}

pub(super) fn agree(left: &mut Spaces, right: &mut Spaces) {
    let [ours, theirs] = [&*left, &*right].map(|spaces| Frontier::of(spaces[&space(SHARED)].state()));
    assert_eq!(ours, theirs);
    assert_eq!(of(left).state().quarantined(), of(right).state().quarantined());
    let [ours, theirs] = [left, right].map(|spaces| {
        let mut read = read(of(spaces));
        read.sort_unstable();
        read
    });
    assert_eq!(ours, theirs);
}

#[test]
fn a_revoked_device_gets_nothing_accepted_and_reads_nothing_written_since() {
    let (mut laptop, mut phone) = (own(1), own(PHONE));
    write(of(&mut phone), PHONE, "before");
    talk([&mut laptop, &mut phone], [1, PHONE]).unwrap();
    revoke(&mut laptop, 1, PHONE, 50, vec![], false);
    write(of(&mut laptop), 1, "since");
    write(of(&mut phone), PHONE, "unheard");
    for _ in 0..2 {
        talk([&mut phone, &mut laptop], [PHONE, 1]).unwrap();
        assert_eq!(read(of(&mut laptop)), ["before", "since"]);
        assert!(of(&mut laptop).state().quarantined().is_empty());
        assert_eq!(read(of(&mut phone)), ["before"]);
        assert!(of(&mut phone).state().log().has_ended(&id(PHONE)), "it is told why");
        assert!(of(&mut phone).state().keyring().secret(&epoch_id(&secret(50))).is_none());
        // Could it not read why, it would hand on the epoch alone.
        assert!(!of(&mut phone).state().holds_statement(&StatementId::from(epoch_id(&secret(50)))));
    }
    // It goes on, dates back, and revokes and enrols others: nothing of it is taken.
    let before = of(&mut own(1)).state().log().clone();
    let accomplice = enrol(&before, OWNER, 4).body().action.clone();
    for action in [Action::Revoke(Revocation { device: id(1), kept: vec![], undone: vec![] }), accomplice] {
        let dated_back = before.sign(Author::Device(id(PHONE)), action, &key(PHONE));
        state(&mut phone, Payload::Operation(dated_back), 60);
    }
    let statements = of(&mut laptop).state().statements().count();
    talk([&mut phone, &mut laptop], [PHONE, 1]).unwrap();
    assert_eq!(of(&mut laptop).state().statements().count(), statements);
    assert_eq!(of(&mut laptop).state().log().devices().len(), 2);
}

#[test]
fn what_came_by_way_of_an_unaware_device_is_in_the_same_quarantine_everywhere() {
    let (mut laptop, mut phone, mut tablet) = (own(1), own(PHONE), own(3));
    write(of(&mut phone), PHONE, "before");
    talk([&mut laptop, &mut phone], [1, PHONE]).unwrap();
    revoke(&mut laptop, 1, PHONE, 50, vec![], false);
    write(of(&mut phone), PHONE, "late");
    talk([&mut tablet, &mut phone], [3, PHONE]).unwrap();
    assert_eq!(read(of(&mut tablet)), ["before", "late"]);
    talk([&mut tablet, &mut laptop], [3, 1]).unwrap();
    agree(&mut laptop, &mut tablet);
    assert_eq!(read(of(&mut tablet)), ["before"]);
    let quarantined = of(&mut laptop).state().quarantined();
    assert_eq!(
        quarantined.iter().map(|change| (change.device, change.number)).collect::<Vec<_>>(),
        [(id(PHONE), 2)]
    );
    // Written with the revocation seen, it vouches for nothing, though its author has the rest.
    write(of(&mut tablet), 3, "after");
    talk([&mut tablet, &mut laptop], [3, 1]).unwrap();
    agree(&mut laptop, &mut tablet);
    assert_eq!(of(&mut laptop).state().quarantined(), quarantined);
    // The same after a start from the journal alone.
    let again = restarted(laptop.remove(&space(SHARED)).unwrap(), kem(1), None);
    let mut laptop = all([again]);
    of(&mut laptop).draw_quarantine();
    agree(&mut laptop, &mut tablet);
    let effects = of(&mut tablet).accept(&DOCUMENT, &BTreeSet::new(), &key(3), &mut nonces(70)).unwrap();
    assert_eq!(effects.redrawn.into_iter().collect::<Vec<_>>(), [DOCUMENT]);
    assert!(of(&mut tablet).state().quarantined().is_empty());
    talk([&mut tablet, &mut laptop], [3, 1]).unwrap();
    agree(&mut laptop, &mut tablet);
    assert_eq!(read(of(&mut laptop)).len(), 3);
}

#[test]
fn what_an_unaware_device_built_on_counts() {
    let (mut laptop, mut phone, mut tablet) = (own(1), own(PHONE), own(3));
    revoke(&mut laptop, 1, PHONE, 50, vec![], false);
    write(of(&mut phone), PHONE, "built on");
    talk([&mut tablet, &mut phone], [3, PHONE]).unwrap();
    write(of(&mut tablet), 3, "mine");
    write(of(&mut phone), PHONE, "too late");
    talk([&mut tablet, &mut phone], [3, PHONE]).unwrap();
    talk([&mut tablet, &mut laptop], [3, 1]).unwrap();
    agree(&mut laptop, &mut tablet);
    assert_eq!(read(of(&mut laptop)), ["built on", "mine"]);
    assert_eq!(of(&mut laptop).state().quarantined().len(), 1);
}

#[test]
fn two_revoked_devices_do_not_vouch_for_each_other() {
    let (mut laptop, mut phone, mut tablet) = (own(1), own(PHONE), own(3));
    for (theirs, ours) in [("a", "b"), ("c", "d")] {
        write(of(&mut phone), PHONE, theirs);
        write(of(&mut tablet), 3, ours);
        talk([&mut tablet, &mut phone], [3, PHONE]).unwrap();
    }
    revoke(&mut laptop, 1, PHONE, 50, vec![], false);
    revoke(&mut laptop, 1, 3, 52, vec![], false);
    let theirs = news(of(&mut tablet), &laptop[&space(SHARED)]);
    // As if it had come before.
    of(&mut laptop).ingest(&id(1), &theirs).unwrap();
    assert_eq!(of(&mut laptop).state().quarantined().len(), 4);
    assert_eq!(read(of(&mut laptop)), [""; 0]);
}

#[test]
fn the_epoch_of_a_revoked_device_is_not_written_under() {
    let (mut laptop, mut phone, mut tablet) = (own(1), own(PHONE), own(3));
    revoke(&mut laptop, 1, PHONE, 50, vec![], false);
    talk([&mut laptop, &mut tablet], [1, 3]).unwrap();
    assert_eq!(of(&mut tablet).state().keyring().written_under(), [epoch_id(&secret(50))]);
    // It holds the keeper's seed, and can name what it does not know.
    let known = of(&mut phone).state().keyring().duplicate();
    let (keeper, to) = (key(SHARED), [kem(1).public(), kem(2).public(), kem(3).public()]);
    let theirs =
        EpochStatement::begin(space(SHARED), &keeper, &secret(80), &to, &known, &secret(81)).unwrap();
    state(&mut phone, Payload::Epoch(theirs.clone()), 80);
    state(&mut tablet, Payload::Epoch(theirs), 80);
    talk([&mut laptop, &mut tablet], [1, 3]).unwrap();
    for spaces in [&mut laptop, &mut tablet] {
        assert!(
            of(spaces).state().keyring().secret(&epoch_id(&secret(80))).is_some(),
            "what others wrote can be read"
        );
        assert_eq!(of(spaces).state().keyring().written_under(), [epoch_id(&secret(50))]);
        // One that joins both is due: what others seal under it must be readable by all.
        assert!(of(spaces).is_epoch_due(Some(&inception(OWNER).body().recovery_kem)).unwrap());
    }
    write(of(&mut tablet), 3, "unread");
    let since = news(of(&mut tablet), &phone[&space(SHARED)]);
    of(&mut phone).ingest(&id(3), &since).unwrap();
    assert_eq!(read(of(&mut phone)), [""; 0]);
}

#[test]
fn nothing_is_written_between_a_revocation_and_an_epoch_without_the_device() {
    let mut laptop = own(1);
    let revocation = Revocation { device: id(PHONE), kept: vec![], undone: vec![] };
    let operation =
        of(&mut laptop).state().log().sign(Author::Device(id(1)), Action::Revoke(revocation), &key(1));
    state(&mut laptop, Payload::Operation(operation), 50);
    let change = Change { document: DOCUMENT, bytes: b"early".to_vec() };
    let refused = of(&mut laptop).write(vec![Write::Change(change)], &key(1), &mut nonces(60));
    assert!(matches!(refused, Err(WriteError::NoEpoch)));
    begin_epoch(of(&mut laptop), 1, Some(inception(OWNER).body().recovery_kem), 70);
    write(of(&mut laptop), 1, "now");
    assert_eq!(read(of(&mut laptop)), ["now"]);
}

#[test]
fn an_epoch_of_who_did_not_know_of_the_revocation_is_handed_on_by_the_next() {
    let (mut laptop, mut tablet) = (own(1), own(3));
    let recovery = Some(inception(OWNER).body().recovery_kem);
    revoke(&mut laptop, 1, PHONE, 50, vec![], false);
    assert!(!of(&mut laptop).is_epoch_due(recovery.as_ref()).unwrap());
    begin_epoch(of(&mut tablet), 3, recovery, 60);
    talk([&mut laptop, &mut tablet], [1, 3]).unwrap();
    for device in [&mut laptop, &mut tablet] {
        assert_eq!(of(device).state().keyring().written_under(), [epoch_id(&secret(50))]);
        assert!(of(device).is_epoch_due(recovery.as_ref()).unwrap());
    }
    begin_epoch(of(&mut laptop), 1, recovery, 70);
    assert_eq!(of(&mut laptop).state().keyring().tips(), [epoch_id(&secret(70))]);
    assert!(!of(&mut laptop).is_epoch_due(recovery.as_ref()).unwrap());
}

#[test]
fn after_two_revoked_each_other_the_root_says_who_stays() {
    let (mut laptop, mut phone, mut tablet) = (own(1), own(PHONE), own(3));
    write(of(&mut laptop), 1, "mine");
    revoke(&mut phone, PHONE, 1, 50, vec![], false);
    revoke(&mut laptop, 1, PHONE, 52, vec![], false);
    talk([&mut tablet, &mut laptop], [3, 1]).unwrap();
    talk([&mut tablet, &mut phone], [3, PHONE]).unwrap();
    // Whom it revokes is told so by nobody any more.
    assert!(of(&mut tablet).state().log().has_ended(&id(PHONE)));
    let theirs = news(of(&mut phone), &laptop[&space(SHARED)]);
    of(&mut laptop).ingest(&id(3), &theirs).unwrap();
    assert_eq!(of(&mut laptop).state().log().devices().len(), 1);
    assert!(of(&mut laptop).state().keyring().written_under().is_empty());
    let by_phone = of(&mut laptop).state().log().revocations_by(&id(PHONE))[0].0;
    revoke(&mut laptop, 1, PHONE, 54, vec![by_phone], true);
    assert_eq!(of(&mut laptop).state().log().devices().len(), 2);
    write(of(&mut laptop), 1, "again");
    talk([&mut tablet, &mut laptop], [3, 1]).unwrap();
    agree(&mut laptop, &mut tablet);
    assert_eq!(read(of(&mut tablet)), ["mine", "again"]);
}

#[test]
fn a_device_that_may_not_revoke_changes_nothing() {
    let mut laptop = own(1);
    revoke(&mut laptop, 1, PHONE, 50, vec![], false);
    let statements = of(&mut laptop).state().statements().count();
    let (keeper, admin) = (key(SHARED), key(PHONE));
    let epoch =
        NewEpoch { keeper: &keeper, device: &admin, recovery: None, secret: secret(52), entropy: secret(53) };
    let revoking = Revoking { device: id(1), undone: vec![], root: None, epoch };
    let refused = of(&mut laptop).revoke(&revoking, &mut nonces(52));
    assert!(matches!(refused, Err(RevokeError::Refused(_))));
    assert_eq!(of(&mut laptop).state().statements().count(), statements);
}

#[test]
fn a_revocation_keeps_what_its_author_had() {
    let (mut laptop, mut phone) = (own(1), own(PHONE));
    write(of(&mut phone), PHONE, "one");
    write(of(&mut phone), PHONE, "two");
    talk([&mut laptop, &mut phone], [1, PHONE]).unwrap();
    let kept = of(&mut laptop).state().kept_of(&id(PHONE)).unwrap();
    assert_eq!(kept.number, 2);
    assert_eq!(kept.space, SpaceMark::of(&space(SHARED), &id(PHONE)));
    // One fewer, by somebody who has less: the second is in quarantine here too.
    let first = of(&mut phone).state().kept_of(&id(PHONE)).map(|kept| Kept { number: 1, ..kept });
    let revocation = Revocation { device: id(PHONE), kept: first.into_iter().collect(), undone: vec![] };
    let operation: Signed<Operation> =
        of(&mut laptop).state().log().sign(Author::Device(id(1)), Action::Revoke(revocation), &key(1));
    state(&mut laptop, Payload::Operation(operation), 50);
    assert_eq!(read(of(&mut laptop)), ["one"]);
    assert_eq!(of(&mut laptop).state().quarantined().len(), 1);
}

fn forget(spaces: &mut Spaces, by: u8, keeper: bool, drawn: u8) {
    let (blobs, keeper) = (BTreeSet::new(), keeper.then(|| key(SHARED)));
    let one = [Forgetting { document: DOCUMENT, blobs: &blobs }];
    of(spaces).forget(&one, &key(by), keeper.as_ref(), &mut nonces(drawn)).unwrap();
}

#[test]
fn what_comes_of_a_forgotten_document_is_dropped_too() {
    let (mut laptop, mut tablet) = (own(1), own(3));
    write(of(&mut laptop), 1, "a");
    talk([&mut laptop, &mut tablet], [1, 3]).unwrap();
    forget(&mut laptop, 1, true, 50);
    write(of(&mut tablet), 3, "late");
    let documents = |spaces: &mut Spaces| of(spaces).state().documents().count();
    assert_eq!((documents(&mut laptop), documents(&mut tablet)), (0, 1));
    talk([&mut laptop, &mut tablet], [1, 3]).unwrap();
    assert_eq!((documents(&mut laptop), documents(&mut tablet)), (0, 0));
    assert_eq!(read(of(&mut laptop)), ["late"], "held, and shown nowhere");
    assert!(of(&mut laptop).drop_forgotten(&key(SHARED), false).unwrap().is_none());
    assert!(of(&mut laptop).drop_forgotten(&key(SHARED), true).unwrap().is_some());
    assert!(of(&mut laptop).drop_forgotten(&key(SHARED), true).unwrap().is_none());
    talk([&mut laptop, &mut tablet], [1, 3]).unwrap();
    for spaces in [&mut laptop, &mut tablet] {
        assert_eq!(read(of(spaces)), [""; 0]);
        assert!(of(spaces).state().is_forgotten(&DOCUMENT));
    }
    agree(&mut laptop, &mut tablet);
    // The same after a start from the journal alone.
    let laptop = restarted(laptop.remove(&space(SHARED)).unwrap(), kem(1), None);
    assert!(laptop.state().is_forgotten(&DOCUMENT) && laptop.state().documents().next().is_none());
}

#[test]
fn a_revoked_device_makes_nobody_forget() {
    let (mut laptop, mut phone, mut tablet) = (own(1), own(PHONE), own(3));
    write(of(&mut laptop), 1, "kept");
    talk([&mut laptop, &mut phone], [1, PHONE]).unwrap();
    revoke(&mut laptop, 1, PHONE, 50, vec![], false);
    forget(&mut phone, PHONE, false, 60);
    talk([&mut tablet, &mut phone], [3, PHONE]).unwrap();
    assert!(of(&mut tablet).state().is_forgotten(&DOCUMENT));
    talk([&mut tablet, &mut laptop], [3, 1]).unwrap();
    for spaces in [&mut laptop, &mut tablet] {
        assert!(!of(spaces).state().is_forgotten(&DOCUMENT));
        assert_eq!(read(of(spaces)), ["kept"]);
    }
    agree(&mut laptop, &mut tablet);
}

#[test]
fn what_a_revoked_device_wanted_gone_too_late_is_not_dropped() {
    let (mut laptop, mut phone, mut tablet) = (own(1), own(PHONE), own(3));
    write(of(&mut laptop), 1, "kept");
    talk([&mut laptop, &mut phone], [1, PHONE]).unwrap();
    talk([&mut laptop, &mut tablet], [1, 3]).unwrap();
    revoke(&mut laptop, 1, PHONE, 50, vec![], false);
    forget(&mut phone, PHONE, true, 60);
    talk([&mut tablet, &mut phone], [3, PHONE]).unwrap();
    assert_eq!(read(of(&mut tablet)), [""; 0]);
    erase(&mut tablet);
    assert!(of(&mut tablet).write_receipt(&key(3), &mut nonces(75)).unwrap().is_some());
    talk([&mut tablet, &mut laptop], [3, 1]).unwrap();
    assert_eq!(read(of(&mut laptop)), ["kept"]);
    assert_eq!(of(&mut laptop).state().wronged_documents().into_iter().collect::<Vec<_>>(), [DOCUMENT]);
    // The tablet had carried it out before it knew; it takes again what the document holds, and says no
    // longer that it is gone.
    assert_eq!(read(of(&mut tablet)), ["kept"]);
    agree(&mut laptop, &mut tablet);
    assert!(of(&mut tablet).write_receipt(&key(3), &mut nonces(80)).unwrap().is_some());
    assert!(of(&mut tablet).state().confirmed_by(&id(3)).is_some_and(BTreeSet::is_empty));
    assert!(of(&mut tablet).write_receipt(&key(3), &mut nonces(90)).unwrap().is_none());
    // Devices that compare no records come to the same by folding it.
    let replaces = of(&mut laptop).state().document(&DOCUMENT).map(|(record, _)| record).collect();
    let fold = Fold { document: DOCUMENT, snapshot: b"all of it".to_vec(), replaces };
    of(&mut laptop).fold(vec![fold], &key(1), &key(SHARED), &mut nonces(70)).unwrap();
    talk([&mut tablet, &mut laptop], [3, 1]).unwrap();
    for spaces in [&mut laptop, &mut tablet] {
        assert_eq!(read(of(spaces)), ["all of it"]);
        assert!(of(spaces).state().wronged_documents().is_empty());
    }
}

#[test]
fn what_came_again_between_two_effects_of_a_drop_is_searched_for_before_it_is_confirmed() {
    let (mut laptop, mut phone, mut tablet) = (own(1), own(PHONE), own(3));
    write(of(&mut laptop), 1, "kept");
    talk([&mut laptop, &mut tablet], [1, 3]).unwrap();
    talk([&mut laptop, &mut phone], [1, PHONE]).unwrap();
    forget(&mut phone, PHONE, true, 60);
    talk([&mut laptop, &mut phone], [1, PHONE]).unwrap();
    erase(&mut laptop);
    of(&mut laptop).write_receipt(&key(1), &mut nonces(70)).unwrap();
    let said = |laptop: &mut Spaces| of(laptop).state().confirmed_by(&id(1)).unwrap().len();
    assert_eq!((said(&mut laptop), of(&mut laptop).has_unconfirmed_drops(&id(1))), (1, false));
    revoke(&mut tablet, 3, PHONE, 50, vec![], false);
    talk([&mut laptop, &mut tablet], [1, 3]).unwrap();
    assert_eq!(read(of(&mut laptop)), ["kept"]);
    let by_tablet = of(&mut laptop).state().log().revocations_by(&id(3))[0].0;
    revoke(&mut laptop, 1, 3, 54, vec![by_tablet], true);
    assert_eq!(read(of(&mut laptop)), [""; 0], "the phone stands again, and what it wanted gone is gone");
    assert!(of(&mut laptop).has_unconfirmed_drops(&id(1)));
    assert!(of(&mut laptop).write_receipt(&key(1), &mut nonces(80)).unwrap().is_some());
    assert_eq!(said(&mut laptop), 0);
    assert!(of(&mut laptop).find_dropped().unwrap().is_some());
    erase(&mut laptop);
    assert!(of(&mut laptop).write_receipt(&key(1), &mut nonces(90)).unwrap().is_some());
    assert_eq!((said(&mut laptop), of(&mut laptop).has_unconfirmed_drops(&id(1))), (1, false));
}

fn erase(spaces: &mut Spaces) {
    while let Some(segment) = of(spaces).find_dropped().unwrap() {
        of(spaces).rewrite_segment(segment).unwrap();
    }
}

#[test]
fn the_word_of_the_root_is_taken_from_a_device_that_is_out() {
    let (mut laptop, mut phone, mut tablet) = (own(1), own(PHONE), own(3));
    revoke(&mut phone, PHONE, 1, 50, vec![], false);
    talk([&mut tablet, &mut phone], [3, PHONE]).unwrap();
    let mut sessions = open_sessions([[9; 32]; 2]);
    go_on([&mut laptop, &mut tablet], [1, 3], &mut sessions).unwrap();
    assert!(of(&mut laptop).state().log().has_ended(&id(1)));
    let by_phone = of(&mut laptop).state().log().revocations_by(&id(PHONE))[0].0;
    revoke(&mut laptop, 1, PHONE, 54, vec![by_phone], true);
    write(of(&mut laptop), 1, "again");
    go_on([&mut laptop, &mut tablet], [1, 3], &mut sessions).unwrap();
    assert!(of(&mut tablet).state().log().has_ended(&id(PHONE)));
    assert_eq!(read(of(&mut tablet)), ["again"]);
    // The laptop was not given the phone's epoch, under which the tablet may have written.
    let recovery = inception(OWNER).body().recovery_kem;
    assert!(of(&mut tablet).is_epoch_due(Some(&recovery)).unwrap());
    begin_epoch(of(&mut tablet), 3, Some(recovery), 70);
    go_on([&mut laptop, &mut tablet], [1, 3], &mut sessions).unwrap();
    assert!(of(&mut laptop).state().keyring().secret(&epoch_id(&secret(50))).is_some());
    assert!(!of(&mut laptop).is_epoch_due(Some(&recovery)).unwrap());
    agree(&mut laptop, &mut tablet);
}

/// What the root says builds on what the device had heard that is out, and may come in one frame or in many.
#[test]
fn the_word_of_the_root_is_taken_with_what_it_builds_on() {
    for frame_len in [FRAME_TARGET_LEN, 100] {
        let (mut laptop, mut phone, mut tablet) = (own(1), own(PHONE), own(3));
        revoke(&mut phone, PHONE, 1, 50, vec![], false);
        talk([&mut tablet, &mut phone], [3, PHONE]).unwrap();
        let log = of(&mut laptop).state().log().clone();
        let enrolment = enrol(&log, OWNER, 4).body().action.clone();
        let enrolment = log.sign(Author::Device(id(1)), enrolment, &key(1));
        state(&mut laptop, Payload::Operation(enrolment), 60);
        let mut sessions = open_sessions([[9; 32]; 2]).map(|session| session.with_frames_of(frame_len));
        go_on([&mut laptop, &mut tablet], [1, 3], &mut sessions).unwrap();
        let by_phone = of(&mut laptop).state().log().revocations_by(&id(PHONE))[0].0;
        revoke(&mut laptop, 1, PHONE, 54, vec![by_phone], true);
        write(of(&mut laptop), 1, "again");
        go_on([&mut laptop, &mut tablet], [1, 3], &mut sessions).unwrap();
        let ended = of(&mut tablet).state().log().has_ended(&id(1));
        assert!(!ended && of(&mut tablet).state().log().devices().contains_key(&id(4)), "{frame_len}");
        assert_eq!(read(of(&mut tablet)), ["again"]);
    }
}

#[test]
fn a_revocation_is_read_though_it_lies_under_an_epoch_that_was_not_handed_on() {
    let mut laptop = filled(empty(SHARED, kem(1)), 1, &[1]);
    // The phone was given an epoch whose statement never came: its own epoch does not hand that one on.
    let given = testkit::state(&inception(OWNER), space(SHARED), vec![secret(90)]);
    let mut phone = testkit::replica(given);
    phone.learn_key(kem(PHONE)).unwrap();
    let mut phone = filled(phone, PHONE, &[1, PHONE, 3]);
    revoke(&mut phone, PHONE, 3, 50, vec![], false);
    talk([&mut laptop, &mut phone], [1, PHONE]).unwrap();
    assert!(of(&mut laptop).state().keyring().secret(&epoch_id(&secret(50))).is_some());
    assert!(of(&mut laptop).state().log().has_ended(&id(3)));
}

#[test]
fn a_device_that_is_out_reads_what_it_wrote() {
    let (mut laptop, mut phone) = (own(1), own(PHONE));
    of(&mut phone).exempt(id(PHONE));
    write(of(&mut phone), PHONE, "unheard");
    revoke(&mut laptop, 1, PHONE, 50, vec![], false);
    talk([&mut phone, &mut laptop], [PHONE, 1]).unwrap();
    assert!(of(&mut phone).state().log().has_ended(&id(PHONE)));
    assert_eq!(read(of(&mut phone)), ["unheard"]);
}

#[test]
fn who_does_not_know_of_a_revocation_hands_its_epoch_on_to_nobody_and_writes_nothing_under_it() {
    let (mut laptop, mut phone, mut tablet) = (own(1), own(PHONE), own(3));
    let recovery = Some(inception(OWNER).body().recovery_kem);
    revoke(&mut laptop, 1, PHONE, 50, vec![], false);
    // The phone has it from somewhere, and passes on the epoch alone, which the tablet can open.
    let epochs = of(&mut laptop).invitation().unwrap();
    epochs.into_iter().for_each(|epoch| state(&mut tablet, Payload::Epoch(epoch), 60));
    assert!(of(&mut tablet).state().keyring().secret(&epoch_id(&secret(50))).is_some());
    assert!(!of(&mut tablet).state().log().has_endings());
    assert!(!of(&mut tablet).is_epoch_due(recovery.as_ref()).unwrap());
    assert_eq!(of(&mut tablet).state().keyring().written_under(), [epoch_id(&secret(SHARED))]);
    begin_epoch(of(&mut tablet), 3, recovery, 70);
    assert!(!of(&mut tablet).is_epoch_due(recovery.as_ref()).unwrap());
    assert_eq!(of(&mut tablet).state().keyring().written_under(), [epoch_id(&secret(70))]);
    write(of(&mut tablet), 3, "not heard of it");
    talk([&mut tablet, &mut phone], [3, PHONE]).unwrap();
    let knows =
        |spaces: &mut Spaces, drawn| of(spaces).state().keyring().secret(&epoch_id(&secret(drawn))).is_some();
    assert!(knows(&mut phone, 70) && !knows(&mut phone, 50));
    assert_eq!(read(of(&mut phone)), ["not heard of it"]);
    // Once it knows, the next one joins both.
    talk([&mut tablet, &mut laptop], [3, 1]).unwrap();
    assert!(of(&mut tablet).is_epoch_due(recovery.as_ref()).unwrap());
    begin_epoch(of(&mut tablet), 3, recovery, 80);
    talk([&mut tablet, &mut laptop], [3, 1]).unwrap();
    assert!(knows(&mut laptop, 70) && knows(&mut laptop, 80));
    agree(&mut laptop, &mut tablet);
}

#[test]
fn nothing_but_operations_is_taken_under_an_epoch_that_may_leave_somebody_out() {
    let (mut laptop, mut tablet) = (own(1), own(3));
    let (keeper, heads) = (key(SHARED), [OperationId::from_bytes([9; 32])]);
    let known = Keyring::of_one(&secret(SHARED));
    let to = [kem(1).public(), kem(3).public()];
    let begun =
        EpochStatement::begin_knowing(space(SHARED), &keeper, &secret(50), &to, &known, &heads, &secret(51));
    // It also says to replace epochs that nobody has, more than there are.
    let mut body = begun.unwrap().body().clone();
    body.previous = (0..32).map(|byte| EpochId::from_bytes([byte; 32])).collect();
    state(&mut tablet, Payload::Epoch(Signed::new(body, &keeper)), 60);
    assert!(of(&mut tablet).state().keyring().secret(&epoch_id(&secret(50))).is_some());

    let change = Payload::Change(Change { document: DocumentId::from_bytes([1; 16]), bytes: vec![1] });
    let sealed = |drawn| seal(&change, &space(SHARED), &Keyring::of_one(&secret(drawn)), &[drawn; 24]);
    let ingested = of(&mut tablet).ingest(&id(1), &[sealed(50), sealed(SHARED)]).unwrap();
    assert_eq!((ingested.new_records, ingested.unopened), (1, vec![OpenError::UnknownEpoch]));
    talk([&mut tablet, &mut laptop], [3, 1]).unwrap();
    agree(&mut laptop, &mut tablet);
}

#[test]
fn an_epoch_is_handed_on_with_all_that_it_replaces_or_not_at_all() {
    let (mut laptop, mut tablet) = (own(1), own(3));
    let recovery = Some(inception(OWNER).body().recovery_kem);
    begin_epoch(of(&mut laptop), 1, recovery, 50);
    begin_epoch(of(&mut laptop), 1, recovery, 70);
    // The last one gives the secret of the one before, of which the statement is still to come.
    let [first, second, third] = [SHARED, 50, 70].map(|drawn| epoch_id(&secret(drawn)));
    let mut epochs = of(&mut laptop).invitation().unwrap();
    let mut take = |tablet: &mut Spaces, epoch| {
        let place = epochs.iter().position(|one| one.body().epoch == epoch).unwrap();
        state(tablet, Payload::Epoch(epochs.swap_remove(place)), 60);
    };
    take(&mut tablet, third);
    assert!(of(&mut tablet).state().keyring().secret(&second).is_some());
    assert_eq!(of(&mut tablet).state().keyring().written_under(), [first]);
    begin_epoch(of(&mut tablet), 3, recovery, 80);
    let begun = of(&mut tablet).invitation().unwrap();
    let begun = begun.iter().find(|one| one.body().epoch == epoch_id(&secret(80))).unwrap();
    assert_eq!(begun.body().previous, [first]);
    assert_eq!(begun.open(&kem(2)).unwrap().count(), 2);
    assert_eq!(of(&mut tablet).state().keyring().written_under(), [epoch_id(&secret(80))]);
    take(&mut tablet, second);
    assert!(of(&mut tablet).is_epoch_due(recovery.as_ref()).unwrap());
    begin_epoch(of(&mut tablet), 3, recovery, 90);
    assert_eq!(of(&mut tablet).state().keyring().written_under(), [epoch_id(&secret(90))]);
}

#[test]
fn a_power_cut_leaves_no_epoch_without_the_revocation_that_it_is_for() {
    let mut laptop = own(1);
    let before = of(&mut laptop).state().held().len();
    revoke(&mut laptop, 1, PHONE, 50, vec![], false);
    let appended = of(&mut laptop).state().locations().split_off(before);
    assert_eq!(appended.len(), 3);
    for kept in 1..=appended.len() {
        let mut cut = own(1);
        for location in &appended[..kept] {
            let payload = of(&mut laptop).read_payload(*location).unwrap().unwrap();
            state(&mut cut, payload, 60);
        }
        assert!(of(&mut cut).state().log().has_ended(&id(PHONE)), "{kept}");
    }
}

/// The owner's words are replaced, on a device of theirs.
fn replace_words(spaces: &mut Spaces, by: u8, new: u8, drawn: u8) {
    let (keeper, admin) = (key(SHARED), key(by));
    let [old, new] = [OWNER, new].map(|byte| Recovery::from_entropy(&secret(byte)));
    let (recovery, secret, entropy) = (Some(new.keys().recovery_kem), secret(drawn), secret(drawn + 1));
    let epoch = NewEpoch { keeper: &keeper, device: &admin, recovery, secret, entropy };
    let replica = of(spaces);
    let replacement = replica.state().log().sign_replacement(&old, &new);
    let effects = replica.append_ending(replacement, Some(new.root()), &epoch, &mut nonces(drawn)).unwrap();
    assert!(effects.refused.is_empty());
}

#[test]
fn a_device_that_replaced_words_let_in_reads_nothing_since_and_is_told_why_at_once() {
    // Whoever speaks first.
    for laptop_dials in [false, true] {
        let (mut laptop, mut restored) = (own(1), restored(4));
        write(of(&mut laptop), 1, "before");
        talk([&mut laptop, &mut restored], [1, PHONE]).unwrap();
        replace_words(&mut laptop, 1, 70, 50);
        write(of(&mut laptop), 1, "since");
        let enrolment = enrol(of(&mut restored).state().log(), OWNER, 4);
        state(&mut restored, Payload::Operation(enrolment), 80);
        write(of(&mut restored), 4, "unheard");
        if laptop_dials {
            talk([&mut laptop, &mut restored], [1, 4]).unwrap();
        } else {
            talk([&mut restored, &mut laptop], [4, 1]).unwrap();
        }
        assert!(of(&mut restored).state().log().has_ended(&id(4)), "it is told why");
        assert_eq!(read(of(&mut restored)), ["before"]);
        assert_eq!(read(of(&mut laptop)), ["before", "since"]);
        assert_eq!(of(&mut laptop).state().log().devices().len(), 3);
    }
}

#[test]
fn a_device_from_before_the_words_were_replaced_reads_on() {
    let (mut laptop, mut phone) = (own(1), own(PHONE));
    replace_words(&mut laptop, 1, 70, 50);
    write(of(&mut laptop), 1, "since");
    talk([&mut phone, &mut laptop], [PHONE, 1]).unwrap();
    agree(&mut phone, &mut laptop);
}

#[test]
fn what_a_device_did_that_replaced_words_let_in_is_in_the_same_quarantine_everywhere() {
    let (mut laptop, mut phone, mut tablet) = (own(1), own(PHONE), own(3));
    write(of(&mut laptop), 1, "before");
    talk([&mut laptop, &mut tablet], [1, 3]).unwrap();
    replace_words(&mut laptop, 1, 70, 50);
    // The tablet does not know, and lets in whoever has the old words.
    let enrolment = enrol(of(&mut tablet).state().log(), OWNER, 4);
    state(&mut tablet, Payload::Operation(enrolment), 80);
    write(of(&mut tablet), 4, "by the thief");
    assert_eq!(read(of(&mut tablet)), ["before", "by the thief"]);
    talk([&mut tablet, &mut laptop], [3, 1]).unwrap();
    talk([&mut phone, &mut laptop], [PHONE, 1]).unwrap();
    for other in [&mut tablet, &mut phone] {
        assert_eq!(read(of(other)), ["before"]);
        assert_eq!(of(other).state().quarantined().len(), 1);
        agree(other, &mut laptop);
    }
}

#[test]
fn devices_let_in_without_each_other_read_why_they_should_know_each_other() {
    let [mut laptop, mut phone] = [1, PHONE].map(|byte| filled(empty(SHARED, kem(byte)), byte, &[byte]));
    let recovery = Some(inception(OWNER).body().recovery_kem);
    begin_epoch(of(&mut laptop), 1, recovery, 50);
    begin_epoch(of(&mut phone), PHONE, recovery, 60);
    talk([&mut laptop, &mut phone], [1, PHONE]).unwrap();
    for spaces in [&mut laptop, &mut phone] {
        assert_eq!(of(spaces).state().log().devices().len(), 2);
        assert!(of(spaces).is_epoch_due(recovery.as_ref()).unwrap());
    }
    begin_epoch(of(&mut laptop), 1, recovery, 70);
    talk([&mut laptop, &mut phone], [1, PHONE]).unwrap();
    begin_epoch(of(&mut phone), PHONE, recovery, 80);
    talk([&mut laptop, &mut phone], [1, PHONE]).unwrap();
    for spaces in [&mut laptop, &mut phone] {
        assert!(!of(spaces).is_epoch_due(recovery.as_ref()).unwrap());
    }
    agree(&mut laptop, &mut phone);
}

#[test]
fn who_may_write_under_nothing_tells_what_only_it_was_told_so_that_others_can_read_it() {
    let (mut laptop, mut phone, mut tablet) = (own(1), own(PHONE), own(3));
    // The thief takes the laptop out, and the words say on the tablet who stays: under an epoch that the laptop
    // does not hold. Of that, and no new epoch, the thief is told, and hands it on to a restored device.
    revoke(&mut phone, PHONE, 1, 50, vec![], false);
    talk([&mut tablet, &mut phone], [3, PHONE]).unwrap();
    let by_phone = of(&mut tablet).state().log().revocations_by(&id(PHONE))[0].0;
    revoke(&mut tablet, 3, PHONE, 52, vec![by_phone], true);
    talk([&mut phone, &mut tablet], [PHONE, 3]).unwrap();
    let mut restored = restored(4);
    let enrolment = enrol(of(&mut restored).state().log(), OWNER, 4);
    state(&mut restored, Payload::Operation(enrolment), 80);
    // The words' key would do so.
    of(&mut restored).learn_key(kem(3)).unwrap();
    let theirs = news(of(&mut phone), &restored[&space(SHARED)]);
    of(&mut restored).ingest(&id(3), &theirs).unwrap();
    assert!(of(&mut restored).state().log().has_ended(&id(PHONE)));
    assert!(of(&mut restored).state().keyring().written_under().is_empty());

    talk([&mut restored, &mut laptop], [4, 1]).unwrap();
    assert!(of(&mut laptop).state().log().has_ended(&id(PHONE)));
    assert_eq!(of(&mut laptop).state().log().devices().len(), 3);
}

#[test]
fn a_key_that_was_given_up_opens_nothing_more() {
    let mut laptop = filled(empty(SHARED, kem(1)), 1, &[1, 3]);
    let words = kem(90);
    let mut waiting =
        testkit::replica(testkit::state(&inception(OWNER), space(SHARED), vec![secret(SHARED)]));
    waiting.learn_key(kem(90)).unwrap();
    let mut waiting = filled(waiting, 3, &[1, 3]);
    let mut reads = |drawn, waiting: &mut Spaces| {
        begin_epoch(of(&mut laptop), 1, Some(words.public()), drawn);
        talk([&mut laptop, waiting], [1, 3]).unwrap();
        of(waiting).state().keyring().secret(&epoch_id(&secret(drawn))).is_some()
    };
    assert!(reads(70, &mut waiting));
    of(&mut waiting).forget_key(&words.public());
    assert!(!reads(71, &mut waiting));
    assert!(of(&mut waiting).state().keyring().secret(&epoch_id(&secret(70))).is_some());
}
