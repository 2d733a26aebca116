//! Who may read what, noted when it is made.

use std::collections::{BTreeMap, BTreeSet};

use musette_protocol::{
    id::{EpochId, OperationId, PersonId},
    replica::State,
};

use super::member::Words;
use crate::check::{Check, Violation, ensure};

/// What somebody who wrote a word knew of the space's members.
struct Written {
    members: BTreeSet<PersonId>,
    operations: BTreeSet<OperationId>,
}

#[derive(Default)]
pub(super) struct Ledger {
    /// For whom each epoch was made.
    epochs: BTreeMap<EpochId, BTreeSet<PersonId>>,
    words: BTreeMap<String, Written>,
    admissions: Vec<(PersonId, OperationId)>,
}

impl Ledger {
    pub(super) fn note_epoch(&mut self, epoch: EpochId, persons: BTreeSet<PersonId>) {
        self.epochs.insert(epoch, persons);
    }

    pub(super) fn note_word(&mut self, word: &str, state: &State) {
        let members = state.roster().members().keys().copied().collect();
        let operations = state.roster().membership().in_order().collect();
        self.words.insert(word.to_owned(), Written { members, operations });
    }

    /// What is written now cannot be read by anybody who is out, as far as the writer knows: everybody
    /// who is not in lacks one of the epochs that it is sealed under. An epoch may come before the
    /// operation by which somebody is let in.
    pub(super) fn check_sealed(&self, owner: PersonId, state: &State) -> Result<(), Violation> {
        let mut audiences = state.keyring().written_under().iter().filter_map(|epoch| self.epochs.get(epoch));
        let mut readers = audiences.next().cloned().unwrap_or_default();
        audiences.for_each(|persons| readers.retain(|person| persons.contains(person)));
        let (members, log) = (state.roster().members(), state.roster().membership());
        let is_out = |person: &&PersonId| {
            let comes = |(admitted, by): &(PersonId, OperationId)| admitted == *person && !log.contains(by);
            **person != owner && !members.contains_key(*person) && !self.admissions.iter().any(comes)
        };
        let outsider = readers.iter().find(is_out);
        ensure(outsider.is_none(), Check::Secrecy, || {
            "what is written can be read by somebody who is out".to_owned()
        })
    }

    /// Somebody was let in, by the newest operation.
    pub(super) fn note_admission(&mut self, person: PersonId, state: &State) {
        self.admissions.extend(state.roster().membership().heads().into_iter().map(|head| (person, head)));
    }

    /// Somebody holds no secret of an epoch that was not made for them.
    pub(super) fn check_secrets<'a>(
        &self,
        person: PersonId,
        mut states: impl Iterator<Item = &'a State>,
    ) -> Result<(), Violation> {
        let is_foreign =
            |epoch: &&EpochId| !self.epochs.get(epoch).is_some_and(|persons| persons.contains(&person));
        let foreign =
            states.find_map(|state| state.keyring().iter().map(|(epoch, _)| epoch).find(is_foreign));
        ensure(foreign.is_none(), Check::Secrecy, || {
            format!("somebody holds an epoch that is not for them: {foreign:?}")
        })
    }

    /// Somebody shows no word that was written by whoever knew that they are out, unless they were let
    /// in by something that the writer did not know of.
    pub(super) fn check_words(&self, person: PersonId, shown: &Words) -> Result<(), Violation> {
        for word in shown.values().flatten() {
            let may_read = self.words.get(word).is_some_and(|written| {
                let later = |(admitted, by): &(PersonId, OperationId)| {
                    *admitted == person && !written.operations.contains(by)
                };
                written.members.contains(&person) || self.admissions.iter().any(later)
            });
            ensure(may_read, Check::Secrecy, || format!("{word} is shown to somebody who was out"))?;
        }
        Ok(())
    }
}
