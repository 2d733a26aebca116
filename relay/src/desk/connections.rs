//! Who is connected, from where, and how often they ask.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use libp2p::{PeerId, swarm::ConnectionId};
use musette_protocol::relaying::Refusal;
use tokio::sync::watch;

use super::calls::one_less;
use crate::{
    abuse::Abuse,
    config::Limits,
    ledger::Account,
    limits::{
        IDLE_DEADLINE, MAX_EXCESS_REQUESTS, MAX_PENDING_INBOUND, MAX_REQUESTS_PER_CONNECTION, MAX_SOURCES,
        REGULAR_TTL, REQUESTS_PER_CONNECTION_AND_MINUTE, REQUESTS_PER_SOURCE_AND_MINUTE,
        STRANGERS_REQUESTS_AND_MINUTE,
    },
    rate::{Bucket, Buckets, Rate},
    source::Source,
};

const MINUTE: Duration = Duration::from_secs(60);

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Requested {
    /// It is answered; [`Connections::answered`] says when that is over.
    Serve,
    /// Its stream is dropped.
    Drop,
    /// Its connection is closed: this one asks and asks.
    Close,
}

/// One connection.
pub(crate) struct Guest {
    pub(crate) peer: PeerId,
    pub(crate) source: Source,
    /// Set by a ticket that holds.
    pub(crate) account: Option<Arc<Account>>,
    /// When it last had a circuit; at first, when it came.
    busy: Instant,
    circuits: u32,
    /// Dropped with this, so that the circuits of a connection end when it does.
    here: watch::Sender<()>,
    requests: u32,
    excess: u32,
    bucket: Bucket,
}

impl Guest {
    pub(super) fn new(peer: PeerId, source: Source, now: Instant) -> Self {
        let bucket = Bucket::full(now);
        let (here, _) = watch::channel(());
        Self { peer, source, account: None, busy: now, circuits: 0, here, requests: 0, excess: 0, bucket }
    }
}

/// All connections.
pub(crate) struct Connections {
    max: usize,
    max_per_source: u32,
    /// Those that may be neither reserved nor called: the rest is kept for reservations.
    max_passing: usize,
    guests: HashMap<ConnectionId, Guest>,
    /// Handshakes under way.
    pending: HashSet<ConnectionId>,
    /// Calls of our own that were answered, by whom and when.
    called_back: HashMap<ConnectionId, (PeerId, Instant)>,
    per_source: HashMap<Source, u32>,
    /// Addresses of those with a ticket, and when they were last seen.
    regulars: HashMap<Source, Instant>,
    /// Those that proved where they come from apart: whoever writes somebody's address on packets does not keep
    /// them out.
    connects: Buckets<(Source, bool)>,
    all_connects: (Rate, Bucket),
    requests: Buckets<Source>,
}

impl Connections {
    pub(super) fn new(limits: &Limits, now: Instant) -> Self {
        let second = Rate::new(limits.connects_per_second, Duration::from_secs(1));
        let connects = Rate::new(limits.connects_per_source_and_minute, MINUTE);
        let requests =
            Rate::new(REQUESTS_PER_SOURCE_AND_MINUTE.max(limits.connects_per_source_and_minute), MINUTE);
        Self {
            max: limits.connections as usize,
            max_per_source: limits.connections_per_source,
            max_passing: limits.connections.saturating_sub(limits.reservations) as usize,
            guests: HashMap::new(),
            pending: HashSet::new(),
            called_back: HashMap::new(),
            per_source: HashMap::new(),
            regulars: HashMap::new(),
            connects: Buckets::new(connects, MAX_SOURCES),
            all_connects: (second, Bucket::full(now)),
            requests: Buckets::new(requests, MAX_SOURCES),
        }
    }

    pub(super) fn guest(&self, connection: ConnectionId) -> Option<&Guest> {
        self.guests.get(&connection)
    }

    pub(crate) fn len(&self) -> usize {
        self.guests.len()
    }

    pub(super) fn admitted(&self) -> usize {
        self.guests.values().filter(|guest| guest.account.is_some()).count()
    }

    /// Whether somebody is connected from there: only where calls come from is called back.
    pub(crate) fn knows(&self, source: Source) -> bool {
        self.per_source.contains_key(&source)
    }

    fn is_regular(&self, source: Source, now: Instant) -> bool {
        self.regulars.get(&source).is_some_and(|seen| now.saturating_duration_since(*seen) < REGULAR_TTL)
    }

    pub(super) fn may_connect(
        &mut self,
        connection: ConnectionId,
        (source, proven): (Source, bool),
        now: Instant,
    ) -> Result<bool, Abuse> {
        let (within, regular) = (self.connects.take((source, proven), now), self.is_regular(source, now));
        if self.per_source.get(&source).is_some_and(|count| *count >= self.max_per_source)
            || !(within || regular)
        {
            return Err(Abuse::Connections);
        }
        let (rate, bucket) = &mut self.all_connects;
        let strangers_may = self.pending.len() < MAX_PENDING_INBOUND as usize && bucket.take(*rate, now);
        // Handshakes of regulars are bounded by their rates and by how many places there are; beyond their
        // rates they wait with the strangers, as others may have made them in their name.
        let may = strangers_may || (within && regular && self.pending.len() < self.max);
        if may {
            self.pending.insert(connection);
        }
        Ok(may)
    }

