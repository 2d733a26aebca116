//! `musette device list`: which devices there are and how far each is.

use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::t;
use crate::text::{list_of, short_id, text_of};
use serde_json::Value;

/// Lists devices.
#[derive(clap::Args, Debug)]
pub(crate) struct List {}

impl List {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let connection = context.connect().await?;
        let result = connection.get("/v1/devices").await;
        connection.close().await?;
        let answer = result?;
        if context.output.is_json() {
            context.output.json(&answer)?;
            return Ok(Exit::Done);
        }
        // To who is out nothing is told any more of where things are.
        let is_out = list_of(&answer, "revoked").iter().any(|device| device["this"] == true);
        for device in list_of(&answer, "devices") {
            let line = if is_out { text_of(device, "name").to_owned() } else { super::describe(device) };
            context.output.answer(&with_id(line, device))?;
        }
        for device in list_of(&answer, "revoked") {
            context.output.answer(&with_id(super::describe_revoked(device), device))?;
        }
        Ok(Exit::Done)
    }
}

/// Two devices may have one name.
fn with_id(line: String, device: &Value) -> String {
    t!("device-with-id", device = line, id = short_id(text_of(device, "id")).to_owned())
}
