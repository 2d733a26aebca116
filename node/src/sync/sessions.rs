//! The sessions that stand, one per device.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use libp2p::PeerId;
use musette_protocol::{id::DeviceId, schedule::Standing};
use tokio::sync::Notify;

/// All of them; cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Sessions(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    next: u64,
    live: HashMap<DeviceId, Live>,
}

/// One session that stands.
struct Live {
    number: u64,
    standing: Standing<PeerId>,
    handle: Arc<Handle>,
}

/// What others may ask of a session, and what it counts.
#[derive(Default)]
pub(super) struct Handle {
    /// It is to end.
    pub(super) close: Notify,
    /// Both sides are to compare once more.
    pub(super) check: Notify,
    pub(super) sent: AtomicU64,
    pub(super) received: AtomicU64,
}

impl Sessions {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a session with this device stands.
    pub(crate) fn is_connected(&self, device: DeviceId) -> bool {
        self.table().live.contains_key(&device)
    }

    /// Bytes written to and read from the session with this device.
    pub(crate) fn traffic(&self, device: DeviceId) -> Option<(u64, u64)> {
        let table = self.table();
        let handle = &table.live.get(&device)?.handle;
        Some((handle.sent.load(Ordering::Relaxed), handle.received.load(Ordering::Relaxed)))
    }

    pub(super) fn handle(&self, device: DeviceId) -> Option<Arc<Handle>> {
        self.table().live.get(&device).map(|live| live.handle.clone())
    }

    /// Lets each session look again at what there is to say.
    pub(super) fn check_all(&self) {
        self.table().live.values().for_each(|live| live.handle.check.notify_one());
    }

    /// Makes this the session with `device`, unless the one that stands is to be kept.
    pub(super) fn register(
        &self,
        device: DeviceId,
        standing: Standing<PeerId>,
        handle: &Arc<Handle>,
    ) -> Option<u64> {
        let mut table = self.table();
        table.next += 1;
        let number = table.next;
        if let Some(live) = table.live.get(&device) {
            if live.standing.outlasts(&standing) {
                return None;
            }
            live.handle.close.notify_one();
        }
        table.live.insert(device, Live { number, standing, handle: handle.clone() });
        Some(number)
    }

    /// Whether the session that ended was the one with this device, not one that another replaced.
    pub(super) fn unregister(&self, device: DeviceId, number: u64) -> bool {
        let mut table = self.table();
        let was_it = table.live.get(&device).is_some_and(|live| live.number == number);
        if was_it {
            table.live.remove(&device);
        }
        was_it
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_keep_the_same_of_two_sessions() {
        let (small, large) = (DeviceId::from_bytes([1; 32]), DeviceId::from_bytes([2; 32]));
        let (here, there) = (Sessions::default(), Sessions::default());
        let (peer_here, peer_there) = (PeerId::random(), PeerId::random());
        let handle = Arc::new(Handle::default());
        let over = |transport, dialer| Standing { transport, dialer };
        // Each side meets the two sessions in another order.
        assert!(here.register(large, over(peer_there, small), &handle).is_some());
        assert!(here.register(large, over(peer_there, large), &handle).is_none());
        let old = there.register(small, over(peer_here, large), &handle).unwrap();
        let new = there.register(small, over(peer_here, small), &handle).unwrap();
        assert!(!there.unregister(small, old) && there.is_connected(small));
        assert!(there.unregister(small, new) && !there.is_connected(small));
        // A device that started again has another transport key.
        assert!(here.register(large, over(PeerId::random(), large), &handle).is_some());
    }
}
