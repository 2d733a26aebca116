//! The epochs whose statements are held, and which of them may be written under.

use std::collections::{BTreeMap, BTreeSet};

use super::{Effects, Refusal, State};
use crate::{
    crypto::kem::{KemPublic, KemSecret},
    epoch::{EpochError, EpochStatement, Keyring, SealedHeads},
    id::{DeviceId, EpochId, OperationId, StatementId},
    journal::Location,
    limits::MAX_EPOCHS,
    membership::{Roster, Statement},
    record::Payload,
    replica::records::Slot,
    signed::Signed,
};

/// The log heads that an epoch's author knew.
#[derive(Debug, Clone)]
pub(super) enum AuthorKnew {
    /// The epoch's secret is not known here.
    Sealed(SealedHeads),
    Heads(Vec<OperationId>),
}

impl State {
    /// Learns the secret of an epoch whose statement lies in the journal and is inserted later: what comes
    /// after it there may be sealed under it.
    pub fn read_ahead(&mut self, payload: &Payload) {
        if let Payload::Epoch(statement) = payload {
            self.learn_epoch(statement);
        }
    }

    /// Learns the secret of an epoch whose statement is stored.
    pub(in crate::replica) fn learn_epoch(&mut self, statement: &Signed<EpochStatement>) {
        if self.check_epoch(statement).is_ok() {
            self.absorb(statement);
            self.allow_epochs();
        }
    }

    /// Learns the secret of an epoch that is sealed to this device.
    fn absorb(&mut self, statement: &Signed<EpochStatement>) {
        if let Some(given) = self.open_epoch(statement) {
            self.keyring.learn(statement.body().epoch, given);
        }
    }

    pub(super) fn insert_epoch(
        &mut self,
        slot: Slot,
        statement: &Signed<EpochStatement>,
        effects: &mut Effects,
    ) {
        if let Err(error) = self.check_epoch(statement) {
            return effects.refused.push(Refusal::Epoch(error));
        }
        self.absorb(statement);
        let name = StatementId::from(statement.body().epoch);
        self.epochs.entry(name).or_insert_with(|| AuthorKnew::Sealed(statement.heads()));
        self.allow_epochs();
        self.note_statement(name, slot);
        effects.membership_changed = true;
    }

    /// Says which epochs are explained and which may be written under: since a revocation those that an
    /// admin device named, and before one all; in both cases without the doubtful ones, if there are others.
    /// Who writes under what is handed on to nobody, newcomers could never read.
    pub(super) fn allow_epochs(&mut self) {
        let mut stated = std::mem::take(&mut self.epochs);
        let judged = judge(&mut stated, &self.keyring, &self.roster);
        (self.epochs, self.explained, self.doubtful) = (stated, judged.explained, judged.doubtful);
        self.keyring.allow(judged.allowed);
    }

