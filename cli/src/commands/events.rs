//! `musette events`: what changes, one JSON document a line, for programs.

use crate::client::Connection;
use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::interrupt::Interrupts;
use tokio::sync::oneshot;

/// Follows the running node until it or the reader goes away.
#[derive(clap::Args, Debug)]
pub(crate) struct Events {}

impl Events {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        context.require_home()?;
        let Some(connection) = Connection::running(&context.home).await? else {
            return Err(Failure::new("needs-running-node"));
        };
        let output = context.output.clone();
        let (sender, unwritable) = oneshot::channel();
        let mut sender = Some(sender);
        // Writing here, not behind a queue: a slow reader then slows the stream down.
        let mut print = move |line| {
            if let Err(failure) = output.json_line(&line) {
                sender.take().map(|sender| sender.send(failure));
            }
        };
        let mut interrupts = Interrupts::listen()?;
        tokio::select! {
            followed = connection.follow_events(&mut print) => followed?,
            Ok(failure) = unwritable => return Err(failure),
            () = interrupts.received() => {}
        }
        Ok(Exit::Done)
    }
}
