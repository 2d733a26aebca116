//! What builds on something that did not come yet.

use super::{MembershipError, MembershipOperation, Roster};
use crate::{
    id::OperationId,
    identity::log::{LogError, Operation},
    limits::MAX_WAITING_STATEMENTS,
    signed::Signed,
};

/// An operation of a device log or of the membership log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement {
    /// Of the owner's device log, or a member's.
    Operation(Signed<Operation>),
    /// Of the membership log.
    Membership(Signed<MembershipOperation>),
}

/// Why a statement was refused. Whoever wrote it is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Of a device log.
    #[error("device log: {0}")]
    Operation(#[from] LogError),
    /// Of the membership log.
    #[error("membership: {0}")]
    Membership(#[from] MembershipError),
}

impl Refused {
    const fn is_missing(&self) -> bool {
        matches!(
            self,
            Self::Operation(LogError::MissingPrevious) | Self::Membership(MembershipError::MissingPrevious)
        )
    }
}

/// What became of a statement.
#[derive(Debug, PartialEq, Eq)]
pub struct Settled<T> {
    /// What the caller gave with it.
    pub tag: T,
    /// Its name, now that it is part of its log.
    pub verdict: Result<OperationId, Refused>,
}

/// Statements that wait for others, each with something of the caller's (where its record lies).
#[derive(Debug, Clone)]
pub struct Waiting<T> {
    statements: Vec<(Statement, T)>,
}

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self { statements: Vec::new() }
    }
}

impl<T> Waiting<T> {
    /// Adds a statement to the roster, and after it all that waited for it. What waits itself is told
    /// of later; of too many that wait, the one that came last is refused.
    pub fn insert(&mut self, roster: &mut Roster, statement: Statement, tag: T) -> Vec<Settled<T>> {
        let mut settled = Vec::new();
        // What waits is looked at only if something came of the new one: else each piece of a flood
        // that builds on nothing would cost as much as all of it.
        let mut progress = self.attempt(roster, vec![(statement, tag)], &mut settled);
        while progress {
            let waiting = std::mem::take(&mut self.statements);
            progress = self.attempt(roster, waiting, &mut settled);
        }
        settled
    }

    /// Whether the roster grew.
    fn attempt(
        &mut self,
        roster: &mut Roster,
        statements: Vec<(Statement, T)>,
        settled: &mut Vec<Settled<T>>,
    ) -> bool {
        let mut progress = false;
        for (statement, tag) in statements {
            match roster.apply(&statement) {
                Err(refused) if refused.is_missing() && self.statements.len() < MAX_WAITING_STATEMENTS => {
                    self.statements.push((statement, tag));
                }
                verdict => {
                    progress |= verdict.is_ok();
                    settled.push(Settled { tag, verdict });
                }
            }
        }
        progress
    }

    /// The statements that wait.
    pub fn iter(&self) -> impl Iterator<Item = &Statement> {
        self.statements.iter().map(|(statement, _)| statement)
    }
}
