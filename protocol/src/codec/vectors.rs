//! Runs `protocol/vectors/encoding` against this implementation.

use super::*;
use crate::{
    crypto::{
        kdf::derive,
        sign::{Signature, VerifyingKey},
    },
    id::{BlobId, DocumentId},
    identity::certificate::Certificate,
    record::{BlobChunk, Change},
    testkit::{assert_mostly_refusals, decode_code, file, hex, hex_array, hex_list, text, to_hex},
};

#[test]
fn structures() {
    let (_, cases) = file(include_str!("../../vectors/encoding/structures.json"));
    assert_mostly_refusals(&cases);
    for case in cases {
        let bytes = hex(&case, "bytes");
        let outcome = match text(&case, "structure") {
            "change" => decode::<Change>(&bytes).map(|change| {
                assert_eq!(change.document, DocumentId::from_bytes(hex_array(&case, "document")));
                assert_eq!(change.bytes, hex(&case, "content"));
            }),
            "blob-chunk" => decode::<BlobChunk>(&bytes).map(|chunk| {
                assert_eq!(chunk.blob, BlobId::from_bytes(hex_array(&case, "blob")));
                assert_eq!(u64::from(chunk.index), case["index"].as_u64().unwrap());
                assert_eq!(chunk.bytes, hex(&case, "content"));
            }),
            "certificate" => decode::<Certificate>(&bytes).map(|certificate| {
                assert_eq!(certificate.name, text(&case, "name"));
                assert_eq!(certificate.admin, case["admin"]);
            }),
            other => panic!("no structure {other}"),
        };
        assert_eq!(outcome.as_ref().map_or_else(decode_code, |()| "ok"), text(&case, "expect"), "{case}");
    }
}

#[test]
fn ids() {
    let (_, cases) = file(include_str!("../../vectors/encoding/ids.json"));
    assert_mostly_refusals(&cases);
    for case in cases {
        match text(&case, "text").parse::<DocumentId>() {
            Ok(id) => {
                assert_eq!(to_hex(id.as_bytes()), text(&case, "bytes"), "{case}");
                assert_eq!(id.to_string(), text(&case, "text").to_lowercase());
            }
            Err(_) => assert_eq!(case["expect"], "malformed", "{case}"),
        }
    }
}

#[test]
fn derivations() {
    let (_, cases) = file(include_str!("../../vectors/encoding/derivations.json"));
    for case in cases {
        let parts = hex_list(&case, "parts");
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let derived = derive(text(&case, "context"), &parts);
        assert_eq!(to_hex(derived.expose()), text(&case, "derived"), "{case}");
    }
}

#[test]
fn every_context_has_a_vector() {
    let (_, cases) = file(include_str!("../../vectors/encoding/derivations.json"));
    let listed: Vec<&str> = cases.iter().map(|case| text(case, "context")).collect();
    let source = include_str!("../crypto/kdf.rs");
    let contexts: Vec<&str> = source.split('"').filter(|text| text.starts_with("musette ")).collect();
    assert!(contexts.len() >= 17, "{contexts:?}");
    assert!(contexts.iter().all(|context| listed.contains(context)), "{contexts:?}");
}

#[test]
fn signatures() {
    let (_, cases) = file(include_str!("../../vectors/encoding/signatures.json"));
    assert_mostly_refusals(&cases);
    for case in cases {
        let key = VerifyingKey::from_bytes(hex_array(&case, "key"));
        let signature = Signature::from_bytes(hex_array(&case, "signature"));
        let outcome = key.verify(&hex(&case, "message"), &signature);
        assert_eq!(if outcome.is_ok() { "ok" } else { "bad-signature" }, text(&case, "expect"), "{case}");
    }
}
