//! Drops: what is deleted.
//!
//! 1. A drop lists changes and attachments' pieces by name, signed by the keeper of the space. All of
//!    them count as held for the commits that name them. Commits and statements are never dropped,
//!    whatever a list says.
//! 2. Once the commit that the drop waits for counts, the records that are here go: out of the
//!    lists, out of every comparison, and out of the journal when its segment is rewritten. From then
//!    on those that come are refused. Before that they are taken: should the commit be lost with the
//!    device that wrote it, one device would refuse for ever what another one keeps. For the same
//!    reason they are taken again once that commit is put into quarantine.
//! 3. When they are in no file any more, the device says so by a receipt (`receipts.rs`). A drop that
//!    every device of the log has confirmed is *settled*.
//! 4. Settled drops are merged into one that lists all their records and waits for no commit. They
//!    cannot simply go: commits name the dropped records for ever, and a device that is enrolled next
//!    year must be able to tell "deleted" from "withheld". What stays is 32 bytes for each, beside a
//!    commit of ten times that.
//! 5. A drop goes once another that takes effect at once lists all that it lists. That is judged by
//!    the lists alone and not by what a drop says it replaces: in whatever order drops come, and
//!    whichever of them somebody never saw, the same ones stay.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::{
    records::{Class, Row, Slot},
    state::{Effects, Refusal, State},
};
use crate::{
    id::{CommitId, DocumentId, DropId, RecordId, StatementId},
    limits::{MAX_DROP_IDS, MAX_DROPS},
    record::{DropError, DropStatement, Payload},
    signed::Signed,
};

/// The drops of a space.
#[derive(Debug, Default)]
pub(super) struct Drops {
    drops: BTreeMap<DropId, Held>,
    /// Records that a drop lists and that are held but are no changes, or are waited for as pieces.
    listed: HashSet<Slot>,
    /// Drops that were open again after they had taken effect, since the journal was last searched: what they
    /// list may have been taken again.
    reopened: BTreeSet<DropId>,
}

impl Drops {
    /// Notes that a record that a drop lists came to be held.
    pub(super) fn note_listed(&mut self, slot: Slot) {
        self.listed.insert(slot);
    }

    /// Whether a drop lists a record that is held and no change, or waited for.
    pub(super) fn is_listed(&self, slot: Slot) -> bool {
        self.listed.contains(&slot)
    }

    /// Whether a dropped record may be taken again: no drop lists it that waits for no commit. Those are few
    /// and long, for they are merged ones: it is asked for each dropped name in each commit.
    pub(super) fn may_be_void(&self, slot: Slot) -> bool {
        !self.drops.values().any(|held| held.after.is_none() && held.lists(slot))
    }
}

#[derive(Debug)]
struct Held {
    record: Slot,
    after: Option<CommitId>,
    /// The records, sorted.
    slots: Box<[Slot]>,
    applied: bool,
}

impl Held {
    fn lists(&self, slot: Slot) -> bool {
        self.slots.binary_search(&slot).is_ok()
    }

    fn as_list(&self) -> List<'_> {
        List { after: self.after, slots: &self.slots, len: self.slots.len() }
    }
}

/// A list of records, as it is compared with others.
#[derive(Clone, Copy)]
struct List<'a> {
    after: Option<CommitId>,
    /// Those of its records that have a row, sorted.
    slots: &'a [Slot],
    /// How many it lists.
    len: usize,
}

impl List<'_> {
    /// Whether all that the other says is said here too, and sooner. Of two that say the same the
    /// first by name stays.
    fn covers(self, name: DropId, other: List<'_>, other_name: DropId) -> bool {
        let first = other.after.is_some() || self.len > other.len || name < other_name;
        self.after.is_none() && first && other.len <= self.slots.len() && other.is_within(self.slots)
    }

    fn is_within(self, slots: &[Slot]) -> bool {
        let mut rest = slots.iter();
        self.slots.len() == self.len && self.slots.iter().all(|slot| rest.any(|other| other == slot))
    }
}

impl State {
    /// Whether the keeper of this space states a drop.
    pub(super) fn check_drop(&self, statement: &Signed<DropStatement>) -> Result<(), DropError> {
        statement.check(self.space(), &self.recovery.recovery_keeper)
    }

