//! One run: the events of a seed, in the order of virtual time.

use std::collections::BTreeSet;

use musette_protocol::{crypto::sign::SigningKey, id::DeviceId, journal::JournalId};

use crate::{
    adversary::{Vice, Villain},
    check::{Check, Violation, authenticity::Ledger, calmly},
    clock::{Clock, Event},
    device::{Backup, Device},
    dice::Dice,
    documents::Memo,
    network::Network,
    options::Breakage,
    person::Person,
    plan::Plan,
    sharing,
    storage::Storage,
    tally::Tally,
};

mod dialling;
mod faults;
mod healing;
mod life;
mod restoring;
mod revoking;
mod rotating;
mod sessions;
mod tidying;
mod traffic;
mod wishes;
mod work;

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

/// How a device ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    PowerCut,
    Kill,
}

struct World {
    plan: Plan,
    dice: Dice,
    clock: Clock,
    person: Person,
    devices: Vec<Device>,
    /// What is wrong with the device after the honest ones, from the time that it is.
    villain: Option<Box<dyn Villain>>,
    /// The device that was backed up, and its backup.
    backup: Option<(usize, Backup)>,
    /// What the devices were called whose disks are lost.
    lost: Vec<DeviceId>,
    network: Network,
    ledger: Ledger,
    tally: Tally,
    markers: u64,
    healing: bool,
    healed_at_ms: u64,
    /// How long the first phase was.
    first_phase_ms: u64,
    /// Rounds in which all devices tidied since.
    rounds: i64,
    /// Honest devices hold two histories of the bad one, and refuse each other for it.
    parted: bool,
    /// Sides of connections that compared once more what both hold.
    checked: BTreeSet<(u64, usize)>,
    story: Option<Vec<String>>,
}

/// Runs the story of a seed.
#[must_use]
pub fn simulate(seed: u64, breakage: Option<Breakage>, tell: bool) -> Outcome {
    let mut world = World::new(seed, breakage, tell);
    let mut ended = calmly(|| world.run());
    if ended.is_ok() {
        world.tally.check(Check::Calm);
    }
    world.tally.commits = world.ledger.commits();
    let mut story = world.story.take().unwrap_or_default();
    if ended.is_ok() {
        let (shared, told) = sharing::simulate(seed, breakage, &mut world.tally, tell);
        story.extend(told);
        ended = shared;
    }
    Outcome {
        failure: ended.err().map(|violation| (world.clock.now_ms(), violation)),
        tally: world.tally,
        story,
    }
}

impl World {
    fn new(seed: u64, breakage: Option<Breakage>, tell: bool) -> Self {
        let mut dice = Dice::new(seed);
        let plan = Plan::draw(&mut dice, &mut Dice::new(!seed));
        let person = Person::new(&mut dice);
        let memo = Memo::default();
        let device = |number| {
            let key = SigningKey::from_secret(&dice.secret());
            let storage = Storage::new(JournalId::from_bytes(dice.bytes()), plan.segment_len);
            Device::new(number, key, storage, memo.clone(), breakage)
        };
        Self {
            devices: (0..plan.devices + usize::from(plan.vice.is_some())).map(device).collect(),
            villain: plan.vice.filter(|_| plan.stolen_at_ms == 0).map(Vice::villain),
            backup: None,
            lost: Vec::new(),
            network: Network::new(&plan, seed),
            plan,
            dice,
            clock: Clock::default(),
            person,
            ledger: Ledger::default(),
            tally: Tally::default(),
            markers: 0,
            healing: false,
            healed_at_ms: 0,
            first_phase_ms: 0,
            rounds: 0,
            parted: false,
            checked: BTreeSet::new(),
            story: tell.then(Vec::new),
        }
    }

    fn run(&mut self) -> Result<(), Violation> {
        self.tell(|world| format!("{:?}", world.plan));
        self.begin()?;
        while let Some(event) = self.next_of_first_phase() {
            self.step(event)?;
        }
        self.heal()?;
        self.run_until_quiet()?;
        if self.parted {
            self.come_together()?;
        }
        self.take_in_again()?;
        self.miss_the_lost();
        self.tidy_until_nothing_is_left()?;
        self.check_periodically()?;
        self.check_end()?;
        self.check_revoked()?;
        self.check_second_sync()
    }

