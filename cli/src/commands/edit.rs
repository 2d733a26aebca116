//! `musette edit ID FIELD=VALUE…`: set, clear (`FIELD=`), add to or take from a list.

use super::add::finish;
use crate::client::{Connection, item_path};
use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::fields::{self, Assignment};
use crate::text::text_of;
use serde_json::Value;

/// Changes an item.
#[derive(clap::Args, Debug)]
pub(crate) struct Edit {
    #[arg(value_name = "ID")]
    id: String,
    #[arg(value_name = "FIELD=VALUE", required = true, value_parser = fields::parse)]
    fields: Vec<Assignment>,
}

impl Edit {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let connection = context.connect().await?;
        let result = self.edit(&connection).await;
        finish(context, connection, result).await
    }

    async fn edit(&self, connection: &Connection) -> Result<Value, Failure> {
        let path = item_path(&self.id);
        let item = connection.get(&path).await?;
        let body = fields::for_edit(text_of(&item, "kind"), &self.fields);
        connection.patch(&path, body).await
    }
}
