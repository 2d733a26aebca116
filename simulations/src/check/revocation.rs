//! What a device that was taken out did too late, by an account of its own: who wrote what, on top of
//! what, and whether they had seen that the device was out.

use std::collections::{BTreeMap, BTreeSet};

use musette_protocol::{
    epoch::Keyring,
    id::{CommitId, DeviceId, OperationId, RecordId},
    identity::log::DeviceLog,
    record::{OpenError, open},
    replica::{Counted, State, Subject},
};

use super::{Check, Violation, ensure};

/// A commit as it was written.
#[derive(Debug)]
struct Written {
    place: (DeviceId, u64),
    /// How many commits of each device it builds on.
    past: BTreeMap<DeviceId, u64>,
    /// The revocations that its author had seen.
    aware: BTreeSet<OperationId>,
    /// The changes that it names, and all that it names.
    changes: Vec<RecordId>,
    records: BTreeSet<RecordId>,
}

/// Who wrote what, and who was taken out.
#[derive(Debug, Default)]
pub struct Account {
    commits: BTreeMap<CommitId, Written>,
    /// Of two with one number the first was lost with its disk.
    places: BTreeMap<(DeviceId, u64), CommitId>,
    /// Changes that a restored device committed anew: they were written before.
    adopted: BTreeSet<RecordId>,
    revocations: BTreeMap<OperationId, Revoked>,
}

/// Who is taken out, how many commits are kept, and the revocations that were known and give way to this one.
#[derive(Debug)]
struct Revoked {
    device: DeviceId,
    kept: u64,
    earlier: BTreeSet<OperationId>,
}

impl Account {
    /// Notes a commit on the device that writes it.
    pub fn note(&mut self, counted: &Counted, state: &State) {
        let place = (counted.device, counted.number);
        let previous = self.places.get(&(counted.device, counted.number - 1));
        let mut past = BTreeMap::new();
        for below in counted.seen.iter().chain(previous).filter_map(|commit| self.commits.get(commit)) {
            for (device, number) in below.past.iter().map(|one| (*one.0, *one.1)).chain([below.place]) {
                let known: &mut u64 = past.entry(device).or_default();
                *known = number.max(*known);
            }
        }
        let is_change = |subject| matches!(subject, Subject::Document(_) | Subject::Forgotten(_));
        let changes = counted.items.iter().filter(|item| is_change(item.subject)).map(|item| item.record);
        let named = counted.items.iter().map(|item| item.record).chain(counted.again.iter().copied());
        let aware = self.revocations.keys().filter(|id| state.log().contains(id)).copied().collect();
        let (changes, records) = (changes.collect(), named.collect());
        self.places.insert(place, counted.commit);
        self.commits.insert(counted.commit, Written { place, past, aware, changes, records });
    }

    /// Notes a change that a restored device committed anew.
    pub fn note_adopted(&mut self, change: RecordId) {
        self.adopted.insert(change);
    }

    /// Notes that a device is taken out by one on which so many of its commits count.
    pub fn note_revocation(&mut self, id: OperationId, device: DeviceId, kept: u64, log: &DeviceLog) {
        let known =
            self.revocations.iter().filter(|(known, one)| one.device == device && log.contains(known));
        // Two who use the words on the same log make the same.
        let earlier = known.map(|(known, _)| *known).filter(|known| *known != id).collect();
        self.revocations.insert(id, Revoked { device, kept, earlier });
    }

    /// The commits that were not lost before anybody had them.
    fn commits_of(&self, state: &State) -> impl Iterator<Item = &Written> {
        let places = self.places.iter().filter(|((device, number), _)| state.head(device).0 >= *number);
        places.filter_map(|(_, commit)| self.commits.get(commit))
    }

    /// How many commits of a device count: of what each revocation keeps, or others built on who did not
    /// know of it, the least. `None` when it was not taken out.
    fn line(&self, device: &DeviceId, state: &State) -> Option<u64> {
        let of_it =
            self.revocations.iter().filter(|(id, one)| one.device == *device && state.log().contains(id));
        let of_it: Vec<_> = of_it.collect();
        let is_replaced = |id| of_it.iter().any(|(_, later)| later.earlier.contains(id));
        let lines = of_it.iter().filter(|(id, _)| !is_replaced(id)).map(|(id, Revoked { kept, .. })| {
            let others = self.commits_of(state).filter(|other| other.place.0 != *device);
            let unaware = others.filter(|other| !other.aware.contains(id));
            let vouched = unaware.filter_map(|other| other.past.get(device)).max().copied().unwrap_or(0);
            vouched.max(*kept)
        });
        lines.min()
    }

    /// Checks that just that is in quarantine of a device which the rule puts there; gives it.
    ///
    /// # Errors
    /// When something else is.
    pub fn check_quarantine(
        &self,
        device: &DeviceId,
        state: &State,
    ) -> Result<BTreeSet<RecordId>, Violation> {
        let Some(line) = self.line(device, state) else { return Ok(BTreeSet::new()) };
        let by_others: BTreeSet<RecordId> = self
            .commits_of(state)
            .filter(|commit| commit.place.0 != *device)
            .flat_map(|commit| commit.records.iter().copied())
            .collect();
        let late = self.commits_of(state).filter(|commit| commit.place.0 == *device && commit.place.1 > line);
        let late: BTreeSet<RecordId> = late
            .flat_map(|commit| commit.changes.iter().copied())
            .filter(|record| state.holds(record) && !by_others.contains(record))
            .collect();
        let found: BTreeSet<RecordId> = state.quarantined().iter().map(|change| change.record).collect();
        ensure(found == late, Check::Quarantine, || {
            format!("after {line} commits {late:?} should be in quarantine, and {found:?} is")
        })?;
        Ok(late)
    }

    /// The changes that were written by who knew that a device was out.
    pub fn written_since(&self, device: &DeviceId, state: &State) -> Vec<RecordId> {
        let is_of_it = |id: &OperationId| self.revocations.get(id).is_some_and(|one| one.device == *device);
        let since = self.commits_of(state).filter(|commit| commit.place.0 != *device);
        let since = since.filter(|commit| commit.aware.iter().any(is_of_it));
        let changes = since.flat_map(|commit| commit.changes.iter().copied());
        changes.filter(|change| !self.adopted.contains(change)).collect()
    }
}

/// Checks that who was taken out cannot read a record with what it holds.
///
/// # Errors
/// When it can.
pub fn check_unreadable(sealed: &[u8], state: &State, holds: &Keyring) -> Result<(), Violation> {
    let opened = open(sealed, state.space(), holds);
    ensure(matches!(opened, Err(OpenError::UnknownEpoch)), Check::Secrecy, || {
        format!("a device that was taken out reads what was written since: {opened:?}")
    })
}
