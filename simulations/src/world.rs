//! One run: the events of a seed, in the order of virtual time.

use std::collections::BTreeMap;

use musette_protocol::{
    crypto::sign::SigningKey, journal::JournalId, record::Payload, session::Frontier, time::Timestamp,
};

use crate::{
    check::{
        Check, Violation,
        authenticity::Ledger,
        convergence::{check_agreement, check_end},
        ensure,
        sending::Frame,
        termination::{Exchange, MAX_HEALING_STEPS},
    },
    device::{Device, Handled},
    dice::Dice,
    intruder,
    network::Network,
    options::Breakage,
    person::Person,
    plan::Plan,
    storage::{Storage, Trouble},
    tally::{Fault, Tally},
    workload,
};

/// 2026-11-23: when the first phase begins, for those who look at a clock.
const EPOCH_MS: i64 = 1_795_392_000_000;
/// The pause before a link is tried again, at most.
const REDIAL_MS: u64 = 700;

/// What a run led to.
#[derive(Debug)]
pub struct Outcome {
    /// What did not hold, and when in virtual milliseconds.
    pub failure: Option<(u64, Violation)>,
    /// How often what happened.
    pub tally: Tally,
    /// What happened, if it was to be told.
    pub story: Vec<String>,
}

/// What is to happen.
#[derive(Debug, Clone, Copy)]
enum Event {
    Enrol { device: usize },
    Work { device: usize },
    Sync { device: usize },
    Dial { link: usize },
    Arrive { connection: u64, side: usize },
    Strike,
    Mend,
    MakeRoom { device: usize },
    Return { device: usize },
}

/// How a device ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    PowerCut,
    Kill,
}

struct World {
    plan: Plan,
    dice: Dice,
    now_ms: u64,
    queue: BTreeMap<(u64, u64), Event>,
    scheduled: u64,
    person: Person,
    devices: Vec<Device>,
    network: Network,
    ledger: Ledger,
    tally: Tally,
    markers: u64,
    healing: bool,
    story: Option<Vec<String>>,
}

/// Runs the story of a seed.
#[must_use]
pub fn simulate(seed: u64, breakage: Option<Breakage>, tell: bool) -> Outcome {
    let mut world = World::new(seed, breakage, tell);
    let ended = world.run();
    world.tally.commits = world.ledger.commits();
    Outcome {
        failure: ended.err().map(|violation| (world.now_ms, violation)),
        tally: world.tally,
        story: world.story.unwrap_or_default(),
    }
}

impl World {
    fn new(seed: u64, breakage: Option<Breakage>, tell: bool) -> Self {
        let mut dice = Dice::new(seed);
        let plan = Plan::draw(&mut dice);
        let person = Person::new(&mut dice);
        let device = |number| {
            let key = SigningKey::from_secret(&dice.secret());
            let storage = Storage::new(JournalId::from_bytes(dice.bytes()), plan.segment_len);
            Device::new(number, key, storage, breakage)
        };
        Self {
            devices: (0..plan.devices).map(device).collect(),
            network: Network::new(&plan),
            plan,
            dice,
            now_ms: 0,
            queue: BTreeMap::new(),
            scheduled: 0,
            person,
            ledger: Ledger::default(),
            tally: Tally::default(),
            markers: 0,
            healing: false,
            story: tell.then(Vec::new),
        }
    }

    fn run(&mut self) -> Result<(), Violation> {
        self.tell(|world| format!("{:?}", world.plan));
        self.begin()?;
        while let Some(event) = self.next_before(self.plan.heal_at_ms) {
            self.step(event)?;
        }
        self.heal()?;
        self.run_until_quiet()?;
        self.check_end()?;
        self.check_second_sync()
    }

    fn begin(&mut self) -> Result<(), Violation> {
        self.enrol(0)?;
        for device in 1..self.plan.devices {
            let latest = self.plan.heal_at_ms / 3;
            let at = if device == 1 { 0 } else { self.dice.below(latest) };
            self.schedule(at, Event::Enrol { device });
        }
        for device in 0..self.plan.devices {
            self.schedule_within(self.plan.work_pause_ms, Event::Work { device });
        }
        (0..self.network.links.len()).for_each(|link| self.schedule(0, Event::Dial { link }));
        self.schedule_within(self.plan.fault_pause_ms, Event::Strike);
        Ok(())
    }

