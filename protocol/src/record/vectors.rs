//! Runs `protocol/vectors/records` against this implementation.

use serde_json::Value;

use super::*;
use crate::{
    crypto::secret::Secret32,
    identity::person::Inception,
    replica::{Ingested, Refusal},
    testkit::{
        assert_mostly_refusals, bytes, device, file, hex, hex_array, hex_list, replica, secret, state, text,
        to_hex,
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

#[test]
fn records() {
    let (given, cases) = file(include_str!("../../vectors/records/records.json"));
    assert_mostly_refusals(&cases);
    let space = SpaceId::from_bytes(hex_array(&given, "space"));
    let mut keyring = Keyring::default();
    let epoch = keyring.insert(secret(&given, "secret"), &[]);
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
            assert_eq!(to_hex(encode_payload(&payload).as_slice()), text(&case, "payload"));
            let nonce = record[65..HEADER_LEN].try_into().unwrap();
            assert_eq!(seal(&payload, &space, &epoch, &keyring, nonce), record, "{}", case["comment"]);
        }
    }
}

const fn refusal_code(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Operation(_) => "operation",
        Refusal::Epoch(_) => "epoch",
        Refusal::Commit => "commit",
        Refusal::Fork { .. } => "fork",
        Refusal::TooManyPending => "too-many-pending",
    }
}

/// What counts, and what is refused, once these records came in this order.
fn ingest(given: &Value, records: &[Vec<u8>]) -> Ingested {
    let inception = Signed::<Inception>::from_bytes(&bytes(text(given, "inception"))).unwrap();
    let secrets: Vec<Secret32> = vec![secret(given, "secret")];
    let mut replica = replica(state(&inception, SpaceId::from_bytes(hex_array(given, "space")), secrets));
    // The peer is the device that the log enrols first.
    replica.ingest(&device(1), records).unwrap()
}

#[test]
fn commits() {
    let (given, cases) = file(include_str!("../../vectors/records/commits.json"));
    for case in cases {
        let ingested = ingest(&given, &hex_list(&case, "records"));
        assert_eq!(ingested.unopened, [], "{}", case["comment"]);
        let counted = ingested.effects.counted.iter();
        let mut counted: Vec<Vec<u8>> =
            counted.map(|newly| newly.counted.commit.as_bytes().to_vec()).collect();
        counted.sort_unstable();
        assert_eq!(counted, hex_list(&case, "counted"), "{}", case["comment"]);
        let refused: Vec<&str> = ingested.effects.refused.iter().map(refusal_code).collect();
        assert_eq!(serde_json::to_value(refused).unwrap(), case["refused"], "{}", case["comment"]);
    }
}
