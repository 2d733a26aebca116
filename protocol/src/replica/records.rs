//! The table of records: one row for each that is held, was dropped, or is waited for.
//!
//! Hundreds of thousands of records are a normal Musette, so everything else names a record by its
//! row, a [`Slot`] of four bytes, and finds name and place here. Rows are never removed: a dropped
//! record's row is what keeps it from coming back. So a row is kept as small as can be: 32 bytes of
//! name, twelve of what is known, and five to ten in the table that finds it.

use std::collections::{BTreeMap, BTreeSet};

use super::names::ByName;
use crate::{
    id::{CommitId, RecordId},
    journal::{FRAME_HEAD_LEN, Location, SegmentNumber},
};

/// A row of the table.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Slot(u32);

impl Slot {
    const fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a held record is, as far as syncing must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// A change of a document.
    Change,
    /// A piece of an attachment: fetched on demand, and no part of any comparison of sets.
    Chunk,
    /// A commit.
    Commit,
    /// Something that counts by its own signature: an epoch, a log operation, a drop, a receipt.
    Statement,
}

/// What is known of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Row {
    /// It lies there.
    Held(Location, Class),
    /// A counted commit names it as an attachment's piece, and it is not here.
    Wanted,
    /// It was dropped, and is refused from then on.
    Dropped,
    /// It is not here, and a drop that has not taken effect lists it: it counts as held for the commits
    /// that name it, and is taken if it comes.
    Listed,
    /// Nothing follows from it: what it said is superseded, it was left aside and may come again, or only
    /// its name came yet.
    Absent,
}

/// A [`Row`] in twelve bytes.
#[derive(Debug, Clone, Copy)]
struct Packed {
    /// 0 when the record is not held.
    segment: u32,
    offset: u32,
    /// The record's length, and in the last three bits which row it is.
    len_and_tag: u32,
}

/// The table. Each slot is a place in `ids` and in `rows`.
#[derive(Debug, Default)]
pub(crate) struct Records {
    ids: Vec<RecordId>,
    rows: Vec<Packed>,
    slots: ByName<Slot>,
    live: BTreeMap<SegmentNumber, u64>,
    /// Segments in which records lay that were dropped since this was last taken.
    graves: BTreeSet<SegmentNumber>,
    digest: Digest,
}

impl From<Row> for Packed {
    fn from(row: Row) -> Self {
        let without_place = |tag| Self { segment: 0, offset: 0, len_and_tag: tag };
        match row {
            Row::Wanted => without_place(0),
            Row::Dropped => without_place(1),
            Row::Absent => without_place(2),
            Row::Listed => without_place(7),
            Row::Held(location, class) => {
                let tag = match class {
                    Class::Change => 3,
                    Class::Chunk => 4,
                    Class::Commit => 5,
                    Class::Statement => 6,
                };
                assert!(location.len >> 29 == 0, "a record has at most MAX_RECORD_LEN bytes");
                let offset = u32::try_from(location.offset).expect("a segment is far shorter than 4 GiB");
                Self { segment: location.segment.get(), offset, len_and_tag: location.len << 3 | tag }
            }
        }
    }
}

impl From<Packed> for Row {
    fn from(packed: Packed) -> Self {
        let class = match packed.len_and_tag & 0b111 {
            0 => return Self::Wanted,
            1 => return Self::Dropped,
            2 => return Self::Absent,
            7 => return Self::Listed,
            3 => Class::Change,
            4 => Class::Chunk,
            5 => Class::Commit,
            _ => Class::Statement,
        };
        let segment = SegmentNumber::new(packed.segment).expect("what is held lies in a segment");
        let (offset, len) = (u64::from(packed.offset), packed.len_and_tag >> 3);
        Self::Held(Location { segment, offset, len }, class)
    }
}

/// A sum over the names of a set of records, modulo 2^256: the same whatever their order, and kept up
/// to date for each record that comes or goes. A change's name is its record's; a commit has one of its
/// own, since it may be held under different seals ([`Records::add_commit`]).
///
/// A member could craft records so that two sets have one sum. It would hide its own records from
/// the safety net, no more: what counts is compared by frontiers.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Digest([u64; 4]);

impl Digest {
    fn add(&mut self, name: &[u8; 32]) {
        let mut carry = false;
        for (limb, word) in self.0.iter_mut().zip(words(name)) {
            (*limb, carry) = carrying(*limb, word, carry, u64::overflowing_add);
        }
    }

    fn remove(&mut self, name: &[u8; 32]) {
        let mut borrow = false;
        for (limb, word) in self.0.iter_mut().zip(words(name)) {
            (*limb, borrow) = carrying(*limb, word, borrow, u64::overflowing_sub);
        }
    }

    pub(crate) fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (part, limb) in bytes.chunks_exact_mut(8).zip(self.0) {
            part.copy_from_slice(&limb.to_le_bytes());
        }
        bytes
    }
}

fn words(name: &[u8; 32]) -> impl Iterator<Item = u64> {
    name.chunks_exact(8).map(|part| u64::from_le_bytes(part.try_into().expect("8 bytes")))
}

