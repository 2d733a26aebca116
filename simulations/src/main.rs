//! `musette-simulations`: runs seeds, and prints what occurred and what did not hold.
//!
//! It ends with 1 when something did not hold, or when over fifty seeds or more a fault or a check
//! never occurred: then the run proves less than it seems to.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{Parser, ValueEnum};
use musette_simulations::{Options, Tally, simulate};

/// Runs of at least so many seeds must have seen every fault and every check.
const SEEDS_FOR_EVERYTHING: u64 = 50;

fn main() -> ExitCode {
    match run(&Options::parse(), &mut io::stdout().lock()) {
        Ok(true) => ExitCode::SUCCESS,
        // A closed stdout is no success either: nobody read the result.
        Ok(false) | Err(_) => ExitCode::FAILURE,
    }
}

fn run(options: &Options, out: &mut impl Write) -> io::Result<bool> {
    let mut total = Tally::default();
    let mut failed = 0_u64;
    for seed in (0..options.seeds).map(|offset| options.seed.wrapping_add(offset)) {
        let outcome = simulate(seed, options.breakage, options.verbose);
        for line in &outcome.story {
            writeln!(out, "seed {seed} {line}")?;
        }
        total.add(&outcome.tally);
        if let Some((at_ms, violation)) = outcome.failure {
            failed += 1;
            writeln!(out, "seed {seed} fails after {at_ms} virtual ms: {violation}")?;
            writeln!(out, "  replay: {}", replay(seed, options))?;
        }
    }
    total.lines().iter().try_for_each(|line| writeln!(out, "{line}"))?;
    writeln!(out, "{} seeds from {}, {failed} failed", options.seeds, options.seed)?;
    let missing = if options.seeds >= SEEDS_FOR_EVERYTHING { total.missing() } else { Vec::new() };
    for name in &missing {
        writeln!(out, "never occurred: {name}")?;
    }
    Ok(failed == 0 && missing.is_empty())
}

fn replay(seed: u64, options: &Options) -> String {
    let broken = options.breakage.and_then(|breakage| breakage.to_possible_value());
    let broken = broken.map_or_else(String::new, |value| format!(" --break {}", value.get_name()));
    format!("cargo run --release -p musette-simulations -- --seeds 1 --seed {seed} --verbose{broken}")
}
