//! The second phase: everything is healed, and then everything must be well.

use musette_protocol::schedule::CHECK_EVERY_MS;

use super::World;
use crate::{
    check::{
        Check, Violation,
        convergence::{check_end, settled},
        ensure,
        termination::{Exchange, MAX_HEALING_MS, MAX_HEALING_STEPS},
    },
    device::Device,
};

/// How long devices that a fork keeps apart are watched, in virtual milliseconds.
const APART_MS: u64 = 10_000;

/// How long what was said before healing may still be on its way.
const IN_THE_AIR_MS: u64 = 10_000;

impl World {
    pub(super) fn heal(&mut self) -> Result<(), Violation> {
        self.healing = true;
        self.first_phase_ms = self.clock.now_ms();
        self.healed_at_ms = self.clock.now_ms();
        self.tell(|_| "everything is healed".to_owned());
        self.mend();
        self.network.links.iter_mut().for_each(|link| link.deaf = None);
        self.banish();
        for device in &mut self.devices {
            device.slow_until_ms = 0;
            device.storage.make_room();
            device.storage.repair();
        }
        for number in 0..self.plan.devices {
            if self.devices[number].enrolled {
                self.start(number)?;
            }
        }
        if !self.honest().iter().any(Device::is_in) {
            self.take_in_again_by(0)?;
        }
        for number in 0..self.plan.devices {
            self.enrol(number)?;
            self.lift(number);
        }
        // Otherwise whoever waits with a dial goes on waiting.
        if self.dice.one_in(2) {
            (0..self.plan.devices).for_each(|number| self.hear_news(number));
        }
        (0..self.plan.devices).for_each(|number| self.announce(number));
        self.settle()
    }

    pub(super) fn run_until_quiet(&mut self) -> Result<(), Violation> {
        self.settle()?;
        let (mut steps, mut patience_ms) = (0, MAX_HEALING_MS + self.longest_wait_ms());
        while !self.is_quiet() {
            let event = self.clock.advance().ok_or_else(|| {
                Violation::new(Check::Redial, "a session is missing, and nobody would ever dial")
            })?;
            steps += 1;
            let took_ms = self.clock.now_ms() - self.healed_at_ms;
            // Who was told *not now* by what was in the air begins to wait only then.
            if took_ms < IN_THE_AIR_MS {
                patience_ms = patience_ms.max(took_ms + MAX_HEALING_MS + self.longest_wait_ms());
            }
            ensure(steps < MAX_HEALING_STEPS && took_ms < patience_ms, Check::Quiet, || {
                format!("after {took_ms} ms and {steps} steps without a fault it still goes on")
            })?;
            self.step(event)?;
            if self.parted && took_ms > APART_MS {
                return Ok(());
            }
        }
        self.tally.check(Check::Quiet);
        Ok(())
    }

    /// Whether all sessions stand, and nothing is left to do but what schedules do now and then.
    fn is_quiet(&mut self) -> bool {
        self.clock.is_idle()
            && (0..self.network.links.len())
                .all(|link| self.network.links[link].ends.contains(&self.plan.devices) || self.stands(link))
    }

    /// Whether both ends of a link have the same session with each other.
    fn stands(&mut self, link: usize) -> bool {
        let [left, right] = self.network.links[link].ends.map(|end| &self.devices[end]);
        let sessions = [left.scheduler.session(&right.id), right.scheduler.session(&left.id)];
        let [Some(connection), Some(other)] = sessions else { return false };
        connection == other && self.network.get(connection).is_some_and(|connection| connection.is_whole())
    }

    /// How long the ends of some link may take until one dials the other.
    fn longest_wait_ms(&self) -> u64 {
        let wait_ms = |end: usize, other: usize| {
            let account = &self.devices[end].scheduler.account;
            account.wait_ms(self.moment(end), &self.devices[other].id)
        };
        let links = self.network.links.iter().map(|link| link.ends);
        let waits = links.map(|[left, right]| {
            let waits = [wait_ms(left, right), wait_ms(right, left)];
            waits.into_iter().flatten().min().unwrap_or(0)
        });
        waits.max().unwrap_or(0)
    }

