//! Something that lasts: a job, a mandate in an association, the family guest house.

use crate::schema::{Field, Kind, Label, Sensitivity, Shape, When};

/// Something that lasts: a job, a mandate in an association, the family guest house.
pub const KIND: Kind = Kind {
    name: "activity",
    label: Label { en: "Activity", fr: "Activité" },
    plural: Label { en: "Activities", fr: "Activités" },
    schema: 1,
    fields: &[
        Field::new("role", Shape::Text, "Role", "Rôle"),
        Field::new("organisation", Shape::Text, "Organisation", "Organisation"),
        Field::new("place", Shape::Text, "Place", "Lieu"),
        Field::new("from", Shape::Date, "From", "Début"),
        Field::new("to", Shape::Date, "To", "Fin"),
        Field::new("hours", Shape::Int, "Hours", "Heures"),
        Field::new("contract", Shape::Text, "Contract", "Contrat"),
        Field::new("tasks", Shape::List, "Tasks", "Tâches"),
        Field::new("skills", Shape::List, "Skills", "Compétences"),
        Field::new("opens", Shape::List, "What it opens", "Ce que cela ouvre"),
        Field::new("description", Shape::LongText, "Description", "Description"),
        Field::new("url", Shape::Url, "Link", "Lien"),
    ],
    title: &["role", "organisation"],
    when: When::Lasting("from", "to"),
    sensitivity: Sensitivity::Personal,
    labels: &[],
    internal: false,
};
