//! What the fuzz targets share.
//!
//! A target that only hands bytes to a decoder stops at the first signature or seal. So each input
//! is read as a list of moves ([`input`]) of somebody who holds keys: an enrolled device that means
//! harm ([`member`]), whoever photographed a ticket ([`pairing`]). They sign and seal what they
//! like; what they sign and seal comes from the input, down to single bytes.

pub mod input;
pub mod member;
pub mod pairing;
pub mod recovering;
pub mod world;
