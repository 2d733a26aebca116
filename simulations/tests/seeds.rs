//! The simulator in the ordinary test run: a few seeds, every seed that ever failed, and proof that
//! its checks can fail.

use std::{fs, path::Path};

use clap::ValueEnum;
use musette_simulations::{Breakage, Check, Tally, simulate};

/// Seeds within which a breakage must be noticed.
const PATIENCE: u64 = 500;

#[test]
fn fifty_seeds_hold_and_nothing_stays_unchecked() {
    let mut total = Tally::default();
    for seed in 1..=50 {
        let outcome = simulate(seed, None, false);
        assert_eq!(outcome.failure, None, "seed {seed}");
        total.add(&outcome.tally);
    }
    assert_eq!(total.missing(), Vec::<&str>::new(), "never occurred");
}

#[test]
fn seeds_that_once_failed_hold() {
    let mut replayed = 0;
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "seed") {
            let seed = seed_of(&fs::read_to_string(&path).unwrap());
            assert_eq!(simulate(seed, None, false).failure, None, "{}", path.display());
            replayed += 1;
        }
    }
    assert!(replayed > 0, "no seed was found");
}

/// A seed file: comments after `#`, and one number.
fn seed_of(text: &str) -> u64 {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.next().and_then(|line| line.parse().ok()).expect("a seed file holds a number")
}

#[test]
fn a_seed_is_one_story() {
    for seed in [3, 4] {
        let (first, second) = (simulate(seed, None, true), simulate(seed, None, true));
        assert_eq!(first.story, second.story);
        assert_eq!(first.tally, second.tally);
        assert!(first.story.len() > 10);
    }
    assert_ne!(simulate(3, None, true).story, simulate(4, None, true).story);
}

#[test]
fn whatever_is_broken_is_noticed() {
    for breakage in Breakage::value_variants() {
        let noticed = (1..=PATIENCE).find_map(|seed| simulate(seed, Some(*breakage), false).failure);
        let (_, violation) = noticed.unwrap_or_else(|| panic!("{breakage:?} is not noticed"));
        assert!(breakage.noticed_by().contains(&violation.check), "{breakage:?} shows as: {violation}");
    }
}

#[test]
fn every_check_can_fail() {
    let proven = |check: &Check| {
        Breakage::value_variants().iter().any(|breakage| breakage.noticed_by().contains(check))
    };
    let unproven: Vec<_> = Check::ALL.iter().filter(|check| !proven(check)).collect();
    assert_eq!(unproven, [&Check::Courtesy], "courtesy fails with the protocol itself, not its shell");
}
