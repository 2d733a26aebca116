//! `musette doctor [--rebuild | --compact | net]`: is everything in order, and if not, what to do.
//! Rebuilding needs the home for itself: no node may run on it. Compacting gives back the space of
//! what was replaced; a node does so by itself when it is worth it.

mod net;

use crate::client::Connection;
use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::text::{count_of, list_of, text_of};
use crate::{locale, quantities, t, vault};
use serde_json::{Value, json};

/// The notices that say what a repair did, and what it could not do.
const REPAIRS: [&str; 5] = ["damage-skipped", "healed", "healing", "torn-tail", "index-rebuilt"];

/// Checks a home, or rebuilds its index from the journal.
#[derive(clap::Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Doctor {
    #[arg(long)]
    rebuild: bool,
    #[arg(long, conflicts_with = "rebuild")]
    compact: bool,
    #[command(subcommand)]
    part: Option<Part>,
}

/// What is looked at alone.
#[derive(clap::Subcommand, Debug)]
enum Part {
    Net(net::Net),
}

impl Doctor {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        if let Some(Part::Net(net)) = self.part {
            return net.run(context).await;
        }
        let connection = if self.rebuild {
            context.require_home()?;
            Connection::rebuild(&context.home, vault::unlock(context)?).await?
        } else {
            context.connect().await?
        };
        if self.compact {
            let result = connection.post("/v1/doctor/compact", json!({})).await;
            connection.close().await?;
            return told(context, &result?);
        }
        let result = connection.get("/v1/doctor").await;
        connection.close().await?;
        let answer = result?;
        let checks = list_of(&answer, "checks");
        let is_sound = checks.iter().all(|check| check["ok"] == true);
        if context.output.is_json() {
            context.output.json(&answer)?;
        } else {
            if self.rebuild {
                context.output.answer(&t!("doctor-rebuilt"))?;
            }
            for check in checks {
                context.output.answer(&describe(check))?;
            }
            let told = |one: &&Value| REPAIRS.contains(&text_of(one, "code"));
            for repair in list_of(&answer, "notices").iter().filter(told) {
                context.output.answer(&super::status::notice(repair))?;
            }
            let verdict = if is_sound { t!("doctor-sound") } else { t!("doctor-unsound") };
            context.output.say(&verdict);
        }
        Ok(if is_sound { Exit::Done } else { Exit::Failed })
    }
}

fn told(context: &Context, compacted: &Value) -> Result<Exit, Failure> {
    if context.output.is_json() {
        context.output.json(compacted)?;
    } else {
        let size = |part: &str| quantities::size_in_words(count_of(compacted, part));
        context.output.answer(&t!("doctor-compacted", before = size("before"), after = size("after")))?;
    }
    Ok(Exit::Done)
}

fn describe(check: &Value) -> String {
    let words = locale::find_told("check", check).unwrap_or_else(|| text_of(check, "code").to_owned());
    if check["ok"] == true {
        t!("doctor-ok", check = words)
    } else {
        let hint = locale::find_told("check-hint", check).unwrap_or_else(|| t!("doctor-hint"));
        t!("doctor-wrong", check = words, hint = hint)
    }
}
