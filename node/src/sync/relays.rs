//! Places at the person's relays: one at each, asked for again whenever it is lost.
//!
//! A relay that restarts, forgets or throws out says nothing that can be relied on: whoever waits to be
//! called there waits for ever. So each place has a task that notices its end and asks again, with a
//! pause that doubles up to 20 s, or two minutes where bytes cost money; at once when the network changed. A
//! place that is lost as soon as it is granted counts as none.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use libp2p::{Multiaddr, PeerId, multiaddr::Protocol as Part};
use musette_crdt::date::rfc3339;
use musette_protocol::{
    codec::{decode, encode},
    relaying::{Admission, Message, RelayTicket},
    schedule::{METERED_RETRY_TO_MS, STABLE_MS},
    time::Timestamp,
};
use serde_json::{Value as Json, json};
use tokio::{
    sync::watch,
    task::{AbortHandle, JoinSet},
    time::{Instant, timeout},
};

use super::{Network, scheduler::draw};
use crate::{
    clock,
    error::{Error, Result},
    net::{Connection, Endpoint, Path, Protocol, Reservation, limits::PULSE_DEADLINE, peer_of},
    store::relays::Relay,
};

/// The pause after a first failure; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The pause after a ticket was refused: that does not change by itself.
const REFUSED_PAUSE: Duration = Duration::from_secs(5 * 60);
/// How the codes of such refusals begin.
const REFUSED: &str = "relay-ticket-";
/// How the codes begin of all that a relay itself says.
const ANSWERED: &str = "relay-";
/// A relay's answer to a ticket.
const ANSWER_DEADLINE: Duration = Duration::from_secs(10);
/// The longest pause. With what is drawn on top it is 20 s: when a relay is back, its devices are within
/// this time.
const LONGEST_PAUSE: Duration = Duration::from_secs(16);
/// The same where bytes cost money: two minutes with what is drawn.
const METERED_LONGEST_PAUSE: Duration = Duration::from_millis(METERED_RETRY_TO_MS / 5 * 4);
/// A place that is lost sooner counts as none: with a relay that grants and closes, everybody would be dialled at
/// each of its grants.
const LASTING: Duration = Duration::from_millis(STABLE_MS);

/// Where each place stands; cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Relays {
    places: Arc<Mutex<BTreeMap<PeerId, Place>>>,
    news: watch::Sender<u64>,
}

/// How it stands with one relay.
#[derive(Debug, Clone, Default)]
struct Place {
    /// Since when there is a place, or none.
    since: Option<Timestamp>,
    is_held: bool,
    /// Why there is none, if it was asked for.
    reason: Option<String>,
    /// What the relay said of the ticket that was shown last.
    ticket: Option<Admission>,
}

impl Relays {
    fn places(&self) -> MutexGuard<'_, BTreeMap<PeerId, Place>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The network may have changed: connections are looked after, and who waits for its next try need not
    /// wait any longer.
    pub(super) fn hear_news(&self) {
        self.news.send_modify(|generation| *generation += 1);
    }

    /// Changes when the network may have.
    pub(super) fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    fn note(&self, relay: PeerId, held: std::result::Result<Option<Admission>, &str>) {
        let (is_held, reason) = match held {
            Ok(_) => (true, None),
            Err(code) => (false, Some(code.to_owned())),
        };
        let mut places = self.places();
        let place = places.entry(relay).or_default();
        if place.is_held != is_held || place.since.is_none() {
            place.since = Some(clock::now());
        }
        (place.is_held, place.reason) = (is_held, reason);
        place.ticket = held.unwrap_or(place.ticket);
    }

    /// Why there is no place at a relay, if its ticket was refused.
    pub(crate) fn refusal(&self, relay: PeerId) -> Option<String> {
        let place = self.places().get(&relay).cloned()?;
        place.reason.filter(|reason| reason.starts_with(REFUSED))
    }

    /// Whether a relay said that it gives no place.
    pub(crate) fn has_answered(&self, relay: PeerId) -> bool {
        let place = self.places().get(&relay).cloned();
        place.and_then(|place| place.reason).is_some_and(|reason| reason.starts_with(ANSWERED))
    }

    /// Whether there is a place at a relay.
    pub(crate) fn is_held(&self, relay: PeerId) -> bool {
        self.places().get(&relay).is_some_and(|place| place.is_held)
    }

