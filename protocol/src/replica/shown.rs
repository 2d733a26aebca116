//! What devices showed that are out, as this one knows: the root may have let them in again, and what shows
//! that may come in several frames, each of which alone says nothing.

use std::collections::{HashSet, VecDeque};

use crate::{
    id::{DeviceId, StatementId},
    limits::{MAX_SHOWN_DEVICES, MAX_SHOWN_LEN},
};

/// A statement's name and its record.
type Named = (StatementId, Vec<u8>);

/// Statements of devices that are out, in memory alone and in the order in which they came.
#[derive(Debug)]
pub(super) struct Shown(VecDeque<(DeviceId, Vec<Named>)>);

impl Shown {
    /// Nothing.
    pub(super) const fn new() -> Self {
        Self(VecDeque::new())
    }

    /// What a device showed before, and then these records.
    pub(super) fn with(&self, peer: &DeviceId, records: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let before = self.0.iter().filter(|(device, _)| device == peer).flat_map(|(_, shown)| shown);
        before.map(|(_, record)| record).chain(records).cloned().collect()
    }

    /// Keeps what a device showed, each once, in the place of what it had shown before, up to
    /// [`MAX_SHOWN_LEN`]. Past [`MAX_SHOWN_DEVICES`] the one that showed something longest ago is forgotten.
    pub(super) fn keep(&mut self, peer: DeviceId, mut statements: Vec<Named>) {
        self.forget(&peer);
        let mut seen = HashSet::new();
        statements.retain(|(name, _)| seen.insert(*name));
        let mut len = 0_usize;
        let fitting = statements.iter().take_while(|(_, record)| {
            len += record.len();
            len <= MAX_SHOWN_LEN
        });
        statements.truncate(fitting.count());
        self.0.push_back((peer, statements));
        if self.0.len() > MAX_SHOWN_DEVICES {
            self.0.pop_front();
        }
    }

    /// Forgets what a device showed.
    pub(super) fn forget(&mut self, peer: &DeviceId) {
        self.0.retain(|(device, _)| device != peer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn device(byte: u8) -> DeviceId {
        DeviceId::from_bytes([byte; 32])
    }

    fn named(byte: u8) -> Named {
        (StatementId::from_bytes([byte; 32]), vec![byte; 100_000])
    }

    #[test]
    fn what_is_shown_is_kept_once_and_within_bounds() {
        let mut shown = Shown::new();
        shown.keep(device(1), vec![named(1), named(2), named(1)]);
        let kept = shown.with(&device(1), &[vec![3]]);
        assert_eq!(kept, [named(1).1, named(2).1, vec![3]]);
        assert_eq!(shown.with(&device(2), &[vec![3]]), [[3]]);
        shown.keep(device(1), (0..100).map(named).collect());
        let kept = shown.with(&device(1), &[]);
        assert!(kept.iter().map(Vec::len).sum::<usize>() <= MAX_SHOWN_LEN && kept[0] == named(0).1);
        let others = 2..=u8::try_from(MAX_SHOWN_DEVICES).unwrap() + 1;
        others.for_each(|byte| shown.keep(device(byte), vec![named(byte)]));
        assert!(shown.with(&device(1), &[]).is_empty() && !shown.with(&device(2), &[]).is_empty());
        shown.forget(&device(2));
        assert!(shown.with(&device(2), &[]).is_empty());
    }
}
