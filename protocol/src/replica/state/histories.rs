//! Two histories of one device, and what is given up of the one that is here.
//!
//! A device whose key signs twice under one number has two histories: a copy of it goes on beside it, or
//! whoever stole it means harm. Of these the one counts that came first, so devices that hold different ones
//! do not sync. Once one side gives up the commits of that history that the other one is not known to hold,
//! and all that was built on them, the two hold parts of one history again. What these commits named stays,
//! for a new device to commit anew ([`Replica::adopt_orphans`](crate::replica::Replica::adopt_orphans)): whoever built on them signed that.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::{State, Subject};
use crate::{
    id::{CommitId, DeviceId, DocumentId, RecordId},
    replica::records::{Class, Row, Slot},
};

/// What is given up.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct GivenUp {
    /// Whose commits are.
    pub devices: BTreeSet<DeviceId>,
    /// The documents of which changes in quarantine are. A person may want to accept these before
    /// ([`Replica::accept`](crate::replica::Replica::accept)): then they stay.
    pub quarantined: BTreeSet<DocumentId>,
    /// The commits' records; what only they name and is in quarantine: nobody is to accept it unasked; and
    /// what does not count, but the commits that wait of other devices that are in, and what these name. Of
    /// the rest nobody can tell whose it is, or of which history.
    pub records: BTreeSet<RecordId>,
}

impl State {
    /// How many commits of each device's history here some devices hold: those that they said they hold, their
    /// own, and all that either was built on.
    pub fn known_to(
        &self,
        is_meant: impl Fn(&DeviceId) -> bool,
        said: impl Iterator<Item = CommitId>,
    ) -> BTreeMap<DeviceId, u64> {
        let own = self.chains.iter().filter(|(device, _)| is_meant(device));
        let own = own.map(|(device, chain)| (*device, chain.len() as u64));
        let said = said.filter_map(|commit| Some(self.chains.owner(self.chains.place(&commit)?)));
        let mut ends: BTreeMap<DeviceId, u64> = BTreeMap::new();
        for (device, number) in own.chain(said) {
            let end = ends.entry(device).or_default();
            *end = number.max(*end);
        }
        self.chains.reached_from(&ends)
    }

    /// What is to be given up so that of these devices' histories no more stays than so many commits.
    #[must_use]
    pub fn given_up(&self, stays: &BTreeMap<DeviceId, u64>) -> GivenUp {
        let mut given_up = GivenUp::default();
        let mut commits = HashSet::new();
        let (mut named, mut named_still) = (BTreeSet::new(), BTreeSet::new());
        // Each comes after all that it had seen.
        for place in self.chains.in_order() {
            let ((device, number), entry) = (self.chains.owner(place), self.chains.at(place));
            let is_given_up = given_up.devices.contains(&device)
                || stays.get(&device).is_some_and(|last| number > *last)
                || entry.seen.iter().any(|seen| commits.contains(&self.chains.at(*seen).commit));
            let names = [entry.records, entry.chunks, entry.again].into_iter().flatten();
            if is_given_up {
                given_up.devices.insert(device);
                given_up.records.insert(self.records.id(entry.record));
                commits.insert(entry.commit);
                named.extend(names);
            } else {
                named_still.extend(names);
            }
        }
        let quarantined: BTreeMap<_, _> = self.quarantine.subjects().collect();
        for slot in named.difference(&named_still) {
            let Some(subject) = quarantined.get(slot) else { continue };
            given_up.records.insert(self.records.id(*slot));
            if let Subject::Document(document) | Subject::Forgotten(document) = subject {
                given_up.quarantined.insert(*document);
            }
        }
        let stay = self.waiting_of_others(stays, &given_up.devices);
        let is_statement = |slot: &&Slot| matches!(self.records.row(**slot), Row::Held(_, Class::Statement));
        let others = self.uncounted.iter().filter(|slot| !is_statement(slot));
        let others = others.map(|slot| self.records.id(*slot)).filter(|record| !stay.contains(record));
        given_up.records.extend(others);
        given_up
    }

    /// The commits that wait, of devices that are in and give up nothing, and what they name: perhaps nobody
    /// else has them.
    fn waiting_of_others(
        &self,
        stays: &BTreeMap<DeviceId, u64>,
        given_up: &BTreeSet<DeviceId>,
    ) -> BTreeSet<RecordId> {
        let is_other = |device: &DeviceId| {
            self.roster.knows(device) && !stays.contains_key(device) && !given_up.contains(device)
        };
        let waiting = self.pending.iter().filter(|(_, one)| is_other(&one.signed.body().device));
        let records = waiting.flat_map(|(_, one)| {
            let (commit, record) = (one.signed.body(), self.records.id(one.record));
            [&commit.records, &commit.chunks].into_iter().flatten().copied().chain([record])
        });
        records.collect()
    }
}
