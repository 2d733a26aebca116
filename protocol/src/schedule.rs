//! When a device talks to whom: dialling, checking, pausing, and the bytes of the day.
//!
//! A pure machine: what happened comes in by `handle_*` with an instant and, where chance is needed,
//! a drawn number; what to do comes out by [`Schedule::poll_effect`]; [`Schedule::next_deadline`] is
//! when [`Schedule::handle_time`] is due. Nodes and the simulator drive the same one.
//!
//! 1. A device whose address is known is dialled until a session with it stands. Failures double
//!    the pause, from a quarter of a second to 20 s; a refusal that will not change by itself makes
//!    it five minutes. News (another network, an announcement, the person asking, waking up, the end
//!    of a pause) bring the next dial forward.
//! 2. A neighbour that announced itself may be a device or somebody else's: it is dialled a few times,
//!    and never again once it turned out to be a stranger.
//! 3. Each session is checked every few minutes, although nothing seems to have changed.
//! 4. Paused, or with the day's bytes used up, nobody is dialled, sessions are closed, and whoever
//!    calls is told [`NotNow`]. Before that, at four fifths of the budget, attachments wait.
//!
//! What it does not decide: in which order records flow within a session. It says what may flow at
//! all, by [`Schedule::flow`]. Budgets are counted by whoever writes and reads: what was in the air
//! when they ran out still arrives.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::{
    id::DeviceId,
    limits::{MAX_DIALS_AT_ONCE, MAX_NEIGHBOURS, MAX_SCHEDULED_DEVICES, MAX_STRANGERS},
    time::Timestamp,
};

mod allowance;
mod contact;
mod not_now;
mod standing;

use allowance::Allowance;
pub use allowance::{Flow, Pause, Settings, Usage};
use contact::{Attempts, Stage};
pub use contact::{
    BETWEEN_NEWS_MS, METERED_RETRY_TO_MS, NOT_NOW_MS, NOT_NOW_TO_MS, REFUSED_MS, RETRY_FROM_MS, RETRY_TO_MS,
    STABLE_MS,
};
pub use not_now::{NotNow, StopReason};
pub use standing::Standing;

/// How often a session is checked although nothing seems to have changed.
pub const CHECK_EVERY_MS: u64 = 3 * 60 * 1_000;
/// The same where bytes cost money.
pub const METERED_CHECK_EVERY_MS: u64 = 30 * 60 * 1_000;
/// How often a neighbour is dialled after an announcement: it may have been made before it could
/// answer.
pub const NEIGHBOUR_DIALS: u32 = 4;
/// When the wall clock gets this far ahead of the other clock at once, the machine slept.
pub const SLEPT_MS: u64 = 60 * 1_000;

/// An instant, as both clocks tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// By a clock that never jumps, since whenever; it may stand still while the machine sleeps.
    pub elapsed_ms: u64,
    /// By the wall clock, which people and networks put right.
    pub wall: Timestamp,
}

/// Somebody to be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Contact<N> {
    /// One of the person's devices, at an address known from before.
    Device(DeviceId),
    /// Somebody on the local network, under whatever name the transport has for it.
    Neighbour(N),
}

/// How a dial or a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Out of reach, broken off, timed out: it may work the next time.
    Lost,
    /// Broken off by a relay that had carried much: as some do after so many bytes, to carry as many again
    /// over another connection.
    Spent,
    /// Refused, by either side, for a reason that stays: a stranger, a fork, another version.
    Refused,
    /// The other side said that it does not want to talk now.
    NotNow {
        /// Until when, by its own word.
        until: Option<Timestamp>,
    },
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect<N> {
    /// Dial, then tell the outcome by [`Schedule::handle_connected`] or
    /// [`Schedule::handle_dial_failed`].
    Dial(Contact<N>),
    /// Compare once more what both sides hold.
    Check(DeviceId),
    /// End the dial or the session, saying [`Schedule::refusal`] where somebody listens. Its end
    /// need not be told.
    Close(Contact<N>),
}