    /// The periodic check, by all sessions and as often as a piece of an attachment may have to be
    /// passed on: who lacked it when it was asked for may have it by now.
    pub(super) fn check_periodically(&mut self) -> Result<(), Violation> {
        for _ in 0..self.plan.devices {
            self.checked.clear();
            let standing = self.network.select(|connection| connection.is_whole());
            let until_ms = self.clock.now_ms() + CHECK_EVERY_MS;
            while let Some(event) = self.clock.advance_to(until_ms) {
                self.step(event)?;
            }
            self.healed_at_ms = self.clock.now_ms();
            self.run_until_quiet()?;
            for number in standing {
                let still = self.network.get(number).is_some();
                for side in [0, 1].into_iter().filter(|_| still) {
                    ensure(self.checked.contains(&(number, side)), Check::Checked, || {
                        format!("connection {number} was not checked by side {side}")
                    })?;
                    self.tally.check(Check::Checked);
                }
            }
        }
        Ok(())
    }

    /// The bad device is gone: found, and switched off.
    fn banish(&mut self) {
        let Some(villain) = self.plan.villain() else { return };
        self.tell(|_| format!("device {villain} is gone"));
        let id = self.devices[villain].id;
        self.devices[villain].stop();
        self.villain = None;
        for connection in self.network.select(|connection| connection.ends.contains(&villain)) {
            self.disconnect(connection);
        }
        for number in 0..self.plan.devices {
            let moment = self.moment(number);
            self.devices[number].scheduler.change_addresses(moment, |addresses| {
                addresses.remove(&id);
            });
        }
    }

    pub(super) fn check_end(&mut self) -> Result<(), Violation> {
        let views = check_end(&mut self.devices[..self.plan.devices], &self.ledger, &mut self.dice)?;
        self.tally.check(Check::Convergence);
        for view in views.values() {
            self.ledger.check_view(view)?;
        }
        let unasked = self.ledger.forgotten_pieces(self.devices[0].state());
        for write in self.devices[..self.plan.devices].iter().flat_map(Device::acknowledged) {
            for device in &self.devices[..self.plan.devices] {
                write.check(device.state(), &unasked)?;
            }
            for (document, marker) in &write.markers {
                let shown = self.ledger.is_forgotten(document)
                    || views.get(document).is_some_and(|view| view.tags.contains(marker));
                ensure(shown, Check::Durability, || format!("{marker} was acknowledged and is not shown"))?;
            }
            self.tally.check(Check::Durability);
        }
        self.tally.documents = views.len() as u64;
        self.tally.conflicts = views.values().map(|view| view.conflicts.len() as u64).sum();
        Ok(())
    }

    pub(super) fn check_second_sync(&mut self) -> Result<(), Violation> {
        self.tell(|_| "everybody connects once more".to_owned());
        self.healed_at_ms = self.clock.now_ms();
        let before = settled(self.devices[0].state(), &self.ledger);
        for connection in self.network.select(|_| true) {
            self.disconnect(connection);
        }
        self.run_until_quiet()?;
        let open = self.network.select(|_| true);
        let is_honest = |ends: [usize; 2]| !ends.contains(&self.plan.devices);
        let links = self.network.links.iter().filter(|link| is_honest(link.ends)).count();
        ensure(open.len() == links, Check::Convergence, || "a link is down".to_owned())?;
        let sent =
            self.network.select(|connection| connection.exchanges.iter().any(Exchange::has_sent_records));
        ensure(sent.is_empty(), Check::SecondSync, || "records were sent again".to_owned())?;
        let unchanged = self.honest().iter().all(|device| settled(device.state(), &self.ledger) == before);
        ensure(unchanged, Check::SecondSync, || "something counts that did not before".to_owned())?;
        self.tally.check(Check::SecondSync);
        Ok(())
    }
}
