//! What the devices' schedules ask for, done as the node does it.

use musette_protocol::{
    id::DeviceId,
    schedule::{Contact, Effect, Ending, Flow, Moment, Schedule, StopReason},
    time::Timestamp,
};

use super::World;
use crate::{
    check::{Check, Violation, ensure},
    clock::Event,
    options::Breakage,
    scheduler::Transport,
    tally::{Chore, Fault},
};

/// After so long a dial that nobody answers is given up, at most.
const UNANSWERED_MS: u64 = 3_000;
/// So long a handshake may take.
const HANDSHAKE_MS: u64 = 20_000;

impl World {
    /// What a device's wall clock shows.
    pub(super) fn wall(&self, number: usize) -> Timestamp {
        let passed = i64::try_from(self.clock.now_ms()).unwrap_or(0);
        Timestamp::from_millis(super::work::EPOCH_MS + self.devices[number].wall_offset_ms + passed)
    }

    pub(super) fn moment(&self, number: usize) -> Moment {
        let started_ms = self.devices[number].scheduler.started_ms();
        Moment { elapsed_ms: self.clock.now_ms() - started_ms, wall: self.wall(number) }
    }

    /// Tells a device's schedule what happened.
    pub(super) fn inform<T>(
        &mut self,
        number: usize,
        happened: impl FnOnce(&mut Schedule<Transport>, Moment) -> T,
    ) -> Option<T> {
        let moment = self.moment(number);
        self.devices[number].scheduler.tell(moment, happened)
    }

    /// Any number, for a schedule to draw a pause with.
    pub(super) fn draw(&mut self) -> u16 {
        u16::try_from(self.dice.below(1 << 16)).unwrap_or(u16::MAX)
    }

    pub(super) fn number_of(&self, id: &DeviceId) -> Option<usize> {
        self.devices.iter().position(|device| device.id == *id)
    }

    pub(super) fn is_villain(&self, number: usize) -> bool {
        Some(number) == self.plan.villain()
    }

    /// Does what the schedules ask for, until none asks for anything; then waits for the next deadlines.
    pub(super) fn settle(&mut self) -> Result<(), Violation> {
        while let Some(number) = self.devices.iter().position(|device| device.scheduler.is_unsettled()) {
            while let Some(effect) = self.devices[number].scheduler.poll_effect() {
                self.carry_out(number, effect)?;
            }
            if let Some(flow) = self.devices[number].scheduler.poll_flow() {
                self.apply_flow(number, flow);
            }
            if self.devices[number].is_on() {
                self.pump_all(number)?;
            }
        }
        for number in 0..self.devices.len() {
            self.expect_deadline(number);
            if self.devices[number].is_on() && !self.is_villain(number) {
                self.devices[number].scheduler.account.check_waits(self.moment(number))?;
            }
        }
        Ok(())
    }

    fn expect_deadline(&mut self, number: usize) {
        let scheduler = &mut self.devices[number].scheduler;
        let Some(deadline_ms) = scheduler.next_deadline_ms() else { return };
        if scheduler.wake_ms.is_none_or(|wake_ms| deadline_ms < wake_ms) {
            scheduler.wake_ms = Some(deadline_ms);
            self.clock.schedule_at(deadline_ms.max(self.clock.now_ms()), Event::Wake { device: number });
        }
    }

    pub(super) fn wake(&mut self, number: usize) {
        let now_ms = self.clock.now_ms();
        let scheduler = &mut self.devices[number].scheduler;
        if scheduler.wake_ms.is_some_and(|wake_ms| wake_ms <= now_ms) {
            scheduler.wake_ms = None;
            self.inform(number, Schedule::handle_time);
        }
    }

    fn carry_out(&mut self, number: usize, effect: Effect<Transport>) -> Result<(), Violation> {
        match effect {
            Effect::Dial(contact) => self.dial(number, contact),
            Effect::Check(id) => self.check_session(number, &id),
            Effect::Close(contact) => self.let_go(number, &contact),
        }
    }

