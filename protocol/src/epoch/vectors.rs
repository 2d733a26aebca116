//! Runs `protocol/vectors/epochs` against this implementation.

use serde_json::Value;

use super::*;
use crate::{
    crypto::kem::{KemPublic, KemSecret, SealedTo},
    signed::Signed,
    testkit::{assert_mostly_refusals, decode_code, file, hex, hex_array, hex_list, secret, text, to_hex},
};

const fn code(error: &EpochError) -> &'static str {
    match error {
        EpochError::NotKeeper => "not-keeper",
        EpochError::Malformed => "malformed",
        EpochError::WrongSecret => "wrong-secret",
        EpochError::NotForUs => "not-for-us",
    }
}

fn assert_holds(keyring: &Keyring, case: &Value) {
    let epochs: Vec<Vec<u8>> = keyring.iter().map(|(id, _)| id.as_bytes().to_vec()).collect();
    assert_eq!(epochs, hex_list(case, "epochs"), "{case}");
    let written_under: Vec<Vec<u8>> =
        keyring.written_under().iter().map(|id| id.as_bytes().to_vec()).collect();
    assert_eq!(written_under, hex_list(case, "written_under"), "{case}");
}

fn open(given: &Value, case: &Value) -> Result<Keyring, &'static str> {
    let statement =
        Signed::<EpochStatement>::from_bytes(&hex(case, "statement")).map_err(|error| decode_code(&error))?;
    let space = SpaceId::from_bytes(hex_array(given, "space"));
    let recovery_keeper = VerifyingKey::from_bytes(hex_array(given, "recovery_keeper"));
    statement.check(&space, &recovery_keeper).map_err(|error| code(&error))?;
    statement.open(&KemSecret::from_secret(&secret(case, "kem"))).map_err(|error| code(&error))
}

#[test]
fn statements() {
    let (given, cases) = file(include_str!("../../vectors/epochs/statements.json"));
    assert_mostly_refusals(&cases);
    for case in cases {
        let outcome = open(&given, &case);
        assert_eq!(
            outcome.as_ref().map_or_else(|code| *code, |_| "ok"),
            text(&case, "expect"),
            "{}",
            case["comment"]
        );
        if let Ok(keyring) = outcome {
            assert_holds(&keyring, &case);
            let statement = Signed::<EpochStatement>::from_bytes(&hex(&case, "statement")).unwrap();
            let own = keyring.secret(&statement.body().epoch).unwrap();
            let heads: Vec<Vec<u8>> =
                statement.heads().open(own).iter().map(|head| head.as_bytes().to_vec()).collect();
            assert_eq!(heads, hex_list(&case, "heads"), "{case}");
            for audience in case["audiences"].as_array().into_iter().flatten() {
                let to = hex_list(audience, "recipients").into_iter();
                let to: Vec<_> = to.map(|key| KemPublic::from_bytes(key.try_into().unwrap())).collect();
                assert_eq!(Value::from(statement.is_for(own, &to)), audience["is_for"], "{case}");
            }
        }
    }
}

#[test]
fn grants() {
    let (_, cases) = file(include_str!("../../vectors/epochs/grants.json"));
    assert_mostly_refusals(&cases);
    for case in cases {
        let sealed: SealedTo = postcard::from_bytes(&hex(&case, "sealed")).unwrap();
        let key = KemSecret::from_secret(&secret(&case, "kem"));
        let outcome = Grant::open(&sealed, &key, &hex(&case, "context"));
        assert_eq!(outcome.as_ref().map_or_else(code, |_| "ok"), text(&case, "expect"), "{case}");
        if let Ok(grant) = outcome {
            let (keyring, keeper) = grant.into_parts();
            assert_holds(&keyring, &case);
            assert_eq!(keeper.map(|keeper| to_hex(keeper.expose())).as_deref(), case["keeper"].as_str());
        }
    }
}
