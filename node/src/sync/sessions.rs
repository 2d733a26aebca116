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
use tokio::sync::{Notify, watch};

use crate::net::{Connection, Way};

/// All of them; cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Sessions {
    table: Arc<Mutex<Table>>,
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct Table {
    next: u64,
    live: HashMap<DeviceId, Live>,
}

/// One session that stands.
struct Live {
    number: u64,
    standing: Standing,
    connection: Connection,
    handle: Arc<Handle>,
}

/// A session that begins to stand.
pub(super) struct Begun<'a> {
    pub(super) standing: Standing,
    pub(super) connection: Connection,
    pub(super) handle: &'a Arc<Handle>,
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
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// How the session with this device reaches it.
    pub(crate) fn way(&self, device: DeviceId) -> Option<Way> {
        self.table().live.get(&device).map(|live| live.connection.way)
    }

    /// The device with which a session stands over this transport, once one does.
    pub(super) async fn device_over(&self, peer: PeerId) -> DeviceId {
        let mut changed = self.changed.subscribe();
        loop {
            let found = self
                .table()
                .live
                .iter()
                .find(|(_, live)| live.connection.peer == peer)
                .map(|(device, _)| *device);
            if let Some(device) = found {
                return device;
            }
            if changed.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    pub(super) fn handle(&self, device: DeviceId) -> Option<Arc<Handle>> {
        self.table().live.get(&device).map(|live| live.handle.clone())
    }

    /// Lets each session look again at what there is to say.
    pub(super) fn check_all(&self) {
        self.table().live.values().for_each(|live| live.handle.check.notify_one());
    }

    /// Makes this the session with `device`, unless the one that stands is to be kept.
    pub(super) fn register(&self, device: DeviceId, begun: Begun<'_>) -> Option<u64> {
        let Begun { standing, connection, handle } = begun;
        let mut table = self.table();
        table.next += 1;
        let number = table.next;
        if let Some(live) = table.live.get(&device) {
            if live.standing.outlasts(&standing) {
                return None;
            }
            live.handle.close.notify_one();
        }
        table.live.insert(device, Live { number, standing, connection, handle: handle.clone() });
        drop(table);
        self.changed.send_replace(());
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
    use libp2p::swarm::ConnectionId;

    use super::*;

    #[test]
    fn both_sides_keep_the_same_of_two_sessions() {
        let (small, large) = (DeviceId::from_bytes([1; 32]), DeviceId::from_bytes([2; 32]));
        let (here, there) = (Sessions::default(), Sessions::default());
        let handle = Arc::new(Handle::default());
        let way = Way::Direct { quic: true };
        let connection = Connection { id: ConnectionId::new_unchecked(1), peer: PeerId::random(), way };
        let over = |dialer| {
            let standing = Standing { is_relayed: false, dialer, binding: [0; 32], since_ms: 0 };
            Begun { standing, connection, handle: &handle }
        };
        // Each side meets the two sessions in another order.
        assert!(here.register(large, over(small)).is_some());
        assert!(here.register(large, over(large)).is_none());
        let old = there.register(small, over(large)).unwrap();
        let new = there.register(small, over(small)).unwrap();
        assert!(!there.unregister(small, old) && there.is_connected(small));
        assert!(there.unregister(small, new) && !there.is_connected(small));
    }
}
