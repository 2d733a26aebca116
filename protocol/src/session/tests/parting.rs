//! Connections that carry little.

use super::*;
use crate::{
    id::{BlobId, DocumentId},
    limits::{BLOB_PIECE_LEN, THIN_FRAME_LEN},
    record::{BlobChunk, record_id},
};

const BLOB: BlobId = BlobId::from_bytes([4; 16]);
/// What a circuit of a relay with libp2p's limits carries.
const CIRCUIT_LEN: usize = 128 * 1024;

fn sessions(version: Version, frame_len: usize) -> [Session; 2] {
    let session =
        |role, nonce| Session::in_version(version, role, [5; 32], [nonce; 32]).with_frames_of(frame_len);
    [session(Role::Dialer, 11), session(Role::Listener, 22)]
}

/// A laptop with an attachment of four pieces, and a phone.
fn with_attachment() -> (Device, Device) {
    let (mut laptop, phone) = laptop_and_phone();
    let chunk = |index| Write::BlobChunk(BlobChunk { blob: BLOB, index, bytes: vec![7; BLOB_PIECE_LEN] });
    let mut nonce = Device::nonces(&mut laptop.nonce);
    laptop.replica.write((0..4).map(chunk).collect(), &laptop.key, &mut nonce).unwrap();
    drop(nonce);
    laptop.replica.sync().unwrap();
    (laptop, phone)
}

fn first_piece(laptop: &mut Device) -> Vec<u8> {
    let location = laptop.replica.state().chunk(&BLOB, 0).unwrap();
    laptop.replica.read(location).unwrap()
}

fn run_over(laptop: &mut Device, phone: &mut Device, sessions: &mut [Session; 2], len: usize) -> Outcome {
    run_within(laptop, phone, sessions, len, |_, _| {}).unwrap()
}

/// One connection, over which so many bytes pass.
fn meet(laptop: &mut Device, phone: &mut Device, mut sessions: [Session; 2], len: usize) -> Outcome {
    let first = run_over(laptop, phone, &mut sessions, len);
    sessions[1].fetch(&phone.space(), BLOB, 4, false);
    let mut outcome = run_over(laptop, phone, &mut sessions, len - first.bytes);
    outcome.bytes += first.bytes;
    outcome
}

#[test]
fn an_attachment_comes_over_circuits_smaller_than_its_pieces() {
    let (mut laptop, mut phone) = with_attachment();
    let mut total = 0;
    for circuits in 1.. {
        let outcome = meet(&mut laptop, &mut phone, sessions(Version::NEWEST, THIN_FRAME_LEN), CIRCUIT_LEN);
        total += outcome.bytes;
        if phone.replica.state().chunks_held(&BLOB) == 4 {
            assert!((8..=10).contains(&circuits), "{circuits} circuits");
            assert!(total < 4 * BLOB_PIECE_LEN * 6 / 5, "{total} bytes");
            return;
        }
        assert!(circuits < 20);
    }
}

#[test]
fn a_long_change_comes_so_too_and_what_follows_it() {
    let (mut laptop, mut phone) = laptop_and_phone();
    laptop.write(&"a long text ".repeat(50_000));
    laptop.write("a short one");
    for _ in 0..20 {
        let mut sessions = sessions(Version::NEWEST, THIN_FRAME_LEN);
        run_over(&mut laptop, &mut phone, &mut sessions, CIRCUIT_LEN);
    }
    assert_eq!(phone.frontier(), laptop.frontier());
}

/// So many records that no commit names come to the phone: frontiers do not speak of them.
fn lose(phone: &mut Device, count: u32) {
    let lost = |n: u32| {
        let change = Change { document: DocumentId::from_bytes([1; 16]), bytes: n.to_be_bytes().to_vec() };
        let mut nonce = [77; 24];
        nonce[..4].copy_from_slice(&n.to_be_bytes());
        let state = phone.replica.state();
        crate::record::seal(&Payload::Change(change), state.space(), state.keyring(), &nonce)
    };
    let records: Vec<_> = (0..count).map(lost).collect();
    phone.replica.ingest(&id(1), &records).unwrap();
    phone.replica.sync().unwrap();
}

