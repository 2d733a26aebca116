//! Both machines talking to each other, and to somebody who means harm.

use proptest::prelude::*;

use super::{proof::Exchange, *};
use crate::{
    codec::encode,
    crypto::{
        kem::KemSecret,
        secret::Secret32,
        sign::{Signature, SigningKey},
    },
    epoch::{Grant, Keyring},
    id::SpaceId,
    identity::{
        log::{Action, Author, DeviceLog, Revocation},
        person::Recovery,
    },
    pairing::{Channel, joiner::NewDevice, message::Message},
    testkit::{device, key},
    time::Timestamp,
};

const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);
/// Peers: the device that runs, the bare one, somebody else.
const LAPTOP_PEER: u8 = 1;
const BARE_PEER: u8 = 2;
const EVE_PEER: u8 = 3;
/// Seeds: of the phrase, the laptop's device, the phone's, the bare device's, Eve's.
const PHRASE: u8 = 50;
const LAPTOP: u8 = 10;
const PHONE: u8 = 11;
const BARE: u8 = 70;
const EVE: u8 = 99;

fn secret(byte: u8) -> Secret32 {
    Secret32::from_bytes([byte; 32])
}

fn recovery(byte: u8) -> Recovery {
    Recovery::from_entropy(&secret(byte))
}

fn channel(asker: u8, answerer: u8) -> Channel {
    Channel { joiner: vec![asker; 38], inviter: vec![answerer; 38] }
}

fn certificate_of(recovery: &Recovery, byte: u8) -> Certificate {
    Certificate {
        person: recovery.incept().person().unwrap(),
        device: device(byte),
        kem: KemSecret::from_secret(&secret(byte)).public(),
        name: format!("device {byte}"),
        admin: true,
    }
}

fn enrolment(recovery: &Recovery, byte: u8) -> Action {
    let certificate = certificate_of(recovery, byte);
    let device_signature = certificate.countersign(&key(byte));
    Action::Enrol { certificate, device_signature, verified: true }
}

/// The log of a person with a laptop and a phone, which the laptop may have taken out.
fn log_of(recovery: &Recovery, phone_is_out: bool) -> DeviceLog {
    let inception = recovery.incept();
    let mut log = DeviceLog::new(inception.person().unwrap(), inception.body());
    let mut add = |author, action, key: &SigningKey| {
        let operation = log.sign(author, action, key);
        log.apply(operation).unwrap();
    };
    let by_laptop = Author::Device(device(LAPTOP));
    add(Author::Root, enrolment(recovery, LAPTOP), recovery.root());
    add(by_laptop, enrolment(recovery, PHONE), &key(LAPTOP));
    if phone_is_out {
        let revocation = Revocation { device: device(PHONE), kept: Vec::new(), undone: Vec::new() };
        add(by_laptop, Action::Revoke(revocation), &key(LAPTOP));
    }
    log
}

fn operations(log: &DeviceLog) -> Vec<Vec<u8>> {
    log.in_order().into_iter().map(Signed::to_bytes).collect()
}

fn asker_on(recovery: &Recovery, channel: Channel, entropy: u8) -> Asker<'_> {
    let device = NewDevice {
        key: key(BARE),
        kem: KemSecret::from_secret(&secret(BARE)).public(),
        name: "bare".to_owned(),
    };
    Asker::new(channel, recovery, device, &secret(entropy), NOW).unwrap()
}

fn asker(recovery: &Recovery) -> Asker<'_> {
    asker_on(recovery, channel(BARE_PEER, LAPTOP_PEER), 71)
}

fn answerer_on(recovery: &Recovery, channel: Channel, entropy: u8) -> Answerer {
    answerer_knowing(KnownWords::new(&recovery.incept(), &log_of(recovery, false)).unwrap(), channel, entropy)
}

fn answerer_knowing(words: KnownWords, channel: Channel, entropy: u8) -> Answerer {
    Answerer::new(channel, words, secret(entropy), NOW)
}

fn answerer(recovery: &Recovery) -> Answerer {
    answerer_on(recovery, channel(BARE_PEER, LAPTOP_PEER), 60)
}

fn frame_of(outputs: &[Output]) -> Vec<u8> {
    let Some(Output::Send(frame)) = outputs.first() else { panic!("expected a frame, got {outputs:?}") };
    frame.clone()
}

