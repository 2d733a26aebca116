//! Who may write in a space, who may be talked to, and to whom its secrets are sealed.

use std::collections::{BTreeMap, BTreeSet};

use super::{Member, MembershipError, MembershipLog, MembershipOperation, Refused, Role, Statement};
use crate::{
    crypto::kem::KemPublic,
    id::{DeviceId, EpochId, OperationId, PersonId, SpaceId},
    identity::log::{Device, DeviceLog, LogError, Operation, PersonKey},
    limits::{MAX_LOG_HEADS, MAX_LOG_OPERATIONS, MAX_MEMBERSHIP_OPERATIONS, MAX_ROSTER_OPERATIONS},
    signed::Signed,
};

/// Operations of which those of members must leave the others room.
const MAX_OF_MEMBERS: usize = MAX_ROSTER_OPERATIONS - MAX_LOG_OPERATIONS - MAX_MEMBERSHIP_OPERATIONS;

/// Whose log an operation is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Owner,
    Membership,
    Member(PersonId),
}

/// The owner's device log, the membership log, and the device logs of all who were ever let in. A
/// person's own space is one without members.
#[derive(Debug, Clone)]
pub struct Roster {
    owner: DeviceLog,
    membership: MembershipLog,
    /// Also of those who were put out: what they wrote before is judged by it.
    members: BTreeMap<PersonId, DeviceLog>,
    places: BTreeMap<OperationId, Place>,
}

/// The heads that a commit names, by the log they are of.
struct Heads<'a> {
    roster: &'a Roster,
    owner: Vec<OperationId>,
    membership: Vec<OperationId>,
    members: BTreeMap<PersonId, Vec<OperationId>>,
}

impl Roster {
    /// The roster of a space, whose owner's devices are known so far by `owner`.
    #[must_use]
    pub fn new(space: SpaceId, owner: DeviceLog) -> Self {
        let places = owner.in_order().iter().map(|operation| (operation.id(), Place::Owner)).collect();
        Self { owner, membership: MembershipLog::new(space), members: BTreeMap::new(), places }
    }

    /// The owner's device log.
    #[must_use]
    pub const fn owner(&self) -> &DeviceLog {
        &self.owner
    }

    /// The membership log.
    #[must_use]
    pub const fn membership(&self) -> &MembershipLog {
        &self.membership
    }

    /// The device log of somebody who was ever let in, or of the owner.
    #[must_use]
    pub fn log_of(&self, person: &PersonId) -> Option<&DeviceLog> {
        if *person == self.owner.person() { Some(&self.owner) } else { self.members.get(person) }
    }

    /// Those who are in now.
    #[must_use]
    pub const fn members(&self) -> &BTreeMap<PersonId, Member> {
        self.membership.members()
    }

    /// Adds an operation of a device log to that person's; one already held changes nothing.
    ///
    /// # Errors
    /// When it does not hold, or not yet; that of somebody who was never let in may still do so.
    pub fn apply_operation(&mut self, signed: Signed<Operation>) -> Result<OperationId, LogError> {
        let person = signed.body().person;
        let (log, place) = if person == self.owner.person() {
            (&mut self.owner, Place::Owner)
        } else {
            let log = self.members.get_mut(&person).ok_or(LogError::MissingPrevious)?;
            if self.places.len() >= MAX_OF_MEMBERS && !self.places.contains_key(&signed.id()) {
                return Err(LogError::Malformed);
            }
            (log, Place::Member(person))
        };
        let id = log.apply(signed)?;
        self.places.insert(id, place);
        if place == Place::Owner && self.owner.has_endings() {
            self.membership.judge_all(&self.owner);
        }
        Ok(id)
    }

    /// Adds an operation of the membership log; one already held changes nothing.
    ///
    /// # Errors
    /// When it does not hold, or not yet.
    pub fn apply_membership(
        &mut self,
        signed: Signed<MembershipOperation>,
    ) -> Result<OperationId, MembershipError> {
        let id = self.membership.apply(signed, &self.owner)?;
        self.places.insert(id, Place::Membership);
        if let Some((person, inception)) = self.membership.admitted_by(&id) {
            self.members.entry(person).or_insert_with(|| DeviceLog::new(person, inception));
        }
        Ok(id)
    }

    /// Adds either.
    ///
    /// # Errors
    /// When it does not hold, or not yet.
    pub fn apply(&mut self, statement: &Statement) -> Result<OperationId, Refused> {
        match statement {
            Statement::Operation(signed) => Ok(self.apply_operation(signed.clone())?),
            Statement::Membership(signed) => Ok(self.apply_membership(signed.clone())?),
        }
    }

    /// Whether an operation is part of one of the logs.
    #[must_use]
    pub fn contains(&self, id: &OperationId) -> bool {
        self.places.contains_key(id)
    }

    /// The names of all operations, each after those it builds on.
    #[must_use]
    pub fn in_order(&self) -> Vec<OperationId> {
        let names = |log: &DeviceLog| -> Vec<OperationId> {
            log.in_order().iter().map(|operation| operation.id()).collect()
        };
        let mut order = names(&self.owner);
        order.extend(self.membership.in_order());
        order.extend(self.members.values().flat_map(names));
        order
    }

    /// Whether a device may write, judged by somebody who had seen just these heads, of any of the
    /// logs; `None` when some of them are not held yet. The owner's devices may, and those of a
    /// writer.
    #[must_use]
    pub fn is_entitled_at(&self, heads: &[OperationId], device: &DeviceId) -> Option<bool> {
        let heads = self.sort(heads)?;
        Some(heads.entitles_owner(device) || heads.entitles_writer(device))
    }