/// The machine. `N` names neighbours.
#[derive(Debug)]
pub struct Schedule<N> {
    allowance: Allowance,
    devices: BTreeMap<DeviceId, Device<N>>,
    neighbours: BTreeMap<N, Attempts<N>>,
    strangers: BTreeSet<N>,
    effects: VecDeque<Effect<N>>,
    /// Whether nothing may flow, as of the last that happened.
    is_stopped: bool,
    last: Moment,
}

#[derive(Debug)]
struct Device<N> {
    attempts: Attempts<N>,
    /// Whether there is an address to dial it at. One without has called us, or is a neighbour.
    has_address: bool,
    /// The neighbour as which it announced itself.
    announced: Option<N>,
}

impl<N: Ord + Clone> Schedule<N> {
    /// A schedule that knows nobody yet. `usage` is what [`Schedule::usage`] gave before a restart.
    #[must_use]
    pub fn new(moment: Moment, settings: Settings, usage: Usage) -> Self {
        Self {
            allowance: Allowance::new(moment, settings, usage),
            devices: BTreeMap::new(),
            neighbours: BTreeMap::new(),
            strangers: BTreeSet::new(),
            effects: VecDeque::new(),
            is_stopped: false,
            last: moment,
        }
    }

    /// What may flow now.
    #[must_use]
    pub fn flow(&self) -> Flow {
        self.allowance.flow()
    }

    /// What to tell whoever wants to talk, if nothing may flow.
    #[must_use]
    pub fn refusal(&self) -> Option<NotNow> {
        match self.flow() {
            Flow::Nothing(not_now) => Some(not_now),
            _ => None,
        }
    }

    /// The settings; a pause that ended is no longer among them.
    #[must_use]
    pub const fn settings(&self) -> Settings {
        self.allowance.settings()
    }

    /// What of the day's bytes is used.
    #[must_use]
    pub const fn usage(&self) -> Usage {
        self.allowance.usage()
    }

    /// Whether a session with this device stands.
    #[must_use]
    pub fn is_connected(&self, device: DeviceId) -> bool {
        self.devices.get(&device).is_some_and(|device| device.attempts.is_connected())
    }

    /// Whether nothing came of this neighbour and nothing will.
    #[must_use]
    pub fn is_stranger(&self, neighbour: &N) -> bool {
        self.strangers.contains(neighbour)
    }

    /// When this device is dialled next, in elapsed milliseconds.
    #[must_use]
    pub fn next_dial(&self, device: DeviceId) -> Option<u64> {
        let device = self.devices.get(&device).filter(|device| device.has_address)?;
        device.attempts.due_ms().filter(|_| self.refusal().is_none())
    }

    /// The devices that can be dialled are these, at most [`MAX_SCHEDULED_DEVICES`]; those new among
    /// them are dialled at once.
    pub fn handle_devices(&mut self, moment: Moment, devices: &BTreeSet<DeviceId>) {
        for (id, device) in &mut self.devices {
            if device.has_address && !devices.contains(id) {
                // Whoever is not to be dialled any more is none as a neighbour either.
                device.announced = None;
            }
            device.has_address = devices.contains(id);
            if !device.has_address && device.attempts.stage == Stage::Dialling {
                self.effects.push_back(Effect::Close(Contact::Device(*id)));
                device.attempts.stop(moment);
            }
        }
        self.let_go_of_devices();
        for id in devices {
            if self.devices.len() < MAX_SCHEDULED_DEVICES {
                let new = || Device { attempts: Attempts::new(moment), has_address: true, announced: None };
                self.devices.entry(*id).or_insert_with(new);
            }
        }
        self.handle_time(moment);
    }

    /// There is reason to think that this contact can be reached now: it announced itself, or has a
    /// new address.
    pub fn handle_announced(&mut self, moment: Moment, contact: Contact<N>) {
        match contact {
            Contact::Device(id) => {
                if let Some(device) = self.devices.get_mut(&id) {
                    device.attempts.hear_news(moment);
                }
            }
            Contact::Neighbour(neighbour) => self.hear_of_neighbour(moment, neighbour),
        }
        self.handle_time(moment);
    }

