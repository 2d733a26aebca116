//! The chains of commits that count, one for each device.
//!
//! A device that edits a little every day has a hundred thousand commits, most of one change. So a
//! chain is a few long lists, and what one commit names is a part of each.

use std::{collections::BTreeMap, ops::Range};

use super::{
    names::ByName,
    records::{Class, Slot},
};
use crate::id::{CommitId, DeviceId, OperationId};

/// The place of a counted commit: the number of its chain and its own, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    chain: u32,
    number: u32,
}

/// A commit that is to count.
#[derive(Debug)]
pub(crate) struct NewEntry {
    commit: CommitId,
    record: Slot,
    records: Vec<Slot>,
    chunks: Vec<Slot>,
    again: Vec<Slot>,
    log_heads: Vec<OperationId>,
}

impl NewEntry {
    /// `log_heads` may be none, if they are those of the commit before.
    pub(crate) const fn new(commit: CommitId, record: Slot, log_heads: Vec<OperationId>) -> Self {
        Self { commit, record, records: Vec::new(), chunks: Vec::new(), again: Vec::new(), log_heads }
    }

    /// Adds a record that it makes count.
    pub(crate) fn add(&mut self, slot: Slot, class: Class) {
        if class == Class::Chunk { self.chunks.push(slot) } else { self.records.push(slot) }
    }

    /// Adds a record that another commit made count before.
    pub(crate) fn add_again(&mut self, slot: Slot) {
        self.again.push(slot);
    }
}

/// One commit of a chain.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) commit: CommitId,
    pub(crate) record: Slot,
    pub(crate) seen: &'a [Place],
    /// The changes that it made count, and those it names that were not here and that a drop lists.
    pub(crate) records: &'a [Slot],
    /// The pieces of attachments that it made count, held or not.
    pub(crate) chunks: &'a [Slot],
    /// What it names of what another commit made count before.
    pub(crate) again: &'a [Slot],
}

/// The commits of one device.
#[derive(Debug, Default)]
pub(crate) struct Chain {
    commits: Vec<Commit>,
    seen: Vec<Place>,
    records: Vec<Slot>,
    chunks: Vec<Slot>,
    again: Vec<Slot>,
    /// The log heads that its commits name, each with the index of the first commit that names them.
    log_heads: Vec<(usize, Vec<OperationId>)>,
}

/// What a chain keeps of a commit; the ends of its parts of the chain's lists.
#[derive(Debug, Clone, Copy)]
struct Commit {
    name: CommitId,
    record: Slot,
    seen_end: u32,
    records_end: u32,
    chunks_end: u32,
    again_end: u32,
}

const EMPTY: &Chain = &Chain {
    commits: Vec::new(),
    seen: Vec::new(),
    records: Vec::new(),
    chunks: Vec::new(),
    again: Vec::new(),
    log_heads: Vec::new(),
};

impl Chain {
    pub(crate) const fn len(&self) -> usize {
        self.commits.len()
    }

    /// The commit at a place, from 0.
    pub(crate) fn get(&self, index: usize) -> Option<Entry<'_>> {
        let commit = self.commits.get(index)?;
        let end_before =
            |end: fn(&Commit) -> u32| index.checked_sub(1).map_or(0, |at| end(&self.commits[at]));
        let part =
            |end: fn(&Commit) -> u32| -> Range<usize> { end_before(end) as usize..end(commit) as usize };
        Some(Entry {
            commit: commit.name,
            record: commit.record,
            seen: &self.seen[part(|commit| commit.seen_end)],
            records: &self.records[part(|commit| commit.records_end)],
            chunks: &self.chunks[part(|commit| commit.chunks_end)],
            again: &self.again[part(|commit| commit.again_end)],
        })
    }

    /// The log heads that its commits name, each with the number of the last commit that does, of the
    /// first so many commits.
    pub(crate) fn log_heads_of_first(&self, commits: u64) -> impl Iterator<Item = (u64, &[OperationId])> {
        let ends = self.log_heads.iter().skip(1).map(|(index, _)| *index as u64);
        let runs = self.log_heads.iter().zip(ends.chain([self.len() as u64]));
        let within = runs.take_while(move |((index, _), _)| (*index as u64) < commits);
        within.map(move |((_, heads), end)| (end.min(commits), heads.as_slice()))
    }

    /// The log heads that a commit names, if they are other ones than those of the commit before.
    pub(crate) fn new_log_heads(&self, number: u64) -> &[OperationId] {
        let run = self.log_heads.iter().find(|(index, _)| *index as u64 + 1 == number);
        run.map_or(&[], |(_, heads)| heads)
    }

    /// The names of its commits, and where each lies.
    pub(crate) fn commits(&self) -> impl Iterator<Item = (&CommitId, Slot)> {
        self.commits.iter().map(|commit| (&commit.name, commit.record))
    }

    pub(crate) fn last(&self) -> Option<Entry<'_>> {
        self.get(self.len().checked_sub(1)?)
    }

    /// The numbers of the first and the last commit that made one of these changes count.
    pub(crate) fn naming(&self, changes: &[Slot]) -> Option<(u64, u64)> {
        let is_meant = |slot: &Slot| changes.contains(slot);
        let number = |at: usize| {
            let before = self.commits.partition_point(|commit| commit.records_end as usize <= at);
            before as u64 + 1
        };
        Some((
            number(self.records.iter().position(is_meant)?),
            number(self.records.iter().rposition(is_meant)?),
        ))
    }

    /// How many changes count by commits after a number; of commits that name none, each is one.
    pub(crate) fn changes_after(&self, number: u64) -> u64 {
        let later = (self.len() as u64).saturating_sub(number);
        let before = self.len() - later as usize;
        let named = before.checked_sub(1).map_or(0, |last| self.commits[last].records_end as usize);
        let changes = (self.records.len() - named) as u64;
        if later == 0 { 0 } else { later.max(changes) }
    }

    fn push(&mut self, entry: &NewEntry, seen: impl Iterator<Item = Place>) {
        self.seen.extend(seen);
        self.records.extend(&entry.records);
        self.chunks.extend(&entry.chunks);
        self.again.extend(&entry.again);
        if !entry.log_heads.is_empty()
            && self.log_heads.last().is_none_or(|(_, last)| *last != entry.log_heads)
        {
            self.log_heads.push((self.commits.len(), entry.log_heads.clone()));
        }
        self.commits.push(Commit {
            name: entry.commit,
            record: entry.record,
            seen_end: end_of(&self.seen),
            records_end: end_of(&self.records),
            chunks_end: end_of(&self.chunks),
            again_end: end_of(&self.again),
        });
    }
}

