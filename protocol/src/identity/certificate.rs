//! What a device is certified as.

use serde::{Deserialize, Serialize};

use crate::{
    codec::{Encoded, Tag, encode},
    crypto::{
        kem::KemPublic,
        sign::{BadSignature, Signature, SigningKey, VerifyingKey},
    },
    id::{DeviceId, PersonId},
    limits::MAX_DEVICE_NAME_CHARS,
};

/// A device's public keys, name and rights. It counts once an enrolment in the device log, signed
/// by the root or an admin device, carries it together with the device's own signature: neither
/// can claim the other without its consent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// Whose device it is.
    pub person: PersonId,
    /// Its signing key.
    pub device: DeviceId,
    /// What is sealed to this device goes to this key.
    pub kem: KemPublic,
    /// What its person calls it.
    pub name: String,
    /// Whether it may enrol other devices.
    pub admin: bool,
}

impl Encoded for Certificate {
    const TAG: Tag = Tag::Certificate;
    const VERSION: u8 = 1;
}

impl Certificate {
    /// The device's own consent.
    #[must_use]
    pub fn countersign(&self, device_key: &SigningKey) -> Signature {
        device_key.sign(&encode(self))
    }

    /// Checks the device's consent.
    ///
    /// # Errors
    /// When `signature` is not the device's over this certificate.
    pub fn verify_countersignature(&self, signature: &Signature) -> Result<(), BadSignature> {
        VerifyingKey::from_bytes(*self.device.as_bytes()).verify(&encode(self), signature)
    }

    /// Whether the name is one that lists can show: 1 to 64 characters, not all of them white space,
    /// none that could rewrite a terminal (a line break, an escape sequence) or turn the text around
    /// it (a joining device names itself, and the question "let it in?" shows that name).
    #[must_use]
    pub fn is_name_valid(name: &str) -> bool {
        let chars = name.chars().count();
        (1..=MAX_DEVICE_NAME_CHARS).contains(&chars)
            && !name.trim().is_empty()
            && !name.chars().any(|char| char.is_control() || is_layout(char))
    }
}

/// Line and paragraph separators; embeddings, overrides and isolates of text direction.
const fn is_layout(char: char) -> bool {
    matches!(char, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lists_cannot_show_are_refused() {
        let long = "é".repeat(64);
        for good in ["phone", "téléphone de Zoé", "הטלפון", "👩\u{200d}💻", &long] {
            assert!(Certificate::is_name_valid(good), "{good:?}");
        }
        let longer = "é".repeat(65);
        for bad in ["", " \u{a0} ", "a\nb", "\u{1b}[2J", "a\u{2028}b", "\u{202e}enohp", "a\u{2066}b", &longer]
        {
            assert!(!Certificate::is_name_valid(bad), "{bad:?}");
        }
    }
}
