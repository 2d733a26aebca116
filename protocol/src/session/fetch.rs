//! Pieces of attachments: asking for them, and answering.
//!
//! 1. One attachment after the other is asked for, two requests ahead. Both together ask for less
//!    than one part in a hundred of a long attachment: a connection that breaks has carried little
//!    for nothing, and what is missing is worked out anew from what is held.
//! 2. Requests are answered in their order: the pieces that are here, then *Lacks* if some are not.
//!    So both sides know at any time which requests are open, also of an attachment that is not
//!    fetched any more, and an honest side never asks for more than the other lets wait.
//! 3. A request that was not answered whole is followed by longer ones, as the other side may hold some
//!    pieces alone. Once one of these was in vain too, nothing of the attachment is asked again until that side
//!    tells of more by its frontier, and then from the place that was reached. So a side that answers
//!    nonsense is not asked for ever, and whatever pieces it holds are found.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{SessionError, message::SpaceMessage};
use crate::{
    id::BlobId,
    limits::{MAX_WANT, MAX_WANTS_OPEN, REQUESTS_OF_A_BLOB},
    replica::{State, records::Slot},
};

/// Attachments that are to come from the other side.
#[derive(Debug, Default)]
pub(super) struct Fetches {
    wanted: VecDeque<Wanted>,
    /// Requests that were not answered yet, each with how many of its pieces did not come.
    open: VecDeque<(BlobId, usize)>,
    /// Attachments of which the other side brought less than was asked for.
    lacking: BTreeSet<BlobId>,
    /// Up to which place it was asked for these in vain.
    reached: BTreeMap<BlobId, u32>,
}

#[derive(Debug)]
struct Wanted {
    blob: BlobId,
    chunks: u32,
    /// Whether a person asked for it.
    is_asked: bool,
    /// Pieces below this place are held, or were asked for.
    asked: u32,
    /// Whether some of them were asked for in vain.
    is_patchy: bool,
}

impl Fetches {
    /// Adds an attachment of so many chunks; false when the other side lacks it.
    pub(super) fn add(&mut self, blob: BlobId, chunks: u32, is_asked: bool) -> bool {
        if self.lacking.contains(&blob) {
            return false;
        }
        match self.wanted.iter_mut().find(|wanted| wanted.blob == blob) {
            Some(wanted) => wanted.is_asked |= is_asked,
            None => {
                let reached = self.reached.remove(&blob);
                let (asked, is_patchy) = (reached.unwrap_or(0), reached.is_some());
                self.wanted.push_back(Wanted { blob, chunks, is_asked, asked, is_patchy });
            }
        }
        true
    }

    /// Whether an attachment is to come.
    pub(super) fn contains(&self, blob: &BlobId) -> bool {
        self.wanted.iter().any(|wanted| wanted.blob == *blob)
    }

    /// Asks for no more of other attachments than these.
    pub(super) fn retain(&mut self, stays: impl Fn(&BlobId) -> bool) {
        self.wanted.retain(|wanted| stays(&wanted.blob));
    }

    /// The other side gives no more of what a request asked for, and has more if it is `withheld`; false when
    /// nobody waits for it, or it is asked for other pieces.
    pub(super) fn note_lacking(&mut self, blob: &BlobId, withheld: bool) -> bool {
        let Some(answered) = self.open.iter().position(|(asked, _)| asked == blob) else { return false };
        let (_, missing) = self.open.drain(..=answered).next_back().unwrap_or((*blob, 0));
        let Some(place) = self.wanted.iter().position(|wanted| wanted.blob == *blob) else { return false };
        let wanted = &mut self.wanted[place];
        let is_last = wanted.is_patchy && missing == MAX_WANT;
        wanted.is_patchy = true;
        if !withheld && wanted.asked < wanted.chunks {
            if !is_last {
                return false;
            }
            self.reached.insert(*blob, wanted.asked);
        }
        self.wanted.remove(place);
        self.lacking.insert(*blob);
        true
    }

    /// The other side told what it holds: it may be asked again.
    pub(super) fn note_frontier(&mut self) {
        self.lacking.clear();
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
        let mut place = 0;
        while let Some(wanted) = self.wanted.get_mut(place).filter(|_| self.open.len() < MAX_WANTS_OPEN) {
            let Wanted { blob, chunks: len, is_asked: asked, is_patchy, .. } = *wanted;
            let most = if is_patchy { MAX_WANT } else { request_len(len) };
            let chunks = state.missing_chunks(&blob, wanted.asked..len, most);
            wanted.asked = chunks.last().map_or(len, |last| last + 1);
            if !chunks.is_empty() {
                self.open.push_back((blob, chunks.len()));
                return Some(SpaceMessage::Want { blob, chunks, asked });
            }
            if self.open.iter().any(|(asked, _)| *asked == blob) {
                // Its last pieces are on their way; the next attachment need not wait for them.
                place += 1;
                continue;
            }
            self.wanted.remove(place);
            if !state.missing_chunks(&blob, 0..len, 1).is_empty() {
                self.lacking.insert(blob);
            }
        }
        None
    }
}

/// Pieces that one request asks for, of an attachment of so many.
fn request_len(chunks: u32) -> usize {
    usize::try_from(chunks / REQUESTS_OF_A_BLOB).unwrap_or(MAX_WANT).clamp(1, MAX_WANT)
}

/// What the other side asked for and was not sent yet.
#[derive(Debug, Default)]
pub(super) struct Requests(VecDeque<Request>);

#[derive(Debug)]
struct Request {
    blob: BlobId,
    slots: VecDeque<Slot>,
    /// Whether a person asked for it.
    asked: bool,
    /// Whether more was asked for than is given, and whether some of that is here.
    lacks: bool,
    withheld: bool,
}

impl Requests {
    /// Takes a request; `held` finds the pieces that may be sent.
    pub(super) fn add(
        &mut self,
        blob: BlobId,
        chunks: &[u32],
        asked: bool,
        held: impl Fn(u32) -> Option<Slot>,
    ) -> Result<(), SessionError> {
        let bounded = (1..=MAX_WANT).contains(&chunks.len()) && self.0.len() < MAX_WANTS_OPEN;
        if !bounded || !chunks.is_sorted_by(|a, b| a < b) {
            return Err(SessionError::Malformed);
        }
        let slots: VecDeque<Slot> = chunks.iter().filter_map(|index| held(*index)).collect();
        let lacks = slots.len() < chunks.len();
        self.0.push_back(Request { blob, slots, asked, lacks, withheld: false });
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

    /// The attachment of which a request asked for more than was given, and whether some was withheld.
    pub(super) fn poll_lacks(&mut self) -> Option<(BlobId, bool)> {
        let answered = self.0.pop_front_if(|first| first.slots.is_empty())?;
        Some((answered.blob, answered.withheld))
    }

    /// Gives no more for some requests, by whether a person asked: they are answered by *Lacks*.
    pub(super) fn withhold(&mut self, is_withheld: impl Fn(bool) -> bool) {
        for request in self.0.iter_mut().filter(|request| is_withheld(request.asked)) {
            if !request.slots.is_empty() {
                request.slots.clear();
                (request.lacks, request.withheld) = (true, true);
            }
        }
    }
}
