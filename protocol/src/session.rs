//! A session between two members of a space: who is there, and what either is missing.
//!
//! 1. Both say hello with a fresh nonce. Nothing in it tells who they are.
//! 2. Both show *marks*: for each of their newest epochs, a hash of its secret with both nonces and
//!    the connection's identity. A stranger on the same network learns nothing from a mark, cannot
//!    follow anybody by it, and cannot replay it into another connection.
//! 3. Under a key from a shared epoch, both prove which device they are by a signature over the
//!    whole handshake. A stolen epoch secret alone does not pass as a device.
//! 4. What follows is about each of the spaces that both are part of (`exchange`), which is named by a
//!    hash under a key of this session. There is one mechanism for first sync, catching up and live
//!    push. Which spaces these are is settled then: a device that comes to hold another one ends its
//!    sessions and begins anew.
//!
//! Frames come in through [`Session::handle_frame`] and are drawn from [`Session::poll_frame`], one
//! at a time and only when the connection can take it: memory is bounded by one frame each way.
//!
//! What it does not promise: a member who withholds is noticed only by what its frontier admits.

use std::collections::{BTreeMap, VecDeque};

use crate::{
    codec::{Encoded as _, decode},
    crypto::{
        kdf::{context, derive},
        secret::Secret32,
        sign::SigningKey,
    },
    id::{BlobId, DeviceId, SpaceId},
    journal::{Disk, JournalError},
    limits::{FRAME_TARGET_LEN, MAX_FRAME_LEN, MAX_HANDSHAKE_FRAME_LEN},
    replica::{Ingested, State},
    schedule::{Flow, NotNow},
};

mod exchange;
mod fetch;
mod first;
pub mod frontier;
mod handshake;
pub mod message;
mod parts;
mod reconcile;
mod spaces;
mod version;

use exchange::Exchange;
pub use frontier::Frontier;
pub use handshake::Role;
use handshake::{Handshake, Proved};
use message::{Mark, Message, Reason, SpaceMessage, parse_frame, parse_part};
pub use parts::Part;
pub(crate) use parts::{Beginning, Beginnings};
pub use spaces::Spaces;
pub use version::Version;

/// What the caller does after a frame.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// The other side proved to be this device.
    Established {
        /// The device.
        device: DeviceId,
    },
    /// Records to ingest, make durable, and report by [`Session::ingested`] in that order.
    Records {
        /// The space that they are said to be of.
        space: SpaceId,
        /// The records.
        records: Vec<Vec<u8>>,
    },
    /// A part of a record that is not whole, to be handed to [`crate::replica::Replica::keep_part`].
    Part {
        /// The space that it is said to be of.
        space: SpaceId,
        /// The part.
        part: Part,
    },
    /// The other side told what it holds durably of a space.
    Acknowledged {
        /// The space.
        space: SpaceId,
        /// Whether everything is to be compared again, attachments that it lacked among it.
        check: bool,
    },
    /// The other side gives no more of an attachment that was asked for.
    Lacking {
        /// The space that it is part of.
        space: SpaceId,
        /// The attachment.
        blob: BlobId,
        /// Whether it has more, and may give it later.
        withheld: bool,
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
    version: Version,
    role: Role,
    handshake: Handshake,
    /// Frames of the handshake that wait to be sent.
    outbox: VecDeque<Vec<u8>>,
    peer: Option<DeviceId>,
    /// The spaces held here when the other side proved who it is.
    marks: BTreeMap<Mark, SpaceId>,
    secret: Option<Secret32>,
    /// Of these, the ones that both are part of.
    exchanges: BTreeMap<SpaceId, Exchange>,
    /// The space that was served last, of what can wait.
    served: Option<SpaceId>,
    /// Bytes of records in a frame, past which it is sent.
    frame_len: usize,
    over: bool,
}

impl Session {
    /// Opens a session over a connection, in the newest version. `binding` names the connection (both
    /// transport keys); `nonce` was drawn for it.
    #[must_use]
    pub fn new(role: Role, binding: [u8; 32], nonce: [u8; 32]) -> Self {
        Self::in_version(Version::NEWEST, role, binding, nonce)
    }

    /// Opens a session in the version that both sides know (see [`Version`]).
    #[must_use]
    pub fn in_version(version: Version, role: Role, binding: [u8; 32], nonce: [u8; 32]) -> Self {
        Self {
            version,
            role,
            handshake: Handshake::new(version, role, binding, nonce),
            outbox: VecDeque::from([version.frame(Message::Hello { nonce })]),
            peer: None,
            marks: BTreeMap::new(),
            secret: None,
            exchanges: BTreeMap::new(),
            served: None,
            frame_len: FRAME_TARGET_LEN,
            over: false,
        }
    }

    /// Lets no frame carry more bytes of records than this, at least one: a longer record goes in parts. For a
    /// connection that may break after little, and before the handshake is over. A device of an earlier
    /// version is sent all records whole.
    #[must_use]
    pub fn with_frames_of(mut self, len: usize) -> Self {
        self.frame_len = len.clamp(1, FRAME_TARGET_LEN);
        self
    }

