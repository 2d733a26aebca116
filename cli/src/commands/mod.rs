//! The commands, a file each. A command asks the local API and tells what it said.

pub(crate) mod add;
pub(crate) mod attach;
pub(crate) mod backup;
pub(crate) mod demo;
pub(crate) mod device;
pub(crate) mod doctor;
pub(crate) mod edit;
pub(crate) mod events;
pub(crate) mod extract;
pub(crate) mod fetch;
pub(crate) mod forget;
pub(crate) mod history;
pub(crate) mod import;
pub(crate) mod init;
pub(crate) mod kinds;
pub(crate) mod list;
pub(crate) mod passphrase;
pub(crate) mod quarantine;
pub(crate) mod recover;
pub(crate) mod recovery;
pub(crate) mod relay;
pub(crate) mod remove;
pub(crate) mod resolve;
pub(crate) mod restore;
pub(crate) mod restore_item;
pub(crate) mod show;
pub(crate) mod status;
pub(crate) mod sync;
pub(crate) mod timeline;
pub(crate) mod up;

use crate::args::{Arguments, Command};
use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::output::Output;

/// Runs what was asked for.
pub(crate) async fn run(arguments: Arguments, mut output: Output) -> Result<Exit, Failure> {
    output.set(arguments.global.json, arguments.global.quiet);
    let context = Context::new(arguments.global, output)?;
    match arguments.command {
        Command::Up(command) => command.run(&context).await,
        Command::Demo(command) => command.run(&context).await,
        Command::Init(command) => command.run(&context),
        Command::Recovery(command) => command.run(&context).await,
        Command::Passphrase(command) => command.run(&context).await,
        Command::Backup(command) => command.run(&context).await,
        Command::Recover(command) => command.run(&context).await,
        Command::Restore(command) => command.run(&context).await,
        Command::Status(command) => command.run(&context).await,
        Command::Sync(command) => command.run(&context).await,
        Command::Device(command) => command.run(&context).await,
        Command::Relay(command) => command.run(&context).await,
        Command::Quarantine(command) => command.run(&context).await,
        Command::Import(command) => command.run(&context).await,
        Command::Add(command) => command.run(&context).await,
        Command::List(command) => command.run(&context).await,
        Command::Show(command) => command.run(&context).await,
        Command::Edit(command) => command.run(&context).await,
        Command::History(command) => command.run(&context).await,
        Command::Resolve(command) => command.run(&context).await,
        Command::Attach(command) => command.run(&context).await,
        Command::Extract(command) => command.run(&context).await,
        Command::Fetch(command) => command.run(&context).await,
        Command::Remove(command) => command.run(&context).await,
        Command::RestoreItem(command) => command.run(&context).await,
        Command::Forget(command) => command.run(&context).await,
        Command::Kinds(command) => command.run(&context),
        Command::Timeline(command) => command.run(&context).await,
        Command::Doctor(command) => command.run(&context).await,
        Command::Events(command) => command.run(&context).await,
    }
}
