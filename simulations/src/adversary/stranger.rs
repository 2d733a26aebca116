//! A stranger without any key: somebody else's node, and then noise.

use musette_protocol::session::{Frontier, Role, Session, message::frame_of_records};

use super::caller::{Caller, check_unchanged};
use crate::{
    check::{Check, authenticity::Ledger, ensure},
    device::Device,
    dice::Dice,
    person::Person,
    storage::Trouble,
};

/// Calls a device.
///
/// # Errors
/// When the device changed, or told something.
pub fn call(device: &mut Device, person: &Person, dice: &mut Dice, ledger: &Ledger) -> Result<(), Trouble> {
    let before = Frontier::of(device.state());
    let binding = dice.bytes();
    let mut theirs = Session::new(Role::Listener, binding, dice.bytes());
    let other = Person::new(dice);
    let mut intruder = Caller::new(other.empty_state(), binding, dice);
    intruder.converse(device, &mut theirs, person, ledger)?;
    for _ in 0..dice.between(1, 6) {
        let mut theirs = Session::new(Role::Listener, dice.bytes(), dice.bytes());
        let noise = match dice.below(3) {
            0 => dice.some_bytes(0, 300),
            1 => [&[10, 2], dice.some_bytes(0, 300).as_slice()].concat(),
            _ => frame_of_records(&dice.bytes(), &[dice.some_bytes(1, 300)]),
        };
        device.handle(&mut theirs, &noise, ledger)?;
    }
    ensure(theirs.peer().is_none(), Check::Intrusion, || "a stranger passed as a device".to_owned())?;
    check_unchanged(device, &before)
}