    fn hear_of_neighbour(&mut self, moment: Moment, neighbour: N) {
        if self.strangers.contains(&neighbour) {
            return;
        }
        let is_it = |device: &&mut Device<N>| matches!(&device.attempts.stage, Stage::Connected { neighbour: Some(known), .. } if *known == neighbour);
        if let Some(device) = self.devices.values_mut().find(is_it) {
            device.announced = Some(neighbour);
            return;
        }
        let is_full = self.neighbours.len() >= MAX_NEIGHBOURS;
        match self.neighbours.get_mut(&neighbour) {
            Some(attempts) => attempts.hear_news(moment),
            None if is_full => {}
            None => drop(self.neighbours.insert(neighbour, Attempts::new(moment))),
        }
    }

    /// The addresses of this device changed: whoever was out of reach may not be any more.
    pub fn handle_network_changed(&mut self, moment: Moment) {
        self.hear_news(moment);
        self.handle_time(moment);
    }

    /// The person wants it now: everybody is dialled, every session checked.
    ///
    /// # Errors
    /// When nothing may flow: the person has to resume first, or the day is over for today.
    pub fn handle_asked(&mut self, moment: Moment) -> Result<(), NotNow> {
        self.handle_time(moment);
        if let Some(not_now) = self.refusal() {
            return Err(not_now);
        }
        self.hear_news(moment);
        for device in self.devices.values_mut() {
            if let Stage::Connected { check_due_ms, .. } = &mut device.attempts.stage {
                *check_due_ms = moment.elapsed_ms;
            }
        }
        self.handle_time(moment);
        Ok(())
    }

    fn hear_news(&mut self, moment: Moment) {
        let devices = self.devices.values_mut().map(|device| &mut device.attempts);
        devices.chain(self.neighbours.values_mut()).for_each(|attempts| attempts.hear_news(moment));
    }

    /// A session with a device stands, by whoever's dial; `neighbour` is the transport's name for
    /// it. When it is not wanted, a [`Effect::Close`] follows.
    pub fn handle_connected(&mut self, moment: Moment, id: DeviceId, neighbour: Option<N>) {
        let announced = neighbour.as_ref().and_then(|neighbour| self.neighbours.remove_entry(neighbour));
        if self.devices.len() >= MAX_SCHEDULED_DEVICES && !self.devices.contains_key(&id) {
            self.effects.push_back(Effect::Close(Contact::Device(id)));
            return self.handle_time(moment);
        }
        // A dial that nobody took yet would be in vain.
        self.effects.retain(|effect| *effect != Effect::Dial(Contact::Device(id)));
        let check_due_ms = moment.elapsed_ms.saturating_add(self.check_every());
        let (announced, attempts) = announced.unzip();
        // Who breaks off each session at once is dialled ever more rarely also as a neighbour.
        let attempts = attempts.unwrap_or_else(|| Attempts::new(moment));
        let new = || Device { attempts, has_address: false, announced: None };
        let device = self.devices.entry(id).or_insert_with(new);
        let before = device.announced.take().filter(|before| Some(before) == neighbour.as_ref());
        device.announced = announced.or(before);
        device.attempts.connect(moment, check_due_ms, neighbour);
        self.handle_time(moment);
    }

    /// A dial brought no session of its own. `draw` is any number, drawn for this.
    pub fn handle_dial_failed(&mut self, moment: Moment, contact: &Contact<N>, ending: Ending, draw: u16) {
        let longest_ms = self.longest_pause();
        match contact {
            Contact::Device(id) => {
                let device = self.devices.get_mut(id);
                if let Some(device) = device.filter(|device| device.attempts.stage == Stage::Dialling) {
                    device.attempts.fail(moment, ending, longest_ms, draw);
                }
            }
            Contact::Neighbour(neighbour) => self.neighbour_failed(moment, neighbour, ending, draw),
        }
        self.handle_time(moment);
    }

