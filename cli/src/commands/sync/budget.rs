//! `musette sync budget 500MB|none`: how many bytes a day may take.

use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::quantities;
use serde_json::json;

/// The words for no budget.
const NONE: [&str; 2] = ["none", "aucun"];

/// Sets the budget of each day.
#[derive(clap::Args, Debug)]
pub(crate) struct Budget {
    #[arg(value_name = "SIZE", value_parser = amount)]
    amount: Amount,
}

/// Bytes a day, or as many as there are.
#[derive(Clone, Copy, Debug)]
struct Amount(Option<u64>);

fn amount(text: &str) -> Result<Amount, String> {
    if NONE.contains(&text) {
        Ok(Amount(None))
    } else {
        quantities::size(text).map(|bytes| Amount(Some(bytes)))
    }
}

impl Budget {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        super::set(context, json!({ "budget": self.amount.0 })).await
    }
}
