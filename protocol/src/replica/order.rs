//! What counts follows from the records, not from the order in which they come: a property test over
//! worlds with members who name what they like, and a keeper who drops what it likes.
//!
//! Left out are the exceptions that `protocol/spec/records.md` states: forks, and bounds that are reached.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{records::Row, *};
use crate::{
    crypto::{kem::KemSecret, secret::Secret32},
    epoch::space_id,
    id::BlobId,
    identity::{
        certificate::Certificate,
        log::{Action, Author, DeviceLog, Kept, Operation, Replacement, Revocation, SpaceMark},
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
    /// All operations, and the heads before the first revocation.
    log: DeviceLog,
    unaware: Vec<OperationId>,
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
            log: empty().log().clone(),
            unaware: Vec::new(),
            records: Vec::new(),
            chains: BTreeMap::new(),
            drops: Vec::new(),
        };
        for operation in enrolments() {
            world.unaware = vec![operation.id()];
            world.log.apply(operation.clone()).unwrap();
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
        match what % 8 {
            0 => {
                let document = DocumentId::from_bytes([who % 3; 16]);
                let bytes = vec![u8::from(numbers.len() < 4), fresh];
                let record = self.add(Payload::Change(Change { document, bytes }));
                self.commit(HONEST, vec![record], vec![]);
            }
            1 => {
                let document = DocumentId::from_bytes([who % 3; 16]);
                self.add(Payload::Change(Change {
                    document,
                    bytes: vec![u8::from(numbers.len() < 5), fresh],
                }));
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
                // Some wait for a commit that never comes.
                let lost = (who % 4 == 3).then_some(CommitId::from_bytes([fresh; 32]));
                let after = lost.or_else(|| honest.get(usize::from(*who % 8)).copied());
                self.drop(after, self.pick(numbers), vec![]);
            }
            5 => {
                let merged: Vec<DropStatement> =
                    self.drops.iter().skip(usize::from(*who % 3)).cloned().collect();
                let ids = merged.iter().flat_map(|drop| drop.ids.clone()).collect();
                self.drop(None, ids, vec![]);
            }
            6 if who % 4 == 3 => self.replace(*who, numbers),
            6 => self.revoke(who_writes.max(2), numbers),
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

    /// Takes out a device that is not the honest one: by that one, by the root, or by another one.
    fn revoke(&mut self, byte: u8, numbers: &[u8]) {
        let number = |place: usize| numbers.get(place).copied().map_or(0, usize::from);
        let chain = self.chains.get(&byte).map_or(&[][..], Vec::as_slice);
        let last = number(0) % (chain.len() + 1);
        let space = SpaceMark::of(&self.space, &device(byte));
        let kept = chain[..last].last().map(|commit| Kept { space, number: last as u64, commit: *commit });
        let author = [HONEST, HONEST, 0, 5 - byte][number(1) % 4];
        let heads = if number(2) % 2 == 0 { self.log.heads() } else { self.unaware.clone() };
        let knows_all = heads == self.log.heads();
        let undone = self.log.revocations_by(&device(byte)).into_iter().map(|(id, _)| id);
        let mut undone: Vec<_> = undone.filter(|_| knows_all && number(3) % 2 == 0).collect();
        undone.sort_unstable();
        let revocation = Revocation { device: device(byte), kept: kept.into_iter().collect(), undone };
        let operation = Operation {
            person: self.log.person(),
            previous: heads,
            author: if author == 0 { Author::Root } else { Author::Device(device(author)) },
            action: Action::Revoke(revocation),
        };
        let signed = if author == 0 {
            Signed::new(operation, recovery().root())
        } else {
            Signed::new(operation, &key(author))
        };
        // By one that was taken out itself, or of one that was, it does not hold.
        if self.log.apply(signed.clone()).is_ok() {
            self.add(Payload::Operation(signed));
        }
    }

    /// Puts other words in the place of some: of those that speak, or as if that had not happened yet.
    fn replace(&mut self, who: u8, numbers: &[u8]) {
        let is_aware = numbers.first().is_none_or(|number| number % 2 == 0);
        let words: Vec<Recovery> =
            [9, 10, 11, 12].map(|byte| Recovery::from_entropy(&Secret32::from_bytes([byte; 32]))).into();
        let new = &words[usize::from(who / 4 % 4)];
        for old in &words {
            let replacement = Replacement::new(self.log.person(), old.root().verifying_key(), new);
            let operation = Operation {
                person: self.log.person(),
                previous: if is_aware { self.log.heads() } else { self.unaware.clone() },
                author: Author::Root,
                action: Action::Replace(replacement),
            };
            let signed = Signed::new(operation, old.root());
            if self.log.apply(signed.clone()).is_ok() {
                self.add(Payload::Operation(signed));
            }
        }
    }

    fn commit(&mut self, byte: u8, records: Vec<RecordId>, chunks: Vec<RecordId>) {
        // What the honest one had seen, nobody may keep from counting. Others may not have heard of each other.
        let sees = byte != HONEST && !self.records.len().is_multiple_of(4);
        let others = self.chains.iter().filter(|(other, _)| sees && **other != byte);
        let mut seen: Vec<CommitId> = others.filter_map(|(_, chain)| chain.last().copied()).collect();
        seen.sort_unstable();
        let all = self.log.heads();
        let is_aware = !self.records.len().is_multiple_of(3)
            && self.log.is_entitled_at(&all, &device(byte)) == Some(true);
        let log_heads = if is_aware { all } else { self.unaware.clone() };
        let chain = self.chains.entry(byte).or_default();
        let commit = Commit {
            space: self.space,
            device: device(byte),
            number: chain.len() as u64 + 1,
            previous: chain.last().copied(),
            seen,
            log_heads,
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
    fn outcome(&self, order: &[usize], draws_often: bool) -> Outcome {
        Outcome::of(&self.state(order, draws_often), self)
    }

    /// What follows from what an index keeps of it.
    fn outcome_taken_back(&self, order: &[usize]) -> Outcome {
        let before = self.state(order, false);
        let mut state = empty();
        before.counted().for_each(|counted| state.restore(&counted));
        self.outcome_with_uncounted(state, &before)
    }

    fn outcome_with_uncounted(&self, mut state: State, before: &State) -> Outcome {
        let mut uncounted: Vec<(RecordId, Location)> = before.uncounted().collect();
        uncounted.sort_unstable_by_key(|(_, location)| *location);
        let payload = |id: &RecordId| self.records.iter().find(|(record, _)| record == id).unwrap().1.clone();
        for (id, location) in uncounted {
            state.replay(id, location, payload(&id));
        }
        state.draw_quarantine(&mut Effects::default());
        Outcome::of(&state, self)
    }

    /// What follows from what an index keeps that was written as it came.
    fn outcome_taken_back_from_a_log(&self, order: &[usize]) -> Outcome {
        let mut told = Effects::default();
        let before = self.state_telling(order, true, &mut told);
        let mut state = empty();
        // All that came later does so after what it builds on.
        told.counted.iter().for_each(|newly| state.restore(&newly.counted));
        told.arrived.iter().for_each(|arrived| {
            state.restore_arrived(&arrived.item);
        });
        self.outcome_with_uncounted(state, &before)
    }

    fn state(&self, order: &[usize], draws_often: bool) -> State {
        self.state_telling(order, draws_often, &mut Effects::default())
    }

    fn state_telling(&self, order: &[usize], draws_often: bool, told: &mut Effects) -> State {
        let mut state = empty();
        for (offset, number) in order.iter().enumerate() {
            let (id, payload) = &self.records[*number];
            let offset = 50 + 9 * offset as u64;
            let location = Location { segment: SegmentNumber::FIRST, offset, len: 1 };
            told.extend(state.insert(*id, location, payload.clone()));
            if draws_often {
                state.draw_quarantine(told);
            }
        }
        state.draw_quarantine(told);
        state
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
    devices: Vec<DeviceId>,
    forgotten: Vec<DocumentId>,
    quarantined: Vec<Quarantined>,
    quarantined_chunks: BTreeSet<RecordId>,
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
            forgotten: state.forgotten().copied().collect(),
            devices: state.log().devices().keys().copied().collect(),
            quarantined: state.quarantined(),
            // Of what is waited for, some is no piece of anything.
            quarantined_chunks: state
                .quarantined_chunks()
                .into_iter()
                .filter(|piece| state.holds(piece))
                .collect(),
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
        let expected = world.outcome(&in_order, false);
        prop_assert_eq!(&world.outcome(&shuffled, true), &expected);
        prop_assert_eq!(&world.outcome(&reversed, true), &expected);
        prop_assert_eq!(&world.outcome_taken_back(&shuffled), &expected);
        prop_assert_eq!(&world.outcome_taken_back_from_a_log(&shuffled), &expected);
    }
}
