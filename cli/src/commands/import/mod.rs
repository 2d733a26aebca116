//! `musette import …`: files that services hand over, as items.

mod files;
mod list;
mod undo;

pub(super) use files::absolute;

use crate::context::Context;
use crate::error::{Exit, Failure};

/// Imports files, lists imports, or takes one back. A file that is called `list` or `undo`
/// is given as `./list`.
#[derive(clap::Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Import {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    files: files::Files,
}

#[derive(clap::Subcommand, Debug)]
enum Action {
    List(list::List),
    Undo(undo::Undo),
}

impl Import {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self.action {
            Some(Action::List(list)) => list.run(context).await,
            Some(Action::Undo(undo)) => undo.run(context).await,
            None => self.files.run(context).await,
        }
    }
}
