//! `musette device join TICKET`: make this computer one of the person's devices.
//!
//! It shows the words to compare, waits for the other device to confirm, and runs until the
//! first sync is done.

use crate::commands::init::device_name;
use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::output::progress::Bar;
use crate::vault::{self, LockFlags};
use crate::{locale, prompt, t};
use musette_node::home::VaultChoice;
use musette_node::lifecycle::{self, JoinEvent, JoinOptions};
use musette_node::words::pairing_words;
use serde_json::json;

/// Joins the person's other devices.
#[derive(clap::Args, Debug)]
pub(crate) struct Join {
    #[arg(value_name = "TICKET")]
    ticket: String,
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    lock: LockFlags,
    #[arg(long, value_name = "ADDR")]
    listen: Vec<String>,
    #[arg(long)]
    no_discovery: bool,
}

impl Join {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let ticket = self.ticket()?;
        lifecycle::check_ticket(&ticket)?;
        let vault = self.vault(context)?;
        let options = JoinOptions {
            ticket,
            device_name: device_name(self.device.clone(), !self.yes)?,
            vault,
            listen: self.listen,
            discovery: !self.no_discovery,
        };
        let bar = Bar::new(&context.output);
        let mut items = 0;
        let joined = lifecycle::join(&context.home, options, &mut |event| {
            if let JoinEvent::Synced { items: count } = &event {
                items = *count;
            }
            tell(context, &bar, event);
        })
        .await;
        bar.finish();
        joined?;
        if context.output.is_json() {
            context.output.json(&json!({ "joined": true, "items": items }))?;
        } else {
            context.output.answer(&t!("join-done", items = items))?;
        }
        context.output.say(&t!("join-next"));
        Ok(Exit::Done)
    }

    fn vault(&self, context: &Context) -> Result<VaultChoice, Failure> {
        let mut flags = self.lock;
        let is_silent = self.yes && context.global.passphrase_file.is_none();
        flags.no_passphrase |= is_silent && !flags.keyring;
        vault::choose(context, flags)
    }

    /// From standard input for `-`: arguments can be seen by other users of this computer.
    fn ticket(&self) -> Result<String, Failure> {
        let ticket =
            if self.ticket == "-" { prompt::read_line()?.unwrap_or_default() } else { self.ticket.clone() };
        Ok(ticket.trim().to_owned())
    }
}

fn tell(context: &Context, bar: &Bar, event: JoinEvent) {
    let output = &context.output;
    match event {
        JoinEvent::Connecting => output.say(&t!("join-connecting")),
        // In this person's language; the other device takes them in either.
        JoinEvent::Words(indices) => {
            let words = pairing_words(indices, locale::language().tag()).join(" ");
            output.warn(&t!("join-words", words = words));
            output.say(&t!("join-waiting"));
        }
        JoinEvent::Syncing { received } => bar.count(received, t!("join-syncing")),
        JoinEvent::Synced { .. } => bar.finish(),
    }
}