fn carrying(limb: u64, word: u64, carry: bool, step: impl Fn(u64, u64) -> (u64, bool)) -> (u64, bool) {
    let (sum, first) = step(limb, word);
    let (sum, second) = step(sum, u64::from(carry));
    (sum, first || second)
}

impl Records {
    /// The row of a record.
    pub(crate) fn find(&self, id: &RecordId) -> Option<(Slot, Row)> {
        let slot = self.slots.find(id.as_bytes(), |slot| self.ids[slot.index()].as_bytes())?;
        Some((slot, self.row(slot)))
    }

    pub(crate) fn id(&self, slot: Slot) -> RecordId {
        self.ids[slot.index()]
    }

    pub(crate) fn row(&self, slot: Slot) -> Row {
        self.rows[slot.index()].into()
    }

    /// Puts a row in the place of the one before, and gives that one.
    fn set(&mut self, id: RecordId, row: Row) -> (Slot, Option<Row>) {
        if let Some((slot, before)) = self.find(&id) {
            self.rows[slot.index()] = row.into();
            return (slot, Some(before));
        }
        let slot = slot(self.ids.len());
        self.ids.push(id);
        self.rows.push(row.into());
        self.slots.insert(id.as_bytes(), slot, |slot| self.ids[slot.index()].as_bytes());
        (slot, None)
    }

    /// Where a record lies, if it is held.
    pub(crate) fn location(&self, slot: Slot) -> Option<Location> {
        match self.row(slot) {
            Row::Held(location, _) => Some(location),
            Row::Wanted | Row::Dropped | Row::Listed | Row::Absent => None,
        }
    }

    pub(crate) fn is_held(&self, slot: Slot) -> bool {
        matches!(self.row(slot), Row::Held(..))
    }

    /// Notes that a record is held, or lies elsewhere now.
    pub(crate) fn hold(&mut self, id: RecordId, location: Location, class: Class) -> Slot {
        let (slot, before) = self.set(id, Row::Held(location, class));
        if let Some(Row::Held(before, _)) = before {
            self.forget_bytes(before);
        } else if class == Class::Change {
            self.digest.add(id.as_bytes());
        }
        *self.live.entry(location.segment).or_default() += frame_len(location);
        slot
    }

    /// Notes that an attachment's piece is waited for, unless more is known of it.
    pub(crate) fn want(&mut self, id: RecordId) -> Slot {
        match self.find(&id) {
            None | Some((_, Row::Listed | Row::Absent)) => self.set(id, Row::Wanted).0,
            Some((slot, _)) => slot,
        }
    }

    /// The slot of a record of which something else may say more later.
    pub(crate) fn mention(&mut self, id: RecordId) -> Slot {
        self.find(&id).map_or_else(|| self.set(id, Row::Absent).0, |(slot, _)| slot)
    }

    /// Notes that a record was dropped, held or not.
    pub(crate) fn drop(&mut self, id: RecordId) -> Slot {
        if let Some((_, Row::Held(location, _))) = self.find(&id) {
            self.graves.insert(location.segment);
        }
        self.take_out(id, Row::Dropped)
    }

    /// Notes that a record is not held any more, and that nothing follows from it.
    pub(crate) fn forget(&mut self, id: RecordId) -> Slot {
        self.take_out(id, Row::Absent)
    }

    fn take_out(&mut self, id: RecordId, row: Row) -> Slot {
        let (slot, before) = self.set(id, row);
        if let Some(Row::Held(location, class)) = before {
            self.forget_bytes(location);
            if class == Class::Change {
                self.digest.remove(id.as_bytes());
            }
        }
        slot
    }

    /// Notes that a drop lists a record, unless more is known of it.
    pub(crate) fn list(&mut self, id: RecordId) -> Slot {
        match self.find(&id) {
            None | Some((_, Row::Absent)) => self.set(id, Row::Listed).0,
            Some((slot, _)) => slot,
        }
    }

    /// Notes that a record is not held any more, and that a drop lists it.
    pub(crate) fn put_back_on_list(&mut self, id: RecordId) -> Slot {
        self.take_out(id, Row::Listed)
    }

    /// Notes that a dropped record was written again, which leaves bytes of it to be found.
    pub(crate) fn note_grave(&mut self, location: Location) {
        self.graves.insert(location.segment);
    }

    /// The segments in which records lay that were dropped since this was last asked.
    pub(crate) fn take_graves(&mut self) -> BTreeSet<SegmentNumber> {
        std::mem::take(&mut self.graves)
    }

    fn forget_bytes(&mut self, location: Location) {
        if let Some(bytes) = self.live.get_mut(&location.segment) {
            *bytes = bytes.saturating_sub(frame_len(location));
        }
    }

    /// Bytes of frames whose records are held, by segment.
    pub(crate) fn live_bytes(&self, segment: SegmentNumber) -> u64 {
        self.live.get(&segment).copied().unwrap_or(0)
    }