fn error_of(outputs: &[Output]) -> RecoveringError {
    let Some(Output::Failed(error)) = outputs.last() else { panic!("expected a failure, got {outputs:?}") };
    *error
}

fn welcome(to: &Certificate, context: &[u8; 32]) -> Welcome {
    let mut keyring = Keyring::default();
    keyring.insert(secret(3), &[]);
    let grant = keyring.to_grant().seal(&to.kem, context, &secret(98)).unwrap();
    Welcome { space: SpaceId::from_bytes([4; 32]), operations: vec![b"operation".to_vec()], grant }
}

/// What a whole exchange leaves behind.
struct Talked {
    frames: Vec<Vec<u8>>,
    /// How it ended on the asker's side and on the answerer's.
    ends: [Output; 2],
    enrolled: Option<Signed<Operation>>,
    welcomed_by: Option<DeviceId>,
}

/// Carries frames both ways, changed by `change`, until nobody has any more; `log` and `signer` are what
/// the answering driver has.
fn talk(
    asker: &mut Asker<'_>,
    answerer: &mut Answerer,
    (log, signer): (&DeviceLog, u8),
    change: &dyn Fn(usize, Vec<u8>) -> Vec<u8>,
) -> Talked {
    let mut talked = Talked {
        frames: Vec::new(),
        ends: [(); 2].map(|()| Output::Failed(RecoveringError::Deadline)),
        enrolled: None,
        welcomed_by: None,
    };
    let mut door = Door::default();
    let mut waiting: Vec<(bool, Output)> = asker.start().into_iter().map(|output| (true, output)).collect();
    while !waiting.is_empty() {
        let (by_asker, output) = waiting.remove(0);
        let (to_asker, outputs) = match output {
            Output::Send(frame) => {
                let frame = change(talked.frames.len(), frame);
                talked.frames.push(frame.clone());
                if by_asker {
                    (false, answerer.handle(&mut door, &frame, NOW))
                } else {
                    (true, asker.handle(&frame, NOW))
                }
            }
            Output::Proved => (false, answerer.answer(&key(signer), operations(log))),
            Output::Enrol { operation, certificate, context } => {
                talked.enrolled = Some(*operation);
                (false, answerer.welcome(welcome(&certificate, &context)))
            }
            Output::Welcome { welcome, inception, answerer, certificate, context } => {
                assert_eq!(inception.person(), Ok(log.person()));
                let kem = KemSecret::from_secret(&secret(BARE));
                assert!(Grant::open(&welcome.grant, &kem, &context).is_ok());
                assert_eq!(certificate.device, device(BARE));
                talked.welcomed_by = Some(answerer);
                (true, asker.stored())
            }
            end @ (Output::Finished | Output::Failed(_)) => {
                talked.ends[usize::from(!by_asker)] = end;
                continue;
            }
        };
        waiting.extend(outputs.into_iter().map(|output| (to_asker, output)));
        assert!(talked.frames.len() < 20, "it must end");
    }
    talked
}

fn unchanged(_: usize, frame: Vec<u8>) -> Vec<u8> {
    frame
}

fn failed(talked: &Talked, errors: [RecoveringError; 2]) {
    assert_eq!(talked.ends, errors.map(Output::Failed));
    assert!(talked.enrolled.is_none() && talked.welcomed_by.is_none());
}

#[test]
fn the_phrase_lets_a_bare_device_in_by_the_root() {
    let me = recovery(PHRASE);
    let (mut asker, mut answerer, mut log) = (asker(&me), answerer(&me), log_of(&me, false));
    let talked = talk(&mut asker, &mut answerer, (&log, LAPTOP), &unchanged);
    assert_eq!(talked.ends, [Output::Finished, Output::Finished]);
    assert_eq!(talked.welcomed_by, Some(device(LAPTOP)));
    let enrolled = talked.enrolled.unwrap();
    assert_eq!(enrolled.body().author, Author::Root);
    assert_eq!(enrolled.body().previous, log.heads());
    log.apply(enrolled).unwrap();
    assert!(log.devices()[&device(BARE)].verified);
    assert_eq!((asker.deadline(), answerer.deadline()), (None, None));
}

