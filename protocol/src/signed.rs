//! A statement and the signature over its encoded bytes.
//!
//! The signature covers tag, version and body, so a signature for one kind of statement can never
//! be shown as one for another.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    codec::{DecodeError, Encoded, decode, encode},
    crypto::sign::{BadSignature, Signature, SigningKey, VerifyingKey},
};

const SIGNATURE_LEN: usize = 64;

/// A statement with one signature. Holding one says nothing about its validity: see [`Signed::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed<T> {
    body: T,
    signature: Signature,
}

impl<T: Encoded> Signed<T> {
    /// Signs `body`.
    #[must_use]
    pub fn new(body: T, key: &SigningKey) -> Self {
        let signature = key.sign(&encode(&body));
        Self { body, signature }
    }

    /// What was stated.
    #[must_use]
    pub const fn body(&self) -> &T {
        &self.body
    }

    /// Checks the signature.
    ///
    /// # Errors
    /// When it is not `key`'s over this body.
    pub fn verify(&self, key: &VerifyingKey) -> Result<(), BadSignature> {
        key.verify(&encode(&self.body), &self.signature)
    }

    /// The encoded body followed by the 64 bytes of the signature.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = encode(&self.body);
        bytes.extend_from_slice(self.signature.as_bytes());
        bytes
    }

    /// Reads what [`Signed::to_bytes`] wrote; the signature is not checked yet.
    ///
    /// # Errors
    /// When the body is not in canonical form or the signature is missing.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let split = bytes.len().checked_sub(SIGNATURE_LEN).ok_or(DecodeError::Malformed)?;
        let (body, signature) = bytes.split_at(split);
        let signature: [u8; SIGNATURE_LEN] = signature.try_into().map_err(|_| DecodeError::Malformed)?;
        Ok(Self { body: decode(body)?, signature: Signature::from_bytes(signature) })
    }

    /// BLAKE3 of [`Signed::to_bytes`]: what the statement is named by.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        *blake3::hash(&self.to_bytes()).as_bytes()
    }
}

/// Inside another structure: the body alone, then the signature.
impl<T: Encoded> Serialize for Signed<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.body, &self.signature).serialize(serializer)
    }
}

impl<'de, T: Encoded> Deserialize<'de> for Signed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (body, signature) = Deserialize::deserialize(deserializer)?;
        Ok(Self { body, signature })
    }
}
