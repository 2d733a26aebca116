//! Taking a device out.

use serde::{Deserialize, Serialize};

use super::{Author, DeviceLog, LogError};
use crate::{
    crypto::kdf::{context, derive_id},
    id::{CommitId, DeviceId, OperationId, SpaceId},
    limits::{
        MAX_LOG_OPERATIONS, MAX_REVOCATION_SPACES, PLACES_KEPT_FOR_REPLACEMENTS, PLACES_KEPT_FOR_ROOT,
        PLACES_OF_AN_ENDING,
    },
    past::Past,
};

/// How a revocation names a space: those who do not hold it, and read the log, learn nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SpaceMark([u8; 16]);

impl SpaceMark {
    /// The mark of a space in the revocations of a device.
    #[must_use]
    pub fn of(space: &SpaceId, device: &DeviceId) -> Self {
        let id = derive_id(context::REVOCATION_SPACE, &[space.as_bytes(), device.as_bytes()]);
        let mut mark = [0; 16];
        mark.copy_from_slice(&id[..16]);
        Self(mark)
    }
}

/// Up to where a device's work counts in one space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The space.
    pub space: SpaceMark,
    /// The number of the last commit that counts whatever others had seen.
    pub number: u64,
    /// That commit.
    pub commit: CommitId,
}

/// Takes a device out: it is entitled to nothing any more.
///
/// Of its operations in this log those hold that the author had seen, except `undone`; of its commits
/// those that `kept` reaches, and those on which somebody built who did not know of the revocation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// The device.
    pub device: DeviceId,
    /// Where it wrote, sorted by space. Of a space that is not listed nothing is kept.
    pub kept: Vec<Kept>,
    /// Operations of that device that the author had seen and that are to hold no more, sorted: such as
    /// a revocation by whoever had stolen it.
    pub undone: Vec<OperationId>,
}

impl Revocation {
    fn is_within_bounds(&self) -> bool {
        self.kept.len() <= MAX_REVOCATION_SPACES
            && self.undone.len() <= MAX_LOG_OPERATIONS
            && self.kept.is_sorted_by(|a, b| a.space < b.space)
            && self.kept.iter().all(|kept| kept.number >= 1)
            && self.undone.is_sorted_by(|a, b| a < b)
    }

    /// The number of the last commit that is kept in a space; 0 for none.
    #[must_use]
    pub fn kept_in(&self, space: &SpaceId) -> u64 {
        let mark = SpaceMark::of(space, &self.device);
        self.kept.iter().find(|kept| kept.space == mark).map_or(0, |kept| kept.number)
    }
}

/// Why a device that was enrolled is entitled to nothing any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended<'a> {
    /// The revocation: of this device, or of one without which it would not have been enrolled. Or the
    /// replacement of the root without which it would not have been.
    pub operation: OperationId,
    /// Who signed it.
    pub by: Author,
    /// What it says, if it is of this very device.
    pub revocation: Option<&'a Revocation>,
    /// Whether it is the replacement of a root.
    pub is_replacement: bool,
}

impl DeviceLog {
    pub(super) fn check_revocation(&self, revocation: &Revocation, past: &Past) -> Result<(), LogError> {
        // Also one that is out already: whoever knows more says anew what holds of it.
        let enrolments = self.enrolments.get(&revocation.device);
        if !enrolments.is_some_and(|enrolments| enrolments.intersects(past)) {
            return Err(LogError::NotEntitled);
        }
        let is_its_own = |id: &OperationId| {
            let place = self.places.get(id).filter(|place| past.contains(**place));
            place.is_some_and(|place| self.entries[*place].author() == Author::Device(revocation.device))
        };
        let holds = revocation.is_within_bounds() && revocation.undone.iter().all(is_its_own);
        holds.then_some(()).ok_or(LogError::Malformed)
    }

    /// Whether a device was enrolled, and is entitled to nothing any more.
    #[must_use]
    pub fn has_ended(&self, device: &DeviceId) -> bool {
        self.enrolments.contains_key(device) && !self.present.contains_key(device)
    }

    /// Whether some device was taken out, or a root replaced: somebody may not read any more.
    #[must_use]
    pub fn has_endings(&self) -> bool {
        !self.endings.is_empty()
    }

    /// How many of the last places of the membership log and of the epochs are closed for somebody who had
    /// seen these heads: the root's revocations and replacements open them, whether they hold or not, as a
    /// place in use stays in use.
    pub(crate) fn places_closed_at(&self, heads: &[OperationId]) -> usize {
        let past = self.past_of_own(heads);
        let by_root = || self.within(&past).map(|(_, entry)| entry).filter(|e| e.author() == Author::Root);
        let revocations = by_root().filter(|entry| entry.revocation().is_some()).count();
        let replacements = by_root().filter(|entry| entry.replacement().is_some()).count();
        let left = |kept: usize, endings: usize| kept.saturating_sub(PLACES_OF_AN_ENDING * endings);
        left(PLACES_KEPT_FOR_ROOT - PLACES_KEPT_FOR_REPLACEMENTS, revocations)
            + left(PLACES_KEPT_FOR_REPLACEMENTS, replacements)
    }

    /// Because of what a device is entitled to nothing any more, by name.
    #[must_use]
    pub fn ended_by(&self, device: &DeviceId) -> Vec<Ended<'_>> {
        let Some(enrolments) = self.enrolments.get(device).filter(|_| self.has_ended(device)) else {
            return Vec::new();
        };
        let mut ended: Vec<Ended<'_>> = Vec::new();
        for ending in &self.endings {
            let entry = &self.entries[ending.place];
            let (operation, by) = (entry.id, entry.author());
            let is_replacement = entry.replacement().is_some();
            let revocation = entry.revocation().filter(|found| found.device == *device);
            if revocation.is_some() || ending.undone.intersects(enrolments) {
                ended.push(Ended { operation, by, revocation, is_replacement });
            }
        }
        ended.sort_unstable_by_key(|ended| ended.operation);
        ended
    }

    /// Whether somebody who had seen these heads, of whatever logs, had seen every revocation that holds and
    /// every replacement that ended a root.
    #[must_use]
    pub fn has_seen_endings(&self, heads: &[OperationId]) -> bool {
        let past = self.past_of_own(heads);
        self.endings.iter().all(|ending| past.contains(ending.place))
    }

    /// Whether somebody who had seen these heads, of whatever logs, had seen an operation.
    #[must_use]
    pub fn had_seen(&self, heads: &[OperationId], operation: &OperationId) -> bool {
        self.places.get(operation).is_some_and(|place| self.past_of_own(heads).contains(*place))
    }

    fn past_of_own(&self, heads: &[OperationId]) -> Past {
        let own: Vec<OperationId> = heads.iter().filter(|id| self.contains(id)).copied().collect();
        self.past_of(&own).unwrap_or(Past::EMPTY)
    }

    /// The operations of a device that somebody who takes it out might want undone: whom it revoked.
    #[must_use]
    pub fn revocations_by(&self, device: &DeviceId) -> Vec<(OperationId, &Revocation)> {
        let by = self.within(&self.view).filter(|(_, entry)| entry.author() == Author::Device(*device));
        by.filter_map(|(_, entry)| Some((entry.id, entry.revocation()?))).collect()
    }
}
