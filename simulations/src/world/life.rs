//! How devices begin, end and come back.

use musette_protocol::{record::Payload, schedule::Ending};

use super::{End, World};
use crate::{
    check::{Check, Violation},
    clock::Event,
    storage::Trouble,
    tally::Fault,
};

impl World {
    /// Enrols a device: the first by the root, another by any that is on. It is handed the epoch
    /// and the log, as pairing would do.
    pub(super) fn enrol(&mut self, number: usize) -> Result<(), Violation> {
        if self.devices[number].enrolled {
            return Ok(());
        }
        let sponsors: Vec<usize> =
            self.honest().iter().filter(|device| device.is_in()).map(|device| device.number).collect();
        let mut statements = vec![Payload::Epoch(self.person.statement().clone())];
        let mut granted = self.person.first_epoch();
        if number > 0 {
            let sponsor = match sponsors.len() {
                0 => None,
                len => Some(sponsors[self.dice.index(len)]),
            };
            if !sponsor.is_some_and(|sponsor| self.sponsor(sponsor, number).unwrap_or(false)) {
                self.schedule(1_000, Event::Enrol { device: number });
                return Ok(());
            }
            let sponsor = &mut self.devices[sponsor.unwrap_or(0)];
            let log = sponsor.state().log();
            statements.extend(log.in_order().into_iter().cloned().map(Payload::Operation));
            granted = sponsor.grant();
            sponsor.check_granted(&granted).map_err(unexpected)?;
            self.tally.check(Check::Grant);
            if granted.count() > 1 {
                self.tally.fault(Fault::LateDevice);
            }
        }
        self.devices[number].enrolled = true;
        self.devices[number].storage.keep_epochs(&granted);
        self.start(number)?;
        if number == 0 {
            let log = self.devices[0].state().log();
            let first = self.person.enrol(log, None, self.devices[0].key(), true);
            statements.push(Payload::Operation(first));
        }
        let device = &mut self.devices[number];
        let written = device.write_statements(statements, &mut self.dice, &self.ledger);
        written.and_then(|()| device.sync()).map_err(unexpected)?;
        self.tell(|_| format!("device {number} is enrolled"));
        self.introduce(number);
        Ok(())
    }

    /// Lets a device enrol another; false when its disk refuses.
    pub(super) fn sponsor(&mut self, sponsor: usize, number: usize) -> Result<bool, Violation> {
        let log = self.devices[sponsor].state().log();
        // Who is no admin device speaks for itself alone.
        let admin = Some(number) != self.plan.villain() || self.plan.revolts_at_ms.is_some();
        let [own, new] = [sponsor, number].map(|number| self.devices[number].key());
        let operation = self.person.enrol(log, Some(own), new, admin);
        let device = &mut self.devices[sponsor];
        let statements = vec![Payload::Operation(operation)];
        let written = device.write_statements(statements, &mut self.dice, &self.ledger);
        match written.and_then(|()| device.sync()) {
            Ok(_) => {
                self.pump_all(sponsor)?;
                Ok(true)
            }
            Err(Trouble::Full) => Ok(false),
            Err(Trouble::Stopped) => {
                self.tally.fault(Fault::SyncFailed);
                self.end(sponsor, End::PowerCut);
                Ok(false)
            }
            Err(Trouble::Broken(violation)) => Err(violation),
        }
    }

    pub(super) fn start(&mut self, number: usize) -> Result<(), Violation> {
        let device = &mut self.devices[number];
        if device.is_on() {
            return Ok(());
        }
        device.storage.repair();
        let started = device.start(&self.person, &mut self.dice, &self.ledger, &mut self.tally);
        match started {
            Ok(()) => {
                let (now_ms, wall) = (self.clock.now_ms(), self.wall(number));
                self.devices[number].scheduler.start(now_ms, wall)?;
                self.tally.check(Check::Usage);
                self.tell(|_| format!("device {number} starts"));
                self.announce(number);
            }
            Err(Trouble::Full) => {
                device.stop();
                self.schedule(500, Event::Return { device: number });
            }
            Err(trouble) => return Err(unexpected(trouble)),
        }
        Ok(())
    }

    pub(super) fn end(&mut self, number: usize, how: End) {
        self.tell(|_| format!("device {number} ends: {how:?}"));
        self.devices[number].scheduler.stop();
        for connection_number in self.network.select(|connection| connection.ends.contains(&number)) {
            let side = self
                .network
                .get(connection_number)
                .map_or(0, |connection| usize::from(connection.ends[1] == number));
            self.abandon(connection_number, side, Ending::Lost);
        }
        self.devices[number].excuse_late(&mut self.ledger);
        self.devices[number].stop();
        if how == End::PowerCut {
            self.devices[number].storage.power_cut(&mut self.dice);
        }
        self.schedule_within(4_000, Event::Return { device: number });
    }

    /// What a device does when its disk refused a peer's records or failed.
    pub(super) fn suffer(&mut self, number: usize, trouble: Trouble) -> Result<(), Violation> {
        match trouble {
            Trouble::Broken(violation) => return Err(violation),
            Trouble::Full => {
                self.tally.fault(Fault::IngestRefused);
                self.tell(|_| format!("device {number} has no room for what a peer sent"));
            }
            Trouble::Stopped => {
                self.tally.fault(Fault::SyncFailed);
                self.end(number, End::PowerCut);
            }
        }
        Ok(())
    }
}

pub(super) fn unexpected(trouble: Trouble) -> Violation {
    match trouble {
        Trouble::Broken(violation) => violation,
        other => Violation::new(Check::Durability, format!("a healthy disk refuses: {other:?}")),
    }
}
