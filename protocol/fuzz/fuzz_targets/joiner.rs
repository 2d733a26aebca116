//! The joining side of a pairing, against an inviter that means harm: with the ticket's secret or
//! without it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use musette_protocol::{
    crypto::{kem::KemSecret, sign::SigningKey},
    epoch::{Grant, Keyring},
    identity::person::Inception,
    pairing::{InviterStatement, Joiner, MAX_HANDSHAKE_FRAME_LEN, Output, Welcome, joiner::NewDevice},
    signed::Signed,
};
use musette_protocol_fuzz::{
    input::Input,
    pairing::{End, NOW, SALT, channel, encoded, hello, message, salt_in, ticket},
    world::{device, first_operation, inception, kem, secret, space},
};

const JOINER: u8 = 7;

fn joiner() -> Joiner {
    let device = NewDevice {
        key: SigningKey::from_secret(&secret(JOINER)),
        kem: kem(JOINER),
        name: "phone".to_owned(),
    };
    Joiner::new(ticket(), channel(), device, &secret(70), NOW).expect("the ticket names the peer")
}

/// What an honest inviter reveals.
fn reveal() -> Vec<u8> {
    let inception = inception().to_bytes();
    message(5, &encoded(&([0x11_u8; 32], InviterStatement { inception, device: device(1), admin: true })))
}

/// The welcome of another pairing.
fn welcome() -> Vec<u8> {
    let mut keyring = Keyring::default();
    keyring.insert(secret(3), &[]);
    let grant = keyring.to_grant().seal(&kem(JOINER), b"", &secret(98)).expect("the key is usable");
    message(8, &encoded(&Welcome { space: space(), operations: vec![first_operation().to_bytes()], grant }))
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let mut joiner = joiner();
    let other_salt = salt_in(&joiner.start()).expect("it begins with a hello");
    let mut end = End::new(false, &other_salt);
    let mut reveal = input.changed(reveal());
    if input.one_in(8) {
        reveal = input.bytes().to_vec();
    }
    let (mut over, mut stores) = (false, false);
    for _ in 0..24 {
        if input.is_empty() {
            break;
        }
        let outputs = match input.below(10) {
            0 => joiner.handle(input.bytes(), NOW),
            1 => joiner.handle(&hello(SALT), NOW),
            2 => {
                let commitment = end.commitment(&reveal);
                joiner.handle(&end.seal(&commitment), NOW)
            }
            3 => joiner.handle(&end.seal(&reveal), NOW),
            4 => joiner.handle(&end.seal(&input.changed(welcome())), NOW),
            5 => joiner.handle(&end.seal(input.bytes()), NOW),
            6 => joiner.handle(&end.seal(&message(7, &[input.byte()])), NOW),
            7 => joiner.handle(&message(1, &[]), NOW),
            8 => joiner.handle_time(NOW.plus_millis(i64::from(input.byte()) * 10_000)),
            _ if stores => joiner.stored(),
            _ => Vec::new(),
        };
        assert!(!over || outputs.is_empty(), "it was over");
        for output in &outputs {
            match output {
                Output::Send(frame) => assert!(frame.len() <= MAX_HANDSHAKE_FRAME_LEN),
                Output::Words(words) => assert!(words.iter().all(|word| *word < 2048)),
                Output::Welcome { welcome, inception, certificate, context } => {
                    stores = true;
                    let inception = Signed::<Inception>::from_bytes(inception).expect("checked before");
                    assert_eq!(inception.person(), Ok(certificate.person));
                    assert_eq!(certificate.device, device(JOINER));
                    let own = KemSecret::from_secret(&secret(JOINER));
                    assert!(Grant::open(&welcome.grant, &own, context).is_err(), "of another pairing");
                }
                Output::Finished | Output::Failed(_) => over = true,
                Output::AskConfirmation { .. } | Output::Enrol { .. } => panic!("the inviter's"),
            }
        }
        assert_eq!(joiner.deadline().is_none(), over);
    }
});