    fn dial(&mut self, number: usize, contact: Contact<Transport>) -> Result<(), Violation> {
        let connection = self.network.next_number();
        let (moment, transport) = (self.moment(number), self.devices[number].scheduler.transport());
        let target = match contact {
            Contact::Device(id) => self.number_of(&id),
            Contact::Neighbour(neighbour) => Some(neighbour.device),
        };
        let scheduler = &mut self.devices[number].scheduler;
        if Some(number) != self.plan.villain() {
            scheduler.account.check_dial(moment, &contact)?;
            let in_vain = matches!(contact, Contact::Device(id) if scheduler.session(&id).is_some());
            ensure(!in_vain, Check::Redial, || "a device is dialled to which a session stands".to_owned())?;
            self.tally.check(Check::Redial);
        }
        scheduler.begin_dial(contact, connection);
        let answering = target.and_then(|target| self.answering(number, target, contact));
        self.tell(|_| {
            let answer = if answering.is_some() { "answered" } else { "unanswered" };
            format!("device {number} dials {target:?}, connection {connection}, {answer}")
        });
        let Some((link, other)) = answering else {
            self.tally.fault(Fault::Unanswered);
            self.schedule_within(UNANSWERED_MS, Event::Unanswered { device: number, connection });
            return Ok(());
        };
        self.network.connect(connection, link, [transport, other], &mut self.dice);
        self.schedule(HANDSHAKE_MS, Event::Handshake { connection });
        self.pump(connection)
    }

    /// By which link and transport a device answers a dial, if it does.
    fn answering(
        &self,
        number: usize,
        target: usize,
        contact: Contact<Transport>,
    ) -> Option<(usize, Transport)> {
        let link = self.network.link_between(number, target)?;
        let device = self.devices.get(target)?;
        let transport = device.scheduler.transport();
        let is_it = !matches!(contact, Contact::Neighbour(neighbour) if neighbour != transport);
        (device.is_on() && is_it && !self.network.is_cut(link)).then_some((link, transport))
    }

    /// Nobody answered a dial, or somebody else's node, every other one of which says so.
    pub(super) fn unanswered(&mut self, number: usize, connection: u64) {
        let nobody = self.devices.len();
        let scheduler = &mut self.devices[number].scheduler;
        match scheduler.dialled_as(connection) {
            Some(Contact::Neighbour(stranger))
                if stranger.device == nobody && stranger.start.is_multiple_of(2) =>
            {
                scheduler.account.note_stranger(stranger);
                self.tell_ended(number, connection, Ending::Refused);
            }
            _ => self.tell_ended(number, connection, Ending::Lost),
        }
    }

    /// Compares once more what both sides of a session hold.
    fn check_session(&mut self, number: usize, id: &DeviceId) -> Result<(), Violation> {
        let device = &self.devices[number];
        if device.is_broken(Breakage::SkipChecks) {
            return Ok(());
        }
        let Some(connection) = device.scheduler.session(id) else { return Ok(()) };
        self.check_side(connection, number);
        self.tally.chore(Chore::Check);
        self.pump(connection)
    }

    fn check_side(&mut self, number: u64, device: usize) {
        if let Some(connection) = self.network.get(number)
            && let Some(side) = connection.side_of(device)
        {
            connection.sessions[side].check();
            connection.exchanges[side].note_check();
            self.checked.insert((number, side));
        }
    }

    fn let_go(&mut self, number: usize, contact: &Contact<Transport>) -> Result<(), Violation> {
        for connection in self.devices[number].scheduler.let_go(contact) {
            self.devices[number].scheduler.account.note_closed(connection);
            if !self.devices[number].is_broken(Breakage::IgnoreClose) {
                self.leave(connection, number)?;
            }
        }
        Ok(())
    }

    /// Lets attachments flow, or holds them back, in the sessions that stand too.
    fn apply_flow(&mut self, number: usize, flow: Flow) {
        self.tell(|_| format!("device {number} lets flow: {flow:?}"));
        match flow {
            Flow::Nothing(not_now) if not_now.reason == StopReason::BudgetUsed => {
                self.tally.fault(Fault::BudgetUsed);
            }
            Flow::NoAttachments { asked_for: false } => self.tally.fault(Fault::BudgetLow),
            _ => {}
        }
        for connection_number in self.network.select(|connection| connection.side_of(number).is_some()) {
            let Some(connection) = self.network.get(connection_number) else { continue };
            let Some(side) = connection.side_of(number) else { continue };
            if connection.is_open(side) && !connection.is_leaving(side) {
                self.devices[number].plan_fetches(&mut connection.sessions[side], &self.ledger);
                self.check_side(connection_number, number);
            }
        }
    }
}
