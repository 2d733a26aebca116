//! The pieces of attachments that commits name and that are not held.

use std::collections::BTreeMap;

use super::records::Slot;
use crate::{id::DeviceId, session::frontier::Span};

/// Which they are, and how many of them each commit lacks: other devices are told by commits, again and
/// again, and there may be a hundred thousand pieces.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    commits: BTreeMap<Slot, (DeviceId, u64)>,
    lacking: BTreeMap<(DeviceId, u64), u32>,
}

impl Wanted {
    /// A commit names a piece that is not held. No other commit does, or it would be theirs.
    pub(super) fn insert(&mut self, slot: Slot, device: DeviceId, number: u64) {
        if self.commits.insert(slot, (device, number)).is_none() {
            *self.lacking.entry((device, number)).or_default() += 1;
        }
    }

    /// A piece came, or is not waited for any more; gives whose commit names it.
    pub(super) fn remove(&mut self, slot: Slot) -> Option<(DeviceId, u64)> {
        let commit = self.commits.remove(&slot)?;
        self.note_removed(commit);
        Some(commit)
    }

    fn note_removed(&mut self, commit: (DeviceId, u64)) {
        if let Some(left) = self.lacking.get_mut(&commit) {
            *left -= 1;
            if *left == 0 {
                self.lacking.remove(&commit);
            }
        }
    }

    /// The commits of a device that lack pieces.
    pub(super) fn spans(&self, device: &DeviceId) -> Vec<Span> {
        let mut spans: Vec<Span> = Vec::new();
        for ((_, number), _) in self.lacking.range((*device, 0)..=(*device, u64::MAX)) {
            match spans.last_mut() {
                Some(span) if span.last + 1 == *number => span.last = *number,
                _ => spans.push(Span { first: *number, last: *number }),
            }
        }
        spans
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replica::records::Records;

    #[test]
    fn commits_are_told_in_spans_and_left_out_with_their_last_piece() {
        let mut records = Records::default();
        let mut slot = |byte| records.want(crate::id::RecordId::from_bytes([byte; 32]));
        let (one, other) = (DeviceId::from_bytes([1; 32]), DeviceId::from_bytes([2; 32]));
        let mut wanted = Wanted::default();
        let slots: Vec<Slot> = (0..6).map(&mut slot).collect();
        for (slot, number) in slots.iter().zip([3, 3, 4, 5, 9]) {
            wanted.insert(*slot, one, number);
        }
        wanted.insert(slots[5], other, 4);
        let span = |first, last| Span { first, last };
        assert_eq!(wanted.spans(&one), [span(3, 5), span(9, 9)]);
        assert_eq!(wanted.remove(slots[0]), Some((one, 3)));
        assert_eq!(wanted.remove(slots[0]), None);
        assert_eq!(wanted.spans(&one), [span(3, 5), span(9, 9)], "it lacks another");
        wanted.remove(slots[1]);
        wanted.remove(slots[3]);
        assert_eq!(wanted.spans(&one), [span(4, 4), span(9, 9)]);
        assert_eq!((wanted.spans(&other), wanted.commits.len()), (vec![span(4, 4)], 3));
    }
}
