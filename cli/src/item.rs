//! An item as a person reads it.

use crate::commands::status;
use crate::text::{self, count_of, list_of, text_of};
use crate::{dates, locale, quantities, t};
use musette_node::schema::{self, Field, Shape, When};
use serde_json::Value;

/// The title, or a stand-in where an item has nothing to make one from.
pub(crate) fn title(item: &Value) -> String {
    let title = text::one_line(text_of(item, "title"));
    if title.is_empty() { t!("untitled") } else { title }
}

/// The kind in the person's language, or its name where this version does not know it.
pub(crate) fn kind_label(name: &str) -> String {
    schema::kind(name).map_or_else(|| name.to_owned(), |kind| locale::pick(&kind.label).to_owned())
}

/// The field in the person's language; what is no field of the schema, as in a history, may
/// have a name of its own.
pub(crate) fn field_label(kind: &str, field: &str) -> String {
    known_field(kind, field)
        .map(|field| locale::pick(&field.label).to_owned())
        .or_else(|| locale::find(&format!("field-{field}"), &[]))
        .unwrap_or_else(|| field.to_owned())
}

/// A field's value in words: dates and our own words in the person's language, the person's
/// own words as they are.
pub(crate) fn value_in_words(kind: &str, field: &str, value: &Value) -> String {
    match value {
        Value::Null => t!("value-none"),
        Value::Bool(true) => t!("value-yes"),
        Value::Bool(false) => t!("value-no"),
        Value::Array(list) => {
            let words = list.iter().map(|value| value_in_words(kind, field, value));
            words.collect::<Vec<_>>().join(", ")
        }
        Value::String(text) => text_in_words(kind, field, text),
        other => other.to_string(),
    }
}

fn text_in_words(kind: &str, field: &str, text: &str) -> String {
    let named = match known_field(kind, field).map(|field| field.shape) {
        Some(Shape::Date) => Some(dates::in_words(text)),
        Some(Shape::Choice(_)) => locale::find(&format!("choice-{text}"), &[]),
        _ if field == "spheres" => locale::find(&format!("sphere-{text}"), &[]),
        _ => None,
    };
    named.unwrap_or_else(|| text.to_owned())
}

fn known_field(kind: &str, field: &str) -> Option<&'static Field> {
    let common = || schema::COMMON_FIELDS.iter().find(|known| known.name == field);
    schema::kind(kind).and_then(|kind| kind.own_field(field)).or_else(common)
}

/// Where an item comes from.
pub(crate) fn provenance(item: &Value) -> String {
    let provenance = &item["provenance"];
    if text_of(provenance, "type") != "imported" {
        return match text_of(item, "created") {
            "" => t!("provenance-declared"),
            created => t!("provenance-declared-on", on = dates::instant(created)),
        };
    }
    let source = source_name(text_of(provenance, "source"));
    match (text_of(provenance, "file"), text_of(provenance, "on")) {
        ("", _) | (_, "") => t!("provenance-imported", source = source),
        (file, on) => t!(
            "provenance-imported-from",
            source = source,
            file = file.to_owned(),
            row = count_of(provenance, "row"),
            on = dates::instant(on),
        ),
    }
}

/// A source by the name that people know.
pub(crate) fn source_name(source: &str) -> String {
    match source {
        "linkedin" => "LinkedIn".to_owned(),
        "vcard" => "vCard".to_owned(),
        other => other.to_owned(),
    }
}

/// On how many devices something is, in words; empty where nothing is known.
pub(crate) fn sync_in_words(sync: &Value) -> String {
    let earlier = count_of(sync, "earlier");
    let words = match text_of(sync, "state") {
        "only-here" if earlier > 0 => t!("sync-only-here-as-it-is"),
        "only-here" => t!("sync-only-here"),
        "everywhere" => t!("sync-everywhere", of = count_of(sync, "of")),
        "partly" => t!("sync-partly", have = count_of(sync, "have"), of = count_of(sync, "of")),
        "waiting" | "refused" => t!(
            "sync-waiting",
            have = count_of(sync, "have"),
            of = count_of(sync, "of"),
            waiting = status::waiting_in_words(sync),
        ),
        _ => String::new(),
    };
    if earlier > 0 { format!("{words} {}", t!("sync-earlier", count = earlier)) } else { words }
}

/// When an item was, in words, from the fields that its kind has for this.
pub(crate) fn when(item: &Value) -> String {
    let fields = &item["fields"];
    match schema::kind(text_of(item, "kind")).map(|kind| kind.when) {
        Some(When::At(date)) => dates::range(text_of(fields, date), ""),
        Some(When::Span(from, to) | When::Lasting(from, to)) => {
            dates::range(text_of(fields, from), text_of(fields, to))
        }
        Some(When::Never) | None => String::new(),
    }
}

/// The lines that `show` prints.
pub(crate) fn describe(item: &Value) -> Vec<String> {
    let kind = text_of(item, "kind");
    let id = text_of(item, "id");
    let mut lines = vec![title(item), format!("{} · {id}", kind_label(kind)), String::new()];
    lines.extend(field_lines(item, kind));
    let attachments = list_of(item, "attachments");
    for attachment in attachments {
        let asked = asked_by(attachment, attachments);
        lines.push(t!(
            "show-attachment",
            name = text_of(attachment, "name").to_owned(),
            size = quantities::size_in_words(count_of(attachment, "size")),
            id = text::short_id(id).to_owned(),
            asked = asked.clone(),
            quoted = text::quote(text_of(attachment, "name")),
        ));
        lines.extend(whereabouts(id, attachment, asked));
    }
    lines.push(String::new());
    lines.push(provenance(item));
    let sync = sync_in_words(&item["sync"]);
    if !sync.is_empty() {
        lines.push(sync);
    }
    lines.extend(conflict_lines(item, kind));
    lines
}

