//! The table, in Markdown.

use std::fmt::Write as _;

use crate::{
    All, loopback, machine,
    measure::{CHANGED, FIRST_SYNC, Figures, Step, UNCHANGED},
    options::Program,
};

/// A row: what it says, and where its figure is.
type Row = (&'static str, fn(&Figures) -> Option<f64>, Unit);

#[derive(Clone, Copy)]
enum Unit {
    Seconds,
    Milliseconds,
    Bytes,
}

const ROWS: [Row; 11] = [
    (FIRST_SYNC, |f| seconds(f.first_sync), Unit::Seconds),
    ("… on the wire", |f| wire(f.first_sync), Unit::Bytes),
    (UNCHANGED, |f| seconds(f.unchanged), Unit::Seconds),
    ("… on the wire", |f| wire(f.unchanged), Unit::Bytes),
    (CHANGED, |f| seconds(f.changed), Unit::Seconds),
    ("… on the wire", |f| wire(f.changed), Unit::Bytes),
    ("one edit, p50", |f| f.edit_p50_ms, Unit::Milliseconds),
    ("one edit, p99", |f| f.edit_p99_ms, Unit::Milliseconds),
    ("… on the wire", |f| f.edit_wire_bytes.map(|bytes| bytes as f64), Unit::Bytes),
    ("memory, at rest", |f| f.resident_bytes.map(|bytes| bytes as f64), Unit::Bytes),
    ("memory, peak of the first sync", |f| f.peak_bytes.map(|bytes| bytes as f64), Unit::Bytes),
];
const DISK: Row = ("disk", |f| f.disk_bytes.map(|bytes| bytes as f64), Unit::Bytes);

/// Who does what; where it can be read is in the README.
const PROMISES: &str = "\
| | musette | samod | iroh-docs |
|---|---|---|---|
| encrypts what is on the disk | yes, each record | no | no |
| encrypts what is on the wire | yes (QUIC, and records stay sealed) | no: left to the transport | yes (QUIC) |
| signs | each commit of up to 1,024 records | no | each entry, twice |
| merges concurrent edits (CRDT) | yes (Automerge) | yes (Automerge) | no: the last writer of a key wins |
| fsync before it is acknowledged, sent and shown | yes | never | no: within half a second |";

/// The whole table.
pub(crate) fn text(all: &All, programs: &[Program]) -> String {
    let mut text = String::new();
    line(&mut text, &["", "items"], programs.iter().map(|program| program.name().to_owned()));
    line(&mut text, &["---", "---:"], programs.iter().map(|_| "---:".to_owned()));
    for row in ROWS.iter().chain([&DISK]) {
        for (count, figures) in all {
            let cells = programs
                .iter()
                .map(|program| cell(row, figures.get(program), figures.get(&Program::Musette)));
            line(&mut text, &[row.0, &thousands(*count)], cells);
        }
    }
    let whose = if loopback::is_ours() { "of its own" } else { "shared with everything else that runs" };
    let load = machine::load();
    write!(
        text,
        "\nLoopback {whose}; load of the machine at the end {load}. (n×): n times Musette's.\n\n{PROMISES}"
    )
    .expect("a string takes all that is written");
    text
}

fn line(text: &mut String, first: &[&str], cells: impl Iterator<Item = String>) {
    let cells: Vec<String> = first.iter().map(|&cell| cell.to_owned()).chain(cells).collect();
    text.push_str(&format!("| {} |\n", cells.join(" | ")));
}

fn cell(row: &Row, figures: Option<&Figures>, musette: Option<&Figures>) -> String {
    let Some(figures) = figures else { return String::new() };
    // What was given up took at least as long.
    let late = figures.gave_up.filter(|late| late.step == row.0).map(|late| late.after_seconds as f64);
    let (mark, Some(value)) = (if late.is_some() { "> " } else { "" }, late.or_else(|| row.1(figures)))
    else {
        return "–".to_owned();
    };
    let said = said(value, row.2);
    let ours = musette.filter(|musette| !std::ptr::eq(*musette, figures)).and_then(row.1);
    match ours.filter(|ours| *ours > 0.0) {
        Some(ours) => format!("{mark}{said} ({mark}{}×)", ratio(value / ours)),
        None => format!("{mark}{said}"),
    }
}

fn said(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Seconds => format!("{value:.2} s"),
        Unit::Milliseconds => format!("{value:.2} ms"),
        Unit::Bytes if value >= 1e6 => format!("{:.1} MB", value / 1e6),
        Unit::Bytes if value >= 1e4 => format!("{:.0} kB", value / 1e3),
        Unit::Bytes => format!("{:.1} kB", value / 1e3),
    }
}

fn ratio(value: f64) -> String {
    if value >= 10.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

fn thousands(count: usize) -> String {
    match (count / 1_000, count % 1_000) {
        (0, rest) => rest.to_string(),
        (thousands, rest) => format!("{thousands},{rest:03}"),
    }
}

fn seconds(step: Option<Step>) -> Option<f64> {
    step.map(|step| step.seconds)
}

fn wire(step: Option<Step>) -> Option<f64> {
    step.map(|step| step.wire_bytes as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::GaveUp;

    fn figures(seconds: f64) -> Figures {
        Figures { first_sync: Some(Step { seconds, wire_bytes: 1_000 }), ..Figures::default() }
    }

    #[test]
    fn others_are_compared_with_musette_and_what_was_not_reached_is_said() {
        let (musette, other) = (figures(0.5), figures(6.0));
        assert_eq!(cell(&ROWS[0], Some(&musette), Some(&musette)), "0.50 s");
        assert_eq!(cell(&ROWS[0], Some(&other), Some(&musette)), "6.00 s (12×)");
        let gave_up = Some(GaveUp { step: FIRST_SYNC, after_seconds: 250 });
        let late = Figures { gave_up, ..Figures::default() };
        assert_eq!(cell(&ROWS[0], Some(&late), Some(&musette)), "> 250.00 s (> 500×)");
        assert_eq!(cell(&ROWS[2], Some(&late), Some(&musette)), "–");
    }
}
