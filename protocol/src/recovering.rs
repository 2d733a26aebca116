//! Letting a bare device in by the recovery phrase alone, where nobody can make a ticket.
//!
//! A running device D of the person answers the bare one, the asker A, that holds nothing but the
//! phrase. A dials and both speak, in this order:
//!
//! 1. A → D: `Hello`, in the clear: a random salt.
//! 2. D → A: `Challenge`, in the clear: D's salt, and a fresh secret sealed to the person's recovery
//!    key with both salts and both peer ids as associated data; and another one sealed to the recovery key
//!    that this one replaced, or to one that nobody has. *HPKE's ciphertext names no recipient: somebody
//!    who knocks without the phrase sees random bytes, the same whoever lives here, and whoever passes it
//!    on to another connection passes on nothing that opens.*
//! 3. A → D: `Claim`, sealed under keys that follow from that secret: the root key's signature over
//!    the transcript. *From here on D knows that it is the person who asks, now and on this
//!    connection; from a wrong phrase nothing comes, as it opens no challenge.* Whoever has words that were
//!    replaced is shown the statement by which their own root did that, and nothing else.
//! 4. D → A: `Answer`: the inception, the device log, and the signature of D's device key over the same transcript.
//!    *Whoever knows the person's recovery key, which is public, can make a challenge. A goes on only
//!    if a device answers that the log, in which A's own root speaks, has among its devices now.*
//! 5. A → D: `Enrolment`: the operation by which the root lets A in, on top of that log. D applies it
//!    and makes it durable. *Before any secret leaves, so that nobody who stole the phrase has the
//!    secrets without being in the log, where every other device sees it.*
//! 6. D → A: `Welcome`, as in a [pairing](crate::pairing): logs, and the epochs' secrets sealed to the
//!    key in that operation. A → D: `Done`, once that is durable.
//!
//! The sealed channel is that of a pairing, under another context. How many challenges are made is
//! bounded by a [`Door`].
//!
//! Not promised: that D has heard of every revocation. One that was taken out and does not know, or
//! does not say, answers like any other; what A then learns from the others undoes nothing of A's
//! own enrolment, which is the root's. See `protocol/spec/recovering.md`.

mod answerer;
mod asker;
mod door;
mod error;
mod proof;
mod words;

pub use answerer::Answerer;
pub use asker::Asker;
pub use door::Door;
pub use error::RecoveringError;
pub use words::KnownWords;

use crate::{
    id::DeviceId,
    identity::{certificate::Certificate, log::Operation, person::Inception},
    pairing::Welcome,
    signed::Signed,
};

/// Milliseconds from the first message to the enrolment: no person is involved.
pub const EXCHANGE_MS: i64 = 30_000;

/// What a machine asks its driver to do, in order.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Send this frame.
    Send(Vec<u8>),
    /// Answerer: the asker holds the root key. Call [`Answerer::answer`] or [`Answerer::refuse`].
    Proved,
    /// Answerer: let this count, make that durable, then call [`Answerer::welcome`].
    Enrol {
        /// The operation, by the root.
        operation: Box<Signed<Operation>>,
        /// What it certifies.
        certificate: Certificate,
        /// Names this exchange: the context that the grant is sealed in.
        context: [u8; 32],
    },
    /// Asker: check and store this, make that durable, then call [`Asker::stored`].
    Welcome {
        /// The logs and secrets.
        welcome: Box<Welcome>,
        /// Names the person. What follows from the phrase, unless that took the place of another.
        inception: Box<Signed<Inception>>,
        /// The device that answered; one of the person's.
        answerer: DeviceId,
        /// What this device was certified as.
        certificate: Certificate,
        /// Names this exchange: the context that the grant was sealed in.
        context: [u8; 32],
    },
    /// The other side knows all it must; close the stream.
    Finished,
    /// It is over; close the stream once earlier outputs are sent. A device that was enrolled
    /// before stays enrolled.
    Failed(RecoveringError),
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