/// What a command asks for an attachment by: its name, or its id where another one has the same name.
fn asked_by(attachment: &Value, all: &[Value]) -> String {
    let name = text_of(attachment, "name");
    if all.iter().filter(|other| text_of(other, "name") == name).count() == 1 {
        return text::quote(name);
    }
    let id = |attachment| text_of(attachment, "id");
    let ids: Vec<&str> = std::iter::once(attachment).chain(all).map(id).collect();
    text::short_ids(&ids)[0].to_owned()
}

/// On which devices an attachment is, or how much of it is here.
fn whereabouts(id: &str, attachment: &Value, asked: String) -> Option<String> {
    let (done, size) = (attachment["done"].as_u64()?, count_of(attachment, "size"));
    if done < size {
        return Some(t!(
            "show-attachment-here",
            done = quantities::size_in_words(done),
            size = quantities::size_in_words(size),
            id = text::short_id(id).to_owned(),
            asked = asked,
        ));
    }
    let sync = sync_in_words(&attachment["sync"]);
    (!sync.is_empty()).then(|| format!("    {sync}"))
}

fn field_lines(item: &Value, kind: &str) -> Vec<String> {
    let fields = item["fields"].as_object();
    let order = field_order(kind);
    let mut own: Vec<_> = fields.into_iter().flatten().collect();
    own.sort_by_key(|(name, _)| order.iter().position(|known| known == name).unwrap_or(usize::MAX));
    let mut rows: Vec<(String, String)> = own
        .into_iter()
        .map(|(name, value)| (field_label(kind, name), value_in_words(kind, name, value)))
        .collect();
    for name in ["sensitivity", "labels", "spheres", "tags", "links"] {
        if let Some(value) = item.get(name) {
            rows.push((field_label(kind, name), value_in_words(kind, name, value)));
        }
    }
    let width = rows.iter().map(|(label, _)| console::measure_text_width(label)).max();
    let width = width.unwrap_or_default();
    rows.iter()
        .map(|(label, value)| {
            let indent = format!("\n{}", " ".repeat(width + 4));
            format!("  {}  {}", text::pad(label, width), value.trim_end().replace('\n', &indent))
        })
        .collect()
}

fn field_order(kind: &str) -> Vec<&'static str> {
    schema::kind(kind).map_or_else(Vec::new, |kind| kind.field_names().collect())
}

fn conflict_lines(item: &Value, kind: &str) -> Vec<String> {
    let id = text::short_id(text_of(item, "id"));
    let mut lines = Vec::new();
    for (field, values) in item["conflicts"].as_object().into_iter().flatten() {
        lines.push(String::new());
        lines.push(t!("show-conflict", field = field_label(kind, field)));
        for value in values.as_array().into_iter().flatten() {
            lines.push(format!("  • {}", value_in_words(kind, field, value)));
        }
        lines.push(t!("show-resolve"));
        for value in values.as_array().into_iter().flatten() {
            let choice = text::quote(&format!("{field}={}", value_as_typed(value)));
            lines.push(format!("  musette resolve {id} {choice}"));
        }
    }
    lines
}

/// A value as one would type it behind `FIELD=`.
pub(crate) fn value_as_typed(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(value_as_typed).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_conflict_shows_every_value_and_the_command_that_chooses_it() {
        let item = json!({
            "id": "abcdefghijklmnopqrstuvwxyz", "kind": "activity", "title": "Graphiste",
            "fields": {"role": "Graphiste"}, "provenance": {"type": "declared"},
            "conflicts": {"role": ["Graphiste", "Chargée d'image"]},
        });
        let lines = describe(&item);
        assert!(lines.contains(&"  musette resolve abcdefgh role=Graphiste".to_owned()));
        assert!(lines.contains(&r"  musette resolve abcdefgh 'role=Chargée d'\''image'".to_owned()));
    }

    #[test]
    fn attachments_of_one_name_are_asked_for_by_their_ids() {
        let attachment = |id: &str, name: &str| json!({"id": id, "name": name, "size": 1});
        let item = json!({
            "id": "abcdefghijklmnopqrstuvwxyz", "kind": "note", "title": "Plan", "fields": {},
            "attachments": [
                attachment("aaaaaaaaaa", "plan.pdf"),
                attachment("bbbbbbbbbb", "plan.pdf"),
                attachment("cccccccccc", "other.pdf"),
            ],
        });
        let shown = describe(&item).join("\n");
        for asked in ["aaaaaaaa --to plan.pdf", "bbbbbbbb --to plan.pdf", "other.pdf --to other.pdf"] {
            assert!(shown.contains(&format!("musette extract abcdefgh {asked}")), "{shown}");
        }
    }

    #[test]
    fn every_provenance_looks_different() {
        let declared = json!({"provenance": {"type": "declared"}});
        let bare = json!({"provenance": {"type": "imported", "source": "linkedin"}});
        let full = json!({"provenance": {"type": "imported", "source": "linkedin", "row": 3,
            "file": "Positions.csv", "on": "2026-11-23T10:00:00.000Z"}});
        let words = [provenance(&declared), provenance(&bare), provenance(&full)];
        assert!(words[1].contains("LinkedIn") && !words[0].contains("LinkedIn"));
        assert!(words[2].contains("Positions.csv") && words[2].contains('3'));
    }
}
