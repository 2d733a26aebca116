//! Receipts: which device has carried out which drops.
//!
//! A receipt is a device's word that the records of some drops are in no file of its journal any more
//! (`erasing.rs`). Of each device the newest holds. One of a device that the log does not hold yet waits
//! for the operation that enrols it.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    records::Slot,
    state::{Effects, Refusal, State},
};
use crate::{
    id::{DeviceId, DropId, StatementId},
    limits::MAX_FRONTIER_ENTRIES,
    record::Receipt,
    signed::Signed,
};

/// The receipts of a space.
#[derive(Debug, Default)]
pub(super) struct Receipts {
    newest: BTreeMap<DeviceId, Confirmed>,
    /// Of devices that the log does not hold yet.
    waiting: BTreeMap<DeviceId, (Signed<Receipt>, Slot)>,
}

#[derive(Debug)]
struct Confirmed {
    record: Slot,
    name: StatementId,
    number: u64,
    drops: BTreeSet<DropId>,
}

impl State {
    pub(super) fn insert_receipt(&mut self, slot: Slot, receipt: &Signed<Receipt>, effects: &mut Effects) {
        if receipt.check(self.space()).is_err() {
            return effects.refused.push(Refusal::Receipt);
        }
        if !self.roster().ever_knew(&receipt.body().device) {
            return self.let_receipt_wait(slot, receipt);
        }
        // Its place is taken by a newer one: nothing needs it.
        if self.has_newer_receipt(receipt) {
            return self.forget(slot);
        }
        let body = receipt.body();
        let name = StatementId::from_bytes(receipt.hash());
        let drops = body.drops.iter().copied().collect();
        let confirmed = Confirmed { record: slot, name, number: body.number, drops };
        self.note_statement(name, slot);
        if let Some(older) = self.receipts.newest.insert(body.device, confirmed) {
            self.statements.remove(&older.name);
            self.forget(older.record);
        }
    }

    /// Whether a receipt of the same device is held that is not older.
    pub(super) fn has_newer_receipt(&self, receipt: &Signed<Receipt>) -> bool {
        let name = StatementId::from_bytes(receipt.hash());
        let is_newer = |held: &Confirmed| (held.number, held.name) >= (receipt.body().number, name);
        self.receipts.newest.get(&receipt.body().device).is_some_and(is_newer)
    }

    /// Its device may be enrolled by an operation that comes later. Past the bound it is left aside.
    fn let_receipt_wait(&mut self, slot: Slot, receipt: &Signed<Receipt>) {
        let device = receipt.body().device;
        let before = self.receipts.waiting.get(&device);
        let is_newer = before.is_none_or(|(before, _)| receipt.is_newer_than(before));
        let has_room = before.is_some() || self.receipts.waiting.len() < MAX_FRONTIER_ENTRIES;
        if !is_newer || !has_room {
            return self.forget(slot);
        }
        if let Some((_, older)) = self.receipts.waiting.insert(device, (receipt.clone(), slot)) {
            self.forget(older);
        }
    }

    /// Takes in the receipts that waited for their device to be enrolled.
    pub(super) fn judge_receipts(&mut self, effects: &mut Effects) {
        for (receipt, slot) in std::mem::take(&mut self.receipts.waiting).into_values() {
            self.insert_receipt(slot, &receipt, effects);
        }
    }

    /// The number that a device's next receipt has.
    pub(super) fn next_receipt(&self, device: &DeviceId) -> u64 {
        self.receipts.newest.get(device).map_or(1, |receipt| receipt.number + 1)
    }

    /// The drops that a device has confirmed; `None` when it never wrote a receipt.
    #[must_use]
    pub fn confirmed_by(&self, device: &DeviceId) -> Option<&BTreeSet<DropId>> {
        self.receipts.newest.get(device).map(|receipt| &receipt.drops)
    }
}
