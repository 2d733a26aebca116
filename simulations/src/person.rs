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

/// A person with one space, whose secret all devices know.
pub struct Person {
    recovery: Recovery,
    inception: Inception,
    id: PersonId,
    space: SpaceId,
    keeper: SigningKey,
    epoch: Secret32,
    statement: Signed<EpochStatement>,
}

impl Person {
    /// Draws a person.
    #[must_use]
    pub fn new(dice: &mut Dice) -> Self {
        let recovery = Recovery::from_entropy(&dice.secret());
        let inception = recovery.incept();
        let id = inception.person().expect("a fresh inception is signed by its root");
        let keeper = SigningKey::from_secret(&dice.secret());
        let space = space_id(&keeper.verifying_key(), &inception.body().recovery_keeper);
        let epoch = dice.secret();
        let recipients = [inception.body().recovery_kem];
        let earlier = Keyring::default();
        let statement = EpochStatement::begin(space, &keeper, &epoch, &recipients, &earlier, &dice.secret())
            .expect("a fresh key can be sealed to");
        Self { recovery, inception: inception.body().clone(), id, space, keeper, epoch, statement }
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

    /// The secrets that every device was handed.
    #[must_use]
    pub fn keyring(&self) -> Keyring {
        let mut keyring = Keyring::default();
        keyring.insert(self.epoch.duplicate(), &[]);
        keyring
    }

    /// The state of a device that holds no record.
    #[must_use]
    pub fn empty_state(&self) -> State {
        let log = DeviceLog::new(self.id, &self.inception);
        State::new(self.space, log, self.inception.clone(), self.keyring(), None)
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
        Certificate { person: self.id, device, kem: kem(device), name: device.short(), admin }
    }
}

/// A device's name.
#[must_use]
pub fn device_id(key: &SigningKey) -> DeviceId {
    DeviceId::from_bytes(*key.verifying_key().as_bytes())
}

/// Nothing is sealed to single devices here, so any key does.
fn kem(device: DeviceId) -> KemPublic {
    KemSecret::from_secret(&Secret32::from_bytes(*device.as_bytes())).public()
}
