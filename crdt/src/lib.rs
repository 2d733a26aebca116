//! Documents, and everything that a Musette means by them.
//!
//! One item is one Automerge document. This crate knows
//! - what kinds of item there are ([`schema`], [`items`]) and what a field holds ([`value`],
//!   [`date`]);
//! - how an item is laid out, created, edited, merged and imported again ([`document`]);
//! - what a person sees of it ([`view`], [`timeline`]);
//! - how files of other services become rows ([`import`], [`imported`]).
//!
//! It does no input or output, reads no clock and draws no randomness: bytes, instants and actors
//! are arguments, so that the simulator runs the very code that ships.
//!
//! The layout of documents is specified in `protocol/spec/documents.md`.

pub mod date;
pub mod document;
pub mod import;
pub mod imported;
pub mod items;
pub mod limits;
pub mod schema;
pub mod timeline;
pub mod value;
pub mod view;
