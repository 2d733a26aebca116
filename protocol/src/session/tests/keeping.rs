//! What is kept, dropped, fetched and found again between devices.

use std::collections::BTreeSet;

use super::*;
use crate::{
    id::{RecordId, StatementId},
    journal::SegmentNumber,
    limits::{MAX_PENDING_COMMITS, MAX_STATEMENTS, MAX_WANT, REQUESTS_OF_A_BLOB},
    record::{BlobChunk, Commit, DropStatement, drop_record, record_id},
    replica::{Effects, Fold, Refusal, State},
    signed::Signed,
};

const DOCUMENT: DocumentId = DocumentId::from_bytes([1; 16]);
const BLOB: BlobId = BlobId::from_bytes([5; 16]);
const FIRST: frontier::Span = frontier::Span { first: 1, last: 1 };

/// The person of [`device`] keeps the space by the key of its number.
fn keeper() -> SigningKey {
    key(9)
}

impl Device {
    fn fold(&mut self, snapshot: &str) -> Effects {
        let replaces = self.replica.state().document(&DOCUMENT).map(|(record, _)| record).collect();
        let fold = Fold { document: DOCUMENT, snapshot: snapshot.into(), replaces };
        let mut nonce = Self::nonces(&mut self.nonce);
        let effects = self.replica.fold(vec![fold], &self.key, &keeper(), &mut nonce).unwrap();
        self.replica.sync().unwrap();
        effects
    }

    /// Confirms what is in no file any more.
    fn confirm(&mut self) {
        let mut nonce = Self::nonces(&mut self.nonce);
        self.replica.write_receipt(&self.key, &mut nonce).unwrap();
        self.replica.sync().unwrap();
    }

    fn erase(&mut self) {
        while let Some(segment) = self.replica.find_dropped().unwrap() {
            self.replica.rewrite_segment(segment).unwrap();
        }
    }

    fn attach(&mut self, chunks: u32) {
        let chunk = |index| Write::BlobChunk(BlobChunk { blob: BLOB, index, bytes: vec![7; 500] });
        let mut nonce = Self::nonces(&mut self.nonce);
        self.replica.write((0..chunks).map(chunk).collect(), &self.key, &mut nonce).unwrap();
        self.replica.sync().unwrap();
    }

    /// The texts of the document's changes.
    fn texts(&mut self) -> Vec<String> {
        let locations: Vec<_> = self.replica.state().document(&DOCUMENT).map(|(_, place)| place).collect();
        locations.into_iter().map(|location| self.text(location)).collect()
    }

