//! What may flow now: pause, metered mode, and the bytes of the day.
//!
//! The day is the UTC day of the system's clock, which may be wrong and may be put right. So:
//!
//! - A clock that goes on into a later day begins a new budget, once for that day.
//! - A clock that jumps back begins none: the day that was reached goes on. Else each jump, back and
//!   on again, would give the day's bytes anew.
//! - It goes on for 24 hours of running time at most. Else a clock that once stood at the year 2090
//!   would have used up the last budget for ever.
//!
//! A pause that has an end ends by whichever of the two clocks gets there first.

use serde::{Deserialize, Serialize};

use super::{
    Moment,
    not_now::{NotNow, StopReason},
};
use crate::time::Timestamp;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// Of the daily budget, in percent: from there on attachments wait, so that what was written by
/// hand in the evening still travels.
const ATTACHMENTS_UP_TO_PERCENT: u128 = 80;

/// What the person asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Settings {
    /// Whether nothing is to flow at all, and until when.
    pub pause: Option<Pause>,
    /// Whether bytes cost money here.
    pub metered: bool,
    /// Bytes per UTC day, both ways together.
    pub daily_budget: Option<u64>,
}

/// How long a pause lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// Until the person ends it.
    UntilResumed,
    /// Until then.
    Until(Timestamp),
}

/// What may flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Flow {
    /// Everything.
    #[default]
    Everything,
    /// Everything but attachments.
    NoAttachments {
        /// Whether one that the person asks for is fetched all the same: yes on a metered
        /// connection, no when the rest of the day's bytes are kept for what was written.
        asked_for: bool,
    },
    /// Nothing.
    Nothing(NotNow),
}

impl Flow {
    /// Whether an attachment may be fetched now, or given to a device that asks for it.
    #[must_use]
    pub const fn allows_attachment(self, is_asked_for: bool) -> bool {
        match self {
            Self::Everything => true,
            Self::NoAttachments { asked_for } => asked_for && is_asked_for,
            Self::Nothing(_) => false,
        }
    }
}

/// The bytes of a day; kept over restarts, so that a restart gives no new budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// The day, counted from 1970-01-01.
    pub day: i64,
    /// Bytes both ways.
    pub bytes: u64,
    /// Milliseconds that this day went on for after the clock fell behind it.
    pub behind_ms: u64,
}

impl Usage {
    /// Whether it is to be written down, in steps of so many bytes: of `kept`, what was written last, a
    /// crash leaves at most one step out. The first bytes of a day are written at once.
    #[must_use]
    pub const fn is_to_be_kept(&self, kept: &Self, step_bytes: u64) -> bool {
        self.bytes.saturating_sub(kept.bytes) >= step_bytes || (self.day != kept.day && self.bytes > 0)
    }
}

/// The settings, and what is used of them.
#[derive(Debug)]
pub(super) struct Allowance {
    settings: Settings,
    /// When the pause ends by the clock that never jumps.
    pause_end_ms: Option<u64>,
    usage: Usage,
    last: Moment,
}

impl Allowance {
    pub(super) fn new(moment: Moment, settings: Settings, usage: Usage) -> Self {
        let mut allowance = Self { settings: Settings::default(), pause_end_ms: None, usage, last: moment };
        allowance.set(moment, settings);
        allowance
    }

    pub(super) fn set(&mut self, moment: Moment, settings: Settings) {
        self.settings = settings;
        self.pause_end_ms = match settings.pause {
            Some(Pause::Until(end)) => {
                let left = u64::try_from(end.millis_since(moment.wall)).unwrap_or(0);
                Some(moment.elapsed_ms.saturating_add(left))
            }
            _ => None,
        };
        self.handle_time(moment);
    }

    pub(super) const fn settings(&self) -> Settings {
        self.settings
    }

    pub(super) const fn usage(&self) -> Usage {
        self.usage
    }

    pub(super) fn handle_time(&mut self, moment: Moment) {
        let passed = moment.elapsed_ms.saturating_sub(self.last.elapsed_ms);
        self.last = moment;
        if let (Some(Pause::Until(end)), Some(end_ms)) = (self.settings.pause, self.pause_end_ms)
            && (moment.wall >= end || moment.elapsed_ms >= end_ms)
        {
            self.settings.pause = None;
            self.pause_end_ms = None;
        }
        let today = day_of(moment.wall);
        if today < self.usage.day {
            self.usage.behind_ms = self.usage.behind_ms.saturating_add(passed);
        }
        if today > self.usage.day || self.usage.behind_ms >= DAY_MS.unsigned_abs() {
            self.usage = Usage { day: today, bytes: 0, behind_ms: 0 };
        }
    }

