//! Attachments: asked for piece by piece, from whoever has them.

use super::*;
use crate::{
    limits::{MAX_WANT, REQUESTS_OF_A_BLOB},
    record::DropStatement,
    signed::Signed,
};

const FIRST: frontier::Span = frontier::Span { first: 1, last: 1 };

#[test]
fn an_attachment_comes_when_it_is_asked_for_and_only_what_is_missing() {
    let (mut laptop, mut phone) = laptop_and_phone();
    let chunks = 3 * u32::try_from(MAX_WANT).unwrap() + 5;
    laptop.attach(chunks);
    let mut sessions = open_sessions([[5; 32]; 2]);
    let outcome = run(&mut laptop, &mut phone, &mut sessions).unwrap();
    assert_eq!(outcome.counted.len(), 1, "the commit counts without its chunks");
    assert_eq!(phone.replica.state().chunks_held(&BLOB), 0);
    let acknowledged = sessions[0].acknowledged(&laptop.space()).unwrap();
    assert!(acknowledged.has(&id(1), 1) && !acknowledged.has_whole(&id(1), FIRST));

    sessions[1].fetch(&phone.space(), BLOB, chunks, false);
    run(&mut laptop, &mut phone, &mut sessions).unwrap();
    assert_eq!(phone.replica.state().chunks_held(&BLOB), chunks as usize);
    assert!(!sessions[1].is_fetching(&phone.space(), &BLOB));
    assert!(sessions[0].acknowledged(&laptop.space()).unwrap().has_whole(&id(1), FIRST));
    sessions[1].fetch(&phone.space(), BLOB, chunks, false);
    let again = run(&mut laptop, &mut phone, &mut sessions).unwrap();
    assert_eq!(again.frames, 0, "nothing is missing");
}

#[test]
fn who_lacks_an_attachment_says_so() {
    let (mut laptop, mut phone) = laptop_and_phone();
    laptop.write("anything");
    let mut sessions = open_sessions([[5; 32]; 2]);
    run(&mut laptop, &mut phone, &mut sessions).unwrap();
    sessions[1].fetch(&phone.space(), BLOB, 4, false);
    let outcome = run(&mut laptop, &mut phone, &mut sessions).unwrap();
    assert_eq!(outcome.lacking, [BLOB]);
    assert!(!sessions[1].is_fetching(&phone.space(), &BLOB));
}

#[test]
fn edits_do_not_wait_for_an_attachment() {
    let (mut laptop, mut phone) = laptop_and_phone();
    laptop.attach(16);
    let mut sessions = open_sessions([[5; 32]; 2]);
    run(&mut laptop, &mut phone, &mut sessions).unwrap();
    sessions[1].fetch(&phone.space(), BLOB, 16, false);
    let want = sessions[1].poll_frame(&mut phone.replica).unwrap().unwrap();
    sessions[0].handle_frame(&want, &laptop.replica, &laptop.key).unwrap();
    laptop.write("urgent");
    let first = sessions[0].poll_frame(&mut laptop.replica).unwrap().unwrap();
    let Some(Event::Records { records, .. }) =
        sessions[1].handle_frame(&first, &phone.replica, &phone.key).unwrap()
    else {
        panic!("not records")
    };
    let ingested = phone.replica.ingest(&id(1), &records).unwrap();
    assert_eq!((ingested.effects.counted.len(), ingested.chunks), (1, 0));
}

#[test]
fn another_attachment_may_be_asked_for_at_once() {
    let (mut laptop, mut phone) = laptop_and_phone();
    laptop.attach(40);
    let mut sessions = open_sessions([[5; 32]; 2]);
    run(&mut laptop, &mut phone, &mut sessions).unwrap();
    // Two requests are on their way when the person thinks better of it.
    sessions[1].fetch(&phone.space(), BLOB, 40, false);
    for _ in 0..2 {
        let want = sessions[1].poll_frame(&mut phone.replica).unwrap().unwrap();
        sessions[0].handle_frame(&want, &laptop.replica, &laptop.key).unwrap();
    }
    sessions[1].retain_fetches(&phone.space(), |_| false);
    let other = BlobId::from_bytes([6; 16]);
    sessions[1].fetch(&phone.space(), other, 40, false);
    sessions[1].fetch(&phone.space(), BLOB, 40, false);
    let outcome = run(&mut laptop, &mut phone, &mut sessions).unwrap();
    assert_eq!(outcome.lacking, [other]);
    assert_eq!(phone.replica.state().chunks_held(&BLOB), 40);
}

