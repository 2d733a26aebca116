//! `musette up`: run the node in the foreground, making a Musette first where there is none.
//!
//! What it prints names ids, devices and counts, never a title: a terminal's output ends up
//! in log files.

use super::init;
use crate::client::Connection;
use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::interrupt::{self, Interrupts};
use crate::text::{list_of, short_id, text_of};
use crate::vault::{self, LockFlags};
use crate::{locale, t};
use musette_node::lifecycle::{self, NodeOptions};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::sync::mpsc;

/// A pause this long ends the gathering of changed items into one line: an import brings
/// thousands.
const GATHER: Duration = Duration::from_millis(500);
/// Events waiting to be told. Beyond this, lines are left out: the node must not wait for a
/// terminal that was stopped with Ctrl-S.
const QUEUE: usize = 1024;

/// What is told as soon as it is so, in quiet mode too: that nobody takes anything from this device any
/// more, or that somebody replaced the recovery words.
const LOUD: [&str; 4] = ["device-revoked", "copied", "words-replaced", "words-frozen"];

/// Runs the node.
#[derive(clap::Args, Debug)]
pub(crate) struct Up {
    #[arg(long, value_name = "ADDR")]
    listen: Vec<String>,
    #[arg(long)]
    no_discovery: bool,
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// For a program that starts a node and must not leave it behind, however it ends.
    #[arg(long, hide = true)]
    stop_with_input: bool,
}

impl Up {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        lifecycle::check_listen(&self.listen)?;
        let passphrase = if context.home.exists() {
            vault::unlock(context)?
        } else {
            let new = init::create(context, self.name, self.device, LockFlags::default())?;
            context.output.say(&t!("init-words-next"));
            new.passphrase
        };
        let options = NodeOptions { listen: self.listen, discovery: !self.no_discovery };
        let mut interrupts = Interrupts::listen()?;
        let mut node = lifecycle::start(&context.home, passphrase, options).await?;
        let connection = Connection::from(node.client());
        let ended = tokio::select! {
            () = interrupts.received() => Ok(()),
            () = interrupt::input_closed(), if self.stop_with_input => Ok(()),
            failure = node.failed() => Err(failure.into()),
            told = tell(context, &connection) => told,
        };
        context.output.say(&t!("up-stopping"));
        node.stop().await?;
        ended.map(|()| Exit::Done)
    }
}

/// Tells how the node is reached, then what happens, until the events end.
async fn tell(context: &Context, connection: &Connection) -> Result<(), Failure> {
    let status = connection.get("/v1/status").await?;
    if context.output.is_json() {
        context.output.json_line(&status)?;
    }
    for notice in list_of(&status, "notices").iter().filter(|one| text_of(one, "code") == "upgraded") {
        context.output.say(&super::status::notice(notice));
    }
    for address in list_of(&status, "listen") {
        let address = address.as_str().unwrap_or_default().to_owned();
        context.output.say(&t!("up-listening", address = address));
    }
    for notice in list_of(&status, "notices").iter().filter(|notice| notice["code"] == "device-recovered") {
        context.output.warn(&super::status::notice(notice));
    }
    let out = out(&connection.get("/v1/devices").await?).keys().cloned().collect();
    let mut teller = Teller { context, connection, connected: BTreeMap::new(), out, told: BTreeSet::new() };
    teller.tell_notices(&status);
    context.output.say(&t!("up-next"));
    let (sender, receiver) = mpsc::channel(QUEUE);
    let mut forward = move |event: Value| {
        let _ = sender.try_send(event);
    };
    tokio::select! {
        followed = connection.follow_events(&mut forward) => followed?,
        narrated = teller.narrate(receiver) => narrated?,
    }
    // The events end when the node does; why, only `failed` knows.
    std::future::pending().await
}

/// Puts events into words.
struct Teller<'a> {
    context: &'a Context,
    connection: &'a Connection,
    /// Which devices were connected when last looked at.
    connected: BTreeMap<String, bool>,
    /// Devices that were taken out, by id, when last looked at.
    out: BTreeSet<String>,
    /// What was told of [`LOUD`].
    told: BTreeSet<String>,
}

