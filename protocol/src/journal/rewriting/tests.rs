//! Rewriting segments: what is copied, what goes, what is refused.

use super::{
    super::{
        JournalId, Opening, Recovery,
        frame::record_id,
        memory::{MemoryDisk, MemoryDiskError},
    },
    *,
};

const ID: JournalId = JournalId::from_bytes([7; 16]);
const ONE: SegmentNumber = SegmentNumber::FIRST;
const TWO: SegmentNumber = numbered(2);
const THREE: SegmentNumber = numbered(3);

type Refusal = JournalError<MemoryDiskError>;

const fn numbered(number: u32) -> SegmentNumber {
    SegmentNumber::new(number).expect("not zero")
}

fn opening() -> Opening {
    Opening { segment_len: 400, ..Opening::new(ID) }
}

fn open(disk: &mut MemoryDisk) -> Journal<&mut MemoryDisk> {
    Journal::open(disk, &opening(), &mut |_, _, _| {}).unwrap().0
}

fn records(disk: &mut MemoryDisk, opening: &Opening) -> Result<Vec<u8>, Refusal> {
    let mut found = Vec::new();
    Journal::open(disk, opening, &mut |_, _, record| found.push(record[0])).map(|_| found)
}

fn record(number: u8) -> Vec<u8> {
    vec![number; 60]
}

/// Records 0 to 8 in three segments, four in each but the last.
fn three_segments() -> MemoryDisk {
    let mut disk = MemoryDisk::new();
    let mut journal = open(&mut disk);
    for first in [0, 2, 4, 6, 8] {
        let group: Vec<_> = (first..9.min(first + 2)).map(record).collect();
        journal.append(&group).unwrap();
        journal.sync().unwrap();
    }
    assert_eq!(journal.segments(), 3);
    disk
}

fn copy(journal: &mut Journal<&mut MemoryDisk>, segment: SegmentNumber, live: &[u8]) -> Vec<Location> {
    let live: Vec<_> = live.iter().map(|number| record_id(&record(*number))).collect();
    let copied = journal.copy_forward(segment, &mut |id, _| live.contains(&id)).unwrap();
    assert!(copied.finished);
    copied.records.into_iter().map(|(_, location)| location).collect()
}

fn is_anywhere(disk: &mut MemoryDisk, number: u8) -> bool {
    let segments = disk.segments().unwrap();
    segments
        .into_iter()
        .any(|segment| disk.bytes(segment).unwrap().windows(60).any(|at| at == record(number)))
}

#[test]
fn what_is_needed_is_copied_and_the_rest_is_gone() {
    let mut disk = three_segments();
    let mut journal = open(&mut disk);
    let before = journal.bytes();
    let first = Location { segment: ONE, offset: HEADER_LEN as u64, len: 60 };
    let second = Location { offset: first.offset + 76, ..first };
    assert_eq!(journal.read(first).unwrap(), record(0));
    let mut asked = Vec::new();
    let copied = journal
        .copy_forward(ONE, &mut |id, location| {
            asked.push(location);
            id == record_id(&record(1))
        })
        .unwrap();
    assert_eq!((asked.len(), asked[0], asked[1]), (4, first, second));
    assert!(copied.finished);
    let [(id, location)] = copied.records[..] else { panic!("one is live") };
    assert_eq!((id, location.segment), (record_id(&record(1)), THREE));
    assert_eq!(journal.read(second).unwrap(), record(1), "until it is retired, it is there as well");
    journal.retire(ONE).unwrap();
    assert_eq!(journal.position().offset, location.offset + 76, "the copies are durable");
    assert_eq!(journal.read(location).unwrap(), record(1));
    assert_eq!(journal.read(first), Err(JournalError::Moved { emptied: 1 }));
    assert_eq!((journal.emptied(), journal.segments()), (1, 3));
    let held: Vec<_> = journal.segment_bytes().collect();
    assert_eq!(held.iter().map(|(segment, _)| *segment).collect::<Vec<_>>(), [TWO, THREE]);
    assert_eq!(journal.bytes(), HEADER_LEN as u64 + held[0].1 + held[1].1);
    assert_eq!(journal.bytes(), before - 4 * 76 - 2 * 16 + 76 + 16);
    for (number, there) in [(0, false), (1, true), (2, false), (3, false), (4, true)] {
        assert_eq!(is_anywhere(&mut disk, number), there, "{number}");
    }
    assert_eq!(records(&mut disk, &opening()), Ok(vec![4, 5, 6, 7, 8, 1]));
    assert_eq!(open(&mut disk).emptied(), 1);
}