    pub(super) fn insert_drop(
        &mut self,
        slot: Slot,
        statement: &Signed<DropStatement>,
        effects: &mut Effects,
    ) {
        let name = statement.id();
        if self.drops.drops.contains_key(&name) {
            return;
        }
        if let Err(error) = self.check_drop(statement) {
            return effects.refused.push(Refusal::Drop(error));
        }
        if self.is_covered(statement) {
            return self.forget(slot);
        }
        let covered = self.covered_by(statement);
        if self.drops.drops.len() - covered.len() >= MAX_DROPS {
            // It may hold, once others are merged: were it kept, it would never be judged again.
            self.forget(slot);
            return effects.refused.push(Refusal::Drop(DropError::Malformed));
        }
        let body = statement.body();
        let mut slots: Vec<Slot> = body.ids.iter().map(|id| self.records.list(*id)).collect();
        slots.sort_unstable();
        let is_other = |slot: &&Slot| match self.records.row(**slot) {
            Row::Held(_, class) => class != Class::Change,
            row => row == Row::Wanted,
        };
        self.drops.listed.extend(slots.iter().filter(is_other));
        let held = Held { record: slot, after: body.after, slots: slots.into(), applied: false };
        self.drops.drops.insert(name, held);
        self.note_statement(StatementId::from(name), slot);
        for name in covered {
            if let Some(covered) = self.drops.drops.remove(&name) {
                self.statements.remove(&StatementId::from(name));
                self.forget(covered.record);
            }
        }
        // A commit may have waited for a record that nobody has any more.
        self.count(effects);
    }

    fn known_slots(&self, body: &DropStatement) -> Vec<Slot> {
        let mut slots: Vec<Slot> = body.ids.iter().filter_map(|id| Some(self.records.find(id)?.0)).collect();
        slots.sort_unstable();
        slots
    }

    /// Whether a drop that is held says all that this one does.
    fn is_covered(&self, statement: &Signed<DropStatement>) -> bool {
        let (name, body) = (statement.id(), statement.body());
        let slots = self.known_slots(body);
        let list = List { after: body.after, slots: &slots, len: body.ids.len() };
        self.drops.drops.iter().any(|(other, held)| held.as_list().covers(*other, list, name))
    }

    /// The drops that say nothing any more once this one is held.
    fn covered_by(&self, statement: &Signed<DropStatement>) -> Vec<DropId> {
        let (name, body) = (statement.id(), statement.body());
        let slots = self.known_slots(body);
        let list = List { after: body.after, slots: &slots, len: body.ids.len() };
        let covered =
            self.drops.drops.iter().filter(|(other, held)| list.covers(name, held.as_list(), **other));
        covered.map(|(other, _)| *other).collect()
    }

    /// Whether what a statement says is superseded by what is held: it need not be stored.
    pub(super) fn is_superseded(&self, payload: &Payload) -> bool {
        match payload {
            Payload::Drop(statement) => self.is_covered(statement),
            Payload::Receipt(receipt) => self.has_newer_receipt(receipt),
            _ => false,
        }
    }

    /// How many more drops would be kept.
    pub(super) fn room_for_drops(&self) -> usize {
        MAX_DROPS.saturating_sub(self.drops.drops.len())
    }

    /// Whether a drop that waits for this commit takes effect: that one counts and is in no quarantine.
    pub(super) fn is_due(&self, after: Option<&CommitId>) -> bool {
        after.is_none_or(|commit| self.commit_counts(commit) == Some(true))
    }

    /// Lets the drops take effect whose commit counts. Once devices were revoked that waits for the lines
    /// of quarantine to be drawn: what a revoked device wanted gone too late, nobody may have any more.
    pub(super) fn apply_drops(&mut self, effects: &mut Effects) {
        let has_endings = self.roster().has_endings();
        self.apply_those(effects, |state, held| match &held.after {
            Some(commit) => !has_endings && state.is_due(Some(commit)),
            None => true,
        });
    }

    /// Lets the drops take effect whose commit counts and is in no quarantine.
    pub(super) fn carry_out_drops(&mut self, effects: &mut Effects) {
        self.apply_those(effects, |state, held| state.is_due(held.after.as_ref()));
    }

    /// Waits again with the drops whose commit was put into quarantine after they had taken effect here.
    /// What they list is taken if it comes, as by whoever heard of the quarantine first. Gives whether
    /// there are any.
    pub(super) fn reopen_drops(&mut self) -> bool {
        let is_void = |held: &Held| held.applied && !self.is_due(held.after.as_ref());
        let void: Vec<DropId> =
            self.drops.drops.iter().filter(|(_, held)| is_void(held)).map(|(name, _)| *name).collect();
        if void.is_empty() {
            return false;
        }
        let mut slots = BTreeSet::new();
        for name in void {
            if let Some(held) = self.drops.drops.get_mut(&name) {
                held.applied = false;
                slots.extend(held.slots.iter().copied());
                self.drops.reopened.insert(name);
            }
        }
        for slot in self.drops.drops.values().filter(|held| held.applied).flat_map(|held| &held.slots) {
            slots.remove(slot);
        }
        slots.retain(|slot| self.records.row(*slot) == Row::Dropped);
        self.expect_again(&slots);
        true
    }

