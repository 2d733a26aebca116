//! `musette fetch ID NAME`: bring an attachment here from another device.

use super::status::waiting_in_words;
use crate::client::{encode, item_path};
use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::output::progress;
use crate::text::{count_of, text_of};
use crate::{item, t};
use serde_json::{Value, json};

/// Fetches an attachment. It goes on in the background when this command is stopped.
#[derive(clap::Args, Debug)]
pub(crate) struct Fetch {
    #[arg(value_name = "ID")]
    id: String,
    #[arg(value_name = "NAME")]
    name: String,
}

impl Fetch {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let connection = context.connect().await?;
        let bar = progress::Bar::new(&context.output);
        let path = format!("{}/attachments/{}/fetch", item_path(&self.id), encode(&self.name));
        let mut said = String::new();
        let mut tell = |line: Value| {
            let progress = &line["progress"];
            let why = text_of(progress, "why");
            // Once for each reason: it may stay for hours.
            if why != said && !why.is_empty() {
                bar.say(&context.output, &t!("fetch-waits", waiting = waiting_in_words(progress)));
                said = why.to_owned();
            }
            bar.update(progress);
        };
        let result = connection.post_stream(&path, json!({}), &mut tell).await;
        bar.finish();
        connection.close().await?;
        let fetched = result?;
        if context.output.is_json() {
            context.output.json(&fetched)?;
        } else {
            let size = item::size_in_words(count_of(&fetched, "total"));
            context.output.say(&t!("fetch-done", name = self.name, size = size));
        }
        Ok(Exit::Done)
    }
}
