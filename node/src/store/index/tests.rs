use musette_protocol::{
    id::{CommitId, DeviceId, OperationId},
    replica::{Item, Subject},
};

use super::{rows::Kept, table::is_locked, *};

fn open(dir: &Path) -> Index {
    Index::open(dir, &Secret32::from_bytes([1; 32])).unwrap()
}

/// What an index gives back.
fn load(index: &mut Index) -> Result<Option<(Loaded, Vec<Kept>)>, IndexError> {
    let mut kept = Vec::new();
    let loaded = index.load(&mut |one| kept.push(one))?;
    Ok(loaded.map(|loaded| (loaded, kept)))
}

fn loaded(dir: &Path) -> (Loaded, Vec<Kept>) {
    load(&mut open(dir)).unwrap().unwrap()
}

fn kept(counted: &[Counted]) -> Vec<Kept> {
    commits(counted).map(Kept::Counted).collect()
}

fn position() -> Position {
    position_of(1, 77)
}

fn position_of(segment: u32, offset: u64) -> Position {
    parse(&bytes_of(&(segment, offset))).unwrap()
}

fn location(offset: u64) -> Location {
    parse(&bytes_of(&(1_u32, offset, 9_u32))).unwrap()
}

fn document(n: u32) -> DocumentId {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&n.to_be_bytes());
    DocumentId::from_bytes(bytes)
}

fn counted(number: u64, items: u8) -> Counted {
    let item = |n| Item {
        record: RecordId::from_bytes([n; 32]),
        location: location(u64::from(n)),
        subject: Subject::Document(document(n.into())),
    };
    Counted {
        device: DeviceId::from_bytes([7; 32]),
        number,
        commit: CommitId::from_bytes([8; 32]),
        record: RecordId::from_bytes([9; 32]),
        location: location(5),
        seen: vec![],
        items: (0..items).map(item).collect(),
        wanted: vec![RecordId::from_bytes([3; 32])],
        again: vec![RecordId::from_bytes([4; 32])],
        listed: vec![RecordId::from_bytes([6; 32])],
        log_heads: vec![OperationId::from_bytes([5; 32])],
    }
}

type Commits = std::vec::IntoIter<Counted>;

fn commits(counted: &[Counted]) -> Commits {
    Vec::from(counted).into_iter()
}

fn changed<'a>(
    counted: &'a mut Commits,
    views: Vec<(DocumentId, &'a [u8])>,
    documents: usize,
) -> Changed<'a> {
    Changed {
        counted,
        is_all_counted: false,
        arrived: &[],
        uncounted: &[],
        views,
        documents,
        peers: b"peers",
    }
}

#[test]
fn everything_comes_back_after_reopening_long_values_too() {
    let dir = tempfile::tempdir().unwrap();
    let long = vec![3; 3 * PART_LEN + 1];
    let all = [counted(1, 255), counted(2, 1)];
    let piece = counted(3, 1).items.remove(0);
    {
        let mut index = open(dir.path());
        assert!(load(&mut index).unwrap().is_none());
        let orphan = (RecordId::from_bytes([5; 32]), location(3));
        let first = &mut commits(&all[..1]);
        let first = changed(first, vec![(document(4), &long)], 1);
        index.save(position_of(1, 5), Changed { uncounted: &[orphan; 200], ..first }).unwrap();
        let second = &mut commits(&all[1..]);
        let second = changed(second, vec![(document(4), b"short")], 1);
        index.save(position(), Changed { uncounted: &[orphan], arrived: &[piece], ..second }).unwrap();
        index.flush();
    }
    assert_eq!(open(dir.path()).position().unwrap(), Some(position()));
    let (loaded, counted) = loaded(dir.path());
    assert_eq!(loaded.position, position());
    assert_eq!(counted, [kept(&all), vec![Kept::Arrived(piece)]].concat());
    assert_eq!(loaded.uncounted.len(), 1);
    assert_eq!(loaded.views, [(document(4), (*b"short").into())].into());
    assert_eq!(loaded.peers, b"peers");
}

#[test]
fn another_key_reads_nothing_and_no_value_is_long_or_readable() {
    let dir = tempfile::tempdir().unwrap();
    let mut index = open(dir.path());
    let long = b"canary".repeat(5000);
    index.save(position(), changed(&mut commits(&[]), vec![(document(4), &long)], 1)).unwrap();
    for entry in index.table().unwrap().db.iter() {
        let (_, value) = entry.unwrap();
        assert!(value.len() <= 4096);
        assert!(!value.windows(6).any(|window| window == b"canary"));
    }
    index.flush();
    drop(index);
    assert!(load(&mut Index::open(dir.path(), &Secret32::from_bytes([2; 32])).unwrap()).is_err());
}

