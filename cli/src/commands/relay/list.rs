//! `musette relay list`: which relays there are, and how it stands with each.

use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::quantities::size_in_words;
use crate::text::{count_of, list_of, short_peer, text_of};
use crate::{dates, locale, t};
use serde_json::{Value, json};

/// Lists relays.
#[derive(clap::Args, Debug)]
pub(super) struct List {}

impl List {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let connection = context.connect().await?;
        let result = connection.get("/v1/relays").await;
        connection.close().await?;
        let answer = result?;
        if context.output.is_json() {
            context.output.json(&answer)?;
            return Ok(Exit::Done);
        }
        let relays = list_of(&answer, "relays");
        if relays.is_empty() {
            context.output.say(&t!("relay-none"));
        }
        for relay in relays {
            context.output.answer(&describe(relay))?;
        }
        Ok(Exit::Done)
    }
}

/// A relay in one line.
fn describe(relay: &Value) -> String {
    let since = match text_of(relay, "since") {
        "" => t!("date-unknown"),
        since => dates::instant(since),
    };
    let state = match text_of(relay, "state") {
        "reserved" => t!("relay-reserved", since = since),
        "unavailable" => t!("relay-unavailable", since = since),
        "connecting" => t!("relay-connecting"),
        _ => t!("relay-off"),
    };
    let line = t!(
        "relay-line",
        relay = short_peer(text_of(relay, "id")).to_owned(),
        address = list_of(relay, "addresses").first().and_then(Value::as_str).unwrap_or_default().to_owned(),
        state = state
    );
    let line = match relay["ticket"]["expires"].as_str() {
        Some(expires) => t!(
            "relay-ticket",
            relay = line,
            left = size_in_words(count_of(&relay["ticket"], "bytes_left")),
            end = dates::instant(expires)
        ),
        None => line,
    };
    let reason = match text_of(relay, "reason") {
        "unreachable" => Some(t!("relay-unreachable")),
        "connection-lost" => Some(t!("relay-lost")),
        "other-peer-there" => Some(t!("relay-other-there")),
        _ => locale::find_told("error", &json!({ "code": relay["reason"] })),
    };
    match reason {
        Some(reason) => t!("device-reason", device = line, reason = reason),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_at_an_address_and_another_one_there_are_told_apart() {
        let told = |reason| describe(&json!({ "id": "12D3Koo", "state": "unavailable", "reason": reason }));
        assert!(told("unreachable").contains(&t!("relay-unreachable")));
        assert!(told("other-peer-there").contains(&t!("relay-other-there")));
    }
}