#[test]
fn a_piece_that_was_dropped_meanwhile_is_said_to_be_lacking() {
    let (mut laptop, mut phone) = laptop_and_phone();
    let chunks = 2 * REQUESTS_OF_A_BLOB;
    laptop.attach(chunks);
    let mut sessions = open_sessions([[5; 32]; 2]);
    run(&mut laptop, &mut phone, &mut sessions).unwrap();
    sessions[1].fetch(&phone.space(), BLOB, chunks, false);
    let want = sessions[1].poll_frame(&mut phone.replica).unwrap().unwrap();
    sessions[0].handle_frame(&want, &laptop.replica, &laptop.key).unwrap();
    let slot = laptop.replica.state().chunk_slot(&BLOB, 0).unwrap();
    let piece = laptop.replica.state().records.id(slot);
    let keeper = keeper();
    let (space, key) = (*laptop.replica.state().space(), keeper.verifying_key());
    let statement = DropStatement { space, keeper: key, after: None, ids: vec![piece], replaces: vec![] };
    let drop = Payload::Drop(Signed::new(statement, &keeper));
    laptop.replica.write_statement(drop, &mut || [9; 24]).unwrap();
    let outcome = run(&mut laptop, &mut phone, &mut sessions).unwrap();
    assert_eq!(outcome.lacking, []);
    assert_eq!(phone.replica.state().chunks_held(&BLOB), chunks as usize - 1, "all others came");
    assert!(!sessions[1].is_fetching(&phone.space(), &BLOB));
    assert!(!sessions[1].fetch(&phone.space(), BLOB, chunks, false), "not before it is told of more");
}

#[test]
fn who_holds_a_few_pieces_is_found_to() {
    for (chunks, place) in [(3, 2), (200, 150), (200, 3)] {
        let (mut laptop, mut phone) = laptop_and_phone();
        laptop.state_operation(Author::Device(id(1)), &key(1), 3);
        laptop.attach(chunks);
        sync(&mut laptop, &mut phone).unwrap();
        let mut tablet = device(3, 9, 7);
        sync(&mut laptop, &mut tablet).unwrap();
        let piece = laptop.replica.state().chunk(&BLOB, place).unwrap();
        let piece = laptop.replica.read(piece).unwrap();
        assert_eq!(phone.replica.ingest(&id(1), &[piece]).unwrap().chunks, 1);
        phone.replica.sync().unwrap();
        let mut sessions = open_sessions([[5; 32]; 2]);
        run(&mut phone, &mut tablet, &mut sessions).unwrap();
        let mut frontiers = 0;
        while tablet.replica.state().chunks_held(&BLOB) == 0 {
            assert!(sessions[1].fetch(&tablet.space(), BLOB, chunks, false));
            let asked = run(&mut phone, &mut tablet, &mut sessions).unwrap();
            assert!(asked.frames < 16, "{} frames", asked.frames);
            sessions[0].check();
            run(&mut phone, &mut tablet, &mut sessions).unwrap();
            frontiers += 1;
            assert!(frontiers < 20, "{chunks} {place}");
        }
    }
}

/// Takes the laptop's next frame and hands it to the phone; gives how many records it held.
fn pass(laptop: &mut Device, phone: &mut Device, sessions: &mut [Session; 2]) -> usize {
    let frame = sessions[0].poll_frame(&mut laptop.replica).unwrap().unwrap();
    match sessions[1].handle_frame(&frame, &phone.replica, &phone.key).unwrap() {
        Some(Event::Records { records, .. }) => {
            let ingested = phone.replica.ingest(&id(1), &records).unwrap();
            sessions[1].ingested(&phone.space(), &ingested).unwrap();
            records.len()
        }
        _ => 0,
    }
}

/// Lets the phone say all it has to say; gives the pieces that it asked for.
fn ask(laptop: &Device, phone: &mut Device, sessions: &mut [Session; 2]) -> Vec<(BlobId, u32)> {
    let mut asked = Vec::new();
    while let Some(frame) = sessions[1].poll_frame(&mut phone.replica).unwrap() {
        sessions[0].handle_frame(&frame, &laptop.replica, &laptop.key).unwrap();
        if let Message::Space { message: SpaceMessage::Want { blob, chunks, .. }, .. } =
            decode_message(&frame).unwrap()
        {
            asked.extend(chunks.into_iter().map(|chunk| (blob, chunk)));
        }
    }
    asked
}