    pub(super) fn arrived(&mut self, connection: ConnectionId, guest: Guest, reserved: usize) -> bool {
        self.pending.remove(&connection);
        let passing = self.guests.len().saturating_sub(reserved);
        let room = passing < self.max_passing || self.is_regular(guest.source, guest.busy);
        if self.guests.len() >= self.max || !room {
            return false;
        }
        *self.per_source.entry(guest.source).or_default() += 1;
        self.guests.insert(connection, guest);
        true
    }

    /// A call of our own was answered. It has told what it was for.
    pub(crate) fn called_back(&mut self, connection: ConnectionId, peer: PeerId, now: Instant) {
        self.called_back.insert(connection, (peer, now));
    }

    pub(super) fn left(&mut self, connection: ConnectionId, now: Instant) -> Option<Guest> {
        self.pending.remove(&connection);
        self.called_back.remove(&connection);
        let guest = self.guests.remove(&connection)?;
        one_less(&mut self.per_source, guest.source);
        if guest.account.is_some() {
            self.remember(guest.source, now);
        }
        Some(guest)
    }

    fn remember(&mut self, source: Source, now: Instant) {
        if self.regulars.len() < MAX_SOURCES || self.regulars.contains_key(&source) {
            self.regulars.insert(source, now);
        }
    }

    pub(super) fn request(&mut self, connection: ConnectionId, now: Instant) -> Requested {
        let Some(guest) = self.guests.get_mut(&connection) else { return Requested::Drop };
        let count = match guest.account {
            Some(_) => REQUESTS_PER_CONNECTION_AND_MINUTE,
            None => STRANGERS_REQUESTS_AND_MINUTE,
        };
        let rate = Rate::new(count, MINUTE);
        let serve = guest.requests < MAX_REQUESTS_PER_CONNECTION
            && guest.bucket.take(rate, now)
            && self.requests.take(guest.source, now);
        if serve {
            guest.requests += 1;
            return Requested::Serve;
        }
        guest.excess += 1;
        if guest.excess > MAX_EXCESS_REQUESTS { Requested::Close } else { Requested::Drop }
    }

    /// A request was answered, or given up.
    pub(crate) fn answered(&mut self, connection: ConnectionId) {
        if let Some(guest) = self.guests.get_mut(&connection) {
            guest.requests -= 1;
        }
    }

    pub(super) fn admit(
        &mut self,
        connection: ConnectionId,
        account: &Arc<Account>,
        max_peers: u32,
        now: Instant,
    ) -> Result<(), Refusal> {
        let Some(guest) = self.guests.get(&connection) else { return Err(Refusal::TooMany) };
        let (peer, source) = (guest.peer, guest.source);
        let shares = |guest: &&Guest| guest.account.as_ref().is_some_and(|other| Arc::ptr_eq(other, account));
        let others =
            self.guests.values().filter(shares).map(|guest| guest.peer).filter(|other| *other != peer);
        if others.collect::<HashSet<_>>().len() >= max_peers as usize {
            return Err(Refusal::TooMany);
        }
        if let Some(guest) = self.guests.get_mut(&connection) {
            guest.account = Some(Arc::clone(account));
        }
        self.remember(source, now);
        Ok(())
    }

    /// What tells a circuit that this end of it is gone; at once, if it is already.
    pub(super) fn circuit_begins(&mut self, connection: ConnectionId) -> watch::Receiver<()> {
        match self.guests.get_mut(&connection) {
            Some(guest) => {
                guest.circuits += 1;
                guest.here.subscribe()
            }
            None => watch::channel(()).1,
        }
    }

    pub(super) fn circuit_ends(&mut self, connection: ConnectionId, now: Instant) {
        if let Some(guest) = self.guests.get_mut(&connection) {
            guest.circuits -= 1;
            guest.busy = now;
        }
    }

    /// Forgets rates that no longer matter; gives the connections that do nothing.
    pub(super) fn sweep(
        &mut self,
        now: Instant,
        reserved: impl Fn(&PeerId, ConnectionId) -> bool,
    ) -> Vec<(PeerId, ConnectionId)> {
        self.connects.sweep(now);
        self.requests.sweep(now);
        self.regulars.retain(|_, seen| now.saturating_duration_since(*seen) < REGULAR_TTL);
        let is_over = |since: Instant| now.saturating_duration_since(since) >= IDLE_DEADLINE;
        let called = self.called_back.iter().filter(|(_, (_, since))| is_over(*since));
        let mut idle: Vec<_> = called.map(|(connection, (peer, _))| (*peer, *connection)).collect();
        for (connection, guest) in &mut self.guests {
            if guest.circuits > 0 || reserved(&guest.peer, *connection) {
                guest.busy = now;
            } else if is_over(guest.busy) {
                idle.push((guest.peer, *connection));
            }
        }
        idle
    }
}
