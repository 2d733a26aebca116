//! `musette relay add RELAY`: uses a relay on all of the person's devices.

use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::t;
use crate::text::{short_peer, text_of};
use serde_json::json;

/// Adds a relay.
#[derive(clap::Args, Debug)]
pub(super) struct Add {
    #[arg(value_name = "RELAY", required = true)]
    relay: Vec<String>,
}

impl Add {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let connection = context.connect().await?;
        let result = connection.post("/v1/relays", json!({ "relay": self.relay.join(" ") })).await;
        connection.close().await?;
        let answer = result?;
        if context.output.is_json() {
            context.output.json(&answer)?;
        } else {
            context.output.say(&t!("relay-added", relay = short_peer(text_of(&answer, "id")).to_owned()));
        }
        Ok(Exit::Done)
    }
}
