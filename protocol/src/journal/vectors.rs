//! Runs `protocol/vectors/journal`. The bytes there were made by another program (`make.py` beside
//! them), from the specification.

use serde::Deserialize;

use super::{memory::MemoryDisk, *};
use crate::testkit::{bytes, to_hex};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vectors {
    #[serde(rename = "about")]
    _about: String,
    journal_id: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(rename = "comment")]
    _comment: String,
    segments: Vec<Segment>,
    known_durable: Option<Position>,
    from: Option<Position>,
    #[serde(default)]
    emptied: u32,
    expect: Expect,
}

#[derive(Deserialize)]
struct Segment {
    number: SegmentNumber,
    bytes: String,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Expect {
    Opens { opens: Opens },
    Moved { refused: String, emptied: u32 },
    Refused { refused: String, segment: SegmentNumber, offset: Option<u64>, found: Option<u16> },
}

#[derive(Debug, PartialEq, Deserialize)]
struct Opens {
    records: Vec<String>,
    torn_bytes: u64,
    #[serde(default)]
    emptied: u32,
}

fn run(case: &Case, opening: &Opening, disk: &mut MemoryDisk) -> Expect {
    let mut records = Vec::new();
    let opened = Journal::open(disk, opening, &mut |_, _, record| {
        records.push(to_hex(record));
    });
    let refused = |refused: &str, segment, offset, found| {
        let refused = refused.to_owned();
        Expect::Refused { refused, segment, offset, found }
    };
    match opened {
        Ok((journal, recovery)) => {
            let (torn_bytes, emptied) = (recovery.torn_bytes, journal.emptied());
            Expect::Opens { opens: Opens { records, torn_bytes, emptied } }
        }
        Err(JournalError::Moved { emptied }) => Expect::Moved { refused: "moved".into(), emptied },
        Err(JournalError::Damaged { segment, offset }) => refused("damaged", segment, Some(offset), None),
        Err(JournalError::Foreign { segment }) => refused("foreign", segment, None, None),
        Err(JournalError::Newer { segment, found, .. }) => refused("newer", segment, None, Some(found)),
        Err(error) => panic!("{}: {error}", case.name),
    }
}

#[test]
fn every_vector_holds() {
    let text = include_str!("../../vectors/journal/journals.json");
    let vectors: Vectors = serde_json::from_str(text).unwrap();
    let id = JournalId::from_bytes(bytes(&vectors.journal_id).try_into().unwrap());
    for case in &vectors.cases {
        let mut disk = MemoryDisk::new();
        for segment in &case.segments {
            disk.put(segment.number, bytes(&segment.bytes));
        }
        let (known_durable, from, emptied) = (case.known_durable, case.from, case.emptied);
        let opening = Opening { known_durable, from, emptied, ..Opening::new(id) };
        let before = disk.clone();
        assert_eq!(run(case, &opening, &mut disk), case.expect, "{}", case.name);
        if !matches!(case.expect, Expect::Opens { .. }) {
            for segment in &case.segments {
                let name = &case.name;
                assert_eq!(
                    disk.bytes(segment.number),
                    before.bytes(segment.number),
                    "{name}: left as it was"
                );
            }
        }
    }
    let refusals = vectors.cases.iter().filter(|case| !matches!(case.expect, Expect::Opens { .. })).count();
    assert!(refusals * 2 > vectors.cases.len(), "most vectors are refusals");
}

#[test]
fn what_is_written_is_what_the_vectors_hold() {
    let text = include_str!("../../vectors/journal/journals.json");
    let vectors: Vectors = serde_json::from_str(text).unwrap();
    let case = vectors.cases.iter().find(|case| case.name == "two segments").unwrap();
    let Expect::Opens { opens } = &case.expect else { panic!("it opens") };
    let records: Vec<_> = opens.records.iter().map(|hex| bytes(hex)).collect();

    let id = JournalId::from_bytes(bytes(&vectors.journal_id).try_into().unwrap());
    let opening = Opening { segment_len: 120, ..Opening::new(id) };
    let mut disk = MemoryDisk::new();
    let (mut journal, _) = Journal::open(&mut disk, &opening, &mut |_, _, _| {}).unwrap();
    for group in [&records[..2], &records[2..]] {
        journal.append(group).unwrap();
        journal.sync().unwrap();
    }
    for segment in &case.segments {
        assert_eq!(disk.bytes(segment.number).unwrap(), bytes(&segment.bytes));
    }
}

#[test]
fn what_is_emptied_is_what_the_vectors_hold() {
    let text = include_str!("../../vectors/journal/journals.json");
    let vectors: Vectors = serde_json::from_str(text).unwrap();
    let segments = |name: &str| &vectors.cases.iter().find(|case| case.name == name).unwrap().segments;
    let mut disk = MemoryDisk::new();
    for segment in segments("two segments") {
        disk.put(segment.number, bytes(&segment.bytes));
    }
    let id = JournalId::from_bytes(bytes(&vectors.journal_id).try_into().unwrap());
    let (mut journal, _) = Journal::open(&mut disk, &Opening::new(id), &mut |_, _, _| {}).unwrap();
    let second = record_id(b"second");
    assert!(journal.copy_forward(SegmentNumber::FIRST, &mut |id, _| id == second).unwrap().finished);
    journal.retire(SegmentNumber::FIRST).unwrap();
    for segment in segments("emptied first segment") {
        assert_eq!(disk.bytes(segment.number).unwrap(), bytes(&segment.bytes));
    }
}
