//! What must hold. One file for each invariant; DESIGN section 15 numbers them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::tally::names;

pub mod authenticity;
pub mod convergence;
pub mod durability;
pub mod forgetting;
pub mod revocation;
pub mod scheduling;
pub mod sending;
pub mod termination;

names! {
    /// What is checked.
    Check {
        /// Devices with the same frontier show the same, at any time.
        Agreement => "same frontier, same views",
        /// In the end all devices hold and show the same.
        Convergence => "all converged",
        /// A second sync transfers no record.
        SecondSync => "second sync found nothing",
        /// What was acknowledged is there after a crash, and everywhere in the end.
        Durability => "acknowledged is kept",
        /// What was ever sent is there after a crash.
        SentIsKept => "sent is kept",
        /// Nothing is sent that is not durable.
        Sending => "sent was durable",
        /// Nothing counts that no entitled commit names.
        Authenticity => "counted was committed",
        /// Who is no device of the person changes nothing and is given nothing.
        Intrusion => "intruder changed nothing",
        /// What a device says it has dropped is in no file of its disk, and does not come back.
        Forgetting => "dropped is in no file",
        /// Of a device that was taken out counts what the rule says, and not more.
        Quarantine => "quarantine as the rule says",
        /// A device that is let in can read what was written before.
        Grant => "newcomer may read all of before",
        /// Folding changes nothing that is shown.
        Folding => "folded shows the same",
        /// No exchange goes on without progress.
        Termination => "exchange made progress",
        /// Once nothing goes wrong any more, all has been said after a while.
        Quiet => "came to rest in time",
        /// Nothing leaves a device that is paused or has used up its bytes, and nothing is taken in.
        Silence => "stopped device was silent",
        /// Attachments wait for the last fifth of the day's bytes, and where bytes cost money.
        HeldBack => "attachments were held back",
        /// What was to be closed is not used any more.
        Closed => "closed session was not used",
        /// Who is out of reach is dialled again within the longest pause.
        Redial => "dialled again in time",
        /// Each session is checked every few minutes.
        Checked => "session checked in time",
        /// A crash leaves little out of the count of the day.
        Usage => "count of the day was kept",
        /// Honest devices of one person never refuse each other.
        Courtesy => "frame accepted",
        /// A session that is refused is one with somebody who did wrong.
        Blame => "who did wrong was refused",
        /// Nobody holds a secret or shows a word that was not for them.
        Secrecy => "read only what was given",
        /// All who are in a space hold and show the same of it in the end.
        Sharing => "members of a space agree",
        /// Whatever comes in, nothing panics.
        Calm => "ran without a panic",
    }
}

/// Something did not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {what}", check.name())]
pub struct Violation {
    /// What was checked.
    pub check: Check,
    /// What was found.
    pub what: String,
}

impl Violation {
    /// A finding.
    #[must_use]
    pub fn new(check: Check, what: impl Into<String>) -> Self {
        Self { check, what: what.into() }
    }
}

/// Runs a story. A panic of the code under test is a finding like another, of which the seed is told.
///
/// # Errors
/// What did not hold.
pub fn calmly(run: impl FnOnce() -> Result<(), Violation>) -> Result<(), Violation> {
    let ran = catch_unwind(AssertUnwindSafe(run));
    ran.unwrap_or_else(|_| Err(Violation::new(Check::Calm, "it panicked; see above")))
}

/// Fails with a finding unless something holds.
///
/// # Errors
/// When it does not hold.
pub fn ensure(holds: bool, check: Check, what: impl FnOnce() -> String) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation::new(check, what())) }
}