    /// How it stands with a relay, for the API.
    pub(crate) fn to_json(&self, relay: PeerId) -> Json {
        let place = self.places().get(&relay).cloned().unwrap_or_default();
        let state = match &place {
            Place { is_held: true, .. } => "reserved",
            Place { reason: Some(_), .. } => "unavailable",
            _ => "connecting",
        };
        let ticket = place
            .ticket
            .map(|ticket| json!({ "expires": rfc3339(ticket.expires), "bytes_left": ticket.bytes_left }));
        json!({
            "state": state,
            "since": place.since.and_then(rfc3339),
            "reason": place.reason,
            "ticket": ticket,
        })
    }
}

/// The pauses before a relay is asked again.
struct Pauses {
    next: Duration,
    /// Whether the last place lasted; true while there was none.
    last_lasted: bool,
}

impl Default for Pauses {
    fn default() -> Self {
        Self { next: FIRST_PAUSE, last_lasted: true }
    }
}

impl Pauses {
    /// A place was lost, after so long and for this reason.
    fn note_lost(&mut self, held: Duration, why: &Error) {
        self.last_lasted = held >= LASTING && why.code() != "relay-refused";
        if self.last_lasted {
            self.next = FIRST_PAUSE;
        }
    }

    /// The next pause, at most `longest`; the one after it is twice as long.
    fn take(&mut self, longest: Duration) -> Duration {
        let pause = self.next.min(longest);
        self.next = pause * 2;
        pause
    }
}

/// How a device is called through each of the person's relays, if its peer id is among the addresses that
/// are known: it may have named a relay, or moved, since it told them.
pub(super) fn through_all(relays: &BTreeMap<PeerId, Relay>, known: &[Multiaddr]) -> Vec<Multiaddr> {
    let Some(device) = known.iter().find_map(peer_of) else { return Vec::new() };
    let addresses = relays.values().flat_map(|relay| &relay.addresses);
    let through = |relay: &Multiaddr| relay.clone().with(Part::P2pCircuit).with(Part::P2p(device));
    addresses.map(through).filter(|address| !known.contains(address)).collect()
}

