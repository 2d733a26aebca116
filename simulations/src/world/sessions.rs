//! How sessions begin and end, and what schedules are told of it.

use musette_protocol::{
    id::DeviceId,
    schedule::{Contact, Ending, NotNow, Standing},
};

use super::{World, traffic::DEADLINE_MS};
use crate::{
    check::Violation,
    clock::Event,
    options::Breakage,
    scheduler::Transport,
    tally::{Chore, Fault},
};

/// How long a refusal may take to leave.
const FAREWELL_MS: u64 = 1_000;

impl World {
    /// The other side proved to be a device.
    pub(super) fn begin_session(
        &mut self,
        number: u64,
        side: usize,
        peer: DeviceId,
    ) -> Result<(), Violation> {
        let Some(connection) = self.network.get(number) else { return Ok(()) };
        let (device, transports) = (connection.ends[side], connection.transports);
        let transport = transports[1 - side];
        let dialer = if side == 0 { self.devices[device].id } else { peer };
        let since_ms = self.moment(device).elapsed_ms;
        let standing = Standing { is_relayed: false, dialer, binding: binding(transports), since_ms };
        let scheduler = &mut self.devices[device].scheduler;
        if scheduler.refusal().is_some() {
            scheduler.account.note_closed(number);
            return self.leave(number, device);
        }
        if scheduler.outlasts(&peer, &standing) {
            self.tally.fault(Fault::SecondConnection);
            self.hang_up(number, side, Ending::Lost);
            return Ok(());
        }
        let before = scheduler.register(peer, number, standing);
        scheduler.account.note_connected(peer);
        let dialled = scheduler.dialled_as(number);
        self.tell(|_| format!("device {device} has a session with {}: {number}", peer.short()));
        self.inform(device, |schedule, moment| schedule.handle_connected(moment, peer, Some(transport)));
        if let Some(before) = before {
            self.tally.fault(Fault::SecondConnection);
            self.hang_up_of(before, device, Ending::Lost);
        }
        if let Some(contact) = dialled {
            if matches!(contact, Contact::Neighbour(_)) {
                self.tally.chore(Chore::Meet);
            }
            self.learn(device, peer);
        }
        Ok(())
    }

    /// A device learns where another one can be dialled.
    pub(super) fn learn(&mut self, number: usize, id: DeviceId) {
        let moment = self.moment(number);
        let scheduler = &mut self.devices[number].scheduler;
        if !scheduler.has_address(&id) {
            scheduler.change_addresses(moment, |addresses| {
                addresses.insert(id);
            });
        }
    }

    /// A device ends a conversation, saying why if nothing may flow.
    pub(super) fn leave(&mut self, number: u64, device: usize) -> Result<(), Violation> {
        let refusal = self.devices[device].scheduler.refusal();
        let Some(connection) = self.network.get(number) else { return Ok(()) };
        let Some(side) = connection.side_of(device).filter(|side| connection.is_open(*side)) else {
            return Ok(());
        };
        let Some(not_now) = refusal else {
            self.hang_up(number, side, Ending::Lost);
            return Ok(());
        };
        connection.sessions[side].leave(not_now);
        connection.exchanges[side].note_occasion();
        connection.leave(side);
        self.schedule(FAREWELL_MS, Event::Farewell { connection: number, side });
        self.pump(number)
    }

    /// The other side does not want to talk now.
    pub(super) fn told_not_now(&mut self, number: u64, side: usize, not_now: NotNow) {
        self.tally.fault(Fault::NotNow);
        self.tell(|_| format!("connection {number}: side {side} is told {not_now:?}"));
        self.hang_up(number, side, Ending::NotNow { until: not_now.until });
    }

    /// A side that leaves has had time enough.
    pub(super) fn end_farewell(&mut self, number: u64, side: usize) {
        if self.network.get(number).is_some_and(|connection| connection.is_open(side)) {
            self.hang_up(number, side, Ending::Lost);
        }
    }

