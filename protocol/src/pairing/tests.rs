//! Both machines talking to each other, and to somebody between them.

use proptest::prelude::*;

use super::{
    joiner::NewDevice,
    message::{Message, not_invited},
    transcript::{Session, Side},
    words::Language,
    *,
};
use crate::{
    codec::encode,
    crypto::{kem::KemSecret, secret::Secret32, sign::SigningKey},
    epoch::{Grant, Keyring},
    id::DeviceId,
    identity::person::Recovery,
    time::Timestamp,
};

const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);
const LAPTOP_PEER: u8 = 1;
const PHONE_PEER: u8 = 2;
const EVE_PEER: u8 = 3;

fn secret(byte: u8) -> Secret32 {
    Secret32::from_bytes([byte; 32])
}

fn peer(byte: u8) -> Vec<u8> {
    vec![byte; 38]
}

fn channel(joiner: u8, inviter: u8) -> Channel {
    Channel { joiner: peer(joiner), inviter: peer(inviter) }
}

fn ticket(inviter: u8, secret: u8) -> Ticket {
    Ticket {
        addresses: vec![vec![4, 127, 0, 0, 1, 6, 0x0f, 0xa1]],
        peer: peer(inviter),
        secret: TicketSecret::from_bytes([secret; 16]),
        expires: NOW.plus_millis(ticket::LIFETIME_MS),
    }
}

fn invitation() -> Invitation {
    Invitation::new(ticket(LAPTOP_PEER, 7))
}

fn inviter_for(person: u8, channel: Channel, entropy: u8) -> Inviter {
    let statement = InviterStatement {
        inception: Recovery::from_entropy(&secret(person)).incept().to_bytes(),
        device: DeviceId::from_bytes([9; 32]),
        admin: true,
    };
    Inviter::new(channel, statement, &secret(entropy), NOW).unwrap()
}

fn inviter() -> Inviter {
    inviter_for(50, channel(PHONE_PEER, LAPTOP_PEER), 60)
}

fn joiner_with(ticket: Ticket, channel: Channel, device: u8, entropy: u8) -> Joiner {
    let device = NewDevice {
        key: SigningKey::from_secret(&secret(device)),
        kem: KemSecret::from_secret(&secret(device)).public(),
        name: "phone".to_owned(),
    };
    Joiner::new(ticket, channel, device, &secret(entropy), NOW).unwrap()
}

fn joiner() -> Joiner {
    joiner_with(ticket(LAPTOP_PEER, 7), channel(PHONE_PEER, LAPTOP_PEER), 70, 71)
}

fn frames(outputs: &[Output]) -> Vec<Vec<u8>> {
    outputs
        .iter()
        .filter_map(|output| if let Output::Send(frame) = output { Some(frame.clone()) } else { None })
        .collect()
}

/// Carries frames both ways until nobody has any more; gives what else each side put out.
fn talk(
    joiner: &mut Joiner,
    inviter: &mut Inviter,
    invitation: &mut Invitation,
    first: Vec<Output>,
) -> (Vec<Output>, Vec<Output>) {
    let (mut at_joiner, mut at_inviter) = (Vec::new(), Vec::new());
    let mut to_inviter = first;
    while !to_inviter.is_empty() {
        let mut to_joiner = Vec::new();
        for frame in frames(&to_inviter) {
            to_joiner.extend(inviter.handle(invitation, &frame, NOW));
        }
        at_joiner.append(&mut to_inviter);
        for frame in frames(&to_joiner) {
            to_inviter.extend(joiner.handle(&frame, NOW));
        }
        at_inviter.append(&mut to_joiner);
    }
    let rest = |outputs: Vec<Output>| -> Vec<Output> {
        outputs.into_iter().filter(|output| !matches!(output, Output::Send(_))).collect()
    };
    (rest(at_joiner), rest(at_inviter))
}

/// Talks until the words are shown; gives them.
fn until_words(joiner: &mut Joiner, inviter: &mut Inviter, invitation: &mut Invitation) -> [u16; 3] {
    let first = joiner.start();
    let (at_joiner, at_inviter) = talk(joiner, inviter, invitation, first);
    assert_eq!(at_inviter, [Output::AskConfirmation { name: "phone".to_owned() }]);
    let [Output::Words(words)] = at_joiner[..] else { panic!("expected words, got {at_joiner:?}") };
    words
}

