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
    /// The ends of a link look for each other.
    Dial {
        /// Its number.
        link: usize,
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

/// The present moment and what is to happen after it. Two events of one moment happen in the order
/// in which they were scheduled.
#[derive(Debug, Default)]
pub struct Clock {
    now_ms: u64,
    queue: BTreeMap<(u64, u64), Event>,
    scheduled: u64,
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
        self.queue.insert((at_ms, self.scheduled), event);
    }

    /// Goes to the next event.
    pub fn advance(&mut self) -> Option<Event> {
        let entry = self.queue.first_entry()?;
        self.now_ms = entry.key().0;
        Some(entry.remove())
    }
}
