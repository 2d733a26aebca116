//! The journal over a disk that loses, tears, fills up and refuses.

use super::{
    memory::{MemoryDisk, MemoryDiskError},
    *,
};

const ID: JournalId = JournalId::from_bytes([7; 16]);
const ONE: SegmentNumber = SegmentNumber::FIRST;

type Records = Vec<Vec<u8>>;
type Outcome = Result<(Records, Recovery), JournalError<MemoryDiskError>>;

fn open(disk: &mut MemoryDisk, opening: &Opening) -> Outcome {
    let mut records = Vec::new();
    Journal::open(disk, opening, &mut |_, _, record| records.push(record.to_vec()))
        .map(|(_, recovery)| (records, recovery))
}

fn journal(disk: &mut MemoryDisk) -> Journal<&mut MemoryDisk> {
    Journal::open(disk, &Opening::new(ID), &mut |_, _, _| {}).unwrap().0
}

fn damaged(segment: SegmentNumber, offset: u64) -> Outcome {
    Err(JournalError::Damaged { segment, offset })
}

fn records(count: u8, len: usize) -> Records {
    (0..count).map(|number| vec![number; len]).collect()
}

/// Splitmix64: the whole test is a function of its seed.
pub(super) struct Choices(pub(super) u64);

impl Choices {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn record(&mut self, serial: &mut u32) -> Vec<u8> {
        *serial += 1;
        let longest = if self.below(20) == 0 { 3_000 } else { 90 };
        let len = usize::try_from(self.below(longest)).unwrap();
        let mut record = serial.to_le_bytes().to_vec();
        record.resize(4 + len, u8::try_from(self.below(256)).unwrap());
        record
    }
}

/// What must be, whatever the disk does: `synced` survives in order; behind it, only what somebody
/// tried to append, in that order.
#[derive(Default)]
struct Model {
    synced: Records,
    attempted: Records,
    known_durable: Option<Position>,
}

impl Model {
    fn check(&mut self, seed: u64, found: Records) {
        assert!(found.starts_with(&self.synced), "seed {seed}: something synced is missing");
        let mut attempted = self.attempted.drain(..);
        for record in &found[self.synced.len()..] {
            assert!(attempted.any(|tried| tried == *record), "seed {seed}: something was invented");
        }
        drop(attempted);
        self.synced = found;
    }
}

fn live(
    seed: u64,
    choices: &mut Choices,
    disk: &mut MemoryDisk,
    opening: &Opening,
    model: &mut Model,
    serial: &mut u32,
) {
    let (mut journal, _) = Journal::open(disk, opening, &mut |_, _, _| {}).unwrap();
    let mut unsynced = Vec::new();
    for _ in 0..=choices.below(6) {
        match choices.below(8) {
            0..=3 => {
                let batch: Records = (0..=choices.below(5)).map(|_| choices.record(serial)).collect();
                model.attempted.extend(batch.iter().cloned());
                if let Ok(names) = journal.append(&batch) {
                    for ((id, location), record) in names.into_iter().zip(&batch) {
                        assert_eq!(id, record_id(record));
                        assert_eq!(journal.read(location).as_ref(), Ok(record), "seed {seed}");
                    }
                    unsynced.extend(batch);
                }
            }
            4 | 5 => {
                if journal.sync().is_ok() {
                    model.attempted.clear();
                    model.synced.append(&mut unsynced);
                    model.known_durable = Some(journal.position());
                }
            }
            6 => {
                let used = journal.bytes();
                let room = choices.below(300);
                journal.disk.set_byte_budget((choices.below(2) == 0).then_some(used + room));
            }
            _ => {
                let syncs = choices.below(4);
                journal.disk.fail_syncs_after((choices.below(4) == 0).then_some(syncs));
                journal.disk.fail_truncates(choices.below(6) == 0);
            }
        }
    }
}

