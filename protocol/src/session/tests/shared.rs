//! Several spaces in one session, and a space that somebody else reads.

use std::collections::BTreeMap;

use super::*;
use crate::{
    crypto::kem::KemPublic,
    epoch::{EpochStatement, Keyring, epoch_id, person_key},
    identity::{
        log::{DeviceLog, Operation, PersonKey},
        person::Inception,
    },
    membership::{MembershipAction, Role as MemberRole},
    replica::{
        Fold,
        rotating::{NewEpoch, Watch},
        sharing::Change as MemberChange,
    },
    signed::Signed,
    time::Timestamp,
};

pub(super) const OWNER: u8 = 9;
const ADA: u8 = 20;
/// The keeper of the space that Ada reads.
pub(super) const SHARED: u8 = 40;

pub(super) type Spaces = BTreeMap<SpaceId, Replica<MemoryDisk>>;

pub(super) fn secret(byte: u8) -> Secret32 {
    Secret32::from_bytes([byte; 32])
}

pub(super) fn kem(byte: u8) -> KemSecret {
    KemSecret::from_secret(&secret(byte))
}

pub(super) fn inception(person: u8) -> Signed<Inception> {
    Recovery::from_entropy(&secret(person)).incept()
}

/// The keeper of the space with this number.
pub(super) fn space(keeper: u8) -> SpaceId {
    space_id(&key(keeper).verifying_key(), &inception(OWNER).body().recovery_keeper)
}

/// A space of the owner, on a device that was handed nothing; `own` opens what is sealed to it.
pub(super) fn empty(keeper: u8, own: KemSecret) -> Replica<MemoryDisk> {
    testkit::replica(empty_state(keeper, own))
}

fn empty_state(keeper: u8, own: KemSecret) -> State {
    let inception = inception(OWNER);
    let log = DeviceLog::new(inception.person().unwrap(), inception.body());
    State::new(space(keeper), log, inception.body().clone(), Keyring::default(), Some(own))
}

/// A shared space after a start from its journal alone, on a disk with so much room.
pub(super) fn restarted(
    replica: Replica<MemoryDisk>,
    own: KemSecret,
    room: Option<u64>,
) -> Replica<MemoryDisk> {
    let bytes = replica.journal().bytes();
    let journal = replica.into_journal();
    let opening = Opening::new(journal.id());
    let mut disk = journal.into_disk();
    disk.set_byte_budget(room.map(|room| bytes + room));
    let mut state = empty_state(SHARED, own);
    let (journal, _) = Journal::open(disk, &opening, &mut |id, location, record| {
        let payload = crate::record::open(record, &space(SHARED), state.keyring()).unwrap();
        state.replay(id, location, payload);
    })
    .unwrap();
    Replica::new(state, journal)
}

pub(super) fn nonces(first: u8) -> impl FnMut() -> [u8; 24] {
    let mut drawn = 0_u64;
    move || {
        drawn += 1;
        let mut nonce = [first; 24];
        nonce[..8].copy_from_slice(&drawn.to_le_bytes());
        nonce
    }
}

pub(super) fn enrol(log: &DeviceLog, root: u8, byte: u8) -> Signed<Operation> {
    let certificate = Certificate {
        person: log.person(),
        device: id(byte),
        kem: kem(byte).public(),
        name: format!("d{byte}"),
        admin: true,
    };
    let device_signature = certificate.countersign(&key(byte));
    let action = Action::Enrol { certificate, device_signature, verified: true };
    log.sign(Author::Root, action, Recovery::from_entropy(&secret(root)).root())
}

/// The device log of a person with one device, whose person key follows from `epoch`.
fn log(person: u8, byte: u8, epoch: u8) -> DeviceLog {
    let inception = inception(person);
    let mut log = DeviceLog::new(inception.person().unwrap(), inception.body());
    log.apply(enrol(&log, person, byte)).unwrap();
    let announced = PersonKey { epoch: epoch_id(&secret(epoch)), kem: person_key(&secret(epoch)).public() };
    log.apply(log.sign(Author::Device(id(byte)), Action::PersonKey(announced), &key(byte))).unwrap();
    log
}

/// A space of the owner on a device of the owner, with its first epoch.
fn begun(keeper: u8, byte: u8) -> Replica<MemoryDisk> {
    let mut replica = empty(keeper, kem(byte));
    let to = [kem(1).public(), kem(2).public()];
    let epoch = EpochStatement::begin_shared(
        space(keeper),
        &key(keeper),
        &secret(keeper),
        &to,
        &Keyring::default(),
        &secret(7),
    );
    replica.write_statement(Payload::Epoch(epoch.unwrap()), &mut nonces(byte)).unwrap();
    for byte in [1, 2] {
        let operation = enrol(replica.state().log(), OWNER, byte);
        replica.write_statement(Payload::Operation(operation), &mut nonces(byte)).unwrap();
    }
    replica
}

