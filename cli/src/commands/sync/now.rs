//! `musette sync now`: dial every device at once, rather than when its turn comes.

use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::t;
use serde_json::json;

/// Dials everybody.
#[derive(clap::Args, Debug)]
pub(crate) struct Now {}

impl Now {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let connection = context.connect().await?;
        let result = connection.post("/v1/sync/now", json!({})).await;
        connection.close().await?;
        let standing = result?;
        if context.output.is_json() {
            context.output.json(&standing)?;
        } else {
            context.output.say(&t!("sync-now-done"));
        }
        Ok(Exit::Done)
    }
}
