//! Starting epochs.

use std::collections::BTreeMap;

use super::{Effects, Prepared, Replica, State, WriteError, named};
use crate::{
    crypto::{aead::NONCE_LEN, kem::KemPublic, secret::Secret32, sign::SigningKey},
    epoch::{
        EpochStatement, Keyring,
        rotation::{admins_before, elected, rotation_due, turn_has_come},
    },
    id::{DeviceId, EpochId, StatementId},
    journal::{Disk, JournalError},
    membership::{MembershipAction, MembershipError, Roster},
    record::{Payload, epoch_record},
    signed::Signed,
    time::Timestamp,
};

/// Who states a new epoch, and what was drawn for it.
pub struct NewEpoch<'a> {
    /// The key that states the space's epochs.
    pub keeper: &'a SigningKey,
    /// The device that starts it: an admin device of the owner, once another one was revoked.
    pub device: &'a SigningKey,
    /// In a person's own space, the recovery key: it and all devices are then given the earlier
    /// secrets too. In a space that others read, nobody is.
    pub recovery: Option<KemPublic>,
    /// The epoch's secret.
    pub secret: Secret32,
    /// More that was drawn.
    pub entropy: Secret32,
}

/// Why no epoch was started; nothing of it is left.
#[derive(Debug, thiserror::Error)]
pub enum EpochStartError<E> {
    /// Somebody's key is none that anything can be sealed to.
    #[error("nothing can be sealed to one of those who are in")]
    Unsealable,
    /// A device was revoked, and this one may not say which epoch is written under since.
    #[error(transparent)]
    Refused(#[from] MembershipError),
    /// The space has as many epochs as it may, or its membership log is full. What the root ends opens more.
    #[error("the space has no room for another epoch")]
    NoRoom,
    /// It could not be written.
    #[error(transparent)]
    Write(#[from] WriteError<E>),
}

/// What was found about an epoch: for whom it was asked, and whether it was made for them.
#[derive(Debug)]
pub(super) struct Audience {
    epoch: EpochId,
    recipients: Vec<KemPublic>,
    is_for: bool,
}

/// What a device of the person remembers to tell when its turn has come to start an epoch of the
/// person's own space.
#[derive(Debug, Default)]
pub struct Watch {
    /// When each epoch that is written under was first seen here.
    first_seen: BTreeMap<EpochId, Timestamp>,
    /// Since when just these epochs are not for just the devices that there are.
    misdirected: Option<(Vec<EpochId>, Timestamp)>,
}

impl Watch {
    /// With what was remembered before a start.
    #[must_use]
    pub const fn new(first_seen: BTreeMap<EpochId, Timestamp>) -> Self {
        Self { first_seen, misdirected: None }
    }

    /// When each epoch that is written under was first seen here, to be remembered over a start.
    #[must_use]
    pub const fn first_seen(&self) -> &BTreeMap<EpochId, Timestamp> {
        &self.first_seen
    }

    /// Whether this device starts an epoch now: the present one is old, or it is not for just the devices
    /// that there are and the admin devices before this one have had time.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn is_due<D: Disk>(
        &mut self,
        now: Timestamp,
        own: &DeviceId,
        recovery: &KemPublic,
        replica: &mut Replica<D>,
    ) -> Result<bool, JournalError<D::Error>> {
        let (heads, is_misdirected) = replica.replaceable(Some(recovery))?;
        let state = replica.state();
        if !state.may_begin_epoch(state.roster()) {
            return Ok(false);
        }
        let may_start = admins_before(state.log().devices(), own).is_some();
        if state.log().has_endings() && (!may_start || state.keyring().written_under().is_empty()) {
            return Ok(may_start);
        }
        let is_old = self.is_old(now, own, state, &heads);
        Ok(is_old || self.is_our_turn(now, own, state, is_misdirected.then_some(heads)))
    }

    /// Whether this device's turn to start an epoch is to come, as it was when [`Watch::is_due`] was last asked.
    #[must_use]
    pub const fn waits(&self) -> bool {
        self.misdirected.is_some()
    }

    fn is_old(&mut self, now: Timestamp, own: &DeviceId, state: &State, heads: &[EpochId]) -> bool {
        self.first_seen.retain(|epoch, _| heads.contains(epoch));
        let seen = heads.iter().map(|epoch| *self.first_seen.entry(*epoch).or_insert(now)).min();
        let is_elected = elected(state.log().devices(), |_| false) == Some(*own);
        seen.is_some_and(|seen| rotation_due(now, seen, is_elected, state.epoch_count()))
    }

    /// With each epoch that somebody starts, everybody waits anew: devices that once collided would
    /// otherwise all have waited long enough, and collide again each time.
    fn is_our_turn(
        &mut self,
        now: Timestamp,
        own: &DeviceId,
        state: &State,
        misdirected: Option<Vec<EpochId>>,
    ) -> bool {
        self.misdirected = self.misdirected.take().filter(|(before, _)| Some(before) == misdirected.as_ref());
        let Some(heads) = misdirected else { return false };
        let since = self.misdirected.get_or_insert((heads, now)).1;
        let before = admins_before(state.log().devices(), own);
        before.is_some_and(|before| turn_has_come(now, since, before))
    }
}

impl<D: Disk> Replica<D> {
    /// Whether the epoch that is written under is not for just those who should read, or there are
    /// several: an owner's device that holds the keeper's seed then starts one, when its turn has come
    /// ([`crate::epoch::rotation::turn_has_come`]). `recovery` as in [`NewEpoch`].
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn is_epoch_due(&mut self, recovery: Option<&KemPublic>) -> Result<bool, JournalError<D::Error>> {
        Ok(self.replaceable(recovery)?.1)
    }

