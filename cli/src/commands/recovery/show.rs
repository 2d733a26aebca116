//! `musette recovery show`: the words, numbered, to be copied by hand.

use crate::client::Connection;
use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::text::list_of;
use crate::{locale, t, vault};
use serde_json::json;

/// Shows the words.
#[derive(clap::Args, Debug)]
pub(crate) struct Show {}

impl Show {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        context.require_home()?;
        // Asked for even while a node runs: these words are more than what the node gives away.
        let passphrase = vault::unlock(context)?;
        let request = json!({
            "language": locale::language().tag(),
            "passphrase": passphrase.as_deref(),
        });
        let connection = match Connection::running(&context.home).await? {
            Some(connection) => connection,
            None => Connection::in_process(&context.home, passphrase).await?,
        };
        let result = connection.post("/v1/recovery", request).await;
        connection.close().await?;
        let answer = result?;
        context.output.warn(&t!("recovery-warning"));
        if context.output.is_json() {
            context.output.json(&answer)?;
            return Ok(Exit::Done);
        }
        for (number, word) in (1..).zip(list_of(&answer, "words")) {
            let word = word.as_str().unwrap_or_default();
            context.output.answer(&format!("{number:2}. {word}"))?;
        }
        context.output.say(&t!("recovery-then-check"));
        Ok(Exit::Done)
    }
}
