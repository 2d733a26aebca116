//! What is kept, folded and dropped between devices.

use std::collections::BTreeSet;

use super::*;
use crate::{
    id::RecordId,
    journal::SegmentNumber,
    record::{Commit, DropStatement, drop_record, record_id},
    replica::{Effects, Fold, Refusal, State},
    signed::Signed,
};

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
fn what_two_commits_name_before_it_came_counts_by_one_of_them() {
    let all = |state: &State| state.document(&DOCUMENT).map(|(record, _)| record).collect();
    let [mut phone, mut tablet] = lost_with_its_commit(|laptop| laptop.write("kept"), all);
    let commit = Commit {
        space: phone.space(),
        device: id(3),
        number: 1,
        previous: None,
        seen: Vec::new(),
        log_heads: tablet.replica.state().log().heads(),
        records: all(tablet.replica.state()),
        chunks: Vec::new(),
    };
    let adopted = Payload::Commit(Signed::new(commit, &key(3)));
    tablet.replica.write_statement(adopted, &mut Device::nonces(&mut 9_100)).unwrap();
    let adopted = tablet.replica.state().counted().last().unwrap().location;
    let adopted = tablet.replica.read(adopted).unwrap();
    assert_eq!(phone.replica.ingest(&id(3), &[adopted]).unwrap().effects.counted.len(), 1);
    phone.replica.sync().unwrap();
    let named = |phone: &Device| {
        let counted = phone.replica.state().counted();
        counted.map(|one| (one.items.len(), one.listed.len(), one.again.len())).collect::<BTreeSet<_>>()
    };
    assert_eq!(named(&phone), BTreeSet::from([(0, 1, 0), (0, 0, 1)]));
    sync(&mut phone, &mut tablet).unwrap();
    assert_eq!(named(&phone), BTreeSet::from([(1, 0, 0), (0, 0, 1)]));
    assert_eq!(phone.frontier(), tablet.frontier());
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
