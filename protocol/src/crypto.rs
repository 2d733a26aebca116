//! Thin wrappers that leave one way to do each thing: sign, seal under a key, seal to a key, derive.

pub mod aead;
pub mod kdf;
pub mod kem;
pub mod secret;
pub mod sign;
