//! Whom a device tries to reach, and how far it got with each.
//!
//! The pause before a device is dialled again doubles from one failure to the next. Half of it is
//! drawn: two devices that start together do not keep missing each other.

use super::{Ending, Moment};

/// The pause after the first failure: a person who opens the laptop does not wait for longer.
pub const RETRY_FROM_MS: u64 = 250;
/// The longest pause.
pub const RETRY_TO_MS: u64 = 20_000;
/// The longest pause where bytes cost money: a relay that is asked in vain costs a kilobyte or two, and who
/// comes back into reach dials too.
pub const METERED_RETRY_TO_MS: u64 = 2 * 60 * 1_000;
/// A session that lasted this long begins the pauses anew. One that breaks at once does not: else a
/// device that crashes at each session would be dialled eight times a second.
pub const STABLE_MS: u64 = 5_000;
/// After news (a network, an announcement, the person asking) a device is dialled at once, but not
/// within this of the last dial: news may come in floods.
pub const BETWEEN_NEWS_MS: u64 = 1_000;
/// The pause after a refusal that will not change by itself.
pub const REFUSED_MS: u64 = 5 * 60 * 1_000;
/// The longest pause when the other side does not want to talk and did not say until when. It dials
/// when it goes on, if it knows where.
pub const NOT_NOW_MS: u64 = 60 * 1_000;
/// The longest that another side's word keeps us from dialling it.
pub const NOT_NOW_TO_MS: u64 = 15 * 60 * 1_000;

/// What goes on with a contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stage<N> {
    /// Nothing. It is dialled when this much has elapsed.
    Waiting { due_ms: u64 },
    /// A dial that has not ended.
    Dialling,
    /// A session.
    Connected { since_ms: u64, check_due_ms: u64, neighbour: Option<N> },
}

/// The past and the present of one contact.
#[derive(Debug, Clone)]
pub(super) struct Attempts<N> {
    pub(super) stage: Stage<N>,
    /// The pause after the next failure.
    pause_ms: u64,
    last_dial_ms: Option<u64>,
    /// Failures since the last session that lasted, or since it was announced.
    pub(super) failures: u32,
}

impl<N> Attempts<N> {
    /// Somebody to be dialled at once.
    pub(super) const fn new(moment: Moment) -> Self {
        let stage = Stage::Waiting { due_ms: moment.elapsed_ms };
        Self { stage, pause_ms: RETRY_FROM_MS, last_dial_ms: None, failures: 0 }
    }

    pub(super) const fn due_ms(&self) -> Option<u64> {
        match self.stage {
            Stage::Waiting { due_ms } => Some(due_ms),
            _ => None,
        }
    }

    pub(super) const fn is_connected(&self) -> bool {
        matches!(self.stage, Stage::Connected { .. })
    }

    pub(super) fn dial(&mut self, moment: Moment) {
        self.stage = Stage::Dialling;
        self.last_dial_ms = Some(moment.elapsed_ms);
    }

    /// `longest_ms` is the longest pause after a failure.
    pub(super) fn fail(&mut self, moment: Moment, ending: Ending, longest_ms: u64, draw: u16) {
        self.failures = self.failures.saturating_add(1);
        let wait_ms = match ending {
            Ending::Lost => jittered(self.next_pause(longest_ms), draw),
            Ending::Spent => {
                self.pause_ms = RETRY_FROM_MS;
                jittered(BETWEEN_NEWS_MS, draw)
            }
            Ending::Refused => jittered(REFUSED_MS, draw),
            Ending::NotNow { until: None } => jittered(self.next_pause(longest_ms.max(NOT_NOW_MS)), draw),
            Ending::NotNow { until: Some(until) } => {
                let left = u64::try_from(until.millis_since(moment.wall)).unwrap_or(0);
                // Its word may be wrong both ways; a little after it, so that it has gone on.
                left.min(NOT_NOW_TO_MS) + jittered(2 * BETWEEN_NEWS_MS, draw)
            }
        };
        self.stage = Stage::Waiting { due_ms: moment.elapsed_ms.saturating_add(wait_ms) };
    }

    fn next_pause(&mut self, longest_ms: u64) -> u64 {
        let pause_ms = self.pause_ms.min(longest_ms);
        self.pause_ms = (pause_ms * 2).min(longest_ms);
        pause_ms
    }

    pub(super) fn connect(&mut self, moment: Moment, check_due_ms: u64, neighbour: Option<N>) {
        self.stage = Stage::Connected { since_ms: moment.elapsed_ms, check_due_ms, neighbour };
    }

    pub(super) fn disconnect(&mut self, moment: Moment, ending: Ending, longest_ms: u64, draw: u16) {
        let Stage::Connected { since_ms, .. } = self.stage else { return };
        if moment.elapsed_ms.saturating_sub(since_ms) >= STABLE_MS {
            self.pause_ms = RETRY_FROM_MS;
            self.failures = 0;
        }
        self.fail(moment, ending, longest_ms, draw);
    }

    /// Lets go of what goes on; dialled again at once when that is allowed.
    pub(super) fn stop(&mut self, moment: Moment) {
        self.stage = Stage::Waiting { due_ms: self.soonest(moment) };
    }

