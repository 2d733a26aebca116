//! Which of the epochs that come in are stored: there is room for so many.

use std::collections::BTreeSet;

use super::Replica;
use crate::{
    epoch::{EpochStatement, Keyring},
    id::EpochId,
    journal::Disk,
    limits::MAX_EPOCHS,
    membership::Roster,
    record::{Payload, is_epoch, open},
    signed::Signed,
};

/// Which epochs of a batch are stored, and what can be opened then.
pub(super) struct Admitted {
    /// Those of them that are new.
    pub epochs: BTreeSet<EpochId>,
    /// The keyring with the secrets that they hold for this device, unless that is nothing new: what else is in
    /// the batch may be sealed under them. It becomes the replica's own once they are stored. What would be
    /// sealed under an epoch that is in no file could not be read after the next start.
    pub keyring: Option<Keyring>,
}

impl<D: Disk> Replica<D> {
    /// Decides about the epochs of a batch. If not all have room, what the batch says that ends somebody's right
    /// to read may make some, and it may lie under one of these epochs: for those that may be written under
    /// then. Whoever is taken out could otherwise have filled all room before, or fill what it makes.
    pub(super) fn admit(&self, records: &[Vec<u8>]) -> Admitted {
        let mut new = self.new_epochs(records);
        let room = self.state.room_for_epochs(self.state.roster());
        if new.len() > room {
            let keyring = self.state.keyring_with(new.iter().take(MAX_EPOCHS));
            let roster = self.roster_with(records, keyring.as_ref().unwrap_or(self.state.keyring()));
            let named = roster.epochs_since_endings().unwrap_or_default();
            let names = new.iter().map(|statement| statement.body().epoch);
            let (first, others): (Vec<EpochId>, Vec<EpochId>) = names.partition(|name| named.contains(name));
            let first = &first[..first.len().min(self.state.room_for_epochs(&roster))];
            let others = others.iter().take(room.saturating_sub(first.len()));
            let admitted: BTreeSet<EpochId> = first.iter().chain(others).copied().collect();
            new.retain(|statement| admitted.contains(&statement.body().epoch));
        }
        let epochs = new.iter().map(|statement| statement.body().epoch).collect();
        Admitted { epochs, keyring: self.state.keyring_with(new.iter()) }
    }

    fn new_epochs(&self, records: &[Vec<u8>]) -> Vec<Signed<EpochStatement>> {
        let mut names = BTreeSet::new();
        let opened = records.iter().filter(|record| is_epoch(record));
        let opened = opened.filter_map(|record| open(record, self.state.space(), self.state.keyring()).ok());
        let statements = opened.filter_map(|payload| match payload {
            Payload::Epoch(statement) => Some(statement),
            _ => None,
        });
        statements
            .filter(|statement| self.state.may_hold_epoch(statement) && names.insert(statement.body().epoch))
            .collect()
    }

    /// The logs with the operations of a batch.
    fn roster_with(&self, records: &[Vec<u8>], keyring: &Keyring) -> Roster {
        let mut roster = self.state.roster().clone();
        for record in records.iter().filter(|record| !is_epoch(record)) {
            // What does not hold is refused when it is to be stored.
            let _ = match open(record, self.state.space(), keyring) {
                Ok(Payload::Operation(operation)) => roster.apply_operation(operation).is_ok(),
                Ok(Payload::Membership(operation)) => roster.apply_membership(operation).is_ok(),
                _ => false,
            };
        }
        roster
    }
}
