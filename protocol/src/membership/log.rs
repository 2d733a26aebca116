//! The membership log: signed, hash-linked, valid offline, the same for everybody who holds it.

use std::collections::{BTreeMap, BTreeSet};

use super::{MembershipAction, MembershipOperation, Role};
use crate::{
    crypto::sign::{SigningKey, VerifyingKey},
    id::{DeviceId, EpochId, OperationId, PersonId, SpaceId},
    identity::{log::DeviceLog, person::Inception},
    limits::{MAX_LOG_HEADS, MAX_MEMBERSHIP_OPERATIONS},
    past::Past,
    signed::Signed,
};

/// Why an operation was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MembershipError {
    /// It is another space's.
    #[error("it belongs to another space")]
    OtherSpace,
    /// A list or the log beyond its bound, or the owner as a member.
    #[error("it is beyond a limit, not in order, or makes the owner a member")]
    Malformed,
    /// It builds on operations that are not held yet. Nobody is at fault; they may follow.
    #[error("operations that it builds on are not known yet")]
    MissingPrevious,
    /// Its author was no admin device of the owner, or it is about somebody who was never let in.
    #[error("its author has no right to it")]
    NotEntitled,
    /// Its signature, or that of the inception inside, does not hold.
    #[error("a signature does not hold")]
    BadSignature,
}

/// A person who was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// What they may do.
    pub role: Role,
    /// The operation that let them in.
    pub admission: OperationId,
}

#[derive(Debug, Clone)]
struct Entry {
    id: OperationId,
    /// Whom it is about; nobody, if it is about an epoch.
    person: Option<PersonId>,
    signed: Signed<MembershipOperation>,
    /// The places of those that it had seen.
    past: Past,
}

impl Entry {
    const fn role(&self) -> Option<Role> {
        match &self.signed.body().action {
            MembershipAction::Add { role, .. } => Some(*role),
            MembershipAction::Remove { .. } | MembershipAction::Epoch(_) => None,
        }
    }

    const fn is_removal(&self) -> bool {
        matches!(self.signed.body().action, MembershipAction::Remove { .. })
    }
}

/// All operations of one space that hold.
#[derive(Debug, Clone)]
pub struct MembershipLog {
    space: SpaceId,
    /// In the order of arrival, each after those it builds on.
    entries: Vec<Entry>,
    places: BTreeMap<OperationId, usize>,
    heads: BTreeSet<OperationId>,
    /// All of them.
    view: Past,
    present: BTreeMap<PersonId, Member>,
}

impl MembershipLog {
    /// The empty log of a space.
    #[must_use]
    pub const fn new(space: SpaceId) -> Self {
        Self {
            space,
            entries: Vec::new(),
            places: BTreeMap::new(),
            heads: BTreeSet::new(),
            view: Past::EMPTY,
            present: BTreeMap::new(),
        }
    }

    /// Signs an operation on top of the present heads; `log_heads` are those of the owner's device
    /// log. It is not part of the log until [`Self::apply`]. Of more heads than an operation may name
    /// it joins the first: another one may join the others.
    #[must_use]
    pub fn sign(
        &self,
        log_heads: Vec<OperationId>,
        author: DeviceId,
        action: MembershipAction,
        key: &SigningKey,
    ) -> Signed<MembershipOperation> {
        let previous = self.heads.iter().take(MAX_LOG_HEADS).copied().collect();
        Signed::new(MembershipOperation { space: self.space, previous, log_heads, author, action }, key)
    }

