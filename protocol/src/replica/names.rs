//! Finding things by the hash that names them.

use std::{collections::hash_map::RandomState, hash::BuildHasher as _};

use hashbrown::HashTable;

/// Things under names of 32 bytes, which lie where the things are: a name takes 32 bytes once, not
/// twice.
#[derive(Debug)]
pub(crate) struct ByName<T> {
    table: HashTable<T>,
    /// Keyed at random, so that nobody can make names that all fall into one place.
    hasher: RandomState,
}

impl<T> Default for ByName<T> {
    fn default() -> Self {
        Self { table: HashTable::new(), hasher: RandomState::new() }
    }
}

impl<T: Copy> ByName<T> {
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// The thing of this name; `name_of` tells the name of each.
    pub(crate) fn find<'a>(&self, name: &[u8; 32], name_of: impl Fn(T) -> &'a [u8; 32]) -> Option<T> {
        self.table.find(hash(&self.hasher, name), |thing| name_of(*thing) == name).copied()
    }

    /// Adds a thing whose name is not there yet.
    pub(crate) fn insert<'a>(&mut self, name: &[u8; 32], thing: T, name_of: impl Fn(T) -> &'a [u8; 32]) {
        let hasher = &self.hasher;
        self.table.insert_unique(hash(hasher, name), thing, |thing| hash(hasher, name_of(*thing)));
    }
}

/// A name is a hash already: of eight bytes of it there are enough that differ.
fn hash(hasher: &RandomState, name: &[u8; 32]) -> u64 {
    let (first, _) = name.split_first_chunk::<8>().expect("a name has 32 bytes");
    hasher.hash_one(u64::from_le_bytes(*first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_begin_alike_are_told_apart() {
        let names: Vec<[u8; 32]> =
            (0..100).map(|last| [[7; 31].as_slice(), &[last]].concat().try_into().unwrap()).collect();
        let name_of = |place: usize| &names[place];
        let mut found = ByName::default();
        for (place, name) in names.iter().enumerate() {
            assert_eq!(found.find(name, name_of), None);
            found.insert(name, place, name_of);
        }
        for (place, name) in names.iter().enumerate() {
            assert_eq!(found.find(name, name_of), Some(place));
        }
        assert_eq!(found.len(), 100);
    }
}
