//! Commits that wait for what they name, or for the one before them.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use crate::{
    id::{CommitId, DeviceId},
    record::Commit,
    replica::records::Slot,
    signed::Signed,
};

#[derive(Debug)]
pub(super) struct Pending {
    pub(super) signed: Signed<Commit>,
    pub(super) record: Slot,
    /// How many of the things that it names were found so far. What was there once stays there, so
    /// that a thousand commits that wait for one record each cost little at every arrival.
    pub(super) found: usize,
}

/// All of them. A journal of which a segment was rewritten may hold a device's commits in any order, so that
/// nearly all wait for one: of each device only the next are looked at.
#[derive(Debug, Default)]
pub(super) struct PendingCommits {
    commits: BTreeMap<CommitId, Pending>,
    order: BTreeSet<(DeviceId, u64, CommitId)>,
}

impl PendingCommits {
    pub(super) fn len(&self) -> usize {
        self.commits.len()
    }

    pub(super) fn contains(&self, name: &CommitId) -> bool {
        self.commits.contains_key(name)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&CommitId, &Pending)> {
        self.commits.iter()
    }

    pub(super) fn insert(&mut self, name: CommitId, pending: Pending) {
        let commit = pending.signed.body();
        self.order.insert((commit.device, commit.number, name));
        self.commits.insert(name, pending);
    }

    pub(super) fn remove(&mut self, name: &CommitId) -> Option<Pending> {
        let pending = self.commits.remove(name)?;
        let commit = pending.signed.body();
        self.order.remove(&(commit.device, commit.number, *name));
        Some(pending)
    }

    /// The first answer for a commit that the one before it does not keep; `count` is how many of a device's
    /// commits count.
    pub(super) fn find_next<T>(
        &mut self,
        count: impl Fn(&DeviceId) -> u64,
        mut answer: impl FnMut(&CommitId, &mut Pending) -> Option<T>,
    ) -> Option<T> {
        let mut after = Bound::Unbounded;
        while let Some(place) = self.order.range((after, Bound::Unbounded)).next() {
            let (device, number, name) = place;
            if *number > count(device).saturating_add(1) {
                after = Bound::Excluded((*device, u64::MAX, CommitId::from_bytes([0xff; 32])));
                continue;
            }
            if let Some(found) = self.commits.get_mut(name).and_then(|pending| answer(name, pending)) {
                return Some(found);
            }
            after = Bound::Excluded(*place);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        id::{RecordId, SpaceId},
        journal::{Location, SegmentNumber},
        replica::records::{Class, Records},
        testkit::{device, key},
    };

    /// Commits 2 to `last` of a device.
    fn wait(pending: &mut PendingCommits, byte: u8, last: u64) {
        let location = Location { segment: SegmentNumber::new(1).unwrap(), offset: 50, len: 9 };
        let record = Records::default().hold(RecordId::from_bytes([1; 32]), location, Class::Commit);
        for number in 2..=last {
            let commit = Commit {
                space: SpaceId::from_bytes([1; 32]),
                device: device(byte),
                number,
                previous: None,
                seen: vec![],
                log_heads: vec![],
                records: vec![],
                chunks: vec![],
            };
            let signed = Signed::new(commit, &key(byte));
            pending.insert(signed.id(), Pending { signed, record, found: 0 });
        }
    }

    #[test]
    fn of_each_device_only_the_next_are_looked_at() {
        let mut pending = PendingCommits::default();
        wait(&mut pending, 1, 50);
        wait(&mut pending, 2, 50);
        let mut looked_at = |count: u64| {
            let mut numbers: Vec<u64> = Vec::new();
            let found = pending.find_next(
                |id| if *id == device(1) { count } else { 0 },
                |_, pending| {
                    numbers.push(pending.signed.body().number);
                    None::<()>
                },
            );
            assert_eq!(found, None);
            numbers
        };
        assert!(looked_at(0).is_empty());
        assert_eq!(looked_at(1), [2]);
        assert_eq!(looked_at(3), [2, 3, 4], "two of them are of another history");
        let next = |name: &CommitId, _: &mut Pending| Some(*name);
        let name = pending.find_next(|_| 1, next).unwrap();
        assert_eq!(pending.remove(&name).unwrap().signed.body().number, 2);
        assert!(!pending.contains(&name));
        assert_eq!((pending.len(), pending.iter().count()), (97, 97));
    }
}
