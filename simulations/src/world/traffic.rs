//! Connections, and the frames that travel in them.

use std::collections::BTreeSet;

use musette_protocol::{
    record::OpenError,
    replica::{Ingested, Refusal},
    schedule::{Ending, NotNow},
    session::{SessionError, message::Reason},
};

use super::World;
use crate::{
    adversary::Scene,
    check::{Check, Violation, ensure, sending::Frame},
    clock::Event,
    device::{Handled, Said, is_asked_for},
    network::Sent,
    options::Breakage,
    storage::Trouble,
    tally::Fault,
};

/// Silence after which a connection is given up, at most.
pub(super) const DEADLINE_MS: u64 = 8_000;

impl World {
    pub(super) fn pump_all(&mut self, number: usize) -> Result<(), Violation> {
        let connections = self.network.select(|connection| connection.ends.contains(&number));
        connections.into_iter().try_for_each(|connection| self.pump(connection))
    }

    /// Sends all that may leave and has room.
    pub(super) fn pump(&mut self, connection: u64) -> Result<(), Violation> {
        for side in [0, 1] {
            while self.send_one(connection, side)? {}
        }
        Ok(())
    }

    fn send_one(&mut self, number: u64, side: usize) -> Result<bool, Violation> {
        let villain = self.plan.villain();
        let Some(connection) = self.network.get(number) else { return Ok(false) };
        let sender = connection.ends[side];
        let device = &mut self.devices[sender];
        if !connection.has_room(side) || !device.may_send() || device.scheduler.is_unsettled() {
            return Ok(false);
        }
        if Some(sender) == villain {
            return self.send_tampered(number, side);
        }
        let Said { bytes, frame, pieces } = match device.poll(&mut connection.sessions[side]) {
            Ok(Some(said)) => said,
            Ok(None) if connection.is_leaving(side) => {
                self.hang_up(number, side, Ending::Lost);
                return Ok(false);
            }
            Ok(None) => return Ok(false),
            Err(trouble) => return self.suffer(sender, trouble).map(|()| false),
        };
        let twice = device.is_broken(Breakage::SendTwice) && matches!(frame, Frame::Records(_));
        // What began while attachments were given is ended: it is one piece at most.
        let is_going_on = connection.exchanges[side].is_going_on(&frame);
        if let Frame::Part { from, .. } = frame
            && !is_going_on
        {
            self.tally.fault(if from == 0 { Fault::CameInParts } else { Fault::WentOn });
        }
        let pieces = if is_going_on { BTreeSet::new() } else { pieces };
        device.scheduler.account.check_sent(number, &frame, &pieces, is_asked_for)?;
        let other = connection.ends[1 - side];
        if self.devices[sender].state().log().has_ended(&self.devices[other].id) {
            connection.exchanges[side].note_ended();
        }
        connection.exchanges[side].check(&frame)?;
        if twice {
            connection.exchanges[side].check(&frame)?;
            self.put_on_the_way(number, side, bytes.clone());
        }
        self.note_sent(sender, number);
        self.tally.frames += 1;
        let moment = self.moment(sender);
        self.devices[sender].scheduler.count(moment, &bytes);
        self.put_on_the_way(number, side, bytes);
        Ok(true)
    }

    fn note_sent(&mut self, sender: usize, number: u64) {
        let account = &self.devices[sender].scheduler.account;
        self.tally.check(Check::Sending);
        self.tally.check(Check::Termination);
        if account.is_stopped() {
            self.tally.check(Check::Silence);
        }
        if account.is_closed(number) {
            self.tally.check(Check::Closed);
        }
        if account.holds_back() {
            self.tally.check(Check::HeldBack);
        }
    }

