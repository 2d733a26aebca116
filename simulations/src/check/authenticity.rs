//! Invariant 4: nothing counts that no entitled commit names.
//!
//! The ledger knows every commit that a device of the person really made. Whatever counts anywhere
//! must be among them, with just the records it named; whatever is shown must have been written.

use std::collections::{BTreeMap, BTreeSet};

use musette_crdt::view::ItemView;
use musette_protocol::{
    id::{CommitId, RecordId},
    replica::Counted,
};

use super::{Check, Violation, ensure};

/// What the person's devices really wrote.
#[derive(Debug, Default)]
pub struct Ledger {
    commits: BTreeMap<CommitId, BTreeSet<RecordId>>,
    markers: BTreeSet<String>,
}

impl Ledger {
    /// Notes a commit of a device of the person.
    pub fn note_commit(&mut self, counted: &Counted) {
        let records = counted.items.iter().map(|item| item.record).collect();
        self.commits.insert(counted.commit, records);
    }

    /// Notes a word that a person writes once.
    pub fn note_marker(&mut self, marker: &str) {
        self.markers.insert(marker.to_owned());
    }

    /// How many commits were made.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.commits.len() as u64
    }

    /// Checks what began to count on a device.
    ///
    /// # Errors
    /// When no device of the person made that commit, or it named other records.
    pub fn check_counted(&self, counted: &Counted) -> Result<(), Violation> {
        let records = self.commits.get(&counted.commit).ok_or_else(|| {
            Violation::new(Check::Authenticity, format!("{:?} was made by nobody", counted.commit))
        })?;
        let named = counted.items.iter().all(|item| records.contains(&item.record));
        ensure(named, Check::Authenticity, || format!("{:?} named other records", counted.commit))
    }

    /// Checks that everything shown was written by a person.
    ///
    /// # Errors
    /// When it was not.
    pub fn check_view(&self, view: &ItemView) -> Result<(), Violation> {
        let foreign = view.tags.iter().find(|tag| !self.markers.contains(*tag));
        ensure(foreign.is_none(), Check::Authenticity, || format!("{foreign:?} is shown but nobody wrote it"))
    }
}
