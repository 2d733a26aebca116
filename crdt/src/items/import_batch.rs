//! One import: its files, when, and what it added and changed.

use crate::schema::{Kind, Label, Sensitivity, When};

/// One import: its files, when, and what it added and changed.
pub const KIND: Kind = Kind {
    name: "import-batch",
    label: Label { en: "Import", fr: "Import" },
    plural: Label { en: "Imports", fr: "Imports" },
    schema: 1,
    fields: &[],
    title: &[],
    when: When::Never,
    sensitivity: Sensitivity::Personal,
    labels: &[],
    internal: true,
};
