//! One log line for each abuse: what was done, and from which network.
//!
//! Who floods the relay must not flood its log too, so the same again is not told for a while.

use std::{
    collections::HashMap,
    fmt,
    time::{Duration, Instant},
};

use crate::{
    limits::{ABUSE_LINES_PER_MINUTE, ABUSE_REPEAT, MAX_ABUSES},
    rate::{Bucket, Rate},
    source::{Network, Source},
};

/// What somebody did that no Musette does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Abuse {
    /// More connections than one address may make or have.
    Connections,
    /// More requests than one connection or address may make.
    Requests,
    /// A ticket that this relay did not sign.
    ForgedTicket,
    /// Something that is no message.
    Malformed,
    /// More reservations without a ticket than one address may have.
    Reservations,
    /// More circuits than callers of one address may have.
    Circuits,
}

impl fmt::Display for Abuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connections => "too-many-connections",
            Self::Requests => "too-many-requests",
            Self::ForgedTicket => "forged-ticket",
            Self::Malformed => "malformed",
            Self::Reservations => "too-many-reservations",
            Self::Circuits => "too-many-circuits",
        })
    }
}

/// What was told lately.
#[derive(Debug)]
pub(crate) struct Abuses {
    told: HashMap<(Abuse, Network), Instant>,
    lines: Bucket,
}

impl Abuses {
    pub(crate) fn new(now: Instant) -> Self {
        Self { told: HashMap::new(), lines: Bucket::full(now) }
    }

    /// Tells of it, unless that was told lately or there are too many lines; whether it did.
    pub(crate) fn tell(&mut self, abuse: Abuse, from: Source, now: Instant) -> bool {
        let network = from.network();
        let lately = |at: &Instant| now.saturating_duration_since(*at) < ABUSE_REPEAT;
        if self.told.get(&(abuse, network)).is_some_and(lately) {
            return false;
        }
        self.told.retain(|_, at| lately(at));
        let rate = Rate::new(ABUSE_LINES_PER_MINUTE, Duration::from_secs(60));
        if self.told.len() >= MAX_ABUSES || !self.lines.take(rate, now) {
            return false;
        }
        self.told.insert((abuse, network), now);
        tracing::warn!(kind = %abuse, from = %network, "abuse");
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_makes_no_flood_of_lines() {
        let now = Instant::now();
        let mut abuses = Abuses::new(now);
        let from = |ip: u32| {
            Source::of(&format!("/ip4/{}/tcp/1", std::net::Ipv4Addr::from(ip)).parse().unwrap()).unwrap()
        };
        assert!(abuses.tell(Abuse::Requests, from(0), now));
        assert!(!abuses.tell(Abuse::Requests, from(9), now), "the same network");
        assert!(abuses.tell(Abuse::Malformed, from(9), now), "something else");
        assert!(abuses.tell(Abuse::Requests, from(0), now + ABUSE_REPEAT));
        let lines = (0..5000).filter(|at| abuses.tell(Abuse::Requests, from(at << 8), now)).count();
        assert!(lines <= ABUSE_LINES_PER_MINUTE as usize, "{lines}");
    }
}
