//! Finding one's other devices and keeping in agreement with them.
//!
//! 1. Peers come from mDNS, or from the addresses that devices tell each other ([`addresses`]). Whom to
//!    dial when, and when to stop, [`musette_protocol::schedule`] decides; its effects are carried out here.
//! 2. Each session ([`musette_protocol::session`], [`conversation`]) has a stream. One that a relay carries
//!    goes over to a direct connection as soon as there is one ([`upgrading`]).
//! 3. When two devices dialled each other at once, both close the same one of the two sessions.
//! 4. Places at relays are kept for as long as the node runs ([`relays`]).
//!
//! There are two endpoints ([`Endpoints`]): what is announced on the local network must not be known
//! again on the next one, and what other devices and relays dial must be.
//!
//! A stranger's node costs one handshake and is not dialled again while it runs.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use libp2p::{Multiaddr, PeerId};
use musette_protocol::{
    id::DeviceId,
    limits::MAX_NEIGHBOURS,
    pairing::Channel,
    schedule::{Contact, Effect, Flow},
    session::{Role, Version},
};
use tokio::{sync::mpsc, task::JoinSet};

use crate::{
    driver::Driver,
    error::{Error, Result},
    net::{Connection, Endpoint, Framed, NetEvent, Path, Protocol},
    pairing::Pairing,
    recovering::Recovering,
};

mod addresses;
mod conversation;
pub(crate) mod relays;
pub(crate) mod scheduler;
mod sessions;
mod upgrading;

use addresses::Addresses;
use conversation::{Conversation, Side, ending_of};
use relays::Relays;
use scheduler::{Scheduler, draw};
use sessions::Handle;
pub(crate) use sessions::Sessions;

/// The endpoints of one node; cheap to clone.
#[derive(Clone)]
pub(crate) struct Endpoints {
    /// For the person's devices, under a key that they and relays know again.
    pub(crate) devices: Arc<Endpoint>,
    /// For the local network, if it is to find this device, under a key that is new at each start.
    pub(crate) nearby: Option<Arc<Endpoint>>,
}

impl Endpoints {
    /// Those of a contact.
    fn of(&self, contact: Contact<PeerId>) -> Result<&Arc<Endpoint>> {
        match contact {
            Contact::Device(_) => Ok(&self.devices),
            Contact::Neighbour(_) => self.nearby.as_ref().ok_or_else(|| Error::new("unreachable")),
        }
    }

    /// Stops both.
    pub(crate) async fn stop(self) {
        let all = self.nearby.into_iter().chain([self.devices]).filter_map(Arc::into_inner);
        futures::future::join_all(all.map(|endpoint| async move { endpoint.stop().await })).await;
    }
}

/// What happens at them.
pub(crate) struct Arrivals {
    pub(crate) devices: mpsc::Receiver<NetEvent>,
    pub(crate) nearby: Option<mpsc::Receiver<NetEvent>>,
}

impl Arrivals {
    /// The next event, and whether it is of the local network; none once the devices' endpoint stopped.
    async fn next(&mut self) -> Option<(NetEvent, bool)> {
        let nearby = async {
            match &mut self.nearby {
                Some(events) => events.recv().await,
                None => None,
            }
        };
        tokio::select! {
            event = self.devices.recv() => event.map(|event| (event, false)),
            Some(event) = nearby => Some((event, true)),
        }
    }
}

/// Everything that the tasks of one node share.
#[derive(Clone)]
pub(crate) struct Network {
    pub(crate) driver: Driver,
    pub(crate) endpoints: Endpoints,
    pub(crate) pairing: Pairing,
    recovering: Recovering,
    pub(crate) scheduler: Scheduler,
    pub(crate) sessions: Sessions,
    pub(crate) relays: Relays,
    addresses: Addresses,
    dials: Arc<Mutex<Dials>>,
}

#[derive(Default)]
struct Dials {
    next: u64,
    /// Dials that have not ended, and the sessions that came of them.
    live: HashMap<Contact<PeerId>, (u64, Arc<Handle>)>,
    /// Where neighbours announced themselves.
    neighbours: HashMap<PeerId, Vec<Multiaddr>>,
}

impl Dials {
    fn begin(&mut self, contact: Contact<PeerId>, handle: Arc<Handle>) -> u64 {
        self.next += 1;
        self.live.insert(contact, (self.next, handle));
        self.next
    }

    /// Whether this was the latest dial of the contact, and nobody closed it.
    fn end(&mut self, contact: Contact<PeerId>, number: u64) -> bool {
        let is_latest = self.live.get(&contact).is_some_and(|(latest, _)| *latest == number);
        if is_latest {
            self.live.remove(&contact);
        }
        is_latest
    }
}

