//! A session between two members of a space: who is there, and what either is missing.
//!
//! 1. Both say hello with a fresh nonce. Nothing in it tells who they are.
//! 2. Both show *marks*: for each of their newest epochs, a hash of its secret with both nonces and
//!    the connection's identity. A stranger on the same network learns nothing from a mark, cannot
//!    follow anybody by it, and cannot replay it into another connection.
//! 3. Under a key from a shared epoch, both prove which device they are by a signature over the
//!    whole handshake. A stolen epoch secret alone does not pass as a device.
//! 4. What follows is about a space (`exchange`), which is named by a hash under a key of this
//!    session. There is one mechanism for first sync, catching up and live push.
//!
//! Frames come in through [`Session::handle_frame`] and are drawn from [`Session::poll_frame`], one
//! at a time and only when the connection can take it: memory is bounded by one frame each way.
//!
//! What it does not promise: a member who withholds is noticed only by what its frontier admits.

use std::collections::VecDeque;

use crate::{
    codec::{Encoded as _, decode},
    crypto::sign::SigningKey,
    id::{BlobId, DeviceId},
    journal::{Disk, JournalError},
    limits::{MAX_FRAME_LEN, MAX_HANDSHAKE_FRAME_LEN},
    replica::{Ingested, Replica, State},
};

mod exchange;
mod fetch;
pub mod frontier;
mod handshake;
pub mod message;
mod reconcile;

use exchange::Exchange;
pub use frontier::Frontier;
use handshake::Handshake;
pub use handshake::Role;
use message::{Mark, Message, Reason, frame_of_message, parse_frame};

/// What the caller does after a frame.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// The other side proved to be this device of the same person.
    Established {
        /// The device.
        device: DeviceId,
    },
    /// Records to ingest, make durable, and report by [`Session::ingested`] in that order.
    Records(Vec<Vec<u8>>),
    /// The other side told what it holds durably.
    Acknowledged,
    /// The other side has no more of an attachment that was asked for.
    Lacking {
        /// The attachment.
        blob: BlobId,
    },
}

/// Why a session ended: all of it the other side's doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// Bytes that no honest peer sends, or in the wrong order.
    #[error("the other side does not keep to the protocol")]
    Malformed,
    /// It speaks an older version only.
    #[error("the other side speaks an older version")]
    Older,
    /// It speaks a newer version only.
    #[error("the other side speaks a newer version")]
    Newer,
    /// It shares no epoch with us: somebody else's node, or one that was away too long.
    #[error("the other side belongs to somebody else")]
    Unrecognised,
    /// Its proof does not hold.
    #[error("the other side's proof does not hold")]
    BadProof,
    /// It shows another history for a device than the one held here.
    #[error("device {} has two histories", device.short())]
    Fork {
        /// The device.
        device: DeviceId,
    },
    /// It ended the session, and said why.
    #[error("the other side refused: {0:?}")]
    RefusedByPeer(Reason),
}

/// One side of a session.
#[derive(Debug)]
pub struct Session {
    role: Role,
    handshake: Handshake,
    /// Frames of the handshake that wait to be sent.
    outbox: VecDeque<Vec<u8>>,
    peer: Option<DeviceId>,
    exchange: Option<Exchange>,
    over: bool,
}

impl Session {
    /// Opens a session over a connection. `binding` names the connection (both transport keys);
    /// `nonce` was drawn for it.
    #[must_use]
    pub fn new(role: Role, binding: [u8; 32], nonce: [u8; 32]) -> Self {
        Self {
            role,
            handshake: Handshake::new(role, binding, nonce),
            outbox: VecDeque::from([frame_of_message(&Message::Hello { nonce })]),
            peer: None,
            exchange: None,
            over: false,
        }
    }

    /// The device on the other side, once proved.
    #[must_use]
    pub const fn peer(&self) -> Option<DeviceId> {
        self.peer
    }

    /// How the space is named in this session, once the other side proved who it is.
    #[must_use]
    pub fn mark(&self) -> Option<Mark> {
        self.exchange.as_ref().map(|exchange| *exchange.mark())
    }

    /// What the other side last said it holds durably, and what it sent since.
    #[must_use]
    pub fn acknowledged(&self) -> Option<&Frontier> {
        self.exchange.as_ref()?.acknowledged()
    }

