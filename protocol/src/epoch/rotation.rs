//! When a new epoch is due, and who starts it.
//!
//! A secret that leaked unnoticed opens what is written until the next one. So a new one is drawn
//! every month, by one device: were all to do so, there would be as many heads. Should that device
//! sleep, the others do it a week later.
//!
//! One is also due as soon as the present one is not for just those who should read
//! ([`crate::replica::Replica::is_epoch_due`]): a device was enrolled that it is not sealed to, or two
//! devices started one each. The admin devices do that in turn, by name, ten seconds apart.
//!
//! What it does not promise: that this goes on for ever. A space holds [`MAX_EPOCHS`] epochs at most,
//! and age starts none of the last [`EPOCHS_KEPT_FOR_REMOVALS`]: with one a month, 16 years. From
//! then on a secret that leaked unnoticed stays good until a device is removed. The last
//! [`PLACES_KEPT_FOR_ROOT`](crate::limits::PLACES_KEPT_FOR_ROOT) are for what the root ends: without room for an
//! epoch nobody is taken out, and the person is told to use the recovery words.

use std::collections::BTreeMap;

use crate::{
    id::DeviceId,
    identity::log::Device,
    limits::{EPOCH_TURN_MS, EPOCHS_KEPT_FOR_REMOVALS, MAX_EPOCHS, ROTATION_AGE_MS, ROTATION_GRACE_MS},
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

/// Whether it is this device's turn to start an epoch because the present one is not for those who
/// are in now, which was first noticed at `since` by its own clock. `before` is how many admin devices
/// come before it by name.
#[must_use]
pub const fn turn_has_come(now: Timestamp, since: Timestamp, before: usize) -> bool {
    // A clock that was put back would otherwise wait until it is where it was.
    let waited = now.millis_since(since);
    let turn = EPOCH_TURN_MS.saturating_mul(1 + before as i64);
    waited < 0 || waited >= turn
}

/// How many admin devices come before a device by name; `None` when it is none itself.
#[must_use]
pub fn admins_before(devices: &BTreeMap<DeviceId, Device>, own: &DeviceId) -> Option<usize> {
    devices.iter().filter(|(_, device)| device.certificate.admin).position(|(id, _)| id == own)
}

/// The device that does for all what one is enough for: of the admin devices the first by name, so that
/// all agree without a word. Those that are `away` are passed over: who is lost, and taken out by nobody,
/// must not keep the others from it.
#[must_use]
pub fn elected(
    devices: &BTreeMap<DeviceId, Device>,
    is_away: impl Fn(&DeviceId) -> bool,
) -> Option<DeviceId> {
    devices.iter().find(|(id, device)| device.certificate.admin && !is_away(id)).map(|(id, _)| *id)
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
    fn each_admin_device_waits_for_those_before_it() {
        let later = |ms: i64| Timestamp::from_millis(at(100).as_millis() + ms);
        for before in [0, 2] {
            let turn = EPOCH_TURN_MS * (1 + before as i64);
            assert!(!turn_has_come(later(turn - 1), at(100), before));
            assert!(turn_has_come(later(turn), at(100), before));
        }
        assert!(turn_has_come(at(99), at(100), 2), "a clock that was put back");
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
        assert_eq!(elected(&devices, |_| false), first);
        assert_eq!(
            elected(&devices, |id| Some(*id) == first),
            (3..=5).map(device).filter(|id| Some(*id) != first).min()
        );
        let mut admins: Vec<DeviceId> = (3..=5).map(device).collect();
        admins.sort_unstable();
        for (place, admin) in admins.iter().enumerate() {
            assert_eq!(admins_before(&devices, admin), Some(place));
        }
        assert_eq!(admins_before(&devices, &device(1)), None);
        devices.retain(|_, device| !device.certificate.admin);
        assert_eq!(elected(&devices, |_| false), None);
    }
}
