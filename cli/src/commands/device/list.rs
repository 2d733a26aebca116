//! `musette device list`: which devices there are and how far each is.

use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::text::list_of;

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
        for device in list_of(&answer, "devices") {
            context.output.answer(&super::describe(device))?;
        }
        for device in list_of(&answer, "revoked") {
            context.output.answer(&super::describe_revoked(device))?;
        }
        Ok(Exit::Done)
    }
}