    /// Whether the session was ended by [`Session::refuse`]; a last frame may wait to be sent.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.over
    }

    /// Takes a frame from the other side.
    ///
    /// # Errors
    /// When the session is over; see [`Session::refuse`].
    pub fn handle_frame(
        &mut self,
        frame: &[u8],
        state: &State,
        device: &SigningKey,
    ) -> Result<Option<Event>, SessionError> {
        let max_len = if self.peer.is_some() { MAX_FRAME_LEN } else { MAX_HANDSHAKE_FRAME_LEN };
        if frame.len() > max_len {
            return Err(SessionError::Malformed);
        }
        if let Some((mark, records)) = parse_frame(frame)? {
            let known = self.exchange.as_ref().is_some_and(|exchange| *exchange.mark() == mark);
            return known.then_some(Some(Event::Records(records))).ok_or(SessionError::Malformed);
        }
        match (decode_message(frame)?, &mut self.exchange) {
            (Message::Refuse { reason }, _) => Err(SessionError::RefusedByPeer(reason)),
            (Message::Space { mark, message }, Some(exchange)) if *exchange.mark() == mark => {
                exchange.handle(message, state)
            }
            (Message::Space { .. }, _) => Err(SessionError::Malformed),
            (handshake, _) => self.handle_handshake(handshake, state, device),
        }
    }

    fn handle_handshake(
        &mut self,
        message: Message,
        state: &State,
        device: &SigningKey,
    ) -> Result<Option<Event>, SessionError> {
        let step = self.handshake.handle(message, state, device)?;
        self.outbox.extend(step.reply.iter().map(frame_of_message));
        let Some(proved) = step.proved else { return Ok(None) };
        self.peer = Some(proved.device);
        self.exchange = Some(Exchange::new(self.role, proved.device, state.space(), &proved.secret));
        Ok(Some(Event::Established { device: proved.device }))
    }

    /// Tells that records of [`Event::Records`] were ingested and are durable.
    ///
    /// # Errors
    /// When the other side leaves more commits waiting than an honest one would.
    pub fn ingested(&mut self, ingested: &Ingested) -> Result<(), SessionError> {
        self.exchange.as_mut().map_or(Ok(()), |exchange| exchange.ingested(ingested))
    }

    /// The periodic check: what both hold is compared again, every few minutes and as a safety net.
    pub fn check(&mut self) {
        if let Some(exchange) = &mut self.exchange {
            exchange.check();
        }
    }

    /// Asks the other side for an attachment of so many chunks, those that are missing here.
    pub fn fetch(&mut self, blob: BlobId, chunks: u32) {
        if let Some(exchange) = &mut self.exchange {
            exchange.fetches().add(blob, chunks);
        }
    }

    /// Whether an attachment is being fetched in this session.
    #[must_use]
    pub fn is_fetching(&self, blob: &BlobId) -> bool {
        self.exchange.as_ref().is_some_and(|exchange| exchange.is_fetching(blob))
    }

    /// Asks for no more of an attachment; what was asked for may still come.
    pub fn stop_fetching(&mut self, blob: &BlobId) {
        if let Some(exchange) = &mut self.exchange {
            exchange.fetches().give_up(blob);
        }
    }

    /// The frame to send next, or `None` when there is nothing to say. Everything in it is durable
    /// here: call it only after [`Replica::sync`].
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn poll_frame<D: Disk>(
        &mut self,
        replica: &mut Replica<D>,
    ) -> Result<Option<Vec<u8>>, JournalError<D::Error>> {
        if let Some(frame) = self.outbox.pop_front() {
            return Ok(Some(frame));
        }
        match &mut self.exchange {
            Some(exchange) if !self.over => exchange.poll(replica),
            _ => Ok(None),
        }
    }

    /// Ends the session: the last frame tells the other side why, unless it said so itself. Nothing
    /// else is sent.
    pub fn refuse(&mut self, error: SessionError) {
        let reason = match error {
            SessionError::Malformed => Reason::Malformed,
            SessionError::Newer => Reason::Newer,
            SessionError::Older => Reason::Older,
            SessionError::Unrecognised => Reason::Unrecognised,
            SessionError::BadProof => Reason::BadProof,
            SessionError::Fork { .. } => Reason::Fork,
            SessionError::RefusedByPeer(_) => return self.over = true,
        };
        self.over = true;
        self.outbox.push_back(frame_of_message(&Message::Refuse { reason }));
    }
}

fn decode_message(frame: &[u8]) -> Result<Message, SessionError> {
    // Said apart from nonsense, so that the person knows which of two devices to update.
    if let [tag, version, ..] = frame
        && *tag == Message::TAG as u8
        && *version < Message::VERSION
    {
        return Err(SessionError::Older);
    }
    decode(frame).map_err(|error| match error {
        crate::codec::DecodeError::Newer { .. } => SessionError::Newer,
        _ => SessionError::Malformed,
    })
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