#[test]
fn a_device_that_was_taken_out_hinders_nobody_and_is_not_taken_for_one_that_is_in() {
    let me = recovery(PHRASE);
    let log = log_of(&me, true);
    let talked = talk(&mut asker(&me), &mut answerer(&me), (&log, LAPTOP), &unchanged);
    assert_eq!(talked.welcomed_by, Some(device(LAPTOP)));
    let talked = talk(&mut asker(&me), &mut answerer(&me), (&log, PHONE), &unchanged);
    assert_eq!(talked.ends[0], Output::Failed(RecoveringError::DeviceRevoked));
    assert!(talked.enrolled.is_none());
}

#[test]
fn whoever_has_other_words_learns_nothing_and_gives_nothing_away() {
    let (me, other) = (recovery(PHRASE), recovery(51));
    let (mut stranger, mut answerer) = (asker(&other), answerer(&me));
    let mut door = Door::default();
    let hello = frame_of(&stranger.start());
    let challenge = frame_of(&answerer.handle(&mut door, &hello, NOW));
    assert_eq!(stranger.handle(&challenge, NOW), [Output::Failed(RecoveringError::OtherPerson)]);

    // The same from whoever lives there: nothing of the person is in it.
    let elsewhere =
        frame_of(&answerer_on(&other, channel(BARE_PEER, LAPTOP_PEER), 60).handle(&mut door, &hello, NOW));
    assert_eq!(challenge.len(), elsewhere.len());
    let inception = me.incept();
    let person = inception.person().unwrap();
    let parts =
        [person.as_bytes(), inception.body().root.as_bytes(), inception.body().recovery_kem.as_bytes()];
    for part in parts {
        assert!(!challenge.windows(8).any(|seen| part.windows(8).any(|own| own == seen)));
    }
    // Nor does it tell that there were other words before.
    let mut log = log_of(&other, false);
    log.apply(log.sign_replacement(&other, &me)).unwrap();
    let words = KnownWords::new(&other.incept(), &log).unwrap();
    let replaced =
        answerer_knowing(words, channel(BARE_PEER, LAPTOP_PEER), 60).handle(&mut door, &hello, NOW);
    assert_eq!(challenge.len(), frame_of(&replaced).len());
    // And new each time.
    let again =
        frame_of(&answerer_on(&me, channel(BARE_PEER, LAPTOP_PEER), 61).handle(&mut door, &hello, NOW));
    assert_eq!((&again[..3], again.len()), (&challenge[..3], challenge.len()));
    assert!(!again[3..].chunks(32).zip(challenge[3..].chunks(32)).any(|(new, old)| new == old));

    // A claim made up without the challenge's secret is met with silence.
    let claim = encode(&Message::Sealed(vec![7; 90]));
    let silence = [Output::Failed(RecoveringError::Broken)];
    assert_eq!(answerer.handle(&mut door, &claim, NOW), silence);
    assert_eq!(answerer.handle(&mut door, &hello, NOW), []);
    let plain = encode(&Message::Claim(Signature::from_bytes([1; 64])));
    let mut answerer = answerer_on(&me, channel(BARE_PEER, LAPTOP_PEER), 60);
    answerer.handle(&mut door, &hello, NOW);
    assert_eq!(answerer.handle(&mut door, &plain, NOW), silence);
}

#[test]
fn somebody_in_the_middle_passes_on_nothing_that_opens() {
    let me = recovery(PHRASE);
    let log = log_of(&me, false);
    // The bare device was led to Eve, who asks the laptop on her own connection.
    let mut bare = asker_on(&me, channel(BARE_PEER, EVE_PEER), 71);
    let mut laptop = answerer_on(&me, channel(EVE_PEER, LAPTOP_PEER), 60);
    let talked = talk(&mut bare, &mut laptop, (&log, LAPTOP), &unchanged);
    failed(&talked, [RecoveringError::OtherPerson, RecoveringError::Deadline]);
}

/// An exchange that somebody has with the asker who knows the person's public keys and no secret one.
fn with_public_keys(recovery: &Recovery, asker: &mut Asker<'_>) -> Exchange {
    let Ok(Message::Hello { salt }) = Message::read(&frame_of(&asker.start()), 99) else {
        panic!("expected a hello")
    };
    let to = [recovery.keys().recovery_kem];
    let channel = channel(BARE_PEER, LAPTOP_PEER);
    let (exchanges, sealed) = Exchange::challenge(&channel, &to, &salt, &secret(80)).unwrap();
    let challenge = encode(&Message::Challenge { salt: proof::salt(&secret(80)), sealed });
    let claim = frame_of(&asker.handle(&challenge, NOW));
    let mut exchange = exchanges.into_iter().next().unwrap();
    assert!(matches!(exchange.session.open(&claim, 999), Ok(Message::Claim(_))));
    exchange
}

