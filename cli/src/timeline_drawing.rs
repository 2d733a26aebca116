//! The time-line as text: newest first, years as headings, a dot for a moment, and for what
//! lasted a band that runs from the row of its end down to the row of its beginning, where
//! its name stands.
//!
//! ```text
//!     2016
//!     ●  3 April               Marathon de Paris          Event
//!     2014
//! ┏   ●  June                  Concours Green-Eco-Gift    Achievement
//! ┗ ┃ ━  1 April to 30 Sept.   Graphiste, Leroy Merlin    Activity
//! ```
//!
//! Gaps are not marked: they are no fault.

use crate::text::{self, text_of};
use crate::{dates, item, t};
use musette_node::schema::{self, When};
use serde_json::Value;

/// Bands side by side; more than this are drawn without their run.
const LANES: usize = 4;
/// Longer than this many days is a band.
const MOMENT_DAYS: i64 = 31;
/// Columns for the date and for the kind.
const DATE_WIDTH: usize = 24;
const KIND_WIDTH: usize = 14;

struct Entry<'a> {
    value: &'a Value,
    /// `YYYY-MM-DD`, the first day that it may have begun.
    first_day: String,
    /// The last day, for a band.
    last_day: Option<String>,
}

/// The lines of the drawing, at most `width` columns each.
pub(crate) fn draw(entries: &[Value], width: usize) -> Vec<String> {
    let mut entries: Vec<_> = entries.iter().map(Entry::new).collect();
    entries.sort_by(|a, b| b.first_day.cmp(&a.first_day));
    let lanes = assign_lanes(&entries);
    let used = lanes.iter().flatten().map(|lane| lane.number + 1).max().unwrap_or(0);
    let mut lines = Vec::new();
    let mut year = "";
    for (row, entry) in entries.iter().enumerate() {
        let own_year = &entry.first_day[..4];
        if own_year != year {
            year = own_year;
            lines.push(format!("{}{year}", gutter(&lanes, row, used, true)));
        }
        let symbol = if entry.last_day.is_some() { "━" } else { "●" };
        let start = format!("{}{symbol}  ", gutter(&lanes, row, used, false));
        lines.push(entry.line(&start, width));
    }
    lines
}

impl<'a> Entry<'a> {
    fn new(value: &'a Value) -> Self {
        let first_day = filled(text_of(value, "from"), "-01-01");
        let kind = schema::kind(text_of(value, "kind"));
        let lasts = kind.is_some_and(|kind| matches!(kind.when, When::Lasting(..)));
        let last_day = match text_of(value, "to") {
            "" if lasts => Some("9999-12-31".to_owned()),
            "" => None,
            // Twice the same is one moment, told as precisely as it is known.
            to if to == text_of(value, "from") && !lasts => None,
            to => Some(filled(to, "-12-31")).filter(|to| lasts || days(&first_day, to) > MOMENT_DAYS),
        };
        Self { value, first_day, last_day }
    }

    fn line(&self, start: &str, width: usize) -> String {
        let used = console::measure_text_width(start) + DATE_WIDTH + KIND_WIDTH + 4;
        let title = text::pad(&item::title(self.value), width.saturating_sub(used).max(10));
        let kind = text::cut(&item::kind_label(text_of(self.value, "kind")), KIND_WIDTH);
        let date = text::pad(&self.date(), DATE_WIDTH);
        format!("{start}{date}  {title}  {kind}").trim_end().to_owned()
    }

    /// In words, without the year that the heading gives.
    fn date(&self) -> String {
        let (from, to) = (text_of(self.value, "from"), text_of(self.value, "to"));
        let short = dates::without_year(from);
        let begins = if short.is_empty() { dates::in_words(from) } else { short };
        if to.is_empty() && self.last_day.is_some() {
            return t!("date-since", from = begins);
        }
        if to.is_empty() || to == from {
            return begins;
        }
        let is_same_year = to.get(..4) == from.get(..4);
        let ends = if is_same_year { dates::without_year(to) } else { dates::in_words(to) };
        if ends.is_empty() {
            return begins;
        }
        if let (true, Some(day)) = (from.get(..7) == to.get(..7), from.get(8..10)) {
            let day = day.trim_start_matches('0').to_owned();
            return t!("date-days", from = day, to = ends);
        }
        t!("date-range", from = begins, to = ends)
    }
}

/// Where a band runs: from the first row that begins before its end, down to its own row. One
/// that would be a single row high needs no lane.
#[derive(Clone, Copy)]
struct Lane {
    number: usize,
    top: usize,
    bottom: usize,
}

