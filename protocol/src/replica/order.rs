//! What counts follows from the records, not from the order in which they come: a property test over
//! worlds with members who name what they like, and a keeper who drops what it likes.
//!
//! Left out are the exceptions that `protocol/spec/records.md` states: forks, bounds that are reached,
//! and drops whose commit never counts.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{records::Row, *};
use crate::{
    crypto::{kem::KemSecret, secret::Secret32},
    epoch::space_id,
    id::BlobId,
    identity::{
        certificate::Certificate,
        log::{Action, Author, Operation},
        person::Recovery,
    },
    record::Receipt,
    session::frontier::Frontier,
    testkit::{self, device, key},
};

/// Writes as it should; its commits count, so drops may wait for them.
const HONEST: u8 = 1;
const DEVICES: u8 = 3;

/// One step of a world's making: what, and what it is about.
type Step = (u8, u8, Vec<u8>);

struct World {
    space: SpaceId,
    log_heads: Vec<OperationId>,
    records: Vec<(RecordId, Payload)>,
    chains: BTreeMap<u8, Vec<CommitId>>,
    drops: Vec<DropStatement>,
}

fn recovery() -> Recovery {
    Recovery::from_entropy(&Secret32::from_bytes([9; 32]))
}

fn empty() -> State {
    let inception = recovery().incept();
    let space = space_id(&key(9).verifying_key(), &inception.body().recovery_keeper);
    testkit::state(&inception, space, vec![])
}

fn enrolments() -> Vec<Signed<Operation>> {
    let mut log = empty().log().clone();
    let mut operations = Vec::new();
    for byte in 1..=DEVICES {
        let kem = KemSecret::from_secret(&Secret32::from_bytes([byte; 32])).public();
        let person = log.person();
        let certificate =
            Certificate { person, device: device(byte), kem, name: format!("d{byte}"), admin: true };
        let device_signature = certificate.countersign(&key(byte));
        let action = Action::Enrol { certificate, device_signature, verified: true };
        let recovery = recovery();
        let operation = match byte {
            1 => log.sign(Author::Root, action, recovery.root()),
            _ => log.sign(Author::Device(device(1)), action, &key(1)),
        };
        log.apply(operation.clone()).unwrap();
        operations.push(operation);
    }
    operations
}

impl World {
    fn new(steps: &[Step]) -> Self {
        let mut world = Self {
            space: *empty().space(),
            log_heads: Vec::new(),
            records: Vec::new(),
            chains: BTreeMap::new(),
            drops: Vec::new(),
        };
        for operation in enrolments() {
            world.log_heads = vec![operation.id()];
            world.add(Payload::Operation(operation));
        }
        for (number, step) in steps.iter().enumerate() {
            let fresh = u8::try_from(number).unwrap();
            world.step(fresh, step);
        }
        world
    }

    fn add(&mut self, payload: Payload) -> RecordId {
        let number = u32::try_from(self.records.len()).unwrap();
        let id = match &payload {
            // Stated in the clear, it has one spelling and so one name.
            Payload::Drop(statement) => record_id(&drop_record(statement)),
            _ => record_id(&number.to_le_bytes()),
        };
        self.records.push((id, payload));
        id
    }

    /// Names of records of any kind.
    fn pick(&self, numbers: &[u8]) -> Vec<RecordId> {
        let len = self.records.len();
        // Often the last few: what is about one thing lies close together.
        let place = |number: usize| if number < 64 { number % len } else { len - 1 - number % len.min(4) };
        numbers.iter().map(|number| self.records[place(usize::from(*number))].0).collect()
    }

    fn step(&mut self, fresh: u8, (what, who, numbers): &Step) {
        let who_writes = 1 + who % DEVICES;
        match what % 7 {
            0 => {
                let document = DocumentId::from_bytes([who % 3; 16]);
                let record = self.add(Payload::Change(Change { document, bytes: vec![fresh] }));
                self.commit(HONEST, vec![record], vec![]);
            }
            1 => {
                let document = DocumentId::from_bytes([who % 3; 16]);
                self.add(Payload::Change(Change { document, bytes: vec![fresh] }));
            }
            2 => {
                let (blob, index) = (BlobId::from_bytes([who % 2; 16]), u32::from(who % 3));
                let piece = self.add(Payload::BlobChunk(BlobChunk { blob, index, bytes: vec![fresh] }));
                if numbers.len() % 2 == 0 {
                    self.commit(HONEST, vec![], vec![piece]);
                }
            }
            3 => {
                let (records, chunks) = numbers.split_at(numbers.len() / 2);
                self.commit(who_writes.max(2), self.pick(records), self.pick(chunks));
            }
            4 => {
                let honest = self.chains.get(&HONEST).map_or(&[][..], Vec::as_slice);
                let after = honest.get(usize::from(*who % 8)).copied();
                self.drop(after, self.pick(numbers), vec![]);
            }
            5 => {
                let merged: Vec<DropStatement> =
                    self.drops.iter().skip(usize::from(*who % 3)).cloned().collect();
                let ids = merged.iter().flat_map(|drop| drop.ids.clone()).collect();
                self.drop(None, ids, vec![]);
            }
            _ => {
                let byte = 1 + who % (DEVICES + 1);
                let mut drops: Vec<DropId> = numbers.iter().map(|n| DropId::from_bytes([*n; 32])).collect();
                drops.sort_unstable();
                drops.dedup();
                let number = 1 + u64::from(who % 2);
                let receipt = Receipt { space: self.space, device: device(byte), number, drops };
                self.add(Payload::Receipt(Signed::new(receipt, &key(byte))));
            }
        }
    }