fn answer(
    exchange: &mut Exchange,
    signer: u8,
    named: u8,
    (inception, log): (&Recovery, &DeviceLog),
) -> Vec<u8> {
    let signature = exchange.prove(Author::Device(device(named)), &key(signer));
    let inception = inception.incept().to_bytes();
    let answer = Message::Answer { inception, device: device(named), signature, operations: operations(log) };
    exchange.session.seal(&answer)
}

#[test]
fn who_knows_the_person_but_is_none_of_the_devices_is_found_out() {
    let (me, eve) = (recovery(PHRASE), recovery(EVE));
    let log = log_of(&me, false);
    let theirs = log_of(&eve, false);
    let tries = [
        ("a key of its own, the person's log", EVE, EVE, (&me, &log)),
        ("the laptop's name, a key of its own", EVE, LAPTOP, (&me, &log)),
        ("a log that another root signed", LAPTOP, LAPTOP, (&me, &theirs)),
        ("another person's log", LAPTOP, LAPTOP, (&eve, &theirs)),
        ("no log", LAPTOP, LAPTOP, (&me, &DeviceLog::new(log.person(), me.incept().body()))),
    ];
    for (what, signer, named, log) in tries {
        let mut asker = asker(&me);
        let mut exchange = with_public_keys(&me, &mut asker);
        let frame = answer(&mut exchange, signer, named, log);
        assert_eq!(asker.handle(&frame, NOW), [Output::Failed(RecoveringError::Cheated)], "{what}");
    }
    // What the laptop signed in another exchange is worth nothing here; nor what the root did.
    let mut first = asker(&me);
    let elsewhere = with_public_keys(&me, &mut first);
    let signature = elsewhere.prove(Author::Device(device(LAPTOP)), &key(LAPTOP));
    let mut second = asker_on(&me, channel(BARE_PEER, LAPTOP_PEER), 72);
    let mut exchange = with_public_keys(&me, &mut second);
    let inception = me.incept().to_bytes();
    let moved =
        Message::Answer { inception, device: device(LAPTOP), signature, operations: operations(&log) };
    let frame = exchange.session.seal(&moved);
    assert_eq!(second.handle(&frame, NOW), [Output::Failed(RecoveringError::Cheated)]);
}

/// The asker's end of an exchange whose challenge was opened by hand.
fn by_hand(me: &Recovery, answerer: &mut Answerer) -> Exchange {
    let hello = encode(&Message::Hello { salt: [5; 32] });
    let challenge = frame_of(&answerer.handle(&mut Door::default(), &hello, NOW));
    let Ok(Message::Challenge { salt, sealed }) = Message::read(&challenge, 999) else {
        panic!("expected a challenge")
    };
    let channel = channel(BARE_PEER, LAPTOP_PEER);
    Exchange::open(&channel, me.kem(), (&[5; 32], &salt), &sealed).unwrap()
}

#[test]
fn a_claim_that_the_root_did_not_sign_here_is_met_with_silence() {
    let me = recovery(PHRASE);
    let mut door = Door::default();
    let claims: [fn(&Exchange, &Recovery) -> Signature; 3] = [
        |exchange, _| exchange.prove(Author::Root, &key(EVE)),
        |exchange, me| exchange.prove(Author::Device(device(LAPTOP)), me.root()),
        |_, me| {
            let mut other = answerer_on(me, channel(BARE_PEER, LAPTOP_PEER), 61);
            by_hand(me, &mut other).prove(Author::Root, me.root())
        },
    ];
    for claim in claims {
        let mut answerer = answerer(&me);
        let mut exchange = by_hand(&me, &mut answerer);
        let claim = Message::Claim(claim(&exchange, &me));
        let outputs = answerer.handle(&mut door, &exchange.session.seal(&claim), NOW);
        assert_eq!(outputs, [Output::Failed(RecoveringError::Cheated)]);
    }
}

