//! Sealing to somebody's public key: HPKE (RFC 9180) in base mode, with DHKEM(X25519,
//! HKDF-SHA256), HKDF-SHA256 and ChaCha20-Poly1305.

use hpke::{
    Deserializable as _, Kem as _, OpModeR, OpModeS, Serializable as _, aead::ChaCha20Poly1305,
    kdf::HkdfSha256,
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use serde::{Deserialize, Serialize};

use super::{aead::DoesNotOpen, secret::Secret32};

type Kem = hpke::kem::X25519HkdfSha256;

/// A public HPKE key as it travels: 32 bytes, checked when used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KemPublic([u8; 32]);

/// A secret HPKE key.
pub struct KemSecret {
    secret: <Kem as hpke::Kem>::PrivateKey,
    public: KemPublic,
}

/// Bytes sealed to one public key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedTo {
    encapsulated: [u8; 32],
    ciphertext: Vec<u8>,
}

impl SealedTo {
    /// Bytes of what was sealed, with the tag.
    pub(crate) const fn len(&self) -> usize {
        self.ciphertext.len()
    }
}

impl KemPublic {
    /// Wraps bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether nothing can be sealed to this key: it leads to a shared secret of zero, or is no key.
    #[must_use]
    pub fn is_weak(&self) -> bool {
        self.seal(b"", b"", b"", &Secret32::from_bytes([1; 32])).is_err()
    }

    /// Seals `plaintext` to this key. `entropy` was drawn for this call; `info` names the purpose.
    ///
    /// # Errors
    /// When this key is a point that leads to a shared secret of zero.
    pub fn seal(
        &self,
        info: &[u8],
        associated: &[u8],
        plaintext: &[u8],
        entropy: &Secret32,
    ) -> Result<SealedTo, DoesNotOpen> {
        let public = <Kem as hpke::Kem>::PublicKey::from_bytes(&self.0).map_err(|_| DoesNotOpen)?;
        let mut rng = ChaCha20Rng::from_seed(*entropy.expose());
        let (encapsulated, ciphertext) =
            hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, Kem>(
                &OpModeS::Base,
                &public,
                info,
                plaintext,
                associated,
                &mut rng,
            )
            .map_err(|_| DoesNotOpen)?;
        Ok(SealedTo { encapsulated: encapsulated.to_bytes().into(), ciphertext })
    }
}

impl std::fmt::Debug for KemSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KemSecret(…)")
    }
}

impl KemSecret {
    /// The key pair that RFC 9180's `DeriveKeyPair` makes of these bytes.
    #[must_use]
    pub fn from_secret(seed: &Secret32) -> Self {
        let (secret, public) = Kem::derive_keypair(seed.expose());
        Self { secret, public: KemPublic(public.to_bytes().into()) }
    }

    /// What others seal to.
    #[must_use]
    pub const fn public(&self) -> KemPublic {
        self.public
    }

    /// Opens what was sealed to this key for this purpose.
    ///
    /// # Errors
    /// When it was sealed to another key, for another purpose, or was altered.
    pub fn open(&self, info: &[u8], associated: &[u8], sealed: &SealedTo) -> Result<Vec<u8>, DoesNotOpen> {
        let encapsulated =
            <Kem as hpke::Kem>::EncappedKey::from_bytes(&sealed.encapsulated).map_err(|_| DoesNotOpen)?;
        hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, Kem>(
            &OpModeR::Base,
            &self.secret,
            &encapsulated,
            info,
            &sealed.ciphertext,
            associated,
        )
        .map_err(|_| DoesNotOpen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_key_purpose_and_context_open() {
        let bob = KemSecret::from_secret(&Secret32::from_bytes([1; 32]));
        let eve = KemSecret::from_secret(&Secret32::from_bytes([2; 32]));
        let sealed =
            bob.public().seal(b"grant", b"space", b"secret", &Secret32::from_bytes([3; 32])).unwrap();
        assert_eq!(bob.open(b"grant", b"space", &sealed).as_deref(), Ok(&b"secret"[..]));
        assert_eq!(eve.open(b"grant", b"space", &sealed), Err(DoesNotOpen));
        assert_eq!(bob.open(b"epoch", b"space", &sealed), Err(DoesNotOpen));
        assert_eq!(bob.open(b"grant", b"other", &sealed), Err(DoesNotOpen));
    }

    #[test]
    fn a_key_of_small_order_is_refused() {
        let weak = KemPublic::from_bytes([0; 32]);
        assert!(weak.seal(b"", b"", b"x", &Secret32::from_bytes([3; 32])).is_err());
        assert!(weak.is_weak());
        assert!(!KemSecret::from_secret(&Secret32::from_bytes([1; 32])).public().is_weak());
    }
}