pub(super) fn write(replica: &mut Replica<MemoryDisk>, byte: u8, text: &str) {
    let change = Change { document: DOCUMENT, bytes: text.into() };
    let first = text.as_bytes()[0];
    replica.write(vec![Write::Change(change)], &key(byte), &mut nonces(first)).unwrap();
}

/// What the document's changes say, in the order in which they count.
pub(super) fn read(replica: &mut Replica<MemoryDisk>) -> Vec<String> {
    let locations: Vec<_> = replica.state().document(&DOCUMENT).map(|(_, location)| location).collect();
    let texts = locations.into_iter().map(|location| match replica.read_payload(location).unwrap() {
        Ok(Payload::Change(change)) => String::from_utf8(change.bytes).unwrap(),
        other => panic!("{other:?}"),
    });
    texts.collect()
}

fn change(replica: &mut Replica<MemoryDisk>, action: MembershipAction, drawn: u8) {
    let log = log(ADA, 21, 22).in_order().into_iter().cloned().collect();
    let (device, keeper) = (key(1), key(SHARED));
    let (secret, entropy) = (secret(drawn), secret(drawn + 1));
    let epoch = NewEpoch { keeper: &keeper, device: &device, recovery: None, secret, entropy };
    let change = MemberChange { action, log, device: &device, epoch };
    replica.change_members(change, &mut nonces(drawn)).unwrap();
}

/// Starts an epoch on the owner's device `byte`, with the secret `drawn`.
pub(super) fn begin_epoch(
    replica: &mut Replica<MemoryDisk>,
    byte: u8,
    recovery: Option<KemPublic>,
    drawn: u8,
) {
    let (keeper, device, secret, entropy) = (key(SHARED), key(byte), secret(drawn), secret(drawn + 1));
    let new = NewEpoch { keeper: &keeper, device: &device, recovery, secret, entropy };
    replica.begin_epoch(&new, &mut nonces(drawn)).unwrap();
}

fn let_in(replica: &mut Replica<MemoryDisk>, drawn: u8) {
    change(replica, MembershipAction::Add { inception: inception(ADA), role: MemberRole::Reader }, drawn);
    renew(replica, drawn);
}

fn put_out(replica: &mut Replica<MemoryDisk>, drawn: u8) {
    change(replica, MembershipAction::Remove { person: inception(ADA).person().unwrap() }, drawn);
    renew(replica, drawn);
}

/// Folds what lies under older epochs, as an owner's device does.
fn renew(replica: &mut Replica<MemoryDisk>, drawn: u8) {
    let stale = replica.documents_to_renew(8).unwrap();
    let snapshot = read(replica).join(" ");
    let replaces = replica.state().document(&DOCUMENT).map(|(record, _)| record).collect();
    let fold = Fold { document: DOCUMENT, snapshot: snapshot.into(), replaces };
    let folds = if stale.is_empty() { vec![] } else { vec![fold] };
    replica.fold(folds, &key(1), &key(SHARED), &mut nonces(drawn + 100)).unwrap();
    assert_eq!(replica.documents_to_renew(8).unwrap(), []);
}

/// A device of Ada that was told of the space, by a card or in another space: it has the epochs'
/// statements, and her person key opens the one that is sealed to it.
fn invited(owners: &mut Replica<MemoryDisk>) -> Spaces {
    let mut replica = empty(SHARED, kem(21));
    replica.learn_key(person_key(&secret(22))).unwrap();
    for statement in owners.invitation().unwrap() {
        replica.write_statement(Payload::Epoch(statement), &mut nonces(21)).unwrap();
    }
    all([replica])
}

/// Runs a session between two devices until nobody has anything to say.
pub(super) fn talk(devices: [&mut Spaces; 2], keys: [u8; 2]) -> Result<usize, SessionError> {
    go_on(devices, keys, &mut open_sessions([[keys[1]; 32]; 2]))
}

