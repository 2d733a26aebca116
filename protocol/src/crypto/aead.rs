//! XChaCha20-Poly1305 with a fresh random 192-bit nonce each time, never a counter: backups and
//! clones of a disk rewind counters, and a repeated nonce gives both plaintexts away.

use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305,
    aead::{Aead as _, Payload},
};

use super::secret::Secret32;

/// Length of a nonce, in bytes.
pub const NONCE_LEN: usize = 24;
/// What sealing adds, in bytes.
pub const TAG_LEN: usize = 16;

/// A ciphertext that was not made under this key with this associated data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sealed bytes do not open")]
pub struct DoesNotOpen;

/// Seals. `nonce` was drawn from the system's randomness for this call.
#[must_use]
pub fn seal(key: &Secret32, nonce: &[u8; NONCE_LEN], associated: &[u8], plaintext: &[u8]) -> Vec<u8> {
    cipher(key)
        .encrypt(&(*nonce).into(), Payload { msg: plaintext, aad: associated })
        .expect("the plaintext is shorter than 256 GiB")
}

/// Opens what [`seal`] made.
///
/// # Errors
/// When a bit of key, nonce, associated data or ciphertext differs.
pub fn open(
    key: &Secret32,
    nonce: &[u8; NONCE_LEN],
    associated: &[u8],
    sealed: &[u8],
) -> Result<Vec<u8>, DoesNotOpen> {
    cipher(key).decrypt(&(*nonce).into(), Payload { msg: sealed, aad: associated }).map_err(|_| DoesNotOpen)
}

fn cipher(key: &Secret32) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&(*key.expose()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_is_noticed() {
        let key = Secret32::from_bytes([7; 32]);
        let nonce = [9; NONCE_LEN];
        let sealed = seal(&key, &nonce, b"head", b"plain");
        assert_eq!(open(&key, &nonce, b"head", &sealed).as_deref(), Ok(&b"plain"[..]));
        for bit in 0..sealed.len() * 8 {
            let mut bad = sealed.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open(&key, &nonce, b"head", &bad), Err(DoesNotOpen));
        }
        assert_eq!(open(&key, &nonce, b"hear", &sealed), Err(DoesNotOpen));
        assert_eq!(open(&Secret32::from_bytes([8; 32]), &nonce, b"head", &sealed), Err(DoesNotOpen));
    }
}
