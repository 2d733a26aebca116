//! A session with an enrolled device that means harm: any frames once it has proved who it is.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use musette_protocol::{
    codec::{decode, encode},
    id::{BlobId, CommitId, DeviceId, DocumentId, RecordId, SpaceId, StatementId},
    identity::log::Author,
    journal::memory::MemoryDisk,
    limits::{MAX_FRAME_LEN, MAX_FRONTIER_ENTRIES, MAX_WANT, MAX_WANTS_OPEN},
    record::{BlobChunk, Change, Payload, record_id},
    replica::{Replica, Write},
    session::{
        Event, Frontier, Role, Session, SessionError,
        frontier::{Chain, Head, Span},
        message::{Mark, Message, Reason, SpaceMessage, frame_of_part, frame_of_records, parse_frame},
    },
};
use musette_protocol_fuzz::{
    input::Input,
    member::Member,
    world::{device, enrolment, key, replica, space},
};

const OWN: u8 = 1;
const PEER: u8 = 2;
const ROLES: [Role; 2] = [Role::Listener, Role::Dialer];
/// What the two sides of a session of honest members never need more of, in answer to one frame.
const MAX_ANSWERS: usize = 64;

/// A replica in which device 1 enrolled device 2 and wrote something.
fn laptop() -> Replica<MemoryDisk> {
    let mut laptop = replica(space());
    laptop.ingest(&device(OWN), &[Member::first_record()]).expect("memory does not fail");
    let enrolment = enrolment(PEER, true, true);
    let operation = laptop.state().log().sign(Author::Device(device(OWN)), enrolment, key(OWN));
    laptop.write_statement(Payload::Operation(operation), &mut || [0x20; 24]).expect("memory does not fail");
    write(&mut laptop, 0x21);
    laptop
}

fn write(laptop: &mut Replica<MemoryDisk>, nonce: u8) {
    let change = Change { document: DocumentId::from_bytes([1; 16]), bytes: vec![nonce; 40] };
    let chunk = BlobChunk { blob: BlobId::from_bytes([1; 16]), index: u32::from(nonce), bytes: vec![nonce] };
    let mut nonces = (0..).map(|place| [[nonce; 12], [place; 12]].concat().try_into().expect("24 bytes"));
    let mut draw = || nonces.next().expect("there is no end to them");
    let writes = vec![Write::Change(change), Write::BlobChunk(chunk)];
    laptop.write(writes, key(OWN), &mut draw).expect("memory does not fail");
    laptop.sync().expect("memory does not fail");
}

/// The frames by which [`PEER`] proves itself to a side of this role. A session is a function of its
/// frames, so they are the same each time.
fn handshake(role: usize) -> &'static [Vec<u8>] {
    static FRAMES: [OnceLock<Vec<Vec<u8>>>; 2] = [const { OnceLock::new() }; 2];
    FRAMES[role].get_or_init(|| {
        let (mut ours, mut theirs) = (laptop(), replica(space()));
        let (mut left, mut right) = (session(role), Session::new(ROLES[1 - role], [5; 32], [22; 32]));
        let mut frames = Vec::new();
        while left.peer().is_none() {
            let frame = right.poll_frame(&mut theirs).expect("memory does not fail").expect("its turn");
            left.handle_frame(&frame, &ours, key(OWN)).expect("honest");
            frames.push(frame);
            while right.peer().is_none() {
                let Some(frame) = left.poll_frame(&mut ours).expect("memory does not fail") else { break };
                right.handle_frame(&frame, &theirs, key(PEER)).expect("honest");
            }
        }
        frames
    })
}

fn session(role: usize) -> Session {
    Session::new(ROLES[role], [5; 32], [11; 32])
}

fn made_up(place: usize, byte: u8) -> [u8; 32] {
    let mut id = [byte; 32];
    id[..2].copy_from_slice(&u16::try_from(place).expect("few").to_be_bytes());
    id
}

fn many(input: &mut Input<'_>) -> usize {
    if input.one_in(8) { 4 * usize::from(input.byte()) } else { input.below(4) }
}

