//! `musette status --wait synced --timeout S`: for scripts that go on once all is in step.
//!
//! The node answers a request once the goal is reached or the time is up, so nobody looks again and
//! again. Only a node that is not there yet is looked for: a script starts it and this together.

use crate::client::{Connection, with_query};
use crate::context::Context;
use crate::error::Failure;
use crate::text::{list_of, text_of};
use serde_json::Value;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How often a node that is not there yet is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Waits until the goal is reached.
pub(super) async fn until(context: &Context, goal: &str, limit: Duration) -> Result<(), Failure> {
    context.require_home()?;
    let deadline = Instant::now().checked_add(limit);
    let left = || deadline.map_or(limit, |deadline| deadline.saturating_duration_since(Instant::now()));
    loop {
        if let Some(connection) = Connection::running(&context.home).await? {
            // The node takes no more, and waits for an hour at once.
            let millis = u64::try_from(left().as_millis()).unwrap_or(u64::MAX).to_string();
            let path = with_query("/v1/sync/wait", &[("for", Some(goal)), ("timeout_ms", Some(&millis))]);
            match connection.get(&path).await {
                Ok(answer) if answer["reached"] == true => return Ok(()),
                Ok(answer) if left().is_zero() => return Err(not_reached(&answer)),
                // It waited for as long as it does at once.
                Ok(_) => continue,
                // It stopped meanwhile; perhaps it comes back.
                Err(failure) if failure.is_node_gone() => {}
                Err(failure) => return Err(failure),
            }
        }
        if left().is_zero() {
            return Err(Failure::new("no-node-in-time"));
        }
        sleep(LOOK_EVERY.min(left())).await;
    }
}

fn not_reached(answer: &Value) -> Failure {
    let waiting = list_of(answer, "waiting_for");
    let mut sentences: Vec<String> = waiting.iter().map(super::waiting_in_words).collect();
    sentences.dedup();
    let sentences: Vec<&str> = sentences.iter().map(|sentence| sentence.trim_end_matches('.')).collect();
    let first = waiting.first().unwrap_or(&Value::Null);
    let failure = Failure::new("not-synced").with("waiting", sentences.join("; "));
    ["device", "last_seen"]
        .into_iter()
        .filter(|name| !text_of(first, name).is_empty())
        .fold(failure, |failure, name| failure.with(name, text_of(first, name)))
        .with("why", text_of(first, "why"))
        .with("devices", waiting.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_deadline_says_who_is_waited_for_and_why() {
        let answer = json!({"waiting_for": [
            {"device": "phone", "why": "out-of-reach", "last_seen": "2026-11-20T10:00:00Z"},
            {"device": "desk", "why": "peer-paused", "last_seen": null},
        ]});
        let message = not_reached(&answer).message();
        assert!(message.contains("phone") && message.contains("20 November 2026"), "{message}");
        assert!(message.contains("desk"), "{message}");
    }
}
