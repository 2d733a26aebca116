//! Who belongs to a space: its owner's devices, and the persons whom the owner let in.
//!
//! 1. Only the owner's admin devices change membership. Each change is a signed
//!    [`MembershipOperation`] that names those its author had seen.
//! 2. The [`MembershipLog`] draws the same conclusion from the same operations, in whatever order
//!    they came: a removal beats every admission that had not seen it (strong removal). Two devices
//!    that disagree while apart thus never leave somebody in whom one of them put out.
//! 3. The [`Roster`] puts it together with the device logs: the owner's, and one for each member, so
//!    that a member's new phone belongs at once, without the owner doing anything.
//! 4. What builds on something that did not come yet is [`Waiting`].
//!
//! A circle of operations would take a circle of hashes: none can be made, and one that names what
//! never comes waits until it is pushed out.
//!
//! What it does not promise: that a removed member, or an admin device that the owner will be able to
//! revoke one day, cannot sign something and have it look older than the removal. A removed member's
//! commits are still judged at the heads that they name; what keeps them out is that they are not
//! sealed under the epochs since.

mod log;
mod operation;
mod roster;
mod waiting;

pub use log::{Member, MembershipError, MembershipLog};
pub use operation::{MembershipAction, MembershipOperation, Role};
pub use roster::Roster;
pub use waiting::{Refused, Settled, Statement, Waiting};

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
