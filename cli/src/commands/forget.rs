//! `musette forget ID…`: for good, on every device.

use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::text::{count_of, list_of, text_of};
use crate::{dates, prompt, t};
use serde_json::{Value, json};

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
        let result = match self.confirm(context) {
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
    fn confirm(&self, context: &Context) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        if !prompt::is_interactive() {
            return Err(Failure::usage(t!("usage-forget-yes")));
        }
        context.output.say(&t!("forget-what"));
        let typed = prompt::ask(&t!("forget-type"), None)?;
        if typed == t!("forget-word") { Ok(()) } else { Err(Failure::new("forget-not-confirmed")) }
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
            "" => t!("forget-waits", name = name),
            seen => t!("forget-waits-since", name = name, since = dates::instant(seen)),
        }
    }));
    lines
}
