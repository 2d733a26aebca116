//! A session's frames before the other side proved who it is: from a stranger, and from somebody
//! who holds the epoch's secret but no device's key.
#![no_main]

use libfuzzer_sys::fuzz_target;
use musette_protocol::{
    codec::encode,
    crypto::{
        aead::{self, NONCE_LEN},
        kdf::{context, derive},
        secret::Secret32,
    },
    epoch::epoch_id,
    id::{DeviceId, SpaceId},
    limits::MAX_HANDSHAKE_FRAME_LEN,
    session::{
        Event, Role, Session,
        message::{Message, Reason},
    },
};
use musette_protocol_fuzz::{
    input::Input,
    world::{EPOCH, device, key, replica, secret},
};

// Those of `protocol/vectors/sessions`.
const SPACE: SpaceId = SpaceId::from_bytes([0x51; 32]);
const BINDING: [u8; 32] = [0xb1; 32];
const NONCES: [[u8; 32]; 2] = [[0xd1; 32], [0xe1; 32]];
const LABELS: [&[u8]; 2] = [b"dialer", b"listener"];
/// The devices: 1 dials.
const DEVICES: [u8; 2] = [1, 2];

/// What `protocol/spec/sessions.md` derives for the peer's messages. `peer` is its role: 0 dials.
fn derived(peer: usize, purpose: &[u8]) -> Secret32 {
    let secret = secret(EPOCH);
    let [dialer, listener] = &NONCES;
    let parts: [&[u8]; 7] =
        [secret.expose(), SPACE.as_bytes(), &BINDING, dialer, listener, LABELS[peer], purpose];
    derive(context::SESSION_RECOGNITION, &parts)
}

fn marks(peer: usize, input: &mut Input<'_>) -> Message {
    let honest = <[u8; 16]>::try_from(&derived(peer, b"mark").expose()[..16]).expect("16 bytes");
    let mut marks = vec![input.array(); input.below(10)];
    if !input.one_in(4) {
        marks.push(honest);
    }
    Message::Marks { marks }
}

/// A proof signed by the peer; `spoiled` says whether its transcript is another than this session's.
fn proof(peer: usize, claimed: DeviceId, spoiled: bool) -> Vec<u8> {
    let role = u8::try_from(peer).expect("0 or 1");
    let mut transcript = vec![14, 1, if spoiled { 1 - role } else { role }];
    let epoch = epoch_id(&secret(EPOCH));
    for part in [&BINDING, &NONCES[0], &NONCES[1], SPACE.as_bytes(), epoch.as_bytes(), claimed.as_bytes()] {
        transcript.extend(part);
    }
    let signature = key(DEVICES[peer]).sign(&transcript);
    [&[15, 1], claimed.as_bytes().as_slice(), signature.as_bytes()].concat()
}

fn sealed(peer: usize, plaintext: &[u8]) -> Message {
    Message::Proof { sealed: aead::seal(&derived(peer, b"proof"), &[0; NONCE_LEN], &[], plaintext) }
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let peer = input.below(2);
    let role = if peer == 0 { Role::Listener } else { Role::Dialer };
    let mut replica = replica(SPACE);
    let mut session = Session::new(role, BINDING, NONCES[1 - peer]);
    // Whoever recorded a proof cannot use it elsewhere, but the vectors are of this very session.
    let mut may_prove = false;
    for _ in 0..16 {
        if input.is_empty() {
            break;
        }
        let frame = match input.below(8) {
            0 => {
                may_prove = true;
                input.bytes().to_vec()
            }
            1 | 2 => {
                let nonce = if input.one_in(4) { input.array() } else { NONCES[peer] };
                encode(&Message::Hello { nonce })
            }
            3 | 4 => encode(&marks(peer, &mut input)),
            5 => {
                let claimed = if input.one_in(4) { device(input.byte()) } else { device(DEVICES[peer]) };
                let spoiled = input.one_in(4);
                may_prove |= !spoiled && claimed == device(DEVICES[peer]);
                encode(&sealed(peer, &proof(peer, claimed, spoiled)))
            }
            6 => encode(&sealed(peer, input.bytes())),
            _ => encode(&Message::Refuse { reason: Reason::Malformed }),
        };
        match session.handle_frame(&frame, &replica, key(DEVICES[1 - peer])) {
            Ok(Some(Event::Established { device: proved })) => {
                assert!(may_prove && proved == device(DEVICES[peer]), "whoever has no key proves nothing");
                return;
            }
            Ok(None) => assert!(frame.len() <= MAX_HANDSHAKE_FRAME_LEN),
            Ok(Some(event)) => panic!("{event:?} from a stranger"),
            Err(error) => {
                session.refuse(error);
                break;
            }
        }
    }
    assert_eq!(session.peer(), None);
    let mut sent = 0;
    while let Some(frame) = session.poll_frame(&mut replica).expect("memory does not fail") {
        assert!(frame.len() <= MAX_HANDSHAKE_FRAME_LEN);
        sent += 1;
    }
    assert!(sent <= 4, "hello, marks, proof, why it ended: {sent}");
});
