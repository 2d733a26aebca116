//! `musette show ID`: one item, whole.

use crate::client::item_path;
use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::item;

/// Shows an item.
#[derive(clap::Args, Debug)]
pub(crate) struct Show {
    #[arg(value_name = "ID")]
    id: String,
}

impl Show {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let connection = context.connect().await?;
        let result = connection.get(&item_path(&self.id)).await;
        connection.close().await?;
        let item = result?;
        if context.output.is_json() {
            context.output.json(&item)?;
            return Ok(Exit::Done);
        }
        for line in item::describe(&item) {
            context.output.answer(&line)?;
        }
        Ok(Exit::Done)
    }
}
