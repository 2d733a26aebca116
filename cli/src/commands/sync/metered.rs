//! `musette sync metered on|off`: whether bytes cost money here.

use crate::context::Context;
use crate::error::{Exit, Failure};
use serde_json::json;

/// Switches metered mode.
#[derive(clap::Args, Debug)]
pub(crate) struct Metered {
    #[arg(value_name = "on|off", value_parser = ["on", "off"])]
    switch: String,
}

impl Metered {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        super::set(context, json!({ "metered": self.switch == "on" })).await
    }
}
