//! `musette sync resume`: the end of a pause.

use crate::context::Context;
use crate::error::{Exit, Failure};
use serde_json::json;

/// Ends a pause.
#[derive(clap::Args, Debug)]
pub(crate) struct Resume {}

impl Resume {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        super::set(context, json!({ "paused": false })).await
    }
}
