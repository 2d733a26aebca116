//! The I/O shell around the pure core: journal, index, vault, network, local API.
//!
//! One thread owns the store (`driver`); everything else asks it. The command line uses the same
//! handlers as a program on the local socket: over HTTP when a node runs, in process when none does
//! ([`client`]).

#[cfg(windows)]
compile_error!("Musette does not run on Windows yet. Linux and macOS are fine.");

mod api;
mod backup;
pub mod client;
mod clock;
mod config;
mod driver;
mod entropy;
pub mod error;
pub mod home;
pub mod lifecycle;
mod memory;
mod net;
mod pairing;
mod recovering;
pub mod standing;
mod store;
mod sync;
mod welcome;
pub mod words;

pub use musette_crdt::schema;