#[test]
fn a_recorded_exchange_replayed_opens_nothing() {
    let me = recovery(PHRASE);
    let log = log_of(&me, false);
    let talked = talk(&mut asker(&me), &mut answerer(&me), (&log, LAPTOP), &unchanged);
    let mut again = answerer_on(&me, channel(BARE_PEER, LAPTOP_PEER), 61);
    let mut door = Door::default();
    again.handle(&mut door, &talked.frames[0], NOW);
    let outputs = again.handle(&mut door, &talked.frames[2], NOW);
    assert_eq!(outputs, [Output::Failed(RecoveringError::Broken)]);
    // To the asker another challenge is another exchange, even with the old one's answer.
    let mut other = asker_on(&me, channel(BARE_PEER, LAPTOP_PEER), 72);
    assert_eq!(other.handle(&talked.frames[1], NOW), [Output::Failed(RecoveringError::OtherPerson)]);
    let mut asker = asker(&me);
    asker.handle(&talked.frames[1], NOW);
    assert_eq!(error_of(&asker.handle(&talked.frames[5], NOW)), RecoveringError::Broken, "out of order");
}

#[test]
fn only_the_root_enrols_and_only_who_consents() {
    let (me, eve) = (recovery(PHRASE), recovery(EVE));
    let log = log_of(&me, false);
    let signed = |author, action, key: &SigningKey| log.sign(author, action, key);
    let Action::Enrol { certificate, device_signature, .. } = enrolment(&eve, BARE) else { unreachable!() };
    let foreign = Action::Enrol { certificate, device_signature, verified: true };
    let unasked = Action::Enrol {
        certificate: certificate_of(&me, BARE),
        device_signature: certificate_of(&me, BARE).countersign(&key(EVE)),
        verified: true,
    };
    let vouch = Action::Vouch { device: device(PHONE) };
    let by_laptop = Author::Device(device(LAPTOP));
    let tries = [
        ("by a device", signed(by_laptop, enrolment(&me, BARE), &key(LAPTOP)), RecoveringError::Cheated),
        ("by another root", signed(Author::Root, enrolment(&me, BARE), eve.root()), RecoveringError::Cheated),
        ("another person's", signed(Author::Root, foreign, me.root()), RecoveringError::Cheated),
        ("without consent", signed(Author::Root, unasked, me.root()), RecoveringError::Cheated),
        ("no enrolment", signed(Author::Root, vouch, me.root()), RecoveringError::Broken),
    ];
    for (what, operation, expected) in tries {
        let mut answerer = answerer(&me);
        let mut exchange = by_hand(&me, &mut answerer);
        let claim = Message::Claim(exchange.prove(Author::Root, me.root()));
        let mut door = Door::default();
        assert_eq!(answerer.handle(&mut door, &exchange.session.seal(&claim), NOW), [Output::Proved]);
        answerer.answer(&key(LAPTOP), operations(&log));
        let enrolment = Message::Enrolment(operation.to_bytes());
        let outputs = answerer.handle(&mut door, &exchange.session.seal(&enrolment), NOW);
        assert_eq!(error_of(&outputs), expected, "{what}");
        assert!(answerer.welcome(welcome(&certificate_of(&me, BARE), &[0; 32])).is_empty(), "{what}");
    }
}

#[test]
fn nothing_is_handed_out_before_its_turn() {
    let me = recovery(PHRASE);
    let to = certificate_of(&me, BARE);
    let mut answerer = answerer(&me);
    assert!(answerer.answer(&key(LAPTOP), Vec::new()).is_empty());
    let mut answerer = answerer_on(&me, channel(BARE_PEER, LAPTOP_PEER), 60);
    let mut exchange = by_hand(&me, &mut answerer);
    assert!(answerer.welcome(welcome(&to, &[0; 32])).is_empty());
    // The asker may not go on while it is the answerer's turn.
    let mut answerer = answerer_on(&me, channel(BARE_PEER, LAPTOP_PEER), 60);
    drop(by_hand(&me, &mut answerer));
    let claim = Message::Claim(exchange.prove(Author::Root, me.root()));
    let claim = exchange.session.seal(&claim);
    let mut door = Door::default();
    assert_eq!(answerer.handle(&mut door, &claim, NOW), [Output::Proved]);
    assert_eq!(error_of(&answerer.handle(&mut door, &claim, NOW)), RecoveringError::Broken);
}

