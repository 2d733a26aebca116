//! The README's first command.

use std::time::Duration;

use musette_tests::{turns, world::World};

/// A debug build on a busy machine.
const WITHIN: Duration = Duration::from_secs(120);

#[test]
fn two_nodes_end_with_the_same_digest_of_twenty_items_or_more() {
    let _turn = turns::shared();
    let world = World::new();
    let device = world.device("anybody");
    let told = device.start(&["--json", "demo", "--exit"]).wait(WITHIN).ok().json();
    assert_eq!(told["equal"], true);
    assert_eq!(told["digests"][0], told["digests"][1]);
    assert_eq!(told["digests"][0].as_str().map(str::len), Some(64));
    assert!(told["items"].as_u64().is_some_and(|items| items >= 20), "{told}");
    assert!(!device.home().exists(), "a demo leaves the person's own home alone");
    let left: Vec<_> = std::fs::read_dir(device.root().join("tmp")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn people_are_shown_the_digests() {
    let _turn = turns::shared();
    let world = World::new();
    let said = world.device("anybody").start(&["demo", "--exit"]).wait(WITHIN).ok();
    let is_digest = |word: &&str| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let digests: Vec<&str> = said.stdout.split_whitespace().filter(is_digest).collect();
    assert_eq!(digests.len(), 2, "{}", said.stdout);
    assert_eq!(digests[0], digests[1]);
}
