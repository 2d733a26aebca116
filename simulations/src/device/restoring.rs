//! From a backup to a device on a new disk, as the node's shell does it.

use std::collections::BTreeSet;

use musette_protocol::{
    crypto::sign::SigningKey,
    epoch::Keyring,
    id::{DeviceId, EpochId, RecordId, StatementId},
    journal::JournalId,
    record::record_id,
    session::{Frontier, Session},
};

use super::{Device, write_trouble};
use crate::{
    check::{authenticity::Ledger, durability::Acknowledged},
    dice::Dice,
    person::Person,
    storage::Trouble,
};

/// What a person keeps of a device elsewhere.
pub struct Backup {
    records: Vec<Vec<u8>>,
    epochs: Keyring,
    /// What was acknowledged by then, and so is in it.
    acknowledged: Vec<Acknowledged>,
}

impl Device {
    /// Backs it up. Nothing of it is unsynced then.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn back_up(&self) -> Result<Backup, Trouble> {
        let epochs = self.state().keyring().to_grant().into_parts().0;
        Ok(Backup { records: self.storage.records()?, epochs, acknowledged: self.acknowledged.clone() })
    }

    /// Whether all come to agree when another device is lost. Who was let in and has met nobody since holds
    /// the secrets of epochs that perhaps only its sponsor can state: without that one it is let in again.
    #[must_use]
    pub fn may_lose_another(&self) -> bool {
        let states = |epoch: &EpochId| self.durable.states(&StatementId::from(*epoch));
        self.storage.epochs().iter().all(|(epoch, _)| states(epoch))
    }

    /// A new device in the place of this one, which is off: its disk holds what the backup does, and its
    /// person was told no more than that is safe. Without another key it goes on under the old one.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn restore(
        self,
        backup: Backup,
        key: Option<SigningKey>,
        journal: JournalId,
    ) -> Result<Self, Trouble> {
        let storage = self.storage.filled(journal, &backup.records, &backup.epochs)?;
        let key = key.unwrap_or(self.key);
        let mut restored = Self::new(self.number, key, storage, self.documents.memo(), self.breakage);
        restored.enrolled = true;
        restored.wall_offset_ms = self.wall_offset_ms;
        restored.scheduler = self.scheduler;
        restored.scheduler.renew();
        restored.acknowledged = backup.acknowledged;
        Ok(restored)
    }

    /// All of it but these records, for another device that takes its place; and what that one is to be told
    /// again that was acknowledged, once it has committed anew what it kept.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn give_up(
        &mut self,
        given_up: &BTreeSet<RecordId>,
        other: DeviceId,
    ) -> Result<(Backup, Vec<Acknowledged>), Trouble> {
        self.sync()?;
        let mut kept = self.back_up()?;
        kept.records.retain(|record| !given_up.contains(&record_id(record)));
        let mut acknowledged = std::mem::take(&mut kept.acknowledged);
        acknowledged.iter_mut().for_each(|write| write.give_up(given_up, other));
        Ok((kept, acknowledged))
    }

    /// Notes what was acknowledged before.
    pub fn note_acknowledged(&mut self, before: Vec<Acknowledged>) {
        self.acknowledged.extend(before);
    }

    /// It waits for another device from now on. Meanwhile it opens every epoch with the words' key.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn wait(&mut self, person: &Person) -> Result<(), Trouble> {
        self.storage.hold_recovery_key(true);
        Ok(self.replica().learn_key(person.recovery_secret())?)
    }

    /// Whether it was restored, and waits for another device.
    #[must_use]
    pub const fn is_waiting(&self) -> bool {
        self.storage.holds_recovery_key()
    }

    /// Whether this one waits for another device, and all that the other side of a session told is here,
    /// with an epoch to write under.
    #[must_use]
    pub fn may_go_on(&self, session: &Session) -> bool {
        let told: Option<&Frontier> = session.acknowledged(self.state().space());
        self.is_waiting()
            && self.has_epoch()
            && told.is_some_and(|frontier| frontier.is_covered_by(self.state()))
    }

    /// Commits what still waits for the commit that names it; from then on it writes.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn go_on(&mut self, person: &Person, dice: &mut Dice, ledger: &mut Ledger) -> Result<(), Trouble> {
        let replica = self.replica.as_mut().expect("only devices that are on are asked");
        let effects = replica.adopt_orphans(&self.key, &mut || dice.bytes()).map_err(write_trouble)?;
        for newly in &effects.counted {
            ledger.note_commit(&newly.counted, self.state());
            ledger.note_adopted(&newly.counted);
        }
        self.take_written(effects, ledger)?;
        self.sync()?;
        // No other key may open those that this one opened.
        if !self.keep_epochs() {
            return Err(Trouble::Full);
        }
        self.storage.hold_recovery_key(false);
        self.replica().forget_key(&person.recovery_kem());
        Ok(())
    }
}
