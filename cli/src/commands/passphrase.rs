//! `musette passphrase`: another lock for this device's vault.

use crate::client::Connection;
use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::{prompt, t, vault};
use musette_node::home::VaultChoice;
use serde_json::json;
use std::path::PathBuf;

/// Changes the passphrase of this device.
#[derive(clap::Args, Debug)]
pub(crate) struct Passphrase {
    #[arg(long, value_name = "FILE", conflicts_with = "no_passphrase")]
    new: Option<PathBuf>,
    #[arg(long)]
    no_passphrase: bool,
}

impl Passphrase {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        context.require_home()?;
        // Asked for even while a node runs: an unlocked node is not the person.
        let current = vault::unlock(context)?;
        let new = match (&self.new, self.no_passphrase) {
            (_, true) => VaultChoice::KeyFile,
            (Some(file), _) => VaultChoice::Passphrase(vault::read(file)?),
            (None, _) if prompt::is_interactive() => vault::ask_new(context)?,
            (None, _) => return Err(Failure::usage(t!("usage-passphrase-new"))),
        };
        let new = match &new {
            VaultChoice::Passphrase(new) => Some(new.as_str()),
            VaultChoice::KeyFile => None,
        };
        let request = json!({ "passphrase": current.as_deref(), "new": new });
        let connection = match Connection::running(&context.home).await? {
            Some(connection) => connection,
            None => Connection::in_process(&context.home, current).await?,
        };
        let result = connection.post("/v1/passphrase", request).await;
        connection.close().await?;
        let answer = result?;
        if context.output.is_json() {
            context.output.json(&answer)?;
        } else if new.is_some() {
            context.output.answer(&t!("passphrase-changed"))?;
        } else {
            context.output.answer(&t!("vault-key-file"))?;
        }
        Ok(Exit::Done)
    }
}
