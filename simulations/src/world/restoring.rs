//! How a disk is lost, and a new device begins from an old backup.

use std::collections::BTreeMap;

use musette_protocol::{crypto::sign::SigningKey, id::DeviceId, journal::JournalId, record::Payload};

use super::{End, World, life::unexpected};
use crate::{
    check::{Check, Violation, ensure},
    clock::Event,
    device::{Backup, Device},
    options::Breakage,
    person::device_id,
    tally::Fault,
};

/// After so long somebody tries again.
const AGAIN_MS: u64 = 500;

impl World {
    /// Some honest device is backed up.
    pub(super) fn back_up(&mut self) -> Result<(), Violation> {
        let number = self.dice.index(self.plan.devices);
        let device = &self.devices[number];
        if !device.is_on() || device.dirty {
            self.schedule(AGAIN_MS, Event::BackUp);
            return Ok(());
        }
        self.backup = Some((number, device.back_up().map_err(unexpected)?));
        self.tell(|_| format!("device {number} is backed up"));
        Ok(())
    }

    /// The device that was backed up is lost with its disk, and a new one takes its place: enrolled by the
    /// root, with what the backup holds. Its person says that there is no other one, or it waits for them.
    pub(super) fn restore(&mut self) -> Result<(), Violation> {
        let World { backup, devices, .. } = self;
        let Some((number, backup)) = backup.take_if(|backup| {
            let others = devices.iter().filter(|other| other.number != backup.0);
            others.filter(|other| other.enrolled).all(Device::may_lose_another)
        }) else {
            self.schedule(AGAIN_MS, Event::Restore);
            return Ok(());
        };
        self.lose(number);
        self.tally.fault(Fault::Restored);
        self.tell(|_| format!("device {number} is lost, and another one begins from its backup"));
        let keeps_key = self.devices[number].is_broken(Breakage::KeepDeviceKey);
        let (key, journal) = (SigningKey::from_secret(&self.dice.secret()), self.dice.bytes());
        self.replace(number, backup, (!keeps_key).then_some(key), JournalId::from_bytes(journal))?;
        if !keeps_key {
            let device = &mut self.devices[number];
            let enrolment = self.person.enrol(device.state().log(), None, device.key(), true);
            let statements = vec![Payload::Operation(enrolment)];
            let written = device.write_statements(statements, &mut self.dice, &self.ledger);
            written.and_then(|()| device.sync().map(|_| ())).map_err(unexpected)?;
            if self.dice.one_in(2) || !device.has_epoch() {
                device.wait(&self.person).map_err(unexpected)?;
            } else {
                self.go_on(number).map_err(unexpected)?;
                self.expect_sync(number);
            }
        }
        self.introduce(number);
        Ok(())
    }

    /// Honest devices to which the bad one gave different histories come together again: each that holds another
    /// one than some device before goes on as another, without what that one is not known to hold.
    pub(super) fn come_together(&mut self) -> Result<(), Violation> {
        let Some(villain) = self.plan.villain().map(|villain| self.devices[villain].id) else {
            return Ok(());
        };
        for number in 1..self.plan.devices {
            let of_villain = |number: usize| {
                let counted = self.devices[number].state().counted();
                counted.filter(|one| one.device == villain).map(|one| one.commit).collect::<Vec<_>>()
            };
            let own = of_villain(number);
            let differs =
                |first: &usize| of_villain(*first).iter().zip(&own).any(|(first, own)| first != own);
            if let Some(first) = (0..number).find(differs) {
                self.split(number, first, villain)?;
            }
        }
        self.parted = false;
        self.healed_at_ms = self.clock.now_ms();
        self.run_until_quiet()?;
        ensure(!self.parted, Check::Convergence, || "two histories still keep devices apart".to_owned())
    }

    fn split(&mut self, number: usize, first: usize, villain: DeviceId) -> Result<(), Violation> {
        if self.devices[number].is_waiting() {
            self.go_on(number).map_err(unexpected)?;
        }
        // The epoch since the bad device was taken out may be with those from which this one is kept apart.
        if !self.devices[number].is_in() || !self.devices[number].has_epoch() {
            self.take_in_again_by(number)?;
        }
        let first = self.devices[first].id;
        let known = self.devices[number].state().known_to(|device| *device == first, std::iter::empty());
        let stays = BTreeMap::from([(villain, known.get(&villain).copied().unwrap_or(0))]);
        let given_up = self.devices[number].state().given_up(&stays).records;
        let (key, journal) = (SigningKey::from_secret(&self.dice.secret()), self.dice.bytes());
        self.tally.fault(Fault::Split);
        self.tell(|_| format!("device {number} goes on as another one, without {} records", given_up.len()));
        let device = &mut self.devices[number];
        let attached = device.attached()?;
        let enrolment = self.person.enrol(device.state().log(), Some(device.key()), &key, true);
        let (kept, acknowledged) = device.give_up(&given_up, device_id(&key)).map_err(unexpected)?;
        self.lose(number);
        self.replace(number, kept, Some(key), JournalId::from_bytes(journal))?;
        let World { devices, person, dice, ledger, .. } = self;
        let device = &mut devices[number];
        let written = device.write_statements(vec![Payload::Operation(enrolment)], dice, ledger);
        written.and_then(|()| device.go_on(person, dice, ledger)).map_err(unexpected)?;
        device.note_acknowledged(acknowledged);
        device.note_attached(attached);
        device.forget_late(dice, ledger).and_then(|_| device.sync()).map_err(unexpected)?;
        self.introduce(number);
        Ok(())
    }

    /// A device comes to its end, and so do its connections.
    fn lose(&mut self, number: usize) {
        if self.devices[number].is_on() {
            self.end(number, End::Kill);
        }
        for connection in self.network.select(|connection| connection.ends.contains(&number)) {
            self.disconnect(connection);
        }
    }

    /// A device with what was kept takes the place of one that was lost; without a key, as the same one.
    fn replace(
        &mut self,
        number: usize,
        kept: Backup,
        key: Option<SigningKey>,
        journal: JournalId,
    ) -> Result<(), Violation> {
        let before = self.devices.remove(number);
        let lost = before.id;
        self.devices.insert(number, before.restore(kept, key, journal).map_err(unexpected)?);
        self.start(number)?;
        if self.devices[number].id != lost {
            self.lost.push(lost);
            self.let_go_of(lost);
        }
        Ok(())
    }

    /// Nobody dials any more who is lost. Some notice early that nothing is heard of it.
    fn let_go_of(&mut self, lost: DeviceId) {
        for number in 0..self.devices.len() {
            let moment = self.moment(number);
            let device = &mut self.devices[number];
            device.scheduler.change_addresses(moment, |addresses| {
                addresses.remove(&lost);
            });
            if self.dice.one_in(2) {
                device.away.insert(lost);
            }
        }
    }

    /// After a while all notice that nothing is heard of who is lost.
    pub(super) fn miss_the_lost(&mut self) {
        let villain = self.plan.villain().map(|villain| self.devices[villain].id);
        for device in &mut self.devices {
            device.away.extend(self.lost.iter().chain(&villain));
        }
    }

    /// Once nobody has anything more to tell, a restored device has heard all there is: at the latest when
    /// everything is compared once more. True if one waited for that.
    pub(super) fn end_waiting(&mut self) -> Result<bool, Violation> {
        let waits = |world: &Self| world.honest().iter().any(|device| device.is_waiting());
        if !waits(self) {
            return Ok(false);
        }
        self.check_periodically()?;
        ensure(!waits(self), Check::Quiet, || "a restored device waits for ever".to_owned())?;
        Ok(true)
    }
}
