//! The schedule of this node: [`musette_protocol::schedule`] with the system's clocks, and what it
//! counted of the day kept on the disk.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use libp2p::PeerId;
use musette_crdt::date::rfc3339;
use musette_protocol::schedule::{
    Effect, Flow, Moment, NotNow, Pause, Schedule, Settings, StopReason, Usage,
};
use serde_json::{Value as Json, json};
use tokio::{sync::Notify, time::Instant};

use crate::{
    clock, entropy,
    error::Result,
    home::Home,
    store::replace::{read_bounded, replace, told},
};

/// Bytes counted before the count is kept: what a crash may leave out of the day's budget.
const KEEP_EVERY_BYTES: u64 = 256 * 1024;
/// How often the clock on the wall is looked at while nothing may flow.
const LOOK_WHILE_STOPPED: Duration = Duration::from_secs(60);
/// Bytes of the file: ten times what it holds.
const MAX_FILE_LEN: u64 = 1_024;

/// One node's schedule; cheap to clone.
#[derive(Clone)]
pub(crate) struct Scheduler(Arc<Inner>);

struct Inner {
    schedule: Mutex<Schedule<PeerId>>,
    started: Instant,
    /// There are effects to carry out, a nearer deadline, or a count to keep.
    woken: Notify,
    sent: AtomicU64,
    received: AtomicU64,
    kept: Mutex<Usage>,
}

impl Scheduler {
    pub(crate) fn new(settings: Settings, usage: Usage) -> Self {
        let moment = Moment { elapsed_ms: 0, wall: clock::now() };
        Self(Arc::new(Inner {
            schedule: Mutex::new(Schedule::new(moment, settings, usage)),
            started: Instant::now(),
            woken: Notify::new(),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            kept: Mutex::new(usage),
        }))
    }

    fn schedule(&self) -> MutexGuard<'_, Schedule<PeerId>> {
        self.0.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn moment(&self) -> Moment {
        Moment { elapsed_ms: self.elapsed_ms(), wall: clock::now() }
    }

    /// Since the start.
    pub(super) fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.0.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Tells the schedule what happened.
    pub(crate) fn tell<T>(&self, happened: impl FnOnce(&mut Schedule<PeerId>, Moment) -> T) -> T {
        let moment = self.moment();
        let told = happened(&mut self.schedule(), moment);
        self.0.woken.notify_one();
        told
    }

    /// The next thing to do.
    pub(super) fn poll_effect(&self) -> Option<Effect<PeerId>> {
        self.schedule().poll_effect()
    }

    /// Until something was told, or time has come for something.
    pub(super) async fn until_due(&self) {
        let (deadline_ms, is_stopped) = {
            let schedule = self.schedule();
            (schedule.next_deadline(), schedule.refusal().is_some())
        };
        // A deadline beyond the clock's range is none.
        let deadline = deadline_ms.and_then(|at_ms| self.0.started.checked_add(Duration::from_millis(at_ms)));
        // A pause ends by the clock on the wall too, which goes on while the machine sleeps, or is put right.
        let look = is_stopped.then(|| Instant::now() + LOOK_WHILE_STOPPED);
        let due = async {
            match deadline.into_iter().chain(look).min() {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.0.woken.notified() => {}
            () = due => {
                let moment = self.moment();
                self.schedule().handle_time(moment);
            }
        }
    }

    /// What to tell whoever wants to talk, if nothing may flow now.
    pub(crate) fn refusal(&self) -> Option<NotNow> {
        self.schedule().refusal()
    }

    /// What may flow now.
    pub(super) fn flow(&self) -> Flow {
        self.schedule().flow()
    }

    /// Whether bytes cost money.
    pub(super) fn is_metered(&self) -> bool {
        self.schedule().settings().metered
    }

    /// Counts what was written to a session's stream.
    pub(super) fn count_sent(&self, bytes: u64) {
        self.0.sent.fetch_add(bytes, Ordering::Relaxed);
        self.count(bytes);
    }

    /// Counts what was read from a session's stream.
    pub(super) fn count_received(&self, bytes: u64) {
        self.0.received.fetch_add(bytes, Ordering::Relaxed);
        self.count(bytes);
    }

    fn count(&self, bytes: u64) {
        let moment = self.moment();
        let mut schedule = self.schedule();
        let flow = schedule.flow();
        schedule.handle_bytes(moment, bytes);
        let is_due =
            schedule.has_effects() || schedule.flow() != flow || self.is_to_be_kept(schedule.usage());
        drop(schedule);
        if is_due {
            self.0.woken.notify_one();
        }
    }

    fn is_to_be_kept(&self, usage: Usage) -> bool {
        let kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        usage.is_to_be_kept(&kept, KEEP_EVERY_BYTES)
    }

    /// The count of the day, if enough came together to write it down.
    pub(super) fn usage_to_keep(&self) -> Option<Usage> {
        let usage = self.schedule().usage();
        self.is_to_be_kept(usage).then(|| {
            *self.0.kept.lock().unwrap_or_else(PoisonError::into_inner) = usage;
            usage
        })
    }

    /// The count of the day.
    pub(crate) fn usage(&self) -> Usage {
        self.schedule().usage()
    }

    /// Where syncing stands.
    pub(crate) fn to_json(&self) -> Json {
        let schedule = self.schedule();
        let (settings, flow, usage) = (schedule.settings(), schedule.flow(), schedule.usage());
        drop(schedule);
        let (sent, received) = (self.0.sent.load(Ordering::Relaxed), self.0.received.load(Ordering::Relaxed));
        json!({
            "running": true,
            "settings": settings_json(settings),
            "flow": flow_json(flow),
            "traffic": {
                "sent": sent,
                "received": received,
                "today": usage.bytes,
                "budget": settings.daily_budget,
            },
        })
    }
}

/// Where syncing would stand, were there a node.
pub(crate) fn standing_still_json(settings: Settings, usage: Usage) -> Json {
    let schedule = Schedule::<PeerId>::new(Moment { elapsed_ms: 0, wall: clock::now() }, settings, usage);
    json!({
        "running": false,
        "settings": settings_json(schedule.settings()),
        "flow": flow_json(schedule.flow()),
        "traffic": {
            "sent": 0,
            "received": 0,
            "today": schedule.usage().bytes,
            "budget": settings.daily_budget,
        },
    })
}

fn settings_json(settings: Settings) -> Json {
    let until = match settings.pause {
        Some(Pause::Until(end)) => rfc3339(end),
        _ => None,
    };
    json!({
        "paused": settings.pause.is_some(),
        "paused_until": until,
        "metered": settings.metered,
        "budget": settings.daily_budget,
    })
}

fn flow_json(flow: Flow) -> Json {
    match flow {
        Flow::Everything => json!({ "state": "everything" }),
        Flow::NoAttachments { asked_for: true } => json!({ "state": "no-attachments", "reason": "metered" }),
        Flow::NoAttachments { asked_for: false } => {
            json!({ "state": "no-attachments", "reason": "budget-low" })
        }
        Flow::Nothing(NotNow { reason, until }) => {
            json!({ "state": "nothing", "reason": stop_code(reason), "until": until.and_then(rfc3339) })
        }
    }
}

/// How the API calls it.
pub(crate) const fn stop_code(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Paused => "paused",
        StopReason::BudgetUsed => "budget-used",
    }
}

