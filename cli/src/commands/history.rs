//! `musette history ID`: who changed what, and when.

use crate::client::item_path;
use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::text::{list_of, text_of};
use crate::{dates, item, t};
use serde_json::{Value, json};

/// Tells an item's changes, oldest first.
#[derive(clap::Args, Debug)]
pub(crate) struct History {
    #[arg(value_name = "ID")]
    id: String,
}

impl History {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let path = item_path(&self.id);
        let connection = context.connect().await?;
        let item = connection.get(&path).await;
        let history = connection.get(&format!("{path}/history")).await;
        connection.close().await?;
        let (item, history) = (item?, history?);
        if context.output.is_json() {
            context.output.json(&history)?;
            return Ok(Exit::Done);
        }
        context.output.answer(&item::title(&item))?;
        for change in list_of(&history, "changes") {
            for line in describe(text_of(&item, "kind"), change) {
                context.output.answer(&line)?;
            }
        }
        Ok(Exit::Done)
    }
}

/// A change of an item of this kind: who made it, then a line for each field.
pub(super) fn describe(kind: &str, change: &Value) -> Vec<String> {
    let mut described = vec![heading(change)];
    described.extend(lines(kind, change));
    described
}

fn heading(change: &Value) -> String {
    let at = dates::instant(text_of(change, "at"));
    match (text_of(change, "device"), text_of(change, "source")) {
        ("", "") if at.is_empty() => t!("history-unknown"),
        ("", "") => t!("history-at", at = at),
        ("", source) => t!("history-imported", source = item::source_name(source)),
        (device, _) => t!("history-by", at = at, device = device.to_owned()),
    }
}

fn lines(kind: &str, change: &Value) -> Vec<String> {
    list_of(change, "fields")
        .iter()
        .map(|field| {
            let name = text_of(field, "field");
            let words = |end: &str| item::value_in_words(kind, name, &known(&field[end]));
            let label = item::field_label(kind, name);
            let (from, to) = (words("from"), words("to"));
            if known(&field["from"]).is_null() {
                t!("history-set", field = label, to = to)
            } else {
                t!("history-changed", field = label, from = from, to = to)
            }
        })
        .collect()
}

/// An empty list of values means that there was none.
fn known(values: &Value) -> Value {
    match values.as_array() {
        Some(list) if list.is_empty() => Value::Null,
        Some(_) => values.clone(),
        None => json!(null),
    }
}
