//! Replacements of the recovery words that were made elsewhere. If it was not their person who did that,
//! somebody has the words: told like a device that was let in with them ([`super::recovered`]).

use std::collections::BTreeMap;

use musette_protocol::{
    id::OperationId, identity::person::Recovery, limits::MAX_LOG_OPERATIONS, time::Timestamp,
};
use serde::{Deserialize, Serialize};

use super::{Store, StoreEvent, keys::Keys, note, recovered::TOLD_FOR_MS};
use crate::{clock, home::Home};

/// Bytes of the file that remembers: a name and an instant for each operation that a log can hold.
const MAX_FILE_LEN: u64 = 64 * MAX_LOG_OPERATIONS as u64;
const PURPOSE: &str = "replaced";

/// When this device heard of each; of its own, that there is nothing to tell. In a file of its own, which
/// outlives the index.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Replaced(BTreeMap<OperationId, Option<Timestamp>>);

impl Replaced {
    /// What the home remembers.
    pub(super) fn open(home: &Home, keys: &Keys) -> Self {
        note::load(&home.replaced_path(), keys, PURPOSE, MAX_FILE_LEN).unwrap_or_default()
    }

    /// Since when the person is to be told, if they are. A clock that was put back tells of all.
    pub(super) fn recent(&self, now: Timestamp) -> Option<Timestamp> {
        let told = self.0.values().flatten().copied();
        told.filter(|since| now.millis_since(*since) < TOLD_FOR_MS).max()
    }
}

impl Store {
    /// Notes the replacements of which this device did not know when it was enrolled, and that it did not
    /// make.
    pub(super) fn note_replaced(&mut self) {
        let log = self.state().log();
        let enrolments = self.own_enrolments();
        let made_here = |root| {
            let words = [self.next_words.as_ref(), self.keys.recovery.as_ref()];
            words.into_iter().flatten().any(|words| Recovery::from_entropy(words).keys().root == root)
        };
        let is_new = |id: &OperationId| !self.replaced.0.contains_key(id) && !log.had_seen(&enrolments, id);
        let made = log.replacements().map(|(operation, replacement)| (operation.id(), replacement.keys.root));
        let new: Vec<(OperationId, bool)> =
            made.filter(|(id, _)| is_new(id)).map(|(id, root)| (id, made_here(root))).collect();
        if enrolments.is_empty() || new.is_empty() {
            return;
        }
        let now = clock::now();
        if new.iter().any(|(_, is_ours)| !is_ours) {
            self.events.push(StoreEvent::WordsReplaced);
        }
        self.replaced.0.extend(new.into_iter().map(|(id, is_ours)| (id, (!is_ours).then_some(now))));
        let saved = note::save(&self.home.replaced_path(), &self.keys, PURPOSE, &self.replaced);
        if let Err(error) = saved {
            // The log tells of them again at the next start.
            tracing::warn!(code = error.code(), "since when words are known to be replaced is not kept");
        }
    }
}
