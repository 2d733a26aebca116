//! Which of the epochs that come in are stored: there is room for so many.

use std::collections::BTreeSet;

use super::{Replica, operation_of};
use crate::{
    epoch::{EpochStatement, Keyring},
    id::{EpochId, RecordId},
    journal::Disk,
    limits::{MAX_EPOCH_RECIPIENTS, MAX_EPOCHS},
    membership::Roster,
    record::{Payload, is_epoch, open, record_id, sealed_under},
    signed::Signed,
};

/// Which epochs of a batch are stored, and what can be opened then.
pub(super) struct Admitted {
    /// The records of those that are new: one of each epoch, the first that holds.
    pub epochs: BTreeSet<RecordId>,
    /// The keyring with the secrets that they hold for this device, unless that is nothing new: what else is in
    /// the batch may be sealed under them. It becomes the replica's own once they are stored. What would be
    /// sealed under an epoch that is in no file could not be read after the next start.
    pub keyring: Option<Keyring>,
}

/// The statement of an epoch that is not held.
#[derive(Clone)]
struct New {
    record: RecordId,
    statement: Signed<EpochStatement>,
}

impl<D: Disk> Replica<D> {
    /// Decides about the epochs of a batch. If not all have room, what the batch says that ends somebody's right
    /// to read may make some, and it may lie under one of these epochs: for those that may be written under
    /// then. Whoever is taken out could otherwise have filled all room before, or fill what it makes.
    pub(super) fn admit(&self, records: &[Vec<u8>]) -> Admitted {
        let mut new = self.new_epochs(records);
        let room = self.state.room_for_epochs(self.state.roster());
        if new.len() > room {
            let keyring = self.state.keyring_with(self.asked_for(records, &new).into_iter());
            let roster = self.roster_with(records, keyring.as_ref().unwrap_or(self.state.keyring()));
            let named = roster.epochs_since_endings().unwrap_or_default();
            let (mut first, mut others): (Vec<New>, Vec<New>) =
                new.into_iter().partition(|new| named.contains(&new.statement.body().epoch));
            first.truncate(self.state.room_for_epochs(&roster));
            others.truncate(room.saturating_sub(first.len()));
            new = [first, others].concat();
        }
        let epochs = new.iter().map(|new| new.record).collect();
        Admitted { epochs, keyring: self.state.keyring_with(new.iter().map(|new| &new.statement)) }
    }

    /// The statements of epochs that are not held; of each the first that holds, whatever else the batch calls by
    /// its name.
    fn new_epochs(&self, records: &[Vec<u8>]) -> Vec<New> {
        let statements = records.iter().filter(|record| is_epoch(record)).filter_map(|record| {
            match open(record, self.state.space(), self.state.keyring()) {
                Ok(Payload::Epoch(statement)) => Some(New { record: record_id(record), statement }),
                _ => None,
            }
        });
        let new = statements.filter(|new| !self.state.holds_epoch(&new.statement.body().epoch));
        let mut names = BTreeSet::new();
        // An honest device holds no more.
        new.take(MAX_EPOCHS)
            .filter(|new| self.state.check_epoch(&new.statement).is_ok())
            .filter(|new| names.insert(new.statement.body().epoch))
            .collect()
    }

    /// Those of the new epochs that something in the batch is sealed under which does not open yet. Of those for
    /// many recipients each of which is to be tried only some, as nothing is stored that would count them.
    fn asked_for<'a>(&self, records: &[Vec<u8>], new: &'a [New]) -> Vec<&'a Signed<EpochStatement>> {
        let named: BTreeSet<EpochId> = records.iter().flat_map(|record| sealed_under(record)).collect();
        let statements = new.iter().map(|new| &new.statement);
        let mut asked: Vec<_> = statements.filter(|new| named.contains(&new.body().epoch)).collect();
        asked.sort_by_key(|statement| statement.body().recipients.len());
        let mut recipients = 0;
        let is_within_bound = |statement: &&Signed<EpochStatement>| {
            recipients += statement.body().recipients.len();
            recipients <= MAX_EPOCH_RECIPIENTS
        };
        asked.into_iter().take_while(is_within_bound).collect()
    }

    /// The logs with the operations of a batch.
    fn roster_with(&self, records: &[Vec<u8>], keyring: &Keyring) -> Roster {
        let sealed = records.iter().filter(|record| !is_epoch(record));
        let opened = sealed.filter_map(|record| open(record, self.state.space(), keyring).ok());
        self.state.roster_with(opened.filter_map(|payload| operation_of(&payload)))
    }
}
