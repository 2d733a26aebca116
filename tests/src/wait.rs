//! Waiting for a condition, never for a while.

use std::{
    fmt::Display,
    thread::sleep,
    time::{Duration, Instant},
};

/// Between two looks.
const POLL: Duration = Duration::from_millis(10);

/// How long anything that is not measured may take: builds and other tests share the machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Looks until `look` gives something; panics at the deadline, saying what was awaited.
pub fn until<T>(deadline: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    until_seen(deadline, what, || look().ok_or(""))
}

/// As [`until`]; what was seen last instead is told too.
pub fn until_seen<T, Seen: Display>(
    deadline: Duration,
    what: &str,
    mut look: impl FnMut() -> Result<T, Seen>,
) -> T {
    let began = Instant::now();
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) if began.elapsed() >= deadline => {
                panic!("waited {deadline:?} in vain: {what}\n{seen}")
            }
            Err(_) => sleep(POLL),
        }
    }
}
