//! `musette import undo BATCH`: take an import back. What was edited by hand since stays.

use crate::client::encode;
use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::text::{count_of, list_of, short_id, text_of};
use crate::{item, t};

/// Takes an import back.
#[derive(clap::Args, Debug)]
pub(super) struct Undo {
    #[arg(value_name = "BATCH")]
    batch: String,
}

impl Undo {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let connection = context.connect().await?;
        let result = connection.delete(&format!("/v1/imports/{}", encode(&self.batch))).await;
        connection.close().await?;
        let answer = result?;
        if context.output.is_json() {
            context.output.json(&answer)?;
            return Ok(Exit::Done);
        }
        context.output.answer(&t!(
            "undo-done",
            removed = count_of(&answer, "removed"),
            reverted = count_of(&answer, "reverted")
        ))?;
        let kept = list_of(&answer, "kept_items");
        if !kept.is_empty() {
            context.output.answer(&t!("undo-kept", count = count_of(&answer, "kept")))?;
        }
        for kept in kept {
            let id = short_id(text_of(kept, "id"));
            context.output.answer(&format!("  {id}  {}", item::title(kept)))?;
        }
        Ok(Exit::Done)
    }
}
