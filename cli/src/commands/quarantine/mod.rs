//! `musette quarantine …`: what devices did after they were taken out.

mod accept;
mod list;

use crate::context::Context;
use crate::error::{Exit, Failure};

/// What to do with it.
#[derive(clap::Args, Debug)]
pub(crate) struct Quarantine {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand, Debug)]
enum Action {
    List(list::List),
    Accept(accept::Accept),
}

impl Quarantine {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self.action {
            Action::List(list) => list.run(context).await,
            Action::Accept(accept) => accept.run(context).await,
        }
    }
}
