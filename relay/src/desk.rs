//! Who is connected, admitted, reserved and called: every decision of the relay, and none of its I/O.
//!
//! 1. A connection comes: may it, by rate and room ([`Desk::may_connect`], [`Desk::arrived`])?
//! 2. It asks for something: does the relay listen ([`Desk::request`])?
//! 3. It presents a ticket ([`Desk::present`]), reserves ([`Desk::reserve`]), or calls somebody
//!    ([`Desk::call`]).
//! 4. Whatever was taken is given back when the connection, the request or the circuit ends.
//!
//! *A stranger costs the others nothing*: rates come before handshakes, there is always room for as
//! many connections as there may be reservations, and an address from which somebody with a ticket
//! came lately does not wait behind those of strangers.

mod calls;
mod connections;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use libp2p::{PeerId, swarm::ConnectionId};
use musette_protocol::{
    crypto::sign::VerifyingKey,
    relaying::{Admission, Refusal, RelayTicket},
    time::Timestamp,
};

use self::{
    calls::Circuits,
    connections::{Connections, Guest},
};
pub(crate) use self::{
    calls::{Budget, Line},
    connections::Requested,
};
use crate::{
    abuse::{Abuse, Abuses},
    circuit::wire::{Limit, Status},
    config::Limits,
    ledger::{Account, Ledger},
    limits::RESERVATION_DURATION,
    source::Source,
};

/// This moment, by both clocks: the one that only goes forward, and that of tickets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) instant: Instant,
    pub(crate) time: Timestamp,
}

/// What somebody who reserved may be told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reserved {
    pub(crate) expires: Timestamp,
    pub(crate) limit: Limit,
    pub(crate) addresses: Vec<Vec<u8>>,
}

/// Somebody who can be called.
struct Reservation {
    connection: ConnectionId,
    account: Arc<Account>,
    /// Without a ticket, from this address.
    stranger: Option<Source>,
    until: Instant,
}

/// What a stranger's address may have carried, and since when that counts.
struct Allowance {
    account: Arc<Account>,
    since: Instant,
}

/// How many of each there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) connections: usize,
    pub(crate) admitted: usize,
    pub(crate) reservations: usize,
    pub(crate) circuits: u32,
}

/// The state of the relay.
pub(crate) struct Desk {
    limits: Limits,
    relay: VerifyingKey,
    pub(crate) ledger: Ledger,
    pub(crate) connections: Connections,
    circuits: Circuits,
    reservations: HashMap<PeerId, Reservation>,
    allowances: HashMap<Source, Allowance>,
    abuses: Abuses,
    /// Where the relay tells others to call.
    pub(crate) addresses: Vec<Vec<u8>>,
    /// Set when the relay stops: nobody reserves or calls any more.
    pub(crate) stopping: bool,
}

impl Desk {
    pub(crate) fn new(limits: Limits, relay: VerifyingKey, ledger: Ledger, now: Instant) -> Self {
        Self {
            connections: Connections::new(&limits, now),
            circuits: Circuits::default(),
            abuses: Abuses::new(now),
            reservations: HashMap::new(),
            allowances: HashMap::new(),
            addresses: Vec::new(),
            stopping: false,
            limits,
            relay,
            ledger,
        }
    }

    pub(crate) fn tell(&mut self, abuse: Abuse, connection: ConnectionId, now: Instant) {
        if let Some(guest) = self.connections.guest(connection) {
            self.abuses.tell(abuse, guest.source, now);
        }
    }

    /// Whether a handshake may begin; `proven`: whether whoever begins it is known to be there.
    pub(crate) fn may_connect(
        &mut self,
        connection: ConnectionId,
        (source, proven): (Source, bool),
        now: Instant,
    ) -> bool {
        let outcome = match self.stopping {
            true => Ok(false),
            false => self.connections.may_connect(connection, (source, proven), now),
        };
        outcome.unwrap_or_else(|abuse| {
            self.abuses.tell(abuse, source, now);
            false
        })
    }

    /// Whether somebody whose handshake has ended may stay.
    pub(crate) fn arrived(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        source: Source,
        now: Instant,
    ) -> bool {
        self.connections.arrived(connection, Guest::new(peer, source, now), self.reservations.len())
    }

