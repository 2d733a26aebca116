//! What the caller decides.

use clap::{Parser, ValueEnum};

/// Runs simulated devices of one person through faults, and checks that nothing is lost, forged or
/// left apart.
#[derive(Debug, Clone, Parser)]
#[command(name = "musette-simulations", version)]
pub struct Options {
    /// How many seeds to run, one after the other.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub seeds: u64,

    /// The first seed.
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,

    /// Tell what happens in each run.
    #[arg(long)]
    pub verbose: bool,

    /// Do something wrong on purpose: a run that does not notice is worthless.
    #[arg(long = "break", value_name = "WHAT")]
    pub breakage: Option<Breakage>,
}

/// What the simulated shell around the protocol does wrong on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Breakage {
    /// Never sync, and say that all is durable.
    SkipFsync,
    /// Send what was written without waiting for its sync.
    SendBeforeFsync,
    /// Acknowledge what was written without waiting for its sync.
    AcknowledgeBeforeFsync,
    /// Drop some of the records that come in.
    LoseRecords,
    /// Leave some changes out of the documents they belong to.
    SkipMerge,
    /// Show changes that no commit names.
    CountUncommitted,
    /// Send each frame of records twice.
    SendTwice,
    /// Ignore what a peer sends while the own disk is busy.
    IgnoreWhenBusy,
}
