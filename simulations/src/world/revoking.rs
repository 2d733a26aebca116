//! How the bad device is found out and taken out, and what must hold then.

use super::World;
use crate::{
    adversary::Vice,
    check::{Check, Violation, ensure},
    clock::Event,
    device::Device,
    options::Breakage,
    storage::Trouble,
    tally::Fault,
};

/// After so long somebody tries again.
const AGAIN_MS: u64 = 1_000;

impl World {
    /// The device after the honest ones, which was like them, falls into wrong hands.
    pub(super) fn steal(&mut self) {
        self.villain = self.plan.vice.map(Vice::villain);
        self.tally.fault(Fault::Stolen);
        self.tell(|world| format!("device {} is stolen", world.plan.devices));
    }

    /// The bad device takes honest ones out: one, or all that it knows.
    pub(super) fn revolt(&mut self) -> Result<(), Violation> {
        let Some(villain) = self.plan.villain() else { return Ok(()) };
        if !self.devices[villain].is_on() || !self.devices[villain].may_write() {
            return Ok(());
        }
        let known = self.devices[villain].state().log().devices();
        let honest = self.honest().iter().filter(|device| known.contains_key(&device.id));
        let mut targets: Vec<usize> = honest.map(|device| device.number).collect();
        if targets.is_empty() {
            return Ok(());
        }
        if !self.dice.one_in(3) {
            targets = vec![targets[self.dice.index(targets.len())]];
        }
        for target in targets {
            if !self.devices[villain].is_on() {
                break;
            }
            if self.take_out(villain, target, false)? {
                self.tally.fault(Fault::Revolted);
            }
        }
        Ok(())
    }

    /// Some device that does not know yet that the bad one is out takes it out. With the words also one that
    /// is out itself, or sees another one out that should be in.
    pub(super) fn revoke(&mut self) -> Result<(), Violation> {
        let Some(villain) = self.plan.villain() else { return Ok(()) };
        let (id, with_words) = (self.devices[villain].id, self.plan.with_words);
        let is_asked = |device: &&Device| {
            let log = device.state().log();
            let stands = log.devices().contains_key(&device.id);
            log.devices().contains_key(&id) && (stands || with_words)
                || with_words && self.missed_by(device) > 0
        };
        let on = self.honest().iter().filter(|device| device.is_on() && !device.is_waiting());
        let asked: Vec<usize> = on.filter(is_asked).map(|device| device.number).collect();
        if asked.is_empty() {
            let is_out = self.honest().iter().any(|one| one.is_on() && one.state().log().has_ended(&id));
            if !is_out {
                self.schedule(AGAIN_MS, Event::Revoke);
            }
            return Ok(());
        }
        let by = asked[self.dice.index(asked.len())];
        if !self.take_out(by, villain, with_words)? {
            self.schedule(AGAIN_MS, Event::Revoke);
        }
        Ok(())
    }

    /// How many are out for a device who should be in, those among them whose disk is lost: their work is in
    /// quarantine.
    fn missed_by(&self, device: &Device) -> usize {
        let log = device.state().log();
        let honest = self.honest().iter().map(|other| &other.id).chain(&self.lost);
        honest.filter(|other| log.has_ended(other)).count()
    }

    /// Once all is quiet, whoever should be in is in again, by the words.
    pub(super) fn take_in_again(&mut self) -> Result<(), Violation> {
        for _ in 0..self.plan.devices {
            // Who waits for another device is to hear from that one first.
            let asked = self.honest().iter().filter(|device| !device.is_waiting());
            let missing = asked.filter(|device| self.missed_by(device) > 0);
            let missing: Vec<usize> = missing.map(|device| device.number).collect();
            if missing.is_empty() {
                return Ok(());
            }
            let by = missing[self.dice.index(missing.len())];
            self.take_in_again_by(by)?;
            self.healed_at_ms = self.clock.now_ms();
            self.run_until_quiet()?;
        }
        Err(Violation::new(Check::Convergence, "an honest device stays out whatever the words say"))
    }

    /// Uses the words on a device: against the bad one, whatever it did.
    pub(super) fn take_in_again_by(&mut self, by: usize) -> Result<(), Violation> {
        let Some(villain) = self.plan.villain() else { return Ok(()) };
        self.take_out(by, villain, true).map(|_| ())
    }

    /// Lets a device take another one out; false if it could not.
    fn take_out(&mut self, by: usize, other: usize, with_words: bool) -> Result<bool, Violation> {
        let missed = self.missed_by(&self.devices[by]);
        let World { devices, person, dice, ledger, .. } = self;
        let id = devices[other].id;
        let device = &mut devices[by];
        let kept = device.state().head(&id).0;
        let root = with_words.then(|| person.root());
        match device.revoke(id, root, person, dice, ledger) {
            Ok((revocation, secret)) => {
                if device.is_broken(Breakage::KeepEpochOnRevocation) {
                    let mut known = devices[other].storage.epochs();
                    known.insert(secret.duplicate(), &[]);
                    devices[other].storage.keep_epochs(&known);
                }
                self.person.note_epoch(&secret);
                self.tell(|_| format!("device {by} takes device {other} out, of which it keeps {kept}"));
                if let Some(revocation) = revocation {
                    let World { devices, ledger, .. } = self;
                    ledger.account.note_revocation(revocation, id, kept, devices[by].state().log());
                }
                self.network.note_check(by);
                if Some(other) == self.plan.villain() {
                    self.tally.fault(Fault::Revoked);
                }
                if with_words {
                    self.tally.fault(Fault::Words);
                    (0..missed).for_each(|_| self.tally.fault(Fault::InAgain));
                }
                self.expect_sync(by);
                Ok(true)
            }
            Err(Trouble::Full) => {
                self.tally.fault(Fault::WriteRefused);
                Ok(false)
            }
            Err(trouble) => self.suffer(by, trouble).map(|()| false),
        }
    }

    /// All that stand have the same in quarantine, as the rule says, and show none of it; and who is out
    /// can read nothing that was written by who knew.
    pub(super) fn check_revoked(&mut self) -> Result<(), Violation> {
        let Some(villain) = self.plan.villain() else { return Ok(()) };
        let id = self.devices[villain].id;
        let World { devices, ledger, tally, plan, .. } = self;
        let holds = devices[villain].storage.epochs();
        let state = devices[0].state();
        if !state.log().has_ended(&id) {
            return Ok(());
        }
        if state.log().ended_by(&id).len() > 1 {
            tally.fault(Fault::RevokedTwice);
        }
        let quarantined = state.quarantined();
        for device in &devices[..plan.devices] {
            ensure(device.state().quarantined() == quarantined, Check::Convergence, || {
                format!("device {} has other things in quarantine than device 0", device.number)
            })?;
            // Whose second history is held was not written as one.
            if plan.vice != Some(Vice::Forks) {
                ledger.account.check_quarantine(&id, device.state())?;
            }
            let shown = quarantined.iter().find(|late| device.documents.has(late.document, &late.record));
            ensure(shown.is_none(), Check::Quarantine, || {
                format!("device {} shows what is in quarantine: {shown:?}", device.number)
            })?;
            tally.check(Check::Quarantine);
        }
        quarantined.iter().for_each(|_| tally.fault(Fault::Late));
        let since = ledger.account.written_since(&id, devices[0].state());
        for record in since {
            devices[0].check_unreadable(&record, &holds).map_err(super::life::unexpected)?;
            tally.check(Check::Secrecy);
        }
        Ok(())
    }
}
