//! An article, a post, a talk, a contribution.

use crate::schema::{Field, Kind, Label, Sensitivity, Shape, When};

/// An article, a post, a talk, a contribution.
pub const KIND: Kind = Kind {
    name: "publication",
    label: Label { en: "Publication", fr: "Publication" },
    plural: Label { en: "Publications", fr: "Publications" },
    schema: 1,
    fields: &[
        Field::new("title", Shape::Text, "Title", "Titre"),
        Field::new("where", Shape::Text, "Where", "Où"),
        Field::new("authors", Shape::List, "Authors", "Auteurs"),
        Field::new("date", Shape::Date, "Date", "Date"),
        Field::new("text", Shape::LongText, "Text", "Texte"),
        Field::new("description", Shape::LongText, "Description", "Description"),
        Field::new("url", Shape::Url, "Link", "Lien"),
    ],
    title: &["title"],
    when: When::At("date"),
    sensitivity: Sensitivity::Ordinary,
    labels: &[],
    internal: false,
};
