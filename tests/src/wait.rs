//! Waiting for a condition, never for a while.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

/// Between two looks.
const POLL: Duration = Duration::from_millis(10);

/// How long anything that is not measured may take: builds and other tests share the machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Looks until `look` gives something; panics at the deadline, saying what was awaited.
pub fn until<T>(deadline: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < deadline, "waited {deadline:?} in vain: {what}");
        sleep(POLL);
    }
}
