//! What the tests of several modules share: readers of `protocol/vectors`, and small worlds.

use data_encoding::HEXLOWER;
use serde_json::Value;

use crate::{
    codec::DecodeError,
    crypto::{secret::Secret32, sign::SigningKey},
    epoch::Keyring,
    id::{DeviceId, SpaceId},
    identity::{log::DeviceLog, person::Inception},
    journal::{Journal, JournalId, Opening, memory::MemoryDisk},
    replica::{Replica, State},
    signed::Signed,
};

/// A file of vectors that is one list.
pub(crate) fn list(json: &str) -> Vec<Value> {
    serde_json::from_str(json).unwrap()
}

/// A file of vectors with something that holds for all its cases.
pub(crate) fn file(json: &str) -> (Value, Vec<Value>) {
    let mut file: Value = serde_json::from_str(json).unwrap();
    let Value::Array(cases) = file["cases"].take() else { panic!("no cases") };
    (file, cases)
}

/// Most vectors are refusals: what must not pass is where implementations differ.
pub(crate) fn assert_mostly_refusals(cases: &[Value]) {
    let refusals = cases.iter().filter(|case| case["expect"] != "ok").count();
    assert!(refusals * 2 > cases.len(), "{refusals} of {}", cases.len());
}

pub(crate) fn text<'a>(case: &'a Value, field: &str) -> &'a str {
    case[field].as_str().unwrap_or_else(|| panic!("{field} in {case}"))
}

pub(crate) fn bytes(hex: &str) -> Vec<u8> {
    HEXLOWER.decode(hex.as_bytes()).unwrap()
}

pub(crate) fn hex(case: &Value, field: &str) -> Vec<u8> {
    bytes(text(case, field))
}

pub(crate) fn hex_array<const N: usize>(case: &Value, field: &str) -> [u8; N] {
    hex(case, field).try_into().unwrap()
}

pub(crate) fn secret(case: &Value, field: &str) -> Secret32 {
    Secret32::from_bytes(hex_array(case, field))
}

/// A list of byte strings; an absent one is empty.
pub(crate) fn hex_list(case: &Value, field: &str) -> Vec<Vec<u8>> {
    let list = case[field].as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().map(|value| bytes(value.as_str().unwrap())).collect()
}

pub(crate) fn to_hex(bytes: impl AsRef<[u8]>) -> String {
    HEXLOWER.encode(bytes.as_ref())
}

pub(crate) const fn decode_code(error: &DecodeError) -> &'static str {
    match error {
        DecodeError::Malformed => "malformed",
        DecodeError::WrongTag { .. } => "wrong-tag",
        DecodeError::Newer { .. } => "newer",
        DecodeError::NotCanonical => "not-canonical",
    }
}

/// The key whose seed is this byte, 32 times.
pub(crate) fn key(byte: u8) -> SigningKey {
    SigningKey::from_secret(&Secret32::from_bytes([byte; 32]))
}

/// The device with that key.
pub(crate) fn device(byte: u8) -> DeviceId {
    DeviceId::from_bytes(*key(byte).verifying_key().as_bytes())
}

/// A space of somebody who knows one epoch and holds no record.
pub(crate) fn state(inception: &Signed<Inception>, space: SpaceId, secrets: Vec<Secret32>) -> State {
    let log = DeviceLog::new(inception.person().unwrap(), inception.body());
    let mut keyring = Keyring::default();
    for secret in secrets {
        keyring.insert(secret, &[]);
    }
    State::new(space, log, inception.body().clone(), keyring, None)
}

/// A replica in memory.
pub(crate) fn replica(state: State) -> Replica<MemoryDisk> {
    let opening = Opening::new(JournalId::from_bytes([1; 16]));
    let (journal, _) = Journal::open(MemoryDisk::default(), &opening, &mut |_, _, _| {}).unwrap();
    Replica::new(state, journal)
}
