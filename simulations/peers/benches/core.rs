//! What every item costs the core: sealing, opening, building a view; and what two devices cost that
//! compare what they hold.
//!
//! `cargo bench` here; the workspace itself does without Criterion.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use musette_crdt::{
    document::{Document, Edit},
    items,
    value::Value,
};
use musette_protocol::{
    crypto::{aead::NONCE_LEN, secret::Secret32},
    epoch::Keyring,
    id::{DocumentId, EpochId, SpaceId},
    record::{Change, Payload, open, seal},
    time::Timestamp,
};
use musette_simulations::pair::Pair;

/// Records that two devices hold and compare.
const COMPARED: u32 = 100_000;
/// Records of a first sync.
const FIRST: u32 = 10_000;
/// Payloads of an edit, of a new item, of an item with a long history.
const PAYLOADS: [usize; 3] = [200, 1_000, 64_000];
const NONCE: [u8; NONCE_LEN] = [7; NONCE_LEN];

struct Space {
    id: SpaceId,
    keyring: Keyring,
    epoch: EpochId,
}

impl Space {
    fn new() -> Self {
        let mut keyring = Keyring::default();
        let epoch = keyring.insert(Secret32::from_bytes([3; 32]), &[]);
        Self { id: SpaceId::from_bytes([5; 32]), keyring, epoch }
    }

    fn seal(&self, payload: &Payload) -> Vec<u8> {
        seal(payload, &self.id, &self.epoch, &self.keyring, &NONCE)
    }
}

fn document_id() -> DocumentId {
    DocumentId::from_bytes([9; 16])
}

fn records(criterion: &mut Criterion) {
    let space = Space::new();
    for size in PAYLOADS {
        let payload = Payload::Change(Change { document: document_id(), bytes: vec![0xa5; size] });
        let record = space.seal(&payload);
        let mut group = criterion.benchmark_group(format!("record of {size} bytes"));
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function("seal", |bencher| bencher.iter(|| space.seal(black_box(&payload))));
        group.bench_function("open", |bencher| {
            bencher.iter(|| open(black_box(&record), &space.id, &space.keyring).expect("it was sealed here"));
        });
        group.finish();
    }
}

/// A contact of ten fields.
fn contact() -> Document {
    let fields = [
        ("name", Value::Text("Camille Moreau".to_owned())),
        ("given_name", Value::Text("Camille".to_owned())),
        ("family_name", Value::Text("Moreau".to_owned())),
        ("organisation", Value::Text("Imprimerie du Pont".to_owned())),
        ("role", Value::Text("Cheffe de projet".to_owned())),
        ("gender", Value::Text("F".to_owned())),
        ("time_zone", Value::Text("Europe/Paris".to_owned())),
        ("address", Value::Text("7 rue des Platanes, 69001 Lyon".to_owned())),
        ("uid", Value::Text("peers-1".to_owned())),
        ("description", Value::Text("Met at the spring fair of the quarter, by the bread oven.".to_owned())),
    ];
    let fields = fields.map(|(name, value)| (name.to_owned(), value));
    let created = Timestamp::from_millis(1_700_000_000_000);
    Document::create(&items::contact::KIND, &fields, created, "laptop", [1; 16])
        .expect("a contact has these fields")
}

/// Loading from change records and showing: what a received item costs.
fn views(criterion: &mut Criterion) {
    let mut document = contact();
    let mut payloads = vec![document.take_changes()];
    let mut group = criterion.benchmark_group("view of a contact");
    for edits in [0, 50] {
        for number in payloads.len()..=edits {
            let set = vec![("role".to_owned(), Some(Value::Text(format!("Role {number}"))))];
            let edit = Edit { set, ..Edit::default() };
            let now = Timestamp::from_millis(1_700_000_000_000 + number as i64);
            document.edit(&edit, now, "laptop", [2; 16]).expect("a role is a text");
            payloads.push(document.take_changes());
        }
        group.bench_function(format!("load after {edits} edits"), |bencher| {
            bencher
                .iter(|| Document::load(payloads.iter().map(Vec::as_slice)).expect("they are its changes"));
        });
        group.bench_function(format!("build after {edits} edits"), |bencher| {
            bencher.iter(|| document.view(black_box(document_id())).expect("it can be shown"));
        });
    }
    group.finish();
}

/// Whole sessions of two devices in memory, the hello included.
fn sessions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("session");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.bench_function(format!("first sync of {FIRST} records"), |bencher| {
        bencher.iter_custom(|times| {
            let one = |seed| {
                let mut pair = Pair::new(seed);
                pair.listener.write(0..FIRST);
                let began = Instant::now();
                let traffic = pair.sync();
                assert!(traffic.records >= FIRST as usize);
                began.elapsed()
            };
            (0..times).map(one).sum()
        });
    });
    let mut pair = Pair::new(1);
    pair.listener.write(0..COMPARED);
    pair.sync();
    group.bench_function(format!("nothing changed in {COMPARED} records"), |bencher| {
        bencher.iter(|| assert_eq!(pair.sync().queries, 0));
    });
    let mut next = COMPARED;
    group.bench_function(format!("reconcile one difference in {COMPARED} records"), |bencher| {
        bencher.iter_custom(|times| {
            let mut elapsed = Duration::ZERO;
            for _ in 0..times {
                pair.listener.hold_stray(next);
                next += 1;
                let began = Instant::now();
                assert!(pair.sync().queries > 0);
                elapsed += began.elapsed();
            }
            elapsed
        });
    });
    group.finish();
}

criterion_group!(benches, records, views, sessions);
criterion_main!(benches);
