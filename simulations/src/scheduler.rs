//! One device's schedule, as the node's shell drives it: what is kept of it over restarts, the dials
//! that have not ended, and the sessions that stand.

use std::collections::{BTreeMap, BTreeSet};

use musette_protocol::{
    id::DeviceId,
    schedule::{Contact, Effect, Flow, Moment, NotNow, Schedule, Settings, Standing, Usage},
    time::Timestamp,
};

use crate::{
    check::{Violation, scheduling::Account},
    options::Breakage,
};

/// Bytes counted before the count is kept: in the proportion of the budgets that are drawn.
const KEEP_EVERY_BYTES: u64 = 8_192;

/// A device's transport, which is a new one at each start: what is announced on a local network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Transport {
    /// The device's number.
    pub device: usize,
    /// How often it had started.
    pub start: u32,
}

/// A schedule and what is around it.
pub struct Scheduler {
    device: usize,
    breakage: Option<Breakage>,
    schedule: Option<Schedule<Transport>>,
    starts: u32,
    started_ms: u64,
    /// What its person set, kept over restarts; so are the next two.
    settings: Settings,
    usage: Usage,
    addresses: BTreeSet<DeviceId>,
    /// The connection of each dial that has not ended.
    dials: BTreeMap<Contact<Transport>, u64>,
    /// The connection of each session that stands.
    sessions: BTreeMap<DeviceId, (u64, Standing)>,
    /// What may flow, as sessions were told.
    flow: Flow,
    /// When it is to be told the time.
    pub wake_ms: Option<u64>,
    /// What should come of it.
    pub account: Account,
}

impl Scheduler {
    /// The schedule of a device that is off.
    #[must_use]
    pub fn new(device: usize, breakage: Option<Breakage>) -> Self {
        Self {
            device,
            breakage,
            schedule: None,
            starts: 0,
            started_ms: 0,
            settings: Settings::default(),
            usage: Usage::default(),
            addresses: BTreeSet::new(),
            dials: BTreeMap::new(),
            sessions: BTreeMap::new(),
            flow: Flow::default(),
            wake_ms: None,
            account: Account::default(),
        }
    }

    /// The schedule of a device on a new disk: its transport is still another one at each start.
    pub fn renew(&mut self) {
        *self = Self { starts: self.starts, ..Self::new(self.device, self.breakage) };
    }

    fn is_broken(&self, breakage: Breakage) -> bool {
        self.breakage == Some(breakage)
    }

    /// The device started.
    ///
    /// # Errors
    /// When too little of what was counted was kept.
    pub fn start(&mut self, now_ms: u64, wall: Timestamp) -> Result<(), Violation> {
        let moment = Moment { elapsed_ms: 0, wall };
        self.starts += 1;
        self.started_ms = now_ms;
        if self.is_broken(Breakage::ForgetUsage) {
            self.usage = Usage::default();
        }
        self.account.start(moment, self.settings, self.usage, KEEP_EVERY_BYTES)?;
        let mut schedule = Schedule::new(moment, self.told(self.settings), self.usage);
        schedule.handle_devices(moment, &self.addresses);
        self.schedule = Some(schedule);
        self.flow = Flow::default();
        Ok(())
    }

    /// The device stopped.
    pub fn stop(&mut self) {
        self.schedule = None;
        self.wake_ms = None;
        self.dials.clear();
        self.sessions.clear();
    }

    /// When this start was, in virtual milliseconds: the clock that never jumps runs from there.
    #[must_use]
    pub const fn started_ms(&self) -> u64 {
        self.started_ms
    }

    /// How the device's transport is announced.
    #[must_use]
    pub const fn transport(&self) -> Transport {
        Transport { device: self.device, start: self.starts }
    }

    /// Tells the schedule what happened; nothing when the device is off.
    pub fn tell<T>(
        &mut self,
        moment: Moment,
        happened: impl FnOnce(&mut Schedule<Transport>, Moment) -> T,
    ) -> Option<T> {
        let schedule = self.schedule.as_mut()?;
        self.account.note_time(moment);
        Some(happened(schedule, moment))
    }

    /// Counts a frame with its length, and keeps the count now and then.
    pub fn count(&mut self, moment: Moment, frame: &[u8]) {
        let bytes = (size_of::<u32>() + frame.len()) as u64;
        self.account.count(bytes);
        if !self.is_broken(Breakage::CountNoBytes) {
            self.tell(moment, |schedule, moment| schedule.handle_bytes(moment, bytes));
        }
        let usage = self.schedule.as_ref().map_or(self.usage, Schedule::usage);
        if usage.is_to_be_kept(&self.usage, KEEP_EVERY_BYTES) {
            self.usage = usage;
        }
    }

    /// The person sets something.
    pub fn set(&mut self, moment: Moment, settings: Settings) {
        self.settings = settings;
        self.account.set(moment, settings);
        let told = self.told(settings);
        self.tell(moment, |schedule, moment| schedule.handle_settings(moment, told));
    }

