//! What every request needs, and what gives back what a request took, however it ends.

use std::{
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use libp2p::swarm::ConnectionId;
use musette_protocol::time::Timestamp;

use crate::{
    abuse::Abuse,
    circuit,
    desk::{Desk, Line, Moment, Requested},
    metrics::Metrics,
    present,
    streams::{Arrived, Commands, Purpose},
};

impl Moment {
    /// Now, by the machine's clocks.
    pub(crate) fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let time = Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
        Self { instant: Instant::now(), time }
    }
}

/// Shared by all requests.
#[derive(Clone)]
pub(crate) struct Service {
    desk: Arc<Mutex<Desk>>,
    pub(crate) commands: Commands,
    pub(crate) metrics: Arc<Metrics>,
}

impl Service {
    pub(crate) const fn new(desk: Arc<Mutex<Desk>>, commands: Commands, metrics: Arc<Metrics>) -> Self {
        Self { desk, commands, metrics }
    }

    /// The state; never held while something is awaited.
    pub(crate) fn desk(&self) -> MutexGuard<'_, Desk> {
        lock(&self.desk)
    }

    pub(crate) fn tell(&self, abuse: Abuse, request: &Request) {
        self.desk().tell(abuse, request.connection, Instant::now());
    }

    /// Serves a stream that a peer opened, or not, if it opens too many.
    pub(crate) fn take(&self, arrived: Arrived) {
        let requested = self.desk().request(arrived.connection, Instant::now());
        match requested {
            Requested::Serve => {
                let request = Request { service: self.clone(), connection: arrived.connection };
                let service = self.clone();
                tokio::spawn(async move {
                    match arrived.purpose {
                        Purpose::Hop => circuit::serve(&service, arrived.stream, request).await,
                        Purpose::Present => present::serve(&service, arrived.stream, request).await,
                    }
                });
            }
            Requested::Drop => self.metrics.dropped(),
            Requested::Close => self.commands.close(arrived.peer, arrived.connection),
        }
    }
}

/// A panic while it was held is a bug that tokio reports; the others are served on.
pub(crate) fn lock(desk: &Mutex<Desk>) -> MutexGuard<'_, Desk> {
    desk.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A request that is being answered.
pub(crate) struct Request {
    service: Service,
    pub(crate) connection: ConnectionId,
}

impl Drop for Request {
    fn drop(&mut self) {
        self.service.desk().connections.answered(self.connection);
    }
}

/// A circuit that has its place.
pub(crate) struct OnLine<'a> {
    service: &'a Service,
    line: Line,
}

impl<'a> OnLine<'a> {
    pub(crate) const fn new(service: &'a Service, line: Line) -> Self {
        Self { service, line }
    }
}

impl Deref for OnLine<'_> {
    type Target = Line;

    fn deref(&self) -> &Line {
        &self.line
    }
}

impl Drop for OnLine<'_> {
    fn drop(&mut self) {
        self.service.metrics.carried(self.line.budget.carried());
        self.service.desk().hang_up(&self.line, Instant::now());
    }
}
