//! Accepting streams, a bounded number of them per peer and protocol.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, PoisonError},
};

use futures::StreamExt as _;
use libp2p::PeerId;
use libp2p_stream::IncomingStreams;
use tokio::sync::mpsc;

use super::{Framed, NetEvent, Path, Protocol, limits::MAX_STREAMS_PER_PROTOCOL};

type Key = (PeerId, Protocol);

/// Counts the streams that peers hold open.
#[derive(Clone, Default)]
pub(super) struct Slots(Arc<Mutex<HashMap<Key, usize>>>);

/// One of a peer's places, given back on drop.
pub(super) struct StreamSlot {
    slots: Slots,
    key: Key,
}

impl Slots {
    /// A place, unless the peer has taken them all.
    pub(super) fn take(&self, peer: PeerId, protocol: Protocol) -> Option<StreamSlot> {
        let key = (peer, protocol);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(key).or_default();
        if *count >= MAX_STREAMS_PER_PROTOCOL {
            return None;
        }
        *count += 1;
        Some(StreamSlot { slots: self.clone(), key })
    }
}

impl Drop for StreamSlot {
    fn drop(&mut self) {
        let mut counts = self.slots.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut entry) = counts.entry(self.key) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

/// Turns incoming streams into events until the endpoint ends. A task of its own per path and protocol:
/// libp2p drops a stream that is not taken at once.
pub(super) async fn accept(
    mut incoming: IncomingStreams,
    path: Path,
    protocol: Protocol,
    slots: Slots,
    events: mpsc::Sender<NetEvent>,
) {
    while let Some((peer, stream)) = incoming.next().await {
        let Some(slot) = slots.take(peer, protocol) else {
            continue;
        };
        let stream = Framed::with_slot(stream, protocol.max_frame_len(), Some(slot));
        if events.send(NetEvent::Stream { peer, path, protocol, stream }).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use musette_protocol::session::Version;

    use super::*;

    const SYNC: Protocol = Protocol::Sync(Version::NEWEST);

    #[test]
    fn a_peer_gets_its_places_and_no_more() {
        let slots = Slots::default();
        let (greedy, other) = (PeerId::random(), PeerId::random());
        let mut held: Vec<_> =
            (0..MAX_STREAMS_PER_PROTOCOL).map(|_| slots.take(greedy, SYNC).unwrap()).collect();
        assert!(slots.take(greedy, SYNC).is_none());
        assert!(slots.take(greedy, Protocol::Pairing).is_some());
        assert!(slots.take(other, SYNC).is_some());
        held.pop();
        held.extend(slots.take(greedy, SYNC));
        assert_eq!(held.len(), MAX_STREAMS_PER_PROTOCOL);
        held.clear();
        assert!(slots.0.lock().unwrap().is_empty(), "nothing is kept about peers that left");
    }
}
