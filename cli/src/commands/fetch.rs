//! `musette fetch ID NAME`: bring an attachment here from another device.

use super::{device::absent, status::waiting_in_words};
use crate::client::{encode, item_path};
use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::output::progress;
use crate::text::{count_of, list_of, text_of};
use crate::{quantities, t};
use serde_json::{Value, json};

/// Fetches an attachment. It goes on in the background when this command is stopped.
#[derive(clap::Args, Debug)]
pub(crate) struct Fetch {
    #[arg(value_name = "ID")]
    id: String,
    #[arg(value_name = "NAME")]
    name: String,
}

/// The person's other devices, none of them connected: who of them has an attachment is not known before.
fn others(devices: &Value) -> impl Iterator<Item = String> {
    list_of(devices, "devices").iter().filter(|device| device["this"] != true).map(absent)
}

impl Fetch {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let connection = context.connect().await?;
        let devices = connection.get("/v1/devices").await?;
        let bar = progress::Bar::new(&context.output);
        let path = format!("{}/attachments/{}/fetch", item_path(&self.id), encode(&self.name));
        let mut said = String::new();
        let mut tell = |line: Value| {
            let progress = &line["progress"];
            let why = text_of(progress, "why");
            // Once for each reason: it may stay for hours.
            if why != said && !why.is_empty() {
                bar.say(&context.output, &t!("fetch-waits", waiting = waiting_in_words(progress)));
                for device in others(&devices).filter(|_| why == "nobody-there") {
                    bar.say(&context.output, &device);
                }
                bar.say(&context.output, &t!("fetch-goes-on"));
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
            let size = quantities::size_in_words(count_of(&fetched, "total"));
            context.output.say(&t!("fetch-done", name = self.name, size = size));
        }
        Ok(Exit::Done)
    }
}
