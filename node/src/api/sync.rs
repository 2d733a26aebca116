//! Syncing as a person sees and sets it.

use std::time::Duration;

use axum::{
    Json as AxumJson,
    body::Bytes,
    extract::{Query, State},
};
use musette_protocol::schedule::{Pause, StopReason};
use serde::{Deserialize, Deserializer};
use serde_json::{Value as Json, json};
use tokio::{
    sync::{
        broadcast::{Receiver, error::RecvError},
        watch,
    },
    time::{Instant, timeout_at},
};

use super::{Answer, Context, network, parse};
use crate::{
    clock,
    config::Config,
    error::{Error, Result},
    standing::Goal,
    store::{Store, StoreEvent},
    sync::scheduler::{load_usage, standing_still_json, stop_code},
};

/// The longest pause with an end: one for longer is one without.
const MAX_PAUSE_MS: i64 = 366 * 24 * 60 * 60 * 1_000;
/// The smallest budget: meeting a device and telling it that the day is over takes some hundred
/// bytes, and a budget that is used up by that would be a pause under another name.
const MIN_BUDGET: u64 = 1_000_000;
/// How long one request waits; whoever wants longer asks again.
const MAX_WAIT: Duration = Duration::from_secs(60 * 60);

/// What may be set; what is left out stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    paused: Option<bool>,
    /// With `paused`: for how long.
    for_ms: Option<i64>,
    metered: Option<bool>,
    /// `null`: none any more.
    #[serde(default, deserialize_with = "given")]
    budget: Option<Option<u64>>,
}

/// Tells `null` from what is not there.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<u64>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl Change {
    fn check(&self) -> Result<()> {
        let wrong = |detail: &str| Err(Error::new("bad-request").with("detail", detail));
        match self {
            Self { for_ms: Some(_), paused, .. } if *paused != Some(true) => wrong("for_ms without a pause"),
            Self { for_ms: Some(millis), .. } if !(1..=MAX_PAUSE_MS).contains(millis) => {
                wrong("for_ms is out of range")
            }
            Self { budget: Some(Some(bytes)), .. } if *bytes < MIN_BUDGET => {
                Err(Error::new("budget-too-small").with("min", MIN_BUDGET))
            }
            _ => Ok(()),
        }
    }

    fn apply(&self, config: &mut Config) {
        let syncing = &mut config.sync;
        if let Some(paused) = self.paused {
            let pause = self
                .for_ms
                .map_or(Pause::UntilResumed, |millis| Pause::Until(clock::now().plus_millis(millis)));
            syncing.set_pause(paused.then_some(pause));
        }
        syncing.metered = self.metered.unwrap_or(syncing.metered);
        syncing.daily_budget = self.budget.unwrap_or(syncing.daily_budget);
    }
}

/// Why nothing flows now, if a node runs that could let it flow.
pub(super) fn stop(context: &Context) -> Option<StopReason> {
    let refusal = context.network.as_ref().and_then(|online| online.scheduler.refusal());
    refusal.map(|not_now| not_now.reason)
}

/// Where syncing stands.
pub(super) async fn standing(context: &Context) -> Result<Json> {
    match &context.network {
        Some(online) => Ok(online.scheduler.to_json()),
        None => {
            let work = |store: &mut Store| {
                let settings = Config::load(store.home())?.sync.settings();
                Ok(standing_still_json(settings, load_usage(store.home())))
            };
            context.driver.run(work).await
        }
    }
}

pub(super) async fn show(State(context): State<Context>) -> Answer {
    standing(&context).await.map(AxumJson)
}

pub(super) async fn change(State(context): State<Context>, body: Bytes) -> Answer {
    let change: Change = parse(&body)?;
    change.check()?;
    let scheduler = context.network.as_ref().map(|online| online.scheduler.clone());
    let work = move |store: &mut Store| {
        let mut config = Config::load(store.home())?;
        change.apply(&mut config);
        config.save(store.home())?;
        let settings = config.sync.settings();
        if let Some(scheduler) = scheduler {
            scheduler.tell(|schedule, moment| schedule.handle_settings(moment, settings));
        }
        store.note_sync_changed();
        Ok(())
    };
    context.driver.run(work).await?;
    standing(&context).await.map(AxumJson)
}

