//! `musette device invite`: a ticket for one new device, as text and as a QR code.
//!
//! The ticket is handed to the running node, which waits for the new device; this command
//! returns at once. With `--yes` the device is let in without comparing words, and stays
//! marked as not verified.

use crate::client::Connection;
use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::text::text_of;
use crate::{dates, t};
use fast_qr::qr::QRBuilder;
use fast_qr::{ECL, QRCode};
use serde_json::json;

/// Invites a device.
#[derive(clap::Args, Debug)]
pub(crate) struct Invite {
    #[arg(long)]
    yes: bool,
}

impl Invite {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        context.require_home()?;
        let Some(connection) = Connection::running(&context.home).await? else {
            return Err(Failure::new("needs-running-node"));
        };
        let body = json!({ "unattended": self.yes });
        let invitation = connection.post("/v1/pairing/invitations", body).await?;
        if context.output.is_json() {
            context.output.json(&invitation)?;
            return Ok(Exit::Done);
        }
        let ticket = text_of(&invitation, "ticket");
        if let (true, Some(code)) = (context.output.is_watched(), qr_code(ticket)) {
            context.output.say(&code);
        }
        context.output.answer(ticket)?;
        let expires = dates::time_of_day(text_of(&invitation, "expires"));
        context.output.say(&t!("invite-next", expires = expires));
        let then = if self.yes { t!("invite-then-nothing") } else { t!("invite-then-confirm") };
        context.output.say(&then);
        Ok(Exit::Done)
    }
}

/// `None` when the ticket is too long for any code: the text is enough.
fn qr_code(ticket: &str) -> Option<String> {
    let code: QRCode = QRBuilder::new(ticket).ecl(ECL::L).build().ok()?;
    Some(code.to_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_of_a_usual_length_fits_80_columns() {
        let code = qr_code(&"m".repeat(300)).unwrap();
        let width = code.lines().map(console::measure_text_width).max();
        assert!(width.is_some_and(|width| (20..=80).contains(&width)), "{width:?}");
        assert!(qr_code(&"m".repeat(10_000)).is_none());
    }
}