    /// The heads that an epoch of this device would replace, and whether one is due for what they are. What
    /// is not this device's to hand on, it cannot join with the others either.
    fn replaceable(
        &mut self,
        recovery: Option<&KemPublic>,
    ) -> Result<(Vec<EpochId>, bool), JournalError<D::Error>> {
        let keyring = self.state.keyring();
        let heads = keyring.heads();
        if let [head] = heads.as_slice()
            && keyring.tips() == heads
            && self.is_for_who_is_in(*head, recovery)?
        {
            return Ok((heads, false));
        }
        let known = self.explained();
        let heads = known.heads();
        let is_due = match heads.as_slice() {
            [] => false,
            // An epoch that may not be written under, and that this one does not replace: what was sealed
            // under it meanwhile some may be unable to read, until one joins both.
            [head] => known.tips() != heads || !self.is_for_who_is_in(*head, recovery)?,
            _ => true,
        };
        Ok((heads, is_due))
    }

    /// Whether an epoch is for just those who should read.
    fn is_for_who_is_in(
        &mut self,
        epoch: EpochId,
        recovery: Option<&KemPublic>,
    ) -> Result<bool, JournalError<D::Error>> {
        let recipients = self.state.roster().recipients(recovery);
        if let Some(known) = &self.audience
            && known.epoch == epoch
            && known.recipients == recipients
        {
            return Ok(known.is_for);
        }
        let Some(location) = self.state.statement(&StatementId::from(epoch)) else { return Ok(false) };
        let Ok(Payload::Epoch(statement)) = self.read_payload(location)? else { return Ok(false) };
        let secret = self.state.keyring().secret(&epoch);
        let is_for = secret.is_some_and(|secret| statement.is_for(secret, &recipients));
        self.audience = Some(Audience { epoch, recipients, is_for });
        Ok(is_for)
    }

    /// Starts an epoch for those who are in now, in the place of all that are written under. Durable
    /// after [`Replica::sync`].
    ///
    /// # Errors
    /// When somebody has a key that nothing can be sealed to, or the storage fails.
    pub fn begin_epoch(
        &mut self,
        new: &NewEpoch<'_>,
        nonce: &mut dyn FnMut() -> [u8; NONCE_LEN],
    ) -> Result<Effects, EpochStartError<D::Error>> {
        let mut roster = self.state.roster().clone();
        let prepared = self.prepare_epoch(new, &mut roster, nonce)?;
        Ok(self.append(prepared)?)
    }

    /// The records of an epoch for those who are in by `roster`: its statement, and once a device was
    /// revoked the word of this one that it had seen that.
    pub(super) fn prepare_epoch(
        &mut self,
        new: &NewEpoch<'_>,
        roster: &mut Roster,
        nonce: &mut dyn FnMut() -> [u8; NONCE_LEN],
    ) -> Result<Vec<Prepared>, EpochStartError<D::Error>> {
        if !self.state.may_begin_epoch(roster) {
            return Err(EpochStartError::NoRoom);
        }
        let known = self.explained();
        let statement = self.draft_epoch(new, roster, &known).ok_or(EpochStartError::Unsealable)?;
        let epoch = statement.body().epoch;
        let mut prepared = vec![(named(epoch_record(&statement)), Payload::Epoch(statement))];
        if roster.owner().has_endings() {
            let author = DeviceId::from_bytes(*new.device.verifying_key().as_bytes());
            let heads = roster.owner().heads();
            let action = MembershipAction::Epoch(epoch);
            let operation = roster.membership().sign(heads, author, action, new.device);
            roster.apply_membership(operation.clone())?;
            let payload = Payload::Membership(operation);
            let keyring = Keyring::of_one(&new.secret);
            prepared.push((self.seal_under(&keyring, &payload, nonce)?, payload));
        }
        Ok(prepared)
    }

    /// The epochs of which it is known here whom they leave out. Of another, or of one that it replaces, the
    /// statement came without what its author knew, or the secret without the statement: it is not this
    /// device's to hand on, and might go to whom it was kept from. Nor does what this device starts replace
    /// it: who lacks it would never be given it.
    fn explained(&self) -> Keyring {
        self.state.keyring().only(|epoch| self.state.is_explained(epoch))
    }

    /// `None` when one of the recipients' keys is no usable key.
    fn draft_epoch(
        &self,
        new: &NewEpoch<'_>,
        roster: &Roster,
        explained: &Keyring,
    ) -> Option<Signed<EpochStatement>> {
        let space = *self.state.space();
        let NewEpoch { keeper, recovery, secret, entropy, .. } = new;
        let to = roster.recipients(recovery.as_ref());
        let stated = match recovery {
            Some(_) => {
                let knows = roster.owner().has_endings();
                let heads = if knows { roster.owner().heads() } else { Vec::new() };
                EpochStatement::begin_knowing(space, keeper, secret, &to, explained, &heads, entropy)
            }
            None => {
                let known = self.state.keyring();
                EpochStatement::begin_shared(space, keeper, secret, &to, known, entropy)
            }
        };
        stated.ok()
    }
}