    /// Gives back all that belongs to a connection that has ended, or never began.
    pub(crate) fn left(&mut self, connection: ConnectionId, now: Instant) {
        if let Some(guest) = self.connections.left(connection, now)
            && self.reservations.get(&guest.peer).is_some_and(|held| held.connection == connection)
        {
            self.reservations.remove(&guest.peer);
        }
    }

    /// Whether a request is listened to.
    pub(crate) fn request(&mut self, connection: ConnectionId, now: Instant) -> Requested {
        let requested = self.connections.request(connection, now);
        if requested != Requested::Serve {
            self.tell(Abuse::Requests, connection, now);
        }
        requested
    }

    /// Admits whoever has a ticket that holds.
    pub(crate) fn present(
        &mut self,
        connection: ConnectionId,
        ticket: &[u8],
        now: Moment,
    ) -> Result<Admission, Refusal> {
        let outcome = self.judge(connection, ticket, now);
        match outcome {
            Err(Refusal::Forged) => self.tell(Abuse::ForgedTicket, connection, now.instant),
            Err(Refusal::Malformed) => self.tell(Abuse::Malformed, connection, now.instant),
            _ => {}
        }
        outcome
    }

    fn judge(&mut self, connection: ConnectionId, ticket: &[u8], now: Moment) -> Result<Admission, Refusal> {
        let ticket = RelayTicket::from_bytes(ticket)?;
        let terms = ticket.terms();
        if terms.relay != self.relay {
            return Err(Refusal::OtherRelay);
        }
        ticket.check_time(now.time)?;
        let account = self.ledger.account(terms).ok_or(Refusal::TooMany)?;
        if account.is_used_up() {
            return Err(Refusal::UsedUp);
        }
        self.connections.admit(connection, &account, self.limits.peers_per_ticket, now.instant)?;
        let limit = self.limit(&account, None, now.time);
        Ok(Admission {
            expires: account.expires(),
            bytes_left: account.left(),
            circuit_bytes: limit.bytes.unwrap_or_default(),
            circuit_seconds: limit.seconds.unwrap_or_default(),
        })
    }

    /// Lets somebody be called through the relay.
    pub(crate) fn reserve(&mut self, connection: ConnectionId, now: Moment) -> Result<Reserved, Status> {
        let guest = self.connections.guest(connection).ok_or(Status::ReservationRefused)?;
        let (peer, source, ticket) = (guest.peer, guest.source, guest.account.clone());
        let renews = self.reservations.contains_key(&peer);
        if self.stopping || (!renews && self.reservations.len() >= self.limits.reservations as usize) {
            return Err(Status::ReservationRefused);
        }
        let (account, stranger) = match ticket {
            Some(account) if account.expires() > now.time && !account.is_used_up() => (account, None),
            Some(_) => return Err(Status::PermissionDenied),
            None => (self.allowance(peer, source, now)?, Some(source)),
        };
        let limit = self.limit(&account, stranger, now.time);
        let expires = account.expires().min(now.time.plus_millis(millis(RESERVATION_DURATION)));
        let until = now.instant + Duration::from_millis(expires.millis_since(now.time).max(0).unsigned_abs());
        self.reservations.insert(peer, Reservation { connection, account, stranger, until });
        Ok(Reserved { expires, limit, addresses: self.addresses.clone() })
    }

    /// What a stranger may use, if this relay has anything for strangers.
    fn allowance(&mut self, peer: PeerId, source: Source, now: Moment) -> Result<Arc<Account>, Status> {
        if !self.limits.open {
            return Err(Status::PermissionDenied);
        }
        let others = self.reservations.iter().filter(|(other, _)| **other != peer);
        let strangers: Vec<Source> = others.filter_map(|(_, held)| held.stranger).collect();
        // Half of all places are for those with a ticket, however many strangers come.
        if strangers.len() >= self.limits.reservations as usize / 2 {
            return Err(Status::ReservationRefused);
        }
        if strangers.iter().filter(|other| **other == source).count()
            >= self.limits.open_reservations_per_source as usize
        {
            self.abuses.tell(Abuse::Reservations, source, now.instant);
            return Err(Status::ReservationRefused);
        }
        let (quota, hour) = (self.limits.open_bytes_per_source_and_hour, RESERVATION_DURATION);
        let new = || Allowance {
            account: Arc::new(Account::new(quota, now.time.plus_millis(2 * millis(hour)), 0)),
            since: now.instant,
        };
        let allowance = self.allowances.entry(source).or_insert_with(new);
        if now.instant.saturating_duration_since(allowance.since) >= hour {
            *allowance = new();
        }
        if allowance.account.is_used_up() {
            return Err(Status::PermissionDenied);
        }
        Ok(Arc::clone(&allowance.account))
    }

