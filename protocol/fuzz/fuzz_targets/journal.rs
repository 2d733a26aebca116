//! A journal on a disk that somebody or something changed: what is handed out was written, a
//! journal that is refused stays as it is, and one that opens can be used.
#![no_main]

use libfuzzer_sys::fuzz_target;
use musette_protocol::journal::{
    Journal, JournalError, JournalId, Opening, Position, SegmentNumber,
    memory::{MemoryDisk, MemoryDiskError},
};
use musette_protocol_fuzz::input::Input;

/// That of `protocol/vectors/journal`.
const ID: JournalId = JournalId::from_bytes([0x5a; 16]);
/// Small, so that a few records fill several.
const SEGMENT_LEN: u64 = 300;
const SEGMENTS: u32 = 12;

type Opened = (Journal<MemoryDisk>, Vec<Vec<u8>>);

/// Opens, and checks that each record can be read again at its place.
fn open(disk: MemoryDisk, opening: &Opening) -> Result<Opened, JournalError<MemoryDiskError>> {
    let mut found = Vec::new();
    let (mut journal, recovery) = Journal::open(disk, opening, &mut |id, location, record| {
        assert_eq!(id.as_bytes(), blake3::hash(record).as_bytes());
        found.push((location, record.to_vec()));
    })?;
    assert_eq!(recovery.records, found.len() as u64);
    for (location, record) in &found {
        assert_eq!(journal.read(*location).as_ref(), Ok(record));
    }
    Ok((journal, found.into_iter().map(|(_, record)| record).collect()))
}

fn segments() -> impl Iterator<Item = SegmentNumber> {
    (1..=SEGMENTS).filter_map(SegmentNumber::new)
}

fn contents(disk: &MemoryDisk) -> Vec<Option<Vec<u8>>> {
    segments().map(|segment| disk.bytes(segment).map(<[u8]>::to_vec)).collect()
}

/// What was written: all of it, and how much of it was made durable.
#[derive(Default)]
struct Written {
    records: Vec<Vec<u8>>,
    durable: usize,
    position: Option<Position>,
}

/// An honest journal.
fn written(input: &mut Input<'_>) -> (MemoryDisk, Written) {
    let opening = Opening { segment_len: SEGMENT_LEN, ..Opening::new(ID) };
    let (mut journal, _) = open(MemoryDisk::new(), &opening).expect("an empty disk opens");
    let mut written = Written::default();
    for number in 0..input.byte() % 16 {
        let batch: Vec<Vec<u8>> =
            (0..=input.below(3)).map(|_| [vec![number], vec![0x77; input.below(150)]].concat()).collect();
        journal.append(&batch).expect("memory does not fail");
        written.records.extend(batch);
        if input.one_in(2) {
            journal.sync().expect("memory does not fail");
            written.durable = written.records.len();
            written.position = Some(journal.position());
        }
    }
    (journal.into_disk(), written)
}

/// Changes one thing on the disk; tells whether it is one that a power cut could not bring about.
fn damage(disk: &mut MemoryDisk, input: &mut Input<'_>) -> bool {
    let all: Vec<SegmentNumber> = segments().filter(|segment| disk.bytes(*segment).is_some()).collect();
    let Some(segment) = input.one_of(&all) else { return false };
    let mut bytes = disk.bytes(segment).unwrap_or_default().to_vec();
    let place = usize::from(u16::from_le_bytes([input.byte(), input.byte()])) % (bytes.len() + 1);
    match input.below(6) {
        0 => {
            let mut answers = *input;
            disk.power_cut(&mut |bound| u64::from(answers.byte()) % bound);
            return false;
        }
        1 => disk.flip(segment, place, input.byte()),
        2 => {
            bytes.truncate(place);
            disk.put(segment, bytes);
        }
        3 => {
            bytes.splice(place..place, input.bytes().iter().copied());
            disk.put(segment, bytes);
        }
        4 => {
            let range = place..(place + usize::from(input.byte())).min(bytes.len());
            let moved: Vec<u8> = bytes.drain(range).collect();
            bytes.extend(moved);
            disk.put(segment, bytes);
        }
        _ => {
            let to = SegmentNumber::new(1 + u32::from(input.byte()) % SEGMENTS).expect("not 0");
            disk.put(to, bytes);
        }
    }
    true
}

/// Any bytes as segments; a header gets its checksum where that is asked for.
fn any_disk(input: &mut Input<'_>) -> MemoryDisk {
    let mut disk = MemoryDisk::new();
    for _ in 0..4 {
        if input.is_empty() {
            break;
        }
        let number = SegmentNumber::new(1 + u32::from(input.byte()) % SEGMENTS).expect("not 0");
        let repair = input.one_in(2);
        let mut bytes = input.bytes().to_vec();
        if repair && bytes.len() >= 46 {
            let check = *blake3::hash(&bytes[..38]).as_bytes();
            bytes[38..46].copy_from_slice(&check[..8]);
        }
        disk.put(number, bytes);
    }
    disk
}

/// Whether these are some of those, in their order.
fn is_part_of(some: &[Vec<u8>], all: &[Vec<u8>]) -> bool {
    let mut left = all.iter();
    some.iter().all(|record| left.any(|written| written == record))
}

fn check_use((mut journal, found): Opened) {
    let before = found.len();
    journal.append(&[b"one more"]).expect("memory does not fail");
    journal.sync().expect("memory does not fail");
    let position = journal.position();
    let opening = Opening { known_durable: Some(position), segment_len: SEGMENT_LEN, ..Opening::new(ID) };
    let (_, again) = open(journal.into_disk(), &opening).expect("it was just synced");
    assert_eq!(again[..before], found);
    assert_eq!(again[before..], [b"one more"]);
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let mut opening = Opening { segment_len: SEGMENT_LEN, ..Opening::new(ID) };
    if input.one_in(2) {
        let mut disk = any_disk(&mut input);
        opening.salvage = input.one_in(2);
        let before = contents(&disk);
        if open(disk.clone(), &opening).map(|opened| check_use_unless(opening.salvage, opened)).is_err() {
            assert!(Journal::open(&mut disk, &opening, &mut |_, _, _| {}).is_err());
            assert_eq!(contents(&disk), before, "a refused journal stays as it is");
        }
        return;
    }
    let (mut disk, written) = written(&mut input);
    let mut damaged = false;
    for _ in 0..input.below(4) {
        damaged |= damage(&mut disk, &mut input);
    }
    opening.salvage = input.one_in(3);
    opening.known_durable = written.position.filter(|_| input.one_in(2));
    let before = contents(&disk);
    match open(disk.clone(), &opening) {
        Ok(opened) => {
            if opening.salvage {
                assert!(opened.1.iter().all(|record| written.records.contains(record)));
            } else {
                assert!(is_part_of(&opened.1, &written.records), "something was invented");
            }
            if !damaged {
                assert!(opened.1.starts_with(&written.records[..written.durable]), "something is missing");
            }
            check_use_unless(opening.salvage, opened);
        }
        Err(error) => {
            assert!(damaged, "{error} on a disk that kept its promises");
            assert!(Journal::open(&mut disk, &opening, &mut |_, _, _| {}).is_err());
            assert_eq!(contents(&disk), before, "a refused journal stays as it is");
        }
    }
});

/// A salvaged journal is read, not written.
fn check_use_unless(salvage: bool, opened: Opened) {
    if !salvage {
        check_use(opened);
    }
}
