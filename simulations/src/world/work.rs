//! What people do, and when it becomes durable.

use musette_protocol::{id::DocumentId, time::Timestamp};

use super::World;
use crate::{
    check::{Check, Violation, convergence::check_agreement},
    clock::Event,
    storage::Trouble,
    tally::Fault,
    workload,
};

/// 2026-11-23: when the first phase begins, for those who look at a clock.
pub(super) const EPOCH_MS: i64 = 1_795_392_000_000;

/// People forget nothing while there are so few documents.
const FEW_DOCUMENTS: usize = 4;
/// One deed in so many is to forget something.
const FORGETS_ONE_IN: u64 = 24;

impl World {
    pub(super) fn work(&mut self, number: usize) -> Result<(), Violation> {
        self.schedule_within(self.plan.work_pause_ms, Event::Work { device: number });
        if !self.devices[number].is_on() {
            return Ok(());
        }
        if !self.devices[number].may_write() {
            self.tally.fault(Fault::NothingToWriteUnder);
            return Ok(());
        }
        let known = self.devices[number].documents.known();
        if known.len() > FEW_DOCUMENTS && self.dice.one_in(FORGETS_ONE_IN) {
            return self.forget(number, &known);
        }
        let deed = workload::draw(&mut self.dice, &known, &mut self.markers);
        self.tell(|_| format!("device {number} writes {deed}"));
        let now = self.time_of_writing(number);
        let device = &mut self.devices[number];
        match device.write(deed, now, &mut self.dice, &mut self.ledger) {
            Ok(written) => {
                self.tally.acts += written;
                self.expect_sync(number);
            }
            Err(Trouble::Full) => {
                self.tally.fault(Fault::WriteRefused);
                self.tell(|_| format!("device {number} has no room for it"));
            }
            Err(trouble) => self.suffer(number, trouble)?,
        }
        Ok(())
    }

    /// A person forgets one or two of the documents that are shown.
    fn forget(&mut self, number: usize, known: &[(DocumentId, &'static str)]) -> Result<(), Violation> {
        let mut chosen: Vec<DocumentId> =
            (0..=self.dice.index(2)).map(|_| known[self.dice.index(known.len())].0).collect();
        chosen.dedup();
        self.tell(|_| format!("device {number} forgets {chosen:?}"));
        // A bad one does not use the keeper's seed.
        let keeper = (Some(number) != self.plan.villain()).then(|| self.person.keeper());
        match self.devices[number].forget(&chosen, keeper, &mut self.dice, &mut self.ledger) {
            Ok(()) => {
                self.tally.fault(Fault::Forgotten);
                self.network.note_occasion(number);
                self.expect_sync(number);
            }
            Err(Trouble::Full) => self.tally.fault(Fault::WriteRefused),
            Err(trouble) => self.suffer(number, trouble)?,
        }
        Ok(())
    }

    /// What a device's clock shows to who writes.
    fn time_of_writing(&mut self, number: usize) -> Timestamp {
        if std::mem::take(&mut self.devices[number].clock_jumped) {
            self.tally.fault(Fault::ClockJump);
        }
        self.wall(number)
    }

    /// The group commit: one sync some time after the first write.
    pub(super) fn expect_sync(&mut self, number: usize) {
        let mut in_ms = self.dice.between(0, self.plan.sync_delay_ms);
        if self.devices[number].slow_until_ms > self.clock.now_ms() {
            self.tally.fault(Fault::SlowDisk);
            in_ms += self.dice.between(1_000, 5_000);
        }
        self.schedule(in_ms, Event::Sync { device: number });
    }

    pub(super) fn sync(&mut self, number: usize) -> Result<(), Violation> {
        let device = &mut self.devices[number];
        if !device.is_on() || !device.dirty {
            return Ok(());
        }
        match device.sync() {
            Ok(_) => {
                // A node that ends between the two starts with what the journal tells.
                if !self.dice.one_in(8) && !self.devices[number].keep_epochs() {
                    self.tally.fault(Fault::VaultRefused);
                }
                if self.dice.one_in(8) {
                    self.devices[number].keep_index();
                }
                self.compare(number)?;
                self.pump_all(number)
            }
            Err(trouble) => self.suffer(number, trouble),
        }
    }

    /// Compares a device with another one, now and then: it costs both all their views.
    pub(super) fn compare(&mut self, number: usize) -> Result<(), Violation> {
        let other = self.dice.index(self.plan.devices);
        if other == number
            || Some(number) == self.plan.villain()
            // Who is out shows its own work all the same.
            || ![number, other].iter().all(|number| self.devices[*number].is_in())
            || !self.dice.one_in(4)
        {
            return Ok(());
        }
        let [left, right] = self.devices.get_disjoint_mut([number, other]).expect("two devices");
        if check_agreement(left, right, &mut self.dice)? {
            self.tally.check(Check::Agreement);
        }
        Ok(())
    }
}