    /// What one circuit on this account may carry, and how long.
    fn limit(&self, account: &Account, stranger: Option<Source>, now: Timestamp) -> Limit {
        let (bytes, seconds) = match stranger {
            None => (self.limits.circuit_bytes, self.limits.circuit_seconds),
            Some(_) => (self.limits.open_circuit_bytes, self.limits.open_circuit_seconds),
        };
        let left = u32::try_from(account.expires().millis_since(now).max(0) / 1000).unwrap_or(u32::MAX);
        Limit { bytes: Some(bytes.min(account.left())), seconds: Some(seconds.min(left)) }
    }

    /// Finds the reservation of whoever is called, and takes a circuit's place.
    pub(crate) fn call(&mut self, caller: ConnectionId, called: PeerId, now: Moment) -> Result<Line, Status> {
        let guest = self.connections.guest(caller).ok_or(Status::ConnectionFailed)?;
        let (peer, source) = (guest.peer, guest.source);
        let held = self.reservations.get(&called).filter(|held| held.until > now.instant);
        let held = held.ok_or(Status::NoReservation)?;
        let limit = self.limit(&held.account, held.stranger, now.time);
        if self.stopping || held.account.is_used_up() || limit.seconds == Some(0) {
            return Err(Status::ResourceLimitExceeded);
        }
        let has_its_ticket = |account: &Arc<Account>| Arc::ptr_eq(account, &held.account);
        let is_outsider = !guest.account.as_ref().is_some_and(has_its_ticket);
        let (connection, budget) = (held.connection, Budget::new(Arc::clone(&held.account), limit));
        self.circuits.take(called, source, is_outsider, &self.limits).map_err(|abuse| {
            if let Some(abuse) = abuse {
                self.abuses.tell(abuse, source, now.instant);
            }
            Status::ResourceLimitExceeded
        })?;
        let ends = [caller, connection].map(|end| self.connections.circuit_begins(end));
        Ok(Line { caller, caller_peer: peer, source, called, is_outsider, connection, ends, budget, limit })
    }

    /// Gives a circuit's place back.
    pub(crate) fn hang_up(&mut self, line: &Line, now: Instant) {
        self.circuits.give_back(line);
        for end in [line.caller, line.connection] {
            self.connections.circuit_ends(end, now);
        }
    }

    /// Forgets what has ended; gives the connections that hold a place for nothing, or whose ticket is used
    /// up: when they come again they are told so.
    pub(crate) fn sweep(&mut self, now: Moment) -> Vec<(PeerId, ConnectionId)> {
        let used_up = self.reservations.extract_if(|_, held| held.account.is_used_up());
        let mut ended: Vec<_> = used_up.map(|(peer, held)| (peer, held.connection)).collect();
        self.reservations.retain(|_, held| held.until > now.instant);
        let in_use = |allowance: &Allowance| {
            now.instant.saturating_duration_since(allowance.since) < RESERVATION_DURATION
                || Arc::strong_count(&allowance.account) > 1
        };
        self.allowances.retain(|_, allowance| in_use(allowance));
        self.ledger.sweep(now.time);
        let reservations = &self.reservations;
        let reserved = |peer: &PeerId, connection| {
            reservations.get(peer).is_some_and(|held| held.connection == connection)
        };
        ended.extend(self.connections.sweep(now.instant, reserved));
        ended
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            connections: self.connections.len(),
            admitted: self.connections.admitted(),
            reservations: self.reservations.len(),
            circuits: self.circuits.count(),
        }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