#[test]
fn every_segment_can_be_emptied_and_the_journal_goes_on() {
    let mut disk = three_segments();
    let mut journal = open(&mut disk);
    journal.rotate().unwrap();
    journal.rotate().unwrap();
    assert_eq!(journal.segments(), 4, "a segment without records is not closed");
    for segment in [TWO, ONE, THREE] {
        copy(&mut journal, segment, &[]);
        journal.retire(segment).unwrap();
    }
    assert_eq!(journal.bytes(), 4 * HEADER_LEN as u64);
    journal.append(&[record(9)]).unwrap();
    journal.sync().unwrap();
    assert_eq!(records(&mut disk, &opening()), Ok(vec![9]));
}

#[test]
fn what_was_appended_is_durable_once_its_segment_is_closed() {
    let mut disk = MemoryDisk::new();
    let mut journal = open(&mut disk);
    journal.append(&[record(0)]).unwrap();
    journal.rotate().unwrap();
    disk.power_cut(&mut |_| 0);
    assert_eq!(records(&mut disk, &opening()), Ok(vec![0]));
}

#[test]
fn only_a_closed_segment_that_was_copied_whole_is_emptied() {
    let mut disk = three_segments();
    let mut journal = open(&mut disk);
    for segment in [THREE, numbered(4)] {
        let refusal = || Err(JournalError::NotClosed { segment });
        assert_eq!(journal.copy_forward(segment, &mut |_, _| true), refusal());
        assert_eq!(journal.retire(segment), refusal().map(|_: Copied| ()));
    }
    assert_eq!(
        journal.holds(numbered(4), &mut |_, _| true),
        Err(JournalError::NotClosed { segment: numbered(4) })
    );
    let not_copied = |segment| Err(JournalError::NotCopied { segment });
    assert_eq!(journal.retire(ONE), not_copied(ONE));
    copy(&mut journal, TWO, &[]);
    assert_eq!(journal.retire(ONE), not_copied(ONE), "another one was");
    copy(&mut journal, ONE, &[]);
    assert_eq!(journal.retire(TWO), not_copied(TWO), "one at a time");
    let mut journal = open(&mut disk);
    assert_eq!(journal.retire(ONE), not_copied(ONE), "copies of before may be lost");
    copy(&mut journal, ONE, &[]);
    journal.retire(ONE).unwrap();
    journal.retire(ONE).expect("it is emptied already");
    assert!(copy(&mut journal, ONE, &[]).is_empty());
    assert_eq!(journal.emptied(), 1);
}

#[test]
fn a_large_segment_is_copied_in_steps() {
    let mut disk = MemoryDisk::new();
    let (mut journal, _) = Journal::open(&mut disk, &Opening::new(ID), &mut |_, _, _| {}).unwrap();
    let batch: Vec<_> = (0..60_u8).map(|number| vec![number; 70_000]).collect();
    journal.append(&batch).unwrap();
    journal.rotate().unwrap();
    let (mut steps, mut copies) = (0, Vec::new());
    loop {
        let copied = journal.copy_forward(ONE, &mut |_, _| true).unwrap();
        (steps, copies) = (steps + 1, [copies, copied.records.clone()].concat());
        assert!(copied.records.len() <= 15, "a step is bounded");
        if copied.finished {
            break;
        }
        assert_eq!(journal.retire(ONE), Err(JournalError::NotCopied { segment: ONE }));
    }
    assert_eq!((steps, copies.len()), (4, 60));
    journal.retire(ONE).unwrap();
    for ((id, location), record) in copies.into_iter().zip(batch) {
        assert_eq!((id, journal.read(location)), (record_id(&record), Ok(record)));
    }
}

