//! Invariant 6: what a device says it has dropped is in no file of its disk, and does not come back.
//!
//! Nobody is asked where it is: the files are searched for the bytes. What was dropped after a device
//! last searched its files is not among what it says.

use std::collections::{BTreeMap, BTreeSet};

use musette_protocol::{
    id::{DeviceId, RecordId},
    replica::State,
};

use super::{Check, Violation, ensure};
use crate::storage::Storage;

/// The end of a sealed record: a tag of its cipher, which no other record ends in.
type Tail = [u8; 16];

/// Records that were to be dropped, and how each ends.
#[derive(Debug, Default)]
pub struct Graves(BTreeMap<RecordId, Tail>);

impl Graves {
    /// Notes a sealed record that is about to be dropped.
    pub fn note(&mut self, record: RecordId, sealed: &[u8]) {
        if let Some(tail) = sealed.last_chunk() {
            self.0.insert(record, *tail);
        }
    }

    /// Whether it was noted.
    #[must_use]
    pub fn has(&self, record: &RecordId) -> bool {
        self.0.contains_key(record)
    }

    /// Checks that no file of a device holds what its receipt says it has dropped.
    ///
    /// # Errors
    /// When one does.
    pub fn check_erased(&self, device: &DeviceId, state: &State, storage: &Storage) -> Result<(), Violation> {
        let drops = state.confirmed_by(device).into_iter().flatten();
        let said = drops.flat_map(|drop| state.listed_by(drop));
        let needles = Needles::new(said.filter_map(|record| Some((*self.0.get(&record)?, record))));
        let found = storage.files().iter().find_map(|file| needles.find_in(file));
        ensure(found.is_none(), Check::Forgetting, || format!("{found:?} is still in a file"))
    }
}

/// Checks that what a device dropped is not held there again, but for what a revoked device wanted gone.
///
/// # Errors
/// When some of it came back.
pub fn check_stays_gone(gone: &BTreeSet<RecordId>, state: &State) -> Result<(), Violation> {
    let back = gone.iter().find(|record| state.holds(record) && !state.may_be_dropped(record));
    ensure(back.is_none(), Check::Forgetting, || format!("{back:?} was dropped and is held again"))
}

/// What to look for, all of it in one pass over a file.
struct Needles {
    /// Which pairs of first bytes there are.
    begins: Vec<bool>,
    whole: BTreeMap<Tail, RecordId>,
}

impl Needles {
    fn new(needles: impl Iterator<Item = (Tail, RecordId)>) -> Self {
        let mut all = Self { begins: vec![false; 1 << 16], whole: BTreeMap::new() };
        for (tail, record) in needles {
            all.begins[place(&tail)] = true;
            all.whole.insert(tail, record);
        }
        all
    }

    fn find_in(&self, file: &[u8]) -> Option<RecordId> {
        let windows = file.windows(size_of::<Tail>()).filter(|window| self.begins[place(window)]);
        windows.filter_map(|window| self.whole.get(window)).next().copied()
    }
}

fn place(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 8 | usize::from(bytes[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_for_is_found_wherever_it_lies() {
        let record = RecordId::from_bytes([7; 32]);
        let tail = *b"the last sixteen";
        let needles = Needles::new([(tail, record)].into_iter());
        for before in 0..20 {
            let file = [vec![b't'; before], tail.to_vec(), vec![0; 3]].concat();
            assert_eq!(needles.find_in(&file), Some(record));
        }
        assert_eq!(needles.find_in(&tail[..15]), None);
        assert_eq!(needles.find_in(b"the last sixteem and so on"), None);
    }
}
