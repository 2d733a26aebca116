//! A face of the person: how she is named and reached, and papers that say so.

use crate::schema::{Field, Kind, Label, Sensitivity, Shape, When};

/// A face of the person: how she is named and reached, and papers that say so.
pub const KIND: Kind = Kind {
    name: "identity",
    label: Label { en: "Identity", fr: "Identité" },
    plural: Label { en: "Identities", fr: "Identités" },
    schema: 1,
    fields: &[
        Field::new("name", Shape::Text, "Display name", "Nom affiché"),
        Field::new("given_name", Shape::Text, "Given name", "Prénom"),
        Field::new("family_name", Shape::Text, "Family name", "Nom de famille"),
        Field::new("maiden_name", Shape::Text, "Birth name", "Nom de naissance")
            .labelled(&["discrimination:family"]),
        Field::new("additional_names", Shape::List, "Other given names", "Autres prénoms"),
        Field::new("prefixes", Shape::List, "Prefixes", "Titres"),
        Field::new("suffixes", Shape::List, "Suffixes", "Suffixes"),
        Field::new("nicknames", Shape::List, "Nicknames", "Surnoms"),
        Field::new("headline", Shape::Text, "Headline", "Accroche"),
        Field::new("summary", Shape::LongText, "Summary", "Présentation"),
        Field::new("industry", Shape::Text, "Industry", "Secteur"),
        Field::new("languages", Shape::List, "Languages", "Langues"),
        Field::new("emails", Shape::List, "Mail", "Courriel"),
        Field::new("phones", Shape::List, "Phone", "Téléphone"),
        Field::new("address", Shape::LongText, "Address", "Adresse").labelled(&["discrimination:address"]),
        Field::new("postal_code", Shape::Text, "Postal code", "Code postal")
            .labelled(&["discrimination:address"]),
        Field::new("location", Shape::Text, "Region", "Région").labelled(&["discrimination:address"]),
        Field::new("birth_date", Shape::Date, "Birth date", "Date de naissance")
            .labelled(&["discrimination:age"]),
        Field::new("nationality", Shape::Text, "Nationality", "Nationalité")
            .labelled(&["discrimination:nationality"]),
        Field::new("gender", Shape::Text, "Gender", "Genre").labelled(&["discrimination:sex"]),
        Field::new("photo", Shape::Text, "Photo", "Photo").labelled(&["discrimination:photo"]),
        Field::new("urls", Shape::List, "Links", "Liens"),
        Field::new("messengers", Shape::List, "Messengers", "Messageries"),
        Field::new("document_type", Shape::Text, "Document type", "Type de document").labelled(&["proof"]),
        Field::new("document_number_end", Shape::Text, "Number's last digits", "Fin du numéro")
            .labelled(&["proof"]),
        Field::new("expires", Shape::Date, "Expires", "Expire le"),
        Field::new("checked_by", Shape::Text, "Checked by", "Vérifié par"),
    ],
    title: &["name"],
    when: When::Never,
    sensitivity: Sensitivity::Personal,
    labels: &[],
    internal: false,
};
