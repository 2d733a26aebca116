//! Who there is: persons, their devices and keys.

use musette_protocol::{
    crypto::{
        kem::{KemPublic, KemSecret},
        secret::Secret32,
        sign::{SigningKey, VerifyingKey},
    },
    epoch::{EpochStatement, Keyring, epoch_id, person_key},
    id::{EpochId, PersonId, SpaceId},
    identity::{
        certificate::Certificate,
        log::{Action, Author, DeviceLog, Operation, PersonKey},
        person::{Inception, Recovery},
    },
    record::Payload,
    signed::Signed,
};

use crate::{dice::Dice, person::device_id};

/// A person with some devices, all enrolled, and a person key.
pub(super) struct Party {
    recovery: Recovery,
    pub(super) inception: Signed<Inception>,
    pub(super) id: PersonId,
    pub(super) log: DeviceLog,
    /// The seeds of the devices' keys.
    pub(super) devices: Vec<Secret32>,
    /// Secrets of the epochs of the person's own space, from which the person keys follow.
    epochs: Vec<Secret32>,
}

/// What a space begins with.
pub(super) struct Beginning {
    pub(super) epoch: EpochId,
    pub(super) payloads: Vec<Payload>,
}

impl Party {
    pub(super) fn new(devices: usize, dice: &mut Dice) -> Self {
        let recovery = Recovery::from_entropy(&dice.secret());
        let inception = recovery.incept();
        let id = inception.person().expect("a fresh inception is signed by its root");
        let log = DeviceLog::new(id, inception.body());
        let devices = (0..devices).map(|_| dice.secret()).collect();
        let mut party = Self { recovery, inception, id, log, devices, epochs: Vec::new() };
        for place in 0..party.devices.len() {
            party.enrol(place);
        }
        party.replace_person_key(dice);
        party
    }

    fn enrol(&mut self, place: usize) {
        let key = SigningKey::from_secret(&self.devices[place]);
        let device = device_id(&key);
        let kem = kem_of(&key).public();
        let certificate = Certificate { person: self.id, device, kem, name: device.short(), admin: true };
        let device_signature = certificate.countersign(&key);
        let action = Action::Enrol { certificate, device_signature, verified: true };
        let operation = self.log.sign(Author::Root, action, self.recovery.root());
        self.log.apply(operation).expect("the root enrols whom it likes");
    }

    pub(super) fn recovery_keeper(&self) -> VerifyingKey {
        self.inception.body().recovery_keeper
    }

    pub(super) fn recovery_kem(&self) -> KemPublic {
        self.inception.body().recovery_kem
    }

    /// The keys that others sealed to, ever.
    pub(super) fn person_keys(&self) -> impl Iterator<Item = KemSecret> {
        self.epochs.iter().map(person_key)
    }

    /// Announces another person key.
    pub(super) fn replace_person_key(&mut self, dice: &mut Dice) -> Signed<Operation> {
        let secret = dice.secret();
        let announced = PersonKey { epoch: epoch_id(&secret), kem: person_key(&secret).public() };
        self.epochs.push(secret);
        let key = SigningKey::from_secret(&self.devices[0]);
        let operation = self.log.sign(Author::Device(device_id(&key)), Action::PersonKey(announced), &key);
        self.log.apply(operation.clone()).expect("an admin device announces the person's key");
        operation
    }

    /// The first epoch of a space, and the log of those who have it.
    pub(super) fn begin_space(&self, space: &SpaceId, keeper: &SigningKey, dice: &mut Dice) -> Beginning {
        let (secret, entropy) = (dice.secret(), dice.secret());
        let devices = self.log.devices();
        let to: Vec<KemPublic> = devices.values().map(|device| device.certificate.kem).collect();
        let none = Keyring::default();
        let statement = EpochStatement::begin_shared(*space, keeper, &secret, &to, &none, &entropy)
            .expect("fresh keys can be sealed to");
        let mut payloads = vec![Payload::Epoch(statement)];
        payloads.extend(self.log.in_order().into_iter().cloned().map(Payload::Operation));
        Beginning { epoch: epoch_id(&secret), payloads }
    }
}

/// What is sealed to a single device.
pub(super) fn kem_of(key: &SigningKey) -> KemSecret {
    KemSecret::from_secret(&Secret32::from_bytes(*device_id(key).as_bytes()))
}
