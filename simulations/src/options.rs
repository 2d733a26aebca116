//! What the caller decides.

use std::{num::NonZeroUsize, thread::available_parallelism};

use clap::{Parser, ValueEnum};

use crate::{check::Check, run::Batch};

/// Runs simulated devices of one person through faults, and checks that nothing is lost, forged or
/// left apart.
#[derive(Debug, Clone, Parser)]
#[command(name = "musette-simulations", version)]
pub struct Options {
    /// How many seeds to run.
    #[arg(long, value_name = "N", default_value_t = 100)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub seeds: u64,

    /// The first seed.
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,

    /// How many seeds to run at a time; by default, as many as there are cores.
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,

    /// Tell what happens in each run.
    #[arg(long)]
    pub verbose: bool,

    /// Do something wrong on purpose: a run that does not notice is worthless.
    #[arg(long = "break", value_name = "WHAT")]
    pub breakage: Option<Breakage>,

    /// Do each of these wrong in turn, until a check notices or the seeds are used up.
    #[arg(long, conflicts_with_all = ["breakage", "verbose"])]
    pub mutants: bool,
}

impl Options {
    /// How many seeds run at a time.
    #[must_use]
    pub fn jobs(&self) -> NonZeroUsize {
        self.jobs.or_else(|| available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN)
    }

    /// The seeds asked for, with something done wrong or not.
    #[must_use]
    pub fn batch(&self, breakage: Option<Breakage>) -> Batch {
        Batch { first: self.seed, seeds: self.seeds, breakage, tell: self.verbose, jobs: self.jobs() }
    }
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
    /// Show what somebody wrote who is no device of the person.
    SkipMembership,
    /// Enrol whoever knows the epoch's secret.
    EnrolAnybody,
    /// Put somebody out of a space and go on under its old epoch.
    KeepEpochOnRemoval,
    /// Give newcomers the secrets from before.
    GiveOlderSecrets,
    /// Leave what lies under older epochs as it is.
    SkipRenewal,
    /// Show what is in quarantine.
    IgnoreQuarantine,
    /// Keep one commit more of a device than there was when it is taken out.
    KeepOneMore,
    /// Take a device out, and leave what it did to others as it is.
    UndoNothing,
    /// Let a device that is taken out have the epoch that follows.
    KeepEpochOnRevocation,
    /// Go on under the key of the device that was backed up.
    KeepDeviceKey,
    /// Leave drops out of what comes in.
    IgnoreDrops,
    /// Keep what comes of forgotten documents from devices that did not know.
    KeepForgotten,
    /// Fold a document without its last change.
    FoldLossily,
    /// Confirm drops while their records are still in a file.
    ConfirmEarly,
    /// Hand a new device the secret of the newest epoch alone.
    GrantNewestOnly,
    /// Go on although the person paused.
    IgnorePause,
    /// Leave what is sent and read out of the count of the day.
    CountNoBytes,
    /// Begin the count of the day anew at each start.
    ForgetUsage,
    /// Give and ask for attachments whatever may flow.
    IgnoreFlow,
    /// Go on with sessions that are to be closed.
    IgnoreClose,
    /// Never check a session.
    SkipChecks,
    /// Forget that dials failed.
    ForgetDials,
}

impl Breakage {
    /// The checks that may notice first.
    #[must_use]
    pub const fn noticed_by(self) -> &'static [Check] {
        match self {
            // A device that lost its own enrolment may not write.
            Self::SkipFsync => &[Check::Durability, Check::SentIsKept, Check::Courtesy],
            Self::SendBeforeFsync => &[Check::Sending],
            Self::AcknowledgeBeforeFsync => &[Check::Durability],
            // Whoever lacks what forgot a document goes on holding it.
            Self::LoseRecords | Self::IgnoreWhenBusy => &[Check::Convergence, Check::Forgetting],
            // What was acknowledged is not shown.
            Self::SkipMerge => &[Check::Agreement, Check::Convergence, Check::Folding, Check::Durability],
            Self::CountUncommitted => &[Check::Agreement, Check::Convergence, Check::Authenticity],
            // Folded into a snapshot, it takes the place of what was really written.
            Self::SkipMembership => &[
                Check::Agreement,
                Check::Convergence,
                Check::Authenticity,
                Check::Durability,
                Check::Folding,
            ],
            Self::SendTwice => &[Check::Termination],
            Self::AnnounceNothing => &[Check::SecondSync, Check::Convergence],
            Self::IgnoreQuarantine => &[Check::Quarantine, Check::Convergence],
            // Not written at once with its epoch, it may be cut off from it.
            Self::KeepOneMore => &[Check::Quarantine, Check::Convergence, Check::Secrecy],
            // Who is still out says which epoch is written under, and has no right to.
            Self::UndoNothing => &[Check::Courtesy, Check::Convergence],
            Self::KeepEpochOnRevocation => &[Check::Secrecy],
            Self::KeepEpochOnRemoval | Self::GiveOlderSecrets => &[Check::Secrecy],
            Self::SkipRenewal => &[Check::Sharing],
            // Two histories under one key: who knows the other one refuses.
            Self::KeepDeviceKey => &[Check::Courtesy, Check::SentIsKept, Check::Convergence],
            Self::IgnoreDrops => &[Check::Convergence, Check::Quiet, Check::Forgetting],
            Self::KeepForgotten => &[Check::Forgetting],
            Self::FoldLossily => &[Check::Folding],
            Self::ConfirmEarly => &[Check::Forgetting],
            Self::GrantNewestOnly => &[Check::Grant],
            Self::IgnorePause => &[Check::Silence],
            Self::CountNoBytes => &[Check::Silence, Check::HeldBack, Check::Usage],
            Self::ForgetUsage => &[Check::Usage],
            Self::IgnoreFlow => &[Check::HeldBack],
            Self::IgnoreClose => &[Check::Closed],
            Self::SkipChecks => &[Check::Checked],
            Self::ForgetDials => &[Check::Redial, Check::Quiet],
            Self::EnrolAnybody => &[Check::Intrusion, Check::Authenticity],
        }
    }
}
