//! `musette sync pause [--for 2h]`: nothing is sent or received until it is resumed.

use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::quantities;
use crate::t;
use serde_json::json;
use std::time::Duration;

/// The longest pause with an end: the API refuses a longer one.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// Pauses.
#[derive(clap::Args, Debug)]
pub(crate) struct Pause {
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    span: Option<Duration>,
}

fn duration(text: &str) -> Result<Duration, String> {
    let span = quantities::duration(text)?;
    if span > LONGEST { Err(t!("usage-pause-too-long")) } else { Ok(span) }
}

impl Pause {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let mut change = json!({ "paused": true });
        if let Some(span) = self.span {
            change["for_ms"] = u64::try_from(span.as_millis()).unwrap_or(u64::MAX).into();
        }
        super::set(context, change).await
    }
}
