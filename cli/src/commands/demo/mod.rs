//! `musette demo`: Emilie's bag on two real nodes that pair, sync and merge.
//!
//! 1. Two homes in temporary folders, a process each, no link between them but a socket.
//! 2. `story.rs` tells, act by act, what happens to them; each act waits for a condition,
//!    never for a while.
//! 3. The digests of `list --all --json` of both must be equal and cover enough items,
//!    otherwise the exit code is 1.
//! 4. Whatever happens, the processes end and the folders go.

mod bag;
mod node;
mod story;

use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::interrupt::Interrupts;
use crate::{t, text};
use node::Node;
use serde_json::json;
use story::Digests;

/// Shows what Musette does, with invented data.
#[derive(clap::Args, Debug)]
pub(crate) struct Demo {
    #[arg(long)]
    exit: bool,
}

impl Demo {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let mut interrupts = Interrupts::listen()?;
        let mut laptop = Node::new(&t!("demo-laptop"))?;
        let mut phone = Node::new(&t!("demo-phone"))?;
        let told = tokio::select! {
            told = story::tell(context, &mut laptop, &mut phone) => told,
            () = interrupts.received() => return Ok(Exit::Failed),
        };
        let digests = told?;
        report(context, &digests)?;
        if !digests.hold() {
            context.output.warn(&t!("demo-differ"));
            return Ok(Exit::Failed);
        }
        if !self.exit {
            invite_to_try(context, &laptop, &phone);
            interrupts.received().await;
        }
        laptop.stop().await?;
        phone.stop().await?;
        context.output.say(&t!("demo-gone"));
        Ok(Exit::Done)
    }
}

fn report(context: &Context, digests: &Digests) -> Result<(), Failure> {
    let output = &context.output;
    if output.is_json() {
        return output.json(&json!({
            "digests": [digests.laptop, digests.phone],
            "items": digests.items,
            "equal": digests.hold(),
        }));
    }
    let line = |device: String, digest: &str| t!("demo-digest", device = device, digest = digest.to_owned());
    output.answer("")?;
    output.answer(&line(t!("demo-laptop"), &digests.laptop))?;
    output.answer(&line(t!("demo-phone"), &digests.phone))?;
    if digests.hold() {
        output.answer(&t!("demo-agree", count = digests.items))?;
    }
    Ok(())
}

fn invite_to_try(context: &Context, laptop: &Node, phone: &Node) {
    let output = &context.output;
    // As this program was called: it need not be on the PATH.
    let musette = std::env::args().next().unwrap_or_else(|| "musette".to_owned());
    let say = |node: &Node, words: &str| {
        let home = node.folder().display().to_string();
        let (musette, home) = (text::quote(&musette), text::quote(&home));
        output.warn(&format!("  {musette} --home {home} {words}"));
    };
    output.warn("");
    output.warn(&t!("demo-stays"));
    say(laptop, "list");
    say(phone, "timeline");
    say(laptop, "add note title=Bonjour");
    say(phone, "list note");
    say(laptop, "status");
    output.warn(&t!("demo-ctrl-c"));
}