/// Runs a session that was opened before; gives how many frames of records there were.
pub(super) fn go_on(
    devices: [&mut Spaces; 2],
    keys: [u8; 2],
    sessions: &mut [Session; 2],
) -> Result<usize, SessionError> {
    let mut records = 0;
    for _ in 0..10_000 {
        let mut quiet = true;
        for side in [0, 1] {
            devices[side].values_mut().for_each(|replica| replica.sync().unwrap());
            let Some(frame) = sessions[side].poll_frame(devices[side]).unwrap() else { continue };
            quiet = false;
            records += usize::from(matches!(parse_frame(&frame), Ok(Some(_))));
            let (session, receiver) = (&mut sessions[1 - side], &mut *devices[1 - side]);
            if let Some(Event::Records { space, records }) =
                session.handle_frame(&frame, receiver, &key(keys[1 - side]))?
            {
                let peer = session.peer().unwrap();
                let ingested = receiver.get_mut(&space).unwrap().ingest(&peer, &records).unwrap();
                session.ingested(&space, &ingested)?;
            }
        }
        if quiet {
            return Ok(records);
        }
    }
    panic!("the exchange does not end");
}

pub(super) fn all(replicas: impl IntoIterator<Item = Replica<MemoryDisk>>) -> Spaces {
    replicas.into_iter().map(|replica| (*replica.state().space(), replica)).collect()
}

#[test]
fn one_session_serves_all_spaces_that_both_hold() {
    let mut laptop = all([begun(SHARED, 1), begun(41, 1), begun(42, 1)]);
    let mut phone = all([begun(SHARED, 2), begun(41, 2)]);
    write(laptop.get_mut(&space(SHARED)).unwrap(), 1, "first");
    write(laptop.get_mut(&space(42)).unwrap(), 1, "alone");
    write(phone.get_mut(&space(41)).unwrap(), 2, "second");
    talk([&mut laptop, &mut phone], [1, 2]).unwrap();
    for shared in [SHARED, 41] {
        let [left, right] = [&laptop, &phone].map(|spaces| Frontier::of(spaces[&space(shared)].state()));
        assert_eq!(left, right);
        assert_eq!(left.chains.len(), 1);
    }
    assert_eq!(talk([&mut laptop, &mut phone], [1, 2]), Ok(0), "the second time nothing is left to send");
}

/// Found by the simulator: each side took an epoch that the other did not know to be shared.
#[test]
fn an_epoch_that_is_learnt_between_the_marks_is_not_shared_in_this_session() {
    let (mut laptop, mut phone) = (begun(SHARED, 1), begun(SHARED, 2));
    let first = epoch_id(&secret(SHARED));
    let drawn = (50..).find(|byte| epoch_id(&secret(*byte)) < first).unwrap();
    begin_epoch(&mut laptop, 1, None, drawn);
    let epochs = laptop.invitation().unwrap();
    let mut sessions =
        [Session::new(Role::Dialer, [1; 32], [5; 32]), Session::new(Role::Listener, [1; 32], [6; 32])];
    let hellos = [
        sessions[0].poll_frame(&mut laptop).unwrap().unwrap(),
        sessions[1].poll_frame(&mut phone).unwrap().unwrap(),
    ];
    sessions[0].handle_frame(&hellos[1], &laptop, &key(1)).unwrap();
    sessions[1].handle_frame(&hellos[0], &phone, &key(2)).unwrap();
    let marks = sessions[0].poll_frame(&mut laptop).unwrap().unwrap();
    // The phone has shown its marks when another epoch comes to it, which the laptop shows to it too.
    for statement in epochs {
        phone.write_statement(Payload::Epoch(statement), &mut nonces(3)).unwrap();
    }
    assert!(phone.state().keyring().secret(&epoch_id(&secret(drawn))).is_some());
    sessions[1].handle_frame(&marks, &phone, &key(2)).unwrap();
    for _ in 0..3 {
        while let Some(frame) = sessions[1].poll_frame(&mut phone).unwrap() {
            sessions[0].handle_frame(&frame, &laptop, &key(1)).unwrap();
        }
        while let Some(frame) = sessions[0].poll_frame(&mut laptop).unwrap() {
            sessions[1].handle_frame(&frame, &phone, &key(2)).unwrap();
        }
    }
    assert_eq!([sessions[0].peer(), sessions[1].peer()], [Some(id(2)), Some(id(1))]);
}

fn shared(spaces: &mut Spaces) -> &mut Replica<MemoryDisk> {
    spaces.get_mut(&space(SHARED)).unwrap()
}

fn epochs(spaces: &Spaces) -> usize {
    spaces[&space(SHARED)].state().keyring().count()
}