fn assign_lanes(entries: &[Entry<'_>]) -> Vec<Option<Lane>> {
    let mut lanes: Vec<Option<Lane>> = vec![None; entries.len()];
    for bottom in 0..entries.len() {
        let Some(last_day) = &entries[bottom].last_day else {
            continue;
        };
        let top = entries.partition_point(|entry| entry.first_day > *last_day).min(bottom);
        if top == bottom {
            continue;
        }
        let is_free = |number: usize| {
            lanes.iter().flatten().all(|lane| lane.number != number || lane.bottom < top || lane.top > bottom)
        };
        let number = (0..LANES).find(|number| is_free(*number));
        lanes[bottom] = number.map(|number| Lane { number, top, bottom });
    }
    lanes
}

/// The columns on the left of a row, or of the heading above it.
fn gutter(lanes: &[Option<Lane>], row: usize, used: usize, is_heading: bool) -> String {
    let mut cells = vec![' '; used * 2];
    for lane in lanes.iter().flatten() {
        let is_open = lane.top < row || (!is_heading && lane.top == row);
        if !is_open || lane.bottom < row {
            continue;
        }
        cells[lane.number * 2] = match row {
            _ if is_heading => '┃',
            row if row == lane.bottom => '┗',
            row if row == lane.top => '┏',
            _ => '┃',
        };
    }
    cells.into_iter().collect()
}

fn filled(date: &str, rest: &str) -> String {
    let day = date.split('T').next().unwrap_or(date);
    match day.len() {
        _ if !day.is_ascii() => "0000-01-01".to_owned(),
        4 => format!("{day}{rest}"),
        7 => format!("{day}-{}", if rest == "-01-01" { "01" } else { "31" }),
        10 => day.to_owned(),
        _ => "0000-01-01".to_owned(),
    }
}

/// Days between two filled dates, near enough to tell a moment from a band.
fn days(from: &str, to: &str) -> i64 {
    let number = |date: &str| {
        let part = |range| date.get(range).and_then(|part: &str| part.parse::<i64>().ok());
        part(0..4).unwrap_or(0) * 372 + part(5..7).unwrap_or(0) * 31 + part(8..10).unwrap_or(0)
    };
    number(to) - number(from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entry(kind: &str, title: &str, from: &str, to: &str) -> Value {
        json!({"id": "x", "kind": kind, "title": title, "from": from, "to": to})
    }

    fn emilie() -> Vec<Value> {
        vec![
            entry("event", "We Love Green", "2016-06-04", "2016-06-05"),
            entry("event", "Marathon de Paris", "2016-04-03", ""),
            entry("activity", "MyGreenDesign", "2014-09", ""),
            entry("achievement", "Green-Eco-Gift", "2014-06", ""),
            entry("activity", "Leroy Merlin", "2014-04-01", "2014-09-30"),
            entry("achievement", "DNSEP", "2011", "2014"),
        ]
    }

    #[test]
    fn bands_and_dots_stand_under_their_years() {
        let drawn = draw(&emilie(), 80).join("\n");
        let position = |text: &str| drawn.find(text).unwrap_or_else(|| panic!("{text}\n{drawn}"));
        assert!(position("2016") < position("We Love Green"));
        assert!(position("Marathon") < position("MyGreenDesign"));
        assert!(position("MyGreenDesign") < position("Leroy Merlin"));
        assert_eq!(drawn.matches('●').count(), 3, "{drawn}");
        assert!(drawn.contains("4–5 June"), "{drawn}");
        assert!(drawn.contains('┗') && drawn.contains('┃'), "{drawn}");
    }

    #[test]
    fn it_is_readable_at_80_columns() {
        let mut entries = emilie();
        entries.extend((0..9).map(|n| entry("activity", &"long ".repeat(40), &format!("200{n}"), "")));
        for line in draw(&entries, 80) {
            assert!(console::measure_text_width(&line) <= 80, "{line}");
        }
    }

    #[test]
    fn odd_dates_do_not_break_it() {
        let odd = ["", "é", "日日x", "99999-1-1", "2014-04-01T10:00+02:00", "2014-é1-01"];
        let entries: Vec<_> = odd.iter().map(|date| entry("event", "x", date, date)).collect();
        assert!(draw(&entries, 80).len() >= odd.len());
    }

    #[test]
    fn bands_never_share_a_lane_at_the_same_row() {
        let entries: Vec<_> =
            (0..4).map(|n| entry("activity", "x", &format!("200{n}"), &format!("201{n}"))).collect();
        let entries: Vec<_> = entries.iter().rev().map(Entry::new).collect();
        let mut numbers: Vec<_> = assign_lanes(&entries).iter().flatten().map(|lane| lane.number).collect();
        numbers.sort_unstable();
        // The newest needs no lane: its row is the first.
        assert_eq!(numbers, [0, 1, 2]);
    }
}