    /// Adds an operation that holds, judged by the owner's device log; one already held changes
    /// nothing.
    ///
    /// # Errors
    /// When it does not hold, or not yet; the log is then unchanged.
    pub fn apply(
        &mut self,
        signed: Signed<MembershipOperation>,
        owner: &DeviceLog,
    ) -> Result<OperationId, MembershipError> {
        let id = signed.id();
        if self.places.contains_key(&id) {
            return Ok(id);
        }
        let (person, past) = self.check(&signed, owner)?;
        for previous in &signed.body().previous {
            self.heads.remove(previous);
        }
        self.heads.insert(id);
        self.places.insert(id, self.entries.len());
        self.view.insert(self.entries.len());
        self.entries.push(Entry { id, person, signed, past });
        // One about somebody may let in others too: it may have seen what a revoked device did.
        if owner.has_endings() {
            self.judge_all(owner);
        } else if let Some(person) = person {
            self.judge(&person, owner);
        }
        Ok(id)
    }

    /// Whom an operation that holds is about, and what it had seen.
    fn check(
        &self,
        signed: &Signed<MembershipOperation>,
        owner: &DeviceLog,
    ) -> Result<(Option<PersonId>, Past), MembershipError> {
        let operation = signed.body();
        if operation.space != self.space {
            return Err(MembershipError::OtherSpace);
        }
        if self.entries.len() >= MAX_MEMBERSHIP_OPERATIONS || !operation.is_within_bounds() {
            return Err(MembershipError::Malformed);
        }
        let past = self.past_of(&operation.previous).ok_or(MembershipError::MissingPrevious)?;
        let admin = owner.is_admin_at(&operation.log_heads, &operation.author);
        if !admin.ok_or(MembershipError::MissingPrevious)? {
            return Err(MembershipError::NotEntitled);
        }
        if !self.has_room(owner, &operation.log_heads) {
            return Err(MembershipError::Malformed);
        }
        let key = VerifyingKey::from_bytes(*operation.author.as_bytes());
        signed.verify(&key).map_err(|_| MembershipError::BadSignature)?;
        Ok((self.check_person(&operation.action, &past, owner.person())?, past))
    }

    /// Whether another operation fits, of somebody who had seen these heads of the owner's device log.
    pub(crate) fn has_room(&self, owner: &DeviceLog, log_heads: &[OperationId]) -> bool {
        self.entries.len() < MAX_MEMBERSHIP_OPERATIONS - owner.places_closed_at(log_heads)
    }

    fn check_person(
        &self,
        action: &MembershipAction,
        past: &Past,
        owner: PersonId,
    ) -> Result<Option<PersonId>, MembershipError> {
        match action {
            MembershipAction::Add { inception, .. } => {
                let person = inception.person().map_err(|_| MembershipError::BadSignature)?;
                (person != owner).then_some(Some(person)).ok_or(MembershipError::Malformed)
            }
            MembershipAction::Remove { person } => {
                let let_in = self.within(past).any(|(_, entry)| entry.person == Some(*person));
                let_in.then_some(Some(*person)).ok_or(MembershipError::NotEntitled)
            }
            MembershipAction::Epoch(_) => Ok(None),
        }
    }

    /// Operations that no other builds on, sorted.
    #[must_use]
    pub fn heads(&self) -> Vec<OperationId> {
        self.heads.iter().copied().collect()
    }

    /// Whether an operation is part of the log.
    #[must_use]
    pub fn contains(&self, id: &OperationId) -> bool {
        self.places.contains_key(id)
    }

    /// The names of all operations, each after those it builds on.
    pub fn in_order(&self) -> impl Iterator<Item = OperationId> {
        self.entries.iter().map(|entry| entry.id)
    }

    /// All operations, each after those it builds on.
    pub fn operations(&self) -> impl Iterator<Item = &Signed<MembershipOperation>> {
        self.entries.iter().map(|entry| &entry.signed)
    }

    /// The members as the whole log describes them.
    #[must_use]
    pub const fn members(&self) -> &BTreeMap<PersonId, Member> {
        &self.present
    }

    /// What a person could do, according to somebody who had seen just these heads; one that is not
    /// held tells nothing.
    #[must_use]
    pub fn role_at(&self, heads: &[OperationId], person: &PersonId) -> Option<Role> {
        let standing = self.standing(&self.past_of(heads)?, person);
        Some(newest(&standing)?.0)
    }

