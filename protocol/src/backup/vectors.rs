//! Runs `protocol/vectors/backups` against this implementation.

use serde_json::Value;

use super::*;
use crate::testkit::{assert_mostly_refusals, decode_code, file, hex, hex_list, secret, text, to_hex};

const fn code(error: BackupError) -> &'static str {
    match error {
        BackupError::Malformed => "malformed",
        BackupError::OtherPerson => "other-person",
        BackupError::Grant(EpochError::NotForUs) => "not-for-us",
        BackupError::Grant(_) => "no-grant",
    }
}

fn open(given: &Value, case: &Value) -> Result<(BackupHead, Grant), &'static str> {
    let head = Signed::<BackupHead>::from_bytes(&hex(case, "head")).map_err(|error| decode_code(&error))?;
    let grant = head.open(&Recovery::from_entropy(&secret(given, "entropy"))).map_err(code)?;
    Ok((head.body().clone(), grant))
}

#[test]
fn heads() {
    let (given, cases) = file(include_str!("../../vectors/backups/heads.json"));
    assert_mostly_refusals(&cases);
    for case in cases {
        let outcome = open(&given, &case);
        assert_eq!(outcome.as_ref().map_or_else(|code| *code, |_| "ok"), text(&case, "expect"), "{case}");
        if let Ok((head, grant)) = outcome {
            assert_eq!(Value::from(head.end.segment.get()), case["segment"]);
            assert_eq!(Value::from(head.end.offset), case["offset"]);
            let (keyring, keeper) = grant.into_parts();
            let epochs: Vec<Vec<u8>> = keyring.iter().map(|(id, _)| id.as_bytes().to_vec()).collect();
            assert_eq!(epochs, hex_list(&case, "epochs"));
            assert_eq!(keeper.map(|keeper| to_hex(keeper.expose())).as_deref(), case["keeper"].as_str());
        }
    }
}