#[test]
fn what_was_not_written_to_its_end_does_not_count_and_is_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let long = vec![3; 3 * PART_LEN];
    {
        let mut index = open(dir.path());
        index
            .save(position(), changed(&mut commits(&[counted(1, 1)]), vec![(document(1), b"one")], 1))
            .unwrap();
        // As if the mark had not followed.
        let from = index.log.blocks;
        index.table().unwrap().write_blocks(from, &[long.clone(), long]).unwrap();
        index.flush();
    }
    let mut index = open(dir.path());
    let (loaded_before, counted_before) = load(&mut index).unwrap().unwrap();
    assert_eq!((counted_before.len(), loaded_before.views.len()), (1, 1));
    index.save(position(), changed(&mut commits(&[counted(2, 1)]), vec![(document(2), b"two")], 2)).unwrap();
    index.flush();
    drop(index);
    let (after, counted) = loaded(dir.path());
    assert_eq!((counted.len(), after.views.len()), (2, 2));
}

#[test]
fn commits_with_a_gap_between_them_are_nonsense() {
    let dir = tempfile::tempdir().unwrap();
    let mut index = open(dir.path());
    index.save(position(), changed(&mut commits(&[counted(1, 1), counted(3, 1)]), vec![], 0)).unwrap();
    index.flush();
    drop(index);
    assert!(load(&mut open(dir.path())).is_err());
}

#[test]
fn sled_writes_once_and_not_to_files_that_it_never_syncs() {
    let dir = tempfile::tempdir().unwrap();
    let mut index = open(dir.path());
    let (long, mut number) = (vec![5; 20 * PART_LEN], 0);
    for _ in 0..10 {
        let views = (0..40).map(|_| {
            number += 1;
            (document(number), &*long)
        });
        index.save(position(), changed(&mut commits(&[]), views.collect(), number as usize)).unwrap();
    }
    index.flush();
    drop(index);
    assert_eq!(fs::read_dir(dir.path().join("blobs")).unwrap().count(), 0);
    let (disk, held) = (fs::metadata(dir.path().join("db")).unwrap().len(), u64::from(number) * 20 * 4096);
    assert!(disk * 10 < held * 13, "{disk} bytes for {held}");
}

/// Saves `rounds` of the same views.
fn fill(index: &mut Index, rounds: u32) {
    let documents: Vec<DocumentId> = (0..500).map(document).collect();
    for round in 1..=rounds {
        let text = format!("{round:0300}");
        let views = documents.iter().map(|id| (*id, text.as_bytes())).collect();
        let commits = &mut commits(&[counted(round.into(), 2)]);
        index.save(position_of(1, round.into()), changed(commits, views, documents.len())).unwrap();
    }
    index.flush();
}

#[test]
fn a_log_full_of_what_no_longer_holds_is_written_anew() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("index");
    let mut index = open(&dir);
    fill(&mut index, 100);
    assert!(index.log.views <= 500 + 250 + SPARE_VIEWS, "{:?}", index.log);
    drop(index);
    let (kept, commits) = loaded(&dir);
    assert_eq!(commits, (1..=100).map(|n| Kept::Counted(counted(n, 2))).collect::<Vec<_>>());
    assert_eq!(kept.position, position_of(1, 100));
    assert_eq!(kept.views.len(), 500);
    assert!(kept.views.values().all(|view| view.ends_with(b"100")));
    assert_eq!(kept.peers, b"peers");
    assert!(!dir.with_extension("old").exists() && !dir.with_extension("new").exists());
}

#[test]
fn commits_that_all_come_anew_take_the_place_of_those_before() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("index");
    let mut index = open(&dir);
    fill(&mut index, 3);
    let moved = [counted(1, 7), counted(2, 7)];
    let all = &mut commits(&moved);
    let all = changed(all, vec![(document(1), b"new")], 500);
    index.save(position_of(2, 1), Changed { is_all_counted: true, ..all }).unwrap();
    index.flush();
    drop(index);
    let (after, counted) = loaded(&dir);
    assert_eq!((after.position, counted), (position_of(2, 1), kept(&moved)));
    assert_eq!((after.views.len(), &*after.views[&document(1)]), (500, &b"new"[..]));
}

#[test]
fn a_swap_that_was_cut_off_is_finished_or_undone() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("index");
    fill(&mut open(&dir), 1);
    // The old one gone, the new one not in its place yet.
    fs::rename(&dir, dir.with_extension("new")).unwrap();
    fs::create_dir(dir.with_extension("old")).unwrap();
    assert_eq!(loaded(&dir).0.views.len(), 500);
    // The new one half written.
    fs::create_dir(dir.with_extension("new")).unwrap();
    fs::write(dir.with_extension("new").join("db"), "half").unwrap();
    assert_eq!(loaded(&dir).0.views.len(), 500);
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
}

#[test]
fn one_that_is_still_held_is_told_from_one_that_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let held = open_db(folder.path()).unwrap();
    let refused = sled::Config::new().path(folder.path()).open();
    assert!(matches!(refused, Err(sled::Error::Io(error)) if is_locked(&error)));
    drop(held);
    open_db(folder.path()).unwrap();
}
