//! The secrets that a device knows of a space.

use std::collections::{BTreeMap, BTreeSet};

use super::{EpochError, EpochStatement, epoch_id};
use crate::{
    crypto::{kem::KemSecret, secret::Secret32},
    id::EpochId,
    limits::{MAX_EPOCHS, MAX_RECORD_EPOCHS, MAX_REPLACED_EPOCHS},
    signed::Signed,
};

/// The secrets of a space's epochs that this device knows.
#[derive(Debug, Default)]
pub struct Keyring {
    epochs: BTreeMap<EpochId, (Secret32, Vec<EpochId>)>,
    /// The epochs that may be written under; all, if none are given.
    allowed: Option<BTreeSet<EpochId>>,
    /// Follows from the above; asked for at every record.
    written_under: Vec<EpochId>,
}

impl Keyring {
    /// All of these secrets, each with the epochs that it replaces.
    pub(super) fn of(epochs: impl IntoIterator<Item = (Secret32, Vec<EpochId>)>) -> Self {
        let mut keyring = Self::default();
        for (secret, previous) in epochs {
            keyring.epochs.entry(epoch_id(&secret)).or_insert((secret, previous));
        }
        keyring.settle();
        keyring
    }

    /// Adds a secret; the epoch's name follows from it.
    pub fn insert(&mut self, secret: Secret32, previous: &[EpochId]) -> EpochId {
        let id = epoch_id(&secret);
        self.epochs.entry(id).or_insert_with(|| (secret, previous.to_vec()));
        self.settle();
        id
    }

    /// Of this epoch alone: what is sealed under it, whoever holds its secret can read.
    pub(crate) fn of_one(secret: &Secret32) -> Self {
        Self::of([(secret.duplicate(), Vec::new())])
    }

    /// A second one with the same secrets.
    pub(crate) fn duplicate(&self) -> Self {
        let mut keyring = Self::of(self.copy());
        keyring.allow(self.allowed.clone());
        keyring
    }

    /// Says which epochs may be written under: all, or only these.
    pub(crate) fn allow(&mut self, allowed: Option<BTreeSet<EpochId>>) {
        if self.allowed != allowed {
            self.allowed = allowed;
            self.settle();
        }
    }

    /// Adds an epoch's secret, and of the earlier ones that were given with it as many as there is room for.
    pub(crate) fn learn(&mut self, epoch: EpochId, mut given: Self) {
        if let Some(entry) = given.epochs.remove(&epoch) {
            self.epochs.entry(epoch).or_insert(entry);
        }
        let room = MAX_EPOCHS.saturating_sub(self.epochs.len());
        let unknown = given.epochs.into_iter().filter(|(id, _)| !self.epochs.contains_key(id));
        let learnt: Vec<_> = unknown.take(room).collect();
        self.epochs.extend(learnt);
        self.settle();
    }

    /// Adds what a statement holds for this key: its secret, and the earlier ones given with it. One
    /// that is known already costs nothing. The statement was checked before.
    ///
    /// # Errors
    /// When it was not sealed to this key, or is not what the epoch is named by.
    pub fn absorb(
        &mut self,
        statement: &Signed<EpochStatement>,
        key: &KemSecret,
    ) -> Result<EpochId, EpochError> {
        let epoch = statement.body().epoch;
        if !self.epochs.contains_key(&epoch) {
            self.learn(epoch, statement.open(key)?);
        }
        Ok(epoch)
    }

    /// The part of it that is of these epochs.
    pub(crate) fn only(&self, is_meant: impl Fn(&EpochId) -> bool) -> Self {
        let mut part = self.duplicate();
        part.epochs.retain(|id, _| is_meant(id));
        part.settle();
        part
    }

    /// This keyring as if all epochs might be written under.
    pub(crate) fn unrestricted(&self) -> Self {
        Self::of(self.copy())
    }

    fn settle(&mut self) {
        let heads = self.heads();
        let first = || self.candidates().next().copied().into_iter().collect();
        self.written_under =
            if heads.is_empty() { first() } else { heads.into_iter().take(MAX_RECORD_EPOCHS).collect() };
    }

