//! Rewriting while the power fails: whatever the disk does and wherever it stops, nothing needed is
//! lost, and what was dropped is gone in the end.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::{
        JournalId, Opening,
        frame::record_id,
        memory::{MemoryDisk, MemoryDiskError},
        tests::Choices,
    },
    *,
};

const ID: JournalId = JournalId::from_bytes([7; 16]);

type Outcome<T> = Result<T, JournalError<MemoryDiskError>>;

/// A disk whose power fails after so many steps; making a file and replacing one take two.
#[derive(Clone)]
struct Dying {
    disk: MemoryDisk,
    left: u64,
}

impl Dying {
    fn step(&mut self) -> Result<&mut MemoryDisk, MemoryDiskError> {
        self.left = self.left.checked_sub(1).ok_or(MemoryDiskError::SyncFailed)?;
        Ok(&mut self.disk)
    }

    /// Two steps: `syncs` are those that come before the power fails in between.
    fn two_steps(
        &mut self,
        syncs: u64,
        act: impl FnOnce(&mut MemoryDisk) -> Result<(), MemoryDiskError>,
    ) -> Result<(), MemoryDiskError> {
        self.step()?;
        if self.left == 0 {
            self.disk.fail_syncs_after(Some(syncs));
        } else {
            self.left -= 1;
        }
        act(&mut self.disk)
    }
}

impl Disk for Dying {
    type Error = MemoryDiskError;

    fn segments(&mut self) -> Result<Vec<SegmentNumber>, MemoryDiskError> {
        self.disk.segments()
    }

    fn create(&mut self, segment: SegmentNumber) -> Result<(), MemoryDiskError> {
        self.two_steps(0, |disk| disk.create(segment))
    }

    fn len(&mut self, segment: SegmentNumber) -> Result<u64, MemoryDiskError> {
        self.disk.len(segment)
    }

    fn read(&mut self, segment: SegmentNumber, at: u64, buffer: &mut [u8]) -> Result<(), MemoryDiskError> {
        self.disk.read(segment, at, buffer)
    }

    fn append(&mut self, segment: SegmentNumber, bytes: &[u8]) -> Result<(), MemoryDiskError> {
        self.step()?.append(segment, bytes)
    }

    fn write_again(&mut self, segment: SegmentNumber, at: u64, bytes: &[u8]) -> Result<(), MemoryDiskError> {
        self.step()?.write_again(segment, at, bytes)
    }

    fn sync(&mut self, segment: SegmentNumber) -> Result<(), MemoryDiskError> {
        self.step()?.sync(segment)
    }

    fn truncate(&mut self, segment: SegmentNumber, len: u64) -> Result<(), MemoryDiskError> {
        self.step()?.truncate(segment, len)
    }

    fn remove(&mut self, segment: SegmentNumber) -> Result<(), MemoryDiskError> {
        self.step()?.remove(segment)
    }

    fn replace(&mut self, segment: SegmentNumber, bytes: &[u8]) -> Result<(), MemoryDiskError> {
        self.two_steps(1, |disk| disk.replace(segment, bytes))
    }
}

/// What an index remembers of the journal.
#[derive(Clone)]
struct Kept {
    position: Position,
    emptied: u32,
    places: BTreeMap<RecordId, Location>,
}

/// Who uses the journal as it is meant to be used, and knows what must be.
#[derive(Clone, Default)]
struct Caller {
    attempted: BTreeMap<RecordId, Vec<u8>>,
    unsynced: BTreeSet<RecordId>,
    synced: BTreeSet<RecordId>,
    dropped: BTreeSet<RecordId>,
    /// Of what is not dropped, where it was told last.
    places: BTreeMap<RecordId, Location>,
    index: Option<Kept>,
    serial: u32,
    seen: Seen,
}

/// How often a test came by what it is about.
#[derive(Clone, Default, Debug)]
struct Seen {
    cuts: u32,
    twice: u32,
    moved: u32,
    replayed: u32,
    emptied: u32,
}

