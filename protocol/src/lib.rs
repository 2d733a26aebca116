//! What two Musette nodes must agree on, and nothing that touches the world.
//!
//! No clock, no randomness, no I/O: an instant, entropy or bytes from a disk or a socket come in
//! as arguments, effects come out as values. So the very code that ships is what the simulator
//! runs, and what the vectors in `protocol/vectors/` pin down.

pub mod addresses;
pub mod backup;
pub mod codec;
pub mod crypto;
pub mod epoch;
pub mod id;
pub mod identity;
pub mod journal;
pub mod limits;
pub mod membership;
pub mod pairing;
mod past;
pub mod record;
pub mod recovering;
pub mod relaying;
pub mod replica;
pub mod schedule;
pub mod session;
pub mod signed;
#[cfg(test)]
mod testkit;
mod ticket_text;
pub mod time;
