//! A session between two members of a space: who is there, and what either is missing.
//!
//! 1. Both say hello with a fresh nonce. Nothing in it tells who they are.
//! 2. Both show *marks*: for each of their newest epochs, a hash of its secret with both nonces and
//!    the connection's identity. A stranger on the same network learns nothing from a mark, cannot
//!    follow anybody by it, and cannot replay it into another connection.
//! 3. Under a key from a shared epoch, both prove which device they are by a signature over the
//!    whole handshake. A stolen epoch secret alone does not pass as a device.
//! 4. Both send their [`Frontier`]: one number per device. That tells each what the other lacks;
//!    it sends epochs, log operations, then commits with what they name, causes before effects.
//! 5. Each answers what it received *and made durable* with its new frontier. What was written
//!    since goes out at once in the same way: there is one mechanism for first sync, catching up
//!    and live push.
//!
//! Frames come in through [`Session::handle_frame`] and are drawn from [`Session::poll_frame`], one
//! at a time and only when the connection can take it: memory is bounded by one frame each way.
//!
//! What it does not promise: a member who withholds is noticed only by what its frontier admits.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::{
    codec::decode,
    crypto::sign::SigningKey,
    id::{DeviceId, EpochId, OperationId},
    journal::{Disk, JournalError, Location},
    limits::{FRAME_TARGET_LEN, MAX_FRAME_LEN, MAX_FRONTIER_ENTRIES, MAX_HANDSHAKE_FRAME_LEN},
    replica::{Ingested, Refusal, Replica, State},
};

pub mod frontier;
mod handshake;
pub mod message;

pub use frontier::Frontier;
use handshake::Handshake;
pub use handshake::Role;
use message::{Message, Reason, frame_of_message, frame_of_records, parse_frame};

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
}

/// Why a session ended: all of it the other side's doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// Bytes that no honest peer sends, or in the wrong order.
    #[error("the other side does not keep to the protocol")]
    Malformed,
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
    handshake: Handshake,
    /// Frames of the handshake that wait to be sent.
    outbox: VecDeque<Vec<u8>>,
    peer: Option<DeviceId>,
    /// What the other side said it holds durably.
    acknowledged: Option<Frontier>,
    /// What it holds, or will once it has taken what was sent.
    given: Given,
    /// Records on their way, in order.
    queue: VecDeque<Location>,
    frontier_due: bool,
    last_frontier: Option<Frontier>,
    over: bool,
}

#[derive(Debug, Default)]
struct Given {
    operations: BTreeSet<OperationId>,
    epochs: BTreeSet<EpochId>,
    chains: BTreeMap<DeviceId, u64>,
}

impl Given {
    fn len(&self) -> usize {
        self.operations.len() + self.epochs.len() + self.chains.len()
    }
}

impl Session {
    /// Opens a session over a connection. `binding` names the connection (both transport keys);
    /// `nonce` was drawn for it.
    #[must_use]
    pub fn new(role: Role, binding: [u8; 32], nonce: [u8; 32]) -> Self {
        let mut session = Self {
            handshake: Handshake::new(role, binding, nonce),
            outbox: VecDeque::new(),
            peer: None,
            acknowledged: None,
            given: Given::default(),
            queue: VecDeque::new(),
            frontier_due: false,
            last_frontier: None,
            over: false,
        };
        session.outbox.push_back(frame_of_message(&Message::Hello { nonce }));
        session
    }

    /// The device on the other side, once proved.
    #[must_use]
    pub const fn peer(&self) -> Option<DeviceId> {
        self.peer
    }

    /// What the other side last said it holds durably.
    #[must_use]
    pub const fn acknowledged(&self) -> Option<&Frontier> {
        self.acknowledged.as_ref()
    }

