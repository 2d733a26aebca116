//! When a new epoch is due, and who starts it.
//!
//! A secret that leaked unnoticed opens what is written until the next one. So a new one is drawn
//! every month, by one device: were all to do so, there would be as many heads. Should that device
//! sleep, the others do it a week later.
//!
//! What it does not promise: that this goes on for ever. A space holds [`MAX_EPOCHS`] epochs at most,
//! and age starts none of the last [`EPOCHS_KEPT_FOR_REMOVALS`]: with one a month, 16 years. From
//! then on a secret that leaked unnoticed stays good until a device is removed; after [`MAX_EPOCHS`]
//! a removal starts none either, and the removed device could read on what it comes to hold.

use std::collections::BTreeMap;

use crate::{
    id::DeviceId,
    identity::log::Device,
    limits::{EPOCHS_KEPT_FOR_REMOVALS, MAX_EPOCHS, ROTATION_AGE_MS, ROTATION_GRACE_MS},
    time::Timestamp,
};

/// Whether this device starts a new epoch because of the age of the one that is written under.
///
/// `first_seen` is when this device first held that epoch, by its own clock (of several, the one
/// held longest); it is stored and never corrected. A clock that falls back to 1970 at every start
/// makes an epoch seem to come from the future, and it is then simply not old: were its date brought
/// back to the clock, each start would end with a new epoch. `epochs` is how many are held.
#[must_use]
pub const fn rotation_due(now: Timestamp, first_seen: Timestamp, is_elected: bool, epochs: usize) -> bool {
    let limit = if is_elected { ROTATION_AGE_MS } else { ROTATION_AGE_MS + ROTATION_GRACE_MS };
    now.millis_since(first_seen) >= limit && epochs < MAX_EPOCHS - EPOCHS_KEPT_FOR_REMOVALS
}

/// The device that starts epochs by age: of the admin devices the first by name, so that all agree
/// without a word.
#[must_use]
pub fn elected(devices: &BTreeMap<DeviceId, Device>) -> Option<DeviceId> {
    devices.iter().find(|(_, device)| device.certificate.admin).map(|(id, _)| *id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        crypto::{kem::KemSecret, secret::Secret32},
        id::{OperationId, PersonId},
        identity::certificate::Certificate,
        testkit::device,
    };

    const DAY_MS: i64 = 24 * 60 * 60 * 1000;

    fn at(day: i64) -> Timestamp {
        Timestamp::from_millis(day * DAY_MS)
    }

    #[test]
    fn the_elected_device_rotates_after_a_month_and_the_others_a_week_later() {
        assert!(!rotation_due(at(129), at(100), true, 1));
        assert!(rotation_due(at(130), at(100), true, 1));
        assert!(!rotation_due(at(136), at(100), false, 1));
        assert!(rotation_due(at(137), at(100), false, 1));
    }

    #[test]
    fn a_clock_that_falls_back_at_every_start_rotates_once_a_month() {
        let (mut first_seen, mut rotations) = (at(20_000), 0);
        for day in 20_000..20_090 {
            for now in [at(0), at(day)] {
                if rotation_due(now, first_seen, true, 1) {
                    first_seen = now;
                    rotations += 1;
                }
            }
        }
        assert_eq!(rotations, 2);
    }

    #[test]
    fn clocks_at_their_ends_make_nothing_overflow() {
        let (first, last) = (Timestamp::from_millis(i64::MIN), Timestamp::from_millis(i64::MAX));
        assert!(rotation_due(last, first, false, 1));
        assert!(!rotation_due(first, last, true, 1));
    }

    #[test]
    fn the_last_epochs_are_kept_for_removals() {
        let last = MAX_EPOCHS - EPOCHS_KEPT_FOR_REMOVALS;
        assert!(rotation_due(at(200), at(100), true, last - 1));
        assert!(!rotation_due(at(200), at(100), true, last));
    }

    #[test]
    fn the_first_admin_is_elected() {
        let describe = |byte: u8, admin| {
            let certificate = Certificate {
                person: PersonId::from_bytes([9; 32]),
                device: device(byte),
                kem: KemSecret::from_secret(&Secret32::from_bytes([byte; 32])).public(),
                name: "device".to_owned(),
                admin,
            };
            let enrolment = OperationId::from_bytes([byte; 32]);
            (device(byte), Device { certificate, verified: true, enrolment })
        };
        let mut devices: BTreeMap<_, _> =
            (1..=5).map(|byte| describe(byte, byte != 1 && byte != 2)).collect();
        let first = (3..=5).map(device).min();
        assert_eq!(elected(&devices), first);
        devices.retain(|_, device| !device.certificate.admin);
        assert_eq!(elected(&devices), None);
    }
}
