//! Both sides of a recovery: the bare device against whoever knows the person's public keys, the
//! running one against whoever knocks, with the phrase or without it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use musette_protocol::{
    crypto::{
        kem::KemSecret,
        sign::{Signature, SigningKey},
    },
    epoch::{Grant, Keyring},
    identity::log::{Action, Author},
    pairing::{Channel, MAX_WELCOME_LEN, Welcome, joiner::NewDevice},
    recovering::{Answerer, Asker, Door, EXCHANGE_MS, KnownWords, Output},
};
use musette_protocol_fuzz::{
    input::Input,
    pairing::{NOW, SALT, channel, encoded, hello, message},
    recovering::{End, challenge},
    world::{device, enrolment, first_operation, inception, kem, key, log, other, recovery, secret, space},
};

const LAPTOP: u8 = 1;
const BARE: u8 = 7;
const MOVES: usize = 16;

fn welcome(context: &[u8]) -> Welcome {
    let mut keyring = Keyring::default();
    keyring.insert(secret(3), &[]);
    let grant = keyring.to_grant().seal(&kem(BARE), context, &secret(98)).expect("the key is usable");
    Welcome { space: space(), operations: vec![first_operation().to_bytes()], grant }
}

/// The salt with which a side begins, or answers.
fn salt_in(head: u8, frame: &[u8]) -> Option<[u8; 32]> {
    frame.strip_prefix(&message(head, &[])[..])?.get(..32)?.try_into().ok()
}

/// The salt with which the other side began, or answered.
fn salt_after(head: u8, outputs: &[Output]) -> Option<[u8; 32]> {
    let Some(Output::Send(frame)) = outputs.first() else { return None };
    salt_in(head, frame)
}

fn ends(outputs: &[Output]) -> bool {
    outputs.iter().any(|output| matches!(output, Output::Finished | Output::Failed(_)))
}

/// What any device of this byte would answer, with the person's log.
fn answer(end: &End, byte: u8) -> Vec<u8> {
    let signature = end.prove(Author::Device(device(byte)), key(byte));
    let operations = vec![first_operation().to_bytes()];
    message(13, &encoded(&(inception().to_bytes(), device(byte), signature, operations)))
}

fn ask(input: &mut Input<'_>) {
    let device_keys =
        NewDevice { key: SigningKey::from_secret(&secret(BARE)), kem: kem(BARE), name: "bare".to_owned() };
    let mut asker = Asker::new(channel(), recovery(), device_keys, &secret(70), NOW).expect("a good name");
    let salt = salt_after(0, &asker.start()).expect("it begins with a hello");
    let to = inception().body().recovery_kem;
    let (mut end, sealed) = challenge(&channel(), &to, (&salt, &SALT), &secret(input.byte() % 2 + 80));
    let (mut over, mut stores) = (false, false);
    for _ in 0..MOVES {
        if input.is_empty() {
            return;
        }
        let outputs = match input.below(9) {
            0 => asker.handle(input.bytes(), NOW),
            1 => asker.handle(&challenge_frame(&sealed), NOW),
            2 => {
                let byte = if input.byte() == 0 { LAPTOP } else { 6 };
                let answer = input.changed(answer(&end, byte));
                asker.handle(&end.seal(&answer), NOW)
            }
            3 => asker.handle(&end.seal(&input.changed(message(8, &encoded(&welcome(b""))))), NOW),
            4 if stores => asker.stored(),
            4 => Vec::new(),
            5 => asker.handle(&end.seal(input.bytes()), NOW),
            6 => asker.handle(&message(input.byte() % 16, &[]), NOW),
            7 => asker.handle(&end.seal(&message(7, &[input.byte()])), NOW),
            _ => asker.handle_time(NOW.plus_millis(i64::from(input.byte()) * 1_000)),
        };
        assert!(!over || outputs.is_empty(), "it was over");
        for output in &outputs {
            match output {
                Output::Send(frame) => assert!(frame.len() <= MAX_WELCOME_LEN),
                Output::Welcome { welcome, answerer, certificate, context, .. } => {
                    stores = true;
                    assert_eq!((*answerer, certificate.device), (device(LAPTOP), device(BARE)));
                    let own = KemSecret::from_secret(&secret(BARE));
                    assert!(Grant::open(&welcome.grant, &own, context).is_err(), "of another exchange");
                }
                Output::Finished | Output::Failed(_) => {}
                Output::Proved | Output::Enrol { .. } => panic!("the answerer's"),
            }
        }
        over |= ends(&outputs);
        assert_eq!(asker.deadline().is_none(), over);
    }
}

