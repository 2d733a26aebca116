//! Invariant 5, of dialling, and what a person asked for: pause, metered mode, the bytes of a day.
//!
//! The account here does not ask the schedule whether anything may flow: it knows what the person
//! set, reads both clocks whenever the schedule is told something, and counts the bytes of each frame.
//!
//! - Once nothing may flow, nothing but what is left of a handshake and *not now* leaves a device, nothing
//!   but a handshake is taken in, and nobody is dialled. The frame by which the day's bytes are used up
//!   is the last of either kind.
//! - From four fifths of the day's bytes on no piece of an attachment leaves, and none is asked for; on a
//!   metered connection only what a person asked for.
//! - What was closed is not used any more, whatever may flow by then.
//! - A device that is out of reach is dialled again within the longest pause for how the last try
//!   ended, and none to which a session stands. A stranger is not dialled again.
//! - A crash leaves less than one step out of the count of the day.

use std::collections::{BTreeMap, BTreeSet};

use musette_protocol::{
    id::{BlobId, DeviceId},
    schedule::{
        BETWEEN_NEWS_MS, Contact, Ending, Moment, NOT_NOW_MS, NOT_NOW_TO_MS, Pause, REFUSED_MS, RETRY_TO_MS,
        Settings, Usage,
    },
};

use super::{Check, Violation, ensure, sending::Frame};
use crate::scheduler::Transport;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// What may flow to and from one device, and whom it should have dialled.
#[derive(Debug, Default)]
pub struct Account {
    settings: Settings,
    /// When the pause ends by the clock that never jumps.
    pause_end_ms: Option<u64>,
    /// The latest day that the wall clock showed, and the bytes since it did.
    day: i64,
    bytes: u64,
    /// Whether nothing might flow when the clocks were last read: the frame by which the bytes of a day are
    /// used up may be the one at which the next day begins.
    was_stopped: bool,
    /// The devices with an address.
    addresses: BTreeSet<DeviceId>,
    /// Until when each device without a session or a dial is to be dialled.
    waits: BTreeMap<DeviceId, u64>,
    /// Devices with which a session stands.
    connected: BTreeSet<DeviceId>,
    /// Connections that were to be closed.
    closed: BTreeSet<u64>,
    /// Neighbours that are somebody else's.
    strangers: BTreeSet<Transport>,
}

impl Account {
    /// The device starts; `usage` is what it kept of the day, in steps of so many bytes, and `settings`
    /// what its person set.
    ///
    /// # Errors
    /// When it kept less than it should have.
    pub fn start(
        &mut self,
        moment: Moment,
        settings: Settings,
        usage: Usage,
        step_bytes: u64,
    ) -> Result<(), Violation> {
        let is_kept = match usage.day == self.day {
            true => usage.bytes + step_bytes > self.bytes,
            false => self.bytes == 0,
        };
        ensure(is_kept, Check::Usage, || format!("{} bytes of a day became {usage:?}", self.bytes))?;
        (self.day, self.bytes) = (usage.day, usage.bytes);
        self.connected.clear();
        self.closed.clear();
        self.strangers.clear();
        self.set(moment, settings);
        self.expect_all(moment, 0);
        Ok(())
    }

