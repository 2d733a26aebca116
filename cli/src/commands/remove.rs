//! `musette remove ID…`: into the trash, from where `restore-item` takes it back.

use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::t;
use crate::text::count_of;
use serde_json::json;

/// Puts items into the trash.
#[derive(clap::Args, Debug)]
pub(crate) struct Remove {
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    #[arg(long, value_name = "COUNT")]
    many: Option<usize>,
}

impl Remove {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let connection = context.connect().await?;
        let body = json!({ "ids": self.ids, "many": self.many });
        let result = connection.post("/v1/items/remove", body).await;
        connection.close().await?;
        let answer = result?;
        if context.output.is_json() {
            context.output.json(&answer)?;
        } else {
            context.output.answer(&t!("remove-done", count = count_of(&answer, "removed")))?;
            context.output.say(&t!("remove-next"));
        }
        Ok(Exit::Done)
    }
}