#[test]
fn little_is_asked_for_ahead() {
    let (mut laptop, mut phone) = laptop_and_phone();
    let chunks = 4 * REQUESTS_OF_A_BLOB - 1;
    laptop.attach(chunks);
    let mut sessions = open_sessions([[5; 32]; 2]);
    run(&mut laptop, &mut phone, &mut sessions).unwrap();
    sessions[1].fetch(&phone.space(), BLOB, chunks, false);
    let (mut ahead, mut most) = (0, 0);
    while phone.replica.state().chunks_held(&BLOB) < chunks as usize {
        ahead += ask(&laptop, &mut phone, &mut sessions).len();
        most = most.max(ahead);
        ahead -= pass(&mut laptop, &mut phone, &mut sessions);
    }
    assert_eq!(most, 6, "two requests, of a 256th each");
}

#[test]
fn the_next_attachment_does_not_wait_for_the_last_pieces_of_one() {
    let (mut laptop, mut phone) = laptop_and_phone();
    laptop.attach(1);
    let mut sessions = open_sessions([[5; 32]; 2]);
    run(&mut laptop, &mut phone, &mut sessions).unwrap();
    let other = BlobId::from_bytes([6; 16]);
    sessions[1].fetch(&phone.space(), BLOB, 1, false);
    sessions[1].fetch(&phone.space(), other, 1, false);
    assert_eq!(ask(&laptop, &mut phone, &mut sessions), [(BLOB, 0), (other, 0)]);
    let outcome = run(&mut laptop, &mut phone, &mut sessions).unwrap();
    assert_eq!((outcome.lacking, phone.replica.state().chunks_held(&BLOB)), (vec![other], 1));
}

#[test]
fn who_brings_something_else_is_not_asked_for_ever() {
    let (mut laptop, mut phone) = laptop_and_phone();
    laptop.attach(2);
    let mut sessions = open_sessions([[5; 32]; 2]);
    run(&mut laptop, &mut phone, &mut sessions).unwrap();
    let other = BlobId::from_bytes([6; 16]);
    assert!(sessions[1].fetch(&phone.space(), other, 2, false));
    assert_eq!(ask(&laptop, &mut phone, &mut sessions).len(), 2);
    // Pieces of something else take the place of the answers.
    let mark = sessions[0].mark(&laptop.space()).unwrap();
    for index in 0..2 {
        let location = laptop.replica.state().chunk(&BLOB, index).unwrap();
        let frame = frame_of_records(&mark, &[laptop.replica.read(location).unwrap()]);
        let event = sessions[1].handle_frame(&frame, &phone.replica, &phone.key).unwrap();
        let Some(Event::Records { records, .. }) = event else { panic!("{event:?}") };
        let ingested = phone.replica.ingest(&id(1), &records).unwrap();
        sessions[1].ingested(&phone.space(), &ingested).unwrap();
    }
    assert_eq!(ask(&laptop, &mut phone, &mut sessions), []);
    assert!(
        !sessions[1].is_fetching(&phone.space(), &other)
            && !sessions[1].fetch(&phone.space(), other, 2, false)
    );
    // Until the other side has something new to tell.
    sessions[0].check();
    while sessions[0].poll_frame(&mut laptop.replica).unwrap().is_some_and(|frame| {
        sessions[1].handle_frame(&frame, &phone.replica, &phone.key).unwrap()
            != Some(Event::Acknowledged { space: phone.space(), check: true })
    }) {}
    assert!(sessions[1].fetch(&phone.space(), other, 2, false));
}

#[test]
fn what_is_withheld_may_be_asked_for_again() {
    let (mut laptop, mut phone) = laptop_and_phone();
    laptop.attach(8);
    let mut sessions = open_sessions([[5; 32]; 2]);
    run(&mut laptop, &mut phone, &mut sessions).unwrap();
    sessions[1].fetch(&phone.space(), BLOB, 8, false);
    ask(&laptop, &mut phone, &mut sessions);
    (0..2).for_each(|_| assert_eq!(pass(&mut laptop, &mut phone, &mut sessions), 1));
    ask(&laptop, &mut phone, &mut sessions);
    // On a metered connection nothing is given that nobody waits for.
    sessions[0].set_flow(Flow::NoAttachments { asked_for: true });
    let outcome = run(&mut laptop, &mut phone, &mut sessions).unwrap();
    assert_eq!((outcome.records, outcome.lacking, outcome.withheld), (0, vec![BLOB], true));
    assert!(!sessions[1].fetch(&phone.space(), BLOB, 8, true), "not before it is told of more");
    sessions[0].check();
    run(&mut laptop, &mut phone, &mut sessions).unwrap();
    assert!(sessions[1].fetch(&phone.space(), BLOB, 8, true));
    run(&mut laptop, &mut phone, &mut sessions).unwrap();
    assert_eq!(phone.replica.state().chunks_held(&BLOB), 8);
}
