//! `musette restore-item ID…`: out of the trash.

use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::t;
use crate::text::count_of;
use serde_json::json;

/// Takes items out of the trash.
#[derive(clap::Args, Debug)]
pub(crate) struct RestoreItem {
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
}

impl RestoreItem {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let connection = context.connect().await?;
        let result = connection.post("/v1/items/restore", json!({ "ids": self.ids })).await;
        connection.close().await?;
        let answer = result?;
        if context.output.is_json() {
            context.output.json(&answer)?;
        } else {
            context.output.answer(&t!("restore-item-done", count = count_of(&answer, "restored")))?;
        }
        Ok(Exit::Done)
    }
}
