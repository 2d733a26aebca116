//! Runs `protocol/vectors/membership` against this implementation.

use serde_json::Value;

use super::*;
use crate::{
    codec::Tag,
    id::{DeviceId, OperationId, SpaceId},
    identity::{
        log::{DeviceLog, LogError},
        person::Inception,
    },
    signed::Signed,
    testkit::{decode_code, file, hex, hex_array, hex_list, text, to_hex},
};

const fn code(refused: &Refused) -> &'static str {
    match refused {
        Refused::Operation(LogError::MissingPrevious)
        | Refused::Membership(MembershipError::MissingPrevious) => "missing-previous",
        Refused::Operation(LogError::OtherPerson) => "other-person",
        Refused::Membership(MembershipError::OtherSpace) => "other-space",
        Refused::Operation(LogError::BadSignature) | Refused::Membership(MembershipError::BadSignature) => {
            "bad-signature"
        }
        Refused::Operation(LogError::NotEntitled) | Refused::Membership(MembershipError::NotEntitled) => {
            "not-entitled"
        }
        Refused::Operation(LogError::Malformed) | Refused::Membership(MembershipError::Malformed) => {
            "malformed"
        }
    }
}

fn apply(roster: &mut Roster, bytes: &[u8]) -> &'static str {
    let statement = if bytes[0] == Tag::MembershipOperation as u8 {
        Signed::from_bytes(bytes).map(Statement::Membership)
    } else {
        Signed::from_bytes(bytes).map(Statement::Operation)
    };
    match statement {
        Err(error) => decode_code(&error),
        Ok(statement) => roster.apply(&statement).as_ref().map_or_else(code, |_| "ok"),
    }
}

fn described(roster: &Roster) -> Value {
    let members = roster.members().iter().map(|(person, member)| {
        let role = if member.role == Role::Writer { "writer" } else { "reader" };
        let admission = to_hex(member.admission.as_bytes());
        let person = to_hex(person.as_bytes());
        serde_json::json!({"person": person, "role": role, "admission": admission})
    });
    members.collect()
}

fn check(roster: &Roster, case: &Value) {
    let comment = text(case, "comment");
    assert_eq!(described(roster), case["members"], "{comment}");
    let heads: Vec<Vec<u8>> =
        roster.membership().heads().iter().map(|head| head.as_bytes().to_vec()).collect();
    assert_eq!(heads, hex_list(case, "heads"), "{comment}");
    let epochs = roster.epochs_since_endings();
    let epochs = epochs.map(|epochs| epochs.iter().map(|epoch| to_hex(epoch.as_bytes())).collect::<Vec<_>>());
    assert_eq!(serde_json::to_value(epochs).unwrap(), case["epochs"], "{comment}");
    if case["recipients"].is_array() {
        let recipients: Vec<Vec<u8>> =
            roster.recipients(None).iter().map(|key| key.as_bytes().to_vec()).collect();
        assert_eq!(recipients, hex_list(case, "recipients"), "{comment}");
    }
    if case["devices"].is_array() {
        let devices: Vec<Vec<u8>> = roster.devices().keys().map(|id| id.as_bytes().to_vec()).collect();
        assert_eq!(devices, hex_list(case, "devices"), "{comment}");
    }
    for asked in case["asked"].as_array().into_iter().flatten() {
        let heads = hex_list(asked, "heads");
        let heads: Vec<OperationId> = heads.iter().map(|head| head.as_slice().try_into().unwrap()).collect();
        let device = DeviceId::from_bytes(hex_array(asked, "device"));
        let entitled = roster.is_entitled_at(&heads, &device);
        assert_eq!(serde_json::to_value(entitled).unwrap(), asked["entitled"], "{comment}: {asked}");
    }
}

#[test]
fn logs() {
    let (given, cases) = file(include_str!("../../vectors/membership/logs.json"));
    let inception = Signed::<Inception>::from_bytes(&hex(&given, "inception")).unwrap();
    let space = SpaceId::from_bytes(hex_array(&given, "space"));
    for case in cases {
        let statements = case["statements"].as_array().unwrap();
        let mut orders = vec![(0..statements.len()).collect()];
        orders.extend(case["orders"].as_array().into_iter().flatten().map(places));
        for order in orders {
            let owner = DeviceLog::new(inception.person().unwrap(), inception.body());
            let mut roster = Roster::new(space, owner);
            for bytes in hex_list(&given, "before") {
                assert_eq!(apply(&mut roster, &bytes), "ok");
            }
            for step in order.iter().map(|place| &statements[*place]) {
                let outcome = apply(&mut roster, &hex(step, "bytes"));
                assert_eq!(outcome, text(step, "expect"), "{}", text(&case, "comment"));
            }
            check(&roster, &case);
        }
    }
}

fn places(order: &Value) -> Vec<usize> {
    order.as_array().unwrap().iter().map(|place| usize::try_from(place.as_u64().unwrap()).unwrap()).collect()
}
