//! How often what happened: a check that never ran proves nothing.

use std::collections::BTreeMap;

use crate::check::Check;

macro_rules! names {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident => $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name, for people.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}
pub(crate) use names;

names! {
    /// What went wrong, counted where it had an effect rather than where it was drawn.
    Fault {
        /// A frame took far longer than its link usually needs.
        Delay => "frame delayed",
        /// A frame vanished, and with it all that followed on its connection.
        FrameVanished => "frame vanished",
        /// One side of a connection heard nothing any more.
        OneWay => "one direction silent",
        /// A frame was sent into a connection that the other side had left.
        HalfOpen => "frame into a connection left",
        /// A frame arrived on a connection that another one had replaced.
        StaleFrame => "frame of an older connection",
        /// Two devices had two sessions at a time.
        SecondConnection => "second session of a pair",
        /// A frame brought records that were all held.
        Duplicate => "records came again",
        /// A connection broke.
        ConnectionLost => "connection lost",
        /// Frames were on their way when a connection broke.
        FramesLost => "frames lost with it",
        /// A relay ended a connection that had carried what it lets through.
        CircuitUsedUp => "circuit used up",
        /// A long record came in parts.
        CameInParts => "record in parts",
        /// A part went on where another connection had ended.
        WentOn => "part over another connection",
        /// Nobody answered a dial.
        Unanswered => "dial unanswered",
        /// Somebody else's node announced itself.
        StrangeNeighbour => "stranger announced",
        /// A device came to another network.
        NetworkChanged => "device in another network",
        /// A person wanted nothing to flow.
        Paused => "paused",
        /// Bytes cost money.
        Metered => "connection metered",
        /// Four fifths of the bytes of a day were used up.
        BudgetLow => "four fifths of a day's bytes",
        /// The bytes of a day were used up.
        BudgetUsed => "bytes of a day used up",
        /// A device that wanted to talk was told that the other did not.
        NotNow => "told not now",
        /// Pieces of an attachment were asked for and held back.
        Waits => "attachment waits",
        /// The network fell into two parts.
        Partition => "network partition",
        /// The power of a device failed.
        PowerCut => "power cut",
        /// A power cut took records that were not synced yet.
        UnsyncedLost => "unsynced records lost",
        /// A journal ended in a torn frame when it was opened again.
        TornTail => "torn tail cut off",
        /// A process died; the system kept what it had written.
        Kill => "process killed",
        /// A journal was opened again from an index that is behind it.
        StaleIndex => "stale index",
        /// An index was of no use, because records had moved since it was kept.
        MovedIndex => "index older than a rewriting",
        /// A disk failed, or its power, while a segment was rewritten.
        CutRewriting => "rewriting cut off",
        /// A disk had no room for tidying.
        TidyingRefused => "tidying refused, disk full",
        /// A disk had no room for a write of its person.
        WriteRefused => "write refused, disk full",
        /// A disk had no room for what a peer sent.
        IngestRefused => "peer refused, disk full",
        /// A disk had no room for a vault with a new epoch.
        VaultRefused => "vault refused, disk full",
        /// A device started with an epoch in its journal that its vault lacked.
        VaultBehind => "vault behind the journal",
        /// A disk could not sync, and the device stopped.
        SyncFailed => "fsync failed",
        /// A disk took seconds to sync.
        SlowDisk => "slow fsync",
        /// Somebody wrote by a wall clock that had jumped.
        ClockJump => "write after a clock jump",
        /// A record came under an epoch that was not known yet.
        UnknownEpoch => "record under an unknown epoch",
        /// A device was enrolled in the middle of life.
        LateDevice => "device enrolled late",
        /// Epochs were started apart, and one took the place of all.
        SeveralEpochs => "several epochs at a time",
        /// A device that had been honest fell into wrong hands.
        Stolen => "device stolen",
        /// A disk was lost, and a new device began from a backup.
        Restored => "restored from a backup",
        /// A restored device met one that had been there all the time.
        RestoredMet => "restored device met another",
        /// A device was taken out.
        Revoked => "device taken out",
        /// A bad device took out an honest one.
        Revolted => "bad device took another one out",
        /// A device was taken out by the recovery words.
        Words => "recovery words used",
        /// An honest device was out, and by the words it is in again.
        InAgain => "honest device in again",
        /// A device was taken out by two, neither knowing of the other.
        RevokedTwice => "taken out by two at a time",
        /// A change came too late of a device that was taken out.
        Late => "change in quarantine",
        /// A device wrote nothing, because it was out or there was no epoch to write under.
        NothingToWriteUnder => "nothing to write under",
        /// Somebody forgot documents for good.
        Forgotten => "documents forgotten",
        /// A session that was listened to was played back.
        Tape => "session played back",
        /// Somebody without any key called.
        Stranger => "stranger called",
        /// Somebody who stole the epoch's secret called, with forged records.
        Thief => "thief of an epoch called",
        /// A bad device kept something to itself, or claimed what is not.
        Withheld => "bad device withheld",
        /// A bad device said again what was said before.
        Replayed => "bad device replayed",
        /// A bad device showed its second history.
        Forked => "bad device forked",
        /// An honest device that two histories of a bad one kept apart from others went on as another one.
        Split => "device that went on as another one after a fork",
        /// A bad device sent what no honest one sends.
        Babbled => "bad device sent garbage",
        /// Somebody was let into a space.
        LetIn => "somebody let in",
        /// Somebody was put out of a space.
        PutOut => "somebody put out",
        /// An epoch was started, with or after that.
        NewEpoch => "epoch started",
        /// A member got another person key.
        NewPersonKey => "person key replaced",
        /// Documents were sealed anew.
        Renewed => "documents renewed",
        /// Who is no owner wrote nothing, because the present epoch is not for just those who are in.
        WriterWaits => "writer waits for an epoch",
    }
}

