//! Every kind of item, one file each.
//!
//! To add a kind: write its file and add one line to the list below.

use crate::schema::Kind;

macro_rules! kinds {
    ($($module:ident)*) => {
        $(pub mod $module;)*

        /// Every kind, in the order of showing; the internal ones last.
        static KINDS: &[&Kind] = &[$(&$module::KIND),*];
    };
}

kinds! {
    identity
    activity
    experience
    achievement
    skill
    project
    contact
    organisation
    event
    endorsement
    publication
    note
    place
    task
    settings
    import_batch
}

/// The kind of this name.
#[must_use]
pub fn kind(name: &str) -> Option<&'static Kind> {
    kinds().find(|kind| kind.name == name)
}

/// Every kind, in the order of showing; the internal ones last.
pub fn kinds() -> impl Iterator<Item = &'static Kind> {
    KINDS.iter().copied()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::schema::{COMMON_FIELDS, Shape, When};

    #[test]
    fn names_are_unique_and_findable() {
        let names: BTreeSet<_> = kinds().map(|kind| kind.name).collect();
        assert_eq!(names.len(), kinds().count());
        for one in kinds() {
            assert_eq!(kind(one.name), Some(one));
        }
        assert_eq!(kind("nonsense"), None);
    }

    #[test]
    fn fields_are_snake_case_unique_and_never_shadow_a_common_one() {
        for kind in kinds() {
            let names: BTreeSet<_> = kind.field_names().collect();
            assert_eq!(names.len(), kind.fields.len() + COMMON_FIELDS.len(), "{}", kind.name);
            for name in names {
                assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
            }
            for field in kind.fields {
                assert!((1..=kind.schema).contains(&field.since), "{}.{}", kind.name, field.name);
            }
        }
    }

    #[test]
    fn titles_and_times_name_fields_that_exist() {
        for kind in kinds().filter(|kind| !kind.internal) {
            assert!(!kind.title.is_empty(), "{}", kind.name);
            for name in kind.title {
                assert!(kind.own_field(name).is_some(), "{}.{name}", kind.name);
            }
            let dates = match kind.when {
                When::Never => vec![],
                When::At(at) => vec![at],
                When::Span(from, to) | When::Lasting(from, to) => vec![from, to],
            };
            for name in dates {
                let shape = kind.own_field(name).map(|field| field.shape);
                assert_eq!(shape, Some(Shape::Date), "{}.{name}", kind.name);
            }
        }
    }
}
