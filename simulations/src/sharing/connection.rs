//! Two devices that talk. Frames wait until somebody listens, and are lost with the connection.

use std::collections::VecDeque;

use musette_protocol::session::{Event, Session, SessionError};

use super::{Member, side};
use crate::{
    check::{Check, Violation},
    dice::Dice,
    storage::Trouble,
};

pub(super) struct Connection {
    pub(super) ends: [usize; 2],
    sessions: [Session; 2],
    /// On the way to each end.
    frames: [VecDeque<Vec<u8>>; 2],
}

impl Connection {
    pub(super) fn new(ends: [usize; 2], dice: &mut Dice) -> Self {
        let binding = dice.bytes();
        let sessions = [0, 1].map(|place| Session::new(side(place), binding, dice.bytes()));
        Self { ends, sessions, frames: Default::default() }
    }

    pub(super) fn joins(&self, left: usize, right: usize) -> bool {
        self.ends == [left, right] || self.ends == [right, left]
    }

    /// Sends the next frame of a side; false when it has nothing to say.
    pub(super) fn say(&mut self, side: usize, member: &mut Member) -> Result<bool, Trouble> {
        let frame = self.sessions[side].poll_frame(member.replicas())?;
        let has_said = frame.is_some();
        self.frames[1 - side].extend(frame);
        Ok(has_said)
    }

    /// Lets a side take the next frame, if there is one; an inner error is the end of the connection.
    pub(super) fn hear(
        &mut self,
        side: usize,
        member: &mut Member,
    ) -> Result<Result<bool, SessionError>, Trouble> {
        let Some(frame) = self.frames[side].pop_front() else { return Ok(Ok(false)) };
        let session = &mut self.sessions[side];
        let key = member.key();
        let event = match session.handle_frame(&frame, member.replicas(), &key) {
            Ok(event) => event,
            // Whoever was out for long shares no epoch with those who are in.
            Err(error @ SessionError::Unrecognised) => return Ok(Err(error)),
            Err(error) => {
                return Err(Violation::new(Check::Courtesy, format!("a session ends: {error}")).into());
            }
        };
        if let Some(Event::Records { space, records }) = event
            && let Some(peer) = session.peer()
            && let Some(ingested) = member.ingest(&space, &peer, &records)?
        {
            session
                .ingested(&space, &ingested)
                .map_err(|error| Violation::new(Check::Courtesy, error.to_string()))?;
        }
        Ok(Ok(true))
    }
}
