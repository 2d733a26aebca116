//! Which words a device of the person answers to, and how.

use crate::{
    crypto::kem::KemPublic,
    id::PersonId,
    identity::{
        log::{DeviceLog, Operation},
        person::Inception,
    },
    signed::Signed,
};

use super::RecoveringError;

/// Phrases that a challenge is for. As many ciphertexts are in each, whoever lives here and whatever
/// became of their words.
pub(super) const MAX_PHRASES: usize = 2;

/// What a device knows of its person's words, as its log has it: drawn again when that grows.
#[derive(Debug, Clone)]
pub struct KnownWords {
    pub(super) person: PersonId,
    /// The signed inception: whoever has later words does not know it.
    pub(super) inception: Vec<u8>,
    pub(super) phrases: Vec<Phrase>,
}

/// One phrase that opens a challenge.
#[derive(Debug, Clone)]
pub(super) struct Phrase {
    pub(super) keys: Inception,
    pub(super) standing: Standing,
}

/// What whoever has a phrase is told.
#[derive(Debug, Clone)]
pub(super) enum Standing {
    /// They are let in.
    Present,
    /// That others are in its place: by this statement of its own root.
    Replaced(Box<Signed<Operation>>),
    /// Nothing but that nobody can be let in: the words before were replaced twice.
    Frozen,
}

impl KnownWords {
    /// What the log of this inception's person says.
    ///
    /// # Errors
    /// [`RecoveringError::Broken`] when the inception does not hold.
    pub fn new(inception: &Signed<Inception>, log: &DeviceLog) -> Result<Self, RecoveringError> {
        let person = inception.person().map_err(|_| RecoveringError::Broken)?;
        let present = log.root().map(|keys| Phrase { keys: keys.clone(), standing: Standing::Present });
        let former = log.former_root().map(|(keys, by)| Phrase {
            keys: keys.clone(),
            standing: Standing::Replaced(Box::new(by.clone())),
        });
        let rivals =
            log.rivals().map(|rival| Phrase { keys: rival.keys.clone(), standing: Standing::Frozen });
        let phrases = match present {
            Some(present) => std::iter::once(present).chain(former).collect(),
            None => rivals.take(MAX_PHRASES).collect(),
        };
        Ok(Self { person, inception: inception.to_bytes(), phrases })
    }

    /// The recovery keys that a challenge is sealed to.
    pub(super) fn keys(&self) -> Vec<KemPublic> {
        self.phrases.iter().map(|phrase| phrase.keys.recovery_kem).collect()
    }
}
