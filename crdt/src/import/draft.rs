//! The fields of one item on their way in.
//!
//! Nothing that a row says about a field is dropped: a date that cannot be read goes into the note
//! under the name of its column, and the row is reported as landed with a bad date. Empty values
//! are absent.

use super::{
    dates,
    limits::MAX_LIST,
    reason::Reason,
    text::{clean, one_line},
};
use crate::{
    date::PartialDate,
    limits::MAX_TEXT_BYTES,
    schema::{Kind, Shape},
    value::Value,
};

/// An item that is being put together.
pub(super) struct Draft {
    kind: &'static Kind,
    fields: Vec<(String, Value)>,
    asides: Vec<String>,
    /// What to tell about the row although it lands.
    pub(super) notices: Vec<Reason>,
}

impl Draft {
    pub(super) fn new(kind: &'static Kind) -> Self {
        Self { kind, fields: Vec::new(), asides: Vec::new(), notices: Vec::new() }
    }

    /// Whether a field is filled.
    pub(super) fn has(&self, field: &str) -> bool {
        self.fields.iter().any(|(name, _)| name == field)
    }

    /// Fills a field with one text, in the shape that the kind gives it.
    pub(super) fn text(&mut self, field: &'static str, text: &str) {
        let text = match self.kind.field(field).map(|field| field.shape) {
            Some(Shape::List) => return self.list(field, [text.to_owned()]),
            Some(Shape::LongText) => clean(text),
            _ => one_line(text),
        };
        if !text.is_empty() {
            self.fields.push((field.to_owned(), Value::Text(text)));
        }
    }

    /// Fills a field with texts, each once, in their order; adds to what is there.
    pub(super) fn list(&mut self, field: &'static str, texts: impl IntoIterator<Item = String>) {
        let index = self.fields.iter().position(|(name, _)| name == field);
        let mut entries = match index.map(|index| self.fields.swap_remove(index).1) {
            Some(Value::List(entries)) => entries,
            _ => Vec::new(),
        };
        for text in texts {
            let text = one_line(&text);
            if text.is_empty() || entries.contains(&text) {
                continue;
            }
            if entries.len() < MAX_LIST {
                entries.push(text);
            } else {
                self.aside(field, &text);
            }
        }
        if !entries.is_empty() {
            self.fields.push((field.to_owned(), Value::List(entries)));
        }
    }

    /// Fills a field with a date, or keeps its text in the note.
    pub(super) fn date(&mut self, field: &'static str, column: &str, text: &str) {
        let text = one_line(text);
        if text.is_empty() {
            return;
        }
        match dates::parse(&text) {
            Some(date) => self.date_value(field, date),
            None => {
                self.aside(column, &text);
                self.notices.push(Reason::BadDate { column: column.to_owned(), text });
            }
        }
    }

    /// Fills a field with a date that was read.
    pub(super) fn date_value(&mut self, field: &'static str, date: PartialDate) {
        self.fields.push((field.to_owned(), Value::Date(date)));
    }

    /// Keeps in the note what no field holds.
    pub(super) fn aside(&mut self, name: &str, text: &str) {
        let text = clean(text);
        if !text.is_empty() {
            self.asides.push(format!("{name}: {text}"));
        }
    }

    /// Puts a text into the note as it is.
    pub(super) fn note(&mut self, text: &str) {
        let text = clean(text);
        if !text.is_empty() {
            self.asides.push(text);
        }
    }

    /// The fields, sorted by name: the same row gives the same bytes, however its columns are
    /// ordered.
    pub(super) fn finish(mut self) -> Result<Vec<(String, Value)>, Reason> {
        let note = self.asides.join("\n");
        if !note.is_empty() {
            self.fields.push(("note".to_owned(), Value::Text(note)));
        }
        self.fields.sort_by(|(one, _), (two, _)| one.cmp(two));
        match self.fields.iter().find(|(_, value)| is_too_long(value)) {
            None => Ok(self.fields),
            Some((field, _)) => Err(Reason::FieldTooLong { field: field.clone(), limit: MAX_TEXT_BYTES }),
        }
    }
}

fn is_too_long(value: &Value) -> bool {
    match value {
        Value::Text(text) => text.len() > MAX_TEXT_BYTES,
        Value::List(entries) => entries.iter().any(|entry| entry.len() > MAX_TEXT_BYTES),
        Value::Int(_) | Value::Bool(_) | Value::Date(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::kind;

    fn contact() -> Draft {
        Draft::new(kind("contact").expect("a kind"))
    }

    #[test]
    fn a_bad_date_stays_in_the_note() {
        let mut draft = contact();
        draft.note("Hello");
        draft.date("met_on", "Connected On", "one evening");
        draft.date("birthday", "BDAY", "1980-03-22");
        assert_eq!(draft.notices.len(), 1);
        assert_eq!(draft.notices[0].code(), "bad-date");
        let fields = draft.finish().expect("short");
        assert_eq!(fields[0].0, "birthday");
        assert_eq!(fields[1], ("note".into(), "Hello\nConnected On: one evening".into()));
    }

    #[test]
    fn lists_grow_and_hold_each_entry_once() {
        let mut draft = contact();
        draft.text("emails", "a@example.org");
        draft.list("emails", ["a@example.org".into(), "b@example.org".into(), " ".into()]);
        let fields = draft.finish().expect("short");
        let expected = Value::List(vec!["a@example.org".into(), "b@example.org".into()]);
        assert_eq!(fields, [("emails".to_owned(), expected)]);
    }

    #[test]
    fn what_a_field_cannot_hold_is_refused_not_cut() {
        let mut draft = contact();
        draft.note(&"x".repeat(MAX_TEXT_BYTES + 1));
        assert_eq!(draft.finish().map_err(|reason| reason.code()), Err("field-too-long"));
    }
}
