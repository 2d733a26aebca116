//! Range-based set reconciliation of changes and commits: [negentropy] under names made for one
//! session.
//!
//! These are a keyed hash of a record's name under a key that follows from both sides' nonces: nobody
//! can prepare records whose names make a range look equal that is not.
//!
//! [negentropy]: https://github.com/hoytech/negentropy

use std::collections::BTreeSet;

use negentropy::{Id, Negentropy, NegentropyStorageVector};

use super::SessionError;
use crate::{
    crypto::secret::Secret32,
    limits::{MAX_RECONCILE_MESSAGES, MAX_RECONCILED, RECONCILE_FRAME_LEN},
    replica::{State, records::Slot},
};

/// Bytes of a name.
const NAME_LEN: usize = 32;

/// Bytes of the shortest message that `negentropy` can be limited to.
const SHORTEST_MESSAGE_LEN: u64 = 4_096;

/// One side of a reconciliation of what it held when that began.
#[derive(Debug)]
pub(super) struct Reconciliation {
    machine: Negentropy<'static, NegentropyStorageVector>,
    /// By name.
    slots: Vec<([u8; 32], Slot)>,
    needed: BTreeSet<[u8; 32]>,
    /// What the other side lacks, as far as it was said: nobody is sent a record again for naming it
    /// in every message.
    sent: BTreeSet<Slot>,
    messages: u32,
    /// Names that are asked for, at most.
    room: usize,
}

/// What an answer led to.
pub(super) struct Step {
    /// Records that the other side lacks.
    pub(super) to_send: Vec<Slot>,
    /// What to ask next; `None` when nothing is left to ask.
    pub(super) query: Option<Vec<u8>>,
}

impl Reconciliation {
    /// The answer after which nothing is left to ask: the version of negentropy alone.
    pub(super) const NOTHING_LEFT: [u8; 1] = [0x61];

    /// Where frames are shorter than messages of the usual length, so are the messages: each fits one.
    pub(super) fn new(state: &State, key: &Secret32, frame_len: usize) -> Self {
        let mut slots: Vec<([u8; 32], Slot)> =
            state.compared().map(|(name, slot)| (name_of(key, &name), slot)).collect();
        slots.sort_unstable_by_key(|(name, _)| *name);
        let mut storage = NegentropyStorageVector::with_capacity(slots.len());
        for (name, _) in &slots {
            storage.insert(0, Id::from_byte_array(*name)).expect("the storage is not sealed yet");
        }
        storage.seal().expect("the names of different records differ");
        let message_len = (frame_len as u64).clamp(SHORTEST_MESSAGE_LEN, RECONCILE_FRAME_LEN);
        let machine = Negentropy::owned(storage, message_len).expect("the message is long enough");
        let room = (frame_len / NAME_LEN).clamp(1, MAX_RECONCILED);
        Self { machine, slots, needed: BTreeSet::new(), sent: BTreeSet::new(), messages: 0, room }
    }

    /// The first message.
    pub(super) fn begin(&mut self) -> Option<Vec<u8>> {
        self.messages += 1;
        self.machine.initiate().ok()
    }

    /// Answers a message of who began.
    pub(super) fn answer(&mut self, query: &[u8]) -> Result<Vec<u8>, SessionError> {
        check_len(query)?;
        self.machine.reconcile(query).map_err(|_| SessionError::Malformed)
    }

    /// Takes an answer in.
    pub(super) fn step(&mut self, answer: &[u8]) -> Result<Step, SessionError> {
        check_len(answer)?;
        let (mut have, mut need) = (Vec::new(), Vec::new());
        let query = self
            .machine
            .reconcile_with_ids(answer, &mut have, &mut need)
            .map_err(|_| SessionError::Malformed)?;
        self.messages += 1;
        let room = self.room - self.needed.len();
        // They come in the order of a hash table, which is another each time: what a machine says is to follow
        // from what it heard.
        need.sort_unstable();
        self.needed.extend(need.iter().map(|id| id.to_bytes()).take(room));
        let mut to_send: Vec<Slot> = have.iter().filter_map(|id| self.find(&id.to_bytes())).collect();
        to_send.truncate(MAX_RECONCILED - self.sent.len());
        to_send.retain(|slot| self.sent.insert(*slot));
        Ok(Step { to_send, query })
    }

    /// Whether a further message may be asked of the other side.
    pub(super) fn may_go_on(&self) -> bool {
        self.messages < MAX_RECONCILE_MESSAGES
            && self.needed.len() < self.room
            && self.sent.len() < MAX_RECONCILED
    }

    /// The names of what this side lacks.
    pub(super) fn take_needed(&mut self) -> Vec<[u8; 32]> {
        std::mem::take(&mut self.needed).into_iter().collect()
    }

    /// The record of a name.
    pub(super) fn find(&self, name: &[u8; 32]) -> Option<Slot> {
        let place = self.slots.binary_search_by_key(name, |(name, _)| *name).ok()?;
        Some(self.slots[place].1)
    }
}

/// A longer message than one side writes has more ranges than it would ask for.
const fn check_len(message: &[u8]) -> Result<(), SessionError> {
    if message.len() as u64 > RECONCILE_FRAME_LEN { Err(SessionError::Malformed) } else { Ok(()) }
}

/// The names of all that is compared, sorted.
#[cfg(test)]
pub(super) fn names(state: &State, key: &Secret32) -> Vec<[u8; 32]> {
    let names: BTreeSet<_> = state.compared().map(|(name, _)| name_of(key, &name)).collect();
    names.into_iter().collect()
}

fn name_of(key: &Secret32, name: &[u8; 32]) -> [u8; 32] {
    *blake3::keyed_hash(key.expose(), name).as_bytes()
}
