//! Whose devices they are: keys, the self space, and how a device is enrolled.

use musette_protocol::{
    crypto::{
        kem::{KemPublic, KemSecret},
        secret::Secret32,
        sign::SigningKey,
    },
    epoch::{EpochStatement, Keyring, space_id},
    id::{DeviceId, PersonId, SpaceId},
    identity::{
        certificate::Certificate,
        log::{Action, Author, DeviceLog, Operation},
        person::{Inception, Recovery},
    },
    replica::State,
    signed::Signed,
};

use crate::dice::Dice;

/// A person with one space. Here all its secrets are known, whichever device drew them.
pub struct Person {
    recovery: Recovery,
    recovery_kem_seed: Secret32,
    inception: Inception,
    id: PersonId,
    space: SpaceId,
    keeper: SigningKey,
    epoch: Secret32,
    /// The epochs that devices started later.
    later: Vec<Secret32>,
    statement: Signed<EpochStatement>,
}

impl Person {
    /// Draws a person.
    #[must_use]
    pub fn new(dice: &mut Dice) -> Self {
        let entropy = dice.secret();
        let recovery = Recovery::from_entropy(&entropy);
        let inception = recovery.incept();
        let id = inception.person().expect("a fresh inception is signed by its root");
        let keeper = SigningKey::from_secret(&dice.secret());
        let space = space_id(&keeper.verifying_key(), &inception.body().recovery_keeper);
        let epoch = dice.secret();
        let recipients = [inception.body().recovery_kem];
        let earlier = Keyring::default();
        let statement = EpochStatement::begin(space, &keeper, &epoch, &recipients, &earlier, &dice.secret())
            .expect("a fresh key can be sealed to");
        Self {
            recovery,
            recovery_kem_seed: Recovery::kem_seed(&entropy),
            inception: inception.body().clone(),
            id,
            space,
            keeper,
            epoch,
            later: Vec::new(),
            statement,
        }
    }

    /// The space.
    #[must_use]
    pub const fn space(&self) -> &SpaceId {
        &self.space
    }

    /// The key that speaks for the space. Admin devices hold it.
    #[must_use]
    pub const fn keeper(&self) -> &SigningKey {
        &self.keeper
    }

    /// The epoch's statement.
    #[must_use]
    pub const fn statement(&self) -> &Signed<EpochStatement> {
        &self.statement
    }

    /// The secrets of all epochs that there ever were.
    #[must_use]
    pub fn all_secrets(&self) -> Keyring {
        let mut keyring = self.first_epoch();
        for secret in &self.later {
            keyring.insert(secret.duplicate(), &[]);
        }
        keyring
    }

    /// The secret of the first epoch: what the first device holds, and what somebody stole.
    #[must_use]
    pub fn first_epoch(&self) -> Keyring {
        let mut keyring = Keyring::default();
        keyring.insert(self.epoch.duplicate(), &[]);
        keyring
    }

    /// The key that the recovery words make.
    #[must_use]
    pub const fn root(&self) -> &SigningKey {
        self.recovery.root()
    }

    /// Notes an epoch that a device started.
    pub fn note_epoch(&mut self, secret: &Secret32) {
        self.later.push(secret.duplicate());
    }

    /// The key that recovers the person: every epoch is sealed to it.
    #[must_use]
    pub const fn recovery_kem(&self) -> KemPublic {
        self.inception.recovery_kem
    }

    /// The same key's secret half: who holds it reads every epoch.
    #[must_use]
    pub fn recovery_secret(&self) -> KemSecret {
        KemSecret::from_secret(&self.recovery_kem_seed)
    }

    /// The state of somebody who holds the first epoch's secret and no record.
    #[must_use]
    pub fn empty_state(&self) -> State {
        self.state_of(self.first_epoch(), None)
    }

    /// The state of who holds these secrets and no record. `kems` open later epochs.
    #[must_use]
    pub fn state_of(&self, keyring: Keyring, kems: impl IntoIterator<Item = KemSecret>) -> State {
        let log = DeviceLog::new(self.id, &self.inception);
        State::new(self.space, log, self.inception.clone(), keyring, kems)
    }

    /// The enrolment of a device by another one, or of the first by the root.
    #[must_use]
    pub fn enrol(
        &self,
        log: &DeviceLog,
        sponsor: Option<&SigningKey>,
        key: &SigningKey,
        admin: bool,
    ) -> Signed<Operation> {
        let certificate = self.certificate(key, admin);
        let device_signature = certificate.countersign(key);
        let action = Action::Enrol { certificate, device_signature, verified: true };
        match sponsor {
            Some(sponsor) => log.sign(Author::Device(device_id(sponsor)), action, sponsor),
            None => log.sign(Author::Root, action, self.recovery.root()),
        }
    }

    fn certificate(&self, key: &SigningKey, admin: bool) -> Certificate {
        let device = device_id(key);
        Certificate {
            person: self.id,
            device,
            kem: device_kem(&device).public(),
            name: device.short(),
            admin,
        }
    }
}

/// A device's name.
#[must_use]
pub fn device_id(key: &SigningKey) -> DeviceId {
    DeviceId::from_bytes(*key.verifying_key().as_bytes())
}

/// What epochs are sealed to, for a device. Nobody else looks for it, so it may follow from the name.
#[must_use]
pub fn device_kem(device: &DeviceId) -> KemSecret {
    KemSecret::from_secret(&Secret32::from_bytes(*device.as_bytes()))
}