names! {
    /// What devices did when nobody waited for it.
    Chore {
        /// An epoch of the person's own space was started.
        Rotate => "epoch of the own space started",
        /// A document's changes were replaced by one.
        Fold => "document folded",
        /// What came of forgotten documents from devices that did not know was dropped.
        DropForgotten => "late of what is forgotten dropped",
        /// A segment was rewritten that held what was dropped.
        Erase => "segment rewritten to erase",
        /// A segment was rewritten for no need.
        Rewrite => "segment rewritten for space",
        /// A device told which drops it has carried out.
        Confirm => "drops confirmed",
        /// A device was reached because it announced itself.
        Meet => "device met on a local network",
        /// A session was checked although nothing seemed to have changed.
        Check => "session checked",
        /// Drops that all had confirmed became one.
        Merge => "drops merged",
    }
}

/// What happened in one run, or in many.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    faults: BTreeMap<Fault, u64>,
    checks: BTreeMap<Check, u64>,
    chores: BTreeMap<Chore, u64>,
    /// Frames sent between the person's devices.
    pub frames: u64,
    /// What people did: documents written, files attached.
    pub acts: u64,
    /// Commits written.
    pub commits: u64,
    /// Documents that every device showed in the end.
    pub documents: u64,
    /// Fields in conflict that every device showed in the end.
    pub conflicts: u64,
}

impl Tally {
    /// Counts a fault.
    pub fn fault(&mut self, fault: Fault) {
        *self.faults.entry(fault).or_default() += 1;
    }

    /// Counts a check that was made and held.
    pub fn check(&mut self, check: Check) {
        *self.checks.entry(check).or_default() += 1;
    }

    /// Counts a chore.
    pub fn chore(&mut self, chore: Chore) {
        *self.chores.entry(chore).or_default() += 1;
    }

    /// How often a chore was done.
    #[must_use]
    pub fn chores(&self, chore: Chore) -> u64 {
        self.chores.get(&chore).copied().unwrap_or(0)
    }

    /// How often a fault occurred.
    #[must_use]
    pub fn faults(&self, fault: Fault) -> u64 {
        self.faults.get(&fault).copied().unwrap_or(0)
    }

    /// How often a check was made.
    #[must_use]
    pub fn checks(&self, check: Check) -> u64 {
        self.checks.get(&check).copied().unwrap_or(0)
    }

    /// Adds another run's.
    pub fn add(&mut self, other: &Self) {
        other.faults.iter().for_each(|(fault, count)| *self.faults.entry(*fault).or_default() += count);
        other.checks.iter().for_each(|(check, count)| *self.checks.entry(*check).or_default() += count);
        other.chores.iter().for_each(|(chore, count)| *self.chores.entry(*chore).or_default() += count);
        self.frames += other.frames;
        self.acts += other.acts;
        self.commits += other.commits;
        self.documents += other.documents;
        self.conflicts += other.conflicts;
    }

    /// The names of the faults, checks and chores that never occurred.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        let faults = Fault::ALL.iter().filter(|fault| self.faults(**fault) == 0).map(|fault| fault.name());
        let checks = Check::ALL.iter().filter(|check| self.checks(**check) == 0).map(|check| check.name());
        let chores = Chore::ALL.iter().filter(|chore| self.chores(**chore) == 0).map(|chore| chore.name());
        faults.chain(checks).chain(chores).collect()
    }

    /// The table that people read, one line each.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let row = |name: &str, count: u64| format!("  {name:<32}{count:>12}");
        let mut lines = vec!["faults".to_owned()];
        lines.extend(Fault::ALL.iter().map(|fault| row(fault.name(), self.faults(*fault))));
        lines.push("checks that held".to_owned());
        lines.extend(Check::ALL.iter().map(|check| row(check.name(), self.checks(*check))));
        lines.push("chores".to_owned());
        lines.extend(Chore::ALL.iter().map(|chore| row(chore.name(), self.chores(*chore))));
        lines.push("work".to_owned());
        lines.push(row("frames", self.frames));
        lines.push(row("operations of people", self.acts));
        lines.push(row("commits", self.commits));
        lines.push(row("documents", self.documents));
        lines.push(row("fields in conflict", self.conflicts));
        lines
    }
}