    fn tell(&mut self, line: impl FnOnce(&Self) -> String) {
        if self.story.is_some() {
            let line = format!("{:>7} ms  {}", self.now_ms, line(self));
            self.story.get_or_insert_default().push(line);
        }
    }

    fn schedule(&mut self, in_ms: u64, event: Event) {
        self.schedule_at(self.now_ms + in_ms, event);
    }

    fn schedule_within(&mut self, at_most_ms: u64, event: Event) {
        let in_ms = self.dice.between(1, at_most_ms);
        self.schedule(in_ms, event);
    }

    fn schedule_at(&mut self, at_ms: u64, event: Event) {
        self.scheduled += 1;
        self.queue.insert((at_ms, self.scheduled), event);
    }

    fn next_before(&mut self, until_ms: u64) -> Option<Event> {
        let entry = self.queue.first_entry().filter(|entry| entry.key().0 < until_ms)?;
        self.now_ms = entry.key().0;
        Some(entry.remove())
    }

    fn step(&mut self, event: Event) -> Result<(), Violation> {
        match event {
            Event::Sync { device } => self.sync(device),
            Event::Dial { link } => self.dial(link),
            Event::Arrive { connection, side } => self.arrive(connection, side),
            // What follows belongs to the first phase.
            _ if self.healing => Ok(()),
            Event::Enrol { device } => self.enrol(device),
            Event::Work { device } => self.work(device),
            Event::Strike => self.strike(),
            Event::Mend => {
                self.mend();
                Ok(())
            }
            Event::MakeRoom { device } => {
                self.devices[device].storage.make_room();
                Ok(())
            }
            Event::Return { device } => self.start(device),
        }
    }

    // The devices' life.

    /// Enrols a device: the first by the root, another by any that is on. It is handed the epoch
    /// and the log, as pairing would do.
    fn enrol(&mut self, number: usize) -> Result<(), Violation> {
        if self.devices[number].enrolled {
            return Ok(());
        }
        let sponsors: Vec<usize> =
            self.devices.iter().filter(|device| device.is_on()).map(|device| device.number).collect();
        let mut statements = vec![Payload::Epoch(self.person.statement().clone())];
        if number > 0 {
            let sponsor = match sponsors.len() {
                0 => None,
                len => Some(sponsors[self.dice.index(len)]),
            };
            if !sponsor.is_some_and(|sponsor| self.sponsor(sponsor, number).unwrap_or(false)) {
                self.schedule(1_000, Event::Enrol { device: number });
                return Ok(());
            }
            let log = self.devices[sponsor.unwrap_or(0)].state().log();
            statements.extend(log.in_order().into_iter().cloned().map(Payload::Operation));
        }
        self.devices[number].enrolled = true;
        self.start(number)?;
        if number == 0 {
            let log = self.devices[0].state().log();
            let first = self.person.enrol(log, None, self.devices[0].key());
            statements.push(Payload::Operation(first));
        }
        let device = &mut self.devices[number];
        let written = device.write_statements(statements, &mut self.dice, &self.ledger);
        written.and_then(|()| device.sync()).map_err(unexpected)?;
        self.tell(|_| format!("device {number} is enrolled"));
        Ok(())
    }

