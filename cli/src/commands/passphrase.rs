//! `musette passphrase`: another lock for this device's vault.

use crate::client::Connection;
use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::text::text_of;
use crate::vault::{self, LockFlags};
use crate::{prompt, t};
use musette_node::home::VaultChoice;
use serde_json::json;
use std::path::PathBuf;

/// Changes the passphrase of this device.
#[derive(clap::Args, Debug)]
pub(crate) struct Passphrase {
    #[arg(long, value_name = "FILE", conflicts_with_all = ["no_passphrase", "keyring"])]
    new: Option<PathBuf>,
    #[command(flatten)]
    lock: LockFlags,
}

impl Passphrase {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        context.require_home()?;
        // Asked for even while a node runs: an unlocked node is not the person.
        let current = vault::unlock(context)?;
        let new = match (&self.new, self.lock.choice()) {
            (_, Some(choice)) => choice,
            (Some(file), _) => VaultChoice::Passphrase(vault::read(file)?),
            (None, _) if prompt::is_interactive() => vault::ask_new(context)?,
            (None, _) => return Err(Failure::usage(t!("usage-passphrase-new"))),
        };
        let mut request = json!({ "passphrase": current.as_deref() });
        match &new {
            VaultChoice::Passphrase(new) => request["new"] = new.as_str().into(),
            VaultChoice::Keyring => request["keyring"] = true.into(),
            VaultChoice::KeyFile => {}
        }
        let connection = match Connection::running(&context.home).await? {
            Some(connection) => connection,
            None => Connection::in_process(&context.home, current).await?,
        };
        let result = connection.post("/v1/passphrase", request).await;
        connection.close().await?;
        let answer = result?;
        if context.output.is_json() {
            context.output.json(&answer)?;
            return Ok(Exit::Done);
        }
        let was_keyring = text_of(&answer, "before") == "keyring";
        context.output.answer(&match new {
            VaultChoice::Passphrase(_) if was_keyring => t!("passphrase-set"),
            VaultChoice::Passphrase(_) => t!("passphrase-changed"),
            VaultChoice::Keyring => t!("vault-keyring"),
            VaultChoice::KeyFile => t!("vault-key-file"),
        })?;
        if was_keyring {
            context.output.answer(&t!("keyring-emptied"))?;
        }
        Ok(Exit::Done)
    }
}
