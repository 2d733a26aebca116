//! The index is a convenience: whatever happens to it, the items are there.

use std::{
    fs::{self, OpenOptions},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use musette_tests::{
    linkedin,
    search::{copy_below, files_below},
    turns,
    world::{Device, World},
};
use serde_json::Value;

fn filled(world: &World) -> (Device, Value) {
    let laptop = world.first_device("laptop");
    laptop.import(&[&world.file("export.zip", linkedin::export())]);
    let id = laptop.add(&["note", "title=Mine"]);
    laptop.run(&["edit", &id, "text=Mine still"]).ok();
    let list = laptop.list();
    assert!(list["items"].as_array().is_some_and(|items| items.len() > 10));
    (laptop, list)
}

fn index_files(laptop: &Device) -> Vec<PathBuf> {
    let mut files = files_below(&laptop.home().join("index"));
    files.sort();
    assert!(!files.is_empty());
    files
}

/// Restores the index from a copy, so that each damage is done to a sound one.
fn copy(from: &Path, to: &Path) {
    drop(fs::remove_dir_all(to));
    copy_below(from, to);
}

#[test]
fn without_its_index_a_home_lists_the_same() {
    let _turn = turns::shared();
    let world = World::new();
    let (laptop, list) = filled(&world);
    fs::remove_dir_all(laptop.home().join("index")).unwrap();
    assert_eq!(laptop.list(), list);
    fs::remove_dir_all(laptop.home().join("index")).unwrap();
    let node = laptop.up();
    assert_eq!(laptop.list(), list);
    node.stop();
    assert_eq!(laptop.list(), list);
}

#[test]
fn a_damaged_index_is_set_aside_and_said() {
    let _turn = turns::shared();
    let world = World::new();
    let (laptop, list) = filled(&world);
    let (index, sound) = (laptop.home().join("index"), world.path().join("sound"));
    copy(&index, &sound);
    let garbage: Vec<u8> = (0..5_000_u32).map(|number| (number * 7919 % 251) as u8).collect();
    let mut told = 0;
    for number in 0..index_files(&laptop).len() {
        for (what, harm) in [("garbage", 0), ("cut", 1), ("flipped", 2)] {
            copy(&sound, &index);
            let path = &index_files(&laptop)[number];
            let len = fs::metadata(path).unwrap().len();
            match harm {
                0 => fs::write(path, &garbage).unwrap(),
                1 => OpenOptions::new().write(true).open(path).unwrap().set_len(len / 3).unwrap(),
                _ => flip_some(path, len),
            }
            // The first to look must hear of it; a node's status says what its start met.
            let node = laptop.up();
            let notices = laptop.notices();
            assert_eq!(laptop.list(), list, "{what} in {}", path.display());
            node.stop();
            told += usize::from(notices.contains(&"index-rebuilt".to_owned()));
            assert_eq!(laptop.list(), list);
        }
    }
    assert!(told > 0, "no damage was told");
}

/// Flips a bit every hundred bytes.
fn flip_some(path: &Path, len: u64) {
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    for offset in (50..len).step_by(100) {
        let mut byte = [0];
        file.read_exact_at(&mut byte, offset).unwrap();
        byte[0] ^= 0x10;
        file.write_all_at(&byte, offset).unwrap();
    }
}

#[test]
fn doctor_rebuilds_it() {
    let _turn = turns::shared();
    let world = World::new();
    let (laptop, list) = filled(&world);
    let checks = laptop.json(&["doctor", "--rebuild"]);
    assert!(checks["checks"].as_array().unwrap().iter().all(|check| check["ok"] == true), "{checks}");
    assert_eq!(laptop.list(), list);
    let node = laptop.up();
    laptop.refuses(&["doctor", "--rebuild"], 6, "home-in-use");
    assert_eq!(laptop.list(), list);
    node.stop();
    // A disk on which no index can be: slower, and complete.
    fs::remove_dir_all(laptop.home().join("index")).unwrap();
    fs::write(laptop.home().join("index"), "in the way").unwrap();
    assert_eq!(laptop.list(), list);
}
