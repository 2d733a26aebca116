//! Runs `protocol/vectors/sessions` against this implementation.

use serde_json::Value;

use super::*;
use crate::{
    crypto::secret::Secret32,
    id::{RecordId, SpaceId},
    identity::person::{Inception, Recovery},
    journal::memory::MemoryDisk,
    replica::Replica,
    signed::Signed,
    testkit::{
        assert_mostly_refusals, device, file, hex, hex_array, hex_list, replica, secret, state, text, to_hex,
    },
};

/// One side of a session between two nodes that hold nothing yet.
struct Side {
    session: Session,
    replica: Replica<MemoryDisk>,
    key: SigningKey,
}

impl Side {
    fn new(version: Version, role: Role, given: &Value, secrets: Vec<Secret32>) -> Self {
        let name = if role == Role::Dialer { "dialer" } else { "listener" };
        let inception = Recovery::from_entropy(&Secret32::from_bytes([9; 32])).incept();
        let state = state(&inception, SpaceId::from_bytes(hex_array(given, "space")), secrets);
        Self {
            session: Session::in_version(
                version,
                role,
                hex_array(given, "binding"),
                hex_array(given, &format!("{name}_nonce")),
            ),
            replica: replica(state),
            key: SigningKey::from_secret(&secret(given, &format!("{name}_device"))),
        }
    }

    fn id(&self) -> DeviceId {
        DeviceId::from_bytes(*self.key.verifying_key().as_bytes())
    }

    fn handle(&mut self, frame: &[u8]) -> Result<Option<Event>, SessionError> {
        self.session.handle_frame(frame, &self.replica, &self.key)
    }

    /// What it sends before it has proof of the other side.
    fn sent(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.session.outbox).into()
    }
}

fn secrets(case: &Value, field: &str) -> Vec<Secret32> {
    hex_list(case, field).into_iter().map(|bytes| Secret32::from_bytes(bytes.try_into().unwrap())).collect()
}

/// Those of earlier versions are as they were when these were the newest.
const HANDSHAKES: [(Version, &str); 3] = [
    (Version::Fourth, include_str!("../../vectors/sessions/handshakes.json")),
    (Version::Third, include_str!("../../vectors/sessions/third/handshakes.json")),
    (Version::First, include_str!("../../vectors/sessions/first/handshakes.json")),
];
const REFUSALS: [(Version, &str); 3] = [
    (Version::Fourth, include_str!("../../vectors/sessions/refusals.json")),
    (Version::Third, include_str!("../../vectors/sessions/third/refusals.json")),
    (Version::First, include_str!("../../vectors/sessions/first/refusals.json")),
];
const EXCHANGES: [(Version, &str); 2] = [
    (Version::Fourth, include_str!("../../vectors/sessions/exchanges.json")),
    (Version::Third, include_str!("../../vectors/sessions/third/exchanges.json")),
];
const FRAMES: [(Version, &str); 3] = [
    (Version::Fourth, include_str!("../../vectors/sessions/frames.json")),
    (Version::Third, include_str!("../../vectors/sessions/third/frames.json")),
    (Version::First, include_str!("../../vectors/sessions/first/frames.json")),
];

#[test]
fn handshakes() {
    HANDSHAKES.into_iter().for_each(|(version, text)| handshakes_of(version, text));
}

fn handshakes_of(version: Version, text: &str) {
    let (given, cases) = file(text);
    for case in cases {
        let mut dialer = Side::new(version, Role::Dialer, &given, secrets(&case, "dialer_secrets"));
        let mut listener = Side::new(version, Role::Listener, &given, secrets(&case, "listener_secrets"));
        let (dialer_id, listener_id) = (dialer.id(), listener.id());
        for (side, own, others, other) in [
            (&mut dialer, "dialer", "listener", listener_id),
            (&mut listener, "listener", "dialer", dialer_id),
        ] {
            let events: Vec<_> = hex_list(&case, others).iter().map(|frame| side.handle(frame)).collect();
            assert_eq!(events, [Ok(None), Ok(None), Ok(Some(Event::Established { device: other }))]);
            assert_eq!(side.sent(), hex_list(&case, own), "{}", case["comment"]);
        }
    }
}

