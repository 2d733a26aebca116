//! Names in views as numbers.
//!
//! A view is kept for each item, and a third of it would be names of its kind, of fields and of
//! labels. Those that this version knows are written as their places in the list of all of them. So
//! what one version wrote another may not be able to read: [`names_digest`] tells, and views are
//! made again from their documents.

use std::{borrow::Cow, collections::BTreeMap, sync::LazyLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{items::kinds, schema::COMMON_FIELDS};

/// All names that this version knows, sorted.
static NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let fields = kinds().flat_map(|kind| kind.fields).chain(COMMON_FIELDS);
    let of_fields = fields.flat_map(|field| field.labels.iter().copied().chain([field.name]));
    let of_kinds = kinds().flat_map(|kind| kind.labels.iter().copied().chain([kind.name]));
    let mut names: Vec<&str> = of_fields.chain(of_kinds).collect();
    names.sort_unstable();
    names.dedup();
    names
});

/// Differs between versions that know different names.
#[must_use]
pub fn names_digest() -> [u8; 32] {
    *blake3::hash(NAMES.join("\n").as_bytes()).as_bytes()
}

/// A name as it is written.
#[derive(Serialize, Deserialize)]
enum Name<'a> {
    Known(u16),
    Other(Cow<'a, str>),
}

impl<'a> Name<'a> {
    fn of(name: &'a str) -> Self {
        let place = NAMES.binary_search(&name).ok().and_then(|place| u16::try_from(place).ok());
        place.map_or(Self::Other(name.into()), Self::Known)
    }

    fn text<E: serde::de::Error>(self) -> Result<String, E> {
        match self {
            Self::Known(place) => {
                let name = NAMES.get(usize::from(place)).ok_or_else(|| E::custom("no such name"))?;
                Ok((*name).to_owned())
            }
            Self::Other(name) => Ok(name.into_owned()),
        }
    }
}

/// One name.
pub(super) mod one {
    use super::*;

    pub(in crate::view) fn serialize<S: Serializer>(name: &str, serializer: S) -> Result<S::Ok, S::Error> {
        Name::of(name).serialize(serializer)
    }

    pub(in crate::view) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<String, D::Error> {
        Name::deserialize(deserializer)?.text()
    }
}

/// Several names.
pub(super) mod list {
    use super::*;

    pub(in crate::view) fn serialize<S: Serializer>(
        names: &[String],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(names.iter().map(|name| Name::of(name)))
    }

    pub(in crate::view) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<String>, D::Error> {
        Vec::<Name<'_>>::deserialize(deserializer)?.into_iter().map(Name::text).collect()
    }
}

/// Something under each of several names.
pub(super) mod keys {
    use super::*;

    pub(in crate::view) fn serialize<S: Serializer, T: Serialize>(
        map: &BTreeMap<String, T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map.iter().map(|(name, thing)| (Name::of(name), thing)))
    }

    pub(in crate::view) fn deserialize<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<String, T>, D::Error> {
        let pairs = Vec::<(Name<'_>, T)>::deserialize(deserializer)?;
        pairs.into_iter().map(|(name, thing)| Ok((name.text()?, thing))).collect()
    }
}
