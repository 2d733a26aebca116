use super::{
    frontier::{Chain, Head},
    message::{SpaceMessage, frame_of_message, frame_of_records},
    *,
};
use crate::{
    crypto::{kem::KemSecret, secret::Secret32},
    epoch::space_id,
    id::{CommitId, DocumentId},
    identity::{
        certificate::Certificate,
        log::{Action, Author},
        person::Recovery,
    },
    journal::{Journal, JournalId, Opening, memory::MemoryDisk},
    limits::{EPOCH_TURN_MS, MAX_RECOGNITION_MARKS},
    record::{BlobChunk, Change, Payload},
    replica::{NewlyCounted, Replica, Write},
    schedule::StopReason,
    testkit::{self, device as id, key},
};

mod fetching;
mod first;
mod flooded;
mod histories;
mod keeping;
mod parting;
mod reconciling;
mod revoked;
mod shared;

const DOCUMENT: DocumentId = DocumentId::from_bytes([1; 16]);
const BLOB: BlobId = BlobId::from_bytes([5; 16]);

/// A device of one person, with a replica in memory.
struct Device {
    key: SigningKey,
    replica: Replica<MemoryDisk>,
    nonce: u64,
}

/// A device of the person `person` that holds the secret `epoch` but no record yet.
fn device(byte: u8, person: u8, epoch: u8) -> Device {
    let replica = testkit::replica(new_state(person, epoch));
    Device { key: key(byte), replica, nonce: u64::from(byte) << 32 }
}

fn new_state(person: u8, epoch: u8) -> State {
    let recovery = Recovery::from_entropy(&Secret32::from_bytes([person; 32]));
    let inception = recovery.incept();
    let space = space_id(&key(person).verifying_key(), &inception.body().recovery_keeper);
    testkit::state(&inception, space, vec![Secret32::from_bytes([epoch; 32])])
}

/// The person of [`device`] keeps the space by the key of its number.
fn keeper() -> SigningKey {
    key(9)
}

impl Device {
    fn attach(&mut self, chunks: u32) {
        let chunk = |index| Write::BlobChunk(BlobChunk { blob: BLOB, index, bytes: vec![7; 500] });
        let mut nonce = Self::nonces(&mut self.nonce);
        self.replica.write((0..chunks).map(chunk).collect(), &self.key, &mut nonce).unwrap();
        self.replica.sync().unwrap();
    }

    /// The texts of the document's changes.
    fn texts(&mut self) -> Vec<String> {
        let locations: Vec<_> = self.replica.state().document(&DOCUMENT).map(|(_, place)| place).collect();
        locations.into_iter().map(|location| self.text(location)).collect()
    }