    fn told(&self, settings: Settings) -> Settings {
        let pause = settings.pause.filter(|_| !self.is_broken(Breakage::IgnorePause));
        Settings { pause, ..settings }
    }

    /// What its person set, but for a pause that ended.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.schedule.as_ref().map_or(self.settings, Schedule::settings)
    }

    /// The devices that can be dialled change.
    pub fn change_addresses(&mut self, moment: Moment, change: impl FnOnce(&mut BTreeSet<DeviceId>)) {
        change(&mut self.addresses);
        let addresses = self.addresses.clone();
        let busy: BTreeSet<DeviceId> = addresses.iter().filter(|id| self.is_busy_with(id)).copied().collect();
        self.account.note_addresses(moment, &addresses, &busy);
        self.tell(moment, |schedule, moment| schedule.handle_devices(moment, &addresses));
    }

    /// Whether a device can be dialled.
    #[must_use]
    pub fn has_address(&self, id: &DeviceId) -> bool {
        self.addresses.contains(id)
    }

    /// Whether a session with a device stands, or it is being dialled.
    #[must_use]
    pub fn is_busy_with(&self, id: &DeviceId) -> bool {
        self.sessions.contains_key(id) || self.dials.contains_key(&Contact::Device(*id))
    }

    /// What may flow now.
    #[must_use]
    pub fn flow(&self) -> Flow {
        self.schedule.as_ref().map_or(Flow::default(), Schedule::flow)
    }

    /// What to say to whoever wants to talk, if nothing may flow.
    #[must_use]
    pub fn refusal(&self) -> Option<NotNow> {
        self.schedule.as_ref().and_then(Schedule::refusal)
    }

    /// Whether there is something to do before anything else is said.
    #[must_use]
    pub fn is_unsettled(&self) -> bool {
        self.schedule.as_ref().is_some_and(|schedule| schedule.has_effects() || schedule.flow() != self.flow)
    }

    /// The next thing to do.
    pub fn poll_effect(&mut self) -> Option<Effect<Transport>> {
        self.schedule.as_mut()?.poll_effect()
    }

    /// What may flow, if sessions were told something else.
    pub fn poll_flow(&mut self) -> Option<Flow> {
        let flow = self.flow();
        let known = std::mem::replace(&mut self.flow, flow);
        (flow != known).then_some(flow)
    }

    /// When the schedule is to be told the time, in virtual milliseconds.
    #[must_use]
    pub fn next_deadline_ms(&self) -> Option<u64> {
        let deadline_ms = self.schedule.as_ref()?.next_deadline()?;
        Some(self.started_ms.saturating_add(deadline_ms))
    }

    /// A dial begins.
    pub fn begin_dial(&mut self, contact: Contact<Transport>, connection: u64) {
        self.dials.insert(contact, connection);
    }

    /// Whom a connection was dialled as, if the schedule waits for its outcome.
    #[must_use]
    pub fn dialled_as(&self, connection: u64) -> Option<Contact<Transport>> {
        self.dials.iter().find(|(_, number)| **number == connection).map(|(contact, _)| *contact)
    }

    /// The connection of the session with a device.
    #[must_use]
    pub fn session(&self, id: &DeviceId) -> Option<u64> {
        self.sessions.get(id).map(|(connection, _)| *connection)
    }

    /// Whether a session stays although there is a newer one.
    #[must_use]
    pub fn outlasts(&self, id: &DeviceId, newer: &Standing) -> bool {
        self.sessions.get(id).is_some_and(|(_, standing)| standing.outlasts(newer))
    }

    /// A connection becomes the session with a device; gives the one before.
    pub fn register(&mut self, id: DeviceId, connection: u64, standing: Standing) -> Option<u64> {
        self.sessions.insert(id, (connection, standing)).map(|(before, _)| before)
    }

    /// A contact is let go of; gives the connections.
    pub fn let_go(&mut self, contact: &Contact<Transport>) -> Vec<u64> {
        let session = match contact {
            Contact::Device(id) => self.sessions.remove(id).map(|(connection, _)| connection),
            Contact::Neighbour(_) => None,
        };
        session.into_iter().chain(self.dials.remove(contact)).collect()
    }

    /// A connection ended; gives the session and the dial that it was.
    pub fn forget(&mut self, connection: u64) -> (Option<DeviceId>, Option<Contact<Transport>>) {
        let was = |(_, (number, _)): &(&DeviceId, &(u64, Standing))| *number == connection;
        let session = self.sessions.iter().find(was).map(|(id, _)| *id);
        session.and_then(|id| self.sessions.remove(&id));
        let dial = self.dialled_as(connection);
        dial.and_then(|contact| self.dials.remove(&contact));
        (session, dial)
    }
}