    /// Bytes of all records that are held.
    pub(crate) fn held_bytes(&self) -> u64 {
        self.held().map(|(_, _, location, _)| u64::from(location.len)).sum()
    }

    /// All records that are held.
    pub(crate) fn held(&self) -> impl Iterator<Item = (Slot, &RecordId, Location, Class)> {
        self.ids.iter().zip(&self.rows).enumerate().filter_map(|(index, (id, row))| match Row::from(*row) {
            Row::Held(location, class) => Some((slot(index), id, location, class)),
            Row::Wanted | Row::Dropped | Row::Listed | Row::Absent => None,
        })
    }

    /// The changes that are held.
    pub(crate) fn changes(&self) -> impl Iterator<Item = (Slot, &RecordId)> {
        self.held().filter(|(_, _, _, class)| *class == Class::Change).map(|(slot, id, _, _)| (slot, id))
    }

    /// Adds a commit that is held to the sum.
    pub(crate) fn add_commit(&mut self, name: &CommitId) {
        self.digest.add(name.as_bytes());
    }

    /// Takes a commit out of the sum that is held no more.
    pub(crate) fn remove_commit(&mut self, name: &CommitId) {
        self.digest.remove(name.as_bytes());
    }

    /// The sum over all changes and commits that are held.
    pub(crate) const fn digest(&self) -> Digest {
        self.digest
    }
}

fn frame_len(location: Location) -> u64 {
    FRAME_HEAD_LEN as u64 + u64::from(location.len)
}

fn slot(index: usize) -> Slot {
    Slot(u32::try_from(index).expect("a device holds fewer than four billion records"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(byte: u8) -> RecordId {
        RecordId::from_bytes([byte; 32])
    }

    fn location(segment: u32, len: u32) -> Location {
        Location { segment: SegmentNumber::new(segment).unwrap(), offset: 50, len }
    }

    #[test]
    fn the_digest_tells_sets_apart_whatever_the_order() {
        let (mut left, mut right) = (Records::default(), Records::default());
        for byte in 1..=255 {
            left.hold(id(byte), location(1, 9), Class::Change);
            right.hold(id(255 - (byte - 1)), location(1, 9), Class::Change);
        }
        assert_eq!(left.digest(), right.digest());
        left.drop(id(7));
        assert_ne!(left.digest(), right.digest());
        right.drop(id(7));
        assert_eq!(left.digest(), right.digest());
        left.add_commit(&CommitId::from_bytes([7; 32]));
        assert_ne!(left.digest(), right.digest());
        left.remove_commit(&CommitId::from_bytes([7; 32]));
        assert_eq!(left.digest(), right.digest());
    }

    #[test]
    fn a_packed_row_is_the_row_that_it_was() {
        let place =
            Location { segment: SegmentNumber::new(u32::MAX).unwrap(), offset: 0xffff_ffff, len: 1 << 20 };
        let mut rows = vec![Row::Wanted, Row::Dropped, Row::Listed, Row::Absent];
        for class in [Class::Change, Class::Chunk, Class::Commit, Class::Statement] {
            rows.extend([Row::Held(place, class), Row::Held(location(1, 0), class)]);
        }
        for row in rows {
            assert_eq!(Row::from(Packed::from(row)), row);
        }
        assert_eq!(size_of::<Packed>(), 12);
    }

    #[test]
    fn pieces_and_statements_are_no_part_of_the_digest() {
        let mut records = Records::default();
        records.hold(id(1), location(1, 9), Class::Chunk);
        records.hold(id(2), location(1, 9), Class::Statement);
        records.hold(id(3), location(1, 9), Class::Commit);
        assert_eq!(records.digest(), Digest::default());
        records.drop(id(1));
        assert_eq!(records.digest(), Digest::default());
    }

    #[test]
    fn live_bytes_follow_what_moves_and_goes() {
        let mut records = Records::default();
        let segment = |number| SegmentNumber::new(number).unwrap();
        records.hold(id(1), location(1, 100), Class::Change);
        records.hold(id(2), location(1, 100), Class::Change);
        records.hold(id(1), location(2, 100), Class::Change);
        assert_eq!(records.live_bytes(segment(1)), 116);
        records.drop(id(2));
        assert_eq!([records.live_bytes(segment(1)), records.live_bytes(segment(2))], [0, 116]);
    }

    #[test]
    fn what_was_dropped_is_not_wanted_again() {
        let mut records = Records::default();
        let slot = records.drop(id(1));
        assert_eq!(records.want(id(1)), slot);
        assert_eq!(records.row(slot), Row::Dropped);
        let held = records.hold(id(2), location(1, 9), Class::Change);
        assert_eq!(records.list(id(2)), held);
        assert!(records.is_held(held));
        let listed = records.list(id(3));
        assert_eq!(records.row(listed), Row::Listed);
        assert_eq!((records.want(id(3)), records.list(id(3))), (listed, listed));
        assert_eq!(records.row(listed), Row::Wanted, "who lists it says less than who wants it");
    }
}