#[test]
fn what_is_said_of_a_space_that_is_not_held_is_passed_over() {
    let (mut laptop, mut ada) = (all([begun(SHARED, 1), begun(41, 1)]), Spaces::new());
    let_in(shared(&mut laptop), 50);
    ada.extend(invited(shared(&mut laptop)));
    write(laptop.get_mut(&space(41)).unwrap(), 1, "alone");
    talk([&mut laptop, &mut ada], [1, 21]).unwrap();
    assert_eq!(ada.len(), 1);
    // She was never let into the other one: not even its name is told.
    let mut session = Session::new(Role::Dialer, [1; 32], [5; 32]);
    let mut hers = Session::new(Role::Listener, [1; 32], [6; 32]);
    for _ in 0..4 {
        while let Some(frame) = hers.poll_frame(&mut ada).unwrap() {
            session.handle_frame(&frame, &laptop, &key(1)).unwrap();
        }
        while let Some(frame) = session.poll_frame(&mut laptop).unwrap() {
            hers.handle_frame(&frame, &ada, &key(21)).unwrap();
        }
    }
    assert_eq!(session.exchanges.keys().collect::<Vec<_>>(), [&space(SHARED)]);
    let mark = session.mark(&space(41)).unwrap();
    assert_eq!(hers.handle_frame(&frame_of_records(&mark, &[vec![1]]), &ada, &key(21)), Ok(None));
}

#[test]
fn a_newcomer_reads_what_is_and_nothing_of_before() {
    let mut laptop = all([begun(SHARED, 1)]);
    ["a", "b"].iter().for_each(|text| write(shared(&mut laptop), 1, text));
    let_in(shared(&mut laptop), 50);
    write(shared(&mut laptop), 1, "c");
    let mut ada = invited(shared(&mut laptop));
    talk([&mut ada, &mut laptop], [21, 1]).unwrap();
    assert_eq!(read(shared(&mut ada)), ["a b", "c"]);
    let [hers, ours] = [&mut ada, &mut laptop].map(|spaces| Frontier::of(shared(spaces).state()));
    assert_eq!(hers, ours, "the same statements, commits and changes, though under other seals");
    assert_eq!([epochs(&ada), epochs(&laptop)], [1, 2]);
    assert_eq!(talk([&mut ada, &mut laptop], [21, 1]), Ok(0));
}

#[test]
fn who_was_put_out_reads_nothing_from_then_on_until_let_in_again() {
    let mut laptop = all([begun(SHARED, 1)]);
    let_in(shared(&mut laptop), 50);
    let mut ada = invited(shared(&mut laptop));
    write(shared(&mut laptop), 1, "a");
    talk([&mut ada, &mut laptop], [21, 1]).unwrap();
    put_out(shared(&mut laptop), 60);
    write(shared(&mut laptop), 1, "b");
    talk([&mut ada, &mut laptop], [21, 1]).unwrap();
    assert_eq!(read(shared(&mut ada)), ["a"], "what she was given stays hers");
    assert_eq!(epochs(&ada), 1);
    assert!(shared(&mut ada).state().roster().knows(&id(21)), "she is not told either");
    let_in(shared(&mut laptop), 70);
    write(shared(&mut laptop), 1, "c");
    talk([&mut ada, &mut laptop], [21, 1]).unwrap();
    assert_eq!([epochs(&ada), epochs(&laptop)], [2, 4]);
    assert_eq!(read(shared(&mut ada)), read(shared(&mut laptop)));
    let [hers, ours] = [&mut ada, &mut laptop].map(|spaces| Frontier::of(shared(spaces).state()));
    assert_eq!(hers, ours);
}

#[test]
fn members_pass_on_what_they_read() {
    let mut laptop = all([begun(SHARED, 1)]);
    write(shared(&mut laptop), 1, "a");
    let_in(shared(&mut laptop), 50);
    let (mut ada, mut second) = (invited(shared(&mut laptop)), invited(shared(&mut laptop)));
    let mut phone = all([begun(SHARED, 2)]);
    talk([&mut phone, &mut laptop], [2, 1]).unwrap();
    write(shared(&mut laptop), 1, "b");
    talk([&mut ada, &mut laptop], [21, 1]).unwrap();
    talk([&mut second, &mut ada], [21, 21]).unwrap();
    assert_eq!(read(shared(&mut second)), ["a", "b"]);
    talk([&mut phone, &mut second], [2, 21]).unwrap();
    assert_eq!(read(shared(&mut phone)), ["a", "b"], "a member brings it to the owner's other device");
    let [theirs, ours] = [&mut phone, &mut laptop].map(|spaces| Frontier::of(shared(spaces).state()));
    assert_eq!(theirs.chains, ours.chains);
}

/// The records of a space that a device holds, but for those that another one does.
pub(super) fn news(replica: &mut Replica<MemoryDisk>, other: &Replica<MemoryDisk>) -> Vec<Vec<u8>> {
    let locations = replica.state().locations();
    let all = locations.into_iter().map(|location| replica.read(location).unwrap());
    all.filter(|record| !other.state().holds(&crate::record::record_id(record))).collect()
}

