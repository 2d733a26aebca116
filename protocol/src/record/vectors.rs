//! Runs `protocol/vectors/records` against this implementation.

use serde_json::Value;

use super::{payload::encode_payload, *};
use crate::{
    crypto::{aead::NONCE_LEN, secret::Secret32, sign::VerifyingKey},
    epoch::Keyring,
    id::SpaceId,
    identity::person::Inception,
    journal::memory::MemoryDisk,
    replica::{Ingested, Refusal, Replica},
    signed::Signed,
    testkit::{
        assert_mostly_refusals, bytes, decode_code, device, file, hex, hex_array, hex_list, replica, secret,
        state, text, to_hex,
    },
};

const fn code(error: &OpenError) -> &'static str {
    match error {
        OpenError::UnknownSuite => "unknown-suite",
        OpenError::Malformed => "malformed",
        OpenError::OtherSpace => "other-space",
        OpenError::UnknownEpoch => "unknown-epoch",
        OpenError::DoesNotOpen => "does-not-open",
    }
}

/// Who knows these secrets, none of their epochs replaced.
fn keyring(secrets: &[Vec<u8>]) -> Keyring {
    let mut keyring = Keyring::default();
    for secret in secrets {
        keyring.insert(Secret32::from_bytes(secret.as_slice().try_into().unwrap()), &[]);
    }
    keyring
}

/// What this implementation makes of an opened payload: the same bytes.
fn again(case: &Value, payload: &Payload, space: &SpaceId, record: &[u8]) -> Vec<u8> {
    match payload {
        Payload::Epoch(statement) => epoch_record(statement),
        Payload::Drop(statement) => drop_record(statement),
        sealed => {
            assert_eq!(to_hex(encode_payload(sealed).as_slice()), text(case, "payload"));
            let nonce: [u8; NONCE_LEN] = hex_array(case, "nonce");
            assert!(record.windows(NONCE_LEN).any(|window| window == nonce));
            seal(sealed, space, &keyring(&hex_list(case, "sealed_under")), &nonce)
        }
    }
}

#[test]
fn records() {
    let (given, cases) = file(include_str!("../../vectors/records/records.json"));
    assert_mostly_refusals(&cases);
    let space = SpaceId::from_bytes(hex_array(&given, "space"));
    let keyring = keyring(&hex_list(&given, "secrets"));
    for case in cases {
        let record = hex(&case, "record");
        let outcome = open(&record, &space, &keyring);
        assert_eq!(
            outcome.as_ref().map_or_else(code, |_| "ok"),
            text(&case, "expect"),
            "{}",
            case["comment"]
        );
        if let Ok(payload) = outcome {
            assert_eq!(again(&case, &payload, &space, &record), record, "{}", case["comment"]);
        }
    }
}

const fn refusal_code(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Operation(_) => "operation",
        Refusal::Epoch(_) => "epoch",
        Refusal::Drop(_) => "drop",
        Refusal::Receipt => "receipt",
        Refusal::Commit => "commit",
        Refusal::Fork { .. } => "fork",
        Refusal::TooManyPending => "too-many-pending",
    }
}

/// What counts, and what is refused, once these records came in this order, in so many at a time.
fn ingest(given: &Value, records: &[Vec<u8>], at_once: usize) -> (Ingested, Replica<MemoryDisk>) {
    let inception = Signed::<Inception>::from_bytes(&bytes(text(given, "inception"))).unwrap();
    let secrets: Vec<Secret32> = vec![secret(given, "secret")];
    let mut replica = replica(state(&inception, SpaceId::from_bytes(hex_array(given, "space")), secrets));
    let mut all = Ingested::default();
    for records in records.chunks(at_once) {
        // The peer is the device that the log enrols first.
        let ingested = replica.ingest(&device(1), records).unwrap();
        all.unopened.extend(ingested.unopened);
        all.effects.extend(ingested.effects);
    }
    (all, replica)
}

fn check(ingested: &Ingested, case: &Value) {
    assert_eq!(ingested.unopened, [], "{}", case["comment"]);
    let counted = ingested.effects.counted.iter();
    let mut counted: Vec<Vec<u8>> = counted.map(|newly| newly.counted.commit.as_bytes().to_vec()).collect();
    counted.sort_unstable();
    assert_eq!(counted, hex_list(case, "counted"), "{}", case["comment"]);
    let dropped = std::iter::repeat_n("dropped", ingested.effects.dropped_before);
    let refused: Vec<&str> = ingested.effects.refused.iter().map(refusal_code).chain(dropped).collect();
    assert_eq!(serde_json::to_value(refused).unwrap(), case["refused"], "{}", case["comment"]);
}

#[test]
fn commits() {
    let (given, cases) = file(include_str!("../../vectors/records/commits.json"));
    for case in cases {
        let records = hex_list(&case, "records");
        check(&ingest(&given, &records, records.len()).0, &case);
        if !case["quarantined"].is_array() {
            continue;
        }
        let mut orders = vec![records.clone()];
        let in_order = |order: &Value| {
            let places = order.as_array().unwrap().iter().map(|place| place.as_u64().unwrap());
            places.map(|place| records[usize::try_from(place).unwrap()].clone()).collect()
        };
        orders.extend(case["orders"].as_array().into_iter().flatten().map(in_order));
        for (number, order) in orders.iter().enumerate() {
            for at_once in [1, order.len()] {
                let (ingested, replica) = ingest(&given, order, at_once);
                check(&ingested, &case);
                let changes = replica.state().quarantined().into_iter().map(|one| one.record);
                let both = changes.chain(replica.state().quarantined_chunks());
                let mut quarantined: Vec<Vec<u8>> = both.map(|record| record.as_bytes().to_vec()).collect();
                quarantined.sort_unstable();
                let expected = hex_list(&case, "quarantined");
                assert_eq!(quarantined, expected, "{}, order {number}, {at_once} at once", case["comment"]);
            }
        }
    }
}

const fn drop_code(error: &DropError) -> &'static str {
    match error {
        DropError::NotKeeper => "not-keeper",
        DropError::NotItsDevice => "not-its-device",
        DropError::Malformed => "malformed",
    }
}

#[test]
fn drops() {
    let (given, cases) = file(include_str!("../../vectors/records/drops.json"));
    assert_mostly_refusals(&cases);
    let space = SpaceId::from_bytes(hex_array(&given, "space"));
    let recovery_keeper = VerifyingKey::from_bytes(hex_array(&given, "recovery_keeper"));
    for case in cases {
        let outcome = match Signed::<DropStatement>::from_bytes(&hex(&case, "statement")) {
            Err(error) => decode_code(&error),
            Ok(statement) => match statement.check(&space, &recovery_keeper) {
                Err(error) => drop_code(&error),
                Ok(()) => {
                    assert_eq!(to_hex(statement.id().as_bytes()), text(&case, "drop"));
                    "ok"
                }
            },
        };
        assert_eq!(outcome, text(&case, "expect"), "{case}");
    }
}

#[test]
fn receipts() {
    let (given, cases) = file(include_str!("../../vectors/records/receipts.json"));
    assert_mostly_refusals(&cases);
    let space = SpaceId::from_bytes(hex_array(&given, "space"));
    for case in cases {
        let outcome = match Signed::<Receipt>::from_bytes(&hex(&case, "statement")) {
            Err(error) => decode_code(&error),
            Ok(receipt) => receipt.check(&space).as_ref().map_or_else(drop_code, |()| "ok"),
        };
        assert_eq!(outcome, text(&case, "expect"), "{case}");
    }
}