    pub(super) const fn handle_bytes(&mut self, bytes: u64) {
        self.usage.bytes = self.usage.bytes.saturating_add(bytes);
    }

    pub(super) fn flow(&self) -> Flow {
        match self.settings.pause {
            Some(Pause::UntilResumed) => return stopped(StopReason::Paused, None),
            Some(Pause::Until(end)) => return stopped(StopReason::Paused, Some(end)),
            None => {}
        }
        if let Some(budget) = self.settings.daily_budget {
            if self.usage.bytes >= budget {
                return stopped(StopReason::BudgetUsed, Some(self.day_end()));
            }
            if u128::from(self.usage.bytes) * 100 >= u128::from(budget) * ATTACHMENTS_UP_TO_PERCENT {
                return Flow::NoAttachments { asked_for: false };
            }
        }
        if self.settings.metered { Flow::NoAttachments { asked_for: true } } else { Flow::Everything }
    }

    /// When [`Allowance::flow`] may change by itself, in elapsed milliseconds.
    pub(super) fn deadline(&self) -> Option<u64> {
        let by_wall = |end: Timestamp| {
            let left = u64::try_from(end.millis_since(self.last.wall)).unwrap_or(0);
            self.last.elapsed_ms.saturating_add(left.max(1))
        };
        match (self.settings.pause, self.pause_end_ms) {
            (Some(Pause::Until(end)), Some(end_ms)) => Some(by_wall(end).min(end_ms)),
            (Some(_), _) => None,
            (None, _) => self.settings.daily_budget.map(|_| by_wall(self.day_end())),
        }
    }

    /// When the next budget begins.
    fn day_end(&self) -> Timestamp {
        let today = day_of(self.last.wall);
        if today < self.usage.day {
            let left = DAY_MS.saturating_sub_unsigned(self.usage.behind_ms).max(1);
            return self.last.wall.plus_millis(left);
        }
        Timestamp::from_millis(today.saturating_add(1).saturating_mul(DAY_MS))
    }
}

const fn stopped(reason: StopReason, until: Option<Timestamp>) -> Flow {
    Flow::Nothing(NotNow { reason, until })
}

