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

    /// Whether the name is one that lists can show: 1 to 64 characters, none of them a control
    /// character (a name with a line break or an escape sequence could rewrite a terminal).
    #[must_use]
    pub fn is_name_valid(name: &str) -> bool {
        let chars = name.chars().count();
        (1..=MAX_DEVICE_NAME_CHARS).contains(&chars) && !name.chars().any(char::is_control)
    }
}