    /// What the next epoch replaces: the first of those that no other replaces.
    pub(super) fn replaceable(&self) -> Vec<EpochId> {
        let mut tips = self.tips();
        tips.truncate(MAX_REPLACED_EPOCHS);
        tips
    }

    /// Epochs that no other replaces, sorted.
    #[must_use]
    pub fn tips(&self) -> Vec<EpochId> {
        let replaced: BTreeSet<&EpochId> = self.epochs.values().flat_map(|(_, previous)| previous).collect();
        self.epochs.keys().filter(|id| !replaced.contains(id)).copied().collect()
    }

    /// The epochs that may be written under and that no other such epoch replaces, sorted; also by way
    /// of others, which may be those of a device that was revoked.
    #[must_use]
    pub fn heads(&self) -> Vec<EpochId> {
        if self.allowed.is_none() {
            return self.tips();
        }
        let mut replaced = BTreeSet::new();
        let mut open: Vec<&EpochId> = self.candidates().collect();
        while let Some(id) = open.pop() {
            // Of one that is not known here, what it replaces is not known either.
            open.extend(self.replaced_by(id).filter(|id| replaced.insert(**id)));
        }
        self.candidates().filter(|id| !replaced.contains(id)).copied().collect()
    }

    fn candidates(&self) -> impl Iterator<Item = &EpochId> {
        let is_allowed = |id: &&EpochId| self.allowed.as_ref().is_none_or(|allowed| allowed.contains(id));
        self.epochs.keys().filter(is_allowed)
    }

    /// The epochs that new records are sealed under, sorted: the heads, of more than eight the first
    /// eight. Where each is said to be replaced by another, which only a malicious keeper brings
    /// about, it is the first of all. None when no epoch is known that may be written under.
    #[must_use]
    pub fn written_under(&self) -> &[EpochId] {
        &self.written_under
    }

    /// The secret of an epoch.
    #[must_use]
    pub fn secret(&self, epoch: &EpochId) -> Option<&Secret32> {
        self.epochs.get(epoch).map(|(secret, _)| secret)
    }

    /// How many epochs are known.
    #[must_use]
    pub fn count(&self) -> usize {
        self.epochs.len()
    }

    /// All epochs known, with their secrets.
    pub fn iter(&self) -> impl Iterator<Item = (&EpochId, &Secret32)> {
        self.epochs.iter().map(|(id, (secret, _))| (id, secret))
    }

    /// All epochs known.
    pub(crate) fn names(&self) -> impl Iterator<Item = EpochId> {
        self.epochs.keys().copied()
    }

    /// The epochs that a known one replaces, known or not.
    pub(crate) fn replaced_by(&self, epoch: &EpochId) -> impl Iterator<Item = &EpochId> {
        self.epochs.get(epoch).into_iter().flat_map(|(_, previous)| previous)
    }

    /// All epochs known, the newest first: the heads, then those that they replace, and so on, each
    /// group by name; last those that only a malicious keeper puts into a circle.
    pub(crate) fn newest_first(&self) -> Vec<EpochId> {
        let (mut order, mut group): (Vec<EpochId>, _) = (Vec::new(), self.tips());
        while !group.is_empty() {
            order.extend(&group);
            let replaced = group.iter().flat_map(|id| &self.epochs[id].1);
            let next: BTreeSet<EpochId> =
                replaced.filter(|id| self.epochs.contains_key(id) && !order.contains(id)).copied().collect();
            group = next.into_iter().collect();
        }
        let rest: Vec<EpochId> = self.epochs.keys().filter(|id| !order.contains(id)).copied().collect();
        order.extend(rest);
        order
    }

    /// All secrets, each with the epochs that it replaces, for a second owner.
    pub(super) fn copy(&self) -> Vec<(Secret32, Vec<EpochId>)> {
        self.epochs.values().map(|(secret, previous)| (secret.duplicate(), previous.clone())).collect()
    }
}
