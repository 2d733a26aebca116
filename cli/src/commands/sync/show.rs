//! `musette sync`: where syncing stands, in words.

use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::text::list_of;
use crate::{item, t};

pub(super) async fn run(context: &Context) -> Result<Exit, Failure> {
    let connection = context.connect().await?;
    let path = if context.output.is_json() { "/v1/sync" } else { "/v1/status" };
    let result = connection.get(path).await;
    connection.close().await?;
    let answer = result?;
    if context.output.is_json() {
        context.output.json(&answer)?;
        return Ok(Exit::Done);
    }
    if let Some(taken_out) = crate::commands::status::taken_out(&answer) {
        context.output.answer(&taken_out)?;
        return Ok(Exit::Done);
    }
    context.output.answer(&item::sync_in_words(&answer["sync"]))?;
    for line in super::describe(&answer) {
        context.output.answer(&line)?;
    }
    for device in list_of(&answer, "devices").iter().filter(|device| device["this"] != true) {
        context.output.answer(&crate::commands::device::describe(device))?;
    }
    if answer["running"] == false {
        context.output.say(&t!("status-stopped"));
    }
    Ok(Exit::Done)
}