/// The names of the devices that were taken out, by id, but for this one.
fn out(devices: &Value) -> BTreeMap<String, String> {
    let others = list_of(devices, "revoked").iter().filter(|device| device["this"] != true);
    others.map(|device| (text_of(device, "id").to_owned(), text_of(device, "name").to_owned())).collect()
}

impl Teller<'_> {
    async fn narrate(&mut self, mut events: mpsc::Receiver<Value>) -> Result<(), Failure> {
        let mut changed: BTreeSet<String> = BTreeSet::new();
        loop {
            // Nothing gathered, nothing to wake up for.
            let patience = if changed.is_empty() { Duration::MAX } else { GATHER };
            let Ok(event) = tokio::time::timeout(patience, events.recv()).await else {
                self.tell_changes(&mut changed);
                continue;
            };
            let Some(event) = event else {
                return Ok(());
            };
            match text_of(&event, "event") {
                "item" => drop(changed.insert(text_of(&event, "id").to_owned())),
                "pairing" => self.tell_pairing(&event),
                "recovered" => self.tell_recovered(text_of(&event, "device")).await?,
                "words-replaced" => self.tell_notices(&self.connection.get("/v1/status").await?),
                "devices" | "missed" => {
                    self.tell_devices().await?;
                    self.tell_notices(&self.connection.get("/v1/status").await?);
                }
                _ => {}
            }
        }
    }

    fn tell_changes(&self, changed: &mut BTreeSet<String>) {
        if !changed.is_empty() {
            self.context.output.say(&t!("up-items", count = changed.len()));
            changed.clear();
        }
    }

    async fn tell_devices(&mut self) -> Result<(), Failure> {
        let answer = self.connection.get("/v1/devices").await?;
        for device in list_of(&answer, "devices").iter().filter(|device| device["this"] != true) {
            let is_connected = device["connected"] == true;
            let id = text_of(device, "id").to_owned();
            let was_connected = self.connected.insert(id, is_connected).unwrap_or(false);
            let name = text_of(device, "name").to_owned();
            match (was_connected, is_connected) {
                (false, true) => self.context.output.say(&t!("up-device-here", device = name)),
                (true, false) => self.context.output.say(&t!("up-device-gone", device = name)),
                _ => {}
            }
        }
        for (id, name) in out(&answer) {
            if self.out.insert(id) {
                self.context.output.say(&t!("up-device-out", device = name));
            }
        }
        Ok(())
    }

    fn tell_notices(&mut self, status: &Value) {
        for notice in list_of(status, "notices") {
            if LOUD.contains(&text_of(notice, "code")) && self.told.insert(notice.to_string()) {
                self.context.output.warn(&super::status::notice(notice));
            }
        }
    }

    /// The alarm if it was not their person who did that, so it is said in quiet mode too.
    async fn tell_recovered(&self, id: &str) -> Result<(), Failure> {
        let answer = self.connection.get("/v1/devices").await?;
        if let Some(device) = list_of(&answer, "devices").iter().find(|device| device["id"] == id) {
            // Not by its name, which whoever has the words chose.
            let args = json!({ "name": device["name"], "id": short_id(id) });
            let notice = json!({ "code": "device-recovered", "args": args });
            self.context.output.warn(&super::status::notice(&notice));
        }
        Ok(())
    }

    fn tell_pairing(&self, event: &Value) {
        let device = text_of(event, "device").to_owned();
        let line = match text_of(event, "state") {
            "confirm" => t!("up-pairing-confirm", device = device),
            "joined" => t!("up-pairing-joined", device = device),
            "waiting" => t!("up-pairing-waiting"),
            "failed" => {
                let told = json!({ "code": event["reason"] });
                let reason = locale::find_told("error", &told).unwrap_or_default();
                t!("up-pairing-failed", reason = reason)
            }
            _ => return,
        };
        self.context.output.say(&line);
    }
}
