//! `musette quarantine list`: items that were changed too late, and how.

use crate::commands::history;
use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::text::{list_of, names_of, short_ids, text_of};
use crate::{item, t};
use serde_json::Value;

/// Lists what is in quarantine.
#[derive(clap::Args, Debug)]
pub(super) struct List {}

impl List {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let connection = context.connect().await?;
        let result = connection.get("/v1/quarantine").await;
        connection.close().await?;
        let answer = result?;
        if context.output.is_json() {
            context.output.json(&answer)?;
            return Ok(Exit::Done);
        }
        let items = list_of(&answer, "items");
        if items.is_empty() {
            context.output.say(&t!("quarantine-empty"));
        }
        let ids: Vec<&str> = items.iter().map(|one| text_of(one, "id")).collect();
        for (one, id) in items.iter().zip(short_ids(&ids)) {
            context.output.answer(&heading(one, id))?;
            for change in list_of(one, "history") {
                for line in history::describe(text_of(one, "kind"), change) {
                    context.output.answer(&format!("  {line}"))?;
                }
            }
        }
        Ok(Exit::Done)
    }
}

fn heading(one: &Value, id: &str) -> String {
    let by = names_of(one, "devices");
    let (id, title) = (id.to_owned(), item::title(one));
    if one["is_new"] == true {
        t!("quarantine-new", id = id, title = title, by = by)
    } else {
        t!("quarantine-changed", id = id, title = title, by = by)
    }
}