impl Caller {
    /// Opens from the index, if it is to be used and still holds.
    fn open<'a>(&mut self, disk: &'a mut Dying, with_index: bool) -> Outcome<Journal<&'a mut Dying>> {
        let index = self.index.clone().filter(|_| with_index);
        self.seen.replayed += u32::from(index.is_some());
        if index.is_some() && matches!(self.open_from(disk, index), Err(JournalError::Moved { .. })) {
            self.seen.moved += 1;
            self.index = None;
        }
        let index = self.index.clone().filter(|_| with_index);
        self.open_from(disk, index)
    }

    fn open_from<'a>(&mut self, disk: &'a mut Dying, index: Option<Kept>) -> Outcome<Journal<&'a mut Dying>> {
        let opening = Opening {
            segment_len: 400,
            from: index.as_ref().map(|kept| kept.position),
            emptied: index.as_ref().map_or(0, |kept| kept.emptied),
            ..Opening::new(ID)
        };
        let mut found = Vec::new();
        let opened = Journal::open(disk, &opening, &mut |id, location, _| found.push((id, location)));
        if opened.is_err() {
            assert!(found.is_empty(), "refused before anything is handed out");
        }
        let journal = opened?.0;
        self.places = index.map_or_else(BTreeMap::new, |kept| kept.places);
        for (id, location) in found {
            self.seen.twice += u32::from(self.places.insert(id, location).is_some());
        }
        self.places.retain(|id, _| !self.dropped.contains(id));
        Ok(journal)
    }

    fn append(&mut self, journal: &mut Journal<&mut Dying>, choices: &mut Choices) -> Outcome<()> {
        let batch: Vec<_> = (0..=choices.below(3)).map(|_| self.record(choices)).collect();
        self.attempted.extend(batch.iter().map(|record| (record_id(record), record.clone())));
        let names = journal.append(&batch)?;
        self.unsynced.extend(names.iter().map(|(id, _)| *id));
        self.places.extend(names);
        Ok(())
    }

    /// Its first 32 bytes are nowhere by chance.
    fn record(&mut self, choices: &mut Choices) -> Vec<u8> {
        self.serial += 1;
        let mut record = blake3::hash(&self.serial.to_le_bytes()).as_bytes().to_vec();
        record.resize(32 + usize::try_from(choices.below(90)).unwrap(), 0);
        record
    }

    /// What was appended is durable.
    fn note_synced(&mut self) {
        self.synced.append(&mut self.unsynced);
    }

    fn sync(&mut self, journal: &mut Journal<&mut Dying>) -> Outcome<()> {
        journal.sync()?;
        self.note_synced();
        Ok(())
    }

    fn rotate(&mut self, journal: &mut Journal<&mut Dying>) -> Outcome<()> {
        journal.rotate()?;
        self.note_synced();
        Ok(())
    }

    fn drop_one(&mut self, choices: &mut Choices) {
        let at = usize::try_from(choices.below(self.places.len().max(1) as u64)).unwrap();
        if let Some(id) = self.places.keys().nth(at).copied() {
            self.places.remove(&id);
            self.dropped.insert(id);
        }
    }

    fn copy(&mut self, journal: &mut Journal<&mut Dying>, segment: SegmentNumber) -> Outcome<()> {
        let copied = journal.copy_forward(segment, &mut |id, at| self.places.get(&id) == Some(&at))?;
        assert!(copied.finished, "one step is longer than these segments");
        self.places.extend(copied.records);
        Ok(())
    }

    fn retire(&mut self, journal: &mut Journal<&mut Dying>, segment: SegmentNumber) -> Outcome<()> {
        let before = journal.emptied();
        journal.retire(segment)?;
        if journal.emptied() > before {
            self.note_synced();
            self.seen.emptied += 1;
        }
        Ok(())
    }

    fn keep_index(&mut self, journal: &mut Journal<&mut Dying>) -> Outcome<()> {
        self.sync(journal)?;
        let (position, emptied) = (journal.position(), journal.emptied());
        self.index = Some(Kept { position, emptied, places: self.places.clone() });
        Ok(())
    }

    /// Everything synced and not dropped is where it was said to be, and nothing was invented.
    fn check(&mut self, seed: u64, journal: &mut Journal<&mut Dying>) {
        for id in self.synced.difference(&self.dropped) {
            assert!(self.places.contains_key(id), "seed {seed}: something synced is missing");
        }
        for (id, location) in &self.places {
            assert_eq!(journal.read(*location).as_ref(), Ok(&self.attempted[id]), "seed {seed}");
        }
        self.synced = self.places.keys().copied().collect();
        self.unsynced.clear();
    }

    /// After a life: what is there is found with the index and without.
    fn check_both_ways(&mut self, seed: u64, disk: &mut Dying) {
        let mut other = self.clone();
        let copy = &mut disk.clone();
        let mut journal = other.open(copy, false).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        other.check(seed, &mut journal);
        let mut journal = self.open(disk, true).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        self.check(seed, &mut journal);
        assert_eq!(self.places, other.places, "seed {seed}: the index and the journal tell the same");
    }

    /// Rewrites everything: what was dropped must then be in no file, and nothing twice.
    fn rewrite_all(&mut self, seed: u64, disk: &mut Dying) {
        let mut journal = self.open(disk, true).unwrap();
        journal.rotate().unwrap();
        let mut closed: Vec<_> = journal.segment_bytes().map(|(segment, _)| segment).collect();
        closed.pop();
        for segment in closed {
            self.copy(&mut journal, segment).unwrap();
            self.retire(&mut journal, segment).unwrap();
        }
        self.check(seed, &mut journal);
        let dead: BTreeSet<_> = self.dropped.iter().map(|id| &self.attempted[id][..32]).collect();
        for segment in disk.segments().unwrap() {
            let mut places = disk.disk.bytes(segment).unwrap().windows(32);
            assert!(!places.any(|at| dead.contains(at)), "seed {seed}: dropped, and still there");
        }
        let twice = self.seen.twice;
        let journal = self.open(disk, false).unwrap();
        assert_eq!(self.seen.twice, twice, "seed {seed}: nothing lies twice");
        assert_eq!(self.places.len(), self.synced.len(), "seed {seed}");
        drop(journal);
    }
}

