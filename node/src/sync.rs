//! Finding one's other devices and keeping in agreement with them.
//!
//! 1. Peers come from mDNS, or from the addresses at which a device was reached before. The second
//!    kind is dialled again and again, with a growing pause.
//! 2. Each connection carries one session ([`musette_protocol::session`]). Reading and writing run
//!    side by side: two devices that both have much to send would otherwise wait for each other.
//! 3. When two devices dialled each other at once, both close the same one of the two sessions.
//!
//! A stranger's node costs one handshake and is not dialled again while it runs.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use libp2p::{Multiaddr, PeerId};
use musette_protocol::{
    id::DeviceId,
    session::{Event, Role, Session, SessionError, message::Reason},
};
use tokio::{
    sync::{Notify, mpsc, watch},
    task::JoinSet,
    time::sleep,
};

use crate::{
    driver::Driver,
    entropy,
    error::{Error, Result},
    net::{Endpoint, FrameReader, FrameWriter, Framed, NetEvent, Protocol},
    pairing::Pairing,
};

/// The pause before a device is dialled again: from, to. A person who opens the laptop does not
/// wait longer than the second.
const RETRY_FROM: Duration = Duration::from_millis(250);
const RETRY_TO: Duration = Duration::from_secs(20);
/// How often the frontier is sent again although nothing seems to have changed.
const REFRESH_EVERY: Duration = Duration::from_secs(180);
/// A handshake takes three round trips.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(20);
/// How often a neighbour that announced itself is dialled.
const NEIGHBOUR_ATTEMPTS: u32 = 4;
/// How long a refusal may take to leave.
const FAREWELL_DEADLINE: Duration = Duration::from_secs(1);
/// Strangers remembered, so that they are not dialled at each of their announcements.
const MAX_STRANGERS: usize = 1_024;

/// Everything that the tasks of one node share.
#[derive(Clone)]
pub(crate) struct Network {
    pub(crate) driver: Driver,
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) pairing: Pairing,
    sessions: Arc<Mutex<Sessions>>,
    sessions_changed: watch::Sender<u64>,
}

#[derive(Default)]
struct Sessions {
    next: u64,
    live: HashMap<DeviceId, Live>,
    strangers: HashSet<PeerId>,
}

struct Live {
    number: u64,
    peer: PeerId,
    dialer: DeviceId,
    close: Arc<Notify>,
}

impl Network {
    pub(crate) fn new(driver: Driver, endpoint: Arc<Endpoint>, pairing: Pairing) -> Self {
        let (sessions_changed, _) = watch::channel(0);
        Self { driver, endpoint, pairing, sessions: Arc::default(), sessions_changed }
    }

