//! Something under way with an aim.

use crate::schema::{Field, Kind, Label, Sensitivity, Shape, When};

/// Something under way with an aim.
pub const KIND: Kind = Kind {
    name: "project",
    label: Label { en: "Project", fr: "Projet" },
    plural: Label { en: "Projects", fr: "Projets" },
    schema: 1,
    fields: &[
        Field::new("title", Shape::Text, "Title", "Titre"),
        Field::new("aim", Shape::LongText, "Aim", "But"),
        Field::new("description", Shape::LongText, "Content", "Contenu"),
        Field::new("people", Shape::List, "People", "Personnes").labelled(&["third-party"]),
        Field::new("partners", Shape::List, "Partners", "Partenaires"),
        Field::new("organisation", Shape::Text, "Organisation", "Organisation"),
        Field::new("from", Shape::Date, "From", "Début"),
        Field::new("to", Shape::Date, "To", "Fin"),
        Field::new("deadline", Shape::Date, "Deadline", "Échéance"),
        Field::new("state", Shape::Choice(&["idea", "active", "paused", "done", "dropped"]), "State", "État"),
        Field::new("hours", Shape::Int, "Hours", "Heures"),
        Field::new("skills", Shape::List, "Skills", "Compétences"),
        Field::new("url", Shape::Url, "Link", "Lien"),
    ],
    title: &["title"],
    when: When::Lasting("from", "to"),
    sensitivity: Sensitivity::Personal,
    labels: &[],
    internal: false,
};
