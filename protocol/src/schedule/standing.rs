//! Which of two sessions with one device stays.
//!
//! Two devices that dialled each other at once have two sessions, and each side meets them in an order
//! of its own. Both must close the same one, or both are lost.

use crate::id::DeviceId;

/// A session that stands, as one side sees it. `N` names the other side's transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing<N> {
    /// The other side's transport, whose name is new at each start.
    pub transport: N,
    /// Who dialled.
    pub dialer: DeviceId,
}

impl<N: Eq> Standing<N> {
    /// Whether it stays although there is a newer one with the same device: both sides keep what the
    /// smaller device id dialled, or the newer of two alike. Over another transport the device started
    /// again, and this session is dead.
    #[must_use]
    pub fn outlasts(&self, newer: &Self) -> bool {
        self.transport == newer.transport && self.dialer < newer.dialer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_keep_the_same_of_two_sessions() {
        let of = |transport, dialer| Standing { transport, dialer: DeviceId::from_bytes([dialer; 32]) };
        let (small, large) = (of(7, 1), of(7, 2));
        assert!(small.outlasts(&large) && !large.outlasts(&small));
        assert!(!small.outlasts(&small), "the newer of two alike stays");
        assert!(!small.outlasts(&of(8, 2)), "it started again");
    }
}
