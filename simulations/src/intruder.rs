//! Who is no device of the person: a stranger without any key, and a thief of an epoch's secret.
//!
//! Both call a device, which answers as it would answer anybody. Afterwards the same must count on
//! it as before, and they must have been given no data. Their conversations take no time.
//!
//! The thief knows what a stolen vault's epoch would give: it passes for a member, seals records
//! that open, and forges commits, enrolments and epochs. What it lacks is an enrolled device's key.

use musette_crdt::{document::Document, schema::kind, value::Value};
use musette_protocol::{
    crypto::sign::SigningKey,
    epoch::{EpochStatement, Keyring},
    id::{CommitId, DocumentId, OperationId, RecordId},
    identity::log::DeviceLog,
    journal::{Journal, JournalId, Opening, memory::MemoryDisk},
    record::{Change, Commit, Payload, epoch_record, open, record_id, seal},
    replica::{Replica, State},
    session::{
        Frontier, Role, Session,
        frontier::Head,
        message::{Message, frame_of_message, frame_of_records, parse_frame},
    },
    signed::Signed,
    time::Timestamp,
};

use crate::{
    check::{Check, Violation, authenticity::Ledger, ensure},
    device::Device,
    dice::Dice,
    options::Breakage,
    person::{Person, device_id},
    storage::Trouble,
};

/// Rounds after which a conversation that goes on is given up; a handshake takes three.
const MAX_ROUNDS: usize = 20;

/// Somebody who calls a device.
struct Intruder {
    key: SigningKey,
    replica: Replica<MemoryDisk>,
    session: Session,
}

impl Intruder {
    fn new(state: State, binding: [u8; 32], dice: &mut Dice) -> Self {
        let opening = Opening::new(JournalId::from_bytes(dice.bytes()));
        let opened = Journal::open(MemoryDisk::new(), &opening, &mut |_, _, _| {});
        let (journal, _) = opened.expect("an empty disk in memory opens");
        Self {
            key: SigningKey::from_secret(&dice.secret()),
            replica: Replica::new(state, journal),
            session: Session::new(Role::Dialer, binding, dice.bytes()),
        }
    }

    /// Talks as a device would, until nobody has anything to say.
    fn converse(
        &mut self,
        device: &mut Device,
        theirs: &mut Session,
        person: &Person,
        ledger: &Ledger,
    ) -> Result<(), Trouble> {
        for _ in 0..MAX_ROUNDS {
            let mut quiet = true;
            while let Ok(Some(frame)) = self.session.poll_frame(&mut self.replica) {
                quiet = false;
                device.handle(theirs, &frame, ledger)?;
            }
            while let Some((frame, _)) = device.poll(theirs)? {
                quiet = false;
                check_no_data(&frame, person)?;
                let _ = self.session.handle_frame(&frame, self.replica.state(), &self.key);
            }
            if quiet {
                return Ok(());
            }
        }
        Err(Violation::new(Check::Termination, "a conversation with an intruder does not end").into())
    }
}

/// A stranger calls: somebody else's node, and then noise.
///
/// # Errors
/// When the device changed, or told something.
pub fn stranger(
    device: &mut Device,
    person: &Person,
    dice: &mut Dice,
    ledger: &Ledger,
) -> Result<(), Trouble> {
    let before = Frontier::of(device.state());
    let binding = dice.bytes();
    let mut theirs = Session::new(Role::Listener, binding, dice.bytes());
    let other = Person::new(dice);
    let mut intruder = Intruder::new(other.empty_state(), binding, dice);
    intruder.converse(device, &mut theirs, person, ledger)?;
    for _ in 0..dice.between(1, 6) {
        let mut theirs = Session::new(Role::Listener, dice.bytes(), dice.bytes());
        let noise = match dice.below(3) {
            0 => dice.some_bytes(0, 300),
            1 => [&[10, 1], dice.some_bytes(0, 300).as_slice()].concat(),
            _ => frame_of_records(&[dice.some_bytes(1, 300)]),
        };
        device.handle(&mut theirs, &noise, ledger)?;
    }
    ensure(theirs.peer().is_none(), Check::Intrusion, || "a stranger passed as a device".to_owned())?;
    check_unchanged(device, &before)
}

/// A thief of the epoch's secret calls.
///
/// # Errors
/// When the device took something for real, or gave data away.
pub fn thief(device: &mut Device, person: &Person, dice: &mut Dice, ledger: &Ledger) -> Result<(), Trouble> {
    let before = Frontier::of(device.state());
    let binding = dice.bytes();
    let mut theirs = Session::new(Role::Listener, binding, dice.bytes());
    let mut intruder = Intruder::new(person.empty_state(), binding, dice);
    intruder.converse(device, &mut theirs, person, ledger)?;
    ensure(theirs.peer().is_some(), Check::Intrusion, || {
        "the thief's handshake is not the real one".to_owned()
    })?;
    if device.is_broken(Breakage::EnrolAnybody) {
        let operation = person.enrol(device.state().log(), Some(device.key()), &intruder.key);
        device.write_statements(vec![Payload::Operation(operation)], dice, ledger)?;
    }
    for _ in 0..dice.between(1, 5) {
        let frame = if dice.one_in(8) {
            frame_of_message(&Message::Frontier(forged_frontier(&before, dice)))
        } else {
            frame_of_records(&forge(&intruder.key, device, person, dice))
        };
        device.handle(&mut theirs, &frame, ledger)?;
    }
    check_unchanged(device, &before)
}

