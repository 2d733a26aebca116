//! One row of a LinkedIn table as an item.

use super::super::dates;
use super::{
    super::{draft::Draft, keys::comparable_url, reason::Reason, text::fold, text::one_line},
    tables::{Key, Places, Table, To},
};

/// A row next to the table that it belongs to.
pub(super) struct Cells<'a> {
    pub(super) table: &'static Table,
    pub(super) places: &'a Places,
    pub(super) cells: &'a [String],
}

/// A row that becomes an item.
pub(super) struct Mapped {
    /// The parts of the natural key.
    pub(super) key: Vec<String>,
    pub(super) draft: Draft,
}

/// Makes an item of a row, or says why not.
pub(super) fn map(row: &Cells<'_>) -> Result<Mapped, Reason> {
    refuse_hidden(row)?;
    refuse_nameless(row)?;
    let mut draft = Draft::new(row.table.kind);
    for (index, column) in row.table.columns.iter().enumerate() {
        let text = row.at(index);
        match column.to {
            To::Text(field) => draft.text(field, text),
            To::Date(field) => draft.date(field, column.header, text),
            To::List(field) => draft.list(field, entries(text)),
            To::Special => {}
        }
    }
    fill_special(row, &mut draft);
    Ok(Mapped { key: row.key(), draft })
}

/// Only what the receiver shows is taken: the rest was declined, or awaits an answer.
fn refuse_hidden(row: &Cells<'_>) -> Result<(), Reason> {
    let accepted = |words: &[&str], status: &str| words.contains(&fold(status).as_str());
    match row.table.name {
        "recommendations" => {
            let status = one_line(row.named("Status"));
            if accepted(&["visible"], &status) { Ok(()) } else { Err(Reason::NotVisible { status }) }
        }
        "endorsements" => {
            let status = one_line(row.named("Endorsement Status"));
            if accepted(&["accepted", "acceptee"], &status) {
                Ok(())
            } else {
                Err(Reason::NotAccepted { status })
            }
        }
        _ => Ok(()),
    }
}

/// A row needs something of its natural key beside dates, or it names nothing.
fn refuse_nameless(row: &Cells<'_>) -> Result<(), Reason> {
    let columns = row.table.columns;
    let any = |wanted: &dyn Fn(Key) -> bool| {
        columns.iter().enumerate().any(|(i, c)| wanted(c.key) && !one_line(row.at(i)).is_empty())
    };
    let named = match row.table.name {
        "connections" => any(&|key| matches!(key, Key::Url | Key::WithoutUrl)),
        "profile" => !row.full_name("First Name", "Last Name").is_empty(),
        _ => any(&|key| key == Key::Text),
    };
    match row.table.name {
        _ if named => Ok(()),
        "connections" => Err(Reason::NamelessContact),
        _ => {
            let column = columns.iter().find(|column| column.key == Key::Text);
            let header = column.unwrap_or(&columns[0]).header;
            Err(Reason::MissingField { column: header.to_owned() })
        }
    }
}

fn fill_special(row: &Cells<'_>, draft: &mut Draft) {
    match row.table.name {
        "education" => draft.text("type", "diploma"),
        "certifications" => draft.text("type", "certificate"),
        "connections" | "profile" => {
            draft.text("name", &row.full_name("First Name", "Last Name"));
            draft.text("given_name", row.named("First Name"));
            draft.text("family_name", row.named("Last Name"));
        }
        "languages" => {
            let language = one_line(row.named("Name"));
            let level = one_line(row.named("Proficiency"));
            let text = if level.is_empty() { language } else { format!("{language} ({level})") };
            draft.list("languages", [text]);
        }
        "endorsements" => {
            draft.text("who", &row.full_name("Endorser First Name", "Endorser Last Name"));
            draft.text("about", row.named("Skill Name"));
        }
        "recommendations" => draft.text("who", &row.full_name("First Name", "Last Name")),
        _ => {}
    }
}

impl Cells<'_> {
    /// The text of a column: of several of the same name, the first that is not empty.
    fn at(&self, index: usize) -> &str {
        let cells = self.places[index].iter().filter_map(|place| self.cells.get(*place));
        cells.map(String::as_str).find(|text| !text.trim().is_empty()).unwrap_or_default()
    }

    fn named(&self, header: &str) -> &str {
        let index = self.table.columns.iter().position(|column| column.header == header);
        index.map_or("", |index| self.at(index))
    }

    fn full_name(&self, first: &str, last: &str) -> String {
        one_line(&format!("{} {}", one_line(self.named(first)), one_line(self.named(last))))
    }

    fn key(&self) -> Vec<String> {
        let columns = self.table.columns;
        let url = columns.iter().position(|column| column.key == Key::Url);
        let has_url = url.is_some_and(|index| !one_line(self.at(index)).is_empty());
        let mut parts = Vec::new();
        for (index, column) in columns.iter().enumerate() {
            let text = self.at(index);
            match column.key {
                Key::Text => parts.push(text.to_owned()),
                Key::Date => parts.push(comparable_date(text)),
                Key::Url if has_url => parts.push(comparable_url(text)),
                Key::WithoutUrl if !has_url => parts.push(text.to_owned()),
                Key::DateWithoutUrl if !has_url => parts.push(comparable_date(text)),
                Key::No | Key::Url | Key::WithoutUrl | Key::DateWithoutUrl => {}
            }
        }
        parts
    }
}

/// The same date, however the language of the export writes it.
fn comparable_date(text: &str) -> String {
    dates::parse(text).map_or_else(|| text.to_owned(), |date| date.to_string())
}

/// `[one,two]` as two; addresses lose the label that LinkedIn puts before them
/// (`PERSONAL:https://…`).
fn entries(text: &str) -> Vec<String> {
    let text = one_line(text);
    let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else {
        return vec![text];
    };
    let unlabelled = |entry: &str| match entry.split_once(":http") {
        Some((label, rest)) if label.chars().all(|c| c.is_alphabetic() || c == '_') => {
            format!("http{rest}")
        }
        _ => entry.to_owned(),
    };
    inner.split(',').map(str::trim).map(unlabelled).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bracketed_lists_are_taken_apart() {
        assert_eq!(entries("[@ada, @b]"), ["@ada", "@b"]);
        assert_eq!(
            entries("[PERSONAL:https://a.example,http://b.example/x:http]"),
            ["https://a.example", "http://b.example/x:http"]
        );
        assert_eq!(entries("https://a.example/x,y"), ["https://a.example/x,y"]);
    }
}
