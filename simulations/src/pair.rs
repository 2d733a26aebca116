//! Two devices of one person with their journals in memory, over a connection without faults: what
//! syncing costs where nothing goes wrong.
//!
//! What is counted is the same on every machine. A frame counts with the length that a node writes
//! before it to its stream.

use std::{iter::from_fn, mem::size_of, ops::Range};

use musette_protocol::{
    codec::decode,
    crypto::sign::SigningKey,
    id::DocumentId,
    identity::log::{DeviceLog, Operation},
    journal::{Journal, JournalId, Opening, memory::MemoryDisk},
    record::{Change, Payload, seal},
    replica::{Replica, Write},
    session::{
        Event, Frontier, Role, Session,
        message::{Message, SpaceMessage, parse_frame},
    },
    signed::Signed,
};

use crate::{
    dice::Dice,
    person::{Person, device_id},
};

/// Bytes of a change: an edit has some hundred.
const CHANGE_LEN: usize = 200;
/// Passages after which an exchange that goes on is stuck.
const MAX_PASSAGES: u32 = 10_000;

/// The two.
pub struct Pair {
    /// Who dials, and so asks in a reconciliation.
    pub dialer: Device,
    /// Who is dialled.
    pub listener: Device,
    dice: Dice,
}

/// One of the two.
pub struct Device {
    key: SigningKey,
    replica: Replica<MemoryDisk>,
    dice: Dice,
}

/// What crossed the connection in one session.
#[derive(Debug, Default, Clone, Copy)]
pub struct Traffic {
    /// Bytes of both handshakes.
    pub hello_bytes: usize,
    /// Bytes of what is said after them, but for the records.
    pub message_bytes: usize,
    /// Of these, the bytes of a reconciliation.
    pub reconcile_bytes: usize,
    /// Messages by which a reconciliation asks, each of which is answered.
    pub queries: u32,
    /// Records.
    pub records: usize,
    /// Bytes of the frames that hold them.
    pub record_bytes: usize,
    /// How often all that the two had to say travelled, after the handshakes.
    pub passages: u32,
}

impl Pair {
    /// Two devices of the person that a seed draws. The listener is enrolled and enrolled the dialer,
    /// which knows the epoch's secret and nothing else.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let person = Person::new(&mut dice);
        let [mut listener, dialer] = [(); 2].map(|()| Device::new(&person, &mut dice));
        listener.state(person.enrol(listener.log(), None, &listener.key, true));
        listener.state(person.enrol(listener.log(), Some(&listener.key), &dialer.key, true));
        Self { dialer, listener, dice }
    }

    /// One session, from the hello until both are silent. What is sent is durable before.
    ///
    /// # Panics
    /// When a side refuses the other, or it does not end: our bug.
    pub fn sync(&mut self) -> Traffic {
        let binding = self.dice.bytes();
        let mut session = |role| Session::new(role, binding, self.dice.bytes());
        let sessions = [session(Role::Dialer), session(Role::Listener)];
        let devices = [&mut self.dialer, &mut self.listener];
        run(devices, sessions)
    }
}

fn run(mut devices: [&mut Device; 2], mut sessions: [Session; 2]) -> Traffic {
    let mut traffic = Traffic::default();
    for _ in 0..MAX_PASSAGES {
        let proved = sessions.iter().all(|session| session.peer().is_some());
        let on_their_way = [0, 1].map(|side| devices[side].say(&mut sessions[side]));
        if on_their_way.iter().all(Vec::is_empty) {
            assert!(proved, "the two do not recognise each other");
            return traffic;
        }
        traffic.passages += u32::from(proved);
        for (side, frames) in on_their_way.iter().enumerate() {
            for frame in frames {
                traffic.count(frame);
                devices[1 - side].take(&mut sessions[1 - side], frame);
            }
        }
    }
    panic!("the exchange does not end");
}

impl Device {
    fn new(person: &Person, dice: &mut Dice) -> Self {
        let opening = Opening::new(JournalId::from_bytes(dice.bytes()));
        let (journal, _) =
            Journal::open(MemoryDisk::new(), &opening, &mut |_, _, _| {}).expect("an empty disk opens");
        let replica = Replica::new(person.empty_state(), journal);
        Self { key: SigningKey::from_secret(&dice.secret()), replica, dice: Dice::new(dice.below(u64::MAX)) }
    }

    fn log(&self) -> &DeviceLog {
        self.replica.state().log()
    }

    fn state(&mut self, operation: Signed<Operation>) {
        self.replica
            .write_statement(Payload::Operation(operation), &mut || self.dice.bytes())
            .expect("a disk in memory takes all");
        self.sync();
    }

    /// Writes one change of each of these documents.
    ///
    /// # Panics
    /// When it does not count: our bug.
    pub fn write(&mut self, documents: Range<u32>) {
        let writes = documents.map(|number| Write::Change(change(number))).collect();
        let effects = self.replica.write(writes, &self.key, &mut || self.dice.bytes());
        assert!(!effects.expect("a disk in memory takes all").counted.is_empty());
        self.sync();
    }

    /// Holds a change that no commit names from now on: what frontiers do not tell of.
    ///
    /// # Panics
    /// When it is not taken: our bug.
    pub fn hold_stray(&mut self, document: u32) {
        let state = self.replica.state();
        let payload = Payload::Change(change(document));
        let record = seal(&payload, state.space(), state.keyring(), &self.dice.bytes());
        let ingested = self.replica.ingest(&device_id(&self.key), &[record]);
        assert_eq!(ingested.expect("a disk in memory takes all").new_records, 1);
        self.sync();
    }

    /// What it holds.
    #[must_use]
    pub fn frontier(&self) -> Frontier {
        Frontier::of(self.replica.state())
    }

    fn sync(&mut self) {
        self.replica.sync().expect("a disk in memory syncs");
    }

    fn say(&mut self, session: &mut Session) -> Vec<Vec<u8>> {
        from_fn(|| session.poll_frame(&mut self.replica).expect("what was written is there")).collect()
    }

    fn take(&mut self, session: &mut Session, frame: &[u8]) {
        let handled = session.handle_frame(frame, &self.replica, &self.key);
        if let Some(Event::Records { space, records }) = handled.expect("the other side is honest") {
            let peer = session.peer().expect("records follow the proof");
            let ingested = self.replica.ingest(&peer, &records).expect("a disk in memory takes all");
            self.sync();
            session.ingested(&space, &ingested).expect("the other side is honest");
        }
    }
}

fn change(document: u32) -> Change {
    let mut id = [0; 16];
    id[..4].copy_from_slice(&document.to_be_bytes());
    Change { document: DocumentId::from_bytes(id), bytes: vec![0xa5; CHANGE_LEN] }
}

impl Traffic {
    /// How long it took at least, in round trips.
    #[must_use]
    pub const fn round_trips(&self) -> u32 {
        self.passages.div_ceil(2)
    }

    fn count(&mut self, frame: &[u8]) {
        let bytes = size_of::<u32>() + frame.len();
        if let Ok(Some((_, records))) = parse_frame(frame) {
            self.records += records.len();
            self.record_bytes += bytes;
            return;
        }
        let Ok(Message::Space { message, .. }) = decode(frame) else {
            self.hello_bytes += bytes;
            return;
        };
        self.message_bytes += bytes;
        match message {
            SpaceMessage::Reconcile(_) => {
                self.reconcile_bytes += bytes;
                self.queries += 1;
            }
            SpaceMessage::Reconciling(_) | SpaceMessage::Need(_) => self.reconcile_bytes += bytes,
            _ => {}
        }
    }
}
