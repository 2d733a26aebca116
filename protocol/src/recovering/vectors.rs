//! Checks `protocol/vectors/recovering/` against this implementation.

use serde_json::Value;

use super::*;
use crate::{
    codec::decode,
    crypto::{kem::KemSecret, sign::SigningKey},
    epoch::Grant,
    identity::{
        log::DeviceLog,
        person::{Inception, Recovery},
    },
    pairing::{Channel, joiner::NewDevice, message::Message},
    testkit::{assert_mostly_refusals, file, hex, hex_list, secret, text, to_hex},
    time::Timestamp,
};

const NOW: Timestamp = Timestamp::from_millis(0);

/// The two sides, and what the driver of the answering one has.
struct Sides<'a> {
    asker: Asker<'a>,
    answerer: Answerer,
    door: Door,
    device: SigningKey,
    operations: Vec<Vec<u8>>,
    welcome: Vec<u8>,
    enrolled: Option<Signed<Operation>>,
}

impl<'a> Sides<'a> {
    fn new(recovery: &'a Recovery, given: &Value) -> Self {
        let channel = || Channel { joiner: hex(given, "asker_peer"), inviter: hex(given, "answerer_peer") };
        let device = NewDevice {
            key: SigningKey::from_secret(&secret(given, "asker_device")),
            kem: KemSecret::from_secret(&secret(given, "asker_device")).public(),
            name: text(given, "asker_name").to_owned(),
        };
        let asker = Asker::new(channel(), recovery, device, &secret(given, "asker_entropy"), NOW).unwrap();
        let entropy = secret(given, "answerer_entropy");
        Self {
            asker,
            answerer: Answerer::new(channel(), words_of(given), entropy, NOW),
            door: Door::default(),
            device: SigningKey::from_secret(&secret(given, "answerer_device")),
            operations: hex_list(given, "operations"),
            welcome: hex(given, "welcome"),
            enrolled: None,
        }
    }

    /// What the answering side puts out for a frame, its driver's part done.
    fn tell_answerer(&mut self, frame: &[u8]) -> Vec<Output> {
        let outputs = self.answerer.handle(&mut self.door, frame, NOW);
        let driven = |output| match output {
            Output::Proved => self.answerer.answer(&self.device, self.operations.clone()),
            Output::Enrol { operation, .. } => {
                self.enrolled = Some(*operation);
                let Ok(Message::Welcome(welcome)) = decode(&self.welcome) else { panic!("a welcome") };
                self.answerer.welcome(*welcome)
            }
            other => vec![other],
        };
        outputs.into_iter().flat_map(driven).collect()
    }

    fn tell_asker(&mut self, frame: &[u8]) -> Vec<Output> {
        self.asker.handle(frame, NOW)
    }
}

/// What is given to all cases, but for what this one says otherwise.
fn over(given: &Value, case: &Value) -> Value {
    let mut given = given.clone();
    let said = case.as_object().unwrap().iter().map(|(name, value)| (name.clone(), value.clone()));
    given.as_object_mut().unwrap().extend(said);
    given
}

/// What the answering device knows: the inception, and what its log says of the words.
fn words_of(given: &Value) -> KnownWords {
    let inception = Signed::<Inception>::from_bytes(&hex(given, "inception")).unwrap();
    let mut log = DeviceLog::new(inception.person().unwrap(), inception.body());
    for bytes in hex_list(given, "operations") {
        log.apply(Signed::from_bytes(&bytes).unwrap()).unwrap();
    }
    KnownWords::new(&inception, &log).unwrap()
}

#[test]
fn exchanges() {
    let (given, cases) = file(include_str!("../../vectors/recovering/exchanges.json"));
    for case in cases.iter().map(|case| over(&given, case)) {
        let recovery = Recovery::from_entropy(&secret(&case, "entropy"));
        let mut sides = Sides::new(&recovery, &case);
        let mut frames = Vec::new();
        let mut latest = sides.asker.start();
        while let Some(Output::Send(frame)) = latest.first() {
            let frame = frame.clone();
            frames.push(to_hex(&frame));
            latest =
                if frames.len() % 2 == 1 { sides.tell_answerer(&frame) } else { sides.tell_asker(&frame) };
            if let Some(Output::Welcome { welcome, context, .. }) = latest.first() {
                let kem = KemSecret::from_secret(&secret(&given, "asker_device"));
                assert_eq!(Grant::open(&welcome.grant, &kem, context).unwrap().count(), 1);
                latest = sides.asker.stored();
            }
        }
        assert_eq!(latest, [Output::Finished], "{}", case["comment"]);
        assert_eq!(serde_json::to_value(frames).unwrap(), case["frames"], "{}", case["comment"]);
        assert_eq!(sides.enrolled.unwrap().to_bytes(), hex(&case, "enrolment"));
    }
}

#[test]
fn refusals() {
    let (given, cases) = file(include_str!("../../vectors/recovering/refusals.json"));
    assert_mostly_refusals(&cases);
    for case in cases.iter().map(|case| over(&given, case)) {
        let recovery = Recovery::from_entropy(&secret(&case, "entropy"));
        let mut sides = Sides::new(&recovery, &case);
        let mut latest = Vec::new();
        for frame in hex_list(&case, "frames") {
            assert!(!matches!(latest.last(), Some(Output::Failed(_))), "too early: {}", case["comment"]);
            latest = match text(&case, "to") {
                "asker" => sides.tell_asker(&frame),
                _ => sides.tell_answerer(&frame),
            };
        }
        let Some(Output::Failed(error)) = latest.last() else { panic!("expected a failure: {case}") };
        assert_eq!(error.code(), text(&case, "expect"), "{}", case["comment"]);
    }
}
