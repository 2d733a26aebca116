//! A thief of an epoch's secret.
//!
//! It knows what a stolen vault's epoch would give: it passes for a member, seals records that open,
//! and forges commits, enrolments and epochs. What it lacks is an enrolled device's key.

use musette_crdt::{document::Document, schema::kind, value::Value};
use musette_protocol::{
    crypto::sign::SigningKey,
    epoch::{EpochStatement, Keyring},
    id::{CommitId, DocumentId, OperationId, RecordId},
    identity::log::{Author, DeviceLog, Operation},
    record::{Change, Commit, Payload, epoch_record, record_id, seal},
    session::{
        Frontier, Role, Session,
        frontier::{Chain, Head},
        message::{Message, SpaceMessage, frame_of_message, frame_of_records},
    },
    signed::Signed,
    time::Timestamp,
};

use super::caller::{Caller, check_unchanged};
use crate::{
    check::{Check, authenticity::Ledger, ensure},
    device::Device,
    dice::Dice,
    options::Breakage,
    person::{Person, device_id},
    storage::Trouble,
};

/// Calls a device.
///
/// # Errors
/// When the device took something for real, or gave data away.
pub fn call(device: &mut Device, person: &Person, dice: &mut Dice, ledger: &Ledger) -> Result<(), Trouble> {
    let before = Frontier::of(device.state());
    let binding = dice.bytes();
    let mut theirs = Session::new(Role::Listener, binding, dice.bytes());
    let mut intruder = Caller::new(person.empty_state(), binding, dice);
    intruder.converse(device, &mut theirs, person, ledger)?;
    ensure(theirs.peer().is_some(), Check::Intrusion, || {
        "the thief's handshake is not the real one".to_owned()
    })?;
    let mark = theirs.mark(person.space()).unwrap_or_default();
    if device.is_broken(Breakage::EnrolAnybody) {
        let operation = person.enrol(device.state().log(), Some(device.key()), &intruder.key, false);
        device.write_statements(vec![Payload::Operation(operation)], dice, ledger)?;
    }
    for _ in 0..dice.between(1, 5) {
        let frame = if dice.one_in(8) {
            let message = SpaceMessage::Frontier { frontier: forged_frontier(&before, dice), check: false };
            frame_of_message(&Message::Space { mark, message })
        } else {
            frame_of_records(&mark, &forge(&intruder.key, device, person, dice))
        };
        device.handle(&mut theirs, &frame, ledger)?;
    }
    check_unchanged(device, &before)
}

/// What counts on a device, told with one commit exchanged for another.
fn forged_frontier(real: &Frontier, dice: &mut Dice) -> Frontier {
    let mut frontier = real.clone();
    match frontier.chains.first_mut() {
        Some(chain) => chain.head.commit = CommitId::from_bytes(dice.bytes()),
        None => {
            let device = device_id(&SigningKey::from_secret(&dice.secret()));
            let head = Head { device, number: 7, commit: CommitId::from_bytes(dice.bytes()) };
            frontier.chains.push(Chain { head, lacking: Vec::new() });
        }
    }
    frontier
}

/// Records that are not what they say.
fn forge(thief: &SigningKey, device: &Device, person: &Person, dice: &mut Dice) -> Vec<Vec<u8>> {
    let keyring = person.first_epoch();
    let sealed = |payload: &Payload, dice: &mut Dice| seal(payload, person.space(), &keyring, &dice.bytes());
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
    let known = device.documents.known();
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
) -> Signed<Operation> {
    let log: &DeviceLog = device.state().log();
    let own = person.enrol(log, Some(thief), thief, true);
    if dice.one_in(2) {
        return own;
    }
    // In the name of the device that is called, signed by the thief.
    let mut body = own.body().clone();
    body.author = Author::Device(device.id);
    Signed::new(body, thief)
}

fn forged_epoch(thief: &SigningKey, person: &Person, dice: &mut Dice) -> Signed<EpochStatement> {
    let (secret, entropy) = (dice.secret(), dice.secret());
    EpochStatement::begin(*person.space(), thief, &secret, &[], &Keyring::default(), &entropy)
        .expect("without recipients no key can be unusable")
}
