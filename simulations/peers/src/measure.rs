//! One program at one size: what is done with a pair, and what is read off.

use std::{thread::sleep, time::Duration};

use anyhow::{Result, ensure};
use serde::Serialize;

use crate::{
    items::FIRST_NOTE,
    loopback, machine,
    options::{Program, Run},
    peers::{Pair, pair},
};

/// What still crosses the wire after the follower is done (acknowledgements, goodbyes to paths that
/// were tried) counts too, for this long.
const AFTERMATH: Duration = Duration::from_secs(1);
/// One in so many items is changed.
const CHANGED_ONE_IN: usize = 100;

/// A step: how long it took and what crossed the wire.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Step {
    pub(crate) seconds: f64,
    pub(crate) wire_bytes: u64,
}

/// What was measured. What is missing was not reached before the deadline.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Figures {
    pub(crate) first_sync: Option<Step>,
    pub(crate) unchanged: Option<Step>,
    pub(crate) changed: Option<Step>,
    pub(crate) edit_p50_ms: Option<f64>,
    pub(crate) edit_p99_ms: Option<f64>,
    pub(crate) edit_wire_bytes: Option<u64>,
    pub(crate) peak_bytes: Option<u64>,
    pub(crate) resident_bytes: Option<u64>,
    pub(crate) disk_bytes: Option<u64>,
    pub(crate) gave_up: Option<GaveUp>,
}

/// The step that did not end in time.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct GaveUp {
    pub(crate) step: &'static str,
    pub(crate) after_seconds: u64,
}

/// The steps that are timed, as the table calls them.
pub(crate) const FIRST_SYNC: &str = "first sync";
pub(crate) const UNCHANGED: &str = "nothing changed";
pub(crate) const CHANGED: &str = "1 % changed";

/// Measures one program at one size.
pub(crate) fn measure(program: Program, count: usize, run: &Run) -> Result<Figures> {
    let mut pair = pair(program, run)?;
    let mut figures = Figures::default();
    let step = steps(&mut *pair, count, run, &mut figures)?;
    figures.gave_up = step.map(|step| GaveUp { step, after_seconds: run.deadline().as_secs() });
    Ok(figures)
}

/// Runs the steps; the name of the one that did not end in time.
fn steps(
    pair: &mut dyn Pair,
    count: usize,
    run: &Run,
    figures: &mut Figures,
) -> Result<Option<&'static str>> {
    if pair.fill(count)?.is_none() {
        return Ok(Some("writing the items"));
    }
    let Some(first) = catch_up(pair, FIRST_NOTE, count)? else { return Ok(Some(FIRST_SYNC)) };
    figures.first_sync = Some(first);
    figures.peak_bytes = Some(machine::peak(pair.follower()?.0)?);
    pair.part()?;

    let Some(unchanged) = catch_up(pair, FIRST_NOTE, count)? else { return Ok(Some(UNCHANGED)) };
    figures.unchanged = Some(unchanged);
    pair.part()?;

    let changes = count.div_ceil(CHANGED_ONE_IN);
    let note = "Met again at the autumn fair; has the poster now.";
    pair.change(changes, note)?;
    let Some(changed) = catch_up(pair, note, changes)? else { return Ok(Some(CHANGED)) };
    figures.changed = Some(changed);

    edits(pair, run.edits, figures)?;
    sleep(run.rest());
    let (process, home) = pair.follower()?;
    figures.resident_bytes = Some(machine::resident(process)?);
    pair.part()?;
    figures.disk_bytes = Some(machine::disk(&home)?);
    Ok(None)
}

/// Starts the follower and checks that it has what it should: so many items with this note.
fn catch_up(pair: &mut dyn Pair, note: &str, count: usize) -> Result<Option<Step>> {
    sleep(AFTERMATH);
    let before = loopback::bytes()?;
    let Some(took) = pair.catch_up()? else { return Ok(None) };
    sleep(AFTERMATH);
    let wire_bytes = loopback::bytes()? - before;
    let found = pair.count(note)?;
    ensure!(found == count, "the follower shows {found} of {count} items as they should be");
    Ok(Some(Step { seconds: took.as_secs_f64(), wire_bytes }))
}

fn edits(pair: &mut dyn Pair, count: usize, figures: &mut Figures) -> Result<()> {
    if count == 0 {
        return Ok(());
    }
    let before = loopback::bytes()?;
    let note = |number| format!("Edited for the time number {number}.");
    let mut times = (0..count).map(|number| pair.edit(&note(number))).collect::<Result<Vec<_>>>()?;
    sleep(AFTERMATH);
    figures.edit_wire_bytes = Some((loopback::bytes()? - before) / count as u64);
    ensure!(pair.count(&note(count - 1))? == 1, "the last edit is not there");
    times.sort_unstable();
    let percentile = |p: usize| times[(times.len() * p / 100).min(times.len() - 1)].as_secs_f64() * 1e3;
    figures.edit_p50_ms = Some(percentile(50));
    figures.edit_p99_ms = Some(percentile(99));
    Ok(())
}