fn code(error: SessionError) -> String {
    let reason = |reason| match reason {
        Reason::Malformed => "malformed",
        Reason::Newer => "newer",
        Reason::Unrecognised => "unrecognised",
        Reason::BadProof => "bad-proof",
        Reason::Fork => "fork",
        Reason::Older => "older",
    };
    match error {
        SessionError::Malformed => "malformed".to_owned(),
        SessionError::Newer => "newer".to_owned(),
        SessionError::Older => "older".to_owned(),
        SessionError::Unrecognised => "unrecognised".to_owned(),
        SessionError::BadProof => "bad-proof".to_owned(),
        SessionError::Fork { .. } => "fork".to_owned(),
        SessionError::RefusedByPeer(why) => format!("refused-by-peer: {}", reason(why)),
    }
}

/// Feeds all frames but the last, which must be fine, and gives the outcome of the last.
fn last(side: &mut Side, case: &Value) -> Result<Option<Event>, SessionError> {
    let frames = hex_list(case, "frames");
    let (last, before) = frames.split_last().unwrap();
    for frame in before {
        side.handle(frame).unwrap_or_else(|error| panic!("{error} before the end of {case}"));
    }
    side.handle(last)
}

#[test]
fn refusals() {
    REFUSALS.into_iter().for_each(|(version, text)| refusals_of(version, text));
}

fn refusals_of(version: Version, json: &str) {
    let (given, cases) = file(json);
    assert_mostly_refusals(&cases);
    for case in cases {
        let role = if text(&case, "to") == "dialer" { Role::Dialer } else { Role::Listener };
        let mut side = Side::new(version, role, &given, vec![secret(&given, "secret")]);
        let error = last(&mut side, &case).expect_err(text(&case, "comment"));
        assert_eq!(code(error), text(&case, "expect"), "{}", case["comment"]);
    }
}

#[test]
fn frames() {
    FRAMES.into_iter().for_each(|(version, text)| frames_of(version, text));
}

fn frames_of(version: Version, json: &str) {
    let (given, cases) = file(json);
    for case in cases {
        let mut side = Side::new(version, Role::Dialer, &given, vec![secret(&given, "secret")]);
        let expected = match text(&case, "expect") {
            "records" => Some(Event::Records {
                space: *side.replica.state().space(),
                records: hex_list(&case, "records"),
            }),
            "acknowledged" => {
                Some(Event::Acknowledged { space: *side.replica.state().space(), check: false })
            }
            "part" => Some(Event::Part { space: *side.replica.state().space(), part: part(&case["part"]) }),
            _ => None,
        };
        let event = last(&mut side, &case).map(|event| match event {
            Some(Event::Acknowledged { space, .. }) => Some(Event::Acknowledged { space, check: false }),
            other => other,
        });
        assert_eq!(event, Ok(expected), "{}", case["comment"]);
    }
}

fn part(given: &Value) -> Part {
    let number = |field: &str| u32::try_from(given[field].as_u64().unwrap()).unwrap();
    Part {
        record: RecordId::from_bytes(hex_array(given, "record")),
        len: number("len"),
        from: number("from"),
        bytes: hex(given, "bytes"),
    }
}

/// The listener of an exchange, with what it holds.
fn listener(version: Version, given: &Value) -> Side {
    let inception = Signed::<Inception>::from_bytes(&hex(given, "inception")).unwrap();
    let space = SpaceId::from_bytes(hex_array(given, "space"));
    let mut replica = replica(state(&inception, space, vec![secret(given, "secret")]));
    let records = hex_list(given, "records");
    assert_eq!(replica.ingest(&device(1), &records).unwrap().new_records, records.len());
    replica.sync().unwrap();
    let nonce = hex_array(given, "listener_nonce");
    Side {
        session: Session::in_version(version, Role::Listener, hex_array(given, "binding"), nonce),
        replica,
        key: SigningKey::from_secret(&secret(given, "listener_device")),
    }
}

#[test]
fn exchanges() {
    EXCHANGES.into_iter().for_each(|(version, text)| exchanges_of(version, text));
}

fn exchanges_of(version: Version, json: &str) {
    let (given, cases) = file(json);
    for case in cases {
        let mut side = listener(version, &given);
        last(&mut side, &case).unwrap_or_else(|error| panic!("{error}: {}", case["comment"]));
        let mut answers = Vec::new();
        while let Some(frame) = side.session.poll_frame(&mut side.replica).unwrap() {
            answers.push(to_hex(frame));
        }
        let expected: Vec<String> = hex_list(&case, "answers").iter().map(to_hex).collect();
        assert_eq!(answers, expected, "{}", case["comment"]);
    }
}
