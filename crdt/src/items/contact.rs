//! Somebody else, with or without a Musette.

use crate::schema::{Field, Kind, Label, Sensitivity, Shape, When};

/// Somebody else, with or without a Musette.
pub const KIND: Kind = Kind {
    name: "contact",
    label: Label { en: "Contact", fr: "Contact" },
    plural: Label { en: "Contacts", fr: "Contacts" },
    schema: 1,
    fields: &[
        Field::new("name", Shape::Text, "Name", "Nom"),
        Field::new("given_name", Shape::Text, "Given name", "Prénom"),
        Field::new("family_name", Shape::Text, "Family name", "Nom de famille"),
        Field::new("maiden_name", Shape::Text, "Birth name", "Nom de naissance")
            .labelled(&["discrimination:family"]),
        Field::new("additional_names", Shape::List, "Other given names", "Autres prénoms"),
        Field::new("prefixes", Shape::List, "Prefixes", "Titres"),
        Field::new("suffixes", Shape::List, "Suffixes", "Suffixes"),
        Field::new("nicknames", Shape::List, "Nicknames", "Surnoms"),
        Field::new("gender", Shape::Text, "Gender", "Genre").labelled(&["discrimination:sex"]),
        Field::new("role", Shape::Text, "Role", "Fonction"),
        Field::new("roles", Shape::List, "Other roles", "Autres fonctions"),
        Field::new("organisation", Shape::Text, "Organisation", "Organisation"),
        Field::new("department", Shape::Text, "Department", "Service"),
        Field::new("emails", Shape::List, "Mail", "Courriel"),
        Field::new("phones", Shape::List, "Phone", "Téléphone"),
        Field::new("urls", Shape::List, "Links", "Liens"),
        Field::new("messengers", Shape::List, "Messengers", "Messageries"),
        Field::new("address", Shape::LongText, "Address", "Adresse").labelled(&["discrimination:address"]),
        Field::new("other_addresses", Shape::List, "Other addresses", "Autres adresses")
            .labelled(&["discrimination:address"]),
        Field::new("birthday", Shape::Date, "Birth date", "Date de naissance")
            .labelled(&["discrimination:age"]),
        Field::new("birthday_without_year", Shape::Text, "Birthday (no year)", "Anniversaire (sans année)"),
        Field::new("anniversary", Shape::Date, "Anniversary", "Anniversaire de mariage")
            .labelled(&["discrimination:family"]),
        Field::new("languages", Shape::List, "Languages", "Langues"),
        Field::new("photo", Shape::Text, "Photo", "Photo").labelled(&["discrimination:photo"]),
        Field::new("met_on", Shape::Date, "Met on", "Rencontre"),
        Field::new("met_where", Shape::Text, "Met where", "Lieu de rencontre"),
        Field::new("circles", Shape::List, "Circles", "Cercles"),
        Field::new("relations", Shape::List, "Relations", "Relations"),
        Field::new("time_zone", Shape::Text, "Time zone", "Fuseau horaire"),
        Field::new("position", Shape::Text, "Position", "Position").labelled(&["discrimination:address"]),
        Field::new("key", Shape::Text, "Key", "Clé"),
        Field::new("uid", Shape::Text, "Identifier", "Identifiant"),
        Field::new("description", Shape::LongText, "Description", "Description"),
        Field::new("other", Shape::List, "Other details", "Autres détails"),
    ],
    title: &["name"],
    when: When::At("met_on"),
    sensitivity: Sensitivity::Personal,
    labels: &["third-party"],
    internal: false,
};