    /// The epochs that would be doubtful with these statements and operations, and under which nothing but
    /// operations is taken then: whoever they leave out could never read it, and it would be offered them again
    /// and again.
    pub(in crate::replica) fn doubtful_with<'a>(
        &self,
        statements: impl Iterator<Item = &'a Signed<EpochStatement>> + Clone,
        operations: impl Iterator<Item = Statement>,
    ) -> BTreeSet<EpochId> {
        let mut stated = self.epochs.clone();
        for statement in statements.clone() {
            let name = StatementId::from(statement.body().epoch);
            stated.entry(name).or_insert_with(|| AuthorKnew::Sealed(statement.heads()));
        }
        let keyring = self.keyring_with(statements);
        let keyring = keyring.as_ref().unwrap_or(&self.keyring);
        judge(&mut stated, keyring, &self.roster_with(operations)).doubtful
    }

    /// Whether an epoch is doubtful, and there are others.
    pub(in crate::replica) fn is_doubtful(&self, epoch: &EpochId) -> bool {
        self.doubtful.contains(epoch)
    }

    /// How many epochs are known under which all is taken.
    pub(crate) fn epochs_read(&self) -> usize {
        self.keyring.count() - self.doubtful.len()
    }

    /// Whether it is known here whom an epoch leaves out.
    pub(in crate::replica) fn is_explained(&self, epoch: &EpochId) -> bool {
        self.explained.contains(epoch)
    }

    /// What an epoch holds for this device, unless its secret is known.
    fn open_epoch(&self, statement: &Signed<EpochStatement>) -> Option<Keyring> {
        let is_unknown = self.keyring.secret(&statement.body().epoch).is_none();
        self.kems.iter().filter(|_| is_unknown).find_map(|kem| statement.open(kem).ok())
    }

    /// Adds a key that epochs may be sealed to.
    pub(in crate::replica) fn add_key(&mut self, kem: KemSecret) {
        if self.kems.iter().all(|held| held.public() != kem.public()) {
            self.kems.push(kem);
        }
    }

    /// Gives up a key that epochs may be sealed to.
    pub(in crate::replica) fn remove_key(&mut self, kem: &KemPublic) {
        self.kems.retain(|held| held.public() != *kem);
    }

    /// Where the statements of all epochs lie.
    pub(in crate::replica) fn epoch_statements(&self) -> Vec<Location> {
        self.epochs.keys().filter_map(|name| self.statement(name)).collect()
    }

    /// Whether it is an epoch whose author knew that somebody was taken out, and did not take a device for one
    /// of those who are in.
    pub(super) fn is_epoch_without(&self, name: &StatementId, device: &DeviceId) -> bool {
        let Some(AuthorKnew::Heads(heads)) = self.epochs.get(name) else { return false };
        !heads.is_empty() && self.roster.is_entitled_at(heads, device) != Some(true)
    }

    /// Where the statements lie of epochs whose secret is not known here.
    pub(in crate::replica) fn unopened_epochs(&self) -> Vec<Location> {
        let names = self.epochs.keys().filter(|name| self.keyring.secret(&epoch_of(name)).is_none());
        names.filter_map(|name| self.statement(name)).collect()
    }

    pub(in crate::replica) fn check_epoch(
        &self,
        statement: &Signed<EpochStatement>,
    ) -> Result<(), EpochError> {
        statement.check(&self.space, &self.recovery.recovery_keeper)
    }

    /// How many epochs more may be stated, where these logs hold. What is in the journal was let in, in
    /// whatever order it lies there now.
    pub(in crate::replica) fn room_for_epochs(&self, roster: &Roster) -> usize {
        (MAX_EPOCHS - roster.owner().places_closed_at(&roster.owner().heads()))
            .saturating_sub(self.epochs.len())
    }

    /// Whether an epoch can be started where these logs hold: once somebody was taken out it needs a place in
    /// the membership log too.
    pub(in crate::replica) fn may_begin_epoch(&self, roster: &Roster) -> bool {
        let owner = roster.owner();
        let has_place = !owner.has_endings() || roster.membership().has_room(owner, &owner.heads());
        has_place && self.room_for_epochs(roster) > 0
    }

    /// Whether the statement of an epoch is held.
    pub(in crate::replica) fn holds_epoch(&self, epoch: &EpochId) -> bool {
        self.epochs.contains_key(&StatementId::from(*epoch))
    }

    /// How many epochs are stated.
    pub(in crate::replica) fn epoch_count(&self) -> usize {
        self.epochs.len()
    }

    /// The keyring with what statements that are not stored yet hold for this device; `None` when that
    /// is nothing new.
    pub(in crate::replica) fn keyring_with<'a>(
        &self,
        statements: impl Iterator<Item = &'a Signed<EpochStatement>>,
    ) -> Option<Keyring> {
        let learnt = statements.filter_map(|new| Some((new.body().epoch, self.open_epoch(new)?)));
        learnt.fold(None, |keyring, (epoch, given)| {
            let mut keyring = keyring.unwrap_or_else(|| self.keyring.duplicate());
            keyring.learn(epoch, given);
            Some(keyring)
        })
    }
}

fn epoch_of(name: &StatementId) -> EpochId {
    EpochId::from_bytes(*name.as_bytes())
}

/// What follows from the epochs that are stated, the secrets that are known, and the logs.
struct Judged {
    explained: BTreeSet<EpochId>,
    /// Those known that are doubtful, if there are others.
    doubtful: BTreeSet<EpochId>,
    allowed: Option<BTreeSet<EpochId>>,
}

