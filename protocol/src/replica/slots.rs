//! Short lists of rows of the table of records.

use std::slice;

use super::records::Slot;

/// Some slots, in the order in which they came: mostly one, as nearly all documents have one change.
/// One takes no memory of its own then, which a hundred thousand documents make worth it.
#[derive(Debug)]
pub(crate) enum Slots {
    /// Just one.
    One(Slot),
    /// Any other number.
    Many(Vec<Slot>),
}

impl Default for Slots {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl Slots {
    pub(crate) const fn as_slice(&self) -> &[Slot] {
        match self {
            Self::One(slot) => slice::from_ref(slot),
            Self::Many(slots) => slots.as_slice(),
        }
    }

    pub(crate) fn push(&mut self, slot: Slot) {
        match self {
            Self::One(first) => *self = Self::Many(vec![*first, slot]),
            Self::Many(slots) if slots.is_empty() => *self = Self::One(slot),
            Self::Many(slots) => slots.push(slot),
        }
    }

    pub(crate) fn retain(&mut self, keep: impl Fn(Slot) -> bool) {
        match self {
            Self::One(slot) if keep(*slot) => {}
            Self::One(_) => *self = Self::default(),
            Self::Many(slots) => {
                slots.retain(|slot| keep(*slot));
                if let [slot] = slots[..] {
                    *self = Self::One(slot);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        id::RecordId,
        replica::records::{Records, Row},
    };

    #[test]
    fn slots_come_back_in_order_however_many_there_are() {
        let mut records = Records::default();
        let some: Vec<Slot> = (0..4).map(|byte| records.want(RecordId::from_bytes([byte; 32]))).collect();
        let mut slots = Slots::default();
        for (count, slot) in some.iter().enumerate() {
            assert_eq!(slots.as_slice(), &some[..count]);
            slots.push(*slot);
        }
        records.drop(records.id(some[0]));
        records.drop(records.id(some[2]));
        slots.retain(|slot| records.row(slot) == Row::Wanted);
        assert_eq!(slots.as_slice(), [some[1], some[3]]);
        slots.retain(|slot| slot == some[3]);
        assert!(matches!(slots, Slots::One(slot) if slot == some[3]));
        slots.push(some[0]);
        assert_eq!(slots.as_slice(), [some[3], some[0]]);
        slots.retain(|_| false);
        assert!(slots.as_slice().is_empty());
    }
}
