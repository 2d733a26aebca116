//! How the bad device is found out and taken out, and what must hold then.

use super::World;
use crate::{
    adversary::Vice,
    check::{Check, Violation, ensure},
    clock::Event,
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

    /// Some device that does not know yet that the bad one is out takes it out.
    pub(super) fn revoke(&mut self) -> Result<(), Violation> {
        let Some(villain) = self.plan.villain() else { return Ok(()) };
        let id = self.devices[villain].id;
        let unaware = self.honest().iter().filter(|device| device.is_on()).filter(|device| {
            let log = device.state().log();
            log.devices().contains_key(&id) && log.devices().contains_key(&device.id)
        });
        let unaware: Vec<usize> = unaware.map(|device| device.number).collect();
        if unaware.is_empty() {
            let is_out = self.honest().iter().any(|one| one.is_on() && one.state().log().has_ended(&id));
            if !is_out {
                self.schedule(AGAIN_MS, Event::Revoke);
            }
            return Ok(());
        }
        let by = unaware[self.dice.index(unaware.len())];
        let World { devices, person, dice, ledger, .. } = self;
        let device = &mut devices[by];
        let kept = device.state().head(&id).0;
        match device.revoke(id, person, dice, ledger) {
            Ok(secret) => {
                if device.is_broken(Breakage::KeepEpochOnRevocation) {
                    let mut known = devices[villain].storage.epochs();
                    known.insert(secret.duplicate(), &[]);
                    devices[villain].storage.keep_epochs(&known);
                }
                self.person.note_epoch(&secret);
                self.note_revocation(by, kept);
                self.expect_sync(by);
            }
            Err(Trouble::Full) => {
                self.tally.fault(Fault::WriteRefused);
                self.schedule(AGAIN_MS, Event::Revoke);
            }
            Err(trouble) => self.suffer(by, trouble)?,
        }
        Ok(())
    }

    fn note_revocation(&mut self, by: usize, kept: u64) {
        let Some(villain) = self.plan.villain() else { return };
        let id = self.devices[villain].id;
        self.tell(|_| format!("device {by} takes device {villain} out, of which it keeps {kept}"));
        if let Some(revocation) = self.devices[by].revocation_of(&id) {
            self.ledger.account.note_revocation(revocation, id, kept);
        }
        self.network.note_check(by);
        self.tally.fault(Fault::Revoked);
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
