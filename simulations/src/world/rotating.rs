//! When the person's own space gets another epoch.

use musette_protocol::{crypto::secret::Secret32, time::Timestamp};

use super::World;
use crate::{
    device::Device,
    storage::Trouble,
    tally::{Chore, Fault},
};

/// How much later it is with each round of tidying in the second phase: one device's turn.
const ROUND_MS: i64 = 11_000;

impl World {
    /// What a device's calendar shows: in the first phase days go by in a second, and in the second one a
    /// turn with each round.
    fn calendar(&self, number: usize) -> Timestamp {
        let passed = if self.healing { self.first_phase_ms } else { self.clock.now_ms() };
        let passed = i64::try_from(passed).unwrap_or(0) * self.plan.calendar;
        let rounds = self.rounds * ROUND_MS;
        Timestamp::from_millis(super::work::EPOCH_MS + self.devices[number].wall_offset_ms + passed + rounds)
    }

    /// Starts an epoch on a device, if its turn has come; `None` if there is none to start.
    pub(super) fn rotate(&mut self, number: usize) -> Result<Option<Chore>, Trouble> {
        let now = self.calendar(number);
        let World { devices, person, dice, ledger, .. } = self;
        let begun = devices[number].rotate(now, person, dice, ledger)?;
        let is_begun = begun.is_some();
        self.note_epoch(number, begun);
        Ok(is_begun.then_some(Chore::Rotate))
    }

    /// A restored device goes on, and starts an epoch that is for it too.
    pub(super) fn go_on(&mut self, number: usize) -> Result<(), Trouble> {
        let World { devices, person, dice, ledger, .. } = self;
        devices[number].go_on(person, dice, ledger)?;
        let begun = devices[number].rotate_at_once(person, dice, ledger)?;
        self.note_epoch(number, begun);
        Ok(())
    }

    fn note_epoch(&mut self, number: usize, begun: Option<(usize, Secret32)>) {
        let Some((heads, secret)) = begun else { return };
        self.person.note_epoch(&secret);
        self.network.note_check(number);
        if heads > 1 {
            self.tally.fault(Fault::SeveralEpochs);
        }
    }

    /// Whether some device waits for its turn to start an epoch.
    pub(super) fn is_epoch_due(&mut self) -> Result<bool, Trouble> {
        let World { devices, person, plan, .. } = self;
        let mut due = false;
        for device in devices[..plan.devices].iter_mut().filter(|device| Device::is_on(device)) {
            due |= device.is_epoch_due(person)?;
        }
        Ok(due)
    }
}
