//! `musette recovery show`: the words, numbered, to be copied by hand.

use crate::client::with_query;
use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::text::list_of;
use crate::{locale, t};

/// Shows the words.
#[derive(clap::Args, Debug)]
pub(crate) struct Show {}

impl Show {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let path = with_query("/v1/recovery", &[("language", Some(locale::language().tag()))]);
        let connection = context.connect().await?;
        let result = connection.get(&path).await;
        connection.close().await?;
        let answer = result?;
        context.output.warn(&t!("recovery-warning"));
        if context.output.is_json() {
            context.output.json(&answer)?;
            return Ok(Exit::Done);
        }
        for (number, word) in (1..).zip(list_of(&answer, "words")) {
            let word = word.as_str().unwrap_or_default();
            context.output.answer(&format!("{number:2}. {word}"))?;
        }
        context.output.say(&t!("recovery-then-check"));
        Ok(Exit::Done)
    }
}
