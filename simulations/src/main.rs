//! `musette-simulations`: runs seeds, and prints what occurred and what did not hold.
//!
//! It ends with 1 when something did not hold, or when over a hundred seeds or more a fault or a
//! check never occurred: then the run proves less than it seems to. With `--mutants` it ends with 1
//! when something that is done wrong on purpose is not noticed, or by a check that should not.

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Instant,
};

use clap::{Parser, ValueEnum};
use musette_simulations::{Breakage, Enough, Options, Tally, run, world::Outcome};

/// Runs of at least so many seeds must have seen every fault and every check.
const SEEDS_FOR_EVERYTHING: u64 = 100;

fn main() -> ExitCode {
    let (options, out) = (Options::parse(), &mut io::stdout().lock());
    let ended = if options.mutants { run_mutants(&options, out) } else { run_seeds(&options, out) };
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        // A closed stdout is no success either: nobody read the result.
        Ok(false) | Err(_) => ExitCode::FAILURE,
    }
}

fn run_seeds(options: &Options, out: &mut impl Write) -> io::Result<bool> {
    let began = Instant::now();
    let mut report = Report { out, options, total: Tally::default(), failed: 0, written: Ok(()) };
    run(&options.batch(options.breakage), |seed, outcome| report.tell(seed, outcome));
    let Report { total, failed, written, .. } = report;
    written?;
    total.lines().iter().try_for_each(|line| writeln!(out, "{line}"))?;
    writeln!(out, "{} seeds from {}, {failed} failed", options.seeds, options.seed)?;
    let missing = if options.seeds >= SEEDS_FOR_EVERYTHING { total.missing() } else { Vec::new() };
    for name in &missing {
        writeln!(out, "never occurred: {name}")?;
    }
    writeln!(io::stderr(), "{:.1} s with {} jobs", began.elapsed().as_secs_f64(), options.jobs())?;
    Ok(failed == 0 && missing.is_empty())
}

struct Report<'a, W> {
    out: &'a mut W,
    options: &'a Options,
    total: Tally,
    failed: u64,
    written: io::Result<()>,
}

impl<W: Write> Report<'_, W> {
    fn tell(&mut self, seed: u64, outcome: Outcome) -> Enough {
        self.written = self.write(seed, &outcome);
        self.total.add(&outcome.tally);
        self.failed += u64::from(outcome.failure.is_some());
        if self.written.is_ok() { Enough::No } else { Enough::Yes }
    }

    fn write(&mut self, seed: u64, outcome: &Outcome) -> io::Result<()> {
        for line in &outcome.story {
            writeln!(self.out, "seed {seed} {line}")?;
        }
        if let Some((at_ms, violation)) = &outcome.failure {
            writeln!(self.out, "seed {seed} fails after {at_ms} virtual ms: {violation}")?;
            writeln!(self.out, "  replay: {}", replay(seed, self.options.breakage))?;
        }
        Ok(())
    }
}

/// Runs every mutant until a check notices.
fn run_mutants(options: &Options, out: &mut impl Write) -> io::Result<bool> {
    let mut all_noticed = true;
    for breakage in Breakage::value_variants() {
        let mut noticed = None;
        run(&options.batch(Some(*breakage)), |seed, outcome| {
            noticed = outcome.failure.map(|(_, violation)| (seed, violation));
            if noticed.is_some() { Enough::Yes } else { Enough::No }
        });
        let name = name(*breakage);
        match noticed {
            Some((seed, violation)) => {
                let rightly = breakage.noticed_by().contains(&violation.check);
                all_noticed &= rightly;
                let how = if rightly { "noticed" } else { "shows as something else" };
                writeln!(out, "{name}: {how} in seed {seed}: {violation}")?;
            }
            None => {
                all_noticed = false;
                writeln!(out, "{name}: NOT noticed within {} seeds from {}", options.seeds, options.seed)?;
            }
        }
    }
    Ok(all_noticed)
}

fn name(breakage: Breakage) -> String {
    breakage.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

fn replay(seed: u64, breakage: Option<Breakage>) -> String {
    let broken = breakage.map_or_else(String::new, |breakage| format!(" --break {}", name(breakage)));
    format!("cargo run --release -p musette-simulations -- --seeds 1 --seed {seed} --verbose{broken}")
}
