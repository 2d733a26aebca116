//! `musette forget ID…`: for good, on every device.

use crate::client::{Connection, item_path};
use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::text::{count_of, list_of, text_of};
use crate::{dates, prompt, t};
use serde_json::{Value, json};

/// Titles that are shown before somebody is asked.
const SHOWN: usize = 20;

/// Forgets items for good.
#[derive(clap::Args, Debug)]
pub(crate) struct Forget {
    #[arg(value_name = "ID", required_unless_present = "trash")]
    ids: Vec<String>,
    #[arg(long, conflicts_with = "ids")]
    trash: bool,
    #[arg(long, value_name = "COUNT")]
    many: Option<usize>,
    #[arg(long)]
    yes: bool,
}

impl Forget {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let connection = context.connect().await?;
        let result = match self.confirm(context, &connection).await {
            Ok(()) => {
                let body = json!({ "ids": self.ids, "many": self.many });
                connection.post("/v1/items/forget", body).await
            }
            Err(failure) => Err(failure),
        };
        connection.close().await?;
        let answer = result?;
        if context.output.is_json() {
            context.output.json(&answer)?;
            return Ok(Exit::Done);
        }
        context.output.answer(&t!("forget-done", count = count_of(&answer, "forgotten")))?;
        for line in describe(&answer) {
            context.output.answer(&line)?;
        }
        Ok(Exit::Done)
    }

    /// It cannot be taken back, so somebody is asked.
    async fn confirm(&self, context: &Context, connection: &Connection) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        if !prompt::is_interactive() {
            return Err(Failure::usage(t!("usage-forget-yes")));
        }
        let items = self.items(connection).await?;
        for item in items.iter().take(SHOWN) {
            context.output.say(&t!("forget-item", title = text_of(item, "title").to_owned()));
        }
        if items.len() > SHOWN {
            context.output.say(&t!("forget-more", count = items.len() - SHOWN));
        }
        context.output.say(&t!("forget-what"));
        prompt::insist(&t!("forget-type"), &t!("forget-word"), "forget-not-confirmed")
    }

    /// What is to be forgotten.
    async fn items(&self, connection: &Connection) -> Result<Vec<Value>, Failure> {
        let trash = connection.get("/v1/items?trash=true&brief=true").await?;
        let trash = list_of(&trash, "items");
        if self.trash {
            return Ok(trash.to_vec());
        }
        let mut items = Vec::new();
        for id in &self.ids {
            let id = id.to_lowercase();
            let mut removed = trash.iter().filter(|item| text_of(item, "id").starts_with(&id));
            match (removed.next(), removed.next()) {
                (Some(item), None) => items.push(item.clone()),
                _ => items.push(connection.get(&item_path(&id)).await?),
            }
        }
        Ok(items)
    }
}

/// On how many devices nothing is left, and whom it waits for; nothing, if nothing was ever forgotten.
pub(super) fn describe(forgetting: &Value) -> Vec<String> {
    if count_of(forgetting, "items") == 0 {
        return Vec::new();
    }
    let (gone, of) = (count_of(forgetting, "gone"), count_of(forgetting, "of"));
    let mut lines = vec![t!("forget-gone", gone = gone, of = of)];
    lines.extend(list_of(forgetting, "waiting").iter().map(|device| {
        let name = text_of(device, "name").to_owned();
        match text_of(device, "last_seen") {
            _ if device["this"] == true => t!("forget-waits-here"),
            _ if device["connected"] == true => t!("forget-waits-connected", name = name),
            "" => t!("forget-waits", name = name),
            seen => t!("forget-waits-since", name = name, since = dates::instant(seen)),
        }
    }));
    lines
}
