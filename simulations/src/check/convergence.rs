//! Invariant 1: once messages flow, all devices hold the same records and show the same views.

use musette_protocol::session::Frontier;

use super::{Check, Violation, ensure};
use crate::{device::Device, dice::Dice, documents::Views};

/// Checks that two devices show the same of a drawn document if the same counts on them; true if it
/// does. All documents are compared in the end.
///
/// # Errors
/// When they do not.
pub fn check_agreement(left: &mut Device, right: &mut Device, dice: &mut Dice) -> Result<bool, Violation> {
    let known = left.documents.known();
    if known.is_empty() || Frontier::of(left.state()) != Frontier::of(right.state()) {
        return Ok(false);
    }
    let (document, _) = known[dice.index(known.len())];
    let same = left.documents.view(document)? == right.documents.view(document)?;
    ensure(same, Check::Agreement, || {
        format!("devices {} and {} hold the same and show different things", left.number, right.number)
    })?;
    Ok(true)
}

/// Checks that all devices hold and show the same, and that what they show is what their records
/// say; gives it. Each document is read again from the records of one device, which is drawn: it
/// got them in an order of its own.
///
/// # Errors
/// When they do not.
pub fn check_end(devices: &mut [Device], dice: &mut Dice) -> Result<Views, Violation> {
    let frontier = Frontier::of(devices[0].state());
    let views = devices[0].documents.views()?;
    for device in &mut *devices {
        let number = device.number;
        let own = Frontier::of(device.state());
        ensure(own == frontier, Check::Convergence, || {
            format!("device {number} ends with {own:?}, device 0 with {frontier:?}")
        })?;
        let unreadable = device.documents.has_unreadable()?;
        ensure(!unreadable, Check::Convergence, || format!("device {number} cannot read a document"))?;
        ensure(device.documents.views()? == views, Check::Convergence, || {
            format!("device {number} shows other things than device 0")
        })?;
    }
    for (document, view) in &views {
        let device = &devices[dice.index(devices.len())];
        let again = device.documents.view_from_records(*document)?;
        ensure(again.as_ref() == Some(view), Check::Convergence, || {
            format!("device {} shows other things once it starts again", device.number)
        })?;
    }
    Ok(views)
}