fn check_unchanged(device: &Device, before: &Frontier) -> Result<(), Trouble> {
    let unchanged = Frontier::of(device.state()) == *before;
    Ok(ensure(unchanged, Check::Intrusion, || format!("an intruder changed device {}", device.number))?)
}

/// Even the thief is sent nothing but the log and the epochs.
fn check_no_data(frame: &[u8], person: &Person) -> Result<(), Violation> {
    let records = parse_frame(frame).ok().flatten().unwrap_or_default();
    let is_data = |record: &Vec<u8>| {
        matches!(
            open(record, person.space(), &person.keyring()),
            Ok(Payload::Change(_) | Payload::BlobChunk(_) | Payload::Commit(_))
        )
    };
    let given = records.iter().any(is_data);
    ensure(!given, Check::Intrusion, || "who is no device was sent data".to_owned())
}

/// What counts on a device, told with one commit exchanged for another.
fn forged_frontier(real: &Frontier, dice: &mut Dice) -> Frontier {
    let mut frontier = real.clone();
    match frontier.chains.first_mut() {
        Some(head) => head.commit = CommitId::from_bytes(dice.bytes()),
        None => frontier.chains.push(Head {
            device: device_id(&SigningKey::from_secret(&dice.secret())),
            number: 7,
            commit: CommitId::from_bytes(dice.bytes()),
        }),
    }
    frontier
}

/// Records that are not what they say.
fn forge(thief: &SigningKey, device: &Device, person: &Person, dice: &mut Dice) -> Vec<Vec<u8>> {
    let keyring = person.keyring();
    let sealed = |payload: &Payload, dice: &mut Dice| {
        let epoch = keyring.newest().expect("a person has an epoch");
        seal(payload, person.space(), &epoch, &keyring, &dice.bytes())
    };
    match dice.below(6) {
        0 => vec![dice.some_bytes(1, 400)],
        1 => {
            let mut altered = sealed(&forged_change(device, dice), dice);
            let at = dice.index(altered.len());
            altered[at] ^= 1 << dice.below(8);
            vec![altered]
        }
        2 => vec![epoch_record(&forged_epoch(thief, person, dice))],
        3 => vec![sealed(&Payload::Operation(forged_enrolment(thief, device, person, dice)), dice)],
        _ => {
            let change = sealed(&forged_change(device, dice), dice);
            let commit = forged_commit(thief, device, person, record_id(&change), dice);
            vec![change, sealed(&Payload::Commit(commit), dice)]
        }
    }
}

/// A real Automerge document, under an id of its own or in the place of one that exists.
fn forged_change(device: &Device, dice: &mut Dice) -> Payload {
    let known = device.known().unwrap_or_default();
    let document = match known.len() {
        0 => DocumentId::from_bytes(dice.bytes()),
        len => known[dice.index(len)].0,
    };
    let note = kind("note").expect("a kind of the schema");
    let fields = [("tags".to_owned(), Value::List(vec!["forged".to_owned()]))];
    let forged = Document::create(note, &fields, Timestamp::from_millis(0), "thief", dice.bytes());
    let bytes = forged.map(|mut document| document.take_changes()).unwrap_or_default();
    Payload::Change(Change { document, bytes })
}

/// In the thief's own name, or in the device's; on what the log really is, or on nothing known.
fn forged_commit(
    thief: &SigningKey,
    device: &Device,
    person: &Person,
    record: RecordId,
    dice: &mut Dice,
) -> Signed<Commit> {
    let as_device = dice.one_in(2);
    let (number, previous) = if as_device { device.state().head(&device.id) } else { (0, None) };
    let log_heads = match dice.below(3) {
        0 => vec![OperationId::from_bytes(dice.bytes())],
        _ => device.state().log().heads(),
    };
    let commit = Commit {
        space: *person.space(),
        device: if as_device { device.id } else { device_id(thief) },
        number: number + 1,
        previous,
        seen: device.state().seen_by(&device.id),
        log_heads,
        records: vec![record],
        chunks: Vec::new(),
    };
    Signed::new(commit, thief)
}

fn forged_enrolment(
    thief: &SigningKey,
    device: &Device,
    person: &Person,
    dice: &mut Dice,
) -> Signed<musette_protocol::identity::log::Operation> {
    let log: &DeviceLog = device.state().log();
    let own = person.enrol(log, Some(thief), thief);
    if dice.one_in(2) {
        return own;
    }
    // In the name of the device that is called, signed by the thief.
    let mut body = own.body().clone();
    body.author = musette_protocol::identity::log::Author::Device(device.id);
    Signed::new(body, thief)
}

fn forged_epoch(thief: &SigningKey, person: &Person, dice: &mut Dice) -> Signed<EpochStatement> {
    let (secret, entropy) = (dice.secret(), dice.secret());
    EpochStatement::begin(*person.space(), thief, &secret, &[], &Keyring::default(), &entropy)
        .expect("without recipients no key can be unusable")
}