    /// The device on the other side, once proved.
    #[must_use]
    pub const fn peer(&self) -> Option<DeviceId> {
        self.peer
    }

    /// How a space is named in this session, once the other side proved who it is.
    #[must_use]
    pub fn mark(&self, space: &SpaceId) -> Option<Mark> {
        self.marks.iter().find(|(_, named)| *named == space).map(|(mark, _)| *mark)
    }

    /// What the other side last said it holds durably of a space, and what it sent since.
    #[must_use]
    pub fn acknowledged(&self, space: &SpaceId) -> Option<&Frontier> {
        self.exchanges.get(space)?.acknowledged()
    }

    /// Whether it was ended on this side, by [`Session::refuse`] or [`Session::leave`]; last frames may wait
    /// to be sent.
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
        spaces: &impl Spaces,
        device: &SigningKey,
    ) -> Result<Option<Event>, SessionError> {
        let max_len = if self.peer.is_some() { MAX_FRAME_LEN } else { MAX_HANDSHAKE_FRAME_LEN };
        if frame.len() > max_len {
            return Err(SessionError::Malformed);
        }
        if self.version == Version::First {
            return self.handle_first(frame, spaces, device);
        }
        if let Some((mark, records)) = parse_frame(frame)? {
            let space = self.named(&mark)?;
            return Ok(space.map(|space| Event::Records { space, records }));
        }
        if self.version >= Version::Fourth
            && let Some((mark, part)) = parse_part(frame)?
        {
            let Some(space) = self.named(&mark)? else { return Ok(None) };
            let exchange = self.exchanges.get_mut(&space).ok_or(SessionError::Malformed)?;
            return Ok(Some(match exchange.take_part(&part)? {
                Some(record) => Event::Records { space, records: vec![record] },
                None => Event::Part { space, part },
            }));
        }
        match decode_message(frame)? {
            Message::Refuse { reason } => Err(SessionError::RefusedByPeer(reason)),
            Message::Space { mark, message } => self.handle_space(&mark, message, spaces),
            handshake => self.handle_handshake(handshake, spaces, device),
        }
    }

    /// A frame of the first version, which has one space.
    fn handle_first(
        &mut self,
        frame: &[u8],
        spaces: &impl Spaces,
        device: &SigningKey,
    ) -> Result<Option<Event>, SessionError> {
        let exchange = self.exchanges.iter_mut().next().ok_or(SessionError::Malformed);
        match first::read(frame)? {
            first::Frame::Records(records) => Ok(Some(Event::Records { space: *exchange?.0, records })),
            first::Frame::Frontier(frontier) => {
                let (space, exchange) = exchange?;
                let state = spaces.state(space).filter(|state| self.version.can_say(state));
                exchange.handle_first(frontier, state.ok_or(SessionError::Older)?)
            }
            first::Frame::Message(Message::Refuse { reason }) => Err(SessionError::RefusedByPeer(reason)),
            first::Frame::Message(handshake) => self.handle_handshake(handshake, spaces, device),
        }
    }

    /// The space that a mark names. One of a space that is not held here is passed over: the other
    /// side cannot know that, and says nothing about it that would matter.
    fn named(&self, mark: &Mark) -> Result<Option<SpaceId>, SessionError> {
        let proved = self.peer.ok_or(SessionError::Malformed);
        proved.map(|_| self.marks.get(mark).copied())
    }

    fn handle_space(
        &mut self,
        mark: &Mark,
        message: SpaceMessage,
        spaces: &impl Spaces,
    ) -> Result<Option<Event>, SessionError> {
        let Some(state) = self.named(mark)?.and_then(|space| spaces.state(&space)) else { return Ok(None) };
        // It may know better than we that it belongs there, and will show it.
        self.serve(state);
        match self.exchanges.get_mut(state.space()) {
            Some(exchange) => exchange.handle(message, state),
            None => Ok(None),
        }
    }

    fn handle_handshake(
        &mut self,
        message: Message,
        spaces: &impl Spaces,
        device: &SigningKey,
    ) -> Result<Option<Event>, SessionError> {
        let step = self.handshake.handle(message, spaces, device)?;
        self.outbox.extend(step.reply.into_iter().map(|message| self.version.frame(message)));
        let Some(Proved { device, space, secret }) = step.proved else { return Ok(None) };
        self.peer = Some(device);
        self.marks = spaces.states().map(|state| (mark_of(state.space(), &secret), *state.space())).collect();
        self.secret = Some(secret);
        let version = self.version;
        let is_served = |state: &State| match version {
            Version::First => *state.space() == space,
            _ => *state.space() == space || state.roster().knows(&device),
        };
        for state in spaces.states().filter(|state| is_served(state)) {
            self.serve(state);
        }
        Ok(Some(Event::Established { device }))
    }

    /// Begins to speak about a space, unless that was done.
    fn serve(&mut self, state: &State) {
        if let (Some(peer), Some(secret)) = (self.peer, &self.secret)
            && let Some(mark) = self.mark(state.space())
        {
            let (version, role, frame_len) = (self.version, self.role, self.frame_len);
            let shared = self.handshake.shared_epoch(state.space());
            let begin = || {
                let exchange = Exchange::new(version, role, peer, mark, state.space(), secret, frame_len);
                exchange.sharing(shared)
            };
            self.exchanges.entry(*state.space()).or_insert_with(begin);
        }
    }

    /// Tells that records of [`Event::Records`] were ingested and are durable.
    ///
    /// # Errors
    /// When the other side leaves more commits waiting than an honest one would.
    pub fn ingested(&mut self, space: &SpaceId, ingested: &Ingested) -> Result<(), SessionError> {
        self.exchanges.get_mut(space).map_or(Ok(()), |exchange| exchange.ingested(ingested))
    }

    /// The periodic check: what both hold is compared again, every few minutes and as a safety net.
    pub fn check(&mut self) {
        self.exchanges.values_mut().for_each(Exchange::check);
    }

    /// Asks the other side for an attachment of so many chunks, those that are missing here; `asked`
    /// if a person asked for it. False when the other side lacks it by what it told last.
    pub fn fetch(&mut self, space: &SpaceId, blob: BlobId, chunks: u32, asked: bool) -> bool {
        // In the first version there is no asking: all that counts there comes.
        let exchange = self.exchanges.get_mut(space).filter(|_| self.version != Version::First);
        exchange.is_some_and(|exchange| exchange.fetches().add(blob, chunks, asked))
    }

    /// Which attachments are given from now on to the other side, if it asks for them.
    pub fn set_flow(&mut self, flow: Flow) {
        for exchange in self.exchanges.values_mut() {
            exchange.set_flow(flow);
        }
    }

    /// Whether an attachment is being fetched in this session.
    #[must_use]
    pub fn is_fetching(&self, space: &SpaceId, blob: &BlobId) -> bool {
        self.exchanges.get(space).is_some_and(|exchange| exchange.is_fetching(blob))
    }

    /// Asks for no more of other attachments than these; what was asked for may still come.
    pub fn retain_fetches(&mut self, space: &SpaceId, stays: impl Fn(&BlobId) -> bool) {
        if let Some(exchange) = self.exchanges.get_mut(space) {
            exchange.fetches().retain(stays);
        }
    }

    /// The frame to send next, or `None` when there is nothing to say. Everything in it is durable
    /// here: call it only after [`crate::replica::Replica::sync`] of every space.
    ///
    /// # Errors
    /// When a journal cannot be read.
    pub fn poll_frame<S: Spaces>(
        &mut self,
        spaces: &mut S,
    ) -> Result<Option<Vec<u8>>, JournalError<<S::Disk as Disk>::Error>> {
        if let Some(frame) = self.outbox.pop_front() {
            return Ok(Some(frame));
        }
        if self.over {
            return Ok(None);
        }
        if let Some(space) = self.exchanges.keys().next().copied()
            && spaces.state(&space).is_some_and(|state| !self.version.can_say(state))
        {
            self.refuse(SessionError::Older);
            return Ok(self.outbox.pop_front());
        }
        for (space, exchange) in &mut self.exchanges {
            if let Some(replica) = spaces.replica(space)
                && let Some(frame) = exchange.poll(replica)?
            {
                return Ok(Some(frame));
            }
        }
        self.poll_what_can_wait(spaces)
    }

    /// What is large, or only asked for, by turns: an attachment in one space does not hold up those
    /// of another.
    fn poll_what_can_wait<S: Spaces>(
        &mut self,
        spaces: &mut S,
    ) -> Result<Option<Vec<u8>>, JournalError<<S::Disk as Disk>::Error>> {
        let last = self.served;
        let is_later = |space: &SpaceId| last.is_some_and(|last| *space > last);
        let (later, earlier): (Vec<SpaceId>, Vec<SpaceId>) =
            self.exchanges.keys().copied().partition(is_later);
        for space in later.into_iter().chain(earlier) {
            if let (Some(replica), Some(exchange)) = (spaces.replica(&space), self.exchanges.get_mut(&space))
                && let Some(frame) = exchange.poll_what_can_wait(replica)?
            {
                self.served = Some(space);
                return Ok(Some(frame));
            }
        }
        Ok(None)
    }

    /// Ends the session because nothing may flow: what is left of the handshake leaves, then, to a device
    /// that proved itself, why. Nothing else is sent; what the other side still says is not to be handled.
    pub fn leave(&mut self, not_now: NotNow) {
        self.over = true;
        if self.peer.is_some() && self.version != Version::First {
            self.outbox.push_back(not_now.to_frame());
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
        // Who does not know a version hears it, and says which device is to be updated.
        let version = if error == SessionError::Older { Version::NEWEST } else { self.version };
        self.outbox.push_back(version.frame(Message::Refuse { reason }));
    }
}

/// The name of a space in a session.
fn mark_of(space: &SpaceId, session: &Secret32) -> Mark {
    let full = derive(context::SESSION_SPACE, &[session.expose(), space.as_bytes()]);
    let mut mark = Mark::default();
    mark.copy_from_slice(&full.expose()[..16]);
    mark
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