    fn text(&mut self, location: crate::journal::Location) -> String {
        match self.replica.read_payload(location).unwrap() {
            Ok(Payload::Change(change)) => String::from_utf8(change.bytes).unwrap(),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn folding_reaches_who_was_there_before_and_who_comes_later() {
    let (mut laptop, mut phone) = laptop_and_phone();
    (0..5).for_each(|n| laptop.write(&format!("change {n}")));
    sync(&mut laptop, &mut phone).unwrap();
    phone.write("meanwhile");
    assert_eq!(laptop.fold("all five").dropped.len(), 5);
    sync(&mut laptop, &mut phone).unwrap();
    let both = ["all five", "meanwhile"].map(str::to_owned);
    assert_eq!(phone.texts().iter().collect::<BTreeSet<_>>(), both.iter().collect());
    assert_eq!(laptop.frontier(), phone.frontier());

    laptop.state_operation(Author::Device(id(1)), &key(1), 3);
    let mut tablet = device(3, 9, 7);
    sync(&mut phone, &mut laptop).unwrap();
    let outcome = sync(&mut phone, &mut tablet).unwrap();
    assert_eq!(outcome.counted.len(), 7, "the commits stay, and count without what they named");
    assert_eq!(tablet.texts(), phone.texts());
    assert_eq!(tablet.frontier(), phone.frontier());
}

#[test]
fn what_was_dropped_does_not_come_back() {
    let (mut laptop, mut phone) = laptop_and_phone();
    laptop.write("old");
    let location = laptop.replica.state().document(&DOCUMENT).next().unwrap().1;
    let old = laptop.replica.read(location).unwrap();
    laptop.fold("new");
    let ingested = laptop.replica.ingest(&id(2), std::slice::from_ref(&old)).unwrap();
    assert_eq!((ingested.new_records, ingested.effects.dropped_before), (0, 1));
    sync(&mut laptop, &mut phone).unwrap();
    let ingested = phone.replica.ingest(&id(1), &[old]).unwrap();
    assert_eq!((ingested.new_records, ingested.effects.dropped_before), (0, 1));
    assert_eq!(phone.texts(), ["new"]);
}

#[test]
fn nothing_goes_before_what_takes_its_place_counts() {
    let (mut laptop, mut phone) = laptop_and_phone();
    laptop.write("old");
    sync(&mut laptop, &mut phone).unwrap();
    laptop.fold("new");
    let locations = laptop.replica.state().locations();
    let all: Vec<Vec<u8>> =
        locations.into_iter().map(|location| laptop.replica.read(location).unwrap()).collect();
    let (drop, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|record| record[0] == 4);
    let ingested = phone.replica.ingest(&id(1), &drop).unwrap();
    assert_eq!((ingested.new_records, ingested.effects.dropped.len()), (1, 0));
    assert_eq!(phone.texts(), ["old"]);
    let ingested = phone.replica.ingest(&id(1), &others).unwrap();
    assert_eq!(ingested.effects.dropped.len(), 1);
    assert_eq!(phone.texts(), ["new"]);
}

/// Three devices of one person, of which the phone has nothing but a drop that waits for a commit that is
/// lost with the laptop, and the tablet what that drop lists.
fn lost_with_its_commit(fill: impl Fn(&mut Device), ids: impl Fn(&State) -> Vec<RecordId>) -> [Device; 2] {
    let (mut laptop, mut phone) = laptop_and_phone();
    laptop.state_operation(Author::Device(id(1)), &key(1), 3);
    sync(&mut laptop, &mut phone).unwrap();
    let mut tablet = device(3, 9, 7);
    fill(&mut laptop);
    let mut sessions = open_sessions([[4; 32]; 2]);
    run(&mut laptop, &mut tablet, &mut sessions).unwrap();
    sessions[1].fetch(&laptop.space(), BLOB, 2, false);
    run(&mut laptop, &mut tablet, &mut sessions).unwrap();
    let (space, after) = (laptop.space(), Some(CommitId::from_bytes([77; 32])));
    let mut ids = ids(laptop.replica.state());
    ids.sort_unstable();
    let statement = DropStatement { space, keeper: keeper().verifying_key(), after, ids, replaces: vec![] };
    let drop = Payload::Drop(Signed::new(statement, &keeper()));
    phone.replica.write_statement(drop, &mut Device::nonces(&mut 9_000)).unwrap();
    // The commit comes before what it names, which counts as held.
    let commit = laptop.replica.state().counted().next().unwrap().location;
    let commit = laptop.replica.read(commit).unwrap();
    assert_eq!(phone.replica.ingest(&id(1), &[commit]).unwrap().effects.counted.len(), 1);
    phone.replica.sync().unwrap();
    [phone, tablet]
}

#[test]
fn a_change_whose_drop_waits_for_a_lost_commit_is_taken_and_counts() {
    let all = |state: &State| state.document(&DOCUMENT).map(|(record, _)| record).collect();
    let [mut phone, mut tablet] = lost_with_its_commit(|laptop| laptop.write("kept"), all);
    assert_eq!(phone.texts(), [""; 0]);
    // The heads are the same: that something is missing, the sums of records tell.
    sync(&mut phone, &mut tablet).unwrap();
    assert_eq!((phone.texts(), tablet.texts()), (vec!["kept".to_owned()], vec!["kept".to_owned()]));
    assert_eq!(phone.frontier(), tablet.frontier());
    // Nothing is sent twice, and it is the same after a start, by the journal and by an index.
    assert_eq!(sync(&mut phone, &mut tablet).unwrap().records, 0);
    let counted: Vec<_> = phone.replica.state().counted().collect();
    assert_eq!((counted[0].items.len(), counted[0].listed.len()), (1, 0));
    let frontier = phone.frontier();
    assert_eq!(phone.frontier_after_a_start(), frontier);

    let [mut phone, _] = lost_with_its_commit(|laptop| laptop.write("kept"), all);
    let location = tablet.replica.state().document(&DOCUMENT).next().unwrap().1;
    let change = tablet.replica.read(location).unwrap();
    let effects = phone.replica.ingest(&id(3), &[change]).unwrap().effects;
    assert_eq!((effects.arrived.len(), effects.arrived[0].device, effects.arrived[0].number), (1, id(1), 1));
    assert_eq!(effects.redrawn.into_iter().collect::<Vec<_>>(), [DOCUMENT]);
}

#[test]
fn a_piece_whose_drop_waits_for_a_lost_commit_is_fetched() {
    let all = |state: &State| state.counted().flat_map(|one| one.items).map(|item| item.record).collect();
    let [mut phone, mut tablet] = lost_with_its_commit(|laptop| laptop.attach(2), all);
    let mut sessions = open_sessions([[5; 32]; 2]);
    run(&mut phone, &mut tablet, &mut sessions).unwrap();
    sessions[0].fetch(&phone.space(), BLOB, 2, false);
    run(&mut phone, &mut tablet, &mut sessions).unwrap();
    let held = |device: &Device| device.replica.state().chunks_held(&BLOB);
    assert_eq!((held(&phone), held(&tablet)), (2, 2));
    assert_eq!(phone.frontier(), tablet.frontier());
}

#[test]
fn drops_that_all_confirmed_are_merged() {
    let (mut laptop, mut phone) = laptop_and_phone();
    for n in 0..3 {
        laptop.write(&format!("change {n}"));
        laptop.fold(&format!("all of {n}"));
    }
    sync(&mut laptop, &mut phone).unwrap();
    laptop.erase();
    laptop.confirm();
    assert_eq!(laptop.replica.state().settled_drops(), [], "the phone said nothing yet");
    phone.erase();
    phone.confirm();
    sync(&mut laptop, &mut phone).unwrap();
    assert_eq!(laptop.replica.state().settled_drops().len(), 3);
    laptop.replica.merge_drops(&keeper()).unwrap();
    laptop.replica.sync().unwrap();
    sync(&mut laptop, &mut phone).unwrap();
    assert_eq!(phone.replica.state().applied_drops().len(), 1);
    assert_eq!(laptop.frontier(), phone.frontier());

    laptop.state_operation(Author::Device(id(1)), &key(1), 3);
    let mut tablet = device(3, 9, 7);
    sync(&mut laptop, &mut tablet).unwrap();
    assert_eq!(tablet.texts(), ["all of 2"]);
    assert_eq!(tablet.frontier(), laptop.frontier());
}

#[test]
fn nothing_is_confirmed_that_is_still_in_a_file() {
    let (mut laptop, mut phone) = laptop_and_phone();
    let confirmed = |device: &Device| device.replica.state().confirmed_by(&id(1)).map(BTreeSet::len);
    laptop.write("old");
    laptop.fold("new");
    laptop.confirm();
    assert_eq!(confirmed(&laptop), None);
    laptop.erase();
    laptop.confirm();
    assert_eq!(confirmed(&laptop), Some(1));
    laptop.write("newer");
    laptop.fold("newest");
    assert!(laptop.replica.has_unconfirmed_drops(&id(1)));
    laptop.confirm();
    assert_eq!(confirmed(&laptop), Some(1), "what was found before says nothing of what came after");
    laptop.erase();
    laptop.confirm();
    assert!(!laptop.replica.has_unconfirmed_drops(&id(1)));
    assert_eq!(confirmed(&laptop), Some(2));
    sync(&mut laptop, &mut phone).unwrap();
    assert_eq!(confirmed(&phone), Some(2));
}

#[test]
fn what_did_not_open_once_is_found_when_it_is_dropped() {
    let (mut laptop, mut phone) = laptop_and_phone();
    laptop.write("old");
    sync(&mut laptop, &mut phone).unwrap();
    let old = phone.replica.state().document(&DOCUMENT).next().unwrap();
    let inception = Recovery::from_entropy(&Secret32::from_bytes([9; 32])).incept();
    let mut state = testkit::state(&inception, phone.space(), vec![Secret32::from_bytes([7; 32])]);
    let journal = phone.replica.into_journal();
    let opening = Opening::new(journal.id());
    let (journal, _) = Journal::open(journal.into_disk(), &opening, &mut |id, location, record| {
        let payload = crate::record::open(record, state.space(), state.keyring()).unwrap();
        if id != old.0 {
            state.replay(id, location, payload);
        }
    })
    .unwrap();
    phone = Device { key: key(2), replica: Replica::new(state, journal), nonce: 0 };
    phone.replica.rotate_journal().unwrap();
    assert_eq!(phone.replica.find_dropped(), Ok(None), "it is unknown");
    sync(&mut laptop, &mut phone).unwrap();
    assert_eq!(phone.texts(), ["old"], "it came again");
    laptop.fold("new");
    sync(&mut laptop, &mut phone).unwrap();
    phone.erase();
    let mut journal = phone.replica.into_journal();
    let segments: Vec<SegmentNumber> = journal.segment_bytes().map(|(segment, _)| segment).collect();
    for segment in segments {
        assert!(!journal.holds(segment, &mut |record, _| record == old.0).unwrap(), "{segment}");
    }
}

#[test]
fn a_drop_by_somebody_else_has_no_effect() {
    let (mut laptop, _) = laptop_and_phone();
    laptop.write("kept");
    let replaces = laptop.replica.state().document(&DOCUMENT).map(|(record, _)| record).collect();
    let fold = Fold { document: DOCUMENT, snapshot: b"forged".to_vec(), replaces };
    let nonce = &mut || [9; 24];
    let effects = laptop.replica.fold(vec![fold], &key(1), &key(1), nonce).unwrap();
    assert_eq!((effects.dropped.len(), effects.refused.len()), (0, 1));
    assert_eq!(laptop.texts(), ["kept", "forged"]);
}

#[test]
fn rewriting_a_segment_gives_its_space_back_and_keeps_the_rest() {
    let (mut laptop, mut phone) = laptop_and_phone();
    (0..100).for_each(|n| laptop.write(&format!("change {n}")));
    laptop.fold("all");
    laptop.replica.rotate_journal().unwrap();
    let before = laptop.replica.journal().bytes();
    laptop.replica.rewrite_segment(SegmentNumber::FIRST).unwrap();
    assert!(laptop.replica.journal().bytes() < before, "{before}");
    assert_eq!(laptop.texts(), ["all"]);
    sync(&mut laptop, &mut phone).unwrap();
    assert_eq!(phone.texts(), ["all"]);
    laptop.write("after");
    sync(&mut laptop, &mut phone).unwrap();
    assert_eq!(phone.texts(), ["all", "after"]);
}

impl Device {
    fn records(&mut self) -> Vec<Vec<u8>> {
        let locations = self.replica.state().locations();
        locations.into_iter().map(|location| self.replica.read(location).unwrap()).collect()
    }

    /// What counts once the journal is read again.
    fn frontier_after_a_start(self) -> Frontier {
        let inception = Recovery::from_entropy(&Secret32::from_bytes([9; 32])).incept();
        let space = *self.replica.state().space();
        let mut again = testkit::state(&inception, space, vec![Secret32::from_bytes([7; 32])]);
        let journal = self.replica.into_journal();
        let opening = Opening::new(journal.id());
        Journal::open(journal.into_disk(), &opening, &mut |id, location, record| {
            let payload = crate::record::open(record, &space, again.keyring()).unwrap();
            again.replay(id, location, payload);
        })
        .unwrap();
        Frontier::of(&again)
    }
}

#[test]
fn a_change_that_comes_with_its_drop_is_in_no_file() {
    let (mut laptop, mut phone) = laptop_and_phone();
    laptop.write("old");
    let (record, location) = laptop.replica.state().document(&DOCUMENT).next().unwrap();
    let old = laptop.replica.read(location).unwrap();
    laptop.fold("new");
    let all = [laptop.records(), vec![old.clone()]].concat();
    // With the commit that its drop waits for, which nobody knows to count before: it is searched for.
    // Nobody did wrong: who holds no drop gives what it lists together with that commit.
    assert_eq!(phone.replica.find_dropped(), Ok(None));
    let ingested = phone.replica.ingest(&id(1), &all).unwrap();
    assert_eq!((ingested.effects.dropped_before, ingested.effects.refused), (1, vec![]));
    assert_eq!(phone.texts(), ["new"]);
    assert_eq!(phone.replica.find_dropped(), Ok(Some(SegmentNumber::FIRST)));
    phone.erase();
    assert_eq!(phone.texts(), ["new"]);
    // By a drop that waits for none, it is not written.
    let (mut phone, space) = (laptop_and_phone().1, laptop.space());
    let (keeper, ids) = (keeper().verifying_key(), vec![record]);
    let statement = DropStatement { space, keeper, after: None, ids, replaces: vec![] };
    let drop = drop_record(&Signed::new(statement, &key(9)));
    let ingested = phone.replica.ingest(&id(1), &[drop, old]).unwrap();
    assert_eq!((ingested.effects.dropped_before, ingested.effects.refused), (1, vec![]));
    assert_eq!(phone.replica.find_dropped(), Ok(None));
}

#[test]
fn of_two_histories_the_one_that_counted_counts_after_a_rewriting() {
    let (mut laptop, mut phone) = laptop_and_phone();
    let (mut twin, _) = laptop_and_phone();
    twin.nonce += 1_000;
    laptop.write("first");
    twin.write("second");
    sync(&mut laptop, &mut phone).unwrap();
    phone.write("on top of the first");
    phone.replica.rotate_journal().unwrap();
    let ingested = phone.replica.ingest(&id(1), &twin.records()).unwrap();
    assert!(matches!(ingested.effects.refused[..], [Refusal::Fork { .. }]));
    phone.replica.sync().unwrap();
    phone.replica.rewrite_segment(SegmentNumber::FIRST).unwrap();
    let frontier = phone.frontier();
    assert!(frontier.has(&id(2), 1));
    assert_eq!(phone.frontier_after_a_start(), frontier);
}

#[test]
fn a_journal_whose_commits_lie_before_what_they_build_on_is_read_whole() {
    let (mut laptop, _) = laptop_and_phone();
    (0..1_500).for_each(|n| laptop.write(&format!("change {n}")));
    let frontier = laptop.frontier();
    let mut records: Vec<_> = Vec::new();
    for location in laptop.replica.state().locations() {
        records.push((location, laptop.replica.read(location).unwrap()));
    }
    // A segment that was rewritten puts the first commits last.
    records.rotate_left(40);
    let inception = Recovery::from_entropy(&Secret32::from_bytes([9; 32])).incept();
    let space = *laptop.replica.state().space();
    let mut again = testkit::state(&inception, space, vec![Secret32::from_bytes([7; 32])]);
    for (location, record) in records {
        let payload = crate::record::open(&record, &space, again.keyring()).unwrap();
        let effects = again.replay(record_id(&record), location, payload);
        assert!(effects.refused.is_empty(), "{:?}", effects.refused);
    }
    assert_eq!(Frontier::of(&again), frontier);
}

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
    assert_eq!(said, [Message::Space { mark, message: SpaceMessage::Lacks { blob: BLOB, withheld: false } }]);
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
    assert_eq!(pass(&mut laptop, &mut phone, &mut sessions), 2);
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
