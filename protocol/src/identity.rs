//! Persons, their devices, and the log that says which devices count.
//!
//! 1. A recovery phrase gives a root key ([`person::Recovery`]); an [`person::Inception`] signed by
//!    it names the person.
//! 2. The first device is enrolled by the root, later ones by an admin device
//!    ([`certificate::Certificate`], [`log::Operation`]).
//! 3. Everybody who holds the [`log::DeviceLog`] draws the same conclusion about who is entitled,
//!    whatever the order in which the operations arrived.
//! 4. What others seal to the person goes to the [`log::PersonKey`] that the log announces: all of
//!    the person's devices hold it.
//!
//! 5. New words take the place of the old ones by a statement that both sign ([`log::Replacement`]).

pub mod certificate;
pub mod log;
pub mod person;

#[cfg(test)]
mod vectors;
