//! `musette recovery replace`: new words in the place of those that somebody may have seen.

use crate::client::Connection;
use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::{t, vault, words};
use serde_json::json;

/// Makes new words.
#[derive(clap::Args, Debug)]
pub(crate) struct Replace {}

impl Replace {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        context.require_home()?;
        // Asked for even while a node runs: this makes words that are more than what the node gives away.
        let passphrase = vault::unlock(context)?;
        let connection = match Connection::running(&context.home).await? {
            Some(connection) => connection,
            None => Connection::in_process(&context.home, passphrase.clone()).await?,
        };
        let request = async {
            let status = connection.get("/v1/status").await?;
            // Words that are still kept here were never proved to be on paper: nobody need search for it.
            let words = if status["recovery"]["held"] == true { None } else { Some(words::ask(context)?) };
            let request = json!({ "words": words.as_deref(), "passphrase": passphrase.as_deref() });
            connection.post("/v1/recovery/replace", request).await
        };
        let result = request.await;
        connection.close().await?;
        let answer = result?;
        if context.output.is_json() {
            context.output.json(&answer)?;
        } else {
            context.output.answer(&t!("recovery-replaced"))?;
        }
        context.output.say(&t!("recovery-replaced-next"));
        Ok(Exit::Done)
    }
}