#[test]
fn nothing_synced_is_lost_and_nothing_invented() {
    let mut cuts = 0;
    for seed in 0..10_000 {
        let mut choices = Choices(seed);
        let (mut disk, mut model, mut serial) = (MemoryDisk::new(), Model::default(), 0);
        for _ in 0..=choices.below(4) {
            let opening =
                Opening { segment_len: 700, known_durable: model.known_durable, ..Opening::new(ID) };
            live(seed, &mut choices, &mut disk, &opening, &mut model, &mut serial);
            disk.set_byte_budget(None);
            disk.fail_syncs_after(None);
            disk.fail_truncates(false);
            if choices.below(3) > 0 {
                cuts += 1;
                disk.power_cut(&mut |bound| choices.below(bound));
            }
            let opening = Opening { known_durable: model.known_durable, ..opening };
            let (found, _) = open(&mut disk, &opening).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            model.check(seed, found);
            let before = disk.clone();
            let (again, recovery) = open(&mut disk, &opening).unwrap();
            assert_eq!(again, model.synced, "seed {seed}: opening twice shows the same");
            assert_eq!(
                recovery,
                Recovery { records: again.len() as u64, ..Recovery::default() },
                "seed {seed}"
            );
            assert_eq!(disk.bytes(ONE), before.bytes(ONE), "seed {seed}: opening again writes nothing");
        }
    }
    println!("{cuts} power cuts");
    assert!(cuts > 500, "only {cuts} power cuts");
}

/// Three segments of synced records, two groups in each but the last, which has one record.
fn closed_journal() -> (MemoryDisk, Records, Position) {
    let mut disk = MemoryDisk::new();
    let opening = Opening { segment_len: 400, ..Opening::new(ID) };
    let mut journal = Journal::open(&mut disk, &opening, &mut |_, _, _| {}).unwrap().0;
    let all = records(9, 60);
    for group in all.chunks(2) {
        journal.append(group).unwrap();
        journal.sync().unwrap();
    }
    assert_eq!(journal.segments(), 3);
    let position = journal.position();
    (disk, all, position)
}

#[test]
fn a_flipped_byte_anywhere_is_damage() {
    let (disk, all, position) = closed_journal();
    for segment in (1..=3).filter_map(SegmentNumber::new) {
        let len = disk.bytes(segment).unwrap().len();
        for offset in 0..len {
            let mut disk = disk.clone();
            disk.flip(segment, offset, 0x10);
            let before = disk.bytes(segment).unwrap().to_vec();
            match open(&mut disk, &Opening::new(ID)) {
                // The last mark says nothing about a record: losing it loses nothing.
                Ok((found, recovery)) => {
                    assert!(
                        segment == position.segment && offset as u64 >= position.offset,
                        "{segment} {offset}"
                    );
                    assert_eq!((found, recovery.torn_bytes, recovery.torn_records), (all.clone(), 16, 0));
                }
                Err(JournalError::Damaged { segment: found, offset: at }) => {
                    assert_eq!(found, segment);
                    assert!(at <= offset as u64 && offset as u64 - at < 76, "{segment} {offset}: {at}");
                    assert_eq!(disk.bytes(segment), Some(&before[..]), "left as it was");
                }
                Err(error) => assert!(matches!(error, JournalError::Foreign { .. }) && offset < 8, "{error}"),
            }
        }
    }
}

#[test]
fn a_salvage_loses_the_damaged_record_only() {
    let (disk, all, _) = closed_journal();
    let salvage = Opening { salvage: true, ..Opening::new(ID) };
    for segment in (1..=3).filter_map(SegmentNumber::new) {
        for offset in 0..disk.bytes(segment).unwrap().len() {
            let mut disk = disk.clone();
            disk.flip(segment, offset, 0x10);
            let (found, recovery) = open(&mut disk, &salvage).unwrap();
            assert!(found.len() + 1 >= all.len(), "{segment} {offset}");
            assert!(found.iter().all(|record| all.contains(record)));
            let seen = recovery.damaged_bytes > 0 || recovery.torn_bytes == 16;
            assert!(seen, "{segment} {offset}: a loss is always told");
            assert_eq!(open(&mut disk, &salvage).unwrap().0, found);
        }
    }
}

