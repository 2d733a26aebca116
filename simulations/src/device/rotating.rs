//! Epochs of the person's own space, as the node's shell starts and keeps them.

use musette_protocol::{
    crypto::secret::Secret32, epoch::Keyring, record::open, replica::rotating::NewEpoch, time::Timestamp,
};

use super::{Device, revoking::epoch_trouble};
use crate::{
    check::{Check, authenticity::Ledger, ensure},
    dice::Dice,
    options::Breakage,
    person::Person,
    storage::Trouble,
};

impl Device {
    /// Puts the secrets of new epochs into the vault, once their statements are durable. Where it cannot,
    /// the journal tells them at the next start, as long as nothing of it moves and no index takes the place
    /// of reading it; false when there is no room.
    pub fn keep_epochs(&mut self) -> bool {
        let replica = self.replica.as_ref().expect("only devices that are on are asked");
        let keyring = replica.state().keyring();
        keyring.count() == self.storage.epochs_kept() || self.storage.keep_epochs(keyring)
    }

    /// What a device that this one lets in is handed.
    #[must_use]
    pub fn grant(&self) -> Keyring {
        let keyring = self.state().keyring();
        let mut newest = Keyring::default();
        match keyring.heads().first().and_then(|head| keyring.secret(head)) {
            Some(secret) if self.is_broken(Breakage::GrantNewestOnly) => {
                newest.insert(secret.duplicate(), &[]);
                newest
            }
            _ => keyring.to_grant().into_parts().0,
        }
    }

    /// Checks that who was handed these secrets can read all that is held here.
    ///
    /// # Errors
    /// When it cannot.
    pub fn check_granted(&mut self, granted: &Keyring) -> Result<(), Trouble> {
        let space = *self.state().space();
        for location in self.state().locations() {
            let record = self.replica().read(location)?;
            let opened = open(&record, &space, granted);
            ensure(opened.is_ok(), Check::Grant, || format!("who is let in gets a record: {opened:?}"))?;
        }
        Ok(())
    }

    /// Whether an epoch is to be started, be it not yet by this device.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn is_epoch_due(&mut self, person: &Person) -> Result<bool, Trouble> {
        Ok(!self.is_waiting() && self.replica().is_epoch_due(Some(&person.recovery_kem()))?)
    }

    /// Starts an epoch, if the present one is old or not for just the devices that there are, and it is
    /// this one's turn; gives how many were written under before, and the new one's secret.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn rotate(
        &mut self,
        now: Timestamp,
        person: &Person,
        dice: &mut Dice,
        ledger: &Ledger,
    ) -> Result<Option<(usize, Secret32)>, Trouble> {
        if self.is_waiting() {
            return Ok(None);
        }
        let replica = self.replica.as_mut().expect("only devices that are on are asked");
        let is_due = self.watch.is_due(now, &self.id, &person.recovery_kem(), replica)?;
        if is_due { self.begin_epoch(person, dice, ledger).map(Some) } else { Ok(None) }
    }

    /// Starts an epoch, if the present one is not for just the devices that there are, without waiting for
    /// its turn; gives the same.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn rotate_at_once(
        &mut self,
        person: &Person,
        dice: &mut Dice,
        ledger: &Ledger,
    ) -> Result<Option<(usize, Secret32)>, Trouble> {
        let is_due = self.is_epoch_due(person)?;
        if is_due { self.begin_epoch(person, dice, ledger).map(Some) } else { Ok(None) }
    }

    fn begin_epoch(
        &mut self,
        person: &Person,
        dice: &mut Dice,
        ledger: &Ledger,
    ) -> Result<(usize, Secret32), Trouble> {
        let recovery = person.recovery_kem();
        let replica = self.replica.as_mut().expect("only devices that are on are asked");
        let heads = replica.state().keyring().heads().len();
        let (secret, entropy) = (dice.secret(), dice.secret());
        let drawn = secret.duplicate();
        let new = NewEpoch {
            keeper: person.keeper(),
            device: &self.key,
            recovery: Some(recovery),
            secret,
            entropy,
        };
        let nonce = &mut || dice.bytes();
        let effects = replica.begin_epoch(&new, nonce).map_err(epoch_trouble)?;
        self.take_written(effects, ledger)?;
        Ok((heads, drawn))
    }
}
