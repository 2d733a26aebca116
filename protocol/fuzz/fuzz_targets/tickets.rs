//! Tickets as a person pastes them, and ids as a person types them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use musette_protocol::{
    id::{DeviceId, DocumentId, base32},
    pairing::Ticket,
    relaying::RelayTicket,
};
use musette_protocol_fuzz::input::Input;

fn read(text: &str) {
    if let Ok(ticket) = text.parse::<Ticket>() {
        assert_eq!(ticket.to_string().parse(), Ok(ticket));
    }
    if let Ok(ticket) = text.parse::<RelayTicket>() {
        assert!(ticket.to_string().parse() == Ok(ticket));
    }
    if let Ok(id) = text.parse::<DocumentId>() {
        assert_eq!(id.to_string(), text.to_ascii_lowercase());
    }
    if let Ok(id) = text.parse::<DeviceId>() {
        assert_eq!(id.to_string(), text.to_ascii_lowercase());
    }
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    if input.one_in(2) {
        // Any bytes with the checksum that they should have.
        let encoded = input.rest();
        let bytes = [encoded, &blake3::hash(encoded).as_bytes()[..4]].concat();
        for prefix in ["musette1", "musetterelay1"] {
            read(&format!("{prefix}{}", base32().encode(&bytes)));
        }
    } else if let Ok(text) = str::from_utf8(input.rest()) {
        read(text);
    }
});