#[test]
fn a_tail_that_nobody_relied_on_is_torn_off_and_counted() {
    let mut disk = MemoryDisk::new();
    let mut journal = journal(&mut disk);
    journal.append(&records(2, 50)).unwrap();
    journal.sync().unwrap();
    let end = journal.bytes();
    journal.append(&records(3, 50)).unwrap();
    // In the middle of what was never synced, with whole frames behind it.
    disk.flip(ONE, usize::try_from(end).unwrap() + 20, 1);
    let (found, recovery) = open(&mut disk, &Opening::new(ID)).unwrap();
    assert_eq!(found, records(2, 50));
    assert_eq!((recovery.torn_bytes, recovery.torn_records), (3 * 66, 3));
    assert_eq!(disk.bytes(ONE).unwrap().len() as u64, end);
}

#[test]
fn a_journal_shorter_than_what_is_known_durable_is_damaged() {
    let (disk, all, position) = closed_journal();
    let known = Opening { known_durable: Some(position), ..Opening::new(ID) };
    assert_eq!(open(&mut disk.clone(), &known).unwrap().0, all);

    let bytes = disk.bytes(position.segment).unwrap();
    for len in HEADER_LEN..usize::try_from(position.offset).unwrap() {
        let mut short = disk.clone();
        short.put(position.segment, bytes[..len].to_vec());
        assert_eq!(open(&mut short, &known), damaged(position.segment, HEADER_LEN as u64));
        assert!(open(&mut short, &Opening::new(ID)).is_ok(), "without that knowledge it is torn");
    }
    let mut gone = disk.clone();
    gone.remove(position.segment).unwrap();
    assert_eq!(open(&mut gone, &known), damaged(position.segment, 0));
    assert_eq!(open(&mut MemoryDisk::new(), &known), damaged(position.segment, 0));
}

#[test]
fn a_missing_or_shortened_earlier_segment_is_damage() {
    let (disk, _, _) = closed_journal();
    for number in 1..=2 {
        let segment = SegmentNumber::new(number).unwrap();
        let mut gone = disk.clone();
        gone.remove(segment).unwrap();
        assert_eq!(open(&mut gone, &Opening::new(ID)), damaged(segment, 0));

        let bytes = disk.bytes(segment).unwrap();
        let whole_frames = bytes.len() - 16;
        let mut short = disk.clone();
        short.put(segment, bytes[..whole_frames].to_vec());
        assert_eq!(open(&mut short, &Opening::new(ID)), damaged(segment, whole_frames as u64));
        let mut long = disk.clone();
        long.put(segment, [bytes, &[0; 5]].concat());
        assert_eq!(open(&mut long, &Opening::new(ID)), damaged(segment, bytes.len() as u64));
    }
}

#[test]
fn replay_goes_on_from_a_position() {
    let (mut disk, all, end) = closed_journal();
    let mut positions = Vec::new();
    let mut locations = Vec::new();
    Journal::open(&mut disk, &Opening::new(ID), &mut |_, location, _| {
        positions.push(Position { segment: location.segment, offset: location.offset });
        locations.push(location);
    })
    .unwrap();
    positions.push(end);
    for (index, from) in positions.into_iter().enumerate() {
        let opening = Opening { from: Some(from), ..Opening::new(ID) };
        assert_eq!(open(&mut disk, &opening).unwrap().0, all[index..]);
    }
    let mut journal = journal(&mut disk);
    for (location, record) in locations.into_iter().zip(&all) {
        assert_eq!(journal.read(location).as_ref(), Ok(record));
        for wrong in [
            Location { offset: location.offset + 1, ..location },
            Location { offset: u64::MAX, ..location },
            Location { len: location.len - 1, ..location },
            Location { len: u32::MAX, ..location },
        ] {
            assert!(matches!(journal.read(wrong), Err(JournalError::Damaged { .. })), "{wrong:?}");
        }
    }
}

#[test]
fn a_full_disk_takes_nothing_and_the_journal_goes_on() {
    let mut disk = MemoryDisk::new();
    let mut journal = journal(&mut disk);
    journal.append(&records(1, 50)).unwrap();
    let bytes = journal.bytes();
    journal.disk.set_byte_budget(Some(bytes + 100));
    assert_eq!(journal.append(&records(2, 50)), Err(JournalError::Disk(MemoryDiskError::Full)));
    assert_eq!(journal.disk.bytes(ONE).unwrap().len() as u64, bytes, "cut back");
    journal.disk.set_byte_budget(Some(bytes + 70));
    journal.append(&[[9; 50]]).unwrap();
    journal.sync().expect("the mark does not fit, and need not");
    let mut expected = records(1, 50);
    expected.push(vec![9; 50]);
    assert_eq!(open(&mut disk, &Opening::new(ID)).unwrap().0, expected);
}

