//! `musette resolve ID FIELD=VALUE`: choose between values that two devices wrote.

use super::add::finish;
use crate::client::{Connection, item_path};
use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::fields::{self, Assignment};
use crate::text::text_of;
use serde_json::{Value, json};

/// Chooses a value.
#[derive(clap::Args, Debug)]
pub(crate) struct Resolve {
    #[arg(value_name = "ID")]
    id: String,
    #[arg(value_name = "FIELD=VALUE", required = true, value_parser = fields::parse)]
    choices: Vec<Assignment>,
}

impl Resolve {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let connection = context.connect().await?;
        let result = self.resolve(&connection).await;
        finish(context, connection, result).await
    }

    async fn resolve(&self, connection: &Connection) -> Result<Value, Failure> {
        let path = item_path(&self.id);
        let item = connection.get(&path).await?;
        let edit = fields::for_edit(text_of(&item, "kind"), &self.choices);
        let body = json!({ "set": edit["set"] });
        connection.post(&format!("{path}/resolve"), body).await
    }
}
