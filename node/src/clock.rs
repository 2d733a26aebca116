//! The system's clock: the only place where this crate reads it.

use std::time::{SystemTime, UNIX_EPOCH};

use musette_protocol::time::Timestamp;

/// This instant. A clock set before 1970 gives negative values, as people expect of it.
#[must_use]
pub(crate) fn now() -> Timestamp {
    let millis = match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |millis| -millis),
    };
    Timestamp::from_millis(millis)
}
