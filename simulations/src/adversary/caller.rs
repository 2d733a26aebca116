//! Somebody who calls a device and is none of the person's.

use musette_protocol::{
    crypto::sign::SigningKey,
    journal::{Journal, JournalId, Opening, memory::MemoryDisk},
    record::{Payload, open},
    replica::{Replica, State},
    session::{Frontier, Role, Session, message::parse_frame},
};

use crate::{
    check::{Check, Violation, authenticity::Ledger, ensure},
    device::Device,
    dice::Dice,
    person::Person,
    storage::Trouble,
};

/// Rounds after which a conversation that goes on is given up; a handshake takes three.
const MAX_ROUNDS: usize = 20;

/// Somebody who calls a device.
pub(super) struct Caller {
    pub(super) key: SigningKey,
    replica: Replica<MemoryDisk>,
    session: Session,
}

impl Caller {
    pub(super) fn new(state: State, binding: [u8; 32], dice: &mut Dice) -> Self {
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
    pub(super) fn converse(
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
            while let Some(said) = device.poll(theirs)? {
                quiet = false;
                check_no_data(&said.bytes, person)?;
                let _ = self.session.handle_frame(&said.bytes, &self.replica, &self.key);
            }
            if quiet {
                return Ok(());
            }
        }
        Err(Violation::new(Check::Termination, "a conversation with an intruder does not end").into())
    }
}

pub(super) fn check_unchanged(device: &Device, before: &Frontier) -> Result<(), Trouble> {
    let unchanged = Frontier::of(device.state()) == *before;
    Ok(ensure(unchanged, Check::Intrusion, || format!("an intruder changed device {}", device.number))?)
}

/// Even the thief is sent nothing but the log and the epochs.
pub(super) fn check_no_data(frame: &[u8], person: &Person) -> Result<(), Violation> {
    let records = parse_frame(frame).ok().flatten().map(|(_, records)| records).unwrap_or_default();
    let is_data = |record: &Vec<u8>| {
        matches!(
            open(record, person.space(), &person.all_secrets()),
            Ok(Payload::Change(_) | Payload::BlobChunk(_) | Payload::Commit(_))
        )
    };
    let given = records.iter().any(is_data);
    ensure(!given, Check::Intrusion, || "who is no device was sent data".to_owned())
}
