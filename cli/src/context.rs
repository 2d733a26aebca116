//! What every command is given: the home, the way to speak, and the way to unlock.

use crate::args::Global;
use crate::client::Connection;
use crate::error::Failure;
use crate::output::Output;
use crate::{t, vault};
use musette_node::home::Home;

/// The surroundings of one command.
pub(crate) struct Context {
    pub(crate) global: Global,
    pub(crate) home: Home,
    pub(crate) output: Output,
}

impl Context {
    /// Finds the home; it need not exist yet.
    pub(crate) fn new(global: Global, output: Output) -> Result<Self, Failure> {
        let home = Home::locate(global.home.as_deref())?;
        Ok(Self { global, home, output })
    }

    /// Reaches the running node, or opens the store in this process.
    pub(crate) async fn connect(&self) -> Result<Connection, Failure> {
        self.require_home()?;
        if let Some(connection) = Connection::running(&self.home).await? {
            return Ok(connection);
        }
        let passphrase = vault::unlock(self)?;
        let connection = Connection::in_process(&self.home, passphrase).await?;
        if let Some(kept) = connection.upgraded_from() {
            let notice = t!("notice-upgraded", kept = kept.display().to_string());
            self.output.say(&t!("status-notice", notice = notice));
        }
        Ok(connection)
    }

    /// Refuses, with what to do, where there is no Musette yet.
    pub(crate) fn require_home(&self) -> Result<(), Failure> {
        if self.home.exists() {
            return Ok(());
        }
        Err(self.home.absence().into())
    }
}
