//! What the vault holds: everything that must not lie on the disk in the clear, and is not content.

use std::collections::{BTreeMap, BTreeSet};

use musette_protocol::{
    codec::{Encoded, Tag},
    crypto::{secret::Secret32, sign::SigningKey},
    epoch::Grant,
    id::{DeviceId, SpaceId},
    journal::JournalId,
};
use serde::{Deserialize, Serialize};

/// The secrets and the private notes of one device.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Keys {
    /// The signed inception statement that names the person.
    pub inception: Vec<u8>,
    /// The self space.
    pub space: SpaceId,
    /// Seed of the device's signing key.
    pub device: Secret32,
    /// Seed of the device's HPKE key.
    pub kem: Secret32,
    /// The epochs' secrets, and the keeper's seed on an admin device.
    pub epochs: Grant,
    /// The key that seals the index.
    pub index: Secret32,
    /// Names the journal.
    pub journal: JournalId,
    /// The recovery phrase's entropy, until the phrase was checked.
    pub recovery: Option<Secret32>,
    /// Whether the person proved to hold the phrase; false on a device that never had it.
    pub recovery_checked: bool,
    /// Authentication words of devices that joined unattended, to be compared later.
    pub words: BTreeMap<DeviceId, [u16; 3]>,
    /// Addresses at which other devices were reached last.
    pub addresses: BTreeMap<DeviceId, Vec<String>>,
    /// Devices of this person that were met: what is known of them even if the journal loses its end.
    pub met: BTreeSet<DeviceId>,
    /// The other devices there were when damage was skipped. While it is not empty, records may be
    /// missing, and nothing is signed until one of these devices has filled the gaps: one number
    /// could be signed twice.
    pub healing: BTreeSet<DeviceId>,
}

impl Encoded for Keys {
    const TAG: Tag = Tag::Vault;
    const VERSION: u8 = 1;
}

impl Keys {
    /// The device's signing key.
    #[must_use]
    pub(crate) fn device_key(&self) -> SigningKey {
        SigningKey::from_secret(&self.device)
    }

    /// A copy, to go back to where a change cannot be kept.
    #[must_use]
    pub(crate) fn duplicate(&self) -> Self {
        Self {
            inception: self.inception.clone(),
            space: self.space,
            device: self.device.duplicate(),
            kem: self.kem.duplicate(),
            epochs: self.epochs.duplicate(),
            index: self.index.duplicate(),
            journal: self.journal,
            recovery: self.recovery.as_ref().map(Secret32::duplicate),
            recovery_checked: self.recovery_checked,
            words: self.words.clone(),
            addresses: self.addresses.clone(),
            met: self.met.clone(),
            healing: self.healing.clone(),
        }
    }

    /// The device's id.
    #[must_use]
    pub(crate) fn device_id(&self) -> DeviceId {
        DeviceId::from_bytes(*self.device_key().verifying_key().as_bytes())
    }
}
