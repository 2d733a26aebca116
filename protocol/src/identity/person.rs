//! A person: the hash of an inception statement signed by the root key of their recovery phrase.

use serde::{Deserialize, Serialize};

use crate::{
    codec::{Encoded, Tag},
    crypto::{
        kdf::{context, derive, derive_id},
        kem::{KemPublic, KemSecret},
        secret::Secret32,
        sign::{BadSignature, SigningKey, VerifyingKey},
    },
    id::PersonId,
    signed::Signed,
};

/// The keys that a recovery phrase's 256 bits of entropy give. They exist while a person is
/// created or recovered, and on no device after that; but for the one that only reads, which a restored
/// device keeps until it has met another one.
pub struct Recovery {
    root: SigningKey,
    kem: KemSecret,
    keeper: SigningKey,
}

impl Recovery {
    /// Derives the keys.
    #[must_use]
    pub fn from_entropy(entropy: &Secret32) -> Self {
        let secret = |context| derive(context, &[entropy.expose()]);
        Self {
            root: SigningKey::from_secret(&secret(context::ROOT_SIGNING)),
            kem: KemSecret::from_secret(&Self::kem_seed(entropy)),
            keeper: SigningKey::from_secret(&secret(context::RECOVERY_KEEPER)),
        }
    }

    /// The seed of the key that epochs are sealed to ([`KemSecret::from_secret`]): with it everything is
    /// read, and nothing signed.
    #[must_use]
    pub fn kem_seed(entropy: &Secret32) -> Secret32 {
        derive(context::RECOVERY_KEM, &[entropy.expose()])
    }

    /// Signs the device log as its root.
    #[must_use]
    pub const fn root(&self) -> &SigningKey {
        &self.root
    }

    /// Opens epochs that were sealed to the recovery key.
    #[must_use]
    pub const fn kem(&self) -> &KemSecret {
        &self.kem
    }

    /// Overrules a space's keeper.
    #[must_use]
    pub const fn keeper(&self) -> &SigningKey {
        &self.keeper
    }

    /// The public halves.
    #[must_use]
    pub fn keys(&self) -> Inception {
        Inception {
            root: self.root.verifying_key(),
            recovery_kem: self.kem.public(),
            recovery_keeper: self.keeper.verifying_key(),
        }
    }

    /// The statement that names the person whose first words these are.
    #[must_use]
    pub fn incept(&self) -> Signed<Inception> {
        Signed::new(self.keys(), &self.root)
    }
}

/// What a person is: three public keys of one recovery phrase. Later words put theirs in the place of the
/// first two ([`super::log::Replacement`]); the person and their spaces keep their names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inception {
    /// Signs the first device's enrolment.
    pub root: VerifyingKey,
    /// Epochs of the self space are also sealed to it, until the words are replaced.
    pub recovery_kem: KemPublic,
    /// That of the first words is part of the id of every space the person owns.
    pub recovery_keeper: VerifyingKey,
}

impl Encoded for Inception {
    const TAG: Tag = Tag::Inception;
    const VERSION: u8 = 1;
}

impl Signed<Inception> {
    /// Checks the signature and gives the name.
    ///
    /// # Errors
    /// When the statement is not signed by the root key that it states.
    pub fn person(&self) -> Result<PersonId, BadSignature> {
        self.verify(&self.body().root)?;
        Ok(PersonId::from_bytes(derive_id(context::PERSON_ID, &[&self.to_bytes()])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_phrase_is_one_person() {
        let person =
            |byte| Recovery::from_entropy(&Secret32::from_bytes([byte; 32])).incept().person().unwrap();
        assert_eq!(person(1), person(1));
        assert_ne!(person(1), person(2));
    }

    #[test]
    fn an_inception_signed_by_another_root_is_refused() {
        let mine = Recovery::from_entropy(&Secret32::from_bytes([1; 32]));
        let other = Recovery::from_entropy(&Secret32::from_bytes([2; 32]));
        let forged = Signed::new(mine.incept().body().clone(), other.root());
        assert!(forged.person().is_err());
    }
}
