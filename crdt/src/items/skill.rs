//! Something that the person can do, or wants to learn.

use crate::schema::{Field, Kind, Label, Sensitivity, Shape, When};

/// Something that the person can do, or wants to learn.
pub const KIND: Kind = Kind {
    name: "skill",
    label: Label { en: "Skill", fr: "Compétence" },
    plural: Label { en: "Skills", fr: "Compétences" },
    schema: 1,
    fields: &[
        Field::new("name", Shape::Text, "Name", "Nom"),
        Field::new("level", Shape::Text, "Level", "Niveau"),
        Field::new("esco", Shape::Url, "ESCO id", "Identifiant ESCO"),
        Field::new("rome", Shape::Text, "ROME code", "Code ROME"),
        Field::new("state", Shape::Choice(&["have", "wanted", "done-with"]), "State", "État"),
        Field::new("evidence", Shape::List, "Evidence", "Preuves"),
        Field::new("description", Shape::LongText, "Description", "Description"),
    ],
    title: &["name"],
    when: When::Never,
    sensitivity: Sensitivity::Ordinary,
    labels: &[],
    internal: false,
};
