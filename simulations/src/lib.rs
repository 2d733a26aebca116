//! Many devices in one process, under virtual time and faults: what must hold, held to.
//!
//! 1. One seed draws everything: how many devices a person has, who reaches whom, how slow the
//!    links are, what people write, what breaks, and what is wrong with one device more ([`plan`]).
//! 2. In the first phase people write, at least two hundred times, while connections are lost,
//!    double or fall silent on one side, the network parts, the power fails, disks fill up or
//!    dawdle, clocks jump, people pause syncing, count its bytes and carry their devices about,
//!    strangers call, and the bad device does what it likes ([`adversary`]).
//!    Devices fold documents, erase what was dropped and rewrite their journals meanwhile; epochs grow
//!    old and are replaced, documents are forgotten, and a last device may be enrolled in the middle of
//!    it. The bad device may have been honest until it was stolen, may take out honest ones, and is taken
//!    out, by one or by two, who use their right or the recovery words. A disk may be lost, and a new device
//!    begin from an old backup.
//!    What must always hold is checked at each step.
//! 3. In the second phase the bad device is gone, everything is healed and nobody writes; where an honest
//!    device is still out, the words take it in again. All
//!    devices must then agree, within a bounded time, and a second sync must find nothing to do.
//!
//! What runs is the code that ships: replicas, journals, sessions, documents, and the schedule by which
//! each device dials, checks and closes. What is made up is what the node's shell does around them: the
//! group commit before a frame leaves, the table of sessions ([`scheduler`]), the tidying, the vault, the
//! index that is behind the journal. [`options::Breakage`] breaks that shell on purpose, which shows that
//! the checks can fail.
//!
//! After it the same seed tells a second story, of spaces that others read ([`sharing`]).
//!
//! What it does not reach yet: pairing (a new device is enrolled and handed its log and keys by
//! hand), a stolen device that drops with the keeper's seed, and mirrors; nor the schedule in the second story.
//! Honest devices to which a bad one showed two histories refuse each other from then on: of those it
//! checks only that each keeps what it acknowledged. There is no clock and no randomness but the seed: a
//! seed is one story, for ever.

pub mod adversary;
pub mod check;
pub mod clock;
pub mod device;
pub mod dice;
pub mod documents;
pub mod network;
pub mod options;
pub mod pair;
pub mod person;
pub mod plan;
pub mod run;
pub mod scheduler;
pub mod sharing;
pub mod storage;
pub mod tally;
pub mod topology;
pub mod workload;
pub mod world;

pub use check::{Check, Violation};
pub use options::{Breakage, Options};
pub use run::{Batch, Enough, run};
pub use tally::{Fault, Tally};
pub use world::{Outcome, simulate};
