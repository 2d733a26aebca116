//! Records of a member that means harm: what counts is the same whatever the order of arrival, and
//! the same again when the journal is read back.
//!
//! Exempt from the first is what depends on the order by design: two histories of one device, of
//! which the first one to come counts; and drops that wait for a commit, which refuse a record only
//! where it did not come before.
#![no_main]

use libfuzzer_sys::fuzz_target;
use musette_protocol::{
    id::RecordId,
    journal::{Journal, JournalId, Opening, memory::MemoryDisk},
    record::{Payload, open},
    replica::{Refusal, Replica, State, Subject},
    session::Frontier,
};
use musette_protocol_fuzz::{
    input::Input,
    member::Member,
    world::{device, keyring, replica, space, state},
};

/// What follows from a set of records.
#[derive(Debug, PartialEq)]
struct Account {
    frontier: Frontier,
    /// Held, of a known kind, and named by no commit that counts.
    orphans: Vec<(RecordId, Subject)>,
}

impl Account {
    fn of(state: &State) -> Self {
        Self { frontier: Frontier::of(state), orphans: state.orphans() }
    }
}

/// Takes records in; tells what follows, and whether somebody was seen to have two histories.
fn taken(replica: &mut Replica<MemoryDisk>, batches: &[&[Vec<u8>]]) -> (Account, bool) {
    let mut forked = false;
    for batch in batches {
        let ingested = replica.ingest(&device(1), batch).expect("memory does not fail");
        forked |= ingested.effects.refused.iter().any(|refusal| matches!(refusal, Refusal::Fork { .. }));
        for newly in &ingested.effects.counted {
            for record in newly.changes.keys() {
                assert!(newly.counted.items.iter().any(|item| item.record == *record));
            }
        }
    }
    replica.sync().expect("memory does not fail");
    (Account::of(replica.state()), forked)
}

/// The state that follows from the journal, in its order.
fn read_back(disk: MemoryDisk) -> Account {
    let mut state = state(space());
    let opening = Opening::new(JournalId::from_bytes([1; 16]));
    let opened = Journal::open(disk, &opening, &mut |id, location, record| {
        let payload = open(record, &space(), state.keyring()).expect("opened before it was stored");
        state.insert(id, location, payload);
    });
    let (journal, _) = opened.expect("it was just written");
    let mut replica = Replica::new(state, journal);
    replica.draw_quarantine();
    Account::of(replica.state())
}

/// The same records in another order, a function of `seed`.
fn shuffled(mut records: Vec<Vec<u8>>, mut seed: u32) -> Vec<Vec<u8>> {
    for place in (1..records.len()).rev() {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        records.swap(place, usize::try_from(seed >> 16).expect("16 bits") % (place + 1));
    }
    records
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let (seed, batch_len) = (u32::from(input.byte()), 1 + input.below(32));
    let records = Member::default().records(&mut input);
    let first = [Member::first_record()];

    let mut left = replica(space());
    let mut batches: Vec<&[Vec<u8>]> = vec![&first];
    batches.extend(records.chunks(batch_len));
    let (account, forked) = taken(&mut left, &batches);
    assert_eq!(read_back(left.into_journal().into_disk()), account);

    let waits = |record: &Vec<u8>| match open(record, &space(), &keyring()) {
        Ok(Payload::Drop(drop)) => drop.body().after.is_some(),
        _ => false,
    };
    let exempt = forked || records.iter().any(waits);
    let other = shuffled(records, seed);
    let mut right = replica(space());
    let mut batches: Vec<&[Vec<u8>]> = vec![&first];
    batches.extend(other.chunks(1));
    let (others, forked_there) = taken(&mut right, &batches);
    if !exempt && !forked_there {
        assert_eq!(account, others);
    }
});