/// Dials everybody, and checks every session, now.
pub(super) async fn now(State(context): State<Context>) -> Answer {
    let scheduler = &network(&context)?.scheduler;
    match scheduler.tell(|schedule, moment| schedule.handle_asked(moment)) {
        Ok(()) => standing(&context).await.map(AxumJson),
        Err(not_now) => Err(match not_now.reason {
            StopReason::Paused => Error::new("sync-paused"),
            StopReason::BudgetUsed => Error::new("sync-budget-used"),
        }),
    }
}

#[derive(Deserialize)]
pub(super) struct WaitQuery {
    #[serde(rename = "for")]
    goal: String,
    #[serde(default)]
    timeout_ms: u64,
}

/// Answers once the goal is reached or the time is up, whichever comes first.
pub(super) async fn wait(State(context): State<Context>, Query(query): Query<WaitQuery>) -> Answer {
    let goal = Goal::from_code(&query.goal);
    let goal = goal.ok_or_else(|| Error::new("bad-request").with("detail", "no such goal"))?;
    let deadline = Instant::now() + Duration::from_millis(query.timeout_ms).min(MAX_WAIT);
    let scheduler = context.network.as_ref().map(|online| online.scheduler.clone());
    let driver = context.driver;
    // The network is not to be held meanwhile: the node may stop.
    drop(context.network);
    // Listening comes before looking: what happens in between is not missed.
    let (mut events, mut changed) = (driver.events(), driver.changed());
    loop {
        changed.mark_unchanged();
        let stop = scheduler.as_ref().and_then(|scheduler| scheduler.refusal()).map(|not_now| not_now.reason);
        // A device that was taken out would wait for ever.
        let look = move |store: &mut Store| {
            store.check_entitled()?;
            Ok(store.waiting_json(goal, stop))
        };
        let waiting = driver.run(look).await?;
        if waiting.is_empty() || Instant::now() >= deadline {
            let flow = stop.map(stop_code);
            return Ok(AxumJson(json!({
                "goal": goal.code(),
                "reached": waiting.is_empty(),
                "waiting_for": waiting,
                "stopped": flow,
            })));
        }
        // Past the deadline one last look tells what is still waited for.
        let _ = timeout_at(deadline, next_change(&mut events, &mut changed)).await;
    }
}

/// Returns once something happened, however many things at once. Pieces of attachments become durable
/// without an event.
async fn next_change(events: &mut Receiver<StoreEvent>, changed: &mut watch::Receiver<u64>) {
    tokio::select! {
        event = events.recv() => if let Err(RecvError::Closed) = event {
            std::future::pending::<()>().await;
        },
        Ok(()) = changed.changed() => {}
    }
    while let Ok(_) | Err(tokio::sync::broadcast::error::TryRecvError::Lagged(_)) = events.try_recv() {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change_of(json: &str) -> Result<Change> {
        let change: Change = parse(json.as_bytes())?;
        change.check()?;
        Ok(change)
    }

    #[test]
    fn what_is_left_out_stays() {
        let mut config = Config::default();
        change_of(r#"{"paused":true,"metered":true,"budget":5000000}"#).unwrap().apply(&mut config);
        change_of("{}").unwrap().apply(&mut config);
        let settings = config.sync.settings();
        assert_eq!(settings.pause, Some(Pause::UntilResumed));
        assert_eq!((settings.metered, settings.daily_budget), (true, Some(5_000_000)));
        change_of(r#"{"paused":false,"budget":null}"#).unwrap().apply(&mut config);
        let settings = config.sync.settings();
        assert_eq!((settings.pause, settings.metered, settings.daily_budget), (None, true, None));
        change_of(r#"{"paused":true,"for_ms":60000}"#).unwrap().apply(&mut config);
        assert!(matches!(config.sync.settings().pause, Some(Pause::Until(end)) if end > clock::now()));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (json, code) in [
            (r#"{"for_ms":1}"#, "bad-request"),
            (r#"{"paused":false,"for_ms":1}"#, "bad-request"),
            (r#"{"paused":true,"for_ms":0}"#, "bad-request"),
            (r#"{"paused":true,"for_ms":9223372036854775807}"#, "bad-request"),
            (r#"{"budget":999999}"#, "budget-too-small"),
            (r#"{"budget":-1}"#, "bad-request"),
            (r#"{"speed":1}"#, "bad-request"),
        ] {
            assert_eq!(
                change_of(json).err().map(|error| error.code().to_owned()),
                Some(code.to_owned()),
                "{json}"
            );
        }
    }
}
