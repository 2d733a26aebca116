//! When devices tidy, what may go wrong with it, and what must hold afterwards.

use musette_protocol::id::DeviceId;

use super::World;
use crate::{
    check::{Check, Violation, ensure},
    clock::Event,
    device::Device,
    storage::Trouble,
    tally::{Chore, Fault},
};

/// Rounds in which all devices tidy, and tell each other, until nothing is left to do: each may fold
/// what others wrote, erase segment by segment, confirm, and merge what the others confirmed.
const MAX_ROUNDS: usize = 40;

impl World {
    pub(super) fn tidy_now_and_then(&mut self, number: usize) -> Result<(), Violation> {
        self.schedule_within(self.plan.tidy_pause_ms, Event::Tidy { device: number });
        if self.devices[number].is_on() {
            self.tidy(number)?;
        }
        Ok(())
    }

    /// One step of a device's tidying; false when there was nothing to do.
    fn tidy(&mut self, number: usize) -> Result<bool, Violation> {
        let done = match self.try_tidying(number) {
            Ok(chore) => chore,
            Err(Trouble::Full) => {
                self.tally.fault(Fault::TidyingRefused);
                None
            }
            Err(trouble) => {
                self.suffer(number, trouble)?;
                return Ok(false);
            }
        };
        if let Some(chore) = done {
            self.tally.chore(chore);
            // To who is not known to be in, nothing is sent but that there are others now.
            self.network.note_occasion(number);
            self.tell(|_| format!("device {number}: {}", chore.name()));
        }
        if self.devices[number].dirty {
            self.expect_sync(number);
        } else {
            self.pump_all(number)?;
        }
        Ok(done.is_some())
    }

    fn try_tidying(&mut self, number: usize) -> Result<Option<Chore>, Trouble> {
        if Some(number) != self.plan.villain()
            && let Some(chore) = self.rotate(number)?
        {
            return Ok(Some(chore));
        }
        if !self.devices[number].may_write() {
            return Ok(None);
        }
        // A bad one that used the keeper's seed could have all data dropped, and nothing would hold.
        let World { devices, person, dice, ledger, tally, plan, .. } = self;
        let device = &mut devices[number];
        if device.forget_late(dice, ledger)? {
            return Ok(Some(Chore::DropForgotten));
        }
        if Some(number) != plan.villain() && device.drop_forgotten(person.keeper(), ledger)? {
            return Ok(Some(Chore::DropForgotten));
        }
        let is_elected = device.is_elected() && Some(number) != plan.villain();
        if is_elected && device.fold(plan.fold_from, person.keeper(), dice, ledger)? > 0 {
            tally.check(Check::Folding);
            return Ok(Some(Chore::Fold));
        }
        if (self.healing || self.dice.one_in(2)) && self.rewrite(number, Device::erase)? {
            while self.healing && self.rewrite(number, Device::erase)? {
                self.tally.chore(Chore::Erase);
            }
            return Ok(Some(Chore::Erase));
        }
        let World { devices, person, dice, ledger, tally, .. } = self;
        let device = &mut devices[number];
        if device.confirm(dice, ledger)? {
            ledger.graves.check_erased(&device.id, device.state(), &device.storage)?;
            tally.check(Check::Forgetting);
            return Ok(Some(Chore::Confirm));
        }
        if is_elected && device.merge(person.keeper(), ledger)? {
            return Ok(Some(Chore::Merge));
        }
        if !self.healing && self.dice.one_in(4) {
            let segment = self.dice.below(1 << 16);
            self.rewrite(number, |device, keep| device.rewrite_some(segment, keep))?;
            return Ok(Some(Chore::Rewrite));
        }
        Ok(None)
    }

    /// Rewrites a segment on a disk that may fail meanwhile, on whose failure the power is cut.
    fn rewrite<T>(
        &mut self,
        number: usize,
        rewrite: impl FnOnce(&mut Device, bool) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        let keep_index = self.dice.one_in(2);
        let device = &mut self.devices[number];
        let cut = !self.healing && self.dice.one_in(4);
        if cut {
            device.storage.fail_syncs_after(self.dice.below(6));
        }
        let rewritten = rewrite(device, keep_index);
        if matches!(rewritten, Err(Trouble::Stopped)) {
            self.tally.fault(Fault::CutRewriting);
        } else if cut {
            device.storage.repair();
        }
        rewritten
    }

    /// In the second phase: until no device has anything to fold, erase, confirm or merge.
    pub(super) fn tidy_until_nothing_is_left(&mut self) -> Result<(), Violation> {
        for _ in 0..MAX_ROUNDS {
            self.healed_at_ms = self.clock.now_ms();
            self.rounds += 1;
            let mut done = false;
            for number in 0..self.plan.devices {
                done |= self.tidy(number)?;
            }
            self.run_until_quiet()?;
            done |= self.is_epoch_due().map_err(super::life::unexpected)?;
            if !done && !self.end_waiting()? {
                return self.check_forgotten();
            }
        }
        Err(Violation::new(Check::Quiet, "devices go on tidying"))
    }

    /// Every device has erased and confirmed what was dropped there.
    fn check_forgotten(&mut self) -> Result<(), Violation> {
        let villain = self.plan.villain().map(|villain| self.devices[villain].id);
        let gone: Vec<DeviceId> = self.lost.iter().copied().chain(villain).collect();
        for device in &self.devices[..self.plan.devices] {
            let unconfirmed = device.has_unconfirmed_drops();
            ensure(!unconfirmed, Check::Forgetting, || format!("device {} confirms no drop", device.number))?;
            self.ledger.graves.check_erased(&device.id, device.state(), &device.storage)?;
            self.ledger.check_forgotten(device.state(), &gone)?;
            self.tally.check(Check::Forgetting);
        }
        Ok(())
    }
}