/// A conversation that was dialled, and what it takes to dial it again.
struct Talk {
    contact: Contact<PeerId>,
    endpoint: Arc<Endpoint>,
    connection: Connection,
    conversation: Conversation,
    stream: Framed,
}

impl Network {
    pub(crate) fn new(driver: Driver, endpoints: Endpoints, pairing: Pairing, scheduler: Scheduler) -> Self {
        Self {
            driver,
            endpoints,
            pairing,
            recovering: Recovering::default(),
            scheduler,
            sessions: Sessions::default(),
            relays: Relays::default(),
            addresses: Addresses::default(),
            dials: Arc::default(),
        }
    }

    /// Runs until the devices' endpoint stops.
    pub(crate) async fn run(self, arrivals: Arrivals) {
        tokio::select! {
            () = self.sync(arrivals) => {}
            () = self.keep_stating() => {}
            () = self.keep_places() => {}
        }
    }

    async fn sync(&self, mut arrivals: Arrivals) {
        let mut tasks = JoinSet::new();
        let mut changed = self.driver.changed();
        let mut listen = self.endpoints.devices.listen_addresses();
        let mut flow = Flow::default();
        self.learn_devices().await;
        loop {
            while let Some(effect) = self.scheduler.poll_effect() {
                self.carry_out(effect, &mut tasks);
            }
            self.keep_usage().await;
            self.apply_flow(&mut flow).await;
            tokio::select! {
                event = arrivals.next() => match event {
                    Some((event, is_nearby)) => self.handle(event, is_nearby, &mut tasks),
                    None => break,
                },
                Ok(()) = changed.changed() => self.learn_devices().await,
                now = self.endpoints.devices.changed(&listen, Endpoint::listen_addresses) => {
                    listen = now;
                    self.relays.hear_news();
                    self.scheduler.tell(|schedule, moment| schedule.handle_network_changed(moment));
                }
                () = self.scheduler.until_due() => {}
                Some(_) = tasks.join_next() => {}
            }
        }
    }

    fn handle(&self, event: NetEvent, is_nearby: bool, tasks: &mut JoinSet<()>) {
        let network = self.clone();
        let endpoint = match &self.endpoints.nearby {
            Some(nearby) if is_nearby => nearby.clone(),
            _ => self.endpoints.devices.clone(),
        };
        let channel =
            |joiner: PeerId| Channel { joiner: joiner.to_bytes(), inviter: endpoint.peer_id().to_bytes() };
        match event {
            NetEvent::Discovered { peer, addresses } => self.hear_of(peer, addresses),
            NetEvent::Stream { connection, protocol: Protocol::Sync(version), stream } => {
                tasks.spawn(async move {
                    let version = network.speak(version).await;
                    let side = Side { endpoint, connection, role: Role::Listener, version };
                    drop(Conversation::new(network, side, None, Arc::default()).run(*stream).await);
                });
            }
            NetEvent::Stream { connection, protocol: Protocol::Pairing, stream } => {
                let channel = channel(connection.peer);
                tasks.spawn(async move { network.pairing.clone().invite(&network, channel, *stream).await });
            }
            NetEvent::Stream { connection, protocol: Protocol::Recovering, stream } => {
                let channel = channel(connection.peer);
                tasks.spawn(
                    async move { network.recovering.clone().answer(&network, channel, *stream).await },
                );
            }
            NetEvent::Stream { connection, protocol: Protocol::Addresses, stream } => {
                tasks.spawn(async move { network.hear_addresses(connection.peer, *stream).await });
            }
            NetEvent::Stream { protocol: Protocol::Relay, .. } => {}
        }
    }

    fn hear_of(&self, peer: PeerId, addresses: Vec<Multiaddr>) {
        let mut dials = self.dials();
        // Whom the schedule has no room for is not remembered here either.
        if dials.neighbours.len() >= 2 * MAX_NEIGHBOURS && !dials.neighbours.contains_key(&peer) {
            dials.neighbours.clear();
        }
        dials.neighbours.insert(peer, addresses);
        drop(dials);
        self.scheduler.tell(|schedule, moment| schedule.handle_announced(moment, Contact::Neighbour(peer)));
    }

    /// Tells the schedule which devices have an address.
    async fn learn_devices(&self) {
        let known = self.driver.run(|store| {
            let log = store.state().log();
            let present = store.keys().addresses.keys().filter(|device| !log.has_ended(device));
            Ok(present.copied().collect())
        });
        let Ok(known): Result<BTreeSet<DeviceId>> = known.await else { return };
        self.scheduler.tell(|schedule, moment| schedule.handle_devices(moment, &known));
    }