fn welcome(kem: &crate::crypto::kem::KemPublic, context: &[u8; 32]) -> Welcome {
    let mut keyring = Keyring::default();
    keyring.insert(secret(99), &[]);
    let grant = keyring.to_grant().seal(kem, context, &secret(98)).unwrap();
    // A log that somebody filled is no reason to keep a device out.
    let operations = vec![vec![7; 16 * 1024]; 256];
    Welcome { space: crate::id::SpaceId::from_bytes([4; 32]), operations, grant }
}

#[test]
fn a_device_joins_and_holds_the_secrets() {
    let (mut joiner, mut inviter, mut invitation) = (joiner(), inviter(), invitation());
    let words = until_words(&mut joiner, &mut inviter, &mut invitation);
    let typed = words::text(words, Language::French).replace(['é', 'è'], "e");
    let outputs = inviter.confirm(&typed, NOW).unwrap();
    let [Output::Enrol { certificate, device_signature, verified: true, context }] = &outputs[..] else {
        panic!("expected an enrolment, got {outputs:?}");
    };
    certificate.verify_countersignature(device_signature).unwrap();
    assert_eq!(
        certificate.device.as_bytes(),
        SigningKey::from_secret(&secret(70)).verifying_key().as_bytes()
    );

    let sent = frames(&inviter.welcome(welcome(&certificate.kem, context)));
    let outputs = joiner.handle(&sent[0], NOW);
    let [Output::Welcome { welcome, certificate: own, context: theirs, .. }] = &outputs[..] else {
        panic!("expected the welcome, got {outputs:?}");
    };
    assert_eq!((own, theirs), (certificate, context));
    assert!(Grant::open(&welcome.grant, &KemSecret::from_secret(&secret(70)), context).is_ok());

    let outputs = joiner.stored();
    assert_eq!(outputs.last(), Some(&Output::Finished));
    assert_eq!(inviter.handle(&mut invitation, &frames(&outputs)[0], NOW), [Output::Finished]);
    assert_eq!((joiner.deadline(), inviter.deadline()), (None, None));
}

#[test]
fn without_words_the_device_is_not_verified() {
    let (mut joiner, mut inviter, mut invitation) = (joiner(), inviter(), invitation());
    until_words(&mut joiner, &mut inviter, &mut invitation);
    assert!(matches!(inviter.accept_unverified(NOW)[..], [Output::Enrol { verified: false, .. }]));
    assert!(inviter.accept_unverified(NOW).is_empty(), "once");
}

#[test]
fn words_that_differ_are_three_typing_mistakes_and_then_the_end() {
    let (mut joiner, mut inviter, mut invitation) = (joiner(), inviter(), invitation());
    let [first, second, third] = until_words(&mut joiner, &mut inviter, &mut invitation);
    let wrong = words::text([first, second, third ^ 1], Language::English);
    assert_eq!(inviter.confirm(&wrong, NOW), Err(PairingError::WordsMismatch));
    assert_eq!(inviter.confirm("", NOW), Err(PairingError::WordsMismatch));
    let outputs = inviter.confirm(&wrong, NOW).unwrap();
    assert_eq!(outputs[1], Output::Failed(PairingError::WordsMismatch));
    assert_eq!(joiner.handle(&frames(&outputs)[0], NOW), [Output::Failed(PairingError::WordsMismatch)]);
    let right = words::text([first, second, third], Language::English);
    assert_eq!(inviter.confirm(&right, NOW), Ok(vec![]), "too late");
}

#[test]
fn somebody_in_the_middle_with_the_photographed_ticket_shows_other_words() {
    // Eve invites the phone with the same secret, and joins the laptop.
    let mut eve_invites = inviter_for(51, channel(PHONE_PEER, EVE_PEER), 80);
    let mut phone = joiner_with(ticket(EVE_PEER, 7), channel(PHONE_PEER, EVE_PEER), 70, 71);
    let mut eve_joins = joiner_with(ticket(LAPTOP_PEER, 7), channel(EVE_PEER, LAPTOP_PEER), 81, 82);
    let mut laptop = inviter_for(50, channel(EVE_PEER, LAPTOP_PEER), 60);

    let shown = until_words(&mut phone, &mut eve_invites, &mut Invitation::new(ticket(EVE_PEER, 7)));
    let expected = until_words(&mut eve_joins, &mut laptop, &mut invitation());
    assert_ne!(shown, expected);
    let typed = words::text(shown, Language::English);
    assert_eq!(laptop.confirm(&typed, NOW), Err(PairingError::WordsMismatch));
}