    fn text(&mut self, location: crate::journal::Location) -> String {
        match self.replica.read_payload(location).unwrap() {
            Ok(Payload::Change(change)) => String::from_utf8(change.bytes).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    fn nonces(nonce: &mut u64) -> impl FnMut() -> [u8; 24] + '_ {
        move || {
            *nonce += 1;
            let mut bytes = [0; 24];
            bytes[..8].copy_from_slice(&nonce.to_le_bytes());
            bytes
        }
    }

    fn state_operation(&mut self, author: Author, signer: &SigningKey, byte: u8) {
        let person = self.replica.state().log().person();
        let kem = KemSecret::from_secret(&Secret32::from_bytes([byte; 32])).public();
        let certificate =
            Certificate { person, device: id(byte), kem, name: format!("d{byte}"), admin: true };
        let device_signature = certificate.countersign(&key(byte));
        let action = Action::Enrol { certificate, device_signature, verified: true };
        let operation = self.replica.state().log().sign(author, action, signer);
        let mut nonce = Self::nonces(&mut self.nonce);
        self.replica.write_statement(Payload::Operation(operation), &mut nonce).unwrap();
    }

    fn write(&mut self, text: &str) {
        let change = Change { document: DOCUMENT, bytes: text.into() };
        let mut nonce = Self::nonces(&mut self.nonce);
        let effects = self.replica.write(vec![Write::Change(change)], &self.key, &mut nonce).unwrap();
        assert_eq!(effects.counted.len(), 1, "own writes count at once");
        self.replica.sync().unwrap();
    }

    fn space(&self) -> SpaceId {
        *self.replica.state().space()
    }

    fn frontier(&self) -> Frontier {
        Frontier::of(self.replica.state())
    }
}

/// A laptop (1) that enrolled a phone (2); the phone knows nothing but the epoch.
fn laptop_and_phone() -> (Device, Device) {
    let mut laptop = device(1, 9, 7);
    let recovery = Recovery::from_entropy(&Secret32::from_bytes([9; 32]));
    laptop.state_operation(Author::Root, recovery.root(), 1);
    laptop.state_operation(Author::Device(id(1)), &key(1), 2);
    (laptop, device(2, 9, 7))
}

#[derive(Default)]
struct Outcome {
    bytes: usize,
    frames: usize,
    /// Frames of records.
    records: usize,
    /// Bytes of records that came in parts.
    parts: usize,
    lacking: Vec<BlobId>,
    withheld: bool,
    counted: Vec<NewlyCounted>,
}

/// Runs two sessions until nobody has anything to say.
fn run(left: &mut Device, right: &mut Device, sessions: &mut [Session; 2]) -> Result<Outcome, SessionError> {
    run_telling(left, right, sessions, |_, _| {})
}

/// As [`run`]; tells each frame, and the device that is about to get it.
fn run_telling(
    left: &mut Device,
    right: &mut Device,
    sessions: &mut [Session; 2],
    tell: impl FnMut(&[u8], &mut Device),
) -> Result<Outcome, SessionError> {
    run_within(left, right, sessions, usize::MAX, tell)
}

/// Runs two sessions until nobody has anything to say, or the connection breaks because it carried so many
/// bytes.
fn run_within(
    left: &mut Device,
    right: &mut Device,
    sessions: &mut [Session; 2],
    max_bytes: usize,
    mut tell: impl FnMut(&[u8], &mut Device),
) -> Result<Outcome, SessionError> {
    let mut outcome = Outcome::default();
    for _ in 0..10_000 {
        let mut quiet = true;
        for side in [0, 1] {
            let (from, to) = if side == 0 { (&mut *left, &mut *right) } else { (&mut *right, &mut *left) };
            from.replica.sync().unwrap();
            let Some(frame) = sessions[side].poll_frame(&mut from.replica).unwrap() else { continue };
            quiet = false;
            outcome.bytes += frame.len();
            if outcome.bytes > max_bytes {
                return Ok(outcome);
            }
            outcome.frames += 1;
            tell(&frame, to);
            let receiver = &mut sessions[1 - side];
            outcome.records += usize::from(matches!(parse_frame(&frame), Ok(Some(_))));
            if let Ok(Some((_, part))) = parse_part(&frame) {
                outcome.parts += part.bytes.len();
            }
            let event = receiver.handle_frame(&frame, &to.replica, &to.key)?;
            match event {
                Some(Event::Records { space, records }) => {
                    let ingested = to.replica.ingest(&receiver.peer().unwrap(), &records).unwrap();
                    assert!(ingested.unopened.is_empty());
                    receiver.ingested(&space, &ingested)?;
                    outcome.counted.extend(ingested.effects.counted);
                }
                Some(Event::Part { part, .. }) => to.replica.keep_part(&receiver.peer().unwrap(), &part),
                Some(Event::Lacking { blob, withheld, .. }) => {
                    outcome.lacking.push(blob);
                    outcome.withheld |= withheld;
                }
                _ => {}
            }
        }
        if quiet {
            return Ok(outcome);
        }
    }
    panic!("the exchange does not end");
}

fn open_sessions(binding: [[u8; 32]; 2]) -> [Session; 2] {
    [Session::new(Role::Dialer, binding[0], [11; 32]), Session::new(Role::Listener, binding[1], [22; 32])]
}

fn sync(left: &mut Device, right: &mut Device) -> Result<Outcome, SessionError> {
    run(left, right, &mut open_sessions([[5; 32]; 2]))
}

#[test]
fn a_new_device_gets_everything_and_both_agree() {
    let (mut laptop, mut phone) = laptop_and_phone();
    (0..50).for_each(|n| laptop.write(&format!("change {n}")));
    let outcome = sync(&mut laptop, &mut phone).unwrap();
    assert_eq!(outcome.counted.len(), 50);
    assert_eq!(laptop.frontier(), phone.frontier());
    assert_eq!(phone.replica.state().log().devices().len(), 2);
}

#[test]
fn edits_on_both_sides_meet_and_nothing_changed_is_cheap() {
    let (mut laptop, mut phone) = laptop_and_phone();
    laptop.write("first");
    sync(&mut laptop, &mut phone).unwrap();
    laptop.write("on the laptop");
    phone.write("on the phone");
    phone.write("on the phone again");
    assert_eq!(laptop.frontier().missing_from(phone.replica.state()), 2);
    sync(&mut laptop, &mut phone).unwrap();
    assert_eq!(laptop.frontier(), phone.frontier());
    let idle = sync(&mut laptop, &mut phone).unwrap();
    assert!(idle.bytes <= 1_500, "{} bytes for two devices that agree", idle.bytes);
    assert!(idle.counted.is_empty());
}

#[test]
fn what_is_written_during_a_session_goes_out_and_is_not_echoed() {
    let (mut laptop, mut phone) = laptop_and_phone();
    let mut sessions = open_sessions([[5; 32]; 2]);
    run(&mut laptop, &mut phone, &mut sessions).unwrap();
    laptop.write("live");
    let outcome = run(&mut laptop, &mut phone, &mut sessions).unwrap();
    assert_eq!(outcome.counted.len(), 1);
    assert_eq!(outcome.frames, 2, "the records, and the acknowledgement");
    let missing = |session: &Session, device: &Device| {
        session.acknowledged(&device.space()).unwrap().missing_from(device.replica.state())
    };
    assert_eq!(missing(&sessions[0], &laptop), 0, "the phone acknowledged it");
    assert_eq!(missing(&sessions[1], &phone), 0, "the laptop sent it, so it has it");
}

#[test]
fn a_statement_is_told_to_be_held_whatever_session_it_came_by() {
    let (mut laptop, mut phone) = laptop_and_phone();
    let mut both = [open_sessions([[5; 32]; 2]), open_sessions([[6; 32]; 2])];
    both.iter_mut().for_each(|sessions| drop(run(&mut laptop, &mut phone, sessions).unwrap()));
    laptop.state_operation(Author::Device(id(1)), &key(1), 3);
    both.iter_mut().for_each(|sessions| drop(run(&mut laptop, &mut phone, sessions).unwrap()));
    for sessions in &both {
        for (session, device) in sessions.iter().zip([&laptop, &phone]) {
            let told = session.acknowledged(&device.space()).unwrap();
            assert!(told.has_statements_of(device.replica.state()));
        }
    }
}

#[test]
fn a_third_device_gets_what_the_second_relays() {
    let (mut laptop, mut phone) = laptop_and_phone();
    laptop.state_operation(Author::Device(id(1)), &key(1), 3);
    let mut tablet = device(3, 9, 7);
    laptop.write("a");
    sync(&mut laptop, &mut phone).unwrap();
    phone.write("b, after a");
    sync(&mut phone, &mut tablet).unwrap();
    assert_eq!(tablet.frontier(), phone.frontier());
    tablet.write("c");
    sync(&mut tablet, &mut laptop).unwrap();
    assert_eq!(tablet.frontier(), laptop.frontier());
}

#[test]
fn somebody_elses_node_learns_nothing_and_is_left() {
    let (mut laptop, _) = laptop_and_phone();
    let mut stranger = device(2, 8, 6);
    assert_eq!(sync(&mut laptop, &mut stranger).err(), Some(SessionError::Unrecognised));
}

#[test]
fn a_machine_in_the_middle_is_noticed() {
    let (mut laptop, mut phone) = laptop_and_phone();
    // Two connections, one to each, and frames passed on between them.
    let outcome = run(&mut laptop, &mut phone, &mut open_sessions([[5; 32], [6; 32]]));
    assert_eq!(outcome.err(), Some(SessionError::Unrecognised));
}

#[test]
fn an_echo_does_not_pass_as_a_device() {
    let (mut laptop, _) = laptop_and_phone();
    let mut session = Session::new(Role::Dialer, [5; 32], [11; 32]);
    let hello = session.poll_frame(&mut laptop.replica).unwrap().unwrap();
    let echoed = session.handle_frame(&hello, &laptop.replica, &laptop.key);
    assert_eq!(echoed, Err(SessionError::Malformed));
}

#[test]
fn who_knows_the_epoch_but_no_enrolled_key_is_sent_nothing() {
    let (mut laptop, _) = laptop_and_phone();
    laptop.write("private");
    let mut thief = device(4, 9, 7);
    let outcome = sync(&mut laptop, &mut thief).unwrap();
    assert!(outcome.counted.is_empty());
    assert_eq!(thief.frontier().chains, []);
}

#[test]
fn who_is_not_enrolled_fills_no_disk() {
    let (mut laptop, _) = laptop_and_phone();
    let mut thief = device(4, 9, 7);
    let change = Change { document: DOCUMENT, bytes: vec![0; 1000] };
    let nonce = &mut || [9; 24];
    drop(thief.replica.write(vec![Write::Change(change)], &thief.key, nonce).unwrap());
    let location = thief.replica.state().locations()[0];
    let record = thief.replica.read(location).unwrap();
    let before = laptop.replica.journal().bytes();
    let ingested = laptop.replica.ingest(&id(4), std::slice::from_ref(&record)).unwrap();
    assert_eq!((ingested.new_records, ingested.from_stranger), (0, 1));
    assert_eq!(laptop.replica.journal().bytes(), before);
    let ingested = laptop.replica.ingest(&id(2), &[record]).unwrap();
    assert_eq!(ingested.new_records, 1, "an enrolled device may send it");
}

#[test]
fn a_batch_that_does_not_fit_leaves_nothing() {
    let (mut laptop, _) = laptop_and_phone();
    laptop.write(&"long ".repeat(1_000));
    let locations = laptop.replica.state().locations();
    let records: Vec<Vec<u8>> =
        locations.iter().map(|location| laptop.replica.read(*location).unwrap()).collect();
    let inception = Recovery::from_entropy(&Secret32::from_bytes([9; 32])).incept();
    let state =
        testkit::state(&inception, *laptop.replica.state().space(), vec![Secret32::from_bytes([7; 32])]);
    let mut disk = MemoryDisk::new();
    disk.set_byte_budget(Some(4_000));
    let opening = Opening::new(JournalId::from_bytes([2; 16]));
    let (journal, _) = Journal::open(disk, &opening, &mut |_, _, _| {}).unwrap();
    let mut phone = Replica::new(state, journal);
    let (empty, bytes) = (Frontier::of(phone.state()), phone.journal().bytes());
    // The log would fit, the change does not.
    assert!(phone.ingest(&id(1), &records).is_err());
    assert_eq!(Frontier::of(phone.state()), empty, "what is not told to the caller must not count");
    assert_eq!(phone.journal().bytes(), bytes);
    assert_eq!(phone.ingest(&id(1), &records[..2]).unwrap().new_records, 2);
    assert_eq!(phone.ingest(&id(4), &records[2..]).unwrap().from_stranger, records.len() - 2);
}

#[test]
fn a_check_says_the_frontier_again() {
    let (mut laptop, mut phone) = laptop_and_phone();
    let mut sessions = open_sessions([[5; 32]; 2]);
    run(&mut laptop, &mut phone, &mut sessions).unwrap();
    sessions[0].check();
    let outcome = run(&mut laptop, &mut phone, &mut sessions).unwrap();
    assert_eq!(outcome.frames, 1);
}

#[test]
fn who_is_refused_is_told_why_and_sent_nothing_more() {
    let (mut laptop, mut phone) = laptop_and_phone();
    let mut sessions = open_sessions([[5; 32]; 2]);
    run(&mut laptop, &mut phone, &mut sessions).unwrap();
    laptop.write("private");
    sessions[0].refuse(SessionError::Malformed);
    assert!(sessions[0].is_over());
    let last = sessions[0].poll_frame(&mut laptop.replica).unwrap().unwrap();
    let told = sessions[1].handle_frame(&last, &phone.replica, &phone.key);
    assert_eq!(told, Err(SessionError::RefusedByPeer(Reason::Malformed)));
    assert_eq!(sessions[0].poll_frame(&mut laptop.replica), Ok(None));
}

#[test]
fn who_leaves_finishes_the_handshake_says_why_and_nothing_more() {
    let (mut laptop, mut phone) = laptop_and_phone();
    laptop.write("private");
    let mut sessions = open_sessions([[5; 32]; 2]);
    let not_now = NotNow { reason: StopReason::Paused, until: None };
    let mut said = Vec::new();
    for _ in 0..4 {
        while let Some(frame) = sessions[0].poll_frame(&mut laptop.replica).unwrap() {
            if NotNow::from_frame(&frame).is_none() {
                sessions[1].handle_frame(&frame, &phone.replica, &phone.key).unwrap();
            }
            said.push(frame);
        }
        while let Some(frame) = sessions[1].poll_frame(&mut phone.replica).unwrap() {
            if !sessions[0].is_over() {
                sessions[0].handle_frame(&frame, &laptop.replica, &laptop.key).unwrap();
            }
            if sessions[0].peer().is_some() && !sessions[0].is_over() {
                sessions[0].leave(not_now);
            }
        }
    }
    assert!(sessions[1].peer().is_some(), "the handshake was finished");
    assert_eq!(said.len(), 4, "hello, marks, proof, and why");
    assert_eq!(NotNow::from_frame(&said[3]), Some(not_now));
    // Nobody who proved nothing is told.
    let mut session = Session::new(Role::Dialer, [5; 32], [11; 32]);
    session.leave(not_now);
    assert!(session.poll_frame(&mut laptop.replica).unwrap().is_some());
    assert_eq!(session.poll_frame(&mut laptop.replica), Ok(None));
}

#[test]
fn records_before_the_proof_are_refused() {
    let (laptop, _) = laptop_and_phone();
    let mut session = Session::new(Role::Dialer, [5; 32], [11; 32]);
    let frame = frame_of_records(&[0; 16], &[vec![1; 300]]);
    assert_eq!(session.handle_frame(&frame, &laptop.replica, &laptop.key), Err(SessionError::Malformed));
}

#[test]
fn frames_out_of_bounds_are_refused() {
    let (mut laptop, mut phone) = laptop_and_phone();
    let mut stranger = Session::new(Role::Dialer, [5; 32], [11; 32]);
    let mut marks = frame_of_message(&Message::Marks { marks: vec![[1; 16]; MAX_RECOGNITION_MARKS] });
    assert!(marks.len() <= MAX_HANDSHAKE_FRAME_LEN);
    marks.resize(MAX_HANDSHAKE_FRAME_LEN + 1, 0);
    assert_eq!(stranger.handle_frame(&marks, &laptop.replica, &laptop.key), Err(SessionError::Malformed));

    let mut sessions = open_sessions([[5; 32]; 2]);
    run(&mut laptop, &mut phone, &mut sessions).unwrap();
    let mark = sessions[0].mark(&laptop.space()).unwrap();
    let bad = [
        vec![0xff],
        frame_of_records(&mark, &[]),
        frame_of_records(&mark, &[vec![]]),
        vec![10; MAX_FRAME_LEN + 1],
    ];
    for frame in bad {
        let refused = sessions[0].handle_frame(&frame, &laptop.replica, &laptop.key);
        assert_eq!(refused, Err(SessionError::Malformed));
    }
}

#[test]
fn frontiers_that_differ_each_time_end_the_session() {
    let (mut laptop, mut phone) = laptop_and_phone();
    let mut sessions = open_sessions([[5; 32]; 2]);
    run(&mut laptop, &mut phone, &mut sessions).unwrap();
    let mark = sessions[0].mark(&laptop.space()).unwrap();
    let mut told = |byte: u8| {
        let chain = |n: u8| {
            let device = DeviceId::from_bytes([[byte, n].as_slice(), &[0; 30]].concat().try_into().unwrap());
            let head = Head { device, number: 1, commit: CommitId::from_bytes([n; 32]) };
            Chain { head, lacking: Vec::new() }
        };
        let frontier = Frontier { chains: (0..=255).map(chain).collect(), ..phone.frontier() };
        let message = SpaceMessage::Frontier { frontier, check: false };
        let frame = frame_of_message(&Message::Space { mark, message });
        sessions[0].handle_frame(&frame, &laptop.replica, &laptop.key)
    };
    assert_eq!(told(0), Ok(Some(Event::Acknowledged { space: laptop.space(), check: false })));
    let refused = (1..=255).map(&mut told).find(Result::is_err);
    assert_eq!(refused, Some(Err(SessionError::Malformed)));
}

#[test]
fn a_record_sent_twice_in_one_frame_is_stored_once() {
    let (mut laptop, mut phone) = laptop_and_phone();
    let record = laptop.replica.state().locations()[0];
    let record = laptop.replica.read(record).unwrap();
    let ingested = phone.replica.ingest(&id(1), &[record.clone(), record]).unwrap();
    assert_eq!(ingested.new_records, 1);
}

#[test]
fn a_second_history_of_a_device_is_noticed() {
    let (mut laptop, mut phone) = laptop_and_phone();
    sync(&mut laptop, &mut phone).unwrap();
    let (mut copy, _) = laptop_and_phone();
    copy.nonce += 1_000;
    laptop.write("one history");
    copy.write("another");
    sync(&mut laptop, &mut phone).unwrap();
    assert_eq!(sync(&mut copy, &mut phone).err(), Some(SessionError::Fork { device: id(1) }));
}

proptest::proptest! {
    #[test]
    fn any_frame_is_taken_or_refused(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300), first in 0_u8..=255) {
        let (laptop, _) = laptop_and_phone();
        let mut session = Session::new(Role::Dialer, [5; 32], [11; 32]);
        let mut frame = vec![first, 3];
        frame.extend(bytes);
        let _ = session.handle_frame(&frame, &laptop.replica, &laptop.key);
        frame[0] = 10;
        let _ = session.handle_frame(&frame, &laptop.replica, &laptop.key);
    }
}
