//! Settings that all devices of the person share.

use crate::schema::{Kind, Label, Sensitivity, When};

/// Settings that all devices of the person share.
pub const KIND: Kind = Kind {
    name: "settings",
    label: Label { en: "Settings", fr: "Réglages" },
    plural: Label { en: "Settings", fr: "Réglages" },
    schema: 1,
    fields: &[],
    title: &[],
    when: When::Never,
    sensitivity: Sensitivity::Personal,
    labels: &[],
    internal: true,
};
