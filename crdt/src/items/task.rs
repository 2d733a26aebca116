//! Something to do.

use crate::schema::{Field, Kind, Label, Sensitivity, Shape, When};

/// Something to do.
pub const KIND: Kind = Kind {
    name: "task",
    label: Label { en: "Task", fr: "Tâche" },
    plural: Label { en: "Tasks", fr: "Tâches" },
    schema: 1,
    fields: &[
        Field::new("title", Shape::Text, "Title", "Titre"),
        Field::new("project", Shape::Text, "Project", "Projet"),
        Field::new("due", Shape::Date, "Due", "Échéance"),
        Field::new("done_on", Shape::Date, "Done on", "Faite le"),
        Field::new("state", Shape::Choice(&["open", "doing", "done", "dropped"]), "State", "État"),
        Field::new("people", Shape::List, "People", "Personnes").labelled(&["third-party"]),
        Field::new("hours", Shape::Int, "Hours", "Heures"),
        Field::new("description", Shape::LongText, "Description", "Description"),
        Field::new("url", Shape::Url, "Link", "Lien"),
    ],
    title: &["title"],
    when: When::At("due"),
    sensitivity: Sensitivity::Personal,
    labels: &[],
    internal: false,
};