    fn hang_up_of(&mut self, number: u64, device: usize, ending: Ending) {
        if let Some(side) = self.network.get(number).and_then(|connection| connection.side_of(device)) {
            self.hang_up(number, side, ending);
        }
    }

    /// A side closes a connection. The other hears of it after all that was said before.
    pub(super) fn hang_up(&mut self, number: u64, side: usize, ending: Ending) {
        let Some(connection) = self.network.get(number) else { return };
        let (device, link) = (connection.ends[side], connection.link);
        let earliest_ms = self.clock.now_ms() + self.network.links[link].latency_ms;
        let heard_ms =
            self.network.get(number).and_then(|connection| connection.end_arrival_ms(1 - side, earliest_ms));
        self.network.close(number, side);
        let heard_ms = heard_ms.unwrap_or(self.clock.now_ms() + DEADLINE_MS);
        self.clock.schedule_at(heard_ms + 1, Event::Notice { connection: number });
        self.tell_ended(device, number, ending);
    }

    /// One side loses a connection. The other hears of it, later.
    pub(super) fn abandon(&mut self, number: u64, side: usize, ending: Ending) {
        let Some(connection) = self.network.get(number) else { return };
        let device = connection.ends[side];
        self.network.close(number, side);
        self.tally.fault(Fault::ConnectionLost);
        self.schedule_within(DEADLINE_MS, Event::Notice { connection: number });
        self.tell_ended(device, number, ending);
    }

    /// Both sides lose a connection at once.
    pub(super) fn disconnect(&mut self, number: u64) {
        self.break_off(number, Ending::Lost);
    }

    /// Both sides lose a connection at once, by this.
    pub(super) fn break_off(&mut self, number: u64, ending: Ending) {
        if let Some((devices, lost)) = self.network.disconnect(number) {
            self.tally.fault(Fault::ConnectionLost);
            if lost > 0 {
                self.tally.fault(Fault::FramesLost);
            }
            devices.into_iter().for_each(|device| self.tell_ended(device, number, ending));
        }
    }

    /// A handshake that is not finished by now is given up.
    pub(super) fn end_handshake(&mut self, number: u64) {
        let is_late = |connection: &mut crate::network::Connection| {
            connection.sessions.iter().any(|session| session.peer().is_none())
        };
        if self.network.get(number).is_some_and(is_late) {
            self.disconnect(number);
        }
    }

    /// Tells a device's schedule how a connection ended for it. A bad device does not care how: it dials
    /// again at once.
    pub(super) fn tell_ended(&mut self, device: usize, connection: u64, ending: Ending) {
        let is_villain = self.is_villain(device);
        let ending = if is_villain { Ending::Lost } else { ending };
        let (session, dial) = self.devices[device].scheduler.forget(connection);
        let draw = self.draw();
        if let Some(id) = session {
            self.inform(device, |schedule, moment| schedule.handle_disconnected(moment, id, ending, draw));
        }
        if let Some(contact) = dial
            && !self.devices[device].is_broken(Breakage::ForgetDials)
        {
            self.inform(device, |schedule, moment| {
                schedule.handle_dial_failed(moment, &contact, ending, draw);
            });
        }
        let dialled = match dial {
            Some(Contact::Device(id)) => Some(id),
            _ => None,
        };
        let Some(id) = session.or(dialled) else { return };
        if is_villain {
            self.inform(device, |schedule, moment| schedule.handle_announced(moment, Contact::Device(id)));
        }
        let moment = self.moment(device);
        let scheduler = &mut self.devices[device].scheduler;
        if !scheduler.is_busy_with(&id) {
            scheduler.account.note_ended(moment, id, ending);
        }
    }
}

/// Names the transports at both ends, alike at both.
fn binding(transports: [Transport; 2]) -> [u8; 32] {
    let mut name = [0; 32];
    let numbers = transports.map(|Transport { device, start }| [device as u64, u64::from(start)]);
    for (place, number) in name.chunks_exact_mut(8).zip(numbers.as_flattened()) {
        place.copy_from_slice(&number.to_le_bytes());
    }
    name
}