    /// How many bytes of the day were counted.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether nothing may flow.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.settings.pause.is_some() || self.settings.daily_budget.is_some_and(|budget| self.bytes >= budget)
    }

    /// Whether pieces of an attachment may flow, by whether a person asked for it.
    fn allows_attachment(&self, is_asked_for: bool) -> bool {
        let is_low = |budget: u64| self.bytes.saturating_mul(5) >= budget.saturating_mul(4);
        !self.settings.daily_budget.is_some_and(is_low) && (is_asked_for || !self.settings.metered)
    }

    /// The person set something.
    pub fn set(&mut self, moment: Moment, settings: Settings) {
        let was_stopped = self.is_stopped();
        self.settings = settings;
        self.pause_end_ms = match settings.pause {
            Some(Pause::Until(end)) => {
                let left = u64::try_from(end.millis_since(moment.wall)).unwrap_or(0);
                Some(moment.elapsed_ms.saturating_add(left))
            }
            _ => None,
        };
        self.settle(moment, was_stopped);
    }

    /// Both clocks were read.
    pub fn note_time(&mut self, moment: Moment) {
        self.settle(moment, self.was_stopped);
    }

    fn settle(&mut self, moment: Moment, was_stopped: bool) {
        if let Some(Pause::Until(end)) = self.settings.pause
            && (moment.wall >= end || self.pause_end_ms.is_some_and(|end_ms| moment.elapsed_ms >= end_ms))
        {
            self.settings.pause = None;
        }
        let today = moment.wall.as_millis().div_euclid(DAY_MS);
        if today > self.day {
            (self.day, self.bytes) = (today, 0);
        }
        self.was_stopped = self.is_stopped();
        if self.was_stopped {
            self.waits.clear();
        } else if was_stopped {
            self.expect_all(moment, BETWEEN_NEWS_MS);
        }
    }

    fn expect_all(&mut self, moment: Moment, within_ms: u64) {
        if !self.is_stopped() {
            let due_ms = moment.elapsed_ms + within_ms;
            // A day may begin just when the bytes of the one before are used up: the session stays.
            let apart = self.addresses.difference(&self.connected);
            self.waits = apart.map(|id| (*id, due_ms)).collect();
        }
    }

    /// These devices have an address; those new among them are to be dialled, but for those that are
    /// `busy`.
    pub fn note_addresses(
        &mut self,
        moment: Moment,
        addresses: &BTreeSet<DeviceId>,
        busy: &BTreeSet<DeviceId>,
    ) {
        self.waits.retain(|id, _| addresses.contains(id));
        if !self.is_stopped() {
            let new = addresses.difference(&self.addresses).filter(|id| !busy.contains(id));
            self.waits.extend(new.map(|id| (*id, moment.elapsed_ms)));
        }
        self.addresses.clone_from(addresses);
    }

    /// A dial of a device or a session with it ended; nothing else goes on with it.
    pub fn note_ended(&mut self, moment: Moment, id: DeviceId, ending: Ending) {
        let longest_ms = match ending {
            Ending::Lost | Ending::Spent => RETRY_TO_MS,
            Ending::Refused => REFUSED_MS,
            Ending::NotNow { until: None } => NOT_NOW_MS,
            Ending::NotNow { until: Some(until) } => {
                let left = u64::try_from(until.millis_since(moment.wall)).unwrap_or(0);
                left.min(NOT_NOW_TO_MS) + 2 * BETWEEN_NEWS_MS
            }
        };
        self.connected.remove(&id);
        if !self.is_stopped() && self.addresses.contains(&id) {
            self.waits.insert(id, moment.elapsed_ms + longest_ms);
        }
    }

    /// Something makes it likely that devices out of reach can be reached now.
    pub fn note_news(&mut self, moment: Moment) {
        let soon_ms = moment.elapsed_ms + BETWEEN_NEWS_MS;
        self.waits.values_mut().for_each(|due_ms| *due_ms = (*due_ms).min(soon_ms));
    }

    /// A session with a device stands.
    pub fn note_connected(&mut self, id: DeviceId) {
        self.waits.remove(&id);
        self.connected.insert(id);
    }

    /// Checks a dial.
    ///
    /// # Errors
    /// When it should not be made, or is late.
    pub fn check_dial(&mut self, moment: Moment, contact: &Contact<Transport>) -> Result<(), Violation> {
        ensure(!self.is_stopped(), Check::Silence, || {
            "somebody is dialled although nothing may flow".into()
        })?;
        self.check_waits(moment)?;
        match contact {
            Contact::Device(id) => drop(self.waits.remove(id)),
            Contact::Neighbour(neighbour) => {
                let is_strange = self.strangers.contains(neighbour);
                ensure(!is_strange, Check::Redial, || format!("{neighbour:?} is dialled, a stranger"))?;
            }
        }
        Ok(())
    }

    /// A neighbour turned out to be somebody else's.
    pub fn note_stranger(&mut self, neighbour: Transport) {
        self.strangers.insert(neighbour);
    }

    /// Checks that nobody was left waiting for a dial.
    ///
    /// # Errors
    /// When somebody was.
    pub fn check_waits(&self, moment: Moment) -> Result<(), Violation> {
        let late = self.waits.iter().find(|(_, due_ms)| **due_ms < moment.elapsed_ms);
        ensure(late.is_none(), Check::Redial, || format!("{late:?} is not dialled at {}", moment.elapsed_ms))
    }

    /// How long until a device has to be dialled at the latest.
    #[must_use]
    pub fn wait_ms(&self, moment: Moment, id: &DeviceId) -> Option<u64> {
        let due_ms = self.waits.get(id)?;
        Some(due_ms.saturating_sub(moment.elapsed_ms))
    }

    /// A connection is to be closed.
    pub fn note_closed(&mut self, connection: u64) {
        self.closed.insert(connection);
    }

    /// Whether a connection was to be closed.
    #[must_use]
    pub fn is_closed(&self, connection: u64) -> bool {
        self.closed.contains(&connection)
    }

    /// Checks a frame that is about to leave on a connection, with pieces of these attachments in it.
    ///
    /// # Errors
    /// When it must not.
    pub fn check_sent(
        &self,
        connection: u64,
        frame: &Frame,
        pieces: &BTreeSet<BlobId>,
        is_asked_for: impl Fn(&BlobId) -> bool,
    ) -> Result<(), Violation> {
        if !matches!(frame, Frame::Handshake | Frame::NotNow) {
            ensure(!self.is_closed(connection), Check::Closed, || {
                "a frame leaves in a closed session".into()
            })?;
            ensure(!self.is_stopped(), Check::Silence, || "a frame leaves a stopped device".into())?;
        }
        let wanted = match frame {
            Frame::Want(blob) => Some(blob),
            _ => None,
        };
        let early = pieces.iter().chain(wanted).find(|blob| !self.allows_attachment(is_asked_for(blob)));
        ensure(early.is_none(), Check::HeldBack, || format!("{early:?} is given or asked for"))
    }

    /// Checks a frame that is about to be taken in; `proved` if the other side proved who it is.
    ///
    /// # Errors
    /// When it must not.
    pub fn check_taken(&self, connection: u64, proved: bool) -> Result<(), Violation> {
        let is_closed = self.is_closed(connection);
        ensure(!is_closed, Check::Closed, || "a frame is taken in from a closed session".into())?;
        let is_stopped = proved && self.is_stopped();
        ensure(!is_stopped, Check::Silence, || "a stopped device takes a frame in".into())
    }

    /// Counts a frame that left or came.
    pub const fn count(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    /// Whether some attachment has to wait.
    #[must_use]
    pub fn holds_back(&self) -> bool {
        !self.allows_attachment(false)
    }
}
