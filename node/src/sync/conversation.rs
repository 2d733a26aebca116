//! One session over one stream, from the handshake to its end.
//!
//! Reading and writing run side by side: two devices that both have much to send would otherwise
//! wait for each other. Whoever is asked to leave (a pause, a budget that is used up) stops reading,
//! ends the handshake if it is still under way, says [`NotNow`] and goes.

use std::{
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use libp2p::{Multiaddr, PeerId};
use musette_protocol::{
    id::DeviceId,
    limits::THIN_FRAME_LEN,
    schedule::{Contact, Ending, NotNow, Standing, StopReason},
    session::{Event, Role, Session, SessionError, Version, message::Reason},
    time::Timestamp,
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep, timeout},
};

use super::{
    Network,
    scheduler::draw,
    sessions::{Begun, Handle},
};
use crate::{
    entropy,
    error::{Error, Result},
    net::{
        Connection, Endpoint, FrameReader, FrameWriter, Framed, Path, Way, limits::PULSE_DEADLINE,
        without_peer,
    },
    store::Store,
};

/// A handshake takes three round trips.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(20);
/// How long a refusal may take to leave.
const FAREWELL_DEADLINE: Duration = Duration::from_secs(1);
/// How often the other end is asked for a sign of life while bytes flow.
const PULSE: Duration = Duration::from_millis(500);
/// For how long after the last byte.
const PULSE_AFTER: Duration = Duration::from_secs(5);
/// Bytes after which a relay that breaks off has done its part: half of what libp2p's carry in a circuit.
const MUCH: u64 = 64 * 1024;
/// What a frame's length takes on the stream.
const FRAME_HEAD_LEN: u64 = 4;

/// One side of a session that begins.
pub(super) struct Side {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) connection: Connection,
    pub(super) role: Role,
    pub(super) version: Version,
}

/// One session and its connection.
pub(super) struct Conversation {
    network: Network,
    endpoint: Arc<Endpoint>,
    connection: Connection,
    role: Role,
    binding: [u8; 32],
    /// Where the peer was reached, and as whom, if it was dialled.
    dialled: Option<(Contact<PeerId>, Vec<Multiaddr>)>,
    session: Arc<Mutex<Session>>,
    handle: Arc<Handle>,
    /// The session may have something to say.
    progress: Notify,
    /// The other side proved to be a device.
    is_established: Notify,
    /// Nothing is to be said any more but that it ends.
    is_leaving: AtomicBool,
    established: Mutex<Option<(DeviceId, u64)>>,
}

impl Conversation {
    pub(super) fn new(
        network: Network,
        side: Side,
        dialled: Option<(Contact<PeerId>, Vec<Multiaddr>)>,
        handle: Arc<Handle>,
    ) -> Self {
        let Side { endpoint, connection, role, version } = side;
        let binding = binding(role, endpoint.peer_id(), connection.peer);
        let mut session = Session::in_version(version, role, binding, entropy::bytes());
        if connection.path() == Path::Relayed {
            session = session.with_frames_of(THIN_FRAME_LEN);
        }
        let session = Arc::new(Mutex::new(session));
        Self {
            network,
            endpoint,
            connection,
            role,
            binding,
            dialled,
            session,
            handle,
            progress: Notify::new(),
            is_established: Notify::new(),
            is_leaving: AtomicBool::new(false),
            established: Mutex::new(None),
        }
    }

    /// Runs until either side ends it. The outcome is always why it ended.
    pub(super) async fn run(&self, stream: Framed) -> Error {
        let (reader, writer) = stream.split();
        let ended = tokio::select! {
            ended = self.read(reader) => ended.err().unwrap_or_else(|| Error::new("connection-lost")),
            ended = self.write(writer) => ended,
            () = self.leave() => Error::new("session-closed"),
            () = self.lost_peer() => Error::new("connection-lost"),
            () = self.tell_addresses() => Error::new("stopping"),
            () = self.handshake_deadline() => Error::new("deadline"),
        };
        let established = self.established().take();
        if let Some((device, number)) = established {
            if self.network.sessions.unregister(device, number) {
                let ending = self.ending(&ended);
                self.network
                    .scheduler
                    .tell(|schedule, moment| schedule.handle_disconnected(moment, device, ending, draw()));
            }
            self.note(move |store| store.note_disconnected(device)).await;
        }
        ended
    }

