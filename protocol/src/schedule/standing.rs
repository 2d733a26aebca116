//! Which of two sessions with one device stays.
//!
//! Two devices that dialled each other at once, or one that dialled twice (by an announcement and by an
//! address), have two sessions, and each side meets them in an order of its own. Both must close the same
//! one, or both are lost.

use crate::id::DeviceId;

/// Two sessions that began within this time were begun at once. Later a newer one stands for a reason:
/// its other side started again, or lost the older one and knows.
const AT_ONCE_MS: u64 = 5_000;

/// A session that stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Whether a relay carries it.
    pub is_relayed: bool,
    /// Who dialled.
    pub dialer: DeviceId,
    /// Names the transports at both ends, alike at both.
    pub binding: [u8; 32],
    /// When it began, in elapsed milliseconds of this side.
    pub since_ms: u64,
}

impl Standing {
    /// Whether it stays although there is a newer one with the same device. Of two that were begun at once
    /// both sides keep the direct one, else what the smaller device id dialled, else the one with the
    /// smaller binding; of two alike the newer.
    #[must_use]
    pub fn outlasts(&self, newer: &Self) -> bool {
        let rank = |session: &Self| (session.is_relayed, session.dialer, session.binding);
        newer.since_ms.saturating_sub(self.since_ms) < AT_ONCE_MS && rank(self) < rank(newer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(is_relayed: bool, dialer: u8, binding: u8, since_ms: u64) -> Standing {
        let dialer = DeviceId::from_bytes([dialer; 32]);
        Standing { is_relayed, dialer, binding: [binding; 32], since_ms }
    }

    #[test]
    fn both_sides_keep_the_same_of_two_that_were_begun_at_once() {
        let ranked = [of(false, 1, 1, 0), of(false, 1, 2, 0), of(false, 2, 1, 0), of(true, 1, 1, 0)];
        for (at, better) in ranked.iter().enumerate() {
            for worse in &ranked[at + 1..] {
                assert!(better.outlasts(worse) && !worse.outlasts(better), "{better:?} {worse:?}");
            }
            assert!(!better.outlasts(better), "the newer of two alike stays");
        }
    }

    #[test]
    fn a_later_one_stands_for_a_reason() {
        let first = of(false, 1, 1, 0);
        assert!(first.outlasts(&of(true, 2, 2, AT_ONCE_MS - 1)));
        assert!(!first.outlasts(&of(true, 2, 2, AT_ONCE_MS)));
    }
}
