//! `musette attach ID FILE`: keep a file with an item.

use super::add::finish;
use crate::client::item_path;
use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::output::progress;
use serde_json::json;
use std::path::PathBuf;

/// Attaches a file.
#[derive(clap::Args, Debug)]
pub(crate) struct Attach {
    #[arg(value_name = "ID")]
    id: String,
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl Attach {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let path = super::import::absolute(&self.file)?;
        let connection = context.connect().await?;
        let bar = progress::Bar::new(&context.output);
        let result = connection
            .post_stream(
                &format!("{}/attachments", item_path(&self.id)),
                json!({ "path": path }),
                &mut |line| bar.update(&line["progress"]),
            )
            .await;
        bar.finish();
        finish(context, connection, result).await
    }
}
