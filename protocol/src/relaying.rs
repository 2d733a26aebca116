//! What a node and a relay agree on.
//!
//! Circuits themselves are libp2p's circuit relay v2, so that any client of it works. This adds what
//! that lacks, a word on who may use how much:
//!
//! 1. Whoever runs a relay makes a [`ticket::RelayTicket`], signed by the relay's transport key, and
//!    gives it to somebody by whatever way they like.
//! 2. A node that connects to the relay opens a stream of [`PROTOCOL`] and presents the ticket
//!    ([`message::Message::Present`]); the relay admits it for as long as that connection lasts, or
//!    says why not.
//! 3. What is carried to and from the node counts against the ticket from then on.
//!
//! The ticket names nobody: it is good for whoever holds it, up to its quota. So it travels only to
//! the relay that it names, inside the encrypted connection to that relay's key.
//!
//! See `protocol/spec/relaying.md`.

pub mod message;
pub mod ticket;

pub use message::{Admission, Message, Refusal};
pub use ticket::{RelayTicket, RelayTicketError, TicketId};

/// The name of the stream protocol on which a ticket is presented.
pub const PROTOCOL: &str = "/musette/relay/1";
/// Bytes of a frame, its length not counted: the longest ticket takes half.
pub const MAX_FRAME_LEN: usize = 4 * 1024;

#[cfg(test)]
mod vectors;
