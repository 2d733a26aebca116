//! Invariant 1: once messages flow, all devices hold the same records and show the same views.

use std::collections::BTreeSet;

use musette_protocol::{id::RecordId, replica::State, session::Frontier};

use super::{Check, Violation, authenticity::Ledger, ensure};
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
pub fn check_end(devices: &mut [Device], ledger: &Ledger, dice: &mut Dice) -> Result<Views, Violation> {
    let first = settled(devices[0].state(), ledger);
    let views = devices[0].documents.views()?;
    for device in &mut *devices {
        let number = device.number;
        let own = settled(device.state(), ledger);
        ensure(own == first, Check::Convergence, || {
            format!("device {number} ends with {own:?}, device 0 with {first:?}")
        })?;
        let unreadable = device.documents.has_unreadable(|id| ledger.is_adopted(id))?;
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

/// What is the same for all in the end: what is held, and which pieces of attachments are not. Those in
/// quarantine, or of what is forgotten, nobody asks for, and some may have come before.
#[must_use]
pub fn settled(state: &State, ledger: &Ledger) -> (Frontier, BTreeSet<RecordId>) {
    let mut frontier = Frontier::of(state);
    frontier.chains.iter_mut().for_each(|chain| chain.lacking.clear());
    let mut unasked = ledger.forgotten_pieces(state);
    unasked.extend(state.quarantined_chunks());
    let wanted = state.counted().flat_map(|counted| counted.wanted);
    (frontier, wanted.filter(|chunk| !unasked.contains(chunk)).collect())
}
