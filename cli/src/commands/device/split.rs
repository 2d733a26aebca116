//! `musette device split NAME`: one of two copies of a folder becomes a device of its own.

use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::{t, vault};
use musette_node::lifecycle;
use serde_json::json;

/// Makes a device of its own of a copy.
#[derive(clap::Args, Debug)]
pub(crate) struct Split {
    #[arg(value_name = "NAME")]
    name: String,
    #[arg(long)]
    without_quarantine: bool,
}

impl Split {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        context.require_home()?;
        let passphrase = vault::unlock(context)?;
        let (home, name, without_quarantine) =
            (context.home.clone(), self.name.clone(), self.without_quarantine);
        let work = move || {
            let passphrase = passphrase.as_ref().map(|one| one.as_str());
            lifecycle::split(&home, passphrase, &name, without_quarantine)
        };
        let split = tokio::task::spawn_blocking(work).await.map_err(|error| Failure::internal(&error))??;
        if context.output.is_json() {
            let answer = json!({
                "device": split.device,
                "copied_from": split.copied_from,
                "changes": split.changes,
                "parted": split.parted,
            });
            context.output.json(&answer)?;
            return Ok(Exit::Done);
        }
        let told = t!("split-done", name = self.name, changes = split.changes);
        context.output.answer(&told)?;
        let next =
            if split.parted { t!("split-next-parted", from = split.copied_from) } else { t!("split-next") };
        context.output.say(&next);
        Ok(Exit::Done)
    }
}
