//! The harness for tests that see Musette as its people do: as processes.
//!
//! 1. [`binaries`] builds `musette` once per run, so that no stale binary is ever tested.
//! 2. A [`world::World`] is a temporary folder with devices in it, each with its own home, runtime
//!    folder and environment; nothing of the machine's user gets in, and it goes when the test ends.
//! 3. A [`world::Device`] runs commands to their end, or a [`process::Node`] that is killed with
//!    its handle; [`api`] talks to the node's socket without any of Musette's own code.
//! 4. Nothing sleeps for a while and hopes: [`wait::until`] watches a condition, with a deadline.
//! 5. What needs root or a tool asks [`need`] first: on a machine without it the test passes and
//!    says why it proved nothing, unless it is told that it must run.
//!
//! It links no crate of Musette: what is tested is the programs and the API, not the code behind.

// The harness is test code: what goes wrong in it is a failed test.
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::missing_panics_doc)]

pub mod api;
pub mod binaries;
pub mod disk;
pub mod fetching;
pub mod linkedin;
pub mod memory;
pub mod natlab;
pub mod need;
pub mod netns;
pub mod pairs;
pub mod process;
pub mod relay;
pub mod search;
pub mod secrets;
pub mod turns;
pub mod wait;
pub mod world;
