//! `musette timeline`: a life in order, drawn as text.

use crate::client::with_query;
use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::text::list_of;
use crate::{t, timeline_drawing};

/// Columns beyond which a time-line only gets harder to read.
const MAXIMUM_WIDTH: usize = 120;

/// Draws the time-line.
#[derive(clap::Args, Debug)]
pub(crate) struct Timeline {
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    #[arg(long, value_name = "DATE")]
    to: Option<String>,
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
}

impl Timeline {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let path = with_query(
            "/v1/timeline",
            &[("from", self.from.as_deref()), ("to", self.to.as_deref()), ("kind", self.kind.as_deref())],
        );
        let connection = context.connect().await?;
        let result = connection.get(&path).await;
        connection.close().await?;
        let timeline = result?;
        if context.output.is_json() {
            context.output.json(&timeline)?;
            return Ok(Exit::Done);
        }
        let entries = list_of(&timeline, "entries");
        if entries.is_empty() {
            context.output.say(&t!("timeline-empty"));
        }
        let width = context.output.width().min(MAXIMUM_WIDTH);
        for line in timeline_drawing::draw(entries, width) {
            context.output.answer(&line)?;
        }
        Ok(Exit::Done)
    }
}
