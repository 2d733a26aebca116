//! How often strangers are answered.

use crate::time::Timestamp;

/// Challenges that may be made at once: a few bare devices that try every neighbour, twice.
const BURST: i64 = 32;
/// Milliseconds until another one may be made. Sixteen in a second take five thousandths of a core.
const REFILL_MS: i64 = 62;

/// Counts the challenges that a node makes. Each costs five multiplications on a curve, for whoever
/// knocks: without a bound that would be a way to keep a small computer busy.
#[derive(Debug)]
pub struct Door {
    /// What may be made is as much as has been refilled since then.
    empty_at: Timestamp,
}

impl Default for Door {
    fn default() -> Self {
        Self { empty_at: Timestamp::from_millis(i64::MIN) }
    }
}

impl Door {
    /// Whether somebody who knocks now is answered.
    pub fn admit(&mut self, now: Timestamp) -> bool {
        let full = now.plus_millis(-BURST * REFILL_MS);
        // A clock that was put back closes no door for longer than a full one takes to fill.
        self.empty_at = self.empty_at.clamp(full, now);
        let admitted = now.millis_since(self.empty_at) >= REFILL_MS;
        if admitted {
            self.empty_at = self.empty_at.plus_millis(REFILL_MS);
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(door: &mut Door, now: i64) -> usize {
        (0..100).filter(|_| door.admit(Timestamp::from_millis(now))).count()
    }

    #[test]
    fn a_burst_is_answered_then_one_at_a_time() {
        let mut door = Door::default();
        let now = 1_795_000_000_000;
        assert_eq!(admitted(&mut door, now), 32);
        assert_eq!(admitted(&mut door, now + REFILL_MS - 1), 0);
        assert_eq!(admitted(&mut door, now + REFILL_MS), 1);
        assert_eq!(admitted(&mut door, now + 1_000_000_000), 32, "no more than a burst is saved up");
    }

    #[test]
    fn a_clock_put_back_does_not_close_it_for_good() {
        let mut door = Door::default();
        let now = 1_795_000_000_000;
        admitted(&mut door, now);
        assert_eq!(admitted(&mut door, now - 1_000_000), 0);
        assert_eq!(admitted(&mut door, now - 1_000_000 + REFILL_MS), 1);
        assert_eq!(admitted(&mut Door::default(), i64::MIN + 5), 0, "as early as a clock can say");
    }
}
