//! Invariant 1: once messages flow, all devices hold the same records and show the same views.

use std::collections::BTreeMap;

use musette_crdt::view::ItemView;
use musette_protocol::{id::DocumentId, session::Frontier};

use super::{Check, Violation, ensure};
use crate::device::Device;

/// All that a device shows.
pub type Views = BTreeMap<DocumentId, ItemView>;

/// Checks that two devices show the same if the same counts on them; true if it does.
///
/// # Errors
/// When they do not.
pub fn check_agreement(left: &Device, right: &Device) -> Result<bool, Violation> {
    if Frontier::of(left.state()) != Frontier::of(right.state()) {
        return Ok(false);
    }
    let same = left.views()? == right.views()?;
    ensure(same, Check::Agreement, || {
        format!("devices {} and {} hold the same and show different things", left.number, right.number)
    })?;
    Ok(true)
}

/// Checks that all devices hold and show the same, and that what they show is what their records
/// say; gives it.
///
/// # Errors
/// When they do not.
pub fn check_end(devices: &[Device]) -> Result<Views, Violation> {
    let frontier = Frontier::of(devices[0].state());
    let views = devices[0].views()?;
    for device in devices {
        let number = device.number;
        let own = Frontier::of(device.state());
        ensure(own == frontier, Check::Convergence, || {
            format!("device {number} ends with {own:?}, device 0 with {frontier:?}")
        })?;
        ensure(device.views()? == views, Check::Convergence, || {
            format!("device {number} shows other things than device 0")
        })?;
        ensure(device.views_from_records()? == views, Check::Convergence, || {
            format!("device {number} shows other things once it starts again")
        })?;
    }
    Ok(views)
}