fn frontier(input: &mut Input<'_>, real: &Frontier) -> Frontier {
    let mut told = real.clone();
    if input.one_in(2) {
        told.statements = input.array();
    }
    if input.one_in(2) {
        told.records = input.array();
    }
    if input.one_in(3) {
        told.chains = input.some_of(&real.chains);
    }
    let (count, byte) = (many(input), input.byte());
    for id in (0..count).map(|place| made_up(place, byte)) {
        let number = if input.one_in(4) { u64::MAX } else { u64::from(input.byte()) };
        let device = if input.one_in(2) { device(byte % 4) } else { DeviceId::from_bytes(id) };
        let head = Head { device, number, commit: CommitId::from_bytes(id) };
        let span = |input: &mut Input<'_>| {
            let first = u64::from(input.byte());
            Span { first, last: if input.one_in(4) { number } else { first + u64::from(input.byte()) } }
        };
        let lacking = (0..input.below(3)).map(|_| span(input)).collect();
        told.chains.push(Chain { head, lacking });
    }
    if !input.one_in(8) {
        told.chains.sort_by_key(|chain| chain.head.device);
        told.chains.dedup_by_key(|chain| chain.head.device);
    }
    told
}

/// A record that is held, mostly.
fn held(input: &mut Input<'_>, replica: &Replica<MemoryDisk>) -> RecordId {
    let held = replica.state().held();
    input.one_of(&held).unwrap_or(RecordId::from_bytes(made_up(0, input.byte())))
}

fn length(input: &mut Input<'_>) -> u32 {
    if input.one_in(8) { u32::from_le_bytes(input.array()) } else { u32::from(input.byte()) }
}

/// A frame with a part of a record: of one that is whole soon, or of anything.
fn part(input: &mut Input<'_>, mark: &Mark, member: &mut Member) -> Vec<u8> {
    let record = member.record(input);
    let cut = input.below(record.len() + 1);
    if input.one_in(4) {
        let name = RecordId::from_bytes(input.array());
        return frame_of_part(mark, &name, &record, cut..record.len());
    }
    let range = if input.one_in(2) { 0..cut } else { cut..record.len() };
    frame_of_part(mark, &record_id(&record), &record, range)
}

/// A message about the space. `names` are what a reconciliation showed before.
fn message(input: &mut Input<'_>, replica: &Replica<MemoryDisk>, names: &[[u8; 32]]) -> SpaceMessage {
    match input.below(8) {
        0 => {
            let frontier = frontier(input, &Frontier::of(replica.state()));
            SpaceMessage::Frontier { frontier, check: input.one_in(2) }
        }
        1 => {
            let real: Vec<StatementId> = replica.state().statements().copied().collect();
            let mut told = input.some_of(&real);
            let (count, byte) = (many(input), input.byte());
            told.extend((0..count).map(|place| StatementId::from_bytes(made_up(place, byte))));
            if !input.one_in(8) {
                told.sort_unstable();
                told.dedup();
            }
            SpaceMessage::Statements(told)
        }
        2 => {
            let chunks = (0..input.below(24)).map(|_| u32::from(input.byte())).collect();
            SpaceMessage::Want { blob: BlobId::from_bytes([1; 16]), chunks, asked: input.one_in(2) }
        }
        3 => SpaceMessage::Lacks { blob: BlobId::from_bytes(input.array()), withheld: input.one_in(2) },
        4 => SpaceMessage::Reconcile(input.bytes().to_vec()),
        5 => SpaceMessage::Reconciling(input.bytes().to_vec()),
        6 => {
            let mut begun: Vec<_> =
                (0..input.below(6)).map(|_| (held(input, replica), length(input))).collect();
            if !input.one_in(8) {
                begun.sort_unstable();
                begun.dedup_by_key(|(record, _)| *record);
            }
            SpaceMessage::Begun(begun)
        }
        _ => {
            let name = input.one_of(names).unwrap_or(made_up(0, input.byte()));
            SpaceMessage::Need(vec![name; many(input)])
        }
    }
}

struct Side {
    replica: Replica<MemoryDisk>,
    session: Session,
    mark: Mark,
    names: Vec<[u8; 32]>,
}

impl Side {
    fn new(role: usize) -> Self {
        let (replica, session) = (laptop(), session(role));
        let mut side = Self { replica, session, mark: Mark::default(), names: Vec::new() };
        for frame in handshake(role) {
            side.session.handle_frame(frame, &side.replica, key(OWN)).expect("honest");
        }
        assert_eq!(side.session.peer(), Some(device(PEER)));
        side.drain();
        side
    }

