//! Comparing what two devices hold, and what is asked for because of it.

use super::*;
use crate::{
    id::{RecordId, StatementId},
    limits::{MAX_PENDING_COMMITS, MAX_STATEMENTS},
    record::{Commit, record_id},
    replica::Refusal,
    signed::Signed,
};

#[test]
fn what_one_lost_is_found_by_reconciliation() {
    let (mut laptop, mut phone) = laptop_and_phone();
    (0..300).for_each(|n| laptop.write(&format!("change {n}")));
    sync(&mut laptop, &mut phone).unwrap();
    // A record that no commit names lies on one side only: frontiers do not speak of it.
    let change = Change { document: DOCUMENT, bytes: b"left aside".to_vec() };
    let record = crate::record::seal(
        &Payload::Change(change),
        laptop.replica.state().space(),
        laptop.replica.state().keyring(),
        &[77; 24],
    );
    laptop.replica.ingest(&id(2), &[record]).unwrap();
    laptop.replica.sync().unwrap();
    assert_eq!(laptop.replica.state().orphans().len(), 1);
    let outcome = sync(&mut laptop, &mut phone).unwrap();
    assert_eq!(phone.replica.state().orphans(), laptop.replica.state().orphans());
    assert_eq!(laptop.frontier(), phone.frontier());
    assert!(outcome.bytes < 8_000, "{}", outcome.bytes);
    let again = sync(&mut laptop, &mut phone).unwrap();
    assert_eq!(again.records, 0);

    let change = Change { document: DOCUMENT, bytes: b"on the listener".to_vec() };
    let (space, keyring) = (*phone.replica.state().space(), phone.replica.state().keyring());
    let record = crate::record::seal(&Payload::Change(change), &space, keyring, &[78; 24]);
    phone.replica.ingest(&id(1), &[record]).unwrap();
    phone.replica.sync().unwrap();
    let outcome = sync(&mut laptop, &mut phone).unwrap();
    assert_eq!(laptop.replica.state().orphans().len(), 2);
    assert_eq!(outcome.records, 1, "nothing is asked for twice while it is on its way");
}

#[test]
fn a_commit_that_waits_where_it_came_from_is_not_taken_for_counted_there() {
    let (mut laptop, mut phone) = laptop_and_phone();
    laptop.state_operation(Author::Device(id(1)), &key(1), 3);
    let mut tablet = device(3, 9, 7);
    sync(&mut laptop, &mut phone).unwrap();
    sync(&mut laptop, &mut tablet).unwrap();
    let before = tablet.replica.state().locations().len();
    tablet.write("withheld at first");
    let added = tablet.replica.state().locations().split_off(before);
    let [change, commit] = [0, 1].map(|at| tablet.replica.read(added[at]).unwrap());
    phone.replica.ingest(&id(3), std::slice::from_ref(&commit)).unwrap();
    let mut sessions = open_sessions([[5; 32]; 2]);
    // The laptop comes to hold both while the commit is on its way.
    let comes = |frame: &[u8], laptop: &mut Device| {
        if matches!(parse_frame(frame), Ok(Some(_))) {
            laptop.replica.ingest(&id(3), &[change.clone(), commit.clone()]).unwrap();
        }
    };
    run_telling(&mut phone, &mut laptop, &mut sessions, comes).unwrap();
    assert_eq!(laptop.frontier(), tablet.frontier());
    assert_eq!(phone.frontier(), laptop.frontier());
}

#[test]
fn behind_a_lost_commit_any_number_may_wait_and_all_count_once_it_comes() {
    let (mut laptop, mut phone) = laptop_and_phone();
    (0..MAX_PENDING_COMMITS + 50).for_each(|n| laptop.write(&format!("change {n}")));
    sync(&mut laptop, &mut phone).unwrap();
    let before = laptop.frontier();
    // Its journal after damage, which took its second commit.
    let lost = laptop.replica.state().chains.of(&id(1)).get(1).unwrap().commit;
    let mut state = new_state(9, 7);
    for location in laptop.replica.state().locations() {
        let record = laptop.replica.read(location).unwrap();
        let payload = crate::record::open(&record, &laptop.space(), state.keyring()).unwrap();
        if !matches!(&payload, Payload::Commit(commit) if commit.id() == lost) {
            state.replay(record_id(&record), location, payload);
        }
    }
    laptop.replica = testkit::replica(state);
    assert_eq!(laptop.replica.state().head(&id(1)).0, 1);
    sync(&mut laptop, &mut phone).unwrap();
    assert_eq!(laptop.frontier(), before);
}

#[test]
fn reconciling_without_end_is_refused() {
    let (mut laptop, mut phone) = laptop_and_phone();
    (0..40).for_each(|n| laptop.write(&format!("change {n}")));
    let mut sessions = open_sessions([[5; 32]; 2]);
    run(&mut laptop, &mut phone, &mut sessions).unwrap();
    let exchange = sessions[0].exchanges.get_mut(&laptop.space()).unwrap();
    let mark = *exchange.mark();
    let frame = |bytes: &[u8]| {
        let message = SpaceMessage::Reconcile(bytes.to_vec());
        frame_of_message(&Message::Space { mark, message })
    };
    let everything = [0x61, 0, 0, 2, 0];
    let mut ask =
        |bytes: &[u8]| sessions[1].handle_frame(&frame(bytes), &phone.replica, &phone.key).map(drop);
    let refused = (0..1_000).position(|_| ask(&everything).is_err());
    // The last ones are put off.
    assert_eq!(refused, Some(3 * crate::limits::MAX_RECONCILE_MESSAGES as usize));
    assert_eq!(ask(&[0x61; 70_000]), Err(SessionError::Malformed));
}

