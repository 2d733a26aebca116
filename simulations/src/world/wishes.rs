//! What people want of syncing, and where they carry their devices.

use musette_protocol::schedule::{Contact, Ending, Pause, Schedule, Settings};

use super::World;
use crate::{
    check::{Check, Violation, ensure},
    clock::Event,
    scheduler::Transport,
    tally::Fault,
};

/// After so long all may flow again, at most.
const LIFTED_MS: u64 = 8_000;
/// Bytes that a day's budget leaves, at most.
const MAX_BUDGET_LEFT: u64 = 60_000;

impl World {
    pub(super) fn set(&mut self, number: usize, settings: Settings) {
        self.tell(|_| format!("device {number}: {settings:?}"));
        let moment = self.moment(number);
        self.devices[number].scheduler.set(moment, settings);
    }

    /// A person lets everything flow again, for whatever reason it did not.
    pub(super) fn lift(&mut self, number: usize) {
        self.set(number, Settings::default());
    }

    /// A pause, until some instant of the wall clock or until it is lifted.
    pub(super) fn pause(&mut self, number: usize) {
        self.tally.fault(Fault::Paused);
        let settings = self.devices[number].scheduler.settings();
        let pause = if self.dice.one_in(2) {
            let lasts = i64::try_from(self.dice.between(500, LIFTED_MS)).unwrap_or(0);
            Pause::Until(self.wall(number).plus_millis(lasts))
        } else {
            self.schedule_within(LIFTED_MS, Event::Lift { device: number });
            Pause::UntilResumed
        };
        self.set(number, Settings { pause: Some(pause), ..settings });
    }

    pub(super) fn meter(&mut self, number: usize) {
        self.tally.fault(Fault::Metered);
        let settings = self.devices[number].scheduler.settings();
        self.set(number, Settings { metered: true, ..settings });
        self.schedule_within(2 * LIFTED_MS, Event::Lift { device: number });
    }

    /// A budget of which little is left.
    pub(super) fn limit(&mut self, number: usize) {
        let scheduler = &self.devices[number].scheduler;
        let (settings, used) = (scheduler.settings(), scheduler.account.bytes());
        let budget = used + self.dice.between(1, MAX_BUDGET_LEFT);
        self.set(number, Settings { daily_budget: Some(budget), ..settings });
        self.schedule_within(2 * LIFTED_MS, Event::Lift { device: number });
    }

    /// A person wants everything to be compared now.
    pub(super) fn ask(&mut self, number: usize) -> Result<(), Violation> {
        let Some(asked) = self.inform(number, Schedule::handle_asked) else { return Ok(()) };
        let moment = self.moment(number);
        let account = &mut self.devices[number].scheduler.account;
        match asked {
            Ok(()) => account.note_news(moment),
            Err(not_now) => ensure(account.is_stopped(), Check::Redial, || {
                format!("a person is told {not_now:?} although all may flow")
            })?,
        }
        Ok(())
    }

    /// A device comes to another network: its connections are dead, and nobody there knows it yet.
    pub(super) fn carry_off(&mut self, number: usize) {
        self.tally.fault(Fault::NetworkChanged);
        self.tell(|_| format!("device {number} is in another network"));
        for connection_number in self.network.select(|connection| connection.side_of(number).is_some()) {
            let connection = self.network.get(connection_number);
            if let Some(side) = connection.and_then(|connection| connection.side_of(number)) {
                self.abandon(connection_number, side, Ending::Lost);
            }
        }
        self.hear_news(number);
        self.announce(number);
    }

    /// A device's own addresses changed.
    pub(super) fn hear_news(&mut self, number: usize) {
        let moment = self.moment(number);
        self.inform(number, Schedule::handle_network_changed);
        self.devices[number].scheduler.account.note_news(moment);
    }

    /// A device and its neighbours hear of each other.
    pub(super) fn announce(&mut self, number: usize) {
        for link in 0..self.network.links.len() {
            let ends = self.network.links[link].ends;
            let hears = self.network.links[link].local
                && ends.contains(&number)
                && !self.network.is_cut(link)
                && ends.iter().all(|end| self.devices[*end].is_on());
            if hears {
                for side in [0, 1] {
                    let neighbour = Contact::Neighbour(self.devices[ends[1 - side]].scheduler.transport());
                    self.inform(ends[side], |schedule, moment| schedule.handle_announced(moment, neighbour));
                }
            }
        }
    }

    /// Somebody else's node announces itself to a device: it may answer a dial, and refuse, or not.
    pub(super) fn announce_stranger(&mut self, number: usize) {
        self.tally.fault(Fault::StrangeNeighbour);
        let start = u32::from(self.draw() % 4);
        let neighbour = Contact::Neighbour(Transport { device: self.devices.len(), start });
        self.inform(number, |schedule, moment| schedule.handle_announced(moment, neighbour));
    }

    /// Who is to have another device's address has it from the time that both are enrolled.
    pub(super) fn introduce(&mut self, number: usize) {
        for link in 0..self.network.links.len() {
            let (ends, knows) = (self.network.links[link].ends, self.network.links[link].knows);
            let is_gone = |end: &usize| self.healing && Some(*end) == self.plan.villain();
            let is_there = |end: &usize| self.devices[*end].enrolled && !is_gone(end);
            if ends.contains(&number) && ends.iter().all(is_there) {
                for side in [0, 1].into_iter().filter(|side| knows[*side]) {
                    let id = self.devices[ends[1 - side]].id;
                    self.learn(ends[side], id);
                }
            }
        }
    }
}