    /// Whether it was ended by [`Session::refuse`].
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.over
    }

    /// Takes a frame of the other side.
    ///
    /// # Errors
    /// When the session is over; see [`Session::refuse`].
    pub fn handle_frame(
        &mut self,
        frame: &[u8],
        state: &State,
        device: &SigningKey,
    ) -> Result<Option<Event>, SessionError> {
        let (max_len, records_allowed) = match self.peer {
            Some(_) => (MAX_FRAME_LEN, true),
            None => (MAX_HANDSHAKE_FRAME_LEN, false),
        };
        if frame.len() > max_len {
            return Err(SessionError::Malformed);
        }
        if let Some(records) = parse_frame(frame)? {
            return records_allowed.then_some(Some(Event::Records(records))).ok_or(SessionError::Malformed);
        }
        let message: Message = decode(frame).map_err(|error| match error {
            crate::codec::DecodeError::Newer { .. } => SessionError::Newer,
            _ => SessionError::Malformed,
        })?;
        match message {
            Message::Refuse { reason } => Err(SessionError::RefusedByPeer(reason)),
            Message::Frontier(frontier) if self.peer.is_some() => self.handle_frontier(frontier, state),
            Message::Frontier(_) => Err(SessionError::Malformed),
            handshake => self.handle_handshake(handshake, state, device),
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
        let Some(peer) = step.proved else { return Ok(None) };
        self.peer = Some(peer);
        self.frontier_due = true;
        Ok(Some(Event::Established { device: peer }))
    }

    fn handle_frontier(&mut self, frontier: Frontier, state: &State) -> Result<Option<Event>, SessionError> {
        if !frontier.is_within_bounds() {
            return Err(SessionError::Malformed);
        }
        if let Some(device) = frontier.fork_against(state) {
            return Err(SessionError::Fork { device });
        }
        self.given.operations.extend(&frontier.operations);
        self.given.epochs.extend(&frontier.epochs);
        for head in &frontier.chains {
            self.note_given(head.device, head.number);
        }
        // What an honest peer holds only grows. One that tells of other things each time would fill
        // our memory with them.
        if self.given.len() > 2 * 3 * MAX_FRONTIER_ENTRIES {
            return Err(SessionError::Malformed);
        }
        self.acknowledged = Some(frontier);
        Ok(Some(Event::Acknowledged))
    }

    /// Tells that records of [`Event::Records`] were ingested and are durable.
    ///
    /// # Errors
    /// When the other side leaves more commits waiting than an honest one would.
    pub fn ingested(&mut self, ingested: &Ingested) -> Result<(), SessionError> {
        if ingested.effects.refused.contains(&Refusal::TooManyPending) {
            return Err(SessionError::Malformed);
        }
        for head in &ingested.commits {
            self.note_given(head.device, head.number);
            // What it sent is durable there: nothing leaves before its fsync.
            if let Some(acknowledged) = &mut self.acknowledged {
                acknowledged.advance(*head);
            }
        }
        self.frontier_due = true;
        Ok(())
    }

    fn note_given(&mut self, device: DeviceId, number: u64) {
        let given = self.given.chains.entry(device).or_default();
        *given = (*given).max(number);
    }

    /// Asks for the frontier to be sent again: every few minutes, as a safety net.
    pub fn refresh(&mut self) {
        self.frontier_due = true;
        self.last_frontier = None;
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
        if self.peer.is_none() || self.over {
            return Ok(None);
        }
        if std::mem::take(&mut self.frontier_due) {
            let frontier = Frontier::of(replica.state());
            if self.last_frontier.as_ref() != Some(&frontier) {
                let frame = frame_of_message(&Message::Frontier(frontier.clone()));
                self.last_frontier = Some(frontier);
                return Ok(Some(frame));
            }
        }
        // Before its frontier, everything would be sent to a peer that may have it all.
        if self.acknowledged.is_none() {
            return Ok(None);
        }
        self.next_records(replica)
    }

    fn next_records<D: Disk>(
        &mut self,
        replica: &mut Replica<D>,
    ) -> Result<Option<Vec<u8>>, JournalError<D::Error>> {
        let mut records = Vec::new();
        let mut len = 0;
        while len < FRAME_TARGET_LEN {
            if self.queue.is_empty() {
                self.refill(replica.state());
            }
            let Some(location) = self.queue.pop_front() else { break };
            let record = replica.read(location)?;
            len += record.len();
            records.push(record);
        }
        Ok((!records.is_empty()).then(|| frame_of_records(&records)))
    }

    /// Queues the next thing the other side lacks, causes before effects.
    fn refill(&mut self, state: &State) {
        for (epoch, location) in state.epochs() {
            if self.given.epochs.insert(*epoch) {
                self.queue.push_back(*location);
            }
        }
        for operation in state.log().in_order() {
            let id = operation.id();
            if self.given.operations.insert(id) {
                self.queue.extend(state.operation(&id));
            }
        }
        let known = self.peer.is_some_and(|peer| state.log().devices().contains_key(&peer));
        if !self.queue.is_empty() || !known {
            return;
        }
        let given = |device: &DeviceId| self.given.chains.get(device).copied().unwrap_or(0);
        let next = state.chains().find_map(|(device, chain)| {
            let entry = chain.get(usize::try_from(given(device)).ok()?)?;
            let is_due = |seen| state.place(seen).is_some_and(|(device, number)| given(&device) >= number);
            entry.seen.iter().all(is_due).then_some((*device, entry))
        });
        if let Some((device, entry)) = next {
            self.queue.extend(entry.locations.iter().copied());
            *self.given.chains.entry(device).or_default() += 1;
        }
    }

    /// Ends the session: the last frame tells the other side why, unless it said so itself. Nothing
    /// else is sent.
    pub fn refuse(&mut self, error: SessionError) {
        let reason = match error {
            SessionError::Malformed => Reason::Malformed,
            SessionError::Newer => Reason::Newer,
            SessionError::Unrecognised => Reason::Unrecognised,
            SessionError::BadProof => Reason::BadProof,
            SessionError::Fork { .. } => Reason::Fork,
            SessionError::RefusedByPeer(_) => return self.over = true,
        };
        self.over = true;
        self.outbox.push_back(frame_of_message(&Message::Refuse { reason }));
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
