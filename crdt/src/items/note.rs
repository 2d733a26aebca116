//! Something kept for later, without filing it.

use crate::schema::{Field, Kind, Label, Sensitivity, Shape, When};

/// Something kept for later, without filing it.
pub const KIND: Kind = Kind {
    name: "note",
    label: Label { en: "Note", fr: "Note" },
    plural: Label { en: "Notes", fr: "Notes" },
    schema: 1,
    fields: &[
        Field::new("title", Shape::Text, "Title", "Titre"),
        Field::new("text", Shape::LongText, "Text", "Texte"),
        Field::new("date", Shape::Date, "Date", "Date"),
        Field::new("url", Shape::Url, "Link", "Lien"),
    ],
    title: &["title"],
    when: When::At("date"),
    sensitivity: Sensitivity::Personal,
    labels: &[],
    internal: false,
};
