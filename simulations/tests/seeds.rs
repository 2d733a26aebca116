//! The simulator in the ordinary test run: a few seeds, every seed that ever failed, and proof that
//! its checks can fail.

use std::{fs, num::NonZeroUsize, path::Path, thread::available_parallelism};

use clap::ValueEnum;
use musette_simulations::{Batch, Breakage, Check, Enough, Tally, Violation, run, simulate};

/// Seeds within which a breakage must be noticed.
const PATIENCE: u64 = 500;

fn batch(seeds: u64, breakage: Option<Breakage>) -> Batch {
    let jobs = available_parallelism().unwrap_or(NonZeroUsize::MIN);
    Batch { first: 1, seeds, breakage, tell: false, jobs }
}

fn first_failure(seeds: u64, breakage: Option<Breakage>) -> Option<(u64, Violation)> {
    let mut failure = None;
    run(&batch(seeds, breakage), |seed, outcome| {
        failure = outcome.failure.map(|(_, violation)| (seed, violation));
        if failure.is_some() { Enough::Yes } else { Enough::No }
    });
    failure
}

#[test]
fn a_hundred_seeds_hold_and_nothing_stays_unchecked() {
    let (mut total, mut least) = (Tally::default(), u64::MAX);
    run(&batch(100, None), |seed, outcome| {
        assert_eq!(outcome.failure, None, "seed {seed}");
        least = least.min(outcome.tally.acts);
        total.add(&outcome.tally);
        Enough::No
    });
    assert!(least >= 200, "a seed of {least} operations");
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
    // 10136: what one side asked for followed from the order of a hash table.
    for seed in [3, 4, 10_136] {
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
        let noticed = first_failure(PATIENCE, Some(*breakage));
        let (seed, violation) = noticed.unwrap_or_else(|| panic!("{breakage:?} is not noticed"));
        assert!(
            breakage.noticed_by().contains(&violation.check),
            "{breakage:?} shows as this, in seed {seed}: {violation}"
        );
    }
}

#[test]
fn every_check_can_fail() {
    let proven = |check: &Check| {
        Breakage::value_variants().iter().any(|breakage| breakage.noticed_by().contains(check))
    };
    let unproven: Vec<_> = Check::ALL.iter().filter(|check| !proven(check)).collect();
    let of_the_protocol = [Check::Quiet, Check::Courtesy, Check::Blame, Check::Calm];
    assert!(unproven.iter().all(|check| of_the_protocol.contains(check)), "{unproven:?}");
}