impl Network {
    /// Keeps a place at each relay that the person has named. Never returns.
    pub(super) async fn keep_places(&self) {
        let mut changed = self.driver.changed();
        let mut kept: BTreeMap<PeerId, (Relay, AbortHandle)> = BTreeMap::new();
        // Dropped, it ends them all.
        let mut tasks = JoinSet::new();
        loop {
            if let Ok(named) = self.driver.run(|store| Ok(store.relays())).await {
                let is_over = |peer: &PeerId, relay: &Relay| named.get(peer) != Some(relay);
                for (peer, (_, task)) in kept.extract_if(.., |peer, (relay, _)| is_over(peer, relay)) {
                    task.abort();
                    self.relays.places().remove(&peer);
                    // What it carries goes on by another way.
                    self.endpoints.devices.disconnect(peer).await;
                }
                for (peer, relay) in named {
                    kept.entry(peer).or_insert_with(|| {
                        let (network, kept) = (self.clone(), relay.clone());
                        (relay, tasks.spawn(async move { network.keep_place(&kept).await }))
                    });
                }
            }
            while tasks.try_join_next().is_some() {}
            if changed.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    async fn keep_place(&self, relay: &Relay) {
        let mut news = self.relays.news.subscribe();
        let mut pauses = Pauses::default();
        loop {
            news.mark_unchanged();
            let refused = match take_place(&self.endpoints.devices, relay).await {
                Ok((mut reservation, admission)) => {
                    self.relays.note(relay.peer, Ok(admission));
                    if pauses.last_lasted {
                        // Whoever lost the same relay can be reached again, or soon.
                        self.scheduler.tell(|schedule, moment| schedule.handle_network_changed(moment));
                    }
                    let began = Instant::now();
                    let lost = self.until_lost(&mut reservation, relay.peer, &mut news).await;
                    tracing::info!(code = lost.code(), "a place at a relay is lost");
                    self.relays.note(relay.peer, Err(lost.code()));
                    pauses.note_lost(began.elapsed(), &lost);
                    None
                }
                Err(error) => {
                    tracing::debug!(code = error.code(), "no place at a relay");
                    self.relays.note(relay.peer, Err(error.code()));
                    error.code().starts_with(REFUSED).then_some(REFUSED_PAUSE)
                }
            };
            let is_metered = self.scheduler.is_metered();
            let pause = pauses.take(if is_metered { METERED_LONGEST_PAUSE } else { LONGEST_PAUSE });
            let wait = refused.unwrap_or(pause);
            // Devices that lost the same relay at once must not come back at once.
            let jitter = wait.mul_f64(f64::from(draw()) / f64::from(u16::MAX) / 4.0);
            drop(timeout(wait + jitter, news.changed()).await);
        }
    }

    /// Until a place is lost. When the network may have changed, the relay is asked for a sign of life.
    async fn until_lost(
        &self,
        place: &mut Reservation,
        relay: PeerId,
        news: &mut watch::Receiver<u64>,
    ) -> Error {
        loop {
            tokio::select! {
                lost = place.lost() => return lost,
                _ = news.changed() => {
                    if self.endpoints.devices.ping(relay, PULSE_DEADLINE).await.is_err() {
                        self.endpoints.devices.disconnect(relay).await;
                    }
                }
            }
        }
    }
}

/// Shows a ticket to a relay that is connected.
async fn present(endpoint: &Endpoint, relay: Connection, ticket: &RelayTicket) -> Result<Admission> {
    let mut stream = endpoint.open_stream(relay, Protocol::Relay).await?;
    stream.send(&encode(&Message::Present { ticket: ticket.to_bytes() })).await?;
    let answer = timeout(ANSWER_DEADLINE, stream.recv()).await.map_err(|_| Error::new("deadline"))??;
    match decode(&answer.ok_or_else(|| Error::new("connection-lost"))?) {
        Ok(Message::Admitted(admission)) => Ok(admission),
        Ok(Message::Refused(refusal)) => Err(Error::new(refusal.code())),
        Ok(Message::Present { .. }) | Err(_) => Err(Error::new("relay-refused")),
    }
}

/// Connects, shows the ticket, and asks for a place.
async fn take_place(endpoint: &Endpoint, relay: &Relay) -> Result<(Reservation, Option<Admission>)> {
    let connection = endpoint.connect_over(Path::Direct, relay.addresses.clone()).await?;
    let seen = endpoint.be_seen_over_quic(relay.peer, relay.addresses.clone());
    let taking = async {
        let admission = match &relay.ticket {
            Some(ticket) => Some(present(endpoint, connection, ticket).await?),
            None => None,
        };
        let address = relay.addresses.first().ok_or_else(|| Error::new("unreachable"))?;
        Ok((endpoint.reserve(address.clone()).await?, admission))
    };
    // Who is called there is asked at once by which addresses a hole may be punched.
    tokio::join!(taking, seen).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_after_a_place_that_lasted_is_a_relay_asked_again_at_once() {
        let mut pauses = Pauses::default();
        let (lost, refused) = (Error::new("connection-lost"), Error::new("relay-refused"));
        assert!(pauses.last_lasted, "before the first place");
        for (held, why) in [(Duration::ZERO, &lost), (LASTING / 2, &lost), (10 * LASTING, &refused)] {
            let before = pauses.take(LONGEST_PAUSE);
            pauses.note_lost(held, why);
            assert!(!pauses.last_lasted, "{held:?}, {why:?}");
            assert_eq!(pauses.take(LONGEST_PAUSE), 2 * before);
        }
        pauses.note_lost(LASTING, &lost);
        assert!(pauses.last_lasted);
        assert_eq!(pauses.take(LONGEST_PAUSE), FIRST_PAUSE);
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        for (longest, drawn_ms) in [(LONGEST_PAUSE, 20_000), (METERED_LONGEST_PAUSE, METERED_RETRY_TO_MS)] {
            let mut pauses = Pauses::default();
            let taken: Vec<_> = (0..12).map(|_| pauses.take(longest)).collect();
            assert!(taken.windows(2).all(|pair| pair[1] == (2 * pair[0]).min(longest)), "{taken:?}");
            assert_eq!(taken[11].mul_f64(1.25), Duration::from_millis(drawn_ms));
        }
    }
}
