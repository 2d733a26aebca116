//! A lived moment on the time-line.

use crate::schema::{Field, Kind, Label, Sensitivity, Shape, When};

/// A lived moment on the time-line.
pub const KIND: Kind = Kind {
    name: "experience",
    label: Label { en: "Experience", fr: "Expérience" },
    plural: Label { en: "Experiences", fr: "Expériences" },
    schema: 1,
    fields: &[
        Field::new("title", Shape::Text, "Title", "Titre"),
        Field::new("from", Shape::Date, "From", "Début"),
        Field::new("to", Shape::Date, "To", "Fin"),
        Field::new("place", Shape::Text, "Place", "Lieu"),
        Field::new("organisation", Shape::Text, "Organisation", "Organisation"),
        Field::new("people", Shape::List, "With", "Avec").labelled(&["third-party"]),
        Field::new("description", Shape::LongText, "Description", "Récit"),
        Field::new("learnt", Shape::LongText, "What was learnt", "Ce que j’ai appris"),
        Field::new("feeling", Shape::Text, "Feeling", "Ressenti"),
        Field::new("skills", Shape::List, "Skills", "Compétences"),
        Field::new("url", Shape::Url, "Link", "Lien"),
    ],
    title: &["title"],
    when: When::Span("from", "to"),
    sensitivity: Sensitivity::Personal,
    labels: &[],
    internal: false,
};