#[test]
fn frames_passed_on_by_somebody_in_the_middle_do_not_open() {
    let mut phone = joiner_with(ticket(EVE_PEER, 7), channel(PHONE_PEER, EVE_PEER), 70, 71);
    let mut laptop = inviter_for(50, channel(EVE_PEER, LAPTOP_PEER), 60);
    let (mut invitation, first) = (invitation(), phone.start());
    let (at_phone, at_laptop) = talk(&mut phone, &mut laptop, &mut invitation, first);
    assert_eq!(at_phone, [Output::Failed(PairingError::NotInvited)]);
    assert_eq!(at_laptop, [Output::Failed(PairingError::NotInvited)]);
    assert!(!invitation.is_used());
}

/// The joining side played by hand, up to and with the inviter's commitment.
fn by_hand(inviter: &mut Inviter, invitation: &mut Invitation, committed_to: &Message) -> Session {
    let hello = encode(&Message::Hello { salt: [5; 32] });
    let answer = frames(&inviter.handle(invitation, &hello, NOW)).remove(0);
    let Ok(Message::Hello { salt }) = Message::read(&answer, 99) else { panic!("expected a hello") };
    let secret = TicketSecret::from_bytes([7; 16]);
    let channel = channel(PHONE_PEER, LAPTOP_PEER);
    let mut session = Session::new(Side::Joiner, &secret, &channel, &[5; 32], &salt);
    let commit = Message::Commit(session.commitment(committed_to));
    let answer = frames(&inviter.handle(invitation, &session.seal(&commit), NOW)).remove(0);
    session.open(&answer, 999).unwrap();
    session
}

fn reveal(nonce: u8, name: &str) -> Message {
    let kem = KemSecret::from_secret(&secret(70)).public();
    let device = DeviceId::from_bytes(*SigningKey::from_secret(&secret(70)).verifying_key().as_bytes());
    Message::JoinerReveal {
        nonce: [nonce; 32],
        statement: JoinerStatement { device, kem, name: name.to_owned() },
    }
}

#[test]
fn a_reveal_must_fit_its_commitment() {
    let (mut inviter, mut invitation) = (inviter(), invitation());
    let mut session = by_hand(&mut inviter, &mut invitation, &reveal(1, "phone"));
    let outputs = inviter.handle(&mut invitation, &session.seal(&reveal(2, "phone")), NOW);
    assert_eq!(outputs[1], Output::Failed(PairingError::Cheated));
}

#[test]
fn an_inviter_that_reveals_something_else_is_refused() {
    let mut joiner = joiner();
    let salts = [4; 32];
    let outputs = joiner.start();
    let Ok(Message::Hello { salt }) = Message::read(&frames(&outputs)[0], 99) else {
        panic!("expected a hello")
    };
    let channel = channel(PHONE_PEER, LAPTOP_PEER);
    let mut session =
        Session::new(Side::Inviter, &TicketSecret::from_bytes([7; 16]), &channel, &salt, &salts);
    joiner.handle(&encode(&Message::Hello { salt: salts }), NOW);
    let statement = InviterStatement {
        inception: Recovery::from_entropy(&secret(50)).incept().to_bytes(),
        device: DeviceId::from_bytes([9; 32]),
        admin: true,
    };
    let reveal = |nonce| Message::InviterReveal { nonce: [nonce; 32], statement: statement.clone() };
    let commit = Message::Commit(session.commitment(&reveal(1)));
    joiner.handle(&session.seal(&commit), NOW);
    assert_eq!(joiner.handle(&session.seal(&reveal(2)), NOW), [Output::Failed(PairingError::Cheated)]);
}