    fn take(&mut self, frame: &[u8]) -> Result<(), SessionError> {
        let Some(event) = self.session.handle_frame(frame, &self.replica, key(OWN))? else {
            return Ok(());
        };
        match event {
            Event::Part { part, .. } => {
                self.replica.keep_part(&device(PEER), &part);
                Ok(())
            }
            Event::Records { space, records } => self.ingest(&space, &records),
            Event::Acknowledged { space, .. } => {
                let told = self.session.acknowledged(&space).expect("just told");
                assert!(told.chains.len() <= MAX_FRONTIER_ENTRIES);
                Ok(())
            }
            Event::Lacking { space, blob, .. } => {
                assert!(!self.session.is_fetching(&space, &blob));
                Ok(())
            }
            Event::Established { .. } => panic!("twice"),
        }
    }

    fn ingest(&mut self, space: &SpaceId, records: &[Vec<u8>]) -> Result<(), SessionError> {
        let ingested = self.replica.ingest(&device(PEER), records).expect("memory does not fail");
        self.replica.sync().expect("memory does not fail");
        self.session.ingested(space, &ingested)
    }

    /// Sends all there is to send. An exchange goes on only as long as somebody says something new,
    /// and one frame makes nobody send more than what is held and was asked for.
    fn drain(&mut self) {
        let mut records = 0;
        for _ in 0..MAX_ANSWERS {
            let Some(frame) = self.session.poll_frame(&mut self.replica).expect("memory does not fail")
            else {
                let held = self.replica.state().locations().len();
                assert!(records <= held + MAX_WANTS_OPEN * MAX_WANT, "{records} records sent, {held} held");
                return;
            };
            assert!(frame.len() <= MAX_FRAME_LEN);
            if let Ok(Some((_, sent))) = parse_frame(&frame) {
                records += sent.len();
            } else if let Ok(Message::Space { mark, message }) = decode(&frame) {
                self.mark = mark;
                if let SpaceMessage::Reconciling(answer) | SpaceMessage::Reconcile(answer) = message {
                    self.names.extend(answer.last_chunk::<32>());
                }
            }
        }
        panic!("more than {MAX_ANSWERS} frames without hearing anything");
    }

    /// What the person and the program of this side do.
    fn act(&mut self, input: &mut Input<'_>, nonce: u8) {
        let (space, blob) = (*self.replica.state().space(), BlobId::from_bytes([2; 16]));
        match input.below(5) {
            0 => write(&mut self.replica, nonce),
            1 | 2 => self.session.check(),
            3 => drop(self.session.fetch(&space, blob, u32::from(input.byte()), input.one_in(2))),
            _ => self.session.retain_fetches(&space, |wanted| *wanted != blob),
        }
        self.drain();
    }
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let mut side = Side::new(input.below(2));
    let mut member = Member::default();
    for nonce in 0x30..0x50 {
        if input.is_empty() {
            return;
        }
        let frame = match input.below(11) {
            0 => input.bytes().to_vec(),
            // Any bytes as a message about the space.
            1 => [&[10, 2, 3], side.mark.as_slice(), input.bytes()].concat(),
            2..=4 => {
                let message = message(&mut input, &side.replica, &side.names);
                encode(&Message::Space { mark: side.mark, message })
            }
            5..=7 => {
                let records: Vec<_> = (0..=input.below(4)).map(|_| member.record(&mut input)).collect();
                frame_of_records(&side.mark, &records)
            }
            8 => part(&mut input, &side.mark, &mut member),
            9 => {
                side.act(&mut input, nonce);
                continue;
            }
            _ if input.one_in(2) => encode(&Message::Refuse { reason: Reason::Fork }),
            _ => encode(&Message::Hello { nonce: input.array() }),
        };
        if let Err(error) = side.take(&frame) {
            side.session.refuse(error);
            side.drain();
            assert!(side.session.is_over());
            side.session.check();
            write(&mut side.replica, nonce);
            assert_eq!(side.session.poll_frame(&mut side.replica), Ok(None), "nothing more is said");
            return;
        }
        side.drain();
    }
});