    fn sort(&self, heads: &[OperationId]) -> Option<Heads<'_>> {
        let (owner, membership, members) = (Vec::new(), Vec::new(), BTreeMap::new());
        let mut sorted = Heads { roster: self, owner, membership, members };
        for head in heads {
            let list = match self.places.get(head)? {
                Place::Owner => &mut sorted.owner,
                Place::Membership => &mut sorted.membership,
                Place::Member(person) => sorted.members.entry(*person).or_default(),
            };
            list.push(*head);
        }
        Some(sorted)
    }

    /// The epochs that may be written under; `None` for all, as long as no device was revoked.
    #[must_use]
    pub fn epochs_since_endings(&self) -> Option<BTreeSet<EpochId>> {
        self.owner.has_endings().then(|| self.membership.epochs_since(&self.owner))
    }

    /// Whether a device of anybody here was taken out.
    #[must_use]
    pub fn has_endings(&self) -> bool {
        self.owner.has_endings() || self.members.values().any(DeviceLog::has_endings)
    }

    /// The device log that says that a device was enrolled and is entitled to nothing any more.
    #[must_use]
    pub fn ended_in(&self, device: &DeviceId) -> Option<&DeviceLog> {
        std::iter::once(&self.owner).chain(self.members.values()).find(|log| log.has_ended(device))
    }

    /// Whether anybody but the owner was ever let in.
    #[must_use]
    pub fn has_other_persons(&self) -> bool {
        !self.members.is_empty()
    }

    /// Whose a device is, now: the owner's, or a member's.
    #[must_use]
    pub fn person_of(&self, device: &DeviceId) -> Option<PersonId> {
        let mut present = self.present_logs();
        present.find(|log| log.devices().contains_key(device)).map(DeviceLog::person)
    }

    /// Whether a device was ever enrolled by the owner or by somebody who was ever let in.
    #[must_use]
    pub fn ever_knew(&self, device: &DeviceId) -> bool {
        std::iter::once(&self.owner).chain(self.members.values()).any(|log| log.certificate(device).is_some())
    }

    /// Whether a device may be talked to: it is the owner's, or a member's.
    #[must_use]
    pub fn knows(&self, device: &DeviceId) -> bool {
        self.person_of(device).is_some()
    }

    /// All devices that may be talked to.
    #[must_use]
    pub fn devices(&self) -> BTreeMap<DeviceId, Device> {
        let mut devices = BTreeMap::new();
        for log in self.present_logs() {
            for (id, device) in log.devices() {
                devices.entry(*id).or_insert_with(|| device.clone());
            }
        }
        devices
    }

    /// The owner's log, then those of the members.
    fn present_logs(&self) -> impl Iterator<Item = &DeviceLog> {
        let members = self.members().keys().filter_map(|person| self.members.get(person));
        std::iter::once(&self.owner).chain(members)
    }

    /// What a commit of a device names: the heads of its person's log and of the membership log,
    /// sorted. Should that be more than a commit may name, the two operations alone that let it in:
    /// it is entitled there too.
    #[must_use]
    pub fn heads_for(&self, device: &DeviceId) -> Vec<OperationId> {
        let person = self.person_of(device);
        let log = person.and_then(|person| self.log_of(&person)).unwrap_or(&self.owner);
        let mut heads = [log.heads(), self.membership.heads()].concat();
        if heads.len() > MAX_LOG_HEADS {
            let enrolment = log.devices().get(device).map(|device| device.enrolment);
            let admission = self.members().get(&log.person()).map(|member| member.admission);
            heads = enrolment.into_iter().chain(admission).collect();
        }
        heads.sort_unstable();
        heads
    }

    /// Whether what a device writes now would count: of a member, both the admission and the member's
    /// own log must have come.
    #[must_use]
    pub fn may_write(&self, device: &DeviceId) -> bool {
        self.is_entitled_at(&self.heads_for(device), device) == Some(true)
    }

    /// To whom the next epoch is sealed: each of the owner's devices, the person key of each member,
    /// and in a person's own space the recovery key.
    #[must_use]
    pub fn recipients(&self, recovery: Option<&KemPublic>) -> Vec<KemPublic> {
        let devices = self.owner.devices();
        let devices = devices.values().map(|device| device.certificate.kem);
        let members = self.members().keys().filter_map(|person| self.person_key(person));
        let members = members.map(|key| key.kem);
        let distinct: BTreeSet<KemPublic> = devices.chain(members).chain(recovery.copied()).collect();
        distinct.into_iter().collect()
    }

    /// Members to whom nothing can be sealed, because their person key did not come yet.
    pub fn without_key(&self) -> impl Iterator<Item = &PersonId> {
        self.members().keys().filter(|person| self.person_key(person).is_none())
    }

    fn person_key(&self, person: &PersonId) -> Option<&PersonKey> {
        self.members.get(person)?.person_key()
    }
}

impl Heads<'_> {
    fn entitles_owner(&self, device: &DeviceId) -> bool {
        self.roster.owner.is_entitled_at(&self.owner, device) == Some(true)
    }

    fn entitles_writer(&self, device: &DeviceId) -> bool {
        self.members.iter().any(|(person, heads)| {
            let log = &self.roster.members[person];
            log.is_entitled_at(heads, device) == Some(true)
                && self.roster.membership.role_at(&self.membership, person) == Some(Role::Writer)
        })
    }
}