    fn next_of_first_phase(&mut self) -> Option<Event> {
        let is_enough = self.tally.acts >= self.plan.acts;
        (!is_enough).then(|| self.clock.advance()).flatten()
    }

    fn honest(&self) -> &[Device] {
        &self.devices[..self.plan.devices]
    }

    fn begin(&mut self) -> Result<(), Violation> {
        self.enrol(0)?;
        for device in 1..self.devices.len() {
            let latest = self.plan.enrolled_at_ms;
            let late = self.plan.late_at_ms.filter(|_| device + 1 == self.plan.devices);
            let at = late.unwrap_or_else(|| if device == 1 { 0 } else { self.dice.below(latest) });
            self.schedule(at, Event::Enrol { device });
        }
        for device in 0..self.devices.len() {
            self.schedule_within(self.plan.work_pause_ms, Event::Work { device });
            self.schedule_within(self.plan.tidy_pause_ms, Event::Tidy { device });
        }
        if self.plan.stolen_at_ms > 0 && self.plan.vice.is_some() {
            self.schedule(self.plan.stolen_at_ms, Event::Steal);
        }
        if let Some([backed_up, restored]) = self.plan.restored_at_ms {
            self.schedule(backed_up, Event::BackUp);
            self.schedule(restored, Event::Restore);
        }
        if let Some(at) = self.plan.revolts_at_ms {
            self.schedule(at, Event::Revolt);
        }
        for at in self.plan.revoked_at_ms.clone() {
            self.schedule(at, Event::Revoke);
        }
        self.schedule_within(self.plan.fault_pause_ms, Event::Strike);
        self.settle()
    }

    fn tell(&mut self, line: impl FnOnce(&Self) -> String) {
        if self.story.is_some() {
            let line = format!("{:>7} ms  {}", self.clock.now_ms(), line(self));
            self.story.get_or_insert_default().push(line);
        }
    }

    fn schedule(&mut self, in_ms: u64, event: Event) {
        self.clock.schedule_at(self.clock.now_ms() + in_ms, event);
    }

    fn schedule_within(&mut self, at_most_ms: u64, event: Event) {
        let in_ms = self.dice.between(1, at_most_ms);
        self.schedule(in_ms, event);
    }

    fn step(&mut self, event: Event) -> Result<(), Violation> {
        self.happen(event)?;
        self.settle()
    }

    fn happen(&mut self, event: Event) -> Result<(), Violation> {
        match event {
            Event::Sync { device } => return self.sync(device),
            Event::Arrive { connection, side } => return self.arrive(connection, side),
            Event::Wake { device } => self.wake(device),
            Event::Unanswered { device, connection } => self.unanswered(device, connection),
            Event::Handshake { connection } => self.end_handshake(connection),
            Event::Farewell { connection, side } => self.end_farewell(connection, side),
            Event::Notice { connection } => self.disconnect(connection),
            // What follows belongs to the first phase.
            _ if self.healing => {}
            Event::Enrol { device } => return self.enrol(device),
            Event::Work { device } => return self.work(device),
            Event::Steal => self.steal(),
            Event::Revolt => return self.revolt(),
            Event::Revoke => return self.revoke(),
            Event::BackUp => return self.back_up(),
            Event::Restore => return self.restore(),
            Event::Tidy { device } => return self.tidy_now_and_then(device),
            Event::Strike => return self.strike(),
            Event::Return { device } => return self.start(device),
            Event::Mend => self.mend(),
            Event::Hear { link } => {
                self.network.links[link].deaf = None;
                self.announce(self.network.links[link].ends[0]);
            }
            Event::MakeRoom { device } => self.devices[device].storage.make_room(),
            Event::Lift { device } => self.lift(device),
        }
        Ok(())
    }
}
