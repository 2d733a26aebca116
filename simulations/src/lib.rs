//! Many devices in one process, under virtual time and faults: what must hold, held to.
//!
//! 1. One seed draws everything: how many devices a person has, who reaches whom, how slow the
//!    links are, what people write and what breaks ([`plan`]).
//! 2. In the first phase people write while connections are lost, the network parts, the power
//!    fails, disks fill up and strangers call ([`world`]). What must always hold is checked at each
//!    step.
//! 3. In the second phase everything is healed and nobody writes. All devices must then agree, and
//!    a second sync must find nothing to do.
//!
//! What runs is the code that ships: replicas, journals, sessions and documents. What is made up is
//! what the node's shell does around them: the group commit before a frame leaves, the dialling,
//! the index that is behind the journal. [`options::Breakage`] breaks that shell on purpose, which
//! shows that the checks can fail.
//!
//! What it does not reach yet: pairing (a new device is enrolled and handed its log and keys by
//! hand), more than one epoch, revocation, attachments beyond their chunks, mirrors, and other
//! people. There is no clock and no randomness but the seed: a seed is one story, for ever.

pub mod check;
pub mod device;
pub mod dice;
pub mod intruder;
pub mod network;
pub mod options;
pub mod person;
pub mod plan;
pub mod storage;
pub mod tally;
pub mod workload;
pub mod world;

pub use check::{Check, Violation};
pub use options::{Breakage, Options};
pub use tally::{Fault, Tally};
pub use world::{Outcome, simulate};