#[test]
fn a_name_that_rewrites_terminals_and_a_signature_by_another_key_are_refused() {
    let (mut first, mut invitation_1) = (inviter(), invitation());
    let mut session = by_hand(&mut first, &mut invitation_1, &reveal(1, "a\u{1b}[2J"));
    let outputs = first.handle(&mut invitation_1, &session.seal(&reveal(1, "a\u{1b}[2J")), NOW);
    assert_eq!(outputs[1], Output::Failed(PairingError::Broken));

    let (mut second, mut invitation_2) = (inviter(), invitation());
    let mut session = by_hand(&mut second, &mut invitation_2, &reveal(1, "phone"));
    second.handle(&mut invitation_2, &session.seal(&reveal(1, "phone")), NOW);
    let forged = SigningKey::from_secret(&secret(66)).sign(b"anything");
    let outputs = second.handle(&mut invitation_2, &session.seal(&Message::Countersigned(forged)), NOW);
    assert_eq!(outputs[1], Output::Failed(PairingError::Cheated));
}

#[test]
fn a_wrong_secret_learns_nothing_and_leaves_the_ticket_alone() {
    let mut invitation = invitation();
    let mut stranger = joiner_with(ticket(LAPTOP_PEER, 8), channel(PHONE_PEER, LAPTOP_PEER), 90, 91);
    let first = stranger.start();
    let (at_stranger, _) = talk(&mut stranger, &mut inviter(), &mut invitation, first);
    assert_eq!(at_stranger, [Output::Failed(PairingError::NotInvited)]);
    assert!(!invitation.is_used());
    until_words(&mut joiner(), &mut inviter(), &mut invitation);
}

#[test]
fn a_ticket_serves_one_joiner_and_ends_in_time() {
    let mut used = invitation();
    until_words(&mut joiner(), &mut inviter(), &mut used);
    let (mut late, first) = (joiner(), joiner().start());
    let (at_late, at_inviter) = talk(&mut late, &mut inviter(), &mut used, first);
    assert_eq!(at_late, [Output::Failed(PairingError::TicketUsed)]);
    assert_eq!(at_inviter, [Output::Failed(PairingError::TicketUsed)]);

    let mut expired = ticket(LAPTOP_PEER, 7);
    expired.expires = NOW;
    let (mut slow, first) = (joiner(), joiner().start());
    let (at_slow, _) = talk(&mut slow, &mut inviter(), &mut Invitation::new(expired), first);
    assert_eq!(at_slow, [Output::Failed(PairingError::TicketExpired)]);

    let mut early = joiner();
    assert_eq!(early.handle(&not_invited(), NOW), [Output::Failed(PairingError::NotInvited)]);
}

#[test]
fn a_stranger_cannot_tell_a_used_ticket_from_an_open_one() {
    let mut used = invitation();
    until_words(&mut joiner(), &mut inviter(), &mut used);
    let answers = |invitation: &mut Invitation| {
        let mut inviter = inviter();
        let mut stranger = joiner_with(ticket(LAPTOP_PEER, 8), channel(PHONE_PEER, LAPTOP_PEER), 90, 91);
        let hello = inviter.handle(invitation, &frames(&stranger.start())[0], NOW);
        let commit = stranger.handle(&frames(&hello)[0], NOW);
        let end = inviter.handle(invitation, &frames(&commit)[0], NOW);
        (frames(&hello), frames(&end))
    };
    assert_eq!(answers(&mut used), answers(&mut invitation()));
}

#[test]
fn a_recorded_session_replayed_opens_nothing() {
    let (mut joiner, mut inviter, mut invitation_1) = (joiner(), inviter(), invitation());
    let hello = frames(&joiner.start()).remove(0);
    let answer = inviter.handle(&mut invitation_1, &hello, NOW);
    let commit = frames(&joiner.handle(&frames(&answer)[0], NOW)).remove(0);

    let mut again = inviter_for(50, channel(PHONE_PEER, LAPTOP_PEER), 61);
    let mut invitation_2 = invitation();
    again.handle(&mut invitation_2, &hello, NOW);
    let outputs = again.handle(&mut invitation_2, &commit, NOW);
    assert_eq!(outputs.last(), Some(&Output::Failed(PairingError::NotInvited)));
    assert!(!invitation_2.is_used());
}

