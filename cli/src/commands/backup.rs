//! `musette backup DIR`: everything that this device holds, sealed, in another place.

use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::output::progress::Bar;
use crate::quantities::size_in_words;
use crate::t;
use crate::text::count_of;
use serde_json::json;
use std::path::PathBuf;

/// Brings a backup up to date.
#[derive(clap::Args, Debug)]
pub(crate) struct Backup {
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

impl Backup {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let path = super::import::absolute(&self.dir)?;
        let connection = context.connect().await?;
        let bar = Bar::new(&context.output);
        let result = connection
            .post_stream("/v1/backup", json!({ "path": path }), &mut |line| bar.update(&line["progress"]))
            .await;
        bar.finish();
        connection.close().await?;
        let done = result?;
        if context.output.is_json() {
            context.output.json(&done)?;
            return Ok(Exit::Done);
        }
        let count = |name| count_of(&done, name);
        let (dir, size) = (self.dir.display().to_string(), size_in_words(count("bytes")));
        context.output.answer(&t!("backup-done", dir = dir, size = size))?;
        if count("attachments_missing") > 0 {
            context.output.warn(&t!("backup-attachments-missing", count = count("attachments_missing")));
        }
        context.output.say(&t!("backup-words"));
        Ok(Exit::Done)
    }
}
