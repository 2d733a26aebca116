//! One person, the same as in `protocol/vectors`: everything is made from seeds of one byte. Keys are
//! made once: they would cost more time than what is tested.

use std::sync::OnceLock;

use musette_protocol::{
    crypto::{
        kem::{KemPublic, KemSecret},
        secret::Secret32,
        sign::SigningKey,
    },
    epoch::{Keyring, space_id},
    id::{DeviceId, PersonId, SpaceId},
    identity::{
        certificate::Certificate,
        log::{Action, Author, DeviceLog, Operation},
        person::{Inception, Recovery},
    },
    journal::{Journal, JournalId, Opening, memory::MemoryDisk},
    replica::{Replica, State},
    signed::Signed,
};

/// Seed of the key that speaks for the space.
pub const KEEPER: u8 = 1;
/// Seed of the secret of the space's epoch.
pub const EPOCH: u8 = 3;

/// The secret of this byte, 32 times.
#[must_use]
pub const fn secret(byte: u8) -> Secret32 {
    Secret32::from_bytes([byte; 32])
}

/// The key with that seed.
#[must_use]
pub fn key(byte: u8) -> &'static SigningKey {
    static KEYS: [OnceLock<SigningKey>; 256] = [const { OnceLock::new() }; 256];
    KEYS[usize::from(byte)].get_or_init(|| SigningKey::from_secret(&secret(byte)))
}

/// The device with that key.
#[must_use]
pub fn device(byte: u8) -> DeviceId {
    DeviceId::from_bytes(*key(byte).verifying_key().as_bytes())
}

/// What is sealed to that device goes to this key.
#[must_use]
pub fn kem(byte: u8) -> KemPublic {
    static KEMS: [OnceLock<KemPublic>; 256] = [const { OnceLock::new() }; 256];
    *KEMS[usize::from(byte)].get_or_init(|| KemSecret::from_secret(&secret(byte)).public())
}

/// The person's recovery keys.
pub fn recovery() -> &'static Recovery {
    static RECOVERY: OnceLock<Recovery> = OnceLock::new();
    RECOVERY.get_or_init(|| Recovery::from_entropy(&secret(9)))
}

/// The person, as the recovery phrase states it.
pub fn inception() -> &'static Signed<Inception> {
    static INCEPTION: OnceLock<Signed<Inception>> = OnceLock::new();
    INCEPTION.get_or_init(|| recovery().incept())
}

/// The person's name.
#[must_use]
pub fn person() -> PersonId {
    static PERSON: OnceLock<PersonId> = OnceLock::new();
    *PERSON.get_or_init(|| inception().person().expect("our own statement holds"))
}

/// The person's self space.
#[must_use]
pub fn space() -> SpaceId {
    space_id(&key(KEEPER).verifying_key(), &recovery().keeper().verifying_key())
}

/// The person's empty device log.
#[must_use]
pub fn log() -> DeviceLog {
    DeviceLog::new(person(), inception().body())
}

/// What a device of the person was given.
#[must_use]
pub fn keyring() -> Keyring {
    let mut keyring = Keyring::default();
    keyring.insert(secret(EPOCH), &[]);
    keyring
}

/// A state of `space` on device 1, which knows nothing but the epoch's secret.
#[must_use]
pub fn state(space: SpaceId) -> State {
    State::new(space, log(), inception().body().clone(), keyring(), Some(KemSecret::from_secret(&secret(1))))
}

/// A replica over an empty disk in memory.
#[must_use]
pub fn replica(space: SpaceId) -> Replica<MemoryDisk> {
    let opening = Opening::new(JournalId::from_bytes([1; 16]));
    let opened = Journal::open(MemoryDisk::default(), &opening, &mut |_, _, _| {});
    Replica::new(state(space), opened.expect("an empty disk opens").0)
}

/// Somebody else, whom the person may let in.
#[must_use]
pub fn other(byte: u8) -> &'static (Recovery, Signed<Inception>) {
    static OTHERS: [OnceLock<(Recovery, Signed<Inception>)>; 256] = [const { OnceLock::new() }; 256];
    OTHERS[usize::from(byte)].get_or_init(|| {
        let recovery = Recovery::from_entropy(&secret(byte));
        let inception = recovery.incept();
        (recovery, inception)
    })
}

/// The action that enrols a device of the person with its own consent.
#[must_use]
pub fn enrolment(byte: u8, admin: bool, verified: bool) -> Action {
    enrolment_by(person(), byte, admin, verified)
}

/// The same for somebody's device.
#[must_use]
pub fn enrolment_by(person: PersonId, byte: u8, admin: bool, verified: bool) -> Action {
    let certificate =
        Certificate { person, device: device(byte), kem: kem(byte), name: format!("device {byte}"), admin };
    let device_signature = certificate.countersign(key(byte));
    Action::Enrol { certificate, device_signature, verified }
}

/// The operation by which the root enrols device 1, as an admin.
#[must_use]
pub fn first_operation() -> Signed<Operation> {
    static FIRST: OnceLock<Signed<Operation>> = OnceLock::new();
    FIRST.get_or_init(|| log().sign(Author::Root, enrolment(1, true, true), recovery().root())).clone()
}
