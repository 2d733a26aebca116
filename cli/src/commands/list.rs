//! `musette list [KIND] [--all]`: what is in the bag.
//!
//! Lines are shown as items come, some at a time: of a long list the first are read long before the
//! last are there. The first ones say how wide the columns are.

use crate::client::with_query;
use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::output::Output;
use crate::text::{self, Columns, text_of};
use crate::{item, t};
use serde_json::Value;
use std::ops::ControlFlow;

/// Lines that are laid out and shown together.
const PAGE: usize = 1_000;

/// Lists items.
#[derive(clap::Args, Debug)]
pub(crate) struct List {
    #[arg(value_name = "KIND")]
    kind: Option<String>,
    #[arg(long)]
    all: bool,
    #[arg(long, conflicts_with = "all")]
    trash: bool,
}

impl List {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let flag = |set: bool| set.then_some("true");
        let brief = !context.output.is_json();
        let asked = [
            ("kind", self.kind.as_deref()),
            ("all", flag(self.all)),
            ("trash", flag(self.trash)),
            ("brief", flag(brief)),
        ];
        let path = with_query("/v1/items", &asked);
        let connection = context.connect().await?;
        if context.output.is_json() {
            let result = connection.get(&path).await;
            connection.close().await?;
            context.output.json(&result?)?;
            return Ok(Exit::Done);
        }
        let mut lines = Lines::new(&context.output);
        let result = connection.items(&path, &mut |item| lines.push(item)).await;
        connection.close().await?;
        result?;
        let count = lines.finish()?;
        context.output.say(&t!("list-count", count = count));
        Ok(Exit::Done)
    }
}

/// Items on their way to the terminal.
struct Lines<'a> {
    output: &'a Output,
    waiting: Vec<Value>,
    columns: Option<Columns>,
    count: usize,
    shown: Result<(), Failure>,
}

impl<'a> Lines<'a> {
    fn new(output: &'a Output) -> Self {
        Self { output, waiting: Vec::new(), columns: None, count: 0, shown: Ok(()) }
    }

    fn push(&mut self, item: Value) -> ControlFlow<()> {
        self.waiting.push(item);
        if self.waiting.len() == PAGE {
            self.shown = self.show();
        }
        if self.shown.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    /// Shows what is left, and gives how many there were.
    fn finish(mut self) -> Result<usize, Failure> {
        self.shown?;
        if !self.waiting.is_empty() {
            self.shown = Ok(());
            self.show()?;
        }
        Ok(self.count)
    }

    fn show(&mut self) -> Result<(), Failure> {
        let rows = rows(&self.waiting);
        let columns = self.columns.get_or_insert_with(|| Columns::of(&rows, self.output.width()));
        let lines = columns.lines(&rows);
        self.count += lines.len();
        self.waiting.clear();
        self.output.answer(&lines.join("\n"))
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
