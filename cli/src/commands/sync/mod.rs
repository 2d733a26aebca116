//! `musette sync …`: when and how much to sync.

mod budget;
mod metered;
mod now;
mod pause;
mod resume;
mod show;

use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::text::{count_of, text_of};
use crate::{dates, quantities, t};
use serde_json::Value;

/// Shows where syncing stands, or sets it.
#[derive(clap::Args, Debug)]
pub(crate) struct Sync {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(clap::Subcommand, Debug)]
enum Action {
    Pause(pause::Pause),
    Resume(resume::Resume),
    Metered(metered::Metered),
    Budget(budget::Budget),
    Now(now::Now),
}

impl Sync {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self.action {
            None => show::run(context).await,
            Some(Action::Pause(pause)) => pause.run(context).await,
            Some(Action::Resume(resume)) => resume.run(context).await,
            Some(Action::Metered(metered)) => metered.run(context).await,
            Some(Action::Budget(budget)) => budget.run(context).await,
            Some(Action::Now(now)) => now.run(context).await,
        }
    }
}

/// Sets something, and tells how things stand then.
async fn set(context: &Context, change: Value) -> Result<Exit, Failure> {
    let connection = context.connect().await?;
    let result = connection.patch("/v1/sync", change).await;
    connection.close().await?;
    tell(context, &result?)
}

fn tell(context: &Context, standing: &Value) -> Result<Exit, Failure> {
    if context.output.is_json() {
        context.output.json(standing)?;
        return Ok(Exit::Done);
    }
    for line in describe(standing) {
        context.output.answer(&line)?;
    }
    if standing["running"] == false {
        context.output.say(&t!("status-stopped"));
    }
    Ok(Exit::Done)
}

/// What may flow, and what of the day's bytes is used.
pub(super) fn describe(standing: &Value) -> Vec<String> {
    let flow = &standing["flow"];
    let until = match text_of(flow, "until") {
        "" => None,
        until => Some(dates::instant(until)),
    };
    let mut lines = vec![match (text_of(flow, "state"), text_of(flow, "reason"), until) {
        ("everything", ..) => t!("flow-everything"),
        ("no-attachments", "metered", _) => t!("flow-metered"),
        ("no-attachments", ..) => t!("flow-budget-low"),
        (_, "paused", None) => t!("flow-paused"),
        (_, "paused", Some(until)) => t!("flow-paused-until", until = until),
        (_, _, until) => t!("flow-budget-used", until = until.unwrap_or_default()),
    }];
    let traffic = &standing["traffic"];
    let today = quantities::size_in_words(count_of(traffic, "today"));
    lines.push(match traffic["budget"].as_u64() {
        Some(budget) => {
            t!("traffic-of-budget", today = today, budget = quantities::size_in_words(budget))
        }
        None => t!("traffic-today", today = today),
    });
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_state_has_words_of_its_own() {
        let traffic = json!({"today": 0, "budget": null});
        let flows = [
            json!({"state": "everything"}),
            json!({"state": "no-attachments", "reason": "metered"}),
            json!({"state": "no-attachments", "reason": "budget-low"}),
            json!({"state": "nothing", "reason": "paused", "until": null}),
            json!({"state": "nothing", "reason": "paused", "until": "2026-11-24T00:00:00Z"}),
            json!({"state": "nothing", "reason": "budget-used", "until": "2026-11-24T00:00:00Z"}),
        ];
        let mut lines: Vec<String> =
            flows.iter().map(|flow| describe(&json!({"flow": flow, "traffic": traffic})).remove(0)).collect();
        assert!(lines[4].contains("November") && lines[5].contains("November"), "{lines:?}");
        lines.sort();
        lines.dedup();
        assert_eq!(lines.len(), flows.len(), "{lines:?}");
    }
}
