//! `musette device …`: the person's own devices.

mod confirm;
mod invite;
mod join;
mod list;
mod revoke;
mod split;

use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::quantities::size_in_words;
use crate::text::{count_of, list_of, short_peer, text_of};
use crate::{dates, locale, t};
use serde_json::Value;

/// What to do with devices.
#[derive(clap::Args, Debug)]
pub(crate) struct Device {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand, Debug)]
enum Action {
    Invite(invite::Invite),
    Confirm(confirm::Confirm),
    Join(join::Join),
    List(list::List),
    Revoke(revoke::Revoke),
    Split(split::Split),
}

impl Device {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self.action {
            Action::Invite(invite) => invite.run(context).await,
            Action::Confirm(confirm) => confirm.run(context).await,
            Action::Join(join) => join.run(context).await,
            Action::List(list) => list.run(context).await,
            Action::Revoke(revoke) => revoke.run(context).await,
            Action::Split(split) => split.run(context).await,
        }
    }
}

/// A device in one line.
pub(super) fn describe(device: &Value) -> String {
    let state = match text_of(device, "state") {
        "this" => t!("device-this"),
        "agrees" => agreement(&device["attachments_lacking"]),
        "behind" => t!("device-behind", missing = count_of(device, "missing")),
        "unreachable" if is_away(device) => t!("device-unreachable", since = last_seen(device)),
        "unreachable" => t!("device-not-connected", since = last_seen(device)),
        _ => t!("device-never-met"),
    };
    let mut line = t!("device-line", name = text_of(device, "name").to_owned(), state = state);
    line = match text_of(device, "path") {
        "direct" => t!("device-direct", device = line),
        "relayed" => {
            t!("device-relayed", device = line, relay = short_peer(text_of(device, "relay")).to_owned())
        }
        _ => line,
    };
    if device["verified"] == false && device["this"] != true {
        line = t!("device-unverified", device = line);
    }
    if let Some(since) = device["recovered"].as_str() {
        line = t!("device-recovered", device = line, since = dates::instant(since));
    }
    let why = match text_of(device, "why") {
        "no-relay" => Some(t!("device-why-no-relay")),
        "no-place-at-relays" => Some(t!("device-why-no-place-at-relays")),
        "no-relay-answers" => Some(t!("device-why-no-relay-answers")),
        "not-at-relays" => Some(t!("device-why-not-at-relays")),
        _ if device["reason"] == "unreachable" => Some(t!("device-out-of-reach")),
        _ => None,
    };
    // This device talks to nobody now, which is said of all of them at once.
    if matches!(text_of(device, "why"), "paused" | "budget-used") {
        return match text_of(device, "state") {
            "unreachable" | "never-met" => line,
            _ => t!("device-absent", device = line, since = last_seen(device)),
        };
    }
    if let Some(why) = why.filter(|_| is_away(device)) {
        if !matches!(text_of(device, "state"), "unreachable" | "never-met") {
            line = t!("device-absent", device = line, since = last_seen(device));
        }
        return t!("device-reason", device = line, reason = why);
    }
    match locale::find_told("error", &serde_json::json!({ "code": device["reason"] })) {
        Some(reason) => t!("device-reason", device = line, reason = reason),
        None => line,
    }
}

/// A device that refuses, or is paused, is there: what it said is the reason.
fn is_away(device: &Value) -> bool {
    matches!(text_of(device, "reason"), "" | "unreachable" | "connection-lost")
}

/// A device that was taken out, in one line.
fn describe_revoked(device: &Value) -> String {
    let by = list_of(device, "by").iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ");
    let state = match by {
        _ if device["words_replaced"] == true => t!("device-revoked-with-old-words"),
        by if by.is_empty() => t!("device-revoked-by-words"),
        by => t!("device-revoked", by = by),
    };
    t!("device-line", name = text_of(device, "name").to_owned(), state = state)
}

/// Large attachments are on another device only if somebody asked for them there.
fn agreement(lacking: &Value) -> String {
    match count_of(lacking, "count") {
        0 => t!("device-agrees"),
        count => t!("device-agrees-but", count = count, size = size_in_words(count_of(lacking, "bytes"))),
    }
}

/// A device that is not connected, and when it last was.
pub(super) fn absent(device: &Value) -> String {
    let state = match text_of(device, "state") {
        "never-met" => t!("device-never-met"),
        _ => t!("device-unreachable", since = last_seen(device)),
    };
    t!("device-line", name = text_of(device, "name").to_owned(), state = state)
}

fn last_seen(device: &Value) -> String {
    match text_of(device, "last_seen") {
        "" => t!("date-unknown"),
        seen => dates::instant(seen),
    }
}
