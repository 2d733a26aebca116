//! Numbers for the operator, as Prometheus asks for them, on this machine alone.
//!
//! How many, never who: no number has a peer, an address or a ticket for a label.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, atomic::AtomicU64},
};

use axum::{Router, extract::State, http::header::CONTENT_TYPE, routing::get};
use musette_protocol::relaying::Refusal;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use tokio::{net::TcpListener, sync::Semaphore};

use crate::{circuit::wire::Status, desk::Desk, limits::MAX_SCRAPES, service::lock};

const TEXT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

/// What is counted.
pub(crate) struct Metrics {
    registry: Registry,
    connections: Gauge,
    admitted: Gauge,
    reservations: Gauge,
    circuits: Gauge,
    bytes: Counter,
    answers: Family<Outcome, Counter>,
    tickets: Family<Outcome, Counter>,
    dropped: Counter,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("musette_relay");
        let gauge = |registry: &mut Registry, name: &str, help: &str| {
            let gauge: Gauge = Gauge::default();
            registry.register(name, help, gauge.clone());
            gauge
        };
        let connections = gauge(&mut registry, "connections", "Connections now");
        let admitted = gauge(&mut registry, "admitted", "Connections with a ticket now");
        let reservations = gauge(&mut registry, "reservations", "Peers that can be called now");
        let circuits = gauge(&mut registry, "circuits", "Circuits now");
        let bytes: Counter<u64, AtomicU64> = Counter::default();
        registry.register(
            "carried_bytes",
            "Bytes of the circuits that have ended, both ways together",
            bytes.clone(),
        );
        let (answers, tickets) = (Family::default(), Family::default());
        registry.register("answers", "Answers to those who reserve or call", answers.clone());
        registry.register("tickets", "Answers to those who present a ticket", tickets.clone());
        let dropped: Counter<u64, AtomicU64> = Counter::default();
        registry.register("dropped_requests", "Requests beyond a rate", dropped.clone());
        Self { registry, connections, admitted, reservations, circuits, bytes, answers, tickets, dropped }
    }

    pub(crate) fn answered(&self, status: Status) {
        self.answers.get_or_create(&Outcome { outcome: name(status) }).inc();
    }

    pub(crate) fn presented(&self, refusal: Option<Refusal>) {
        let outcome = refusal.map_or("admitted", Refusal::code);
        self.tickets.get_or_create(&Outcome { outcome }).inc();
    }

    pub(crate) fn dropped(&self) {
        self.dropped.inc();
    }

    pub(crate) fn carried(&self, bytes: u64) {
        self.bytes.inc_by(bytes);
    }

    /// The numbers of this moment as text.
    pub(crate) fn text(&self, desk: &Mutex<Desk>) -> String {
        let counts = lock(desk).counts();
        let set = |gauge: &Gauge, count: usize| gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        set(&self.connections, counts.connections);
        set(&self.admitted, counts.admitted);
        set(&self.reservations, counts.reservations);
        self.circuits.set(counts.circuits.into());
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("a string takes everything");
        text
    }
}

const fn name(status: Status) -> &'static str {
    match status {
        Status::Ok => "ok",
        Status::ReservationRefused => "reservation-refused",
        Status::ResourceLimitExceeded => "resource-limit-exceeded",
        Status::PermissionDenied => "permission-denied",
        Status::ConnectionFailed => "connection-failed",
        Status::NoReservation => "no-reservation",
        Status::MalformedMessage => "malformed-message",
        Status::UnexpectedMessage => "unexpected-message",
    }
}

#[derive(Clone)]
struct Shown {
    metrics: Arc<Metrics>,
    desk: Arc<Mutex<Desk>>,
    scrapes: Arc<Semaphore>,
}

/// Answers `GET /metrics` until the relay stops.
///
/// # Errors
/// When the address is taken.
pub(crate) async fn serve(at: SocketAddr, metrics: Arc<Metrics>, desk: Arc<Mutex<Desk>>) -> io::Result<()> {
    let listener = TcpListener::bind(at).await?;
    let shown = Shown { metrics, desk, scrapes: Arc::new(Semaphore::new(MAX_SCRAPES)) };
    let router = Router::new().route("/metrics", get(show)).with_state(shown);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(())
}

async fn show(State(shown): State<Shown>) -> ([(axum::http::HeaderName, &'static str); 1], String) {
    // Never closed, so it always comes.
    let _place = shown.scrapes.acquire().await;
    ([(CONTENT_TYPE, TEXT)], shown.metrics.text(&shown.desk))
}
