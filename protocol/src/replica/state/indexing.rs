//! What an index keeps of a state, and takes back.

use std::collections::HashMap;

use super::{Counted, Item, State, Subject, class_of};
use crate::{
    id::DeviceId,
    replica::{
        chains::{Entry, NewEntry},
        records::{Class, Row, Slot},
    },
};

impl State {
    /// Takes back a commit that an index kept; each comes after those it had seen.
    ///
    /// # Panics
    /// When it is not the next one of its device: the index is ours.
    pub fn restore(&mut self, counted: &Counted) {
        let record = self.records.hold(counted.record, counted.location, Class::Commit);
        let mut entry = NewEntry::new(counted.commit, record, counted.log_heads.clone());
        for item in &counted.items {
            let class = class_of(item.subject);
            let slot = self.records.hold(item.record, item.location, class);
            entry.add(slot, class);
            self.note_counted(slot, item.subject);
        }
        for record in &counted.wanted {
            let slot = self.records.want(*record);
            entry.add(slot, Class::Chunk);
            self.wanted.insert(slot, counted.device, counted.number);
        }
        for record in &counted.again {
            if let Some((slot, Row::Held(..) | Row::Wanted)) = self.records.find(record) {
                entry.add_again(slot);
            }
        }
        self.chains.push(counted.device, counted.number, &entry, &counted.seen);
        self.records.add_commit(&counted.commit);
    }

    /// Takes back a piece of an attachment that came after its commit, and gives whose commit that is
    /// and its number.
    pub fn restore_arrived(&mut self, item: &Item) -> Option<(DeviceId, u64)> {
        let (slot, Row::Wanted) = self.records.find(&item.record)? else { return None };
        self.records.hold(item.record, item.location, class_of(item.subject));
        self.note_counted(slot, item.subject);
        self.wanted.remove(slot)
    }

    /// Commits as an index keeps them, each after those it had seen.
    pub fn counted(&self) -> impl Iterator<Item = Counted> {
        let mut subjects = HashMap::new();
        for (document, slots) in &self.documents {
            subjects.extend(slots.as_slice().iter().map(|slot| (*slot, Subject::Document(*document))));
        }
        for (document, slots) in &self.forgotten {
            subjects.extend(slots.as_slice().iter().map(|slot| (*slot, Subject::Forgotten(*document))));
        }
        for (blob, chunks) in &self.blobs {
            subjects.extend(chunks.iter().map(|((index, _), slot)| (*slot, Subject::Blob(*blob, *index))));
        }
        subjects.extend(self.quarantine.subjects());
        self.chains.in_order().into_iter().filter_map(move |place| {
            let (device, number) = self.chains.owner(place);
            self.counted_of(device, number, &self.chains.at(place), &subjects)
        })
    }

    fn counted_of(
        &self,
        device: DeviceId,
        number: u64,
        entry: &Entry<'_>,
        subjects: &HashMap<Slot, Subject>,
    ) -> Option<Counted> {
        let item = |slot: &Slot| {
            let (record, location) = (self.records.id(*slot), self.records.location(*slot)?);
            Some(Item { record, location, subject: *subjects.get(slot)? })
        };
        let is_there = |slot: &Slot| matches!(self.records.row(*slot), Row::Held(..) | Row::Wanted);
        let wanted = |slot: &&Slot| self.records.row(**slot) == Row::Wanted;
        Some(Counted {
            device,
            number,
            commit: entry.commit,
            record: self.records.id(entry.record),
            location: self.records.location(entry.record)?,
            seen: entry.seen.iter().map(|place| self.chains.at(*place).commit).collect(),
            items: entry.records.iter().chain(entry.chunks).filter_map(item).collect(),
            wanted: entry.chunks.iter().filter(wanted).map(|slot| self.records.id(*slot)).collect(),
            again: entry
                .again
                .iter()
                .filter(|slot| is_there(slot))
                .map(|slot| self.records.id(*slot))
                .collect(),
            log_heads: self.chains.of(&device).new_log_heads(number).to_vec(),
        })
    }
}
