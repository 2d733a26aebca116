//! A diploma, a course, a certificate, a prize, an attestation.

use crate::schema::{Field, Kind, Label, Sensitivity, Shape, When};

/// A diploma, a course, a certificate, a prize, an attestation.
pub const KIND: Kind = Kind {
    name: "achievement",
    label: Label { en: "Achievement", fr: "Réussite" },
    plural: Label { en: "Achievements", fr: "Réussites" },
    schema: 1,
    fields: &[
        Field::new("title", Shape::Text, "Title", "Intitulé"),
        Field::new("organisation", Shape::Text, "Awarding body", "Organisme"),
        Field::new(
            "type",
            Shape::Choice(&["diploma", "course", "certificate", "prize", "attestation", "other"]),
            "Type",
            "Type",
        ),
        Field::new("field", Shape::Text, "Field of study", "Domaine"),
        Field::new("level", Shape::Text, "Level", "Niveau"),
        Field::new("place", Shape::Text, "Place", "Lieu"),
        Field::new("from", Shape::Date, "From", "Début"),
        Field::new("to", Shape::Date, "To", "Fin"),
        Field::new("expires", Shape::Date, "Expires", "Expire le"),
        Field::new("grade", Shape::Text, "Grade", "Mention"),
        Field::new("rank", Shape::Text, "Rank", "Rang"),
        Field::new("hours", Shape::Int, "Hours", "Heures"),
        Field::new("skills", Shape::List, "Skills", "Compétences"),
        Field::new("activities", Shape::LongText, "Activities", "Activités"),
        Field::new("licence_number", Shape::Text, "Licence number", "Numéro").labelled(&["proof"]),
        Field::new("description", Shape::LongText, "Description", "Description"),
        Field::new("url", Shape::Url, "Link", "Lien"),
    ],
    title: &["title", "organisation"],
    when: When::Span("from", "to"),
    sensitivity: Sensitivity::Ordinary,
    labels: &[],
    internal: false,
};
