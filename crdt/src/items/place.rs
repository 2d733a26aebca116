//! Somewhere that matters to the person.

use crate::schema::{Field, Kind, Label, Sensitivity, Shape, When};

/// Somewhere that matters to the person.
pub const KIND: Kind = Kind {
    name: "place",
    label: Label { en: "Place", fr: "Lieu" },
    plural: Label { en: "Places", fr: "Lieux" },
    schema: 1,
    fields: &[
        Field::new("name", Shape::Text, "Name", "Nom"),
        Field::new("type", Shape::Text, "Type", "Type"),
        Field::new("address", Shape::LongText, "Address", "Adresse").labelled(&["discrimination:address"]),
        Field::new("position", Shape::Text, "Position", "Position").labelled(&["discrimination:address"]),
        Field::new("description", Shape::LongText, "Description", "Description"),
        Field::new("url", Shape::Url, "Link", "Lien"),
    ],
    title: &["name"],
    when: When::Never,
    sensitivity: Sensitivity::Personal,
    labels: &[],
    internal: false,
};
