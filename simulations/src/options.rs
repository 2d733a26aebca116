//! What the caller decides.

use clap::{Parser, ValueEnum};

use crate::check::Check;

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
    /// Never sync, and take everything for durable.
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
    /// Tell peers that nothing is held here.
    AnnounceNothing,
    /// Enrol whoever knows the epoch's secret.
    EnrolAnybody,
}

impl Breakage {
    /// The checks that may notice first.
    #[must_use]
    pub const fn noticed_by(self) -> &'static [Check] {
        match self {
            Self::SkipFsync => &[Check::Durability, Check::SentIsKept],
            Self::SendBeforeFsync => &[Check::Sending],
            Self::AcknowledgeBeforeFsync => &[Check::Durability],
            Self::LoseRecords | Self::IgnoreWhenBusy => &[Check::Convergence],
            Self::SkipMerge => &[Check::Agreement, Check::Convergence],
            Self::CountUncommitted => &[Check::Agreement, Check::Convergence, Check::Authenticity],
            Self::SendTwice => &[Check::Termination],
            Self::AnnounceNothing => &[Check::SecondSync],
            Self::EnrolAnybody => &[Check::Intrusion],
        }
    }
}
