//! Virtual time, and what is to happen in it.

use std::collections::BTreeMap;

/// What is to happen.
#[derive(Debug, Clone, Copy)]
pub enum Event {
    /// A device is enrolled.
    Enrol {
        /// Its number.
        device: usize,
    },
    /// A person does something.
    Work {
        /// On this device.
        device: usize,
    },
    /// A device that was honest until then falls into wrong hands.
    Steal,
    /// The bad device takes out honest ones.
    Revolt,
    /// The bad device is taken out, by some other one.
    Revoke,
    /// A person backs a device up.
    BackUp,
    /// The disk of the device that was backed up is lost, and another one begins from the backup.
    Restore,
    /// A device makes durable what it appended.
    Sync {
        /// Its number.
        device: usize,
    },
    /// A device folds, erases, confirms and merges.
    Tidy {
        /// Its number.
        device: usize,
    },
    /// A schedule is to be told the time.
    Wake {
        /// Of this device.
        device: usize,
    },
    /// A dial that nobody answered is given up.
    Unanswered {
        /// By this device.
        device: usize,
        /// The connection that it would have been.
        connection: u64,
    },
    /// A handshake should have been finished.
    Handshake {
        /// In this connection.
        connection: u64,
    },
    /// What a side that leaves has to say should have been said.
    Farewell {
        /// In this connection.
        connection: u64,
        /// By this side.
        side: usize,
    },
    /// A person lets everything flow again.
    Lift {
        /// On this device.
        device: usize,
    },
    /// A frame arrives.
    Arrive {
        /// In this connection.
        connection: u64,
        /// At this side.
        side: usize,
    },
    /// Something goes wrong.
    Strike,
    /// The deadline of a connection that went silent passes.
    Notice {
        /// Its number.
        connection: u64,
    },
    /// A partition ends.
    Mend,
    /// Both ends of a link hear each other again.
    Hear {
        /// Its number.
        link: usize,
    },
    /// A full disk gets room.
    MakeRoom {
        /// Of this device.
        device: usize,
    },
    /// A device comes back.
    Return {
        /// Its number.
        device: usize,
    },
}

impl Event {
    /// Whether it comes of schedules, which go on for ever.
    const fn is_background(self) -> bool {
        matches!(self, Self::Wake { .. } | Self::Unanswered { .. } | Self::Handshake { .. })
    }
}

/// The present moment and what is to happen after it. Two events of one moment happen in the order
/// in which they were scheduled.
#[derive(Debug, Default)]
pub struct Clock {
    now_ms: u64,
    queue: BTreeMap<(u64, u64), Event>,
    scheduled: u64,
    /// Events that wait, but for those that always do.
    busy: u64,
}

impl Clock {
    /// Virtual milliseconds since the run began.
    #[must_use]
    pub const fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Lets something happen at a moment, which is not past.
    pub fn schedule_at(&mut self, at_ms: u64, event: Event) {
        self.scheduled += 1;
        self.busy += u64::from(!event.is_background());
        self.queue.insert((at_ms, self.scheduled), event);
    }

    /// Whether nothing waits but what schedules have to do.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        self.busy == 0
    }

    /// Goes to the next event.
    pub fn advance(&mut self) -> Option<Event> {
        let (at_ms, _) = *self.queue.first_key_value()?.0;
        self.advance_to(at_ms)
    }

    /// Goes to the next event if it happens until then; else to then.
    pub fn advance_to(&mut self, until_ms: u64) -> Option<Event> {
        let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= until_ms) else {
            self.now_ms = self.now_ms.max(until_ms);
            return None;
        };
        self.now_ms = entry.key().0;
        let event = entry.remove();
        self.busy -= u64::from(!event.is_background());
        Some(event)
    }
}
