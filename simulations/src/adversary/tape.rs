//! Somebody who listened to a session between two devices, and plays one side of it back.

use musette_protocol::session::{Frontier, Role, Session};

use super::caller::{check_no_data, check_unchanged};
use crate::{
    check::{Check, authenticity::Ledger, ensure},
    device::Device,
    dice::Dice,
    person::Person,
    storage::Trouble,
};

/// Plays a tape to a device, over a connection of its own.
///
/// # Errors
/// When the device takes it for a device, tells it anything, or changes.
pub fn play(
    tape: &[Vec<u8>],
    device: &mut Device,
    person: &Person,
    dice: &mut Dice,
    ledger: &Ledger,
) -> Result<(), Trouble> {
    let before = Frontier::of(device.state());
    let role = if dice.one_in(2) { Role::Listener } else { Role::Dialer };
    let mut theirs = Session::new(role, dice.bytes(), dice.bytes());
    for frame in tape {
        device.handle(&mut theirs, frame, ledger)?;
        while let Some(said) = device.poll(&mut theirs)? {
            check_no_data(&said.bytes, person)?;
        }
    }
    ensure(theirs.peer().is_none(), Check::Intrusion, || "a tape passed as a device".to_owned())?;
    check_unchanged(device, &before)
}
