//! The story of the demo, act by act.

use super::bag::{self, Entry};
use super::node::{ADDRESS, DEADLINE, Node, pause};
use crate::client::item_path;
use crate::context::Context;
use crate::error::Failure;
use crate::text::{self, list_of, text_of};
use crate::{item, t, timeline_drawing};
use serde_json::{Value, json};
use std::time::Instant;

/// Items that the demo must end with at least.
const MINIMUM_ITEMS: usize = 20;

/// What both nodes hold at the end.
pub(super) struct Digests {
    pub(super) laptop: String,
    pub(super) phone: String,
    pub(super) items: usize,
}

impl Digests {
    pub(super) fn hold(&self) -> bool {
        self.laptop == self.phone && self.items >= MINIMUM_ITEMS
    }
}

/// Plays the whole story.
pub(super) async fn tell(context: &Context, laptop: &mut Node, phone: &mut Node) -> Result<Digests, Failure> {
    begin(context, laptop).await?;
    pair(context, laptop, phone).await?;
    let shared = write_on_the_phone(context, laptop, phone).await?;
    edit_offline(context, laptop, phone, &shared).await?;
    meet_again(context, laptop, phone, &shared).await?;
    show_timeline(context, phone).await?;
    compare(laptop, phone).await
}

/// Ids of the items that are edited on both sides.
struct Shared {
    /// Edited in different fields.
    job: String,
    /// Edited in the same field.
    summer: String,
}

async fn begin(context: &Context, laptop: &mut Node) -> Result<(), Failure> {
    let output = &context.output;
    output.say(&t!("demo-hello"));
    output.say(&t!("demo-begin", device = laptop.device().to_owned()));
    let init = ["init", "--name", bag::NAME, "--device", laptop.device(), "--no-passphrase"];
    laptop.command(&init, None).await?;
    laptop.start().await?;
    add(laptop, bag::LAPTOP).await?;
    output.say(&t!("demo-collected", count = bag::LAPTOP.len()));
    Ok(())
}

async fn pair(context: &Context, laptop: &Node, phone: &mut Node) -> Result<(), Failure> {
    let output = &context.output;
    output.say(&t!("demo-invite", device = phone.device().to_owned()));
    let invitation = laptop.command(&["--json", "device", "invite", "--yes"], None).await?;
    let invitation: Value = serde_json::from_slice(&invitation).map_err(|error| Failure::internal(&error))?;
    let device = phone.device().to_owned();
    let join = ["device", "join", "-", "--device", &device, "--yes", "--no-discovery", "--listen", ADDRESS];
    phone.command(&join, Some(text_of(&invitation, "ticket"))).await?;
    phone.start().await?;
    let count = agree(laptop, phone, |items| items.len() == bag::LAPTOP.len()).await?.len();
    output.say(&t!("demo-joined", device = device, count = count));
    Ok(())
}

async fn write_on_the_phone(context: &Context, laptop: &Node, phone: &Node) -> Result<Shared, Failure> {
    add(phone, bag::PHONE).await?;
    let expected = bag::LAPTOP.len() + bag::PHONE.len();
    let items = agree(laptop, phone, |items| items.len() == expected).await?;
    context.output.say(&t!("demo-live", count = bag::PHONE.len(), total = expected));
    Ok(Shared {
        job: find(&items, "organisation", bag::JOB)?,
        summer: find(&items, "organisation", bag::SUMMER)?,
    })
}

/// Both nodes stop; each home is edited by itself.
async fn edit_offline(
    context: &Context,
    laptop: &mut Node,
    phone: &mut Node,
    shared: &Shared,
) -> Result<(), Failure> {
    laptop.stop().await?;
    phone.stop().await?;
    context.output.say(&t!("demo-offline"));
    edit(laptop, &shared.job, "description", json!(bag::JOB_DESCRIPTION)).await?;
    edit(phone, &shared.job, "skills", json!(bag::JOB_SKILLS)).await?;
    context.output.say(&t!("demo-two-fields", organisation = bag::JOB));
    edit(laptop, &shared.summer, "role", json!(bag::SUMMER_ROLES[0])).await?;
    edit(phone, &shared.summer, "role", json!(bag::SUMMER_ROLES[1])).await?;
    context.output.say(&t!("demo-same-field", organisation = bag::SUMMER));
    Ok(())
}

