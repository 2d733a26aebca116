//! Musette beside the best of its kind: the same items, the same steps, the same machine, one table.
//!
//! 1. The program starts itself again in a network namespace of its own ([`loopback`]).
//! 2. For each size, each program gets a new pair of nodes ([`peers`]): one holds all items, the
//!    other follows.
//! 3. The steps are the same for all ([`measure`]): first sync, nothing changed, 1 % changed, edits.
//!    What arrived is counted each time; a figure without the items behind it is an error.
//! 4. The figures become one table, with ratios to Musette ([`table`]), and who does what of it
//!    under which promises.
//!
//! What exactly is timed, and what the figures do not say, is in the README.

// A table and a node's answers go to stdout.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::collections::BTreeMap;

use anyhow::Result;
use clap::Parser as _;

use crate::{
    measure::{Figures, measure},
    options::{Options, Part, Program, Run},
};

mod child;
mod items;
mod loopback;
mod machine;
mod measure;
mod node;
mod options;
mod peers;
mod table;

/// What was measured, by size and program.
type All = BTreeMap<usize, BTreeMap<Program, Figures>>;

fn main() -> Result<()> {
    let options = Options::parse();
    if let Some(Part::Node(node)) = options.part {
        return node::run(&node);
    }
    let programs = options.run.programs();
    if programs.contains(&Program::Musette) {
        // Outside of the namespace: cargo may have to download.
        musette_tests::binaries::musette();
    }
    loopback::enter()?;
    let all = run(&options.run, &programs)?;
    if options.run.json {
        println!("{}", serde_json::to_string_pretty(&all)?);
    } else {
        println!("{}", table::text(&all, &programs));
    }
    Ok(())
}

fn run(run: &Run, programs: &[Program]) -> Result<All> {
    let mut all = All::new();
    for &count in &run.sizes {
        for &program in programs {
            eprintln!("{} with {count} items (load {}) …", program.name(), machine::load());
            let figures = measure(program, count, run)?;
            eprintln!("  {}", serde_json::to_string(&figures)?);
            all.entry(count).or_default().insert(program, figures);
        }
    }
    Ok(all)
}
