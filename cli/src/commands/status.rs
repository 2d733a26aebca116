//! `musette status`: how the bag is, in words; `--wait` waits until it is in step.

mod wait;

use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::text::{count_of, list_of, one_line, text_of};
use crate::{dates, item, locale, quantities, t};
use serde_json::Value;
use std::time::Duration;

/// Notices that have a line of their own here.
const SAID_ABOVE: [&str; 4] = ["key-file-vault", "recovery-unchecked", TAKEN_OUT[0], TAKEN_OUT[1]];
/// Notices that this device was taken out.
const TAKEN_OUT: [&str; 2] = ["device-revoked", "device-words-replaced"];

/// Tells how things are.
#[derive(clap::Args, Debug)]
pub(crate) struct Status {
    #[arg(long, value_name = "synced|here", value_parser = ["synced", "here"])]
    wait: Option<String>,
    #[arg(long, value_name = "SECONDS", requires = "wait", default_value = "60")]
    #[arg(value_parser = quantities::time_limit)]
    timeout: Duration,
}

impl Status {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        if let Some(goal) = &self.wait {
            wait::until(context, goal, self.timeout).await?;
        }
        let connection = context.connect().await?;
        let result = connection.get("/v1/status").await;
        connection.close().await?;
        let status = result?;
        if context.output.is_json() {
            context.output.json(&status)?;
            return Ok(Exit::Done);
        }
        for line in describe(&status) {
            context.output.answer(&line)?;
        }
        Ok(Exit::Done)
    }
}

fn describe(status: &Value) -> Vec<String> {
    let own = |part: &str, name: &str| text_of(&status[part], name).to_owned();
    let items = t!("status-items", count = count_of(status, "items"));
    let mut lines = vec![
        match own("person", "name") {
            name if name.is_empty() => t!("status-nobody", device = own("device", "name")),
            name => t!("status-person", name = name, device = own("device", "name")),
        },
        t!("status-home", home = text_of(status, "home").to_owned()),
        if is_told(status, "restored-waits") { String::new() } else { items },
        taken_out(status).unwrap_or_else(|| item::sync_in_words(&status["sync"])),
    ];
    if status["flow"]["state"] != "everything" {
        lines.extend(super::sync::describe(status));
    }
    let devices = list_of(status, "devices");
    if devices.len() > 1 && taken_out(status).is_none() {
        lines.push(t!("status-devices"));
        lines.extend(devices.iter().map(|device| format!("  {}", super::device::describe(device))));
    }
    lines.extend(attachments(&status["attachments"]));
    if !list_of(&status["forgetting"], "waiting").is_empty() {
        lines.extend(super::forget::describe(&status["forgetting"]));
    }
    lines.push(match text_of(status, "vault") {
        "passphrase" => t!("status-vault-passphrase"),
        "keyring" => t!("status-vault-keyring"),
        _ => t!("status-vault-key-file"),
    });
    lines.push(if status["running"] == true { t!("status-running") } else { t!("status-stopped") });
    lines.extend(recovery(&status["recovery"]));
    let is_said = |notice: &&Value| SAID_ABOVE.contains(&text_of(notice, "code"));
    lines.extend(list_of(status, "notices").iter().filter(|one| !is_said(one)).map(notice));
    lines.retain(|line| !line.is_empty());
    lines
}

/// That this device was taken out: nothing flows any more, and where things are was told to it last before.
pub(super) fn taken_out(status: &Value) -> Option<String> {
    let mut notices = list_of(status, "notices").iter();
    notices.find(|one| TAKEN_OUT.contains(&text_of(one, "code"))).map(notice)
}

fn is_told(status: &Value, code: &str) -> bool {
    list_of(status, "notices").iter().any(|notice| text_of(notice, "code") == code)
}

/// What of attachments is only here, or is not here, and how far those are that are to come.
fn attachments(told: &Value) -> Vec<String> {
    let size = |part: &Value, field| quantities::size_in_words(count_of(part, field));
    let mut lines = Vec::new();
    if let (only_here, count @ 1..) = (&told["only_here"], count_of(&told["only_here"], "count")) {
        lines.push(t!("status-attachments-only-here", count = count, size = size(only_here, "bytes")));
    }
    if let count @ 1.. = count_of(told, "missing") {
        lines.push(t!("status-attachments", count = count, size = size(told, "missing_bytes")));
        lines.extend(list_of(told, "coming").iter().map(coming));
    }
    lines
}

fn coming(attachment: &Value) -> String {
    let name = one_line(text_of(attachment, "name"));
    let bytes = |field| quantities::size_in_words(count_of(attachment, field));
    let (done, size) = (bytes("done"), bytes("total"));
    match text_of(attachment, "from") {
        "" => t!(
            "status-coming-later",
            name = name,
            done = done,
            size = size,
            waiting = waiting_in_words(attachment)
        ),
        device => t!("status-coming", name = name, done = done, size = size, device = device.to_owned()),
    }
}

/// A reminder, until the words were written down and checked.
fn recovery(recovery: &Value) -> Option<String> {
    // Of words that are good for nothing there is a notice.
    if recovery["checked"] == true || recovery["frozen"] == true {
        None
    } else if recovery["held"] == true {
        Some(t!("status-recovery-unchecked"))
    } else {
        Some(t!("status-recovery-elsewhere"))
    }
}

/// What is waited for, with one device or altogether.
pub(crate) fn waiting_in_words(waiting: &Value) -> String {
    let since = match text_of(waiting, "last_seen") {
        "" => t!("date-unknown"),
        seen => dates::instant(seen),
    };
    let attachment = match text_of(waiting, "attachment") {
        "" => t!("an-attachment"),
        name => t!("attachment-called", name = one_line(name)),
    };
    let args = [
        ("attachment", locale::Arg::from(attachment)),
        ("device", locale::Arg::from(text_of(waiting, "device").to_owned())),
        ("since", locale::Arg::from(since)),
    ];
    let code = text_of(waiting, "why");
    locale::find(&format!("waiting-{code}"), &args).unwrap_or_else(|| code.to_owned())
}

pub(super) fn notice(notice: &Value) -> String {
    let words = locale::find_told("notice", notice)
        .or_else(|| locale::find_told("error", notice))
        .unwrap_or_else(|| text_of(notice, "code").to_owned());
    t!("status-notice", notice = words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_reminder_stays_until_the_words_were_checked() {
        assert!(recovery(&json!({"held": true, "checked": false})).is_some());
        assert!(recovery(&json!({"held": false, "checked": true})).is_none());
        assert!(recovery(&json!({"held": false, "checked": false, "frozen": true})).is_none());
    }
}