fn end_of<T>(list: &[T]) -> u32 {
    u32::try_from(list.len()).expect("a device makes fewer than four billion records count")
}

/// All chains.
#[derive(Debug, Default)]
pub(crate) struct Chains {
    chains: Vec<Chain>,
    numbers: BTreeMap<DeviceId, u32>,
    devices: Vec<DeviceId>,
    places: ByName<Place>,
}

impl Chains {
    /// The chain of a device, from its first commit.
    pub(crate) fn of(&self, device: &DeviceId) -> &Chain {
        self.numbers.get(device).map_or(EMPTY, |chain| &self.chains[*chain as usize])
    }

    /// All chains that are not empty, by device.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&DeviceId, &Chain)> {
        self.numbers.iter().map(|(device, chain)| (device, &self.chains[*chain as usize]))
    }

    /// All commits, by chain, each with its device and number.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (DeviceId, u64, Entry<'_>)> {
        self.iter().flat_map(|(device, chain)| {
            let numbered = (1..).zip((0..chain.len()).filter_map(|index| chain.get(index)));
            numbered.map(|(number, entry)| (*device, number, entry))
        })
    }

    pub(crate) fn place(&self, commit: &CommitId) -> Option<Place> {
        self.places.find(commit.as_bytes(), |place| name_at(&self.chains, place))
    }

    pub(crate) fn at(&self, place: Place) -> Entry<'_> {
        let entry = self.chains[place.chain as usize].get(place.number as usize - 1);
        entry.expect("a place is that of a commit")
    }

    /// Whose commit is at a place, and its number.
    pub(crate) fn owner(&self, place: Place) -> (DeviceId, u64) {
        (self.devices[place.chain as usize], u64::from(place.number))
    }

    /// All commits, each after those it had seen.
    pub(crate) fn in_order(&self) -> Vec<Place> {
        let mut order = Vec::with_capacity(self.places.len());
        // How many commits of each chain are in it.
        let mut done = vec![0; self.chains.len()];
        for (chain, last) in (0..).zip(self.chains.iter().map(Chain::len)) {
            let mut wanted = vec![Place { chain, number: end_of_chain(last) }];
            while let Some(Place { chain, number }) = wanted.last().copied() {
                let done_here = done[chain as usize];
                if done_here >= number {
                    wanted.pop();
                    continue;
                }
                let next = Place { chain, number: done_here + 1 };
                let missing = self.at(next).seen.iter().find(|seen| done[seen.chain as usize] < seen.number);
                if let Some(missing) = missing {
                    wanted.push(*missing);
                } else {
                    order.push(next);
                    done[chain as usize] += 1;
                }
            }
        }
        order
    }

    /// How many commits of each device are these, or had been seen by them, by whatever way.
    pub(crate) fn reached_from(&self, ends: &BTreeMap<DeviceId, u64>) -> BTreeMap<DeviceId, u64> {
        let mut reached = vec![0_u32; self.chains.len()];
        let place = |(device, number): (&DeviceId, &u64)| {
            Some(Place { chain: *self.numbers.get(device)?, number: u32::try_from(*number).ok()? })
        };
        let mut open: Vec<Place> = ends.iter().filter_map(place).collect();
        while let Some(Place { chain, number }) = open.pop() {
            let before = reached[chain as usize];
            reached[chain as usize] = before.max(number);
            open.extend(
                (before..number).flat_map(|at| self.at(Place { chain, number: at + 1 }).seen.iter().copied()),
            );
        }
        let device = |(chain, number): (usize, u32)| (self.devices[chain], u64::from(number));
        reached.into_iter().enumerate().map(device).collect()
    }

    /// Adds the next commit of a chain; all that it had seen counts.
    pub(crate) fn push(&mut self, device: DeviceId, number: u64, entry: &NewEntry, seen: &[CommitId]) {
        let chain = *self.numbers.entry(device).or_insert_with(|| {
            self.chains.push(Chain::default());
            self.devices.push(device);
            u32::try_from(self.chains.len() - 1).expect("a space has fewer than four billion devices")
        });
        let seen: Vec<Place> = seen.iter().filter_map(|commit| self.place(commit)).collect();
        let commits = &mut self.chains[chain as usize];
        assert_eq!(commits.len() as u64 + 1, number, "commits of a chain count in order");
        commits.push(entry, seen.into_iter());
        let place = Place { chain, number: end_of_chain(commits.len()) };
        self.places.insert(entry.commit.as_bytes(), place, |place| name_at(&self.chains, place));
    }
}

fn name_at(chains: &[Chain], place: Place) -> &[u8; 32] {
    chains[place.chain as usize].commits[place.number as usize - 1].name.as_bytes()
}

fn end_of_chain(len: usize) -> u32 {
    u32::try_from(len).expect("a device makes fewer than four billion commits")
}
