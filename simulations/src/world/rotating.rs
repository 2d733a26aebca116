//! When the person's own space gets another epoch.

use musette_protocol::time::Timestamp;

use super::World;
use crate::{
    device::Device,
    storage::Trouble,
    tally::{Chore, Fault},
};

/// How much later it is with each round of tidying in the second phase: one device's turn.
const ROUND_MS: i64 = 61_000;

impl World {
    /// What a device's calendar shows: in the first phase days go by in a second, and in the second one a
    /// minute with each round.
    fn calendar(&self, number: usize) -> Timestamp {
        let passed = if self.healing { self.first_phase_ms } else { self.clock.now_ms() };
        let passed = i64::try_from(passed).unwrap_or(0) * self.plan.calendar;
        let rounds = self.rounds * ROUND_MS;
        Timestamp::from_millis(super::work::EPOCH_MS + self.devices[number].wall_offset_ms + passed + rounds)
    }

    /// Starts an epoch on a device, if its turn has come; `None` if there is none to start.
    pub(super) fn rotate(&mut self, number: usize) -> Result<Option<Chore>, Trouble> {
        let now = self.calendar(number);
        let World { devices, person, dice, ledger, tally, network, .. } = self;
        let Some((heads, secret)) = devices[number].rotate(now, person, dice, ledger)? else {
            return Ok(None);
        };
        person.note_epoch(&secret);
        network.note_check(number);
        if heads > 1 {
            tally.fault(Fault::SeveralEpochs);
        }
        Ok(Some(Chore::Rotate))
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
