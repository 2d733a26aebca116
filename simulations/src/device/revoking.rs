//! How a device takes another one out, and what it then makes of what came too late.

use std::collections::BTreeSet;

use musette_protocol::{
    crypto::{secret::Secret32, sign::SigningKey},
    epoch::Keyring,
    id::{DeviceId, DocumentId, OperationId, RecordId},
    identity::log::{Action, Author, Kept, Revocation},
    journal::memory::MemoryDiskError,
    record::Payload,
    replica::{
        revoking::{RevokeError, Revoking},
        rotating::{EpochStartError, NewEpoch},
    },
};

use super::{Device, write_trouble};
use crate::{
    check::{Check, Violation, authenticity::Ledger, revocation::check_unreadable},
    dice::Dice,
    options::Breakage,
    person::Person,
    storage::Trouble,
};

impl Device {
    /// Whether what it writes would count: it stands, waits for nobody, and there is an epoch to write
    /// under.
    #[must_use]
    pub fn may_write(&self) -> bool {
        !self.is_waiting() && self.is_in() && self.has_epoch()
    }

    /// Whether it runs, and does not know that it was taken out.
    #[must_use]
    pub fn is_in(&self) -> bool {
        self.is_on() && !self.state().log().has_ended(&self.id)
    }

    /// Whether there is an epoch to write under.
    #[must_use]
    pub fn has_epoch(&self) -> bool {
        !self.state().keyring().written_under().is_empty()
    }

    /// Takes a device out, or with the recovery words again one that is out, and starts an epoch that it does
    /// not hold; gives the revocation, if there is a new one, and that epoch's secret. Whom the device had taken
    /// out is in again.
    ///
    /// # Errors
    /// When the disk refuses: then nothing was written.
    pub fn revoke(
        &mut self,
        device: DeviceId,
        root: Option<&SigningKey>,
        person: &Person,
        dice: &mut Dice,
        ledger: &Ledger,
    ) -> Result<(Option<OperationId>, Secret32), Trouble> {
        let known = self.revocations_of(&device);
        let by_it = self.state().log().revocations_by(&device);
        let mut undone: Vec<OperationId> = by_it.into_iter().map(|(id, _)| id).collect();
        undone.sort_unstable();
        if self.is_broken(Breakage::UndoNothing) {
            undone.clear();
        }
        let mut is_done = root.is_none() && !known.is_empty();
        if self.is_broken(Breakage::KeepOneMore) {
            self.keep_one_more(device, &undone, root, dice, ledger)?;
            is_done = true;
        }
        let replica = self.replica.as_mut().expect("only devices that are on are asked");
        let (secret, entropy) = (dice.secret(), dice.secret());
        let drawn = secret.duplicate();
        let recovery = Some(person.recovery_kem());
        let epoch = NewEpoch { keeper: person.keeper(), device: &self.key, recovery, secret, entropy };
        let nonce = &mut || dice.bytes();
        let effects = if is_done {
            replica.begin_epoch(&epoch, nonce).map_err(epoch_trouble)?
        } else {
            let revoking = Revoking { device, undone, root, epoch };
            replica.revoke(&revoking, nonce).map_err(|error| match error {
                RevokeError::Refused(error) => refused(&error).into(),
                RevokeError::Epoch(error) => epoch_trouble(error),
            })?
        };
        self.take_written(effects, ledger)?;
        Ok((self.revocations_of(&device).difference(&known).next().copied(), drawn))
    }

    /// The revocations because of which a device is out.
    fn revocations_of(&self, device: &DeviceId) -> BTreeSet<OperationId> {
        self.state().log().ended_by(device).iter().map(|ended| ended.operation).collect()
    }

    /// What [`Breakage::KeepOneMore`] does.
    fn keep_one_more(
        &mut self,
        device: DeviceId,
        undone: &[OperationId],
        root: Option<&SigningKey>,
        dice: &mut Dice,
        ledger: &Ledger,
    ) -> Result<(), Trouble> {
        let kept = self.state().kept_of(&device).map(|kept| Kept { number: kept.number + 1, ..kept });
        let (kept, undone) = (kept.into_iter().collect(), undone.to_vec());
        let action = Action::Revoke(Revocation { device, kept, undone });
        let log = self.state().log();
        let operation = match root {
            Some(root) => log.sign(Author::Root, action, root),
            None => log.sign(Author::Device(self.id), action, &self.key),
        };
        self.write_statements(vec![Payload::Operation(operation)], dice, ledger)
    }

    /// Checks that with what somebody holds who is out nobody can read a record, if it is held here.
    ///
    /// # Errors
    /// When it can be read.
    pub fn check_unreadable(&mut self, record: &RecordId, holds: &Keyring) -> Result<(), Trouble> {
        let Some(location) = self.state().location(record) else { return Ok(()) };
        let sealed = self.replica().read(location)?;
        Ok(check_unreadable(&sealed, self.state(), holds)?)
    }

    /// Reads documents again of which something was put into quarantine or taken out of it.
    pub(super) fn redraw(&mut self, documents: BTreeSet<DocumentId>) -> Result<(), Trouble> {
        if self.is_broken(Breakage::IgnoreQuarantine) {
            return Ok(());
        }
        for id in documents {
            let is_shown = !self.state().is_forgotten(&id);
            if !is_shown {
                self.note_late(id)?;
            }
            let counting: Vec<_> = self.state().document(&id).filter(|_| is_shown).collect();
            let mut changes = Vec::new();
            for (record, location) in counting {
                changes.push((record, self.read_change(location)?));
            }
            self.documents.replace(id, changes);
        }
        Ok(())
    }
}

pub(super) fn epoch_trouble(error: EpochStartError<MemoryDiskError>) -> Trouble {
    match error {
        EpochStartError::Write(error) => write_trouble(error),
        error => refused(&error).into(),
    }
}

fn refused(error: &dyn std::error::Error) -> Violation {
    Violation::new(Check::Courtesy, error.to_string())
}
