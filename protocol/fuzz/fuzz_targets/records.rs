//! Records, by somebody who knows the secrets of two epochs: what opens seals again to the same
//! bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use musette_protocol::{
    crypto::aead::NONCE_LEN,
    epoch::Keyring,
    id::SpaceId,
    limits::{MAX_COMMIT_RECORDS, MAX_LOG_HEADS, MAX_OPEN_DROPS},
    record::{Payload, drop_record, epoch_record, open, seal},
};
use musette_protocol_fuzz::{
    input::Input,
    member::{padded, seal_plaintext},
    world::{EPOCH, keyring, secret},
};

/// That of `protocol/vectors/records/records.json`.
const SPACE: SpaceId = SpaceId::from_bytes([0x51; 32]);
const NONCE: [u8; NONCE_LEN] = [4; NONCE_LEN];
/// Where a record names its nonce, in the suites of one epoch and of two.
const NONCE_AT: [usize; 2] = [65, 98];

/// All epochs that a record may be under.
fn known() -> Keyring {
    let mut keyring = keyring();
    keyring.insert(secret(EPOCH + 1), &[]);
    keyring
}

/// The record of a payload, under the same epochs as `record`.
fn sealed_again(payload: &Payload, record: &[u8]) -> Vec<u8> {
    let mut other = Keyring::default();
    other.insert(secret(EPOCH + 1), &[]);
    [keyring(), other, known()]
        .iter()
        .find_map(|keyring| {
            let at = NONCE_AT[keyring.written_under().len() - 1];
            let nonce = record.get(at..at + NONCE_LEN)?.try_into().ok()?;
            let again = seal(payload, &SPACE, keyring, &nonce);
            (again[..at] == record[..at]).then_some(again)
        })
        .expect("it was opened by these epochs")
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let record = match input.below(3) {
        0 => input.rest().to_vec(),
        1 => seal_plaintext(&SPACE, &NONCE, input.rest()),
        _ => seal_plaintext(&SPACE, &NONCE, &padded(input.rest())),
    };
    let Ok(payload) = open(&record, &SPACE, &known()) else { return };
    let again = match &payload {
        Payload::Epoch(statement) => epoch_record(statement),
        Payload::Drop(statement) => drop_record(statement),
        other => sealed_again(other, &record),
    };
    assert_eq!(again, record, "one payload has one record");
    match &payload {
        Payload::Commit(commit) => {
            let body = commit.body();
            assert!(body.records.len() + body.chunks.len() <= MAX_COMMIT_RECORDS);
            assert!(body.seen.len().max(body.log_heads.len()) <= MAX_LOG_HEADS);
            assert_eq!(body.number == 1, body.previous.is_none());
        }
        Payload::Receipt(receipt) => {
            assert!(receipt.body().number >= 1 && receipt.body().drops.len() <= MAX_OPEN_DROPS);
        }
        _ => {}
    }
});