#[test]
fn a_joiner_is_not_fooled_by_its_own_frames() {
    let mut joiner = joiner();
    let hello = frames(&joiner.start()).remove(0);
    let commit = frames(&joiner.handle(&hello, NOW)).remove(0);
    assert_eq!(joiner.handle(&commit, NOW), [Output::Failed(PairingError::Broken)]);
}

#[test]
fn another_peer_than_the_tickets_is_not_asked() {
    let device = NewDevice {
        key: SigningKey::from_secret(&secret(70)),
        kem: KemSecret::from_secret(&secret(70)).public(),
        name: "phone".to_owned(),
    };
    let channel = channel(PHONE_PEER, EVE_PEER);
    let refused = Joiner::new(ticket(LAPTOP_PEER, 7), channel, device, &secret(71), NOW);
    assert_eq!(refused.err(), Some(PairingError::NotInvited));
}

#[test]
fn silence_ends_and_a_person_gets_more_time_than_a_program() {
    let (mut joiner, mut inviter, mut invitation) = (joiner(), inviter(), invitation());
    assert_eq!(inviter.handle_time(NOW.plus_millis(HANDSHAKE_MS - 1)), []);
    until_words(&mut joiner, &mut inviter, &mut invitation);
    assert_eq!(inviter.handle_time(NOW.plus_millis(HANDSHAKE_MS)), []);
    let outputs = inviter.handle_time(inviter.deadline().unwrap());
    assert_eq!(outputs[1], Output::Failed(PairingError::Deadline));
    assert_eq!(joiner.handle(&frames(&outputs)[0], NOW), [Output::Failed(PairingError::Deadline)]);

    let mut alone = self::joiner();
    assert_eq!(alone.handle_time(alone.deadline().unwrap()), [Output::Failed(PairingError::Deadline)]);
}

#[test]
fn a_newer_version_is_named() {
    let (mut joiner, mut inviter, mut invitation) = (joiner(), inviter(), invitation());
    let mut hello = frames(&joiner.start()).remove(0);
    hello[1] = 2;
    let outputs = inviter.handle(&mut invitation, &hello, NOW);
    assert_eq!(outputs.last(), Some(&Output::Failed(PairingError::Newer)));
    assert_eq!(joiner.handle(&hello, NOW), [Output::Failed(PairingError::Newer)]);
}

#[test]
fn a_refusal_is_told() {
    let (mut joiner, mut inviter, mut invitation) = (joiner(), inviter(), invitation());
    until_words(&mut joiner, &mut inviter, &mut invitation);
    let outputs = inviter.refuse();
    assert_eq!(joiner.handle(&frames(&outputs)[0], NOW), [Output::Failed(PairingError::Refused)]);
    assert!(inviter.refuse().is_empty());
}

/// Runs a session in which one frame is replaced, and checks that it ends without a welcome.
fn with_replaced_frame(at: usize, replace: impl Fn(&[u8]) -> Vec<u8>) {
    let (mut joiner, mut inviter, mut invitation) = (joiner(), inviter(), invitation());
    let mut in_flight = joiner.start();
    for step in 0.. {
        let Some(frame) = frames(&in_flight).pop() else { break };
        let frame = if step == at { replace(&frame) } else { frame };
        in_flight = if step % 2 == 0 {
            inviter.handle(&mut invitation, &frame, NOW)
        } else {
            joiner.handle(&frame, NOW)
        };
        assert!(step < 12, "it must end");
    }
    let ends_well = matches!(in_flight[..], [Output::AskConfirmation { .. }]);
    assert!(!ends_well, "frame {at} was replaced and nobody noticed");
}

proptest! {
    // Each case is a whole session with its signatures.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn garbage_ends_the_session(at in 0..7_usize, garbage in prop::collection::vec(any::<u8>(), 0..300)) {
        with_replaced_frame(at, |_| garbage.clone());
    }

    #[test]
    fn a_cut_or_flipped_frame_ends_the_session(at in 0..7_usize, place in any::<prop::sample::Index>(), cut: bool) {
        with_replaced_frame(at, |frame| {
            let place = place.index(frame.len());
            let mut bad = frame.to_vec();
            if cut { bad.truncate(place) } else { bad[place] ^= 1 }
            bad
        });
    }
}