    fn ending(&self, ended: &Error) -> Ending {
        let moved = self.handle.sent.load(Ordering::Relaxed) + self.handle.received.load(Ordering::Relaxed);
        match ending_of(ended) {
            Ending::Lost if self.connection.path() == Path::Relayed && moved >= MUCH => Ending::Spent,
            ending => ending,
        }
    }

    fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn established(&self) -> MutexGuard<'_, Option<(DeviceId, u64)>> {
        self.established.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn handshake_deadline(&self) {
        sleep(HANDSHAKE_DEADLINE).await;
        if self.established().is_some() {
            std::future::pending::<()>().await;
        }
    }

    /// Returns once it was asked to end, and has had time to say why.
    async fn leave(&self) {
        self.handle.close.notified().await;
        if let Some(not_now) = self.network.scheduler.refusal() {
            self.is_leaving.store(true, Ordering::Relaxed);
            self.session().leave(not_now);
            self.progress.notify_one();
            sleep(FAREWELL_DEADLINE).await;
        }
    }

    /// Tells the other device where the person's devices are, once it proved to be one. Never returns.
    async fn tell_addresses(&self) {
        self.is_established.notified().await;
        self.network.tell_addresses(&self.endpoint, self.connection).await;
    }

    /// Returns once the other end of the connection is silent: the relay's, where one carries the session.
    /// It is asked for a sign of life while bytes flow, or have just ceased to, and when the network
    /// changed; so another way is found within seconds. Over TCP the question would wait behind all that is
    /// on its way, and the system tells when a process at the other end dies.
    async fn lost_peer(&self) {
        let other_end = match self.connection.way {
            Way::Relayed { by: Some(relay) } => relay,
            _ => self.connection.peer,
        };
        let way = self.endpoint.direct(other_end).map(|direct| direct.way);
        if way != Some(Way::Direct { quic: true }) {
            return std::future::pending().await;
        }
        let mut news = self.network.relays.news();
        let mut flowed = (0, Instant::now());
        // A slow line is full of what it carries: an answer may take several times as long as the last one.
        let mut patience = PULSE_DEADLINE;
        loop {
            let is_news = timeout(PULSE, news.changed()).await.is_ok();
            let bytes =
                self.handle.sent.load(Ordering::Relaxed) + self.handle.received.load(Ordering::Relaxed);
            if bytes != flowed.0 {
                flowed = (bytes, Instant::now());
            }
            if !is_news && flowed.1.elapsed() > PULSE_AFTER {
                continue;
            }
            let asked = Instant::now();
            let mut answer = pin!(self.endpoint.ping(other_end, patience));
            let in_time = timeout(patience / 3, &mut answer).await;
            if in_time.is_err() {
                // Perhaps it is the network: relays are to be asked meanwhile.
                self.network.relays.hear_news();
            }
            let answered = match in_time {
                Ok(answered) => answered,
                Err(_) => answer.await,
            };
            if answered.is_err() {
                return self.endpoint.disconnect(other_end).await;
            }
            patience = PULSE_DEADLINE + asked.elapsed() * 4;
        }
    }