    /// Lets a device enrol another; false when its disk refuses.
    fn sponsor(&mut self, sponsor: usize, number: usize) -> Result<bool, Violation> {
        let log = self.devices[sponsor].state().log();
        let operation = self.person.enrol(log, Some(self.devices[sponsor].key()), self.devices[number].key());
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

    fn start(&mut self, number: usize) -> Result<(), Violation> {
        let device = &mut self.devices[number];
        if device.is_on() {
            return Ok(());
        }
        device.storage.repair();
        let started = device.start(&self.person, &mut self.dice, &self.ledger, &mut self.tally);
        match started {
            Ok(()) => self.tell(|_| format!("device {number} starts")),
            Err(Trouble::Full) => {
                device.stop();
                self.schedule(500, Event::Return { device: number });
            }
            Err(trouble) => return Err(unexpected(trouble)),
        }
        Ok(())
    }

    fn end(&mut self, number: usize, how: End) {
        self.tell(|_| format!("device {number} ends: {how:?}"));
        for connection in self.network.select(|connection| connection.ends.contains(&number)) {
            self.disconnect(connection);
        }
        self.devices[number].stop();
        if how == End::PowerCut {
            self.devices[number].storage.power_cut(&mut self.dice);
        }
        self.schedule_within(4_000, Event::Return { device: number });
    }

    /// What a device does when its disk refused a peer's records or failed.
    fn suffer(&mut self, number: usize, trouble: Trouble) -> Result<(), Violation> {
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

    fn work(&mut self, number: usize) -> Result<(), Violation> {
        self.schedule_within(self.plan.work_pause_ms, Event::Work { device: number });
        if !self.devices[number].is_on() {
            return Ok(());
        }
        let known = self.devices[number].known()?;
        let deed = workload::draw(&mut self.dice, &known, &mut self.markers);
        self.tell(|_| {
            let words: Vec<&str> = deed.acts.iter().map(|act| act.marker.as_str()).collect();
            format!("device {number} writes {}", words.join(" "))
        });
        let skew = i64::from(u8::try_from(number).unwrap_or(0)) * 7_000;
        let now = Timestamp::from_millis(EPOCH_MS + skew + i64::try_from(self.now_ms).unwrap_or(0));
        let device = &mut self.devices[number];
        match device.write(deed, now, &mut self.dice, &mut self.ledger) {
            Ok(()) => self.expect_sync(number),
            Err(Trouble::Full) => {
                self.tally.fault(Fault::WriteRefused);
                self.tell(|_| format!("device {number} has no room for it"));
            }
            Err(trouble) => self.suffer(number, trouble)?,
        }
        Ok(())
    }

    /// The group commit: one sync some time after the first write.
    fn expect_sync(&mut self, number: usize) {
        let in_ms = self.dice.between(0, self.plan.sync_delay_ms);
        self.schedule(in_ms, Event::Sync { device: number });
    }

    fn sync(&mut self, number: usize) -> Result<(), Violation> {
        let device = &mut self.devices[number];
        if !device.is_on() || !device.dirty {
            return Ok(());
        }
        match device.sync() {
            Ok(_) => {
                if self.dice.one_in(8) {
                    self.devices[number].keep_index();
                }
                self.compare(number)?;
                self.pump_all(number)
            }
            Err(trouble) => self.suffer(number, trouble),
        }
    }

    /// Compares a device with another one, now and then: it costs both all their views.
    fn compare(&mut self, number: usize) -> Result<(), Violation> {
        let other = self.dice.index(self.devices.len());
        if other == number || !self.devices[other].is_on() || !self.dice.one_in(4) {
            return Ok(());
        }
        if check_agreement(&self.devices[number], &self.devices[other])? {
            self.tally.check(Check::Agreement);
        }
        Ok(())
    }

    // The network.

    fn dial(&mut self, link: usize) -> Result<(), Violation> {
        if self.network.is_connected(link) {
            return Ok(());
        }
        let on = self.network.links[link].ends.iter().all(|end| self.devices[*end].is_on());
        if !on || self.network.is_cut(link) {
            self.schedule_within(REDIAL_MS, Event::Dial { link });
            return Ok(());
        }
        let connection = self.network.connect(link, &mut self.dice);
        self.pump(connection)
    }

    fn disconnect(&mut self, connection: u64) {
        if let Some((link, lost)) = self.network.disconnect(connection) {
            self.tally.fault(Fault::ConnectionLost);
            if lost > 0 {
                self.tally.fault(Fault::FramesLost);
            }
            self.schedule_within(REDIAL_MS, Event::Dial { link });
        }
    }

    fn pump_all(&mut self, number: usize) -> Result<(), Violation> {
        let connections = self.network.select(|connection| connection.ends.contains(&number));
        connections.into_iter().try_for_each(|connection| self.pump(connection))
    }

    /// Sends all that may leave and has room.
    fn pump(&mut self, connection: u64) -> Result<(), Violation> {
        for side in [0, 1] {
            while self.send_one(connection, side)? {}
        }
        Ok(())
    }

    fn send_one(&mut self, number: u64, side: usize) -> Result<bool, Violation> {
        let Some(connection) = self.network.get(number) else { return Ok(false) };
        let sender = connection.ends[side];
        let device = &mut self.devices[sender];
        if !connection.has_room(side) || !device.may_send() {
            return Ok(false);
        }
        let (bytes, frame) = match device.poll(&mut connection.sessions[side]) {
            Ok(Some(polled)) => polled,
            Ok(None) => return Ok(false),
            Err(trouble) => return self.suffer(sender, trouble).map(|()| false),
        };
        let twice = device.is_broken(Breakage::SendTwice) && matches!(frame, Frame::Records(_));
        connection.exchanges[side].check(&frame)?;
        if twice {
            connection.exchanges[side].check(&frame)?;
            self.put_on_the_way(number, side, bytes.clone());
        }
        self.tally.check(Check::Sending);
        self.tally.check(Check::Termination);
        self.tally.frames += 1;
        self.put_on_the_way(number, side, bytes);
        Ok(true)
    }

    fn put_on_the_way(&mut self, number: u64, side: usize, bytes: Vec<u8>) {
        let Some(link) = self.network.get(number).map(|connection| connection.link) else { return };
        let usual = self.network.links[link].latency_ms;
        let mut takes = self.dice.between(usual, usual + usual / 4);
        if self.dice.one_in(self.plan.delay_one_in) && !self.healing {
            self.tally.fault(Fault::Delay);
            takes += self.dice.between(1_000, 6_000);
        }
        let arrival = self.now_ms + takes;
        if let Some(connection) = self.network.get(number) {
            let arrival = connection.send(side, bytes, arrival);
            self.schedule_at(arrival, Event::Arrive { connection: number, side: 1 - side });
        }
    }

    fn arrive(&mut self, number: u64, side: usize) -> Result<(), Violation> {
        let Some(connection) = self.network.get(number) else { return Ok(()) };
        let Some(bytes) = connection.arrive(side) else { return Ok(()) };
        let receiver = connection.ends[side];
        let device = &mut self.devices[receiver];
        let was_dirty = device.dirty;
        let handled = match device.handle(&mut connection.sessions[side], &bytes, &self.ledger) {
            Ok(handled) => handled,
            Err(trouble) => {
                self.disconnect(number);
                return self.suffer(receiver, trouble);
            }
        };
        if matches!(handled.0, Handled::Records) {
            connection.exchanges[side].note_occasion();
        }
        check_courtesy(receiver, &handled)?;
        self.tally.check(Check::Courtesy);
        self.tally.check(Check::Authenticity);
        if self.devices[receiver].dirty && !was_dirty {
            self.expect_sync(receiver);
        }
        self.pump(number)
    }

    // The faults.

    fn strike(&mut self) -> Result<(), Violation> {
        self.schedule_within(self.plan.fault_pause_ms, Event::Strike);
        let number = self.dice.index(self.devices.len());
        match self.dice.below(14) {
            0..=2 => self.lose_connection(),
            3 => self.part(),
            4 => return self.refresh(),
            _ if !self.devices[number].is_on() => {}
            5..=7 => {
                self.tally.fault(Fault::PowerCut);
                self.end(number, End::PowerCut);
            }
            8 => {
                self.tally.fault(Fault::Kill);
                self.end(number, End::Kill);
            }
            9 | 10 => self.fill_disk(number),
            11 => {
                let syncs = self.dice.below(3);
                self.devices[number].storage.fail_syncs_after(syncs);
            }
            12 => return self.intrude(number, Fault::Stranger),
            _ => return self.intrude(number, Fault::Thief),
        }
        Ok(())
    }

    fn lose_connection(&mut self) {
        let open = self.network.select(|_| true);
        if !open.is_empty() {
            let connection = open[self.dice.index(open.len())];
            self.tell(|_| format!("connection {connection} is lost"));
            self.disconnect(connection);
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

    fn mend(&mut self) {
        self.tell(|_| "the network is whole again".to_owned());
        self.network.part(Vec::new());
    }

    /// A device sends its frontier again without a reason, as nodes do every few minutes.
    fn refresh(&mut self) -> Result<(), Violation> {
        let open = self.network.select(|_| true);
        if open.is_empty() {
            return Ok(());
        }
        let number = open[self.dice.index(open.len())];
        if let Some(connection) = self.network.get(number) {
            connection.sessions[0].refresh();
            connection.exchanges[0].note_occasion();
        }
        self.pump(number)
    }

    fn fill_disk(&mut self, number: usize) {
        let room = self.dice.below(4_000);
        self.tell(|_| format!("device {number} has {room} bytes left"));
        self.devices[number].storage.fill(room);
        self.schedule_within(6_000, Event::MakeRoom { device: number });
    }

    fn intrude(&mut self, number: usize, who: Fault) -> Result<(), Violation> {
        let device = &mut self.devices[number];
        if device.dirty {
            return Ok(());
        }
        let call = if who == Fault::Thief { intruder::thief } else { intruder::stranger };
        let called = call(device, &self.person, &mut self.dice, &self.ledger);
        self.tally.fault(who);
        self.tell(|_| format!("device {number}: {}", who.name()));
        match called {
            Ok(()) => {
                self.tally.check(Check::Intrusion);
                if self.devices[number].dirty {
                    self.expect_sync(number);
                }
                Ok(())
            }
            Err(trouble) => {
                if self.devices[number].dirty {
                    self.expect_sync(number);
                }
                self.suffer(number, trouble)
            }
        }
    }

    // The second phase.

    fn heal(&mut self) -> Result<(), Violation> {
        self.healing = true;
        self.now_ms = self.plan.heal_at_ms;
        self.tell(|_| "everything is healed".to_owned());
        self.mend();
        for device in &self.devices {
            device.storage.make_room();
            device.storage.repair();
        }
        for number in 0..self.devices.len() {
            if self.devices[number].enrolled {
                self.start(number)?;
            }
        }
        for number in 0..self.devices.len() {
            self.enrol(number)?;
        }
        (0..self.network.links.len()).for_each(|link| self.schedule(0, Event::Dial { link }));
        Ok(())
    }

    fn run_until_quiet(&mut self) -> Result<(), Violation> {
        let mut steps = 0;
        while let Some(event) = self.next_before(u64::MAX) {
            steps += 1;
            ensure(steps < MAX_HEALING_STEPS, Check::Termination, || "it goes on for ever".to_owned())?;
            self.step(event)?;
        }
        Ok(())
    }

    fn check_end(&mut self) -> Result<(), Violation> {
        let views = check_end(&self.devices)?;
        self.tally.check(Check::Convergence);
        for view in views.values() {
            self.ledger.check_view(view)?;
        }
        for write in self.devices.iter().flat_map(Device::acknowledged) {
            for device in &self.devices {
                write.check(device.state())?;
            }
            for (document, marker) in &write.markers {
                let shown = views.get(document).is_some_and(|view| view.tags.contains(marker));
                ensure(shown, Check::Durability, || format!("{marker} was acknowledged and is not shown"))?;
            }
            self.tally.check(Check::Durability);
        }
        self.tally.documents = views.len() as u64;
        self.tally.conflicts = views.values().map(|view| view.conflicts.len() as u64).sum();
        Ok(())
    }

    fn check_second_sync(&mut self) -> Result<(), Violation> {
        self.tell(|_| "everybody connects once more".to_owned());
        let before = Frontier::of(self.devices[0].state());
        for connection in self.network.select(|_| true) {
            self.network.disconnect(connection);
        }
        (0..self.network.links.len()).for_each(|link| self.schedule(0, Event::Dial { link }));
        self.run_until_quiet()?;
        let open = self.network.select(|_| true);
        ensure(open.len() == self.network.links.len(), Check::Convergence, || "a link is down".to_owned())?;
        let sent =
            self.network.select(|connection| connection.exchanges.iter().any(Exchange::has_sent_records));
        ensure(sent.is_empty(), Check::SecondSync, || "records were sent again".to_owned())?;
        let unchanged = self.devices.iter().all(|device| Frontier::of(device.state()) == before);
        ensure(unchanged, Check::SecondSync, || "something counts that did not before".to_owned())?;
        self.tally.check(Check::SecondSync);
        Ok(())
    }
}

/// Devices of one person keep to the protocol.
fn check_courtesy(
    receiver: usize,
    (handled, ingested): &(Handled, Option<musette_protocol::replica::Ingested>),
) -> Result<(), Violation> {
    if let Handled::Ended(error) = handled {
        return Err(Violation::new(Check::Courtesy, format!("device {receiver} ends a session: {error}")));
    }
    let unopened = ingested.as_ref().and_then(|ingested| ingested.unopened.first());
    ensure(unopened.is_none(), Check::Courtesy, || format!("device {receiver} got a record: {unopened:?}"))?;
    let refused = ingested.as_ref().and_then(|ingested| ingested.effects.refused.first());
    ensure(refused.is_none(), Check::Courtesy, || format!("device {receiver} refuses a record: {refused:?}"))
}

fn unexpected(trouble: Trouble) -> Violation {
    match trouble {
        Trouble::Broken(violation) => violation,
        other => Violation::new(Check::Durability, format!("a healthy disk refuses: {other:?}")),
    }
}