/// Any number, for the schedule to draw a pause with.
pub(super) fn draw() -> u16 {
    u16::from_le_bytes(entropy::bytes())
}

/// What was counted before this start. Without a file that can be read the day begins anew.
pub(crate) fn load_usage(home: &Home) -> Usage {
    let bytes = read_bounded(&home.traffic_path(), MAX_FILE_LEN).ok().flatten();
    bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

/// Writes down what was counted. The caller holds the home's lock.
///
/// # Errors
/// `disk-full`, `disk-failed`.
pub(crate) fn keep_usage(home: &Home, usage: Usage) -> Result<()> {
    let text = serde_json::to_vec(&usage).expect("a count is plain JSON");
    told(replace(&home.traffic_path(), &text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_of_the_day_outlives_a_restart_and_a_damaged_file() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::locate(Some(dir.path())).unwrap();
        assert_eq!(load_usage(&home), Usage::default());
        let usage = Usage { day: 20_780, bytes: 123, behind_ms: 9 };
        keep_usage(&home, usage).unwrap();
        assert_eq!(load_usage(&home), usage);
        for damaged in ["", "[]", "{\"day\":1}"] {
            std::fs::write(home.traffic_path(), damaged).unwrap();
            assert_eq!(load_usage(&home), Usage::default(), "{damaged}");
        }
    }

    #[test]
    fn bytes_are_counted_and_kept_in_large_steps() {
        let scheduler = Scheduler::new(Settings::default(), Usage::default());
        scheduler.count_sent(1);
        assert!(scheduler.usage_to_keep().is_some_and(|usage| usage.bytes == 1), "the first of a day");
        scheduler.count_received(KEEP_EVERY_BYTES - 1);
        assert_eq!(scheduler.usage_to_keep(), None);
        scheduler.count_received(1);
        assert!(scheduler.usage_to_keep().is_some());
        let traffic = scheduler.to_json()["traffic"].clone();
        assert_eq!((&traffic["sent"], &traffic["received"]), (&1.into(), &KEEP_EVERY_BYTES.into()));
        assert_eq!(traffic["today"], KEEP_EVERY_BYTES + 1);
    }

    #[tokio::test]
    async fn a_used_up_budget_wakes_whoever_carries_out() {
        let settings = Settings { daily_budget: Some(1_000), ..Settings::default() };
        let scheduler = Scheduler::new(settings, Usage::default());
        let device = musette_protocol::id::DeviceId::from_bytes([1; 32]);
        scheduler.tell(|schedule, moment| schedule.handle_connected(moment, device, None));
        scheduler.until_due().await;
        scheduler.count_sent(1_000);
        tokio::time::timeout(Duration::from_secs(10), scheduler.until_due()).await.expect("it wakes");
        assert!(matches!(scheduler.poll_effect(), Some(Effect::Close(_))));
        assert_eq!(scheduler.to_json()["flow"]["reason"], "budget-used");
    }
}
