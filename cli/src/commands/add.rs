//! `musette add KIND FIELD=VALUE…`: something new, by hand.

use crate::client::Connection;
use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::fields::{self, Assignment};
use crate::text::{short_id, text_of};
use crate::{item, t};
use serde_json::{Value, json};

/// Adds an item.
#[derive(clap::Args, Debug)]
pub(crate) struct Add {
    #[arg(value_name = "KIND")]
    kind: String,
    #[arg(value_name = "FIELD=VALUE", required = true, value_parser = fields::parse)]
    fields: Vec<Assignment>,
}

impl Add {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let body = json!({
            "kind": self.kind,
            "fields": fields::for_new(&self.kind, &self.fields)?,
        });
        let connection = context.connect().await?;
        let result = connection.post("/v1/items", body).await;
        finish(context, connection, result).await
    }
}

/// Closes the connection, then tells what became of the item.
pub(super) async fn finish(
    context: &Context,
    connection: Connection,
    result: Result<Value, Failure>,
) -> Result<Exit, Failure> {
    connection.close().await?;
    let item = result?;
    if context.output.is_json() {
        context.output.json(&item)?;
        return Ok(Exit::Done);
    }
    let id = short_id(text_of(&item, "id")).to_owned();
    context.output.answer(&format!("{id}  {}", item::title(&item)))?;
    context.output.say(&t!("item-saved", id = id));
    Ok(Exit::Done)
}
