//! `musette import FILE…`: read files, tell what became of each row.

use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::output::progress::Bar;
use crate::text::{count_of, list_of, one_line, short_id, text_of};
use crate::{item, locale, t};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Imports files.
#[derive(clap::Args, Debug)]
pub(super) struct Files {
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    #[arg(long = "as", value_name = "FORMAT")]
    format: Option<String>,
    #[arg(long)]
    dry_run: bool,
}

impl Files {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let paths = self.files.iter().map(|file| absolute(file)).collect::<Result<Vec<_>, _>>()?;
        let body = json!({ "paths": paths, "as": self.format, "dry_run": self.dry_run });
        let connection = context.connect().await?;
        let bar = Bar::new(&context.output);
        let result =
            connection.post_stream("/v1/imports", body, &mut |line| bar.update(&line["progress"])).await;
        bar.finish();
        connection.close().await?;
        let report = result?;
        if context.output.is_json() {
            context.output.json(&report)?;
        } else {
            tell(context, &report)?;
        }
        Ok(exit_of(&report))
    }
}

/// The path from the root, since a running node has a current folder of its own.
pub(crate) fn absolute(file: &Path) -> Result<PathBuf, Failure> {
    let path = std::path::absolute(file)
        .map_err(|_| Failure::new("file-unreadable").with("file", file.display()))?;
    // JSON carries text only.
    if path.to_str().is_none() {
        return Err(Failure::new("file-unreadable").with("file", file.display()));
    }
    Ok(path)
}

/// All, some or none: 0, 3 or 1.
fn exit_of(report: &Value) -> Exit {
    let landed: u64 =
        ["added", "changed", "unchanged", "kept"].iter().map(|part| count_of(report, part)).sum();
    match (count_of(report, "failed"), landed) {
        (0, _) => Exit::Done,
        (_, 0) => Exit::Failed,
        _ => Exit::Partly,
    }
}

fn tell(context: &Context, report: &Value) -> Result<(), Failure> {
    let output = &context.output;
    for file in list_of(report, "by_file") {
        let name = one_line(text_of(file, "file"));
        output.answer(&t!("import-file", file = name, counts = counts(file)))?;
    }
    output.answer(&t!("import-total", counts = counts(report)))?;
    for row in list_of(report, "rows") {
        output.answer(&describe_row(row))?;
    }
    match count_of(report, "rows_left_off") {
        0 => {}
        count => output.answer(&t!("import-rows-left-off", count = count))?,
    }
    match (report["dry_run"] == true, text_of(report, "batch")) {
        (true, _) => output.say(&t!("import-dry-run")),
        (false, "") => {}
        (false, batch) => output.say(&t!("import-undo", batch = short_id(batch).to_owned())),
    }
    Ok(())
}

fn counts(part: &Value) -> String {
    let said: Vec<_> = [
        t!("import-added", count = count_of(part, "added")),
        t!("import-changed", count = count_of(part, "changed")),
        t!("import-unchanged", count = count_of(part, "unchanged")),
        t!("import-kept", count = count_of(part, "kept")),
        t!("import-skipped", count = count_of(part, "skipped")),
        t!("import-failed", count = count_of(part, "failed")),
    ]
    .into_iter()
    .zip(["added", "changed", "unchanged", "kept", "skipped", "failed"])
    .filter(|(_, name)| count_of(part, name) > 0)
    .map(|(words, _)| words)
    .collect();
    if said.is_empty() { t!("import-none") } else { said.join(", ") }
}

fn describe_row(row: &Value) -> String {
    let outcome = match text_of(row, "outcome") {
        "added" => t!("row-added"),
        "changed" => t!("row-changed"),
        "kept" => t!("row-kept"),
        "skipped" => t!("row-skipped"),
        "notice" => t!("row-notice"),
        _ => t!("row-failed"),
    };
    let detail = match text_of(row, "reason") {
        "" => row_subject(row),
        reason => reason_in_words(reason, &row["args"]),
    };
    let file = one_line(text_of(row, "file"));
    match count_of(row, "row") {
        0 => t!("import-row-file", file = file, outcome = outcome, detail = detail),
        number => {
            t!("import-row", file = file, row = number, outcome = outcome, detail = detail)
        }
    }
}

fn row_subject(row: &Value) -> String {
    let kind = text_of(row, "kind");
    let fields: Vec<_> = list_of(row, "fields")
        .iter()
        .filter_map(Value::as_str)
        .map(|field| item::field_label(kind, field))
        .collect();
    if fields.is_empty() {
        item::title(row)
    } else {
        t!("import-fields", title = item::title(row), fields = fields.join(", "))
    }
}

fn reason_in_words(code: &str, args: &Value) -> String {
    let told = json!({ "code": code, "args": args });
    locale::find_told("reason", &told)
        .or_else(|| locale::find_told("error", &told))
        .unwrap_or_else(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_tells_all_some_or_none() {
        assert_eq!(exit_of(&json!({"added": 3, "skipped": 2})), Exit::Done);
        assert_eq!(exit_of(&json!({"unchanged": 3, "failed": 1})), Exit::Partly);
        assert_eq!(exit_of(&json!({"failed": 1, "skipped": 2})), Exit::Failed);
    }

    #[test]
    fn a_row_says_where_and_why() {
        let row = json!({"file": "Positions.csv", "row": 7, "outcome": "failed",
            "reason": "cell-count", "args": {"expected": "6", "found": "5"}});
        let words = describe_row(&row);
        assert!(words.contains("Positions.csv") && words.contains('7'), "{words}");
        assert!(words.contains('5') && words.contains('6'), "{words}");
    }
}
