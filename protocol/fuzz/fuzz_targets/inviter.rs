//! The inviting side of a pairing, against a joiner that means harm: with the ticket's secret or
//! without it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use musette_protocol::{
    epoch::Keyring,
    id::SpaceId,
    identity::certificate::Certificate,
    pairing::{
        Invitation, Inviter, InviterStatement, JoinerStatement, MAX_WELCOME_LEN, Output, Welcome,
        words::{Language, text},
    },
};
use musette_protocol_fuzz::{
    input::Input,
    pairing::{End, NOW, SALT, channel, encoded, hello, message, salt_in, ticket},
    world::{device, inception, kem, key, person, secret},
};

const JOINER: u8 = 7;
const NAME: &str = "phone";

fn inviter() -> Inviter {
    let statement = InviterStatement { inception: inception().to_bytes(), device: device(1), admin: true };
    Inviter::new(channel(), statement, &secret(60), NOW).expect("our own statement holds")
}

/// What an honest joiner reveals.
fn reveal(name: &str) -> Vec<u8> {
    let statement = JoinerStatement { device: device(JOINER), kem: kem(JOINER), name: name.to_owned() };
    message(4, &encoded(&([0x11_u8; 32], statement)))
}

fn countersignature(name: &str) -> Vec<u8> {
    let certificate = Certificate {
        person: person(),
        device: device(JOINER),
        kem: kem(JOINER),
        name: name.to_owned(),
        admin: true,
    };
    message(6, certificate.countersign(key(JOINER)).as_bytes())
}

fn welcome(context: &[u8; 32]) -> Welcome {
    let mut keyring = Keyring::default();
    keyring.insert(secret(3), &[]);
    let grant = keyring.to_grant().seal(&kem(JOINER), context, &secret(98)).expect("the key is usable");
    Welcome { space: SpaceId::from_bytes([4; 32]), operations: vec![vec![1; 10]], grant }
}

/// What the person and the program at the inviting side do.
fn act(inviter: &mut Inviter, input: &mut Input<'_>) -> (Vec<Output>, bool) {
    match input.below(5) {
        0 => {
            let typed = inviter.words().map_or_else(String::new, |words| text(words, Language::French));
            (inviter.confirm(&typed, NOW).unwrap_or_default(), true)
        }
        1 => (inviter.confirm("zoo zoo zoo", NOW).unwrap_or_default(), false),
        2 => (inviter.accept_unverified(NOW), true),
        3 => (inviter.refuse(), false),
        _ => (inviter.handle_time(NOW.plus_millis(i64::from(input.byte()) * 10_000)), false),
    }
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let (mut inviter, mut invitation) = (inviter(), Invitation::new(ticket()));
    let mut end = None;
    let mut reveal = input.changed(reveal(NAME));
    if input.one_in(8) {
        reveal = input.bytes().to_vec();
    }
    let (mut over, mut consented) = (false, false);
    for _ in 0..24 {
        if input.is_empty() {
            break;
        }
        let frame = match (input.below(8), &mut end) {
            (0, _) => input.bytes().to_vec(),
            (1, _) | (_, None) => hello(SALT),
            (2, Some(end)) => {
                let commitment = End::commitment(end, &reveal);
                end.seal(&commitment)
            }
            (3, Some(end)) => end.seal(&reveal),
            (4, Some(end)) => end.seal(&input.changed(countersignature(NAME))),
            (5, Some(end)) => end.seal(input.bytes()),
            (6, Some(end)) => end.seal(&message(9, &[])),
            (_, Some(_)) => Vec::new(),
        };
        let mut outputs = if frame.is_empty() {
            let (outputs, consents) = act(&mut inviter, &mut input);
            consented |= consents;
            outputs
        } else {
            inviter.handle(&mut invitation, &frame, NOW)
        };
        if let Some(salt) = salt_in(&outputs) {
            end = Some(End::new(true, &salt));
        }
        assert!(!over || outputs.is_empty(), "it was over");
        if let Some(Output::Enrol { certificate, device_signature, context, .. }) = outputs.first() {
            assert!(consented, "nobody asked the person");
            assert!(certificate.verify_countersignature(device_signature).is_ok());
            assert!(Certificate::is_name_valid(&certificate.name));
            let welcome = welcome(context);
            outputs.extend(inviter.welcome(welcome));
        }
        for output in &outputs {
            match output {
                Output::Send(frame) => assert!(frame.len() <= MAX_WELCOME_LEN),
                Output::AskConfirmation { name } => assert!(Certificate::is_name_valid(name)),
                Output::Finished | Output::Failed(_) => over = true,
                Output::Enrol { .. } => {}
                Output::Words(_) | Output::Welcome { .. } => panic!("the joiner's"),
            }
        }
        assert_eq!(inviter.deadline().is_none(), over);
    }
});