#[test]
fn many_records_that_one_lost_are_found_over_such_circuits() {
    let (mut laptop, mut phone) = laptop_and_phone();
    sync(&mut laptop, &mut phone).unwrap();
    lose(&mut phone, 6_000);
    for circuits in 1.. {
        let mut sessions = sessions(Version::NEWEST, THIN_FRAME_LEN);
        run_over(&mut laptop, &mut phone, &mut sessions, CIRCUIT_LEN);
        if laptop.replica.state().orphans().len() == 6_000 {
            assert_eq!(laptop.frontier(), phone.frontier());
            return;
        }
        assert!(circuits < 40, "{} found", laptop.replica.state().orphans().len());
    }
}

#[test]
fn who_has_more_to_compare_than_is_answered_goes_on_after_the_next_check() {
    let (mut laptop, mut phone) = laptop_and_phone();
    (0..2_000).for_each(|n| laptop.write(&format!("change {n}")));
    sync(&mut laptop, &mut phone).unwrap();
    lose(&mut phone, 6_000);
    let mut sessions = sessions(Version::NEWEST, THIN_FRAME_LEN);
    let mut records = 0;
    for checks in 1.. {
        records += run_over(&mut laptop, &mut phone, &mut sessions, usize::MAX).records;
        if laptop.replica.state().orphans().len() == 6_000 {
            assert!(checks > 1, "it would have been refused");
            assert!(records < 6_100, "{records} records came: some twice");
            return;
        }
        assert!(checks < 20, "{} found", laptop.replica.state().orphans().len());
        sessions.iter_mut().for_each(Session::check);
    }
}

#[test]
fn what_began_on_one_connection_is_gone_on_with_on_a_better_one() {
    let (mut laptop, mut phone) = with_attachment();
    let thin = meet(&mut laptop, &mut phone, sessions(Version::NEWEST, THIN_FRAME_LEN), CIRCUIT_LEN);
    assert!(thin.parts > 90_000);
    let wide = meet(&mut laptop, &mut phone, open_sessions([[5; 32]; 2]), usize::MAX);
    assert_eq!(phone.replica.state().chunks_held(&BLOB), 4);
    assert_eq!(thin.parts + wide.parts, first_piece(&mut laptop).len(), "each byte of it once");
}

#[test]
fn who_does_not_know_parts_is_sent_records_whole() {
    let (mut laptop, mut phone) = with_attachment();
    let outcome = meet(&mut laptop, &mut phone, sessions(Version::Third, THIN_FRAME_LEN), usize::MAX);
    assert_eq!((outcome.parts, phone.replica.state().chunks_held(&BLOB)), (0, 4));
}

#[test]
fn a_beginning_that_is_none_costs_nothing() {
    let (mut laptop, mut phone) = with_attachment();
    let mut sessions = sessions(Version::NEWEST, THIN_FRAME_LEN);
    run(&mut laptop, &mut phone, &mut sessions).unwrap();
    let name = record_id(&first_piece(&mut laptop));
    let say = |begun| {
        let mark = sessions[0].mark(&laptop.space()).unwrap();
        frame_of_message(&Message::Space { mark, message: SpaceMessage::Begun(begun) })
    };
    let [lie, mess] = [say(vec![(name, u32::MAX)]), say(vec![(name, 1); 2])];
    assert_eq!(sessions[0].handle_frame(&lie, &laptop.replica, &laptop.key), Ok(None));
    sessions[1].fetch(&phone.space(), BLOB, 4, false);
    run(&mut laptop, &mut phone, &mut sessions).unwrap();
    assert_eq!(phone.replica.state().chunks_held(&BLOB), 4, "sent from its beginning");
    let refused = sessions[0].handle_frame(&mess, &laptop.replica, &laptop.key);
    assert_eq!(refused, Err(SessionError::Malformed));
}