fn judge(stated: &mut BTreeMap<StatementId, AuthorKnew>, keyring: &Keyring, roster: &Roster) -> Judged {
    for (name, knew) in &mut *stated {
        if let AuthorKnew::Sealed(sealed) = knew
            && let Some(secret) = keyring.secret(&epoch_of(name))
        {
            *knew = AuthorKnew::Heads(sealed.open(secret));
        }
    }
    let explained = explained_epochs(stated, keyring, roster);
    let mut doubtful = doubtful_epochs(stated, keyring, &explained);
    let named = roster.epochs_since_endings();
    let without_doubt: BTreeSet<EpochId> = match &named {
        Some(named) => named.difference(&doubtful).copied().collect(),
        None => keyring.names().filter(|epoch| !doubtful.contains(epoch)).collect(),
    };
    let may_be_others = without_doubt.iter().any(|epoch| keyring.secret(epoch).is_some());
    let allowed = if may_be_others && !doubtful.is_empty() { Some(without_doubt) } else { named };
    // What an epoch says to replace may be known to nobody.
    doubtful.retain(|epoch| keyring.secret(epoch).is_some());
    // Also where none may be written under but them: who only read so far reads what is not doubtful.
    if doubtful.len() == keyring.count() {
        doubtful.clear();
    }
    Judged { explained, doubtful, allowed }
}

/// The known epochs of which it is known whom they leave out: the statement is held, and all that the
/// author knew; the same of all that they replace, as far as that is known.
fn explained_epochs(
    stated: &BTreeMap<StatementId, AuthorKnew>,
    keyring: &Keyring,
    roster: &Roster,
) -> BTreeSet<EpochId> {
    let is_told = |epoch: &EpochId| match stated.get(&StatementId::from(*epoch)) {
        Some(AuthorKnew::Heads(heads)) => heads.iter().all(|head| roster.contains(head)),
        Some(AuthorKnew::Sealed(_)) | None => false,
    };
    // How many of the epochs that each replaces are not explained yet, and which ones wait for each.
    let mut lacking: BTreeMap<EpochId, usize> = BTreeMap::new();
    let mut waiting: BTreeMap<EpochId, Vec<EpochId>> = BTreeMap::new();
    for epoch in keyring.names().filter(is_told) {
        let count = lacking.entry(epoch).or_default();
        for old in keyring.replaced_by(&epoch).filter(|old| keyring.secret(old).is_some()) {
            *count += 1;
            waiting.entry(*old).or_default().push(epoch);
        }
    }
    let mut open: Vec<EpochId> =
        lacking.iter().filter(|(_, count)| **count == 0).map(|(epoch, _)| *epoch).collect();
    let mut explained = BTreeSet::new();
    while let Some(epoch) = open.pop() {
        explained.insert(epoch);
        for next in waiting.remove(&epoch).unwrap_or_default() {
            if let Some(count) = lacking.get_mut(&next) {
                *count -= 1;
                open.extend((*count == 0).then_some(next));
            }
        }
    }
    explained
}

/// The known epochs that are not explained although their statement is held, and those without one that
/// they replace. Others without one were handed over when this device was let in, and theirs is to come.
fn doubtful_epochs(
    stated: &BTreeMap<StatementId, AuthorKnew>,
    keyring: &Keyring,
    explained: &BTreeSet<EpochId>,
) -> BTreeSet<EpochId> {
    let is_stated = |epoch: &EpochId| stated.contains_key(&StatementId::from(*epoch));
    let is_unexplained = |epoch: &EpochId| !explained.contains(epoch);
    let mut doubtful: BTreeSet<EpochId> =
        keyring.names().filter(|epoch| is_stated(epoch) && is_unexplained(epoch)).collect();
    let mut open: Vec<EpochId> = doubtful.iter().copied().collect();
    while let Some(epoch) = open.pop() {
        let replaced = keyring.replaced_by(&epoch).filter(|old| is_unexplained(old)).copied();
        open.extend(replaced.filter(|old| doubtful.insert(*old)));
    }
    doubtful
}