    fn neighbour_failed(&mut self, moment: Moment, neighbour: &N, ending: Ending, draw: u16) {
        let longest_ms = self.longest_pause();
        let Some(attempts) = self.neighbours.get_mut(neighbour) else { return };
        if attempts.stage == Stage::Dialling {
            attempts.fail(moment, ending, longest_ms, draw);
        }
        let given_up = attempts.failures >= NEIGHBOUR_DIALS;
        match ending {
            Ending::Refused => self.note_stranger(neighbour.clone()),
            _ if given_up => drop(self.neighbours.remove(neighbour)),
            _ => {}
        }
    }

    /// This neighbour is somebody else's.
    pub fn note_stranger(&mut self, neighbour: N) {
        self.neighbours.remove(&neighbour);
        if self.strangers.len() < MAX_STRANGERS {
            self.strangers.insert(neighbour);
        }
    }

    /// The session with a device ended. `draw` is any number, drawn for this.
    pub fn handle_disconnected(&mut self, moment: Moment, id: DeviceId, ending: Ending, draw: u16) {
        let longest_ms = self.longest_pause();
        if let Some(device) = self.devices.get_mut(&id) {
            device.attempts.disconnect(moment, ending, longest_ms, draw);
            device.announced.take_if(|_| ending == Ending::Refused);
        }
        self.let_go_of_devices();
        self.handle_time(moment);
    }

    /// Devices without a session or an address are nobody to dial; as the neighbours that they are they may
    /// be: nobody else would perhaps ever dial, until they announce themselves again.
    fn let_go_of_devices(&mut self) {
        let (neighbours, strangers) = (&mut self.neighbours, &self.strangers);
        self.devices.retain(|_, device| {
            let stays = device.has_address || device.attempts.is_connected();
            let is_tried = device.attempts.failures < NEIGHBOUR_DIALS && neighbours.len() < MAX_NEIGHBOURS;
            if let Some(neighbour) = device.announced.take_if(|_| !stays && is_tried)
                && !strangers.contains(&neighbour)
            {
                neighbours.entry(neighbour).or_insert_with(|| device.attempts.clone());
            }
            stays
        });
    }

    /// The person set something.
    pub fn handle_settings(&mut self, moment: Moment, settings: Settings) {
        self.allowance.set(moment, settings);
        let latest_ms = moment.elapsed_ms.saturating_add(self.check_every());
        for device in self.devices.values_mut() {
            if let Stage::Connected { check_due_ms, .. } = &mut device.attempts.stage {
                *check_due_ms = (*check_due_ms).min(latest_ms);
            }
        }
        self.handle_time(moment);
    }

    /// Bytes were written to or read from a session's stream.
    pub fn handle_bytes(&mut self, moment: Moment, bytes: u64) {
        self.allowance.handle_bytes(bytes);
        self.handle_time(moment);
    }

    /// Time went by.
    pub fn handle_time(&mut self, moment: Moment) {
        let passed_ms = moment.elapsed_ms.saturating_sub(self.last.elapsed_ms);
        let wall_passed_ms = u64::try_from(moment.wall.millis_since(self.last.wall)).unwrap_or(0);
        self.last = moment;
        if wall_passed_ms.saturating_sub(passed_ms) >= SLEPT_MS {
            self.hear_news(moment);
        }
        self.allowance.handle_time(moment);
        let was_stopped = self.is_stopped;
        self.is_stopped = self.refusal().is_some();
        if self.is_stopped {
            self.close_all(moment);
        } else {
            if was_stopped {
                self.hear_news(moment);
            }
            self.check_due(moment);
            self.dial_due(moment);
        }
    }

