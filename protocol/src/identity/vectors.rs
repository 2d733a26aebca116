//! Runs `protocol/vectors/identity` against this implementation.

use serde_json::Value;

use super::{
    log::{DeviceLog, LogError, Operation},
    person::{Inception, Recovery},
};
use crate::{
    epoch::{epoch_id, person_key},
    pairing::words::recovery_entropy,
    signed::Signed,
    testkit::{assert_mostly_refusals, decode_code, file, hex, secret, text, to_hex},
};

#[test]
fn phrases() {
    let (_, cases) = file(include_str!("../../vectors/identity/phrases.json"));
    for case in cases {
        let entropy = recovery_entropy(text(&case, "english")).unwrap();
        assert_eq!(entropy, recovery_entropy(text(&case, "french")).unwrap());
        assert_eq!(to_hex(entropy.expose()), text(&case, "entropy"));
        let recovery = Recovery::from_entropy(&entropy);
        assert_eq!(to_hex(recovery.root().verifying_key().as_bytes()), text(&case, "root"));
        assert_eq!(to_hex(recovery.kem().public().as_bytes()), text(&case, "recovery_kem"));
        assert_eq!(to_hex(recovery.keeper().verifying_key().as_bytes()), text(&case, "recovery_keeper"));
        assert_eq!(to_hex(recovery.incept().to_bytes()), text(&case, "inception"));
        assert_eq!(to_hex(recovery.incept().person().unwrap().as_bytes()), text(&case, "person"));
    }
}

#[test]
fn inceptions() {
    let (_, cases) = file(include_str!("../../vectors/identity/inceptions.json"));
    assert_mostly_refusals(&cases);
    for case in cases {
        let outcome = match Signed::<Inception>::from_bytes(&hex(&case, "bytes")) {
            Err(error) => decode_code(&error),
            Ok(inception) => inception.person().map_or("bad-signature", |person| {
                assert_eq!(to_hex(person.as_bytes()), text(&case, "person"));
                "ok"
            }),
        };
        assert_eq!(outcome, text(&case, "expect"), "{case}");
    }
}

fn log_code(error: LogError) -> &'static str {
    match error {
        LogError::MissingPrevious => "missing-previous",
        LogError::OtherPerson => "other-person",
        LogError::BadSignature => "bad-signature",
        LogError::NotEntitled => "not-entitled",
        LogError::Malformed => "malformed",
    }
}

#[test]
fn logs() {
    let (given, cases) = file(include_str!("../../vectors/identity/logs.json"));
    let inception = Signed::<Inception>::from_bytes(&hex(&given, "inception")).unwrap();
    for case in cases {
        let operations = case["operations"].as_array().unwrap();
        let mut orders = vec![(0..operations.len()).collect()];
        orders.extend(case["orders"].as_array().into_iter().flatten().map(places));
        for order in orders {
            let mut log = DeviceLog::new(inception.person().unwrap(), inception.body());
            for step in order.iter().map(|place| &operations[*place]) {
                let operation = Signed::<Operation>::from_bytes(&hex(step, "bytes")).unwrap();
                let outcome = log.apply(operation);
                assert_eq!(
                    outcome.map_or_else(log_code, |_| "ok"),
                    text(step, "expect"),
                    "{}",
                    case["comment"]
                );
            }
            check(&log, &case);
        }
    }
}

fn places(order: &Value) -> Vec<usize> {
    order.as_array().unwrap().iter().map(|place| usize::try_from(place.as_u64().unwrap()).unwrap()).collect()
}

fn check(log: &DeviceLog, case: &Value) {
    let heads: Vec<String> = log.heads().iter().map(|head| to_hex(head.as_bytes())).collect();
    assert_eq!(serde_json::to_value(heads).unwrap(), case["heads"], "{}", case["comment"]);
    let key = log.person_key();
    let announced = |field: &str| case["person_key"][field].as_str();
    assert_eq!(
        key.map(|key| to_hex(key.epoch.as_bytes())).as_deref(),
        announced("epoch"),
        "{}",
        case["comment"]
    );
    assert_eq!(key.map(|key| to_hex(key.kem.as_bytes())).as_deref(), announced("kem"), "{}", case["comment"]);
    let root = log.root().map(|keys| to_hex(keys.root.as_bytes()));
    assert_eq!(root.as_deref(), case["root"].as_str(), "{}", case["comment"]);
    let devices = log.devices();
    let expected = case["devices"].as_array().unwrap();
    assert_eq!(devices.len(), expected.len(), "{}", case["comment"]);
    for expected in expected {
        let id = hex(expected, "device").as_slice().try_into().unwrap();
        let device = &devices[&id];
        assert_eq!(device.certificate.name, text(expected, "name"), "{}", case["comment"]);
        assert_eq!(device.certificate.admin, expected["admin"], "{}", case["comment"]);
        assert_eq!(device.verified, expected["verified"], "{}", case["comment"]);
    }
}

#[test]
fn person_keys() {
    let (_, cases) = file(include_str!("../../vectors/identity/person_keys.json"));
    for case in cases {
        let secret = secret(&case, "secret");
        assert_eq!(to_hex(epoch_id(&secret).as_bytes()), text(&case, "epoch"));
        assert_eq!(to_hex(person_key(&secret).public().as_bytes()), text(&case, "kem"));
    }
}
