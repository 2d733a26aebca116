//! Telling one's own devices where they all are, beside the sessions with them.
//!
//! The book is [`musette_protocol::addresses`]; here are its clock and its streams. A stream belongs to
//! whoever holds a session over the same transport: the session proved which device that is.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use libp2p::{Multiaddr, PeerId, multiaddr::Protocol as Part};
use musette_protocol::{
    addresses::{AddressBook, AddressRecord, RENEW_AFTER_MS, parse_frame},
    id::DeviceId,
    schedule::Contact,
};
use tokio::{sync::watch, time::timeout};

use super::Network;
use crate::{
    clock,
    error::{Error, Result},
    net::{Connection, Endpoint, Framed, Protocol},
    store::Store,
};

/// How long a stream may be there before the session to which it belongs.
const SESSION_PATIENCE: Duration = Duration::from_secs(20);
/// How often it is looked whether this device's record is to be stated anew.
const LOOK_EVERY: Duration = Duration::from_millis(RENEW_AFTER_MS.unsigned_abs() / 6);

/// The book of one node; cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Addresses {
    book: Arc<Mutex<AddressBook>>,
    changed: watch::Sender<u64>,
}

impl Addresses {
    fn book(&self) -> MutexGuard<'_, AddressBook> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell_all(&self) {
        self.changed.send_modify(|generation| *generation += 1);
    }
}

impl Network {
    /// States where this device is, whenever that changes. Never returns.
    pub(super) async fn keep_stating(&self) {
        let endpoint = &self.endpoints.devices;
        let mut known = endpoint.addresses();
        loop {
            if let Err(error) = self.state_addresses(&known).await {
                tracing::debug!(code = error.code(), "this device's addresses are not stated");
            }
            let changed = timeout(LOOK_EVERY, endpoint.changed(&known, Endpoint::addresses));
            if let Ok(now) = changed.await {
                known = now;
            }
        }
    }

    async fn state_addresses(&self, addresses: &[Multiaddr]) -> Result<()> {
        let key = self.driver.run(|store| Ok(store.keys().device_key())).await?;
        let peer = self.endpoints.devices.peer_id().to_bytes();
        let addresses = addresses.iter().map(Multiaddr::to_vec).collect();
        if self.addresses.book().state(&key, peer, addresses, clock::now()) {
            self.addresses.tell_all();
        }
        Ok(())
    }

    /// Tells the other side of a session where the devices are, and again whenever that changes. Never
    /// returns: a device of an earlier version, which refuses the stream, is not told.
    pub(super) async fn tell_addresses(&self, endpoint: &Endpoint, connection: Connection) {
        if let Err(error) = self.tell_until_lost(endpoint, connection).await {
            tracing::debug!(code = error.code(), "addresses are not told");
        }
        std::future::pending::<()>().await;
    }

    async fn tell_until_lost(&self, endpoint: &Endpoint, connection: Connection) -> Result<()> {
        let mut changed = self.addresses.changed.subscribe();
        let mut stream = endpoint.open_stream(connection, Protocol::Addresses).await?;
        loop {
            let frame = self.addresses.book().frame(clock::now());
            self.scheduler.count_sent(frame.len() as u64);
            stream.send(&frame).await?;
            changed.changed().await.map_err(|_| Error::new("stopping"))?;
        }
    }

    /// Takes what the device at the other end of a session tells.
    pub(super) async fn hear_addresses(&self, peer: PeerId, mut stream: Framed) {
        let Ok(device) = timeout(SESSION_PATIENCE, self.sessions.device_over(peer)).await else { return };
        while let Ok(Some(frame)) = stream.recv().await {
            self.scheduler.count_received(frame.len() as u64);
            if let Err(error) = self.take_addresses(device, &frame).await {
                tracing::debug!(code = error.code(), "a frame of addresses is not taken");
                return;
            }
        }
    }

    async fn take_addresses(&self, from: DeviceId, frame: &[u8]) -> Result<()> {
        let records = parse_frame(frame).map_err(|_| Error::new("session-malformed"))?;
        let network = self.clone();
        let work = move |store: &mut Store| {
            let mut news = Vec::new();
            for record in records {
                let body = record.body().clone();
                let is_device = |device: &DeviceId| store.is_device(device);
                match network.addresses.book().take(record, clock::now(), is_device) {
                    Ok(true) if body.device != store.device() => news.push(body),
                    Ok(_) => {}
                    Err(error) => tracing::debug!(%error, "a record of addresses is not taken"),
                }
            }
            for record in &news {
                store.know_addresses(record.device, dialled(record))?;
            }
            Ok(news)
        };
        let news = self.driver.run(work).await?;
        if news.is_empty() {
            return Ok(());
        }
        self.learn_devices().await;
        for record in news.iter().filter(|record| record.device != from) {
            let contact = Contact::Device(record.device);
            self.scheduler.tell(|schedule, moment| schedule.handle_announced(moment, contact));
        }
        self.addresses.tell_all();
        Ok(())
    }
}

/// A record's addresses as they are dialled, with the peer that must answer.
fn dialled(record: &AddressRecord) -> Vec<String> {
    let Ok(peer) = PeerId::from_bytes(&record.peer) else { return Vec::new() };
    let parsed = record.addresses.iter().filter_map(|bytes| Multiaddr::try_from(bytes.clone()).ok());
    parsed.map(|address| address.with(Part::P2p(peer)).to_string()).collect()
}
