//! `musette recover [--at ADDRESS]`: a new device from the 24 words and another device that runs.
//!
//! For when nobody can make a ticket on the other device. From a backup: `musette restore`.

use crate::commands::init::device_name;
use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::output::progress::Bar;
use crate::vault::{self, LockFlags};
use crate::{t, words};
use musette_node::lifecycle::{self, RecoverEvent, RecoverOptions};
use serde_json::json;

/// Makes a new device with what another one has.
#[derive(clap::Args, Debug)]
pub(crate) struct Recover {
    #[arg(long, value_name = "ADDR")]
    at: Vec<String>,
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    #[command(flatten)]
    lock: LockFlags,
    #[arg(long, value_name = "ADDR")]
    listen: Vec<String>,
    #[arg(long)]
    no_discovery: bool,
}

impl Recover {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        // First the home: somebody who has one here should not have to search for the paper.
        if context.home.exists() {
            return Err(Failure::new("home-exists").with("home", context.home.path().display()));
        }
        if self.at.is_empty() && self.no_discovery {
            return Err(Failure::usage(t!("usage-recover-nowhere")));
        }
        self.lock.check()?;
        let words = words::ask(context)?;
        let device_name = device_name(self.device, true)?;
        let options = RecoverOptions {
            words,
            at: self.at,
            device_name,
            vault: vault::choose(context, self.lock)?,
            listen: self.listen,
            discovery: !self.no_discovery,
        };
        let bar = Bar::new(&context.output);
        let recovered =
            lifecycle::recover(&context.home, options, &mut |event| tell(context, &bar, event)).await;
        bar.finish();
        let recovered = recovered?;
        if context.output.is_json() {
            context.output.json(&json!({
                "person": recovered.person,
                "device": recovered.device,
                "by": recovered.by,
                "items": recovered.items,
            }))?;
        } else {
            context.output.answer(&t!("restore-done", name = recovered.person, items = recovered.items))?;
        }
        context.output.say(&t!("recover-next"));
        Ok(Exit::Done)
    }
}

fn tell(context: &Context, bar: &Bar, event: RecoverEvent) {
    match event {
        RecoverEvent::Searching => context.output.say(&t!("join-connecting")),
        RecoverEvent::LetIn { by } => context.output.say(&t!("recover-let-in", device = by)),
        RecoverEvent::Syncing { received } => bar.count(received, t!("join-syncing")),
        RecoverEvent::Synced { .. } => bar.finish(),
    }
}
