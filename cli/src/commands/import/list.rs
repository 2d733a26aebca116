//! `musette import list`: the imports so far.

use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::text::{self, count_of, list_of, text_of};
use crate::{dates, t};
use serde_json::Value;

/// Lists imports.
#[derive(clap::Args, Debug)]
pub(super) struct List {}

impl List {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let connection = context.connect().await?;
        let result = connection.get("/v1/imports").await;
        connection.close().await?;
        let answer = result?;
        if context.output.is_json() {
            context.output.json(&answer)?;
            return Ok(Exit::Done);
        }
        let batches = list_of(&answer, "batches");
        if batches.is_empty() {
            context.output.say(&t!("import-list-empty"));
        }
        let rows: Vec<_> = batches.iter().map(row).collect();
        for line in text::table(&rows, context.output.width()) {
            context.output.answer(&line)?;
        }
        Ok(Exit::Done)
    }
}

fn row(batch: &Value) -> Vec<String> {
    let files: Vec<_> =
        list_of(batch, "files").iter().filter_map(Value::as_str).map(text::one_line).collect();
    let state = if batch["undone"] == true {
        t!("import-undone")
    } else {
        t!("import-batch", added = count_of(batch, "added"), changed = count_of(batch, "changed"))
    };
    vec![
        text::short_id(text_of(batch, "id")).to_owned(),
        dates::instant(text_of(batch, "on")),
        text_of(batch, "device").to_owned(),
        files.join(", "),
        state,
    ]
}