async fn meet_again(
    context: &Context,
    laptop: &mut Node,
    phone: &mut Node,
    shared: &Shared,
) -> Result<(), Failure> {
    let output = &context.output;
    laptop.start().await?;
    phone.start().await?;
    let is_conflict = |item: &Value| list_of(&item["conflicts"], "role").len() == 2;
    let items = agree(laptop, phone, |items| {
        by_id(items, &shared.summer).is_some_and(is_conflict)
            && by_id(items, &shared.job).is_some_and(has_both_edits)
    })
    .await?;
    output.say(&t!("demo-merged"));
    for value in by_id(&items, &shared.summer).map_or(&[][..], |item| list_of(&item["conflicts"], "role")) {
        output.say(&format!("  • {}", item::value_in_words("activity", "role", value)));
    }
    let chosen = json!({ "set": { "role": bag::SUMMER_ROLES[1] } });
    let connection = phone.connect().await?;
    connection.post(&format!("{}/resolve", item_path(&shared.summer)), chosen).await?;
    agree(laptop, phone, |items| {
        by_id(items, &shared.summer).is_some_and(|item| {
            item.get("conflicts").is_none() && text_of(&item["fields"], "role") == bag::SUMMER_ROLES[1]
        })
    })
    .await?;
    output.say(&t!("demo-resolved", role = bag::SUMMER_ROLES[1]));
    Ok(())
}

fn has_both_edits(item: &Value) -> bool {
    let fields = &item["fields"];
    text_of(fields, "description") == bag::JOB_DESCRIPTION
        && bag::JOB_SKILLS.iter().all(|skill| list_of(fields, "skills").contains(&json!(skill)))
}

async fn show_timeline(context: &Context, phone: &Node) -> Result<(), Failure> {
    let output = &context.output;
    output.say(&t!("demo-timeline", device = phone.device().to_owned()));
    if output.is_json() {
        return Ok(());
    }
    let connection = phone.connect().await?;
    let timeline = connection.get("/v1/timeline").await?;
    for line in timeline_drawing::draw(list_of(&timeline, "entries"), output.width().min(100)) {
        output.answer(&line)?;
    }
    Ok(())
}

/// Asks each home by a process of its own, as anybody would.
async fn compare(laptop: &Node, phone: &Node) -> Result<Digests, Failure> {
    let list = ["--json", "list", "--all"];
    let (one, other) = (laptop.command(&list, None).await?, phone.command(&list, None).await?);
    let listed: Value = serde_json::from_slice(&one).map_err(|error| Failure::internal(&error))?;
    Ok(Digests {
        laptop: blake3::hash(&one).to_hex().to_string(),
        phone: blake3::hash(&other).to_hex().to_string(),
        items: list_of(&listed, "items").len(),
    })
}

/// Waits until both hold the same items and these are as expected.
async fn agree(
    laptop: &Node,
    phone: &Node,
    is_expected: impl Fn(&[Value]) -> bool,
) -> Result<Vec<Value>, Failure> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let (one, other) = (laptop.items().await?, phone.items().await?);
        match one {
            Value::Array(items) if other == Value::Array(items.clone()) && is_expected(&items) => {
                return Ok(items);
            }
            _ => pause(deadline).await?,
        }
    }
}

async fn add(node: &Node, entries: &[Entry]) -> Result<(), Failure> {
    let connection = node.connect().await?;
    for entry in entries {
        connection.post("/v1/items", entry.body()).await?;
    }
    Ok(())
}

async fn edit(node: &Node, id: &str, field: &str, value: Value) -> Result<(), Failure> {
    let connection = node.connect().await?;
    let edited = connection.patch(&item_path(id), json!({ "set": { field: value } })).await;
    connection.close().await?;
    edited.map(|_| ())
}

fn by_id<'a>(items: &'a [Value], id: &str) -> Option<&'a Value> {
    items.iter().find(|item| text_of(item, "id") == id)
}

fn find(items: &[Value], field: &str, value: &str) -> Result<String, Failure> {
    items
        .iter()
        .find(|item| text_of(item, "kind") == "activity" && text_of(&item["fields"], field) == value)
        .map(|item| text_of(item, "id").to_owned())
        .ok_or_else(|| Failure::new("not-found").with("id", text::one_line(value)))
}
