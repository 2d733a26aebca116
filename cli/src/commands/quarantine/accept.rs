//! `musette quarantine accept ID…`: let it count after all.

use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::t;
use crate::text::count_of;
use serde_json::json;

/// Lets items in quarantine count.
#[derive(clap::Args, Debug)]
pub(super) struct Accept {
    #[arg(value_name = "ID", required_unless_present = "all")]
    ids: Vec<String>,
    #[arg(long, conflicts_with = "ids")]
    all: bool,
}

impl Accept {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let connection = context.connect().await?;
        let result = connection.post("/v1/quarantine/accept", json!({ "ids": self.ids })).await;
        connection.close().await?;
        let answer = result?;
        if context.output.is_json() {
            context.output.json(&answer)?;
        } else {
            context.output.answer(&t!("quarantine-accepted", count = count_of(&answer, "accepted")))?;
        }
        Ok(Exit::Done)
    }
}
