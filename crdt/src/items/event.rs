//! An appointment, a meeting, an outing.

use crate::schema::{Field, Kind, Label, Sensitivity, Shape, When};

/// An appointment, a meeting, an outing.
pub const KIND: Kind = Kind {
    name: "event",
    label: Label { en: "Event", fr: "Événement" },
    plural: Label { en: "Events", fr: "Événements" },
    schema: 1,
    fields: &[
        Field::new("title", Shape::Text, "Title", "Titre"),
        Field::new("from", Shape::Date, "From", "Début"),
        Field::new("to", Shape::Date, "To", "Fin"),
        Field::new("all_day", Shape::Bool, "All day", "Toute la journée"),
        Field::new("recurrence", Shape::Text, "Recurrence", "Répétition"),
        Field::new("place", Shape::Text, "Place", "Lieu"),
        Field::new("people", Shape::List, "People", "Personnes").labelled(&["third-party"]),
        Field::new("organiser", Shape::Text, "Organiser", "Organisation").labelled(&["third-party"]),
        Field::new("confidential", Shape::Bool, "Confidential", "Confidentiel"),
        Field::new("calendar", Shape::Text, "Calendar", "Agenda"),
        Field::new("uid", Shape::Text, "Identifier", "Identifiant"),
        Field::new("description", Shape::LongText, "Description", "Description"),
        Field::new("url", Shape::Url, "Link", "Lien"),
    ],
    title: &["title"],
    when: When::Span("from", "to"),
    sensitivity: Sensitivity::Personal,
    labels: &["third-party"],
    internal: false,
};