fn challenge_frame(sealed: &[u8]) -> Vec<u8> {
    message(10, &[&SALT[..], sealed].concat())
}

/// An operation that may or may not be what lets a device in.
fn operation(input: &mut Input<'_>) -> Vec<u8> {
    let (author, signer) = match input.below(3) {
        0 => (Author::Root, recovery().root()),
        1 => (Author::Root, other(8).0.root()),
        _ => (Author::Device(device(LAPTOP)), key(LAPTOP)),
    };
    let action =
        if input.one_in(8) { Action::Vouch { device: device(2) } } else { enrolment(BARE, true, true) };
    log().sign(author, action, signer).to_bytes()
}

fn answer_to(input: &mut Input<'_>) {
    let Channel { joiner, inviter } = channel();
    let channel = Channel { joiner, inviter };
    let entropy = secret(60);
    let words = KnownWords::new(inception(), &log()).expect("our own inception holds");
    let mut answerer = Answerer::new(channel, words, entropy, NOW);
    let (mut door, mut end) = (Door::default(), None::<End>);
    let (mut over, mut proved) = (false, false);
    for _ in 0..MOVES {
        if input.is_empty() {
            return;
        }
        let frame = match (input.below(8), &mut end) {
            (0, _) => {
                // The vectors are among what is drawn from: an exchange in which the root did claim.
                proved = true;
                input.bytes().to_vec()
            }
            (1, _) | (_, None) => hello(SALT),
            (2, Some(end)) => {
                let by_root = input.byte().is_multiple_of(2);
                let key = if by_root { recovery().root() } else { key(6) };
                proved |= by_root;
                let claim: Signature = end.prove(Author::Root, key);
                end.seal(&message(12, &encoded(&claim)))
            }
            (3, Some(end)) => {
                let operation = operation(input);
                end.seal(&message(14, &encoded(&input.changed(operation))))
            }
            (4, Some(end)) => end.seal(input.bytes()),
            (5, Some(end)) => end.seal(&message(12, &[input.byte(); 64])),
            (6, Some(end)) => end.seal(&message(9, &[])),
            (_, Some(_)) => Vec::new(),
        };
        let mut outputs = if frame.is_empty() {
            answerer.handle_time(NOW.plus_millis(i64::from(input.byte()) * EXCHANGE_MS / 16))
        } else {
            answerer.handle(&mut door, &frame, NOW)
        };
        assert!(!over || outputs.is_empty(), "it was over");
        if let (Some(salt), Some(Output::Send(challenge))) = (salt_after(10, &outputs), outputs.first()) {
            // Any hello is answered, also one that was drawn.
            let asker_salt = salt_in(0, &frame).expect("only a hello is answered by a challenge");
            end = End::open(
                &musette_protocol_fuzz::pairing::channel(),
                recovery().kem(),
                (&asker_salt, &salt),
                &challenge[35..],
            );
            assert!(end.is_some(), "the phrase opens the challenge");
        }
        if let Some(Output::Proved) = outputs.first() {
            assert!(proved, "the root claimed nothing");
            outputs.extend(answerer.answer(key(LAPTOP), vec![first_operation().to_bytes()]));
        }
        if let Some(Output::Enrol { operation, certificate, context }) = outputs.first() {
            assert_eq!(operation.body().author, Author::Root);
            assert!(operation.verify(&inception().body().root).is_ok());
            assert_eq!(certificate.device, device(BARE));
            let welcome = welcome(&context[..]);
            outputs.extend(answerer.welcome(welcome));
        }
        over |= ends(&outputs);
        assert_eq!(answerer.deadline().is_none(), over);
    }
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    if input.byte().is_multiple_of(2) { ask(&mut input) } else { answer_to(&mut input) }
});
