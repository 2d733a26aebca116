//! Checks `protocol/vectors/relaying/` against this implementation.

use super::*;
use crate::{
    codec::{decode, encode},
    testkit::{assert_mostly_refusals, decode_code, file, hex, hex_array, hex_list, text, to_hex},
    time::Timestamp,
};

#[test]
fn tickets() {
    let (_, cases) = file(include_str!("../../vectors/relaying/tickets.json"));
    assert_mostly_refusals(&cases);
    for case in cases {
        let now = Timestamp::from_millis(case["now"].as_i64().unwrap());
        let outcome = text(&case, "text").parse::<RelayTicket>();
        let code = outcome.as_ref().map_err(|error| *error).and_then(|ticket| ticket.check_time(now));
        assert_eq!(code.map_or_else(RelayTicketError::code, |()| "ok"), text(&case, "expect"), "{case}");
        if let (Ok(ticket), "ok") = (outcome, text(&case, "expect")) {
            let terms = ticket.terms();
            assert_eq!(ticket.peer().as_slice(), hex(&case, "relay"));
            assert_eq!(terms.addresses, hex_list(&case, "addresses"));
            assert_eq!(terms.id, TicketId::from_bytes(hex_array(&case, "id")));
            assert_eq!(terms.expires.as_millis(), case["expires"].as_i64().unwrap());
            assert_eq!(terms.quota, case["quota"].as_u64().unwrap());
        }
    }
}

#[test]
fn messages() {
    let (_, cases) = file(include_str!("../../vectors/relaying/messages.json"));
    for case in cases {
        let outcome = decode::<Message>(&hex(&case, "bytes"));
        assert_eq!(outcome.as_ref().map_or_else(decode_code, |_| "ok"), text(&case, "expect"), "{case}");
        let Ok(message) = outcome else { continue };
        assert_eq!(to_hex(encode(&message)), text(&case, "bytes"));
        match message {
            Message::Present { ticket } => assert_eq!(ticket, hex(&case, "ticket")),
            Message::Admitted(admission) => {
                assert_eq!(admission.expires.as_millis(), case["expires"].as_i64().unwrap());
                assert_eq!(admission.bytes_left, case["bytes_left"].as_u64().unwrap());
                assert_eq!(admission.circuit_bytes, case["circuit_bytes"].as_u64().unwrap());
                assert_eq!(u64::from(admission.circuit_seconds), case["circuit_seconds"].as_u64().unwrap());
            }
            Message::Refused(refusal) => assert_eq!(refusal.code(), text(&case, "code")),
        }
    }
}
