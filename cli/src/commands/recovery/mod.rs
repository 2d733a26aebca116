//! `musette recovery …`: the 24 words that bring a Musette back when every device is lost.

mod check;
mod replace;
mod show;

use crate::context::Context;
use crate::error::{Exit, Failure};

/// What to do with the words.
#[derive(clap::Args, Debug)]
pub(crate) struct Recovery {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand, Debug)]
enum Action {
    Show(show::Show),
    Check(check::Check),
    Replace(replace::Replace),
}

impl Recovery {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self.action {
            Action::Show(show) => show.run(context).await,
            Action::Check(check) => check.run(context).await,
            Action::Replace(replace) => replace.run(context).await,
        }
    }
}