#[test]
fn too_many_who_knock_are_told_to_come_back() {
    let me = recovery(PHRASE);
    let mut door = Door::default();
    while door.admit(NOW) {}
    let mut asker = asker(&me);
    let outputs = answerer(&me).handle(&mut door, &frame_of(&asker.start()), NOW);
    assert_eq!(error_of(&outputs), RecoveringError::Busy);
    assert_eq!(asker.handle(&frame_of(&outputs), NOW), [Output::Failed(RecoveringError::Busy)]);
}

#[test]
fn a_refusal_is_told_to_the_person_alone() {
    let me = recovery(PHRASE);
    let (mut asker, mut answerer) = (asker(&me), answerer(&me));
    let mut door = Door::default();
    let challenge = answerer.handle(&mut door, &frame_of(&asker.start()), NOW);
    let claim = asker.handle(&frame_of(&challenge), NOW);
    answerer.handle(&mut door, &frame_of(&claim), NOW);
    let outputs = answerer.refuse();
    assert_eq!(asker.handle(&frame_of(&outputs), NOW), [Output::Failed(RecoveringError::Refused)]);
    assert!(answerer.refuse().is_empty());
    assert_eq!(answerer_on(&me, channel(1, 2), 60).refuse(), [Output::Failed(RecoveringError::Refused)]);
}

#[test]
fn silence_ends() {
    let me = recovery(PHRASE);
    let (mut asker, mut answerer) = (asker(&me), answerer(&me));
    assert_eq!(answerer.handle_time(NOW.plus_millis(EXCHANGE_MS - 1)), []);
    let late = NOW.plus_millis(EXCHANGE_MS);
    assert_eq!(answerer.handle_time(late), [Output::Failed(RecoveringError::Deadline)]);
    assert_eq!(asker.handle_time(late), [Output::Failed(RecoveringError::Deadline)]);
    assert_eq!((asker.handle_time(late), answerer.handle_time(late)), (vec![], vec![]));
}

#[test]
fn a_newer_version_is_named() {
    let me = recovery(PHRASE);
    let (mut asker, mut answerer) = (asker(&me), answerer(&me));
    let mut hello = frame_of(&asker.start());
    hello[1] = 2;
    let outputs = answerer.handle(&mut Door::default(), &hello, NOW);
    assert_eq!(outputs, [Output::Failed(RecoveringError::Newer)]);
    assert_eq!(asker.handle(&hello, NOW), [Output::Failed(RecoveringError::Newer)]);
}

#[test]
fn a_full_log_takes_nobody_in() {
    let me = recovery(PHRASE);
    let mut log = log_of(&me, false);
    loop {
        let operation = log.sign(Author::Root, Action::Vouch { device: device(PHONE) }, me.root());
        if log.apply(operation).is_err() {
            break;
        }
    }
    let talked = talk(&mut asker(&me), &mut answerer(&me), (&log, LAPTOP), &unchanged);
    assert_eq!(talked.ends[0], Output::Failed(RecoveringError::Refused));
    assert!(talked.enrolled.is_none());
}

/// One frame of an exchange is replaced, and nobody is welcomed.
fn with_replaced_frame(at: usize, replace: &dyn Fn(&[u8]) -> Vec<u8>) {
    let me = recovery(PHRASE);
    let log = log_of(&me, false);
    let change = |number, frame: Vec<u8>| if number == at { replace(&frame) } else { frame };
    let talked = talk(&mut asker(&me), &mut answerer(&me), (&log, LAPTOP), &change);
    let last = talked.frames.len() == 7;
    assert!(talked.welcomed_by.is_none() || last, "frame {at} was replaced and nobody noticed");
    assert_ne!(talked.ends, [Output::Finished, Output::Finished]);
}

proptest! {
    // Each case is a whole exchange with its signatures.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn garbage_ends_the_exchange(at in 0..7_usize, garbage in prop::collection::vec(any::<u8>(), 0..300)) {
        with_replaced_frame(at, &|_| garbage.clone());
    }

    #[test]
    fn a_cut_or_flipped_frame_ends_the_exchange(at in 0..7_usize, place in any::<prop::sample::Index>(), cut: bool) {
        with_replaced_frame(at, &|frame| {
            let place = place.index(frame.len());
            let mut bad = frame.to_vec();
            if cut { bad.truncate(place) } else { bad[place] ^= 1 }
            bad
        });
    }
}

