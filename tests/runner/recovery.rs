//! The recovery words: shown, checked by asking, then gone from the device.

use std::os::unix::fs::PermissionsExt as _;

use musette_tests::{
    search::Needle,
    turns,
    wait::PATIENCE,
    world::{Device, LOOPBACK, World},
};

fn check(device: &Device, answers: &std::path::Path) -> musette_tests::process::Run {
    let args = ["--json", "recovery", "check"];
    device.start_with(&args, answers).wait(PATIENCE)
}

#[test]
fn the_words_are_checked_and_then_kept_nowhere() {
    let _turn = turns::shared();
    let world = World::new();
    let laptop = world.device("laptop");
    let paper = world.path().join("paper");
    let init = ["init", "--name", "E", "--device", "laptop", "--no-passphrase", "--recovery-out"];
    laptop.run(&[&init[..], &[paper.to_str().unwrap()]].concat()).ok();
    assert_eq!(paper.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let written = std::fs::read_to_string(&paper).unwrap();
    let words = laptop.json(&["recovery", "show"]);
    let words: Vec<&str> =
        words["words"].as_array().unwrap().iter().filter_map(|word| word.as_str()).collect();
    assert_eq!(written.split_whitespace().collect::<Vec<_>>(), words);
    assert!(laptop.notices().contains(&"recovery-unchecked".to_owned()));

    let swapped =
        format!("1 {}\n2 {}\n3 {}\n", words[0], words[1], if words[2] == "zoo" { "zone" } else { "zoo" });
    let refused = check(&laptop, &world.file("swapped", swapped)).exits(1).json();
    assert_eq!(refused["error"]["code"], "recovery-mismatch");
    let right = format!("20 {}\n2 {}\n7 {}\n", words[19], words[1], words[6]);
    check(&laptop, &world.file("right", right)).ok();
    assert!(!laptop.notices().contains(&"recovery-unchecked".to_owned()));
    laptop.refuses(&["recovery", "show"], 1, "recovery-not-held");
    // Not in the clear, at any rate: neither the line nor half of it.
    for half in [words[..12].join(" "), words[12..].join(" ")] {
        let found = Needle::new(&half).find_below(laptop.root());
        assert!(found.is_empty(), "{found:?}");
    }
    laptop.refuses(&[&init[..], &[paper.to_str().unwrap()]].concat(), 1, "file-exists");
}

#[test]
fn a_running_node_does_not_give_the_words_away() {
    let _turn = turns::shared();
    let world = World::new();
    let laptop = world.device("laptop");
    let secret = world.file("passphrase", "café au lait\n");
    let secret = ["--passphrase-file", secret.to_str().unwrap()];
    laptop.run(&[&["init", "--name", "E", "--device", "laptop"], &secret[..]].concat()).ok();
    let node = laptop.up_with(&[&LOOPBACK[..], &secret].concat());
    laptop.refuses(&["recovery", "show"], 4, "passphrase-needed");
    let wrong = world.file("wrong", "thé\n");
    laptop.refuses(
        &["--passphrase-file", wrong.to_str().unwrap(), "recovery", "show"],
        4,
        "wrong-passphrase",
    );
    let words = laptop.json(&[&secret[..], &["recovery", "show"]].concat());
    assert_eq!(words["words"].as_array().unwrap().len(), 24);
    // Nor are those that are kept there replaced without it.
    laptop.refuses(&["recovery", "replace"], 4, "passphrase-needed");
    let with_wrong = ["--passphrase-file", wrong.to_str().unwrap(), "recovery", "replace"];
    laptop.refuses(&with_wrong, 4, "wrong-passphrase");
    laptop.json(&[&secret[..], &["recovery", "replace"]].concat());
    assert_ne!(laptop.json(&[&secret[..], &["recovery", "show"]].concat()), words);
    node.stop();
}