    fn apply_those(&mut self, effects: &mut Effects, is_due: impl Fn(&Self, &Held) -> bool) {
        let all = self.drops.drops.iter();
        let names = all.filter(|(_, held)| !held.applied && is_due(self, held)).map(|(name, _)| *name);
        let names: Vec<DropId> = names.collect();
        let mut due = Vec::new();
        for name in names {
            if let Some(held) = self.drops.drops.get_mut(&name) {
                held.applied = true;
                due.extend_from_slice(&held.slots);
            }
        }
        let before = effects.dropped.len();
        for slot in due {
            // Commits and statements stay whatever a list says: chains are made of them.
            match self.records.row(slot) {
                Row::Held(_, Class::Change | Class::Chunk) => {
                    effects.dropped.push(self.records.id(slot));
                    self.discard(slot);
                }
                Row::Wanted | Row::Listed | Row::Absent => self.refuse(slot),
                Row::Held(..) | Row::Dropped => {}
            }
        }
        if effects.dropped.len() > before {
            self.forget_subjects();
        }
    }

    /// How many drops there are.
    #[must_use]
    pub fn drop_count(&self) -> usize {
        self.drops.drops.len()
    }

    /// Whether a drop lists a record that has not taken effect here: it may come, and may go.
    #[must_use]
    pub fn may_be_dropped(&self, record: &RecordId) -> bool {
        let Some((slot, _)) = self.records.find(record) else { return false };
        self.drops.drops.values().any(|held| !held.applied && held.lists(slot))
    }

    /// Whether a drop was open again after it had taken effect, since the journal was last searched for what
    /// was dropped.
    pub(super) fn was_reopened(&self, name: &DropId) -> bool {
        self.drops.reopened.contains(name)
    }

    /// Notes that the journal holds nothing that was dropped.
    pub(super) fn note_searched(&mut self) {
        self.drops.reopened.clear();
    }

    /// Whether a drop is held and has not taken effect here.
    pub(super) fn is_open(&self, name: &DropId) -> bool {
        self.drops.drops.get(name).is_some_and(|held| !held.applied)
    }

    /// The drops that have taken effect here, sorted.
    #[must_use]
    pub fn applied_drops(&self) -> Vec<DropId> {
        let applied = self.drops.drops.iter().filter(|(_, held)| held.applied);
        applied.map(|(name, _)| *name).collect()
    }

    /// Documents of which something is held that a drop lists whose commit is in quarantine: devices that
    /// did not know have carried it out, and lack what others hold. Devices of the owner give it to each
    /// other again; to those of others, who compare no records, folding such a document gives the same.
    #[must_use]
    pub fn wronged_documents(&self) -> BTreeSet<DocumentId> {
        let is_void = |after: &CommitId| self.commit_counts(after) == Some(false);
        let void = self.drops.drops.values().filter(|held| held.after.as_ref().is_some_and(is_void));
        let listed: BTreeSet<Slot> = void.flat_map(|held| &held.slots).copied().collect();
        if listed.is_empty() { BTreeSet::new() } else { self.documents_with_some_of(&listed) }
    }

    /// The drops that were stated with the forgetting of a document, and are not settled and merged.
    #[must_use]
    pub fn forgetting_drops(&self) -> Vec<DropId> {
        let forgetting = self.forgetting_changes();
        let forgets = |after: &CommitId| {
            let place = self.chains.place(after)?;
            Some(self.chains.at(place).records.iter().any(|slot| forgetting.contains(slot)))
        };
        let all = self.drops.drops.iter();
        let theirs = all.filter(|(_, held)| held.after.as_ref().and_then(forgets).unwrap_or(false));
        theirs.map(|(name, _)| *name).collect()
    }

    /// The records that a drop lists; none when it is not held here.
    pub fn listed_by(&self, name: &DropId) -> impl Iterator<Item = RecordId> {
        let slots = self.drops.drops.get(name).map_or(&[][..], |held| &held.slots);
        slots.iter().map(|slot| self.records.id(*slot))
    }

    /// The drops that every device has confirmed.
    #[must_use]
    pub fn settled_drops(&self) -> Vec<DropId> {
        let devices = self.roster().devices();
        let by_all = |name: &&DropId| {
            devices.keys().all(|device| self.confirmed_by(device).is_some_and(|set| set.contains(*name)))
        };
        self.drops.drops.keys().filter(by_all).copied().collect()
    }

    /// Records of settled drops that fit in one list, and the drops that it replaces; `None` when
    /// merging would save nothing.
    #[must_use]
    pub(super) fn mergeable(&self) -> Option<(Vec<RecordId>, Vec<DropId>)> {
        let (mut ids, mut replaces) = (BTreeSet::new(), Vec::new());
        for name in self.settled_drops() {
            let listed: Vec<RecordId> = self.listed_by(&name).collect();
            if ids.len() + listed.len() <= MAX_DROP_IDS {
                ids.extend(listed);
                replaces.push(name);
            }
        }
        (replaces.len() > 1).then(|| (ids.into_iter().collect(), replaces))
    }
}