#[test]
fn a_damaged_segment_is_not_emptied() {
    for offset in [14, 50, 130, 370] {
        let mut disk = three_segments();
        let mut journal = open(&mut disk);
        journal.disk.flip(ONE, offset, 1);
        let copied = journal.copy_forward(ONE, &mut |_, _| false);
        let retired = journal.retire(ONE);
        if offset < HEADER_LEN {
            assert_eq!(retired, Err(JournalError::Damaged { segment: ONE, offset: 0 }));
        } else {
            assert!(matches!(copied, Err(JournalError::Damaged { segment: ONE, .. })), "{offset}");
            assert_eq!(retired, Err(JournalError::NotCopied { segment: ONE }));
            let held = journal.holds(ONE, &mut |_, _| false);
            assert!(matches!(held, Err(JournalError::Damaged { segment: ONE, .. })), "{offset}");
        }
        assert_eq!(journal.emptied(), 0);
        assert!(is_anywhere(&mut disk, 2));
    }
}

#[test]
fn a_full_disk_stops_no_more_than_the_step() {
    let mut disk = three_segments();
    let mut journal = open(&mut disk);
    let bytes = journal.bytes();
    // Enough for a segment's header, a record and a mark.
    journal.disk.set_byte_budget(Some(bytes + 46 + 76 + 16 + 20));
    let full = || JournalError::Disk(MemoryDiskError::Full);
    assert_eq!(journal.copy_forward(ONE, &mut |_, _| true), Err(full()));
    assert_eq!(journal.retire(ONE), Err(JournalError::NotCopied { segment: ONE }));
    copy(&mut journal, ONE, &[0]);
    assert_eq!(journal.retire(ONE), Err(full()), "no room for the stub beside it");
    assert_eq!(journal.emptied(), 0);
    journal.disk.set_byte_budget(Some(bytes + 200));
    journal.retire(ONE).expect("asked again");
    assert_eq!(records(&mut disk, &opening()), Ok(vec![4, 5, 6, 7, 8, 0]));
}

#[test]
fn a_stub_that_may_not_stay_stops_everything() {
    // The copies' sync, the stub's, and that of the directory.
    for (syncs, stopped) in [(0, true), (1, false), (2, true)] {
        let mut disk = three_segments();
        let mut journal = open(&mut disk);
        copy(&mut journal, ONE, &[0]);
        journal.disk.fail_syncs_after(Some(syncs));
        assert_eq!(journal.retire(ONE), Err(JournalError::Disk(MemoryDiskError::SyncFailed)));
        journal.disk.fail_syncs_after(None);
        let again = if stopped { Err(JournalError::Failed) } else { Ok(()) };
        assert_eq!(journal.retire(ONE), again, "{syncs}");
        let emptied = open(&mut disk).emptied();
        disk.power_cut(&mut |_| 0);
        assert_eq!(open(&mut disk).emptied(), emptied, "{syncs}: what was seen once stays");
    }
}

#[test]
fn what_was_noted_before_a_segment_was_emptied_is_refused() {
    let mut disk = three_segments();
    let mut journal = open(&mut disk);
    let (from, known_durable) = (Some(journal.position()), Some(journal.position()));
    copy(&mut journal, ONE, &[0]);
    let noted = Opening { from, known_durable, emptied: 0, ..opening() };
    assert_eq!(records(&mut disk, &noted), Ok(vec![0]), "not emptied yet: copies are handed out");

    let mut journal = open(&mut disk);
    copy(&mut journal, ONE, &[0]);
    journal.retire(ONE).unwrap();
    let position = journal.position();
    journal.rotate().unwrap();
    copy(&mut journal, THREE, &[8, 0]);
    let retired = journal.position();
    assert_eq!(records(&mut disk, &noted), Err(JournalError::Moved { emptied: 1 }));
    let noted = Opening { from: Some(position), emptied: 1, ..noted };
    // The record lay twice behind the position: both copies are copied.
    assert_eq!(records(&mut disk, &noted), Ok(vec![8, 0, 0]));

    let mut journal = open(&mut disk);
    copy(&mut journal, THREE, &[8, 0]);
    journal.retire(THREE).unwrap();
    assert_eq!(records(&mut disk, &noted), Err(JournalError::Moved { emptied: 2 }));
    let inside = Opening { emptied: 2, ..noted.clone() };
    assert_eq!(records(&mut disk, &inside), Err(JournalError::Moved { emptied: 2 }), "in the stub");
    let outside = Opening { from: Some(retired), ..inside.clone() };
    assert!(records(&mut disk, &outside).is_ok());
    let all = Opening { from: None, ..inside };
    assert_eq!(
        records(&mut disk, &all),
        Ok(vec![4, 5, 6, 7, 8, 0, 0, 8, 0, 0]),
        "what is known to be durable may be emptied"
    );
}

