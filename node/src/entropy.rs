//! The system's randomness: the only place where this crate draws any.

use musette_protocol::crypto::secret::Secret32;

/// Fresh random bytes.
///
/// # Panics
/// When the system gives no randomness. Nothing that this program does with keys is safe then,
/// and no caller could do better than stop.
#[must_use]
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system gives randomness");
    bytes
}

/// A fresh random secret.
#[must_use]
pub(crate) fn secret() -> Secret32 {
    Secret32::from_bytes(bytes())
}
