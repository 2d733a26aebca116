//! A firm, an association, a school, a public body.

use crate::schema::{Field, Kind, Label, Sensitivity, Shape, When};

/// A firm, an association, a school, a public body.
pub const KIND: Kind = Kind {
    name: "organisation",
    label: Label { en: "Organisation", fr: "Organisation" },
    plural: Label { en: "Organisations", fr: "Organisations" },
    schema: 1,
    fields: &[
        Field::new("name", Shape::Text, "Name", "Nom"),
        Field::new("type", Shape::Text, "Type", "Type"),
        Field::new("sector", Shape::Text, "Sector", "Secteur"),
        Field::new("departments", Shape::List, "Departments", "Services"),
        Field::new("place", Shape::Text, "Place", "Lieu"),
        Field::new("address", Shape::LongText, "Address", "Adresse"),
        Field::new("emails", Shape::List, "Mail", "Courriel"),
        Field::new("phones", Shape::List, "Phone", "Téléphone"),
        Field::new("urls", Shape::List, "Links", "Liens"),
        Field::new("people", Shape::List, "People", "Personnes").labelled(&["third-party"]),
        Field::new("uid", Shape::Text, "Identifier", "Identifiant"),
        Field::new("photo", Shape::Text, "Picture", "Image"),
        Field::new("description", Shape::LongText, "Description", "Description"),
        Field::new("other", Shape::List, "Other details", "Autres détails"),
    ],
    title: &["name"],
    when: When::Never,
    sensitivity: Sensitivity::Ordinary,
    labels: &[],
    internal: false,
};