    async fn read(&self, mut reader: FrameReader) -> Result<()> {
        while let Some(frame) = reader.recv().await? {
            if self.is_leaving() {
                std::future::pending::<()>().await;
            }
            let bytes = frame.len() as u64 + FRAME_HEAD_LEN;
            self.handle.received.fetch_add(bytes, Ordering::Relaxed);
            self.network.scheduler.count_received(bytes);
            if let Some(not_now) = NotNow::from_frame(&frame).filter(|_| self.established().is_some()) {
                return Err(self.told_not_now(not_now).await);
            }
            let session = self.session.clone();
            let handled = self.network.driver.run(move |store| {
                let mut session = session.lock().unwrap_or_else(PoisonError::into_inner);
                store.handle_frame(&mut session, &frame)
            });
            let handled = match handled.await {
                Ok(handled) => handled,
                // Not the other side's fault, and the person must learn of it.
                Err(error) => {
                    self.note_reason(error.code().to_owned()).await;
                    return Err(error);
                }
            };
            match handled {
                Ok(Some(Event::Established { device })) => self.begin(device).await?,
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
        let code = code_of(error);
        if matches!(error, SessionError::Unrecognised | SessionError::RefusedByPeer(_)) {
            self.network.scheduler.tell(|schedule, _| schedule.note_stranger(self.connection.peer));
        }
        let peer = self.established().map(|(peer, _)| peer);
        if let Some(peer) = peer {
            match error {
                SessionError::Fork { device } => self.note(move |store| store.note_fork(peer, device)).await,
                SessionError::RefusedByPeer(Reason::Fork) => {
                    self.note(move |store| store.note_refused_for_fork(peer)).await;
                }
                _ => {}
            }
        }
        self.note_reason(code.to_owned()).await;
        tracing::debug!(%error, "a session ended");
        Error::new(code)
    }

    async fn told_not_now(&self, not_now: NotNow) -> Error {
        let code = match not_now.reason {
            StopReason::Paused => "peer-paused",
            StopReason::BudgetUsed => "peer-budget-used",
        };
        self.note_reason(code.to_owned()).await;
        let error = Error::new(code);
        match not_now.until {
            Some(until) => error.with("until_ms", until.as_millis()),
            None => error,
        }
    }

    async fn note_reason(&self, code: String) {
        let device = self.established().map(|(device, _)| device);
        match device {
            Some(device) => self.note(move |store| store.note_unreachable(device, code)).await,
            // It did not come to saying who it is, and yet the person is to know what to update.
            None if matches!(code.as_str(), "protocol-older" | "protocol-newer") => {
                self.note(move |store| store.note_other_version(code)).await;
            }
            None => {}
        }
    }

    async fn note(&self, told: impl FnOnce(&mut Store) + Send + 'static) {
        let noted = self.network.driver.run(move |store| {
            told(store);
            Ok(())
        });
        drop(noted.await);
    }

    /// The other side proved to be a device.
    async fn begin(&self, device: DeviceId) -> Result<()> {
        let own = self.network.driver.run(|store| Ok(store.device())).await?;
        // Another process, with a copy of this home.
        if device == own {
            self.note(move |store| store.note_fork(own, own)).await;
            return Err(Error::new("session-fork"));
        }
        if self.network.scheduler.refusal().is_some() {
            // What is left of the handshake on this side leaves before the refusal; nothing that the
            // other side sends is taken any more.
            self.handle.close.notify_one();
            std::future::pending::<()>().await;
        }
        let dialer = if self.role == Role::Dialer { own } else { device };
        let is_relayed = self.connection.path() == Path::Relayed;
        let since_ms = self.network.scheduler.elapsed_ms();
        let standing = Standing { is_relayed, dialer, binding: self.binding, since_ms };
        let begun = Begun { standing, connection: self.connection, handle: &self.handle };
        let Some(number) = self.network.sessions.register(device, begun) else {
            return Err(Error::new("session-duplicate"));
        };
        *self.established() = Some((device, number));
        let dialled = self.dialled.as_ref();
        self.network.scheduler.tell(|schedule, moment| {
            // Another device than was dialled: the dial of that one has failed.
            if let Some((contact @ Contact::Device(known), _)) = dialled
                && *known != device
            {
                schedule.handle_dial_failed(moment, contact, Ending::Lost, draw());
            }
            schedule.handle_connected(moment, device, Some(self.connection.peer));
        });
        // What a device states of itself is better; one of an earlier version states nothing.
        let addresses = match dialled {
            Some((Contact::Neighbour(_), addresses)) => {
                addresses.iter().map(|address| without_peer(address).to_string()).collect()
            }
            _ => Vec::new(),
        };
        let noted = self.network.driver.run(move |store| {
            store.note_connected(device);
            store.note_addresses(device, addresses)
        });
        noted.await?;
        self.is_established.notify_one();
        // After it was told of the session: a device new among those with an address is dialled at once.
        self.network.learn_devices().await;
        Ok(())
    }

    async fn write(&self, mut writer: FrameWriter) -> Error {
        let mut changed = self.network.driver.changed();
        loop {
            match self.write_until_silent(&mut writer).await {
                Err(error) => return error,
                Ok(()) if !self.session().is_over() => {}
                Ok(()) if self.is_leaving() => {
                    drop(writer.close().await);
                    return Error::new("session-closed");
                }
                Ok(()) => return Error::new("session-refused"),
            }
            tokio::select! {
                () = self.progress.notified() => {}
                () = self.handle.check.notified() => self.session().check(),
                changed = changed.changed() => if changed.is_err() {
                    return Error::new("stopping");
                }
            }
        }
    }

    fn is_leaving(&self) -> bool {
        self.is_leaving.load(Ordering::Relaxed)
    }

    /// Sends what the session has to say.
    async fn write_until_silent(&self, writer: &mut FrameWriter) -> Result<()> {
        loop {
            let session = self.session.clone();
            let polled = self.network.driver.run(move |store| {
                let mut session = session.lock().unwrap_or_else(PoisonError::into_inner);
                store.poll_session(&mut session)
            });
            let Some(frame) = polled.await? else { return Ok(()) };
            self.send(writer, &frame).await?;
        }
    }

    async fn send(&self, writer: &mut FrameWriter, frame: &[u8]) -> Result<()> {
        // Counted before: a frame that breaks off has used the connection too.
        let bytes = frame.len() as u64 + FRAME_HEAD_LEN;
        self.handle.sent.fetch_add(bytes, Ordering::Relaxed);
        self.network.scheduler.count_sent(bytes);
        writer.send(frame).await
    }
}

const fn code_of(error: SessionError) -> &'static str {
    match error {
        SessionError::Malformed => "session-malformed",
        SessionError::Newer => "protocol-newer",
        SessionError::Older => "protocol-older",
        SessionError::Unrecognised => "session-unrecognised",
        SessionError::BadProof => "session-bad-proof",
        SessionError::Fork { .. } | SessionError::RefusedByPeer(Reason::Fork) => "session-fork",
        SessionError::RefusedByPeer(_) => "session-refused",
    }
}

/// What the end of a dial or a session means for the next one.
pub(super) fn ending_of(ended: &Error) -> Ending {
    match ended.code() {
        "peer-paused" | "peer-budget-used" => {
            let until = ended.args().get("until_ms").and_then(|millis| millis.parse().ok());
            Ending::NotNow { until: until.map(Timestamp::from_millis) }
        }
        // With each try the other side sends what then finds no room.
        "disk-full" => Ending::NotNow { until: None },
        "session-malformed"
        | "protocol-newer"
        | "protocol-older"
        | "session-unrecognised"
        | "session-bad-proof"
        | "session-fork"
        | "session-refused" => Ending::Refused,
        _ => Ending::Lost,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_other_side_said_decides_when_it_is_dialled_again() {
        let until = Timestamp::from_millis(1_795_392_000_000);
        let paused = Error::new("peer-paused").with("until_ms", until.as_millis());
        assert_eq!(ending_of(&paused), Ending::NotNow { until: Some(until) });
        assert_eq!(ending_of(&Error::new("peer-budget-used")), Ending::NotNow { until: None });
        for error in [
            SessionError::Unrecognised,
            SessionError::RefusedByPeer(Reason::Fork),
            SessionError::Older,
            SessionError::Newer,
        ] {
            assert_eq!(ending_of(&Error::new(code_of(error))), Ending::Refused, "{error}");
        }
        assert_eq!(ending_of(&Error::new("connection-lost")), Ending::Lost);
    }
}
