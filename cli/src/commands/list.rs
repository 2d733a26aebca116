//! `musette list [KIND] [--all]`: what is in the bag.

use crate::client::with_query;
use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::text::{self, list_of, text_of};
use crate::{item, t};
use serde_json::Value;

/// Lists items.
#[derive(clap::Args, Debug)]
pub(crate) struct List {
    #[arg(value_name = "KIND")]
    kind: Option<String>,
    #[arg(long)]
    all: bool,
}

impl List {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let flag = |set: bool| set.then_some("true");
        let brief = !context.output.is_json();
        let asked = [("kind", self.kind.as_deref()), ("all", flag(self.all)), ("brief", flag(brief))];
        let path = with_query("/v1/items", &asked);
        let connection = context.connect().await?;
        let result = connection.get(&path).await;
        connection.close().await?;
        let answer = result?;
        if context.output.is_json() {
            context.output.json(&answer)?;
            return Ok(Exit::Done);
        }
        let items = list_of(&answer, "items");
        for line in text::table(&rows(items), context.output.width()) {
            context.output.answer(&line)?;
        }
        context.output.say(&t!("list-count", count = items.len()));
        Ok(Exit::Done)
    }
}

fn rows(items: &[Value]) -> Vec<Vec<String>> {
    let ids: Vec<_> = items.iter().map(|item| text_of(item, "id")).collect();
    text::short_ids(&ids)
        .into_iter()
        .zip(items)
        .map(|(id, item)| {
            let mut title = item::title(item);
            if item.get("conflicts").is_some() {
                title = t!("list-conflict", title = title);
            }
            let kind = item::kind_label(text_of(item, "kind"));
            vec![id.to_owned(), kind, title, item::when(item)]
        })
        .collect()
}
