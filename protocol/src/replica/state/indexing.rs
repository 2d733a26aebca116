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
            match self.records.find(record) {
                // Dropped when they came to count, it may be a piece of several commits.
                Some((slot, Row::Wanted)) => entry.add_again(slot),
                _ => entry.add(self.want(*record, counted.device, counted.number), Class::Chunk),
            }
        }
        for record in &counted.listed {
            let slot = self.records.list(*record);
            entry.add(slot, Class::Change);
            if !self.records.is_held(slot) {
                self.expected.entry(slot).or_insert((counted.device, counted.number));
            }
        }
        for record in &counted.again {
            // By a commit that this one had not seen, and that may come later in the index.
            entry.add_again(self.records.mention(*record));
        }
        self.chains.push(counted.device, counted.number, &entry, &counted.seen);
        self.records.add_commit(&counted.commit);
    }

    /// Takes back what came after the commit that names it, and gives whose commit that is and its number.
    pub fn restore_arrived(&mut self, item: &Item) -> Option<(DeviceId, u64)> {
        let (slot, Row::Wanted | Row::Listed) = self.records.find(&item.record)? else { return None };
        let (wanted, expected) = (self.wanted.remove(slot), self.expected.remove(&slot));
        let class = class_of(item.subject);
        self.records.hold(item.record, item.location, class);
        self.note_counted(slot, item.subject);
        if class == Class::Chunk { wanted } else { expected }
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
            self.counted_of(device, number, &self.chains.at(place), &mut subjects)
        })
    }

    fn counted_of(
        &self,
        device: DeviceId,
        number: u64,
        entry: &Entry<'_>,
        subjects: &mut HashMap<Slot, Subject>,
    ) -> Option<Counted> {
        let mut counted = Counted {
            device,
            number,
            commit: entry.commit,
            record: self.records.id(entry.record),
            location: self.records.location(entry.record)?,
            seen: entry.seen.iter().map(|place| self.chains.at(*place).commit).collect(),
            items: Vec::with_capacity(entry.records.len() + entry.chunks.len()),
            wanted: Vec::new(),
            again: Vec::new(),
            listed: Vec::new(),
            log_heads: self.chains.of(&device).new_log_heads(number).to_vec(),
        };
        let records = entry.records.iter().map(|slot| (*slot, Class::Change));
        for (slot, named_as) in records.chain(entry.chunks.iter().map(|slot| (*slot, Class::Chunk))) {
            let (record, row) = (self.records.id(slot), self.records.row(slot));
            match row {
                Row::Held(location, class) if class == named_as => match subjects.remove(&slot) {
                    Some(subject) => counted.items.push(Item { record, location, subject }),
                    // By several commits, when it was not here: the first one made it count.
                    None => counted.again.push(record),
                },
                _ if !self.may_come(slot, row) => {}
                _ if named_as == Class::Chunk => counted.wanted.push(record),
                _ => counted.listed.push(record),
            }
        }
        let is_there = |slot: &Slot| match self.records.row(*slot) {
            Row::Held(..) => true,
            row => self.may_come(*slot, row),
        };
        let again = entry.again.iter().filter(|slot| is_there(slot));
        counted.again.extend(again.map(|slot| self.records.id(*slot)));
        Some(counted)
    }
}
