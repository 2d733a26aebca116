//! What may be asked for on the command line.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Runs Musette, samod and iroh-docs in turn on the same items and prints one table.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) part: Option<Part>,
    #[command(flatten)]
    pub(crate) run: Run,
}

/// One run of the table.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// How many items, one column of figures for each
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 5_000, 10_000])]
    pub(crate) sizes: Vec<usize>,
    /// Only these programs
    #[arg(long, value_delimiter = ',')]
    pub(crate) only: Vec<Program>,
    /// One JSON document instead of the table
    #[arg(long)]
    pub(crate) json: bool,
    /// How many edits are timed at each size
    #[arg(long, default_value_t = 300)]
    pub(crate) edits: usize,
    /// How long one step may take
    #[arg(long, value_name = "SECONDS", default_value_t = 250)]
    deadline: u64,
    /// How long a node is left alone before its memory is read
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    rest: u64,
}

impl Run {
    /// How long one step may take.
    pub(crate) fn deadline(&self) -> Duration {
        Duration::from_secs(self.deadline)
    }

    /// How long a node is left alone before its memory is read.
    pub(crate) fn rest(&self) -> Duration {
        Duration::from_secs(self.rest)
    }

    /// The programs to run, Musette first: the others are compared with it.
    pub(crate) fn programs(&self) -> Vec<Program> {
        let all = Program::value_variants().iter().copied();
        all.filter(|program| self.only.is_empty() || self.only.contains(program)).collect()
    }
}

/// A program that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Program {
    /// Musette, as its release binaries.
    Musette,
    /// Automerge repo in Rust.
    Samod,
    /// A key-value store that syncs over iroh.
    IrohDocs,
}

/// What this program starts itself as.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Part {
    /// One node of a pair
    #[command(hide = true)]
    Node(Node),
}

/// One node of a pair of the other programs.
#[derive(Debug, Clone, Args)]
pub(crate) struct Node {
    #[arg(long)]
    pub(crate) program: Program,
    #[arg(long)]
    pub(crate) side: Side,
    /// Where it keeps what it holds
    #[arg(long)]
    pub(crate) home: PathBuf,
    /// Where the holder leaves what the follower has to know
    #[arg(long)]
    pub(crate) shared: PathBuf,
    /// How many items the follower waits for
    #[arg(long, default_value_t = 0)]
    pub(crate) count: usize,
}

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Side {
    /// Runs throughout; all items and changes are made on it.
    Holder,
    /// Starts, catches up, stops.
    Follower,
}

impl Program {
    /// Its name, as on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Musette => "musette",
            Self::Samod => "samod",
            Self::IrohDocs => "iroh-docs",
        }
    }
}