    /// A bad device sends what it likes in the place of what its machine would.
    fn send_tampered(&mut self, number: u64, side: usize) -> Result<bool, Violation> {
        let Some(connection) = self.network.get(number) else { return Ok(false) };
        let sender = connection.ends[side];
        let device = &mut self.devices[sender];
        let bytes = match device.poll_unchecked(&mut connection.sessions[side]) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(false),
            Err(trouble) => return self.suffer(sender, trouble).map(|()| false),
        };
        if self.villain.is_none() {
            self.put_on_the_way(number, side, bytes);
            return Ok(true);
        }
        let frames = self.with_villain(number, side, |villain, scene| villain.tamper(bytes.clone(), scene));
        if frames.len() != 1 || frames[0] != bytes {
            self.note_vice();
        }
        frames.into_iter().for_each(|frame| self.put_on_the_way(number, side, frame));
        Ok(true)
    }

    pub(super) fn note_vice(&mut self) {
        if let Some(vice) = self.plan.vice {
            self.tally.fault(vice.fault());
        }
    }

    /// Asks the bad device what to say in a connection.
    pub(super) fn with_villain(
        &mut self,
        number: u64,
        side: usize,
        ask: impl FnOnce(&mut dyn crate::adversary::Villain, &mut Scene<'_>) -> Vec<Vec<u8>>,
    ) -> Vec<Vec<u8>> {
        let (Some(connection), Some(villain)) = (self.network.get(number), &mut self.villain) else {
            return Vec::new();
        };
        let device = &self.devices[connection.ends[side]];
        let mut scene = Scene {
            person: &self.person,
            key: device.key(),
            state: device.state(),
            peer: connection.sessions[side].peer(),
            mark: connection.sessions[side].mark(device.state().space()),
            dice: &mut self.dice,
            ledger: &mut self.ledger,
        };
        ask(villain.as_mut(), &mut scene)
    }

    pub(super) fn put_on_the_way(&mut self, number: u64, side: usize, bytes: Vec<u8>) {
        let Some(link) = self.network.get(number).map(|connection| connection.link) else { return };
        let usual = self.network.links[link].latency_ms;
        let mut takes = self.dice.between(usual, usual + usual / 4);
        if self.dice.one_in(self.plan.delay_one_in) && !self.healing {
            self.tally.fault(Fault::Delay);
            takes += self.dice.between(1_000, 6_000);
        }
        let arrival = self.clock.now_ms() + takes;
        let healing = self.healing;
        let Some(connection) = self.network.get(number) else { return };
        if !connection.carries(bytes.len() as u64) && !healing {
            self.tally.fault(Fault::CircuitUsedUp);
            return self.break_off(number, Ending::Spent);
        }
        match connection.send(side, bytes, arrival) {
            Sent::Arrives(arrival) => {
                self.clock.schedule_at(arrival, Event::Arrive { connection: number, side: 1 - side });
            }
            Sent::Swallowed(fault) => {
                self.tally.fault(fault);
                self.tell(|_| format!("connection {number}: {}", fault.name()));
                self.schedule_within(DEADLINE_MS, Event::Notice { connection: number });
            }
            Sent::Lost => {}
        }
    }

    pub(super) fn arrive(&mut self, number: u64, side: usize) -> Result<(), Violation> {
        let villain = self.plan.villain();
        let is_stale = self.network.is_stale(number);
        let Some(connection) = self.network.get(number) else { return Ok(()) };
        let is_stale = is_stale && !connection.is_whole();
        let Some(bytes) = connection.arrive(side) else { return Ok(()) };
        if connection.is_leaving(side) {
            return Ok(());
        }
        let [receiver, sender] = [connection.ends[side], connection.ends[1 - side]];
        let proved = connection.sessions[side].peer().is_some();
        if Some(receiver) != villain {
            self.devices[receiver].scheduler.account.check_taken(number, proved)?;
            let moment = self.moment(receiver);
            self.devices[receiver].scheduler.count(moment, &bytes);
            if let Some(not_now) = NotNow::from_frame(&bytes).filter(|_| proved) {
                self.told_not_now(number, side, not_now);
                return Ok(());
            }
        }
        let Some(connection) = self.network.get(number) else { return Ok(()) };
        let device = &mut self.devices[receiver];
        connection.exchanges[side].note_heard(&bytes, Some(sender) == villain);
        let (was_dirty, epochs) = (device.dirty, device.state().keyring().count());
        let handled = match device.handle(&mut connection.sessions[side], &bytes, &self.ledger) {
            Ok(handled) => handled,
            Err(trouble) => {
                // With each try the other side sends what then finds no room.
                let ending = match trouble {
                    Trouble::Full => Ending::NotNow { until: None },
                    _ => Ending::Lost,
                };
                self.hang_up(number, side, ending);
                return self.suffer(receiver, trouble);
            }
        };
        if matches!(handled, Handled::Records(_)) {
            // Durable with what it follows from, or not at all.
            match device.forget_late(&mut self.dice, &mut self.ledger) {
                Ok(_) | Err(Trouble::Full) => {}
                Err(trouble) => return self.suffer(receiver, trouble),
            }
        }
        if device.may_go_on(&connection.sessions[side]) {
            self.tally.fault(Fault::RestoredMet);
            match self.go_on(receiver) {
                Ok(()) | Err(Trouble::Full) => {}
                Err(trouble) => return self.suffer(receiver, trouble),
            }
        }
        let device = &mut self.devices[receiver];
        if device.state().keyring().count() > epochs {
            self.network.note_check(receiver);
        }
        if is_stale {
            self.tally.fault(Fault::StaleFrame);
        }
        if let Handled::Records(ingested) = &handled {
            self.network.note_occasion(receiver);
            if ingested.new_records == 0 && ingested.unopened.is_empty() {
                self.tally.fault(Fault::Duplicate);
            }
        }
        if let Handled::Records(ingested) = &handled
            && (ingested.chunks > 0 || !ingested.statements.is_empty())
        {
            // Who lacked these pieces is told that they are here, and everybody which statements are.
            self.network.note_occasion(receiver);
        }
        if Some(receiver) == villain {
            if let Some(villain) = &mut self.villain {
                villain.overhear(&bytes);
            }
        } else {
            self.check_courtesy(receiver, sender, &handled)?;
            self.tally.check(Check::Authenticity);
        }
        if self.devices[receiver].dirty && !was_dirty {
            self.expect_sync(receiver);
        }
        match handled {
            Handled::Ended(error) => self.refuse(number, side, error),
            Handled::Established(peer) => {
                self.begin_session(number, side, peer)?;
                self.pump(number)
            }
            Handled::Lacking { withheld } => {
                if withheld {
                    self.tally.fault(Fault::Waits);
                }
                self.pump(number)
            }
            _ => self.pump(number),
        }
    }

    /// The last word of a session, and its end.
    fn refuse(&mut self, number: u64, side: usize, error: SessionError) -> Result<(), Violation> {
        self.tell(|_| format!("connection {number}: side {side} ends it: {error}"));
        if let Some(connection) = self.network.get(number) {
            connection.sessions[side].refuse(error);
            connection.exchanges[side].note_occasion();
            let (device, other) = (connection.ends[side], connection.transports[1 - side]);
            let is_strange = matches!(error, SessionError::Unrecognised | SessionError::RefusedByPeer(_));
            if is_strange && !self.is_villain(device) {
                self.inform(device, |schedule, _| schedule.note_stranger(other));
            }
        }
        self.pump(number)?;
        self.abandon(number, side, Ending::Refused);
        Ok(())
    }

    /// Honest devices keep to the protocol. Of what a bad device sends anything may be refused, but
    /// to its own account only.
    fn check_courtesy(&mut self, receiver: usize, sender: usize, handled: &Handled) -> Result<(), Violation> {
        let bad = self.plan.villain().map(|villain| self.devices[villain].id);
        if Some(sender) == self.plan.villain() {
            if matches!(handled, Handled::Ended(_)) {
                self.tally.check(Check::Blame);
            }
            return Ok(());
        }
        match handled {
            Handled::Ended(SessionError::Fork { device }) if Some(*device) == bad => {
                self.parted = true;
                self.tally.check(Check::Blame);
                return Ok(());
            }
            Handled::Ended(SessionError::RefusedByPeer(Reason::Fork)) if self.parted => return Ok(()),
            _ => {}
        }
        if let Handled::Ended(error) = handled {
            return Err(Violation::new(
                Check::Courtesy,
                format!("device {receiver} ends a session with device {sender}: {error}"),
            ));
        }
        let Handled::Records(ingested) = handled else {
            self.tally.check(Check::Courtesy);
            return Ok(());
        };
        check_nothing_refused(receiver, ingested, bad)?;
        if !ingested.unopened.is_empty() {
            self.tally.fault(Fault::UnknownEpoch);
        }
        self.tally.check(Check::Courtesy);
        Ok(())
    }
}

fn check_nothing_refused(
    receiver: usize,
    ingested: &Ingested,
    bad: Option<musette_protocol::id::DeviceId>,
) -> Result<(), Violation> {
    // It comes again once its epoch is known, or in the end not all would hold the same.
    let unopened = ingested.unopened.iter().find(|error| **error != OpenError::UnknownEpoch);
    ensure(unopened.is_none(), Check::Courtesy, || format!("device {receiver} got a record: {unopened:?}"))?;
    // An honest device may pass on one history of a bad device to one that knows the other.
    let is_fair =
        |refusal: &&Refusal| !matches!(refusal, Refusal::Fork { device, .. } if Some(*device) == bad);
    let refused = ingested.effects.refused.iter().find(is_fair);
    ensure(refused.is_none(), Check::Courtesy, || format!("device {receiver} refuses a record: {refused:?}"))
}