    /// The operations of a set, each with its place.
    fn within(&self, view: &Past) -> impl Iterator<Item = (usize, &Entry)> {
        self.entries.iter().enumerate().filter(|(place, _)| view.contains(*place))
    }

    /// Strong removal: the admissions that had seen every removal of that person.
    fn standing(&self, view: &Past, person: &PersonId) -> Vec<(usize, &Entry)> {
        let about = || self.within(view).filter(|(_, entry)| entry.person == Some(*person));
        let removals: Vec<usize> =
            about().filter(|(_, entry)| entry.is_removal()).map(|(place, _)| place).collect();
        let stands = |entry: &Entry| removals.iter().all(|removal| entry.past.contains(*removal));
        about().filter(|(_, entry)| entry.role().is_some() && stands(entry)).collect()
    }

    /// Judges anew who is in, after the owner's device log grew.
    pub(super) fn judge_all(&mut self, owner: &DeviceLog) {
        let persons: BTreeSet<PersonId> = self.entries.iter().filter_map(|entry| entry.person).collect();
        persons.iter().for_each(|person| self.judge(person, owner));
    }

    fn judge(&mut self, person: &PersonId, owner: &DeviceLog) {
        let mut standing = self.standing(&self.view, person);
        standing.retain(|(place, entry)| self.is_kept(*place, entry, owner));
        match newest(&standing) {
            Some((role, admission)) => self.present.insert(*person, Member { role, admission }),
            None => self.present.remove(person),
        };
    }

    /// Whether an operation holds although its author may have been revoked since: then only if one by
    /// somebody who was not had seen it. Else a stolen device could date back whom it lets in.
    fn is_kept(&self, place: usize, entry: &Entry, owner: &DeviceLog) -> bool {
        let ended = |entry: &Entry| owner.has_ended(&entry.signed.body().author);
        !ended(entry) || self.entries.iter().any(|later| later.past.contains(place) && !ended(later))
    }

    /// The epochs that may be written under once devices of the owner were revoked: those started by
    /// who had seen all of it.
    pub(super) fn epochs_since(&self, owner: &DeviceLog) -> BTreeSet<EpochId> {
        let stated = self.entries.iter().filter_map(|entry| {
            let operation = entry.signed.body();
            match operation.action {
                MembershipAction::Epoch(epoch) => Some((epoch, &operation.log_heads)),
                MembershipAction::Add { .. } | MembershipAction::Remove { .. } => None,
            }
        });
        stated.filter(|(_, heads)| owner.has_seen_endings(heads)).map(|(epoch, _)| epoch).collect()
    }

    /// What somebody who had seen these had seen in all; `None` when one is not held.
    fn past_of(&self, heads: &[OperationId]) -> Option<Past> {
        Past::of(
            heads.iter().map(|head| self.places.get(head).map(|place| (*place, &self.entries[*place].past))),
        )
    }

    /// Whom an operation lets in, so that their device log can begin.
    pub(super) fn admitted_by(&self, id: &OperationId) -> Option<(PersonId, &Inception)> {
        let entry = &self.entries[*self.places.get(id)?];
        match &entry.signed.body().action {
            MembershipAction::Add { inception, .. } => Some((entry.person?, inception.body())),
            MembershipAction::Remove { .. } | MembershipAction::Epoch(_) => None,
        }
    }
}

/// Of several admissions that stand, one that another had seen is out of date. Of the others the one
/// that allows least holds (two devices that disagree give nobody more than both wanted), and of
/// those the first by name.
fn newest(standing: &[(usize, &Entry)]) -> Option<(Role, OperationId)> {
    let is_newest = |place: usize| standing.iter().all(|(_, other)| !other.past.contains(place));
    let newest = standing.iter().filter(|(place, _)| is_newest(*place));
    newest.filter_map(|(_, entry)| Some((entry.role()?, entry.id))).min()
}