#[test]
fn an_fsync_error_stops_everything() {
    let mut disk = MemoryDisk::new();
    let mut journal = journal(&mut disk);
    let (_, location) = journal.append(&records(1, 50)).unwrap()[0];
    journal.disk.fail_syncs_after(Some(0));
    assert_eq!(journal.sync(), Err(JournalError::Disk(MemoryDiskError::SyncFailed)));
    journal.disk.fail_syncs_after(None);
    assert_eq!(journal.sync(), Err(JournalError::Failed), "asking again would prove nothing");
    assert_eq!(journal.append(&records(1, 50)), Err(JournalError::Failed));
    assert_eq!(journal.read(location), Err(JournalError::Failed));
}

#[test]
fn what_a_failed_fsync_forgot_is_written_again_at_the_next_opening() {
    // In a first segment without any mark, and behind a mark.
    for marks in 0..2 {
        let mut disk = MemoryDisk::new();
        let mut journal = journal(&mut disk);
        for _ in 0..marks {
            journal.append(&records(1, 50)).unwrap();
            journal.sync().unwrap();
        }
        journal.append(&records(3, MAX_RECORD_LEN)).unwrap();
        journal.disk.fail_syncs_after(Some(0));
        journal.sync().unwrap_err();
        journal.disk.fail_syncs_after(None);
        // A process that starts again reads it from the system's cache, and says that it is durable.
        let (found, _) = open(&mut disk, &Opening::new(ID)).unwrap();
        assert_eq!(found.len(), marks + 3);
        disk.power_cut(&mut |_| 0);
        assert_eq!(open(&mut disk, &Opening::new(ID)).unwrap().0, found);
    }
}

#[test]
fn a_write_that_cannot_be_undone_stops_everything() {
    let mut disk = MemoryDisk::new();
    let mut journal = journal(&mut disk);
    let bytes = journal.bytes();
    journal.disk.set_byte_budget(Some(bytes + 10));
    journal.disk.fail_truncates(true);
    assert_eq!(journal.append(&records(1, 50)), Err(JournalError::Disk(MemoryDiskError::Full)));
    assert_eq!(journal.sync(), Err(JournalError::Failed));
}

#[test]
fn records_without_a_frame_are_refused() {
    let mut disk = MemoryDisk::new();
    let mut journal = journal(&mut disk);
    assert_eq!(journal.append(&[&b"x"[..], b""]), Err(JournalError::BadLength { len: 0 }));
    let long = vec![0; MAX_RECORD_LEN + 1];
    assert_eq!(journal.append(&[&long]), Err(JournalError::BadLength { len: long.len() }));
    assert_eq!(journal.bytes(), HEADER_LEN as u64);
    let (_, location) = journal.append(&[&long[1..]]).unwrap()[0];
    journal.sync().unwrap();
    assert_eq!(journal.read(location).unwrap().len(), MAX_RECORD_LEN);
    assert_eq!(open(&mut disk, &Opening::new(ID)).unwrap().0, [&long[1..]]);
}

#[test]
fn an_unfinished_segment_is_removed_and_the_one_before_must_be_whole() {
    let (disk, all, end) = closed_journal();
    let next = end.segment.next().unwrap();
    let previous_end = disk.bytes(end.segment).unwrap().len() as u64;
    let header = Header { segment: next, previous_end, id: ID, emptied: false };
    for len in 0..HEADER_LEN {
        let mut unfinished = disk.clone();
        unfinished.put(next, header.encode()[..len].to_vec());
        let mut shortened = unfinished.clone();
        assert_eq!(open(&mut unfinished, &Opening::new(ID)).unwrap().0, all);
        assert_eq!(unfinished.bytes(next), None);

        shortened.flip(end.segment, usize::try_from(end.offset).unwrap(), 1);
        for _ in 0..2 {
            assert_eq!(open(&mut shortened, &Opening::new(ID)), damaged(end.segment, end.offset));
        }
    }
}