const fn day_of(wall: Timestamp) -> i64 {
    wall.as_millis().div_euclid(DAY_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 60 * 60 * 1_000;
    /// Noon of some day.
    const NOON: Moment =
        Moment { elapsed_ms: 5_000, wall: Timestamp::from_millis(20_000 * DAY_MS + DAY_MS / 2) };

    fn later(moment: Moment, elapsed_ms: i64, wall_ms: i64) -> Moment {
        Moment {
            elapsed_ms: moment.elapsed_ms.saturating_add_signed(elapsed_ms),
            wall: moment.wall.plus_millis(wall_ms),
        }
    }

    fn budget(bytes: u64) -> Settings {
        Settings { daily_budget: Some(bytes), ..Settings::default() }
    }

    fn is_stopped(allowance: &Allowance) -> bool {
        matches!(allowance.flow(), Flow::Nothing(_))
    }

    #[test]
    fn attachments_stop_first_then_everything_until_the_next_day() {
        let mut allowance = Allowance::new(NOON, budget(1_000), Usage::default());
        allowance.handle_bytes(799);
        assert_eq!(allowance.flow(), Flow::Everything);
        allowance.handle_bytes(1);
        assert_eq!(allowance.flow(), Flow::NoAttachments { asked_for: false });
        allowance.handle_bytes(200);
        let midnight = NOON.wall.plus_millis(DAY_MS / 2);
        let until = Some(midnight);
        assert_eq!(allowance.flow(), stopped(StopReason::BudgetUsed, until));
        let end = allowance.deadline().unwrap();
        assert_eq!(end, NOON.elapsed_ms + DAY_MS.unsigned_abs() / 2);
        allowance.handle_time(later(NOON, DAY_MS / 2 - 1, DAY_MS / 2 - 1));
        assert!(is_stopped(&allowance));
        allowance.handle_time(later(NOON, DAY_MS / 2, DAY_MS / 2));
        assert_eq!((allowance.flow(), allowance.usage().bytes), (Flow::Everything, 0));
    }

    #[test]
    fn a_restart_gives_no_new_budget() {
        let usage = Usage { day: 20_000, bytes: 1_000, behind_ms: 0 };
        assert!(is_stopped(&Allowance::new(NOON, budget(1_000), usage)));
        let yesterday = Usage { day: 19_999, ..usage };
        assert_eq!(Allowance::new(NOON, budget(1_000), yesterday).flow(), Flow::Everything);
    }

    #[test]
    fn it_is_written_down_in_steps_and_at_the_first_bytes_of_a_day() {
        let usage = |day, bytes| Usage { day, bytes, behind_ms: 0 };
        let kept = usage(5, 100);
        assert!(!usage(5, 109).is_to_be_kept(&kept, 10) && usage(5, 110).is_to_be_kept(&kept, 10));
        assert!(usage(6, 1).is_to_be_kept(&kept, 10) && !usage(6, 0).is_to_be_kept(&kept, 10));
    }

    #[test]
    fn a_clock_that_jumps_to_and_fro_gives_one_new_budget() {
        let mut allowance = Allowance::new(NOON, budget(1_000), Usage::default());
        let mut given = 0;
        for minute in 0..600 {
            if !is_stopped(&allowance) {
                given += 1;
                allowance.handle_bytes(1_000);
            }
            let wall = if minute % 2 == 0 { DAY_MS } else { 0 };
            allowance.handle_time(later(NOON, minute * 60_000, wall));
        }
        assert_eq!(given, 2);
    }

    #[test]
    fn a_clock_that_was_far_ahead_blocks_for_a_day_at_most() {
        let far = Moment { wall: NOON.wall.plus_millis(20_000 * DAY_MS), ..NOON };
        let mut allowance = Allowance::new(far, budget(1_000), Usage::default());
        allowance.handle_bytes(1_000);
        // Put right, and restarted on the way.
        allowance.handle_time(NOON);
        allowance.handle_time(later(NOON, 20 * HOUR_MS, 20 * HOUR_MS));
        assert!(is_stopped(&allowance));
        let restarted = later(NOON, -4_000, 20 * HOUR_MS);
        let mut allowance = Allowance::new(restarted, budget(1_000), allowance.usage());
        assert!(is_stopped(&allowance));
        let end = allowance.deadline().unwrap() - restarted.elapsed_ms;
        assert_eq!(end, (4 * HOUR_MS).unsigned_abs());
        allowance.handle_time(later(restarted, 4 * HOUR_MS, 4 * HOUR_MS));
        assert_eq!(allowance.flow(), Flow::Everything);
    }

    #[test]
    fn a_pause_ends_by_the_first_of_both_clocks() {
        let settings = Settings { pause: Some(Pause::Until(NOON.wall.plus_millis(HOUR_MS))), ..budget(9) };
        for (elapsed, wall, ended) in
            [(HOUR_MS - 1, HOUR_MS - 1, false), (HOUR_MS, -DAY_MS, true), (1, 2 * HOUR_MS, true)]
        {
            let mut allowance = Allowance::new(NOON, settings, Usage::default());
            assert_eq!(allowance.deadline(), Some(NOON.elapsed_ms + HOUR_MS.unsigned_abs()));
            allowance.handle_time(later(NOON, elapsed, wall));
            assert_eq!(!is_stopped(&allowance), ended, "{elapsed} {wall}");
            assert_eq!(allowance.settings().pause.is_none(), ended);
        }
        let open = Settings { pause: Some(Pause::UntilResumed), ..Settings::default() };
        let mut allowance = Allowance::new(NOON, open, Usage::default());
        allowance.handle_time(later(NOON, 400 * DAY_MS, 400 * DAY_MS));
        assert_eq!((allowance.flow(), allowance.deadline()), (stopped(StopReason::Paused, None), None));
    }

    #[test]
    fn a_metered_connection_fetches_what_is_asked_for() {
        let settings = Settings { metered: true, ..Settings::default() };
        let flow = Allowance::new(NOON, settings, Usage::default()).flow();
        assert!(flow.allows_attachment(true) && !flow.allows_attachment(false));
    }
}
