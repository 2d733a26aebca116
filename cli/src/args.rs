//! The options that every command has, and the table of commands.
//!
//! Help texts are not here: `help.rs` takes them from the Fluent catalogues, under
//! `help-<command>` and `help-<command>--<argument>`, and a test asks for each.

use crate::commands::{
    add, attach, backup, demo, device, doctor, edit, events, extract, fetch, forget, history, import, init,
    kinds, list, passphrase, quarantine, recover, recovery, relay, remove, resolve, restore, restore_item,
    show, status, sync, timeline, up,
};
use std::path::PathBuf;

/// A parsed command line.
#[derive(clap::Parser, Debug)]
#[command(name = "musette", version)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that may stand anywhere on the line.
#[derive(clap::Args, Debug)]
pub(crate) struct Global {
    #[arg(long, global = true, env = "MUSETTE_HOME", value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Read by `locale.rs` before parsing; declared here so that it is accepted and checked.
    #[arg(long, global = true, value_name = "fr|en", value_parser = ["fr", "en"])]
    pub(crate) lang: Option<String>,
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// What to do.
#[derive(clap::Subcommand, Debug)]
pub(crate) enum Command {
    Up(up::Up),
    Demo(demo::Demo),
    Init(init::Init),
    Recovery(recovery::Recovery),
    Passphrase(passphrase::Passphrase),
    Backup(backup::Backup),
    Restore(restore::Restore),
    Recover(recover::Recover),
    Status(status::Status),
    Sync(sync::Sync),
    Device(device::Device),
    Relay(relay::Relay),
    Quarantine(quarantine::Quarantine),
    Import(import::Import),
    Add(add::Add),
    List(list::List),
    Show(show::Show),
    Edit(edit::Edit),
    History(history::History),
    Resolve(resolve::Resolve),
    Attach(attach::Attach),
    Extract(extract::Extract),
    Fetch(fetch::Fetch),
    Remove(remove::Remove),
    RestoreItem(restore_item::RestoreItem),
    Forget(forget::Forget),
    Kinds(kinds::Kinds),
    Timeline(timeline::Timeline),
    Doctor(doctor::Doctor),
    Events(events::Events),
}
