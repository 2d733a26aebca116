//! One change of a space's membership.

use serde::{Deserialize, Serialize};

use crate::{
    codec::{Encoded, Tag},
    id::{DeviceId, EpochId, OperationId, PersonId, SpaceId},
    identity::person::Inception,
    limits::MAX_LOG_HEADS,
    signed::Signed,
};

/// What a member may do. New ones are added at the end: the position is the number on the wire, and
/// the order that of rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Role {
    /// Holds the epochs since, and reads.
    Reader,
    /// Also writes.
    Writer,
}

/// What an operation does. New actions are added at the end: the position is the number on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MembershipAction {
    /// Lets somebody in, or changes their role.
    Add {
        /// Who: with it their device log can begin.
        inception: Signed<Inception>,
        /// What they may do.
        role: Role,
    },
    /// Puts somebody out.
    Remove {
        /// Who.
        person: PersonId,
    },
    /// States that an epoch was started by who had seen what this operation names. Once a device of the
    /// owner was revoked, only such epochs are written under.
    Epoch(EpochId),
}

/// One entry of the membership log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MembershipOperation {
    /// The space.
    pub space: SpaceId,
    /// The heads of the membership log that the author had seen, sorted; empty for the first.
    pub previous: Vec<OperationId>,
    /// The heads of the owner's device log that the author had seen, sorted: its right is judged there.
    pub log_heads: Vec<OperationId>,
    /// An admin device of the owner, who signs.
    pub author: DeviceId,
    /// What it does.
    pub action: MembershipAction,
}

impl Encoded for MembershipOperation {
    const TAG: Tag = Tag::MembershipOperation;
    const VERSION: u8 = 1;
}

impl MembershipOperation {
    pub(super) fn is_within_bounds(&self) -> bool {
        let heads = |heads: &[OperationId]| heads.len() <= MAX_LOG_HEADS && heads.is_sorted_by(|a, b| a < b);
        heads(&self.previous) && heads(&self.log_heads)
    }
}

impl Signed<MembershipOperation> {
    /// The operation's name.
    #[must_use]
    pub fn id(&self) -> OperationId {
        OperationId::from_bytes(self.hash())
    }
}
