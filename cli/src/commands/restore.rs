//! `musette restore DIR`: a new device from a backup and the 24 words. From another device that runs:
//! `musette recover`.

use crate::commands::init::device_name;
use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::quantities::size_in_words;
use crate::text::count_of;
use crate::vault::{self, LockFlags};
use crate::{t, words};
use musette_node::lifecycle::{self, RestoreOptions, Restored};
use serde_json::json;
use std::path::PathBuf;

/// Makes a new device from a backup.
#[derive(clap::Args, Debug)]
pub(crate) struct Restore {
    #[arg(value_name = "DIR", required_unless_present = "alone")]
    dir: Option<PathBuf>,
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    #[command(flatten)]
    lock: LockFlags,
    #[arg(long)]
    alone: bool,
}

impl Restore {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self.dir.clone() {
            Some(dir) => self.restore(context, dir).await,
            None => go_alone(context).await,
        }
    }

    async fn restore(self, context: &Context, backup: PathBuf) -> Result<Exit, Failure> {
        // First the home: somebody who has one here should not have to search for the paper.
        if context.home.exists() {
            return Err(Failure::new("home-exists").with("home", context.home.path().display()));
        }
        self.lock.check()?;
        let words = words::ask(context)?;
        let device_name = device_name(self.device, true)?;
        let vault = vault::choose(context, self.lock)?;
        let options = RestoreOptions { backup, words, device_name, vault, alone: self.alone };
        let home = context.home.clone();
        let work = move || lifecycle::restore(&home, &options);
        let restored =
            tokio::task::spawn_blocking(work).await.map_err(|error| Failure::internal(&error))??;
        tell(context, &restored)?;
        Ok(if restored.damaged { Exit::Partly } else { Exit::Done })
    }
}

fn tell(context: &Context, restored: &Restored) -> Result<(), Failure> {
    let Restored { person, device, items, waits, attachments_missing, damaged, damaged_bytes, worn } =
        restored;
    let output = &context.output;
    let (name, named) = (person.clone(), u64::from(!person.is_empty()));
    if *damaged_bytes > 0 {
        output.warn(&t!("restore-damaged", size = size_in_words(*damaged_bytes)));
    } else if *damaged {
        output.warn(&t!("restore-incomplete"));
    } else if *worn {
        output.warn(&t!("restore-worn"));
    }
    if *attachments_missing > 0 {
        output.warn(&t!("restore-attachments-missing", count = *attachments_missing));
    }
    if output.is_json() {
        output.json(&json!({
            "person": person,
            "device": device,
            "items": items,
            "waits": waits,
            "attachments_missing": attachments_missing,
            "damaged": damaged,
            "damaged_bytes": damaged_bytes,
            "worn": worn,
        }))
    } else if *waits {
        output.answer(&t!("restore-waits", named = named, name = name))
    } else {
        output.answer(&t!("restore-done", named = named, name = name, items = *items))
    }
}

async fn go_alone(context: &Context) -> Result<Exit, Failure> {
    let connection = context.connect().await?;
    let result = connection.post("/v1/restore/alone", json!({})).await;
    connection.close().await?;
    let answer = result?;
    if context.output.is_json() {
        context.output.json(&answer)?;
    } else {
        context.output.answer(&t!("restore-alone", items = count_of(&answer, "items")))?;
    }
    Ok(Exit::Done)
}