    fn commit(&mut self, byte: u8, records: Vec<RecordId>, chunks: Vec<RecordId>) {
        // What the honest one had seen, nobody may keep from counting.
        let others = self.chains.iter().filter(|(other, _)| byte != HONEST && **other != byte);
        let mut seen: Vec<CommitId> = others.filter_map(|(_, chain)| chain.last().copied()).collect();
        seen.sort_unstable();
        let chain = self.chains.entry(byte).or_default();
        let commit = Commit {
            space: self.space,
            device: device(byte),
            number: chain.len() as u64 + 1,
            previous: chain.last().copied(),
            seen,
            log_heads: self.log_heads.clone(),
            records,
            chunks,
        };
        let signed = Signed::new(commit, &key(byte));
        chain.push(signed.id());
        self.add(Payload::Commit(signed));
    }

    fn drop(&mut self, after: Option<CommitId>, ids: Vec<RecordId>, replaces: Vec<DropId>) {
        let ids: Vec<RecordId> = ids.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        if ids.is_empty() {
            return;
        }
        let keeper = key(9).verifying_key();
        let statement = DropStatement { space: self.space, keeper, after, ids, replaces };
        self.drops.push(statement.clone());
        self.add(Payload::Drop(Signed::new(statement, &key(9))));
    }

    /// What follows from the records when they come in this order; some come twice.
    fn outcome(&self, order: &[usize]) -> Outcome {
        let mut state = empty();
        for (offset, number) in order.iter().enumerate() {
            let (id, payload) = &self.records[*number];
            let offset = 50 + 9 * offset as u64;
            let location = Location { segment: SegmentNumber::FIRST, offset, len: 1 };
            state.insert(*id, location, payload.clone());
        }
        Outcome::of(&state, self)
    }
}

/// All that must be the same on every device that was given the same.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    heads: Vec<Head>,
    statements: Vec<StatementId>,
    sum: [u8; 32],
    dropped: Vec<bool>,
    applied: Vec<DropId>,
    documents: BTreeMap<DocumentId, BTreeSet<RecordId>>,
    pieces: Vec<Option<RecordId>>,
    orphans: Vec<(RecordId, Subject)>,
}

impl Outcome {
    fn of(state: &State, world: &World) -> Self {
        let document = |id: &DocumentId| (*id, state.document(id).map(|(record, _)| record).collect());
        let places = (0..2).flat_map(|blob| (0..3).map(move |index| (BlobId::from_bytes([blob; 16]), index)));
        let piece = |(blob, index)| Some(state.records.id(state.chunk_slot(&blob, index)?));
        let is_dropped = |(id, payload): &(RecordId, Payload)| {
            is_droppable(payload) && matches!(state.records.find(id), Some((_, Row::Dropped)))
        };
        Self {
            heads: Frontier::of(state).chains.iter().map(|chain| chain.head).collect(),
            statements: state.statements().copied().collect(),
            sum: state.records_digest(),
            dropped: world.records.iter().map(is_dropped).collect(),
            applied: state.applied_drops(),
            documents: state.documents().map(document).collect(),
            pieces: places.map(piece).collect(),
            orphans: state.orphans(),
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let numbers = proptest::collection::vec(any::<u8>(), 0..6);
    proptest::collection::vec((any::<u8>(), any::<u8>(), numbers), 1..24)
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_arrival_leads_to_the_same(
        steps in steps(),
        keys in proptest::collection::vec(any::<u32>(), 60),
        again in proptest::collection::vec(0_usize..60, 0..8),
    ) {
        let world = World::new(&steps);
        let in_order: Vec<usize> = (0..world.records.len()).collect();
        let mut shuffled = in_order.clone();
        shuffled.sort_by_key(|number| keys[*number]);
        shuffled.extend(again.into_iter().filter(|number| *number < world.records.len()));
        let reversed: Vec<usize> = in_order.iter().rev().copied().collect();
        let expected = world.outcome(&in_order);
        prop_assert_eq!(&world.outcome(&shuffled), &expected);
        prop_assert_eq!(&world.outcome(&reversed), &expected);
    }
}