fn new_disk() -> Dying {
    Dying { disk: MemoryDisk::new(), left: u64::MAX }
}

/// Cuts the power, or only kills the process; afterwards the disk works. Tells whether it was the power.
fn crash(disk: &mut Dying, choices: &mut Choices) -> bool {
    disk.left = u64::MAX;
    disk.disk.set_byte_budget(None);
    disk.disk.fail_syncs_after(None);
    disk.disk.fail_truncates(false);
    let is_cut = choices.below(4) > 0;
    if is_cut {
        disk.disk.power_cut(&mut |bound| choices.below(bound));
    }
    is_cut
}

/// One life with everything in it, the same at every run.
fn script(caller: &mut Caller, disk: &mut Dying) -> Outcome<()> {
    let choices = &mut Choices(1);
    let mut journal = caller.open(disk, true)?;
    for round in 0..3 {
        for _ in 0..4 {
            caller.append(&mut journal, choices)?;
            caller.drop_one(choices);
            caller.sync(&mut journal)?;
        }
        if round % 2 == 0 {
            caller.keep_index(&mut journal)?;
        }
        caller.rotate(&mut journal)?;
        let mut closed: Vec<_> = journal.segment_bytes().map(|(segment, _)| segment).collect();
        closed.pop();
        for segment in closed.into_iter().skip(round % 2) {
            caller.copy(&mut journal, segment)?;
            caller.append(&mut journal, choices)?;
            caller.retire(&mut journal, segment)?;
        }
    }
    caller.keep_index(&mut journal)
}

#[test]
fn a_power_cut_after_any_step_loses_nothing() {
    let mut seen = Seen::default();
    for left in 0.. {
        let (mut caller, mut disk) = (Caller::default(), new_disk());
        disk.left = left;
        let outcome = script(&mut caller, &mut disk);
        for seed in 0..3 {
            let (mut caller, mut disk) = (caller.clone(), disk.clone());
            seen.cuts += u32::from(crash(&mut disk, &mut Choices(left * 10 + seed)));
            caller.check_both_ways(left, &mut disk);
            caller.rewrite_all(left, &mut disk);
            seen.twice += caller.seen.twice;
            seen.moved += caller.seen.moved;
        }
        if outcome.is_ok() {
            println!("{} power cuts after each of {left} steps", seen.cuts);
            assert!(left > 100 && seen.twice > 100 && seen.moved > 100, "{left} {seen:?}");
            return;
        }
    }
}

fn live(caller: &mut Caller, disk: &mut Dying, choices: &mut Choices) -> Outcome<()> {
    let mut journal = caller.open(disk, choices.below(2) == 0)?;
    for _ in 0..=choices.below(20) {
        let segment = u32::try_from(1 + choices.below(u64::from(journal.segments()))).unwrap();
        let segment = SegmentNumber::new(segment).unwrap();
        let outcome = match choices.below(12) {
            0..=2 => caller.append(&mut journal, choices),
            3 => caller.sync(&mut journal),
            4 | 5 => {
                caller.drop_one(choices);
                Ok(())
            }
            6 => caller.rotate(&mut journal),
            7 => caller.copy(&mut journal, segment),
            8 | 9 => caller.copy(&mut journal, segment).and_then(|()| caller.retire(&mut journal, segment)),
            10 => caller.keep_index(&mut journal),
            _ => {
                let (used, room, syncs) = (journal.bytes(), choices.below(300), choices.below(6));
                let disk = &mut journal.disk.disk;
                disk.set_byte_budget((choices.below(2) == 0).then_some(used + room));
                disk.fail_syncs_after((choices.below(6) == 0).then_some(syncs));
                disk.fail_truncates(choices.below(8) == 0);
                Ok(())
            }
        };
        match outcome {
            Ok(()) | Err(JournalError::Disk(_) | JournalError::Failed | JournalError::NotClosed { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[test]
fn whatever_happens_nothing_needed_is_lost_and_the_dropped_goes() {
    let mut seen = Seen::default();
    for seed in 0..5_000 {
        let mut choices = Choices(seed);
        let (mut caller, mut disk) = (Caller::default(), new_disk());
        for _ in 0..=choices.below(4) {
            live(&mut caller, &mut disk, &mut choices).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            seen.cuts += u32::from(crash(&mut disk, &mut choices));
            caller.check_both_ways(seed, &mut disk);
        }
        caller.rewrite_all(seed, &mut disk);
        seen.twice += caller.seen.twice;
        seen.moved += caller.seen.moved;
        seen.replayed += caller.seen.replayed;
        seen.emptied += caller.seen.emptied;
    }
    println!("{} power cuts: {seen:?}", seen.cuts);
    let all = [seen.cuts, seen.twice, seen.moved, seen.replayed, seen.emptied];
    assert!(all.into_iter().all(|count| count > 500), "the test came by what it is about: {seen:?}");
}
