//! `musette device confirm WORDS`: let the new device in, if it shows these words; or, later,
//! vouch for one that was let in without comparing them.

use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::t;
use crate::text::list_of;
use serde_json::json;

/// Confirms the device that is waiting.
#[derive(clap::Args, Debug)]
pub(crate) struct Confirm {
    #[arg(value_name = "WORDS", required = true)]
    words: Vec<String>,
}

impl Confirm {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let connection = context.connect().await?;
        let words = self.words.join(" ").to_lowercase();
        let result = connection.post("/v1/pairing/confirm", json!({ "words": words })).await;
        connection.close().await?;
        let answer = result?;
        if context.output.is_json() {
            context.output.json(&answer)?;
            return Ok(Exit::Done);
        }
        context.output.say(&t!("confirm-done"));
        for device in list_of(&answer, "devices") {
            context.output.answer(&super::describe(device))?;
        }
        Ok(Exit::Done)
    }
}
