//! Sessions in the first version. Its vectors tell that these are its frames.

use super::*;
use crate::{
    id::BlobId,
    record::{BlobChunk, DropStatement},
    replica::rotating::NewEpoch,
};

const BLOB: BlobId = BlobId::from_bytes([3; 16]);

fn sessions() -> [Session; 2] {
    let session = |role, nonce| Session::in_version(Version::First, role, [5; 32], [nonce; 32]);
    [session(Role::Dialer, 11), session(Role::Listener, 22)]
}

fn attach(device: &mut Device) {
    let chunk = |index| Write::BlobChunk(BlobChunk { blob: BLOB, index, bytes: vec![7; 500] });
    let mut nonce = Device::nonces(&mut device.nonce);
    drop(device.replica.write((0..3).map(chunk).collect(), &device.key, &mut nonce).unwrap());
    device.replica.sync().unwrap();
}

#[test]
fn both_end_with_the_same_also_when_both_wrote_while_they_talked() {
    let (mut laptop, mut phone) = laptop_and_phone();
    laptop.write("first");
    let mut sessions = sessions();
    run(&mut laptop, &mut phone, &mut sessions).unwrap();
    assert_eq!(laptop.frontier(), phone.frontier());
    laptop.write("on the laptop");
    phone.write("on the phone");
    attach(&mut phone);
    let outcome = run(&mut laptop, &mut phone, &mut sessions).unwrap();
    assert_eq!(outcome.counted.len(), 3, "each once");
    assert_eq!(laptop.frontier(), phone.frontier());
    let acknowledged = sessions[0].acknowledged(&laptop.space()).unwrap();
    assert_eq!(acknowledged.missing_from(laptop.replica.state()), 0);
    assert!(acknowledged.is_covered_by(laptop.replica.state()));
}

#[test]
fn the_pieces_of_attachments_come_unasked_and_before_their_commit() {
    let (mut laptop, mut phone) = laptop_and_phone();
    attach(&mut laptop);
    laptop.write("after it");
    let mut sessions = sessions();
    let outcome = run(&mut laptop, &mut phone, &mut sessions).unwrap();
    assert!(outcome.counted.iter().all(|newly| newly.counted.wanted.is_empty()), "a commit came first");
    assert!(phone.replica.state().missing_chunks(&BLOB, 0..3, 3).is_empty());
    assert!(!sessions[0].fetch(&laptop.space(), BLOB, 3, true), "nobody there would answer");
}

#[test]
fn what_would_wait_there_for_a_missing_piece_is_not_sent() {
    let (mut laptop, mut phone) = laptop_and_phone();
    laptop.state_operation(Author::Device(id(1)), &key(1), 3);
    let mut tablet = device(3, 9, 7);
    sync(&mut laptop, &mut phone).unwrap();
    phone.write("before it");
    sync(&mut laptop, &mut phone).unwrap();
    attach(&mut phone);
    phone.write("after it");
    // In the present version the laptop gets the commits and no piece.
    sync(&mut laptop, &mut phone).unwrap();
    assert_eq!(laptop.replica.state().missing_chunks(&BLOB, 0..3, 3).len(), 3);
    let outcome = run(&mut laptop, &mut tablet, &mut sessions()).unwrap();
    assert_eq!(outcome.counted.len(), 1, "what came before the attachment");
}

#[test]
fn who_cannot_be_told_all_hears_the_present_version() {
    let (mut laptop, mut phone) = laptop_and_phone();
    laptop.write("first");
    let mut sessions = sessions();
    run(&mut laptop, &mut phone, &mut sessions).unwrap();
    assert!(Version::First.can_say(laptop.replica.state()));
    let (secret, entropy) = (Secret32::from_bytes([1; 32]), Secret32::from_bytes([2; 32]));
    let keeper = key(9);
    let new = NewEpoch { keeper: &keeper, device: &laptop.key, recovery: None, secret, entropy };
    drop(laptop.replica.begin_epoch(&new, &mut || [7; 24]).unwrap());
    laptop.replica.sync().unwrap();
    assert!(!Version::First.can_say(laptop.replica.state()));
    laptop.write("not to be read there");
    let last = sessions[0].poll_frame(&mut laptop.replica).unwrap().unwrap();
    assert!(sessions[0].is_over());
    assert_eq!(sessions[0].poll_frame(&mut laptop.replica), Ok(None));
    let told = sessions[1].handle_frame(&last, &phone.replica, &phone.key);
    assert_eq!(told, Err(SessionError::Newer), "it is the phone that is to be updated");
}

#[test]
fn new_words_cannot_be_said_either() {
    let (mut laptop, _) = laptop_and_phone();
    let log = laptop.replica.state().log();
    let [old, new] = [9, 70].map(|byte| Recovery::from_entropy(&Secret32::from_bytes([byte; 32])));
    let replacement = Payload::Operation(log.sign_replacement(&old, &new));
    let mut nonce = Device::nonces(&mut laptop.nonce);
    drop(laptop.replica.write_statement(replacement, &mut nonce).unwrap());
    assert_eq!(laptop.replica.state().log().root(), Some(&new.keys()));
    assert!(!Version::First.can_say(laptop.replica.state()));
}

#[test]
fn what_is_dropped_cannot_be_said_either() {
    let (mut laptop, _) = laptop_and_phone();
    laptop.write("to be dropped");
    let keeper = key(9);
    let statement = DropStatement {
        space: laptop.space(),
        keeper: keeper.verifying_key(),
        after: None,
        ids: vec![crate::id::RecordId::from_bytes([4; 32])],
        replaces: Vec::new(),
    };
    let mut nonce = Device::nonces(&mut laptop.nonce);
    let dropped = Payload::Drop(crate::signed::Signed::new(statement, &keeper));
    drop(laptop.replica.write_statement(dropped, &mut nonce).unwrap());
    assert!(!Version::First.can_say(laptop.replica.state()));
}