#[test]
fn an_epoch_that_found_no_room_is_not_written_under() {
    let mut laptop = begun(SHARED, 1);
    let mut phone = all([begun(SHARED, 2)]);
    let drawn = secret(50);
    begin_epoch(&mut laptop, 1, None, 50);
    write(&mut laptop, 1, &"large ".repeat(1_000));
    let batch = news(&mut laptop, shared(&mut phone));
    let mut phone = restarted(phone.remove(&space(SHARED)).unwrap(), kem(2), Some(4_000));
    let before = phone.state().keyring().count();
    assert!(phone.ingest(&id(1), &batch).is_err(), "the epoch alone would fit");
    assert_eq!(phone.state().keyring().count(), before);
    write(&mut phone, 2, "meanwhile");
    phone.sync().unwrap();
    let mut phone = restarted(phone, kem(2), None);
    assert_eq!(read(&mut phone), ["meanwhile"]);
    let ingested = phone.ingest(&id(1), &batch).unwrap();
    assert_eq!((ingested.unopened, ingested.effects.counted.len()), (vec![], 1));
    assert!(phone.state().keyring().secret(&epoch_id(&drawn)).is_some());
}

#[test]
fn what_came_under_an_unknown_epoch_comes_again_once_it_is_known() {
    let (mut laptop, mut phone) = (all([begun(SHARED, 1)]), all([begun(SHARED, 2)]));
    let mut sessions = open_sessions([[2; 32]; 2]);
    go_on([&mut laptop, &mut phone], [1, 2], &mut sessions).unwrap();
    let known = shared(&mut laptop).state().keyring().duplicate();
    let to = [kem(1).public()];
    let hidden = EpochStatement::begin(space(SHARED), &key(SHARED), &secret(50), &to, &known, &secret(51));
    shared(&mut laptop).write_statement(Payload::Epoch(hidden.unwrap()), &mut nonces(50)).unwrap();
    let tablet = enrol(shared(&mut laptop).state().log(), OWNER, 3);
    shared(&mut laptop).write_statement(Payload::Operation(tablet), &mut nonces(54)).unwrap();
    write(shared(&mut laptop), 1, "hidden");
    go_on([&mut laptop, &mut phone], [1, 2], &mut sessions).unwrap();
    assert_eq!(read(shared(&mut phone)), [""; 0]);
    begin_epoch(shared(&mut laptop), 1, Some(kem(60).public()), 52);
    go_on([&mut laptop, &mut phone], [1, 2], &mut sessions).unwrap();
    assert_eq!(read(shared(&mut phone)), ["hidden"]);
    let [theirs, ours] = [&mut phone, &mut laptop].map(|spaces| Frontier::of(shared(spaces).state()));
    assert_eq!(theirs, ours);
    assert_eq!(go_on([&mut laptop, &mut phone], [1, 2], &mut sessions), Ok(0));
}

#[test]
fn devices_that_each_started_an_epoch_take_turns_again() {
    let (mut left, mut right) = (begun(SHARED, 1), begun(SHARED, 2));
    let mut watches = [Watch::default(), Watch::default()];
    // The first epoch is not for the recovery key.
    let recovery = kem(60).public();
    let mut due = |left: &mut Replica<MemoryDisk>, right: &mut Replica<MemoryDisk>, turns: i64| {
        let now = Timestamp::from_millis(EPOCH_TURN_MS * turns);
        let [first, second] = &mut watches;
        let left = first.is_due(now, &id(1), &recovery, left).unwrap();
        [left, second.is_due(now, &id(2), &recovery, right).unwrap()]
    };
    assert_eq!(due(&mut left, &mut right, 0), [false, false]);
    assert_eq!(due(&mut left, &mut right, 5), [true, true]);
    begin_epoch(&mut left, 1, Some(recovery), 50);
    begin_epoch(&mut right, 2, Some(recovery), 52);
    let (ours, theirs) = (news(&mut left, &right), news(&mut right, &left));
    left.ingest(&id(2), &theirs).unwrap();
    right.ingest(&id(1), &ours).unwrap();
    assert_eq!(left.state().keyring().heads().len(), 2);
    assert_eq!(due(&mut left, &mut right, 6), [false, false], "nobody waited for these two epochs yet");
    assert_eq!(due(&mut left, &mut right, 7).iter().filter(|due| **due).count(), 1);
    assert_eq!(due(&mut left, &mut right, 8), [true, true]);
}