#[test]
fn a_copy_made_before_is_found_and_dead() {
    let mut disk = three_segments();
    let mut journal = open(&mut disk);
    let lost = copy(&mut journal, ONE, &[0]);
    journal.sync().unwrap();
    // Cut off here, and the record forgotten afterwards: it lies in two segments.
    let mut journal = open(&mut disk);
    let forgotten = record_id(&record(0));
    assert_eq!(journal.holds(ONE, &mut |id, _| id == forgotten), Ok(true));
    assert_eq!(journal.holds(TWO, &mut |id, _| id == forgotten), Ok(false));
    assert_eq!(journal.holds(THREE, &mut |id, _| id == forgotten), Ok(true), "in the one written to too");
    journal.rotate().unwrap();
    let copied = journal.copy_forward(ONE, &mut |id, location| id != forgotten || location == lost[0]);
    assert_eq!(copied.unwrap().records.len(), 3);
    journal.retire(ONE).unwrap();
    copy(&mut journal, THREE, &[8]);
    journal.retire(THREE).unwrap();
    assert!(!is_anywhere(&mut disk, 0));
}

#[test]
fn a_stub_that_is_not_as_it_was_written_is_damage() {
    let mut disk = three_segments();
    let mut journal = open(&mut disk);
    copy(&mut journal, TWO, &[]);
    journal.retire(TWO).unwrap();
    let stub = disk.bytes(TWO).unwrap().to_vec();
    assert_eq!(stub.len(), HEADER_LEN);
    let damaged = |segment, offset| Err(JournalError::Damaged { segment, offset });

    let mut long = disk.clone();
    long.put(TWO, [&stub[..], &[0; 5]].concat());
    assert_eq!(records(&mut long, &opening()), damaged(TWO, HEADER_LEN as u64));
    let mut short = disk.clone();
    short.put(TWO, stub[..45].to_vec());
    assert_eq!(records(&mut short, &opening()), damaged(TWO, 0));
    // It goes on saying how long the one before is.
    let mut cut = disk.clone();
    let whole_frames = disk.bytes(ONE).unwrap().len() - FRAME_HEAD_LEN;
    cut.put(ONE, disk.bytes(ONE).unwrap()[..whole_frames].to_vec());
    assert_eq!(records(&mut cut, &opening()), damaged(ONE, whole_frames as u64));
    for left in [None, Some(0), Some(45)] {
        let mut last = disk.clone();
        match left {
            Some(len) => last.put(THREE, disk.bytes(THREE).unwrap()[..len].to_vec()),
            None => last.remove(THREE).unwrap(),
        }
        assert_eq!(records(&mut last.clone(), &opening()), damaged(THREE, 0), "{left:?}");
        let mut found = 0;
        let salvage = Opening { salvage: true, ..opening() };
        let (mut journal, recovery) = Journal::open(&mut last, &salvage, &mut |_, _, _| found += 1).unwrap();
        assert_eq!((found, recovery.damage.len()), (4, 1));
        assert_eq!(
            journal.append(&[record(9)]),
            Err(JournalError::Failed),
            "nothing is written behind a stub"
        );
        assert_eq!(last.bytes(TWO), Some(&stub[..]));
    }
}

#[test]
fn a_journal_reopened_after_emptying_is_whole() {
    let mut disk = three_segments();
    let mut journal = open(&mut disk);
    copy(&mut journal, ONE, &[3]);
    journal.retire(ONE).unwrap();
    let (_, recovery) = Journal::open(&mut disk, &opening(), &mut |_, _, _| {}).unwrap();
    assert_eq!(recovery, Recovery { records: 6, ..Recovery::default() });
}

#[test]
fn half_dead_is_worth_it() {
    let mib = MIN_DEAD_LEN;
    for (bytes, live, worth) in [
        (64 * mib, 32 * mib, true),
        (64 * mib, 32 * mib + 1, false),
        (mib, 0, true),
        (mib - 1, 0, false),
        (0, 0, false),
        (mib, u64::MAX, false),
    ] {
        assert_eq!(worth_rewriting(bytes, live), worth, "{bytes} {live}");
    }
}