#[test]
fn many_small_records_are_written_in_few_pieces() {
    let mut disk = MemoryDisk::new();
    let mut journal = journal(&mut disk);
    let before = journal.disk.appends();
    journal.append(&vec![[1; 600]; 10_000]).unwrap();
    let pieces = journal.disk.appends() - before;
    assert_eq!(pieces, (10_000 * 616_u64).div_ceil(JOURNAL_PIECE_LEN as u64));
    assert_eq!(open(&mut disk, &Opening::new(ID)).unwrap().1.records, 10_000);
}

#[test]
fn a_salvage_reads_on_behind_damage_that_only_the_index_proves() {
    let mut disk = MemoryDisk::new();
    let mut journal = journal(&mut disk);
    journal.append(&records(3, 50)).unwrap();
    journal.sync().unwrap();
    let known_durable = Some(journal.position());
    let unmarked = disk.bytes(ONE).unwrap()[..HEADER_LEN + 3 * 66].to_vec();
    disk.put(ONE, unmarked);
    disk.flip(ONE, HEADER_LEN + 66 + 20, 1);
    let known = Opening { known_durable, ..Opening::new(ID) };
    assert_eq!(open(&mut disk, &known), damaged(ONE, (HEADER_LEN + 66) as u64));
    let (found, recovery) = open(&mut disk, &Opening { salvage: true, ..known }).unwrap();
    assert_eq!(found, [vec![0; 50], vec![2; 50]]);
    assert_eq!((recovery.torn_bytes, recovery.damaged_bytes), (0, 66));
}

#[test]
fn a_half_made_segment_that_may_come_back_stops_everything() {
    let mut disk = MemoryDisk::new();
    let opening = Opening { segment_len: 100, ..Opening::new(ID) };
    let mut journal = Journal::open(&mut disk, &opening, &mut |_, _, _| {}).unwrap().0;
    journal.append(&records(1, 50)).unwrap();
    let bytes = journal.bytes();
    journal.disk.set_byte_budget(Some(bytes + 10));
    assert_eq!(journal.append(&records(1, 50)), Err(JournalError::Disk(MemoryDiskError::Full)));
    assert_eq!(journal.segments(), 1);
    assert_eq!(journal.append(&records(1, 50)), Err(JournalError::Disk(MemoryDiskError::Full)), "goes on");
    // The segment before and the creation are synced, the removal is not.
    journal.disk.fail_syncs_after(Some(2));
    assert_eq!(journal.append(&records(1, 50)), Err(JournalError::Disk(MemoryDiskError::Full)));
    assert_eq!(journal.append(&records(1, 50)), Err(JournalError::Failed));
}

#[test]
fn arbitrary_damage_neither_panics_nor_invents() {
    let (disk, all, position) = closed_journal();
    for seed in 0..3_000 {
        let mut choices = Choices(seed);
        let mut disk = disk.clone();
        for _ in 0..=choices.below(4) {
            let segment = SegmentNumber::new(u32::try_from(choices.below(4)).unwrap() + 1).unwrap();
            let mut bytes = disk.bytes(segment).unwrap_or_default().to_vec();
            let at = usize::try_from(choices.below(bytes.len() as u64 + 1)).unwrap();
            match choices.below(4) {
                0 => bytes.truncate(at),
                1 => bytes.extend_from_within(at..),
                2 => drop(bytes.drain(at..(at + 7).min(bytes.len()))),
                _ => bytes.extend((0..choices.below(90)).map(|_| u8::try_from(choices.below(256)).unwrap())),
            }
            disk.put(segment, bytes);
        }
        let offset = if choices.below(2) == 0 { u64::MAX } else { choices.below(400) };
        let place = Position { segment: position.segment, offset };
        for salvage in [false, true] {
            let from = (choices.below(4) == 0).then_some(place);
            let known_durable = (choices.below(2) == 0).then_some(place);
            let opening = Opening { salvage, from, known_durable, ..Opening::new(ID) };
            if let Ok((found, _)) = open(&mut disk.clone(), &opening) {
                let mut all = all.iter();
                assert!(found.iter().all(|record| all.any(|written| written == record)), "seed {seed}");
            }
        }
    }
}
