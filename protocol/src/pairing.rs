//! Bringing a new device in.
//!
//! The inviting device I shows a [`ticket::Ticket`] (addresses, its peer id, a 128-bit secret); the
//! joining device J dials and both speak, in this order:
//!
//! 1. J → I, I → J: `Hello`, in the clear: a random salt each. Keys for both directions follow from
//!    the ticket's secret, both salts and both peer ids. *A recorded session replayed meets another
//!    salt and opens nothing.*
//! 2. J → I: `Commit`, sealed: a hash of what J will reveal. Opening it proves that J holds the
//!    secret; from here on the ticket is used. *Whoever lacks the secret learns nothing, not even
//!    whether a ticket is used, and cannot burn it.*
//! 3. I → J: `Commit`. J → I: `JoinerReveal`. I → J: `InviterReveal`. Each reveal holds a nonce and a
//!    statement and must fit its commitment. *Somebody who photographed the ticket and stands in the
//!    middle had to commit on both sides before seeing either honest nonce, so that the words on both
//!    sides are two independent draws: one chance in 2³³, and one attempt per ticket.*
//! 4. J → I: `Countersigned`: J's signature over the certificate that J composed *itself* from what it
//!    was told. *I cannot be given a signature over something else, and nobody can enrol a key that
//!    they do not hold.*
//! 5. J shows three authentication words. The person types them on I, which compares. *I shows no
//!    words: nobody can click "yes, the same" without looking.* With `--yes` the device is marked
//!    unverified instead.
//! 6. I → J: `Welcome`: device log and epoch secrets, the latter sealed to the very HPKE key that is
//!    in the certificate, in the context of this transcript. J → I: `Done`, once that is durable.
//!
//! The words are taken from plaintexts and commitments only, never from ciphertexts. *The last to
//! reveal could otherwise try nonces of its encryption until the words fit.*
//!
//! Not promised: if J was given somebody else's ticket in place of the right one, it joins somebody
//! else's Musette. J is empty then, so nothing leaks at that moment; the person notices that the
//! words are accepted nowhere. See `protocol/spec/pairing.md`.

pub mod error;
pub mod inviter;
pub mod joiner;
pub mod message;
pub mod ticket;
pub(crate) mod transcript;
pub mod words;

pub use error::{Fault, PairingError};
pub use inviter::{Invitation, Inviter};
pub use joiner::Joiner;
pub use message::{InviterStatement, JoinerStatement, Welcome};
pub use ticket::{Ticket, TicketError, TicketSecret};
pub use transcript::Channel;

use crate::{
    crypto::sign::Signature,
    identity::certificate::Certificate,
    limits::{
        MAX_EPOCH_SECRETS, MAX_LOG_HEADS, MAX_LOG_OPERATIONS, MAX_MEMBERSHIP_OPERATIONS, MAX_REPLACED_EPOCHS,
        MAX_REVOCATION_SPACES,
    },
};

/// Bytes of a frame before the welcome: the largest, a reveal, needs a quarter. What a stranger can
/// make a node parse.
pub const MAX_HANDSHAKE_FRAME_LEN: usize = 2 * 1024;
/// Bytes of a welcome's frame, which who is let in reads: a full device log and a full membership log, with all
/// that each operation may list, and the secrets of all epochs that a device may hold. It is some 100 KiB in a
/// lifetime; but what somebody fills the logs with keeps nobody out.
pub const MAX_WELCOME_LEN: usize = 24 * 1024 * 1024;
const _: () = assert!(
    MAX_LOG_OPERATIONS * (2 * 32 * MAX_LOG_OPERATIONS + 64 * MAX_REVOCATION_SPACES + 1024)
        + MAX_MEMBERSHIP_OPERATIONS * (2 * 32 * MAX_LOG_HEADS + 1024)
        + MAX_EPOCH_SECRETS * (32 * MAX_REPLACED_EPOCHS + 64)
        < MAX_WELCOME_LEN
);
/// Bytes of a frame of who wants to be let in, once it proved that it may ask.
pub const MAX_FRAME_LEN: usize = 256 * 1024;
/// Milliseconds from the first message to the countersignature: no person is involved.
pub const HANDSHAKE_MS: i64 = 30_000;
/// Milliseconds that a person may take to walk over and type the words; as long as a ticket lives.
pub const CONFIRMATION_MS: i64 = 600_000;
/// Milliseconds that storing the welcome may take.
pub const WELCOME_MS: i64 = 60_000;
/// Wrong words that are taken for typing mistakes. Three guesses at 33 bits are still none.
pub const MAX_WORD_ATTEMPTS: u8 = 3;

/// What a machine asks its driver to do, in order.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Send this frame.
    Send(Vec<u8>),
    /// Joiner: show these words (see [`words::text`]) until the welcome comes.
    Words([u16; 3]),
    /// Inviter: ask the person for the words that a device of this name shows, then call
    /// [`Inviter::confirm`], [`Inviter::accept_unverified`] or [`Inviter::refuse`].
    AskConfirmation {
        /// What the joining device calls itself.
        name: String,
    },
    /// Inviter: enrol the device, make that durable, then call [`Inviter::welcome`].
    Enrol {
        /// What to certify.
        certificate: Certificate,
        /// The device's own signature over it.
        device_signature: Signature,
        /// Whether words were compared.
        verified: bool,
        /// Names this pairing: the context that the grant is sealed in.
        context: [u8; 32],
    },
    /// Joiner: check and store this, make that durable, then call [`Joiner::stored`].
    Welcome {
        /// The person's inception, device log and secrets.
        welcome: Box<Welcome>,
        /// The signed inception statement that the inviter committed to.
        inception: Vec<u8>,
        /// What this device was certified as.
        certificate: Certificate,
        /// Names this pairing: the context that the grant was sealed in.
        context: [u8; 32],
    },
    /// The other side knows all it must; close the stream.
    Finished,
    /// It is over; close the stream once earlier outputs are sent. A device that was enrolled
    /// before stays enrolled.
    Failed(PairingError),
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
