//! The circuits that there are, counted by who is called and from where.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use libp2p::{PeerId, swarm::ConnectionId};
use tokio::sync::watch;

use crate::{
    abuse::Abuse,
    circuit::{copy, wire::Limit},
    config::Limits,
    ledger::Account,
    source::Source,
};

/// A circuit that has a place: to be given back with [`super::Desk::hang_up`].
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) caller: ConnectionId,
    pub(crate) caller_peer: PeerId,
    pub(crate) source: Source,
    pub(crate) called: PeerId,
    /// Whether the caller has not presented the ticket that the called is here on.
    pub(super) is_outsider: bool,
    /// The connection of the called.
    pub(crate) connection: ConnectionId,
    pub(super) ends: [watch::Receiver<()>; 2],
    pub(crate) budget: Budget,
    pub(crate) limit: Limit,
}

impl Line {
    /// Waits until a connection of either end has ended. A stream of it may not say so.
    pub(crate) async fn broken(&self) {
        let [mut caller, mut called] = self.ends.clone();
        tokio::select! {
            _ = caller.changed() => {}
            _ = called.changed() => {}
        }
    }
}

/// What one circuit may still carry: of its own limit, and of the account of whoever is called.
#[derive(Debug)]
pub(crate) struct Budget {
    account: Arc<Account>,
    max: u64,
    carried: AtomicU64,
}

impl Budget {
    pub(super) fn new(account: Arc<Account>, limit: Limit) -> Self {
        Self { account, max: limit.bytes.unwrap_or_default(), carried: AtomicU64::new(0) }
    }

    pub(crate) fn carried(&self) -> u64 {
        self.carried.load(Ordering::Relaxed)
    }
}

impl copy::Budget for Budget {
    fn take(&self, bytes: u64) -> bool {
        copy::take_up_to(&self.carried, bytes, self.max) && self.account.take(bytes)
    }
}

/// How many there are.
#[derive(Default)]
pub(super) struct Circuits {
    all: u32,
    to: HashMap<PeerId, u32>,
    /// Those of them whose callers are without the ticket of the called.
    outsiders: HashMap<PeerId, u32>,
    from: HashMap<Source, u32>,
}

impl Circuits {
    pub(super) const fn count(&self) -> u32 {
        self.all
    }

    /// Takes a place; else whether that is somebody's abuse.
    pub(super) fn take(
        &mut self,
        called: PeerId,
        source: Source,
        is_outsider: bool,
        limits: &Limits,
    ) -> Result<(), Option<Abuse>> {
        if self.from.get(&source).is_some_and(|count| *count >= limits.circuits_per_source) {
            return Err(Some(Abuse::Circuits));
        }
        let count = |counts: &HashMap<PeerId, u32>| counts.get(&called).copied().unwrap_or(0);
        let outsiders = limits.circuits_per_peer.div_ceil(2);
        if self.all >= limits.circuits
            || count(&self.to) >= limits.circuits_per_peer
            || (is_outsider && count(&self.outsiders) >= outsiders)
        {
            return Err(None);
        }
        if is_outsider {
            *self.outsiders.entry(called).or_default() += 1;
        }
        self.all += 1;
        *self.to.entry(called).or_default() += 1;
        *self.from.entry(source).or_default() += 1;
        Ok(())
    }

    pub(super) fn give_back(&mut self, line: &Line) {
        self.all -= 1;
        one_less(&mut self.to, line.called);
        one_less(&mut self.from, line.source);
        if line.is_outsider {
            one_less(&mut self.outsiders, line.called);
        }
    }
}

/// Counts one less; what there is none of is forgotten.
pub(super) fn one_less<K: Hash + Eq>(counts: &mut HashMap<K, u32>, key: K) {
    if let Some(count) = counts.get_mut(&key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&key);
        }
    }
}