#[test]
fn a_list_of_more_statements_than_there_may_be_is_refused() {
    let (mut laptop, mut phone) = laptop_and_phone();
    let mut sessions = open_sessions([[5; 32]; 2]);
    run(&mut laptop, &mut phone, &mut sessions).unwrap();
    let mark = sessions[1].mark(&phone.space()).unwrap();
    let mut list = |count: usize| {
        let name = |number: usize| {
            let mut name = [0; 32];
            name[..8].copy_from_slice(&(number as u64).to_be_bytes());
            StatementId::from_bytes(name)
        };
        let message = SpaceMessage::Statements((0..count).map(name).collect());
        let frame = frame_of_message(&Message::Space { mark, message });
        sessions[0].handle_frame(&frame, &laptop.replica, &laptop.key)
    };
    assert_eq!(list(MAX_STATEMENTS), Ok(None));
    assert_eq!(list(MAX_STATEMENTS + 1), Err(SessionError::Malformed));
}

#[test]
fn asking_for_more_than_may_wait_is_refused() {
    let (mut laptop, mut phone) = laptop_and_phone();
    laptop.attach(64);
    let mut sessions = open_sessions([[5; 32]; 2]);
    run(&mut laptop, &mut phone, &mut sessions).unwrap();
    let mark = sessions[1].mark(&phone.space()).unwrap();
    let mut want = |chunks: Vec<u32>| {
        let message = SpaceMessage::Want { blob: BLOB, chunks, asked: false };
        let frame = frame_of_message(&Message::Space { mark, message });
        sessions[0].handle_frame(&frame, &laptop.replica, &laptop.key)
    };
    assert_eq!(want((0..17).collect()), Err(SessionError::Malformed));
    assert_eq!(want((0..16).collect()), Ok(None));
    assert_eq!(want((16..32).collect()), Ok(None));
    assert_eq!(want(vec![32]), Err(SessionError::Malformed), "two are open");
}

#[test]
fn who_is_not_enrolled_gets_nothing_by_a_reconciliation() {
    let (mut laptop, _) = laptop_and_phone();
    laptop.write("private");
    laptop.attach(1);
    let mut thief = device(4, 9, 7);
    let mut sessions = open_sessions([[5; 32]; 2]);
    run(&mut thief, &mut laptop, &mut sessions).unwrap();
    let exchange = &sessions[0].exchanges[&laptop.space()];
    let mark = *exchange.mark();
    let names = |state: &State| reconcile::names(state, exchange.reconcile_key());
    let needed = names(laptop.replica.state());
    let asked = [
        SpaceMessage::Reconcile(vec![0x61, 0, 0, 2, 0]),
        SpaceMessage::Need(needed),
        SpaceMessage::Want { blob: BLOB, chunks: vec![0], asked: true },
    ];
    for message in asked {
        let frame = frame_of_message(&Message::Space { mark, message });
        sessions[1].handle_frame(&frame, &laptop.replica, &laptop.key).unwrap();
    }
    let mut said = Vec::new();
    while let Some(frame) = sessions[1].poll_frame(&mut laptop.replica).unwrap() {
        assert!(matches!(parse_frame(&frame), Ok(None)), "records for somebody who is not enrolled");
        said.push(decode_message(&frame).unwrap());
    }
    let nothing = [
        SpaceMessage::Reconciling(reconcile::Reconciliation::NOTHING_LEFT.to_vec()),
        SpaceMessage::Lacks { blob: BLOB, withheld: false },
    ];
    assert_eq!(said, nothing.map(|message| Message::Space { mark, message }));
}

#[test]
fn what_waits_past_the_bound_may_come_again() {
    let (mut laptop, mut phone) = laptop_and_phone();
    laptop.write("first");
    sync(&mut laptop, &mut phone).unwrap();
    let (space, log_heads) = (*phone.replica.state().space(), phone.replica.state().log().heads());
    let waits = |number: usize| {
        let mut name = [0; 32];
        name[..8].copy_from_slice(&(number as u64).to_le_bytes());
        let records = vec![RecordId::from_bytes(name)];
        let (seen, chunks, log_heads) = (vec![], vec![], log_heads.clone());
        let commit =
            Commit { space, device: id(2), number: 1, previous: None, seen, log_heads, records, chunks };
        let mut nonce = [1; 24];
        nonce[..8].copy_from_slice(&(number as u64).to_le_bytes());
        let payload = Payload::Commit(Signed::new(commit, &key(2)));
        crate::record::seal(&payload, &space, laptop.replica.state().keyring(), &nonce)
    };
    let records: Vec<Vec<u8>> = (0..=MAX_PENDING_COMMITS).map(waits).collect();
    let ingested = phone.replica.ingest(&id(1), &records).unwrap();
    assert_eq!(ingested.effects.refused, [Refusal::TooManyPending]);
    assert_eq!(ingested.commits, [], "what only waits says nothing about who sent it");
    let again = phone.replica.ingest(&id(1), &records[records.len() - 1..]).unwrap();
    assert_eq!((again.new_records, again.effects.refused.len()), (1, 1), "it is judged again");
    let again = phone.replica.ingest(&id(1), &records[..1]).unwrap();
    assert_eq!(again.new_records, 0);
}