    fn close_all(&mut self, moment: Moment) {
        // Dials and checks that nobody took yet are not to be taken any more.
        self.effects.retain(|effect| matches!(effect, Effect::Close(_)));
        for (id, device) in &mut self.devices {
            if device.attempts.due_ms().is_none() {
                device.attempts.stop(moment);
                self.effects.push_back(Effect::Close(Contact::Device(*id)));
            }
        }
        self.let_go_of_devices();
        for (neighbour, attempts) in &mut self.neighbours {
            if attempts.due_ms().is_none() {
                attempts.stop(moment);
                self.effects.push_back(Effect::Close(Contact::Neighbour(neighbour.clone())));
            }
        }
    }

    fn check_due(&mut self, moment: Moment) {
        let next_ms = moment.elapsed_ms.saturating_add(self.check_every());
        for (id, device) in &mut self.devices {
            if let Stage::Connected { check_due_ms, .. } = &mut device.attempts.stage
                && *check_due_ms <= moment.elapsed_ms
            {
                *check_due_ms = next_ms;
                self.effects.push_back(Effect::Check(*id));
            }
        }
    }

    fn dial_due(&mut self, moment: Moment) {
        let devices = self.devices.iter_mut().filter(|(_, device)| device.has_address);
        let devices = devices.map(|(id, device)| (Contact::Device(*id), &mut device.attempts));
        self.effects.extend(due(devices.collect(), moment));
        let neighbours = self.neighbours.iter_mut();
        let neighbours = neighbours.map(|(name, attempts)| (Contact::Neighbour(name.clone()), attempts));
        self.effects.extend(due(neighbours.collect(), moment));
    }

    const fn check_every(&self) -> u64 {
        if self.allowance.settings().metered { METERED_CHECK_EVERY_MS } else { CHECK_EVERY_MS }
    }

    const fn longest_pause(&self) -> u64 {
        if self.allowance.settings().metered { METERED_RETRY_TO_MS } else { RETRY_TO_MS }
    }

    /// What to do next, until there is nothing left.
    pub fn poll_effect(&mut self) -> Option<Effect<N>> {
        self.effects.pop_front()
    }

    /// Whether [`Schedule::poll_effect`] has something.
    #[must_use]
    pub fn has_effects(&self) -> bool {
        !self.effects.is_empty()
    }

    /// When [`Schedule::handle_time`] is due, in elapsed milliseconds.
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        let allowance = self.allowance.deadline();
        if self.refusal().is_some() {
            return allowance;
        }
        let checks = self.devices.values().filter_map(|device| match device.attempts.stage {
            Stage::Connected { check_due_ms, .. } => Some(check_due_ms),
            _ => None,
        });
        let devices = self.devices.values().filter(|device| device.has_address);
        let devices = next_due(devices.map(|device| &device.attempts));
        let neighbours = next_due(self.neighbours.values());
        allowance.into_iter().chain(checks).chain(devices).chain(neighbours).min()
    }
}

/// Dials those that are due, the longest waiting first, as far as there is room.
fn due<N>(mut all: Vec<(Contact<N>, &mut Attempts<N>)>, moment: Moment) -> Vec<Effect<N>> {
    let dialling = all.iter().filter(|(_, attempts)| matches!(attempts.stage, Stage::Dialling)).count();
    all.retain(|(_, attempts)| attempts.due_ms().is_some_and(|due_ms| due_ms <= moment.elapsed_ms));
    all.sort_by_key(|(_, attempts)| attempts.due_ms());
    all.truncate(MAX_DIALS_AT_ONCE.saturating_sub(dialling));
    let dial = |(contact, attempts): (Contact<N>, &mut Attempts<N>)| {
        attempts.dial(moment);
        Effect::Dial(contact)
    };
    all.into_iter().map(dial).collect()
}

/// When the next of these is due. Without room for a dial, the end of another one makes it.
fn next_due<'a, N: 'a>(all: impl Iterator<Item = &'a Attempts<N>> + Clone) -> Option<u64> {
    let dialling = all.clone().filter(|attempts| matches!(attempts.stage, Stage::Dialling)).count();
    all.filter_map(Attempts::due_ms).min().filter(|_| dialling < MAX_DIALS_AT_ONCE)
}

#[cfg(test)]
mod tests;
