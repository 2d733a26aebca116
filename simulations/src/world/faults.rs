//! What goes wrong in the first phase, and when.

use musette_protocol::schedule::Ending;

use super::{End, World};
use crate::{
    adversary::{stranger, tape, thief},
    check::{Check, Violation},
    clock::Event,
    storage::Trouble,
    tally::Fault,
};

/// A year.
const YEAR_MS: i64 = 365 * 24 * 3_600_000;

impl World {
    pub(super) fn strike(&mut self) -> Result<(), Violation> {
        self.schedule_within(self.plan.fault_pause_ms, Event::Strike);
        let number = self.dice.index(self.devices.len());
        match self.dice.below(30) {
            0 | 1 => self.lose_connection(),
            2 | 3 => self.lose_frame(),
            4 => self.part(),
            5 => self.deafen(),
            8..=10 => return self.provoke(),
            26..=29 if !self.is_villain(number) => self.want(number),
            26..=29 => {}
            _ if !self.devices[number].is_on() => {}
            6 => self.carry_off(number),
            7 => return self.ask(number),
            11..=13 => {
                self.tally.fault(Fault::PowerCut);
                self.end(number, End::PowerCut);
            }
            14 => {
                self.tally.fault(Fault::Kill);
                self.end(number, End::Kill);
            }
            15 | 16 => self.fill_disk(number),
            17 => {
                let syncs = self.dice.below(3);
                self.devices[number].storage.fail_syncs_after(syncs);
            }
            18 | 19 => {
                self.devices[number].slow_until_ms = self.clock.now_ms() + self.dice.between(500, 6_000);
            }
            20 | 21 => self.jump_clock(number),
            22 => return self.play_back(number),
            23 | 24 => {
                self.announce_stranger(number);
                return self.intrude(number, Fault::Stranger);
            }
            _ => return self.intrude(number, Fault::Thief),
        }
        Ok(())
    }

    /// One of the open connections.
    fn some_connection(&mut self) -> Option<u64> {
        let open = self.network.select(|_| true);
        if open.is_empty() { None } else { Some(open[self.dice.index(open.len())]) }
    }

    fn lose_connection(&mut self) {
        let Some(connection) = self.some_connection() else { return };
        self.tell(|_| format!("connection {connection} is lost"));
        match self.dice.below(3) {
            0 => self.disconnect(connection),
            side => self.abandon(connection, usize::from(side == 1), Ending::Lost),
        }
    }

    fn lose_frame(&mut self) {
        let Some(number) = self.some_connection() else { return };
        let side = self.dice.index(2);
        if let Some(connection) = self.network.get(number) {
            connection.silence(side, Fault::FrameVanished);
        }
    }

    /// One end of a link hears nothing for a while; the other hears all.
    fn deafen(&mut self) {
        let link = self.dice.index(self.network.links.len());
        let end = self.network.links[link].ends[self.dice.index(2)];
        self.tell(|_| format!("device {end} hears nothing over link {link}"));
        self.network.links[link].deaf = Some(end);
        for number in self.network.select(|connection| connection.link == link) {
            if let Some(connection) = self.network.get(number)
                && let Some(side) = connection.ends.iter().position(|other| *other == end)
            {
                connection.silence(side, Fault::OneWay);
            }
        }
        self.schedule_within(6_000, Event::Hear { link });
    }

    /// The bad device says something without a reason.
    fn provoke(&mut self) -> Result<(), Violation> {
        let Some(villain) = self.plan.villain().filter(|villain| self.devices[*villain].is_on()) else {
            return Ok(());
        };
        for number in self.network.select(|connection| connection.ends.contains(&villain)) {
            let Some(connection) = self.network.get(number) else { continue };
            let side = usize::from(connection.ends[1] == villain);
            if !connection.is_open(side) || !connection.has_room(side) {
                continue;
            }
            let frames = self.with_villain(number, side, |villain, scene| villain.provoke(scene));
            for frame in frames {
                self.note_vice();
                self.put_on_the_way(number, side, frame);
            }
        }
        Ok(())
    }

    fn jump_clock(&mut self, number: usize) {
        let far = if self.dice.one_in(2) { 40 * YEAR_MS } else { 12 * 3_600_000 };
        let by = self.dice.below(2 * far.unsigned_abs());
        let device = &mut self.devices[number];
        device.wall_offset_ms = i64::try_from(by).unwrap_or(0) - far;
        device.clock_jumped = true;
    }

    fn play_back(&mut self, number: usize) -> Result<(), Violation> {
        let Some(heard) = self.some_connection() else { return Ok(()) };
        let side = self.dice.index(2);
        let Some(tape) = self.network.get(heard).map(|connection| connection.tapes[side].clone()) else {
            return Ok(());
        };
        self.call(number, Fault::Tape, |world| {
            let World { devices, person, dice, ledger, .. } = world;
            tape::play(&tape, &mut devices[number], person, dice, ledger)
        })
    }

    fn intrude(&mut self, number: usize, who: Fault) -> Result<(), Violation> {
        self.call(number, who, |world| {
            let World { devices, person, dice, ledger, .. } = world;
            let call = if who == Fault::Thief { thief::call } else { stranger::call };
            call(&mut devices[number], person, dice, ledger)
        })
    }

    /// Somebody calls who is none of the person's devices.
    fn call(
        &mut self,
        number: usize,
        who: Fault,
        call: impl FnOnce(&mut Self) -> Result<(), Trouble>,
    ) -> Result<(), Violation> {
        let device = &self.devices[number];
        if device.dirty || Some(number) == self.plan.villain() || device.scheduler.refusal().is_some() {
            return Ok(());
        }
        self.tally.fault(who);
        self.tell(|_| format!("device {number}: {}", who.name()));
        let called = call(self);
        if self.devices[number].dirty {
            self.expect_sync(number);
        }
        match called {
            Ok(()) => {
                self.tally.check(Check::Intrusion);
                Ok(())
            }
            Err(trouble) => self.suffer(number, trouble),
        }
    }

    fn part(&mut self) {
        if self.network.is_parted() {
            return;
        }
        let parts: Vec<bool> = self.devices.iter().map(|_| self.dice.one_in(2)).collect();
        if parts.iter().all(|part| *part == parts[0]) {
            return;
        }
        self.tell(|_| format!("the network parts: {parts:?}"));
        self.network.part(parts);
        self.tally.fault(Fault::Partition);
        for link in 0..self.network.links.len() {
            if self.network.is_cut(link) {
                let across = self.network.select(|connection| connection.link == link);
                across.into_iter().for_each(|connection| self.disconnect(connection));
            }
        }
        self.schedule_within(8_000, Event::Mend);
    }

    pub(super) fn mend(&mut self) {
        self.tell(|_| "the network is whole again".to_owned());
        self.network.part(Vec::new());
        (0..self.devices.len()).for_each(|number| self.announce(number));
    }

    /// A person does not want everything to flow.
    fn want(&mut self, number: usize) {
        match self.dice.below(4) {
            0 => self.meter(number),
            1 => self.limit(number),
            _ => self.pause(number),
        }
    }

    fn fill_disk(&mut self, number: usize) {
        let room = self.dice.below(4_000);
        self.tell(|_| format!("device {number} has {room} bytes left"));
        self.devices[number].storage.fill(room);
        self.schedule_within(6_000, Event::MakeRoom { device: number });
    }
}
