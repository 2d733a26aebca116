//! After damage to the journal was skipped.
//!
//! Commits behind the damage wait for what it took. Another device sends that again, by itself:
//! this device's frontier says what it lacks. Until then nothing is signed here, because the chain
//! would go on below numbers that this device used before. Where there is no other device, or once
//! one has given all it has, what is still waiting is committed anew: the changes are there, only
//! their commits are not.

use std::collections::BTreeMap;

use musette_protocol::crypto::aead::NONCE_LEN;

use super::{Notice, Store, write_error};
use crate::{entropy, error::Result};

impl Store {
    /// Notes that records may be missing.
    pub(super) fn begin_healing(&mut self) -> Result<()> {
        self.change_keys(|keys| keys.healing = true)?;
        let alone = self.state().log().devices().len() <= 1;
        if alone { self.finish_healing() } else { Ok(()) }
    }

    /// Commits what still waits; this device may sign again.
    pub(super) fn finish_healing(&mut self) -> Result<()> {
        if !self.keys.healing {
            return Ok(());
        }
        let orphans = self.state().orphans().len();
        let effects = self
            .replica
            .adopt_orphans(&self.device_key, &mut entropy::bytes::<NONCE_LEN>)
            .map_err(write_error)?;
        self.unsynced = true;
        self.apply(effects, Vec::new());
        self.commit()?;
        self.change_keys(|keys| keys.healing = false)?;
        let args = BTreeMap::from([("records", orphans.to_string())]);
        self.notices.push(Notice { code: "healed", args });
        Ok(())
    }
}
