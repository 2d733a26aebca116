//! Pieces of attachments: asking for them, and answering.
//!
//! 1. One attachment after the other is asked for, two requests ahead: a connection that breaks has
//!    carried little for nothing, and what is missing is worked out anew from what is held.
//! 2. Requests are answered in their order: the pieces that are here, then *Lacks* if some are not.
//!    So both sides know at any time which requests are open, also of an attachment that is not
//!    fetched any more, and an honest side never asks for more than the other lets wait.

use std::collections::VecDeque;

use super::{SessionError, message::SpaceMessage};
use crate::{
    id::BlobId,
    limits::{MAX_WANT, MAX_WANTS_OPEN},
    replica::{State, records::Slot},
};

/// Attachments that are to come from the other side.
#[derive(Debug, Default)]
pub(super) struct Fetches {
    /// Each with its length in chunks.
    wanted: VecDeque<(BlobId, u32)>,
    /// Requests that were not answered yet, each with how many of its pieces did not come.
    open: VecDeque<(BlobId, usize)>,
    /// Pieces of the first attachment below this place were asked for.
    asked: u32,
}

impl Fetches {
    /// Adds an attachment of so many chunks.
    pub(super) fn add(&mut self, blob: BlobId, chunks: u32) {
        if !self.contains(&blob) {
            self.wanted.push_back((blob, chunks));
        }
    }

    /// Whether an attachment is to come.
    pub(super) fn contains(&self, blob: &BlobId) -> bool {
        self.wanted.iter().any(|(wanted, _)| wanted == blob)
    }

    /// Asks for no more of it; false when it is not to come anyway.
    pub(super) fn give_up(&mut self, blob: &BlobId) -> bool {
        if self.wanted.front().is_some_and(|(first, _)| first == blob) {
            self.asked = 0;
        }
        let before = self.wanted.len();
        self.wanted.retain(|(wanted, _)| wanted != blob);
        self.wanted.len() < before
    }

    /// The other side has no more of what a request asked for; false when nobody waits for it.
    pub(super) fn note_lacking(&mut self, blob: &BlobId) -> bool {
        let Some(answered) = self.open.iter().position(|(asked, _)| asked == blob) else { return false };
        self.open.drain(..=answered);
        self.give_up(blob)
    }

    /// Pieces came, in the order of the requests.
    pub(super) fn note_received(&mut self, mut chunks: usize) {
        while let Some((_, left)) = self.open.front_mut() {
            let taken = chunks.min(*left);
            (chunks, *left) = (chunks - taken, *left - taken);
            if *left > 0 {
                return;
            }
            self.open.pop_front();
        }
    }

    /// The next request.
    pub(super) fn poll(&mut self, state: &State) -> Option<SpaceMessage> {
        while let Some((blob, len)) = self.wanted.front().copied() {
            if self.open.len() >= MAX_WANTS_OPEN {
                return None;
            }
            let chunks = state.missing_chunks(&blob, self.asked..len, MAX_WANT);
            if let Some(last) = chunks.last() {
                self.asked = last + 1;
                self.open.push_back((blob, chunks.len()));
                return Some(SpaceMessage::Want { blob, chunks });
            }
            if self.open.iter().any(|(asked, _)| *asked == blob) {
                return None;
            }
            self.asked = 0;
            self.wanted.pop_front();
        }
        None
    }
}

/// What the other side asked for and was not sent yet.
#[derive(Debug, Default)]
pub(super) struct Requests(VecDeque<Request>);

#[derive(Debug)]
struct Request {
    blob: BlobId,
    slots: VecDeque<Slot>,
    lacks: bool,
}

impl Requests {
    /// Takes a request; `held` finds the pieces that may be sent.
    pub(super) fn add(
        &mut self,
        blob: BlobId,
        chunks: &[u32],
        held: impl Fn(u32) -> Option<Slot>,
    ) -> Result<(), SessionError> {
        let bounded = (1..=MAX_WANT).contains(&chunks.len()) && self.0.len() < MAX_WANTS_OPEN;
        if !bounded || !chunks.is_sorted_by(|a, b| a < b) {
            return Err(SessionError::Malformed);
        }
        let slots: VecDeque<Slot> = chunks.iter().filter_map(|index| held(*index)).collect();
        self.0.push_back(Request { lacks: slots.len() < chunks.len(), blob, slots });
        Ok(())
    }

    /// The next piece; `None` when there is none, or [`Requests::poll_lacks`] comes first.
    pub(super) fn next_piece(&mut self, state: &State) -> Option<Slot> {
        loop {
            let first = self.0.front_mut()?;
            let slot = first.slots.pop_front()?;
            // It may have been dropped since it was asked for.
            let is_held = state.records.is_held(slot);
            first.lacks |= !is_held;
            if first.slots.is_empty() && !first.lacks {
                self.0.pop_front();
            }
            if is_held {
                return Some(slot);
            }
        }
    }

    /// The attachment of which a request asked for more than was here.
    pub(super) fn poll_lacks(&mut self) -> Option<BlobId> {
        self.0.pop_front_if(|first| first.slots.is_empty()).map(|request| request.blob)
    }
}
