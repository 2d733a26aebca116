//! The chains of commits that count, one for each device.

use std::collections::{BTreeMap, HashMap};

use super::records::{Class, Slot};
use crate::id::{CommitId, DeviceId};

/// The place of a counted commit: the number of its chain and its own, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    chain: u16,
    number: u32,
}

/// What one entry of a chain needs in memory.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) commit: CommitId,
    pub(crate) record: Slot,
    pub(crate) seen: Box<[Place]>,
    /// The changes that it made count.
    pub(crate) records: Vec<Slot>,
    /// The pieces of attachments that it made count, held or not.
    pub(crate) chunks: Vec<Slot>,
}

impl Entry {
    pub(crate) fn new(commit: CommitId, record: Slot) -> Self {
        Self { commit, record, seen: Box::default(), records: Vec::new(), chunks: Vec::new() }
    }

    pub(crate) fn add(&mut self, slot: Slot, class: Class) {
        if class == Class::Chunk { self.chunks.push(slot) } else { self.records.push(slot) }
    }
}

/// All chains.
#[derive(Debug, Default)]
pub(crate) struct Chains {
    chains: Vec<Vec<Entry>>,
    numbers: BTreeMap<DeviceId, u16>,
    devices: Vec<DeviceId>,
    places: HashMap<CommitId, Place>,
}

impl Chains {
    /// The chain of a device, from its first commit.
    pub(crate) fn of(&self, device: &DeviceId) -> &[Entry] {
        self.numbers.get(device).map_or(&[], |chain| &self.chains[usize::from(*chain)])
    }

    /// All chains that are not empty, by device.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&DeviceId, &[Entry])> {
        self.numbers.iter().map(|(device, chain)| (device, self.chains[usize::from(*chain)].as_slice()))
    }

    pub(crate) fn place(&self, commit: &CommitId) -> Option<Place> {
        self.places.get(commit).copied()
    }

    pub(crate) fn at(&self, place: Place) -> &Entry {
        &self.chains[usize::from(place.chain)][place.number as usize - 1]
    }

    /// Whose commit is at a place, and its number.
    pub(crate) fn owner(&self, place: Place) -> (DeviceId, u64) {
        (self.devices[usize::from(place.chain)], u64::from(place.number))
    }

    /// Adds the next commit of a chain.
    pub(crate) fn push(&mut self, device: DeviceId, number: u64, mut entry: Entry) {
        let chain = *self.numbers.entry(device).or_insert_with(|| {
            self.chains.push(Vec::new());
            self.devices.push(device);
            u16::try_from(self.chains.len() - 1).expect("a space has at most 256 devices")
        });
        let entries = &mut self.chains[usize::from(chain)];
        assert_eq!(entries.len() as u64 + 1, number, "commits of a chain count in order");
        entry.records.shrink_to_fit();
        entry.chunks.shrink_to_fit();
        let number = u32::try_from(number).expect("a device makes fewer than four billion commits");
        self.places.insert(entry.commit, Place { chain, number });
        entries.push(entry);
    }

    /// Notes what a commit had seen, all of which counts.
    pub(crate) fn note_seen(&mut self, commit: &CommitId, seen: &[CommitId]) {
        let places = seen.iter().filter_map(|commit| self.places.get(commit).copied()).collect();
        if let Some(place) = self.places.get(commit) {
            self.chains[usize::from(place.chain)][place.number as usize - 1].seen = places;
        }
    }
}
