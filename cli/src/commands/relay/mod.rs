//! `musette relay …`: meeting points for devices that cannot reach each other directly.

mod add;
mod list;
mod remove;

use crate::context::Context;
use crate::error::{Exit, Failure};

/// Adds, lists or removes relays.
#[derive(clap::Args, Debug)]
pub(crate) struct Relay {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand, Debug)]
enum Action {
    Add(add::Add),
    List(list::List),
    Remove(remove::Remove),
}

impl Relay {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self.action {
            Action::Add(add) => add.run(context).await,
            Action::List(list) => list.run(context).await,
            Action::Remove(remove) => remove.run(context).await,
        }
    }
}
