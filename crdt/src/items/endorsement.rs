//! What somebody said of the person or of what she did.

use crate::schema::{Field, Kind, Label, Sensitivity, Shape, When};

/// What somebody said of the person or of what she did.
pub const KIND: Kind = Kind {
    name: "endorsement",
    label: Label { en: "Endorsement", fr: "Recommandation" },
    plural: Label { en: "Endorsements", fr: "Recommandations" },
    schema: 1,
    fields: &[
        Field::new("who", Shape::Text, "Who", "Qui").labelled(&["third-party"]),
        Field::new(
            "as_what",
            Shape::Choice(&["peer", "manager", "organisation", "client", "teacher", "other"]),
            "As what",
            "À quel titre",
        ),
        Field::new("role", Shape::Text, "Role", "Fonction"),
        Field::new("organisation", Shape::Text, "Organisation", "Organisation"),
        Field::new("relation", Shape::Text, "Relation", "Relation"),
        Field::new("about", Shape::Text, "About", "À propos de"),
        Field::new("skill", Shape::Text, "Skill", "Compétence"),
        Field::new("text", Shape::LongText, "Text", "Texte"),
        Field::new("date", Shape::Date, "Date", "Date"),
        Field::new("status", Shape::Text, "Status", "Statut"),
        Field::new("url", Shape::Url, "Link", "Lien"),
        Field::new("signature", Shape::LongText, "Signature", "Signature"),
    ],
    title: &["who", "about"],
    when: When::At("date"),
    sensitivity: Sensitivity::Personal,
    labels: &["third-party"],
    internal: false,
};
