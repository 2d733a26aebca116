//! `musette device revoke DEVICE`: take a device out that was lost, stolen or given away.

use crate::client::{Connection, encode};
use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::text::{list_of, names_of, short_id, text_of};
use crate::{prompt, t, words};
use serde_json::{Value, json};

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
        let result = match self.confirmed(context, &connection).await {
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
        if answer["changed"] == false {
            context.output.answer(&t!("revoke-already", name = name.clone()))?;
        } else {
            context.output.answer(&t!("revoke-done", name = name.clone()))?;
            let restored = names_of(&answer, "restored");
            if !restored.is_empty() {
                context.output.answer(&t!("revoke-restored", devices = restored))?;
            }
            context.output.say(&t!("revoke-next"));
        }
        let out = names_of(&answer, "out");
        if self.words && !out.is_empty() {
            context.output.say(&t!("revoke-still-out", name = name, devices = out));
        }
        Ok(Exit::Done)
    }

    /// It cannot be taken back, so somebody is asked.
    async fn confirmed(&self, context: &Context, connection: &Connection) -> Result<Value, Failure> {
        if !self.yes {
            if !prompt::is_interactive() {
                return Err(Failure::usage(t!("usage-revoke-yes")));
            }
            let devices = connection.get("/v1/devices").await?;
            let meant = self.meant(&devices);
            let name = meant.map_or(self.device.as_str(), |device| text_of(device, "name")).to_owned();
            if let Some(device) = meant {
                let id = short_id(text_of(device, "id")).to_owned();
                context.output.say(&t!("revoke-what", name = name.clone(), id = id));
            }
            prompt::insist(&t!("revoke-type-name"), &name, "revoke-not-confirmed")?;
        }
        let words = if self.words { Some(words::ask(context)?) } else { None };
        Ok(json!({ "restore": self.restore, "words": words.as_deref() }))
    }

    /// The device that is meant, if that is one; else the node says what is wrong with what was typed.
    fn meant<'a>(&self, devices: &'a Value) -> Option<&'a Value> {
        let all = list_of(devices, "devices").iter().chain(list_of(devices, "revoked"));
        let is_meant = |device: &&Value| {
            text_of(device, "name") == self.device
                || text_of(device, "id").starts_with(&self.device.to_lowercase())
        };
        let meant: Vec<&Value> = all.filter(is_meant).collect();
        if let [one] = meant.as_slice() { Some(one) } else { None }
    }
}