    /// It may be reached now, whatever was before.
    pub(super) fn hear_news(&mut self, moment: Moment) {
        let soonest_ms = self.soonest(moment);
        if let Stage::Waiting { due_ms } = &mut self.stage {
            *due_ms = (*due_ms).min(soonest_ms);
            self.pause_ms = self.pause_ms.min(BETWEEN_NEWS_MS);
            self.failures = 0;
        }
    }

    fn soonest(&self, moment: Moment) -> u64 {
        let after_last = self.last_dial_ms.map_or(0, |last_ms| last_ms.saturating_add(BETWEEN_NEWS_MS));
        after_last.max(moment.elapsed_ms)
    }
}

/// Between half and the whole of a pause.
fn jittered(pause_ms: u64, draw: u16) -> u64 {
    let half_ms = pause_ms / 2;
    half_ms + half_ms * u64::from(draw) / u64::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    const START: Moment = Moment { elapsed_ms: 1_000, wall: Timestamp::from_millis(0) };

    fn waits(attempts: &mut Attempts<u8>, ending: Ending, draw: u16) -> u64 {
        attempts.dial(START);
        attempts.fail(START, ending, RETRY_TO_MS, draw);
        attempts.due_ms().unwrap() - START.elapsed_ms
    }

    #[test]
    fn pauses_double_up_to_the_longest_whatever_is_drawn() {
        for draw in [[0, u16::MAX], [u16::MAX, 0], [7, 7]] {
            let mut attempts = Attempts::new(START);
            let waited: Vec<u64> = (0..12).map(|n| waits(&mut attempts, Ending::Lost, draw[n % 2])).collect();
            // From the longest on, all are drawn from the same range.
            assert!(waited[..7].is_sorted(), "{waited:?}");
            assert!(waited.iter().all(|wait| (RETRY_FROM_MS / 2..=RETRY_TO_MS).contains(wait)), "{waited:?}");
            assert!(waited[7..].iter().all(|wait| *wait >= RETRY_TO_MS / 2), "{waited:?}");
        }
    }

    #[test]
    fn only_a_session_that_lasted_begins_the_pauses_anew() {
        for (lasted_ms, expected_ms) in [(STABLE_MS - 1, 16_000), (STABLE_MS, RETRY_FROM_MS)] {
            let mut attempts = Attempts::<u8>::new(START);
            for _ in 0..6 {
                waits(&mut attempts, Ending::Lost, 0);
            }
            attempts.connect(START, 0, None);
            let end = Moment { elapsed_ms: START.elapsed_ms + lasted_ms, ..START };
            attempts.disconnect(end, Ending::Lost, RETRY_TO_MS, u16::MAX);
            assert_eq!(attempts.due_ms(), Some(end.elapsed_ms + expected_ms));
        }
    }

    #[test]
    fn where_a_relay_carried_much_another_connection_is_made_soon() {
        let mut attempts = Attempts::<u8>::new(START);
        for _ in 0..6 {
            waits(&mut attempts, Ending::Lost, 0);
        }
        for _ in 0..100 {
            assert_eq!(waits(&mut attempts, Ending::Spent, u16::MAX), BETWEEN_NEWS_MS);
        }
        assert_eq!(waits(&mut attempts, Ending::Lost, u16::MAX), RETRY_FROM_MS);
    }

    #[test]
    fn news_are_heard_at_once_but_not_in_floods() {
        let mut attempts = Attempts::<u8>::new(START);
        assert!(waits(&mut attempts, Ending::Refused, 0) > RETRY_TO_MS);
        attempts.hear_news(START);
        assert_eq!(attempts.due_ms(), Some(START.elapsed_ms + BETWEEN_NEWS_MS));
        let later = Moment { elapsed_ms: START.elapsed_ms + 3 * BETWEEN_NEWS_MS, ..START };
        attempts.hear_news(later);
        assert_eq!(attempts.due_ms(), Some(START.elapsed_ms + BETWEEN_NEWS_MS));
        attempts.dial(later);
        attempts.hear_news(later);
        assert_eq!(attempts.due_ms(), None);
    }

    #[test]
    fn the_word_of_the_other_side_holds_for_a_while_only() {
        let mut attempts = Attempts::<u8>::new(START);
        let until = |millis| Ending::NotNow { until: Some(Timestamp::from_millis(millis)) };
        assert!((60_000..=62_000).contains(&waits(&mut attempts, until(60_000), 9)));
        assert!((1_000..=2_000).contains(&waits(&mut attempts, until(-5), 9)));
        assert!(waits(&mut attempts, until(i64::MAX), u16::MAX) <= NOT_NOW_TO_MS + 2_000);
        let waited: Vec<u64> =
            (0..10).map(|_| waits(&mut attempts, Ending::NotNow { until: None }, u16::MAX)).collect();
        assert_eq!((waited[0], waited[9]), (RETRY_FROM_MS, NOT_NOW_MS), "{waited:?}");
        assert_eq!(waits(&mut attempts, Ending::Lost, u16::MAX), RETRY_TO_MS);
    }
}
