//! `musette device revoke DEVICE`: take a device out that was lost, stolen or given away.

use crate::client::encode;
use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::text::text_of;
use crate::{prompt, t, words};
use serde_json::json;

/// Takes a device out.
#[derive(clap::Args, Debug)]
pub(crate) struct Revoke {
    #[arg(value_name = "DEVICE")]
    device: String,
    #[arg(long, value_name = "DEVICE")]
    restore: Vec<String>,
    #[arg(long)]
    words: bool,
    #[arg(long)]
    yes: bool,
}

impl Revoke {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let connection = context.connect().await?;
        let result = match self.confirmed(context) {
            Ok(body) => {
                let path = format!("/v1/devices/{}/revoke", encode(&self.device));
                connection.post(&path, body).await
            }
            Err(failure) => Err(failure),
        };
        connection.close().await?;
        let answer = result?;
        if context.output.is_json() {
            context.output.json(&answer)?;
            return Ok(Exit::Done);
        }
        let name = text_of(&answer["device"], "name").to_owned();
        context.output.answer(&t!("revoke-done", name = name))?;
        context.output.say(&t!("revoke-next"));
        Ok(Exit::Done)
    }

    /// It cannot be taken back, so somebody is asked.
    fn confirmed(&self, context: &Context) -> Result<serde_json::Value, Failure> {
        if !self.yes {
            if !prompt::is_interactive() {
                return Err(Failure::usage(t!("usage-revoke-yes")));
            }
            context.output.say(&t!("revoke-what", name = self.device.clone()));
            let typed = prompt::ask(&t!("revoke-type-name"), None)?;
            if typed != self.device {
                return Err(Failure::new("revoke-not-confirmed"));
            }
        }
        let words = if self.words { Some(words::ask(context)?) } else { None };
        Ok(json!({ "restore": self.restore, "words": words.as_deref() }))
    }
}