    /// Writes down the count of the day, now and then.
    async fn keep_usage(&self) {
        if let Some(usage) = self.scheduler.usage_to_keep() {
            let kept = self.driver.run(move |store| scheduler::keep_usage(store.home(), usage)).await;
            if let Err(error) = kept {
                // A full disk must not keep devices from talking.
                tracing::warn!(code = error.code(), "the bytes of the day are not kept");
            }
        }
    }

    /// Lets attachments flow, or holds them back, in the sessions that stand too.
    async fn apply_flow(&self, known: &mut Flow) {
        let flow = self.scheduler.flow();
        if flow != *known {
            *known = flow;
            let set = self.driver.run(move |store| {
                store.set_flow(flow);
                Ok(())
            });
            drop(set.await);
            self.sessions.check_all();
        }
    }

    fn carry_out(&self, effect: Effect<PeerId>, tasks: &mut JoinSet<()>) {
        match effect {
            Effect::Dial(contact) => {
                let network = self.clone();
                tasks.spawn(async move { network.attempt(contact).await });
            }
            Effect::Check(device) => {
                if let Some(handle) = self.sessions.handle(device) {
                    handle.check.notify_one();
                }
            }
            Effect::Close(contact) => {
                let session = match contact {
                    Contact::Device(device) => self.sessions.handle(device),
                    Contact::Neighbour(_) => None,
                };
                let dial = self.dials().live.remove(&contact).map(|(_, handle)| handle);
                for handle in session.into_iter().chain(dial) {
                    handle.close.notify_one();
                }
            }
        }
    }

    fn dials(&self) -> MutexGuard<'_, Dials> {
        self.dials.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Dials, converses, and tells the schedule how it ended if it is still interested.
    async fn attempt(&self, contact: Contact<PeerId>) {
        let handle = Arc::new(Handle::default());
        let mut number = self.dials().begin(contact, handle.clone());
        let ended = match self.connect(contact, Path::Relayed, &handle).await {
            Ok(talk) => self.converse(talk, &mut number).await,
            Err(error) => {
                self.note_unreachable(contact, &error).await;
                error
            }
        };
        if self.dials().end(contact, number) {
            let ending = ending_of(&ended);
            self.scheduler
                .tell(|schedule, moment| schedule.handle_dial_failed(moment, &contact, ending, draw()));
        }
    }

    /// A conversation with whoever answers, over this path or a better one.
    async fn connect(&self, contact: Contact<PeerId>, path: Path, handle: &Arc<Handle>) -> Result<Talk> {
        let addresses = self.addresses_of(contact).await?;
        let endpoint = self.endpoints.of(contact)?.clone();
        let connecting = async {
            let connection = endpoint.connect_over(path, addresses.clone()).await?;
            Ok((connection, endpoint.open_sync(connection).await?))
        };
        let (connection, (version, stream)) = tokio::select! {
            connected = connecting => connected?,
            () = handle.close.notified() => return Err(Error::new("session-closed")),
        };
        let version = self.speak(version).await;
        let side = Side { endpoint: endpoint.clone(), connection, role: Role::Dialer, version };
        let conversation = Conversation::new(self.clone(), side, Some((contact, addresses)), handle.clone());
        Ok(Talk { contact, endpoint, connection, conversation, stream })
    }

    /// The version in which who knows this one is spoken to: the newest, where all can no longer be said in
    /// theirs, so that they hear that they are to be updated.
    async fn speak(&self, version: Version) -> Version {
        let can_say = self.driver.run(move |store| Ok(version.can_say(store.state())));
        if can_say.await.unwrap_or(false) { version } else { Version::NEWEST }
    }

    async fn addresses_of(&self, contact: Contact<PeerId>) -> Result<Vec<Multiaddr>> {
        match contact {
            Contact::Device(device) => {
                let known = self
                    .driver
                    .run(move |store| Ok((store.keys().addresses.get(&device).cloned(), store.relays())));
                let (known, relays) = known.await?;
                let mut addresses: Vec<Multiaddr> =
                    known.unwrap_or_default().iter().filter_map(|text| text.parse().ok()).collect();
                addresses.extend(relays::through_all(&relays, &addresses));
                Ok(addresses)
            }
            Contact::Neighbour(peer) => Ok(self.dials().neighbours.get(&peer).cloned().unwrap_or_default()),
        }
    }

    async fn note_unreachable(&self, contact: Contact<PeerId>, error: &Error) {
        tracing::debug!(code = error.code(), "nobody answered");
        if let Contact::Device(device) = contact
            && error.code() != "session-closed"
            && !self.sessions.is_connected(device)
        {
            let code = error.code().to_owned();
            let noted = self.driver.run(move |store| {
                store.note_unreachable(device, code);
                Ok(())
            });
            drop(noted.await);
        }
    }
}