/// The log of a person whose words were replaced by these, each time by both if there are two.
fn replaced_by(me: &Recovery, new: &[&Recovery]) -> (DeviceLog, KnownWords) {
    let before = log_of(me, false);
    let mut log = before.clone();
    for new in new {
        log.apply(before.sign_replacement(me, new)).unwrap();
    }
    let words = KnownWords::new(&me.incept(), &log).unwrap();
    (log, words)
}

fn talk_with(phrase: &Recovery, words: KnownWords, log: &DeviceLog) -> Talked {
    let mut answerer = answerer_knowing(words, channel(BARE_PEER, LAPTOP_PEER), 60);
    talk(&mut asker(phrase), &mut answerer, (log, LAPTOP), &unchanged)
}

#[test]
fn new_words_let_in_and_those_that_they_replaced_are_told_so() {
    let [me, new, other] = [PHRASE, 51, 52].map(recovery);
    let (mut log, words) = replaced_by(&me, &[&new]);
    let talked = talk_with(&new, words.clone(), &log);
    assert_eq!(talked.ends, [Output::Finished, Output::Finished]);
    log.apply(talked.enrolled.unwrap()).unwrap();
    assert!(log.devices().contains_key(&device(BARE)));
    let talked = talk_with(&me, words.clone(), &log);
    failed(&talked, [RecoveringError::WordsReplaced, RecoveringError::WordsReplaced]);
    let names: Vec<Vec<u8>> = log.devices().keys().map(|device| device.as_bytes().to_vec()).collect();
    assert!(talked.frames.iter().all(|frame| names.iter().all(|name| !frame.windows(32).any(|w| w == name))));
    failed(&talk_with(&other, words, &log), [RecoveringError::OtherPerson, RecoveringError::Deadline]);
}

#[test]
fn words_of_which_there_are_two_let_nobody_in() {
    let [me, new, thiefs] = [PHRASE, 51, 52].map(recovery);
    let (log, words) = replaced_by(&me, &[&new, &thiefs]);
    for phrase in [&new, &thiefs] {
        failed(&talk_with(phrase, words.clone(), &log), [RecoveringError::Refused, RecoveringError::Refused]);
    }
    failed(&talk_with(&me, words, &log), [RecoveringError::OtherPerson, RecoveringError::Deadline]);
}

#[test]
fn nobody_else_says_that_words_were_replaced_or_for_whom_they_speak() {
    let [me, new, eve] = [PHRASE, 51, EVE].map(recovery);
    let answered = |phrase: &Recovery, answer: &dyn Fn(&mut Exchange) -> Vec<u8>| {
        let mut asker = asker(phrase);
        let mut exchange = with_public_keys(phrase, &mut asker);
        let frame = answer(&mut exchange);
        error_of(&asker.handle(&frame, NOW))
    };
    let log = log_of(&me, false);
    let by_eve = log.sign(Author::Root, log.sign_replacement(&me, &new).body().action.clone(), eve.root());
    let enrolment = log.sign(Author::Root, enrolment(&me, BARE), me.root());
    for operation in [by_eve, enrolment] {
        let said = |exchange: &mut Exchange| exchange.session.seal(&Message::Replaced(operation.to_bytes()));
        assert_eq!(answered(&me, &said), RecoveringError::Cheated);
    }
    // Eve puts the words of somebody else into her own log; what they consented to is another one.
    let theirs = log_of(&eve, false);
    let stolen = theirs.sign(Author::Root, log.sign_replacement(&me, &new).body().action.clone(), eve.root());
    let forged = |exchange: &mut Exchange| {
        let signature = exchange.prove(Author::Device(device(LAPTOP)), &key(LAPTOP));
        let operations = [operations(&theirs), vec![stolen.to_bytes()]].concat();
        let inception = eve.incept().to_bytes();
        exchange.session.seal(&Message::Answer { inception, device: device(LAPTOP), signature, operations })
    };
    assert_eq!(answered(&new, &forged), RecoveringError::Cheated);
    let hers = |exchange: &mut Exchange| answer(exchange, LAPTOP, LAPTOP, (&eve, &theirs));
    assert_eq!(answered(&new, &hers), RecoveringError::Cheated);
}
