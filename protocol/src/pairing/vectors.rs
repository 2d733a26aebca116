//! Checks `protocol/vectors/pairing/` against this implementation.

use serde_json::Value;

use super::{
    joiner::NewDevice,
    transcript::three_words,
    words::{self, Language},
    *,
};
use crate::{
    crypto::{kem::KemSecret, sign::SigningKey},
    id::DeviceId,
    testkit::{hex, hex_array, hex_list, list, secret, text, to_hex},
    time::Timestamp,
};

fn indices(value: &Value) -> [u16; 3] {
    serde_json::from_value(value.clone()).unwrap()
}

#[test]
fn tickets() {
    for case in list(include_str!("../../vectors/pairing/tickets.json")) {
        let outcome = text(&case, "text").parse::<Ticket>();
        let expected = text(&case, "expect");
        let now = Timestamp::from_millis(case["now"].as_i64().unwrap());
        let code = outcome.as_ref().map_err(|error| *error).and_then(|ticket| ticket.check_time(now));
        assert_eq!(code.map_or_else(TicketError::code, |()| "ok"), expected, "{case}");
        if let Ok(ticket) = outcome {
            assert_eq!(ticket.addresses, hex_list(&case, "addresses"));
            assert_eq!(ticket.peer, hex(&case, "peer"));
            assert_eq!(ticket.secret.expose().as_slice(), hex(&case, "secret"));
            assert_eq!(ticket.expires.as_millis(), case["expires"].as_i64().unwrap());
        }
    }
}

#[test]
fn authentication_words() {
    for case in list(include_str!("../../vectors/pairing/words.json")) {
        let words = three_words(&hex_array(&case, "hash"));
        assert_eq!(words, indices(&case["indices"]));
        assert_eq!(words::text(words, Language::English), text(&case, "english"));
        assert_eq!(words::text(words, Language::French), text(&case, "french"));
    }
}

#[test]
fn typed_words() {
    for case in list(include_str!("../../vectors/pairing/typed.json")) {
        let expected: Vec<[u16; 3]> = case["readings"].as_array().unwrap().iter().map(indices).collect();
        assert_eq!(words::readings(text(&case, "typed")), expected, "{case}");
    }
}

#[test]
fn recovery_phrases() {
    for case in list(include_str!("../../vectors/pairing/recovery.json")) {
        let outcome = words::recovery_entropy(text(&case, "typed"));
        let code = outcome.as_ref().err().map_or("ok", |error| error.code());
        assert_eq!(code, text(&case, "expect"), "{case}");
        if let Ok(entropy) = outcome {
            assert_eq!(entropy, secret(&case, "entropy"));
        }
    }
}

fn device(case: &Value) -> NewDevice {
    NewDevice {
        key: SigningKey::from_secret(&secret(case, "device_key_seed")),
        kem: KemSecret::from_secret(&secret(case, "device_kem_seed")).public(),
        name: text(case, "device_name").to_owned(),
    }
}

fn machines(case: &Value) -> (Joiner, Inviter, Invitation) {
    let now = Timestamp::from_millis(0);
    let ticket = || Ticket {
        addresses: Vec::new(),
        peer: hex(case, "inviter_peer"),
        secret: TicketSecret::from_bytes(hex_array(case, "secret")),
        expires: now.plus_millis(ticket::LIFETIME_MS),
    };
    let channel = || Channel { joiner: hex(case, "joiner_peer"), inviter: hex(case, "inviter_peer") };
    let statement = InviterStatement {
        inception: hex(case, "inception"),
        device: DeviceId::from_bytes(hex_array(case, "inviter_device")),
        admin: case["admin"].as_bool().unwrap(),
    };
    let joiner =
        Joiner::new(ticket(), channel(), device(case), &secret(case, "joiner_entropy"), now).unwrap();
    let inviter = Inviter::new(channel(), statement, &secret(case, "inviter_entropy"), now).unwrap();
    (joiner, inviter, Invitation::new(ticket()))
}

/// Every frame of a session, from both sides in turn, and everything else that was put out.
fn run(case: &Value) -> (Vec<String>, Vec<Output>) {
    let (mut joiner, mut inviter, mut invitation) = machines(case);
    let now = Timestamp::from_millis(0);
    let (mut frames, mut others, mut latest) = (Vec::new(), Vec::new(), joiner.start());
    loop {
        let mut frame = None;
        for output in latest {
            match output {
                Output::Send(bytes) => frame = Some(bytes),
                other => others.push(other),
            }
        }
        let Some(frame) = frame else { return (frames, others) };
        let to_inviter = frames.len() % 2 == 0;
        frames.push(to_hex(&frame));
        latest = if to_inviter {
            inviter.handle(&mut invitation, &frame, now)
        } else {
            joiner.handle(&frame, now)
        };
    }
}

#[test]
fn sessions() {
    for case in list(include_str!("../../vectors/pairing/sessions.json")) {
        let (frames, others) = run(&case);
        assert_eq!(serde_json::to_value(frames).unwrap(), case["frames"], "{}", case["comment"]);
        assert_eq!(others[0], Output::Words(indices(&case["words"])));
    }
}

#[test]
fn refusals() {
    let sessions = list(include_str!("../../vectors/pairing/sessions.json"));
    for case in list(include_str!("../../vectors/pairing/refusals.json")) {
        let (mut joiner, mut inviter, mut invitation) = machines(&sessions[0]);
        let now = Timestamp::from_millis(0);
        let mut latest = Vec::new();
        for frame in hex_list(&case, "frames") {
            latest = match text(&case, "to") {
                "joiner" => joiner.handle(&frame, now),
                _ => inviter.handle(&mut invitation, &frame, now),
            };
        }
        let Some(Output::Failed(error)) = latest.last() else { panic!("expected a failure: {case}") };
        assert_eq!(error.code(), text(&case, "expect"), "{case}");
    }
}
