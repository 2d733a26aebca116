//! What it costs to take a device out of many spaces that many read: for each of them the revocation, the
//! person's new key, and an epoch that is sealed to everybody but that device.

use musette_protocol::{
    crypto::{secret::Secret32, sign::SigningKey},
    epoch::{epoch_id, person_key, space_id},
    id::DocumentId,
    identity::log::{Action, Author, Kept, PersonKey, Revocation},
    membership::{MembershipAction, Role},
    record::{Change, Payload},
    replica::{Write, rotating::NewEpoch},
};

use super::{
    Shared,
    cast::Party,
    epoch_trouble,
    member::{Member, write_trouble},
};
use crate::{dice::Dice, person::device_id, storage::Trouble};

/// A person with two devices and spaces that all contacts read.
pub struct Crowd {
    dice: Dice,
    owner: Party,
    device: Member,
    spaces: Vec<Shared>,
}

impl Crowd {
    /// So many spaces, each read by so many contacts, and written in by both devices.
    ///
    /// # Errors
    /// Never: all is valid, and the disks are in memory.
    pub fn new(spaces: usize, contacts: usize) -> Result<Self, Trouble> {
        let mut dice = Dice::new(1);
        let owner = Party::new(2, &mut dice);
        let contacts: Vec<Party> = (0..contacts).map(|_| Party::new(1, &mut dice)).collect();
        let device = Member::new(0, &owner.devices[0], &mut dice);
        let mut crowd = Self { dice, owner, device, spaces: Vec::new() };
        (0..spaces).try_for_each(|_| crowd.add_space(&contacts))?;
        Ok(crowd)
    }

    fn add_space(&mut self, contacts: &[Party]) -> Result<(), Trouble> {
        let Self { dice, owner, device, spaces } = self;
        let keeper = SigningKey::from_secret(&dice.secret());
        let id = space_id(&keeper.verifying_key(), &owner.recovery_keeper());
        device.open(id, owner, owner)?;
        let beginning = owner.begin_space(&id, &keeper, dice);
        device.write_statements(&id, beginning.payloads, dice)?;
        for contact in contacts {
            let log = contact.log.in_order().into_iter().cloned().map(Payload::Operation);
            let Some(state) = device.state(&id) else { return Ok(()) };
            let action = MembershipAction::Add { inception: contact.inception.clone(), role: Role::Reader };
            let roster = state.roster();
            let addition = roster.membership().sign(roster.owner().heads(), device.id, action, &device.key());
            device.write_statements(&id, vec![Payload::Membership(addition)], dice)?;
            device.write_statements(&id, log.collect(), dice)?;
        }
        spaces.push(Shared { id, keeper });
        let (space, secret) = (spaces.len() - 1, dice.secret());
        self.begin_epoch(space, secret)?;
        let [_, other] = [0, 1].map(|place| SigningKey::from_secret(&self.owner.devices[place]));
        let Some(replica) = self.device.replica(&id) else { return Ok(()) };
        let change = Change { document: DocumentId::from_bytes([1; 16]), bytes: b"word".to_vec() };
        replica
            .write(vec![Write::Change(change)], &other, &mut || self.dice.bytes())
            .map_err(write_trouble)?;
        self.device.sync()
    }

    fn begin_epoch(&mut self, space: usize, secret: Secret32) -> Result<(), Trouble> {
        let Shared { id, keeper } = &self.spaces[space];
        let (key, entropy) = (self.device.key(), self.dice.secret());
        let Some(replica) = self.device.replica(id) else { return Ok(()) };
        let epoch = NewEpoch { keeper, device: &key, recovery: None, secret, entropy };
        replica.begin_epoch(&epoch, &mut || self.dice.bytes()).map_err(epoch_trouble)?;
        Ok(())
    }

    /// Takes the other device out of all of them, durably; gives the bytes that were written.
    ///
    /// # Errors
    /// Never: all is valid, and the disks are in memory.
    pub fn revoke(&mut self) -> Result<u64, Trouble> {
        let before = self.bytes();
        let device = device_id(&SigningKey::from_secret(&self.owner.devices[1]));
        let mut kept: Vec<Kept> = self.device.states().filter_map(|state| state.kept_of(&device)).collect();
        kept.sort_by_key(|kept| kept.space);
        let secret = self.dice.secret();
        let key = PersonKey { epoch: epoch_id(&secret), kem: person_key(&secret).public() };
        for action in
            [Action::Revoke(Revocation { device, kept, undone: Vec::new() }), Action::PersonKey(key)]
        {
            let operation = self.owner.log.sign(Author::Device(self.device.id), action, &self.device.key());
            self.owner.log.apply(operation.clone()).expect("a device of the person says so");
            self.device.announce(operation, &mut self.dice)?;
        }
        for space in 0..self.spaces.len() {
            let secret = self.dice.secret();
            self.begin_epoch(space, secret)?;
        }
        self.device.sync()?;
        Ok(self.bytes() - before)
    }

    /// Whether every space has an epoch to write under which the other device does not hold.
    #[must_use]
    pub fn is_out(&self) -> bool {
        let device = device_id(&SigningKey::from_secret(&self.owner.devices[1]));
        self.device
            .states()
            .all(|state| state.log().has_ended(&device) && !state.keyring().written_under().is_empty())
    }

    fn bytes(&mut self) -> u64 {
        self.device.replicas().values().map(|replica| replica.journal().bytes()).sum()
    }
}