    /// Runs until the endpoint stops.
    pub(crate) async fn run(self, mut events: mpsc::Receiver<NetEvent>) {
        let mut tasks = JoinSet::new();
        let mut dialled: HashSet<DeviceId> = HashSet::new();
        let mut changed = self.driver.changed();
        self.dial_known(&mut tasks, &mut dialled).await;
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => self.handle(event, &mut tasks),
                    None => break,
                },
                Ok(()) = changed.changed() => self.dial_known(&mut tasks, &mut dialled).await,
                Some(_) = tasks.join_next() => {}
            }
        }
    }

    fn handle(&self, event: NetEvent, tasks: &mut JoinSet<()>) {
        let network = self.clone();
        match event {
            NetEvent::Discovered { peer, addresses } if !self.is_known(peer) => {
                tasks.spawn(async move { network.meet(peer, addresses).await });
            }
            NetEvent::Stream { peer, protocol: Protocol::Sync, stream } => {
                tasks.spawn(async move {
                    drop(network.converse(peer, stream, Role::Listener, Vec::new()).await);
                });
            }
            NetEvent::Stream { peer, protocol: Protocol::Pairing, stream } => {
                tasks.spawn(async move { network.pairing.clone().invite(&network, peer, stream).await });
            }
            _ => {}
        }
    }

    /// Dials a neighbour a few times: it announces itself once, perhaps before it can answer.
    async fn meet(&self, peer: PeerId, addresses: Vec<Multiaddr>) {
        let mut pause = RETRY_FROM;
        for _ in 0..NEIGHBOUR_ATTEMPTS {
            if self.is_known(peer) {
                return;
            }
            match self.dial(addresses.clone()).await {
                Ok(()) => return,
                Err(error) => tracing::debug!(code = error.code(), "a neighbour did not answer"),
            }
            sleep(jittered(pause)).await;
            pause *= 2;
        }
    }

    /// Starts a task for each device with an address that has none yet.
    async fn dial_known(&self, tasks: &mut JoinSet<()>, dialled: &mut HashSet<DeviceId>) {
        let addresses = self.driver.run(|store| Ok(store.keys().addresses.clone())).await;
        for device in addresses.unwrap_or_default().into_keys() {
            if dialled.insert(device) {
                let network = self.clone();
                tasks.spawn(async move { network.keep_dialling(device).await });
            }
        }
    }

    /// Keeps a session with one device alive.
    async fn keep_dialling(&self, device: DeviceId) {
        let mut pause = RETRY_FROM;
        let mut sessions_changed = self.sessions_changed.subscribe();
        loop {
            if self.is_connected(device) {
                pause = RETRY_FROM;
                if sessions_changed.changed().await.is_err() {
                    return;
                }
                continue;
            }
            let addresses =
                self.driver.run(move |store| Ok(store.keys().addresses.get(&device).cloned())).await;
            let Ok(addresses) = addresses else { return };
            let addresses =
                addresses.unwrap_or_default().iter().filter_map(|text| text.parse().ok()).collect();
            if let Err(error) = self.dial(addresses).await {
                let code = error.code().to_owned();
                let noted = self.driver.run(move |store| {
                    store.note_unreachable(device, code);
                    Ok(())
                });
                if noted.await.is_err() {
                    return;
                }
            }
            if !self.is_connected(device) {
                sleep(jittered(pause)).await;
                pause = (pause * 2).min(RETRY_TO);
            }
        }
    }

    /// Connects and converses until the session ends.
    pub(crate) async fn dial(&self, addresses: Vec<Multiaddr>) -> Result<()> {
        let peer = self.endpoint.connect_any(addresses.clone()).await?;
        let stream = self.endpoint.open_stream(peer, Protocol::Sync).await?;
        self.converse(peer, stream, Role::Dialer, addresses).await
    }

    /// `addresses` are where the peer was reached, if it was dialled.
    async fn converse(
        &self,
        peer: PeerId,
        stream: Framed,
        role: Role,
        addresses: Vec<Multiaddr>,
    ) -> Result<()> {
        let binding = binding(role, self.endpoint.peer_id(), peer);
        let session = Arc::new(Mutex::new(Session::new(role, binding, entropy::bytes())));
        let conversation = Conversation {
            network: self.clone(),
            peer,
            role,
            addresses,
            session,
            progress: Notify::new(),
            close: Arc::new(Notify::new()),
            established: Mutex::new(None),
        };
        conversation.run(stream).await
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_connected(&self, device: DeviceId) -> bool {
        self.sessions().live.contains_key(&device)
    }

    fn is_known(&self, peer: PeerId) -> bool {
        let sessions = self.sessions();
        sessions.strangers.contains(&peer) || sessions.live.values().any(|live| live.peer == peer)
    }

    fn note_stranger(&self, peer: PeerId) {
        let mut sessions = self.sessions();
        if sessions.strangers.len() < MAX_STRANGERS {
            sessions.strangers.insert(peer);
        }
    }

    /// Makes this the session with `device`, unless the one that lives is to be kept.
    fn register(&self, device: DeviceId, peer: PeerId, dialer: DeviceId, close: &Arc<Notify>) -> Option<u64> {
        let mut sessions = self.sessions();
        sessions.next += 1;
        let number = sessions.next;
        if let Some(live) = sessions.live.get(&device) {
            // Another transport key means that the device started again: the old session is dead.
            // Else both sides keep what the smaller device id dialled, or the newer of two alike.
            let keep_old = live.peer == peer && live.dialer < dialer;
            if keep_old {
                return None;
            }
            live.close.notify_one();
        }
        sessions.live.insert(device, Live { number, peer, dialer, close: close.clone() });
        drop(sessions);
        self.sessions_changed.send_modify(|generation| *generation += 1);
        Some(number)
    }

    fn unregister(&self, device: DeviceId, number: u64) {
        let mut sessions = self.sessions();
        if sessions.live.get(&device).is_some_and(|live| live.number == number) {
            sessions.live.remove(&device);
        }
        drop(sessions);
        self.sessions_changed.send_modify(|generation| *generation += 1);
    }
}

/// One session and its connection.
struct Conversation {
    network: Network,
    peer: PeerId,
    role: Role,
    addresses: Vec<Multiaddr>,
    session: Arc<Mutex<Session>>,
    /// The session may have something to say.
    progress: Notify,
    /// Somebody else wants this session closed.
    close: Arc<Notify>,
    established: Mutex<Option<(DeviceId, u64)>>,
}

impl Conversation {
    async fn run(&self, stream: Framed) -> Result<()> {
        let (reader, writer) = stream.split();
        let ended = tokio::select! {
            ended = self.read(reader) => ended,
            ended = self.write(writer) => ended,
            () = self.close.notified() => Ok(()),
            () = self.handshake_deadline() => Err(Error::new("deadline")),
        };
        let established = self.established.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((device, number)) = established {
            self.network.unregister(device, number);
            let noted = self.network.driver.run(move |store| {
                store.note_disconnected(device);
                Ok(())
            });
            drop(noted.await);
        }
        ended
    }

    fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn handshake_deadline(&self) {
        sleep(HANDSHAKE_DEADLINE).await;
        if self.established.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            std::future::pending::<()>().await;
        }
    }

    async fn read(&self, mut reader: FrameReader) -> Result<()> {
        while let Some(frame) = reader.recv().await? {
            let session = self.session.clone();
            let handled = self.network.driver.run(move |store| {
                let mut session = session.lock().unwrap_or_else(PoisonError::into_inner);
                store.handle_frame(&mut session, &frame)
            });
            match handled.await? {
                Ok(Some(Event::Established { device })) => self.established(device).await?,
                Ok(_) => {}
                Err(error) => {
                    let ended = self.ended_by(error).await;
                    self.session().refuse(error);
                    self.progress.notify_one();
                    // Writing ends the conversation once the refusal has left.
                    sleep(FAREWELL_DEADLINE).await;
                    return Err(ended);
                }
            }
            self.progress.notify_one();
        }
        Ok(())
    }

    /// Notes why a session ended, where the person can see it.
    async fn ended_by(&self, error: SessionError) -> Error {
        let code = match error {
            SessionError::Malformed => "session-malformed",
            SessionError::Newer => "protocol-newer",
            SessionError::Unrecognised => "session-unrecognised",
            SessionError::BadProof => "session-bad-proof",
            SessionError::Fork { .. } | SessionError::RefusedByPeer(Reason::Fork) => "session-fork",
            SessionError::RefusedByPeer(_) => "session-refused",
        };
        if matches!(error, SessionError::Unrecognised | SessionError::RefusedByPeer(_)) {
            self.network.note_stranger(self.peer);
        }
        let device =
            self.established.lock().unwrap_or_else(PoisonError::into_inner).map(|(device, _)| device);
        if let Some(device) = device {
            let noted = self.network.driver.run(move |store| {
                store.note_unreachable(device, code.to_owned());
                Ok(())
            });
            drop(noted.await);
        }
        tracing::debug!(%error, "a session ended");
        Error::new(code)
    }

    async fn established(&self, device: DeviceId) -> Result<()> {
        let own = self.network.driver.run(|store| Ok(store.device())).await?;
        if device == own {
            return Err(Error::new("session-refused"));
        }
        let dialer = if self.role == Role::Dialer { own } else { device };
        let Some(number) = self.network.register(device, self.peer, dialer, &self.close) else {
            return Err(Error::new("session-duplicate"));
        };
        *self.established.lock().unwrap_or_else(PoisonError::into_inner) = Some((device, number));
        let addresses: Vec<String> = self.addresses.iter().map(without_peer).collect();
        self.network
            .driver
            .run(move |store| {
                store.note_connected(device);
                store.note_addresses(device, addresses)
            })
            .await
    }

    async fn write(&self, mut writer: FrameWriter) -> Result<()> {
        let mut changed = self.network.driver.changed();
        loop {
            let session = self.session.clone();
            let polled = self.network.driver.run(move |store| {
                let mut session = session.lock().unwrap_or_else(PoisonError::into_inner);
                store.poll_session(&mut session)
            });
            if let Some(frame) = polled.await? {
                writer.send(&frame).await?;
                continue;
            }
            if self.session().is_over() {
                return Err(Error::new("session-refused"));
            }
            tokio::select! {
                () = self.progress.notified() => {}
                changed = changed.changed() => changed.map_err(|_| Error::new("stopping"))?,
                () = sleep(REFRESH_EVERY) => {
                    self.session().refresh();
                }
            }
        }
    }
}

/// Names a connection by the transport keys at its ends: what is said on one is worth nothing on
/// another.
fn binding(role: Role, own: PeerId, peer: PeerId) -> [u8; 32] {
    let (dialer, listener) = match role {
        Role::Dialer => (own, peer),
        Role::Listener => (peer, own),
    };
    let mut hasher = blake3::Hasher::new();
    for id in [dialer.to_bytes(), listener.to_bytes()] {
        hasher.update(&(id.len() as u64).to_le_bytes());
        hasher.update(&id);
    }
    *hasher.finalize().as_bytes()
}

/// The transport key of an endpoint is new at each start: an address outlives it.
fn without_peer(address: &Multiaddr) -> String {
    let is_peer =
        |part: &libp2p::multiaddr::Protocol<'_>| matches!(part, libp2p::multiaddr::Protocol::P2p(_));
    address.iter().filter(|part| !is_peer(part)).collect::<Multiaddr>().to_string()
}

/// Between half and the whole of a pause, so that two devices do not keep missing each other.
fn jittered(pause: Duration) -> Duration {
    let share = u32::from(entropy::bytes::<1>()[0]);
    pause / 2 + pause / 2 * share / 255
}
