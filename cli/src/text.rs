//! Text for a terminal: safe to print, laid out in columns, quoted for a shell.

use console::{Alignment, measure_text_width, pad_str, truncate_str};
use serde_json::Value;

/// Characters of an id that are shown where the whole is not needed.
const SHORT_ID: usize = 8;
/// Blanks between two columns.
const GAP: usize = 2;

/// Replaces what could steer the terminal or reverse the reading order: items come from files
/// that others wrote, and an escape sequence in a name must not run.
pub(crate) fn clean(text: &str) -> String {
    let steers = |c: char| {
        (c.is_control() && c != '\n' && c != '\t')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.replace(steers, "\u{fffd}")
}

/// Like `clean`, and on one line.
pub(crate) fn one_line(text: &str) -> String {
    clean(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The text under `name`, or nothing.
pub(crate) fn text_of<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// The count under `name`, or zero.
pub(crate) fn count_of(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or_default()
}

/// The list under `name`, or an empty one.
pub(crate) fn list_of<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

/// The names under `name`, one behind the other.
pub(crate) fn names_of(value: &Value, name: &str) -> String {
    list_of(value, name).iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}

/// The beginning of an id, enough to type it again.
pub(crate) fn short_id(id: &str) -> &str {
    id.get(..SHORT_ID).unwrap_or(id)
}

/// The end of a relay's name: names begin alike.
pub(crate) fn short_peer(id: &str) -> &str {
    id.get(id.len().saturating_sub(SHORT_ID)..).unwrap_or(id)
}

/// Beginnings of these ids, as long as needed to tell them apart.
pub(crate) fn short_ids<'a>(ids: &[&'a str]) -> Vec<&'a str> {
    let mut sorted = ids.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let shared = |a: &str, b: &str| a.bytes().zip(b.bytes()).take_while(|(x, y)| x == y).count();
    let longest = sorted.windows(2).map(|pair| shared(pair[0], pair[1])).max().unwrap_or(0);
    let length = SHORT_ID.max(longest + 1);
    ids.iter().map(|id| id.get(..length).unwrap_or(id)).collect()
}

/// Lays rows out in columns. The widest column gives way when `width` is not enough.
pub(crate) fn table(rows: &[Vec<String>], width: usize) -> Vec<String> {
    Columns::of(rows, width).lines(rows)
}

/// How wide the columns of a table are.
pub(crate) struct Columns(Vec<usize>);

impl Columns {
    /// As wide as these rows need. The widest gives way when `width` is not enough.
    pub(crate) fn of(rows: &[Vec<String>], width: usize) -> Self {
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let mut widths: Vec<usize> = (0..columns)
            .map(|column| {
                let cells = rows.iter().filter_map(|row| row.get(column));
                cells.map(|cell| measure_text_width(cell)).max().unwrap_or(0)
            })
            .collect();
        let total = widths.iter().sum::<usize>() + GAP * columns.saturating_sub(1);
        if let Some(widest) = widths.iter_mut().max() {
            let excess = total.saturating_sub(width);
            *widest = widest.saturating_sub(excess).max(GAP);
        }
        Self(widths)
    }

    /// Lays rows out in these columns; what is wider is cut.
    pub(crate) fn lines(&self, rows: &[Vec<String>]) -> Vec<String> {
        rows.iter().map(|row| lay_out(row, &self.0)).collect()
    }
}

fn lay_out(row: &[String], widths: &[usize]) -> String {
    let gap = " ".repeat(GAP);
    let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| pad(cell, *width)).collect();
    cells.join(&gap).trim_end().to_owned()
}

/// Cuts or fills `text` to exactly `width` columns.
pub(crate) fn pad(text: &str, width: usize) -> String {
    let cut = truncate_str(text, width, "…");
    pad_str(&cut, width, Alignment::Left, None).into_owned()
}

/// Cuts `text` to at most `width` columns.
pub(crate) fn cut(text: &str, width: usize) -> String {
    truncate_str(text, width, "…").into_owned()
}

/// Quotes `word` so that a shell hands it over unchanged.
pub(crate) fn quote(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_reversed_text_do_not_reach_the_terminal() {
        assert_eq!(clean("a\u{1b}[2Jb\u{202e}c\u{9b}d\n"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d\n");
        assert_eq!(one_line(" a\n  b\tc "), "a b c");
    }

    #[test]
    fn a_shell_gives_back_what_was_quoted() {
        assert_eq!(quote("role=Graphiste"), "role=Graphiste");
        assert_eq!(quote("l'été"), r"'l'\''été'");
        assert_eq!(quote("$(rm x)"), "'$(rm x)'");
        assert_eq!(quote(""), "''");
    }

    #[test]
    fn short_ids_grow_until_they_differ() {
        let ids = ["abcdefgh1xyz", "abcdefgh2xyz", "zzzzzzzzzzzz"];
        assert_eq!(short_ids(&ids), ["abcdefgh1", "abcdefgh2", "zzzzzzzzz"]);
        assert_eq!(short_ids(&["abcdefghijkl"]), ["abcdefgh"]);
        assert_eq!(short_ids(&["same", "same"]), ["same", "same"]);
    }

    #[test]
    fn a_table_stays_within_its_width_whatever_the_script() {
        let row = |title: &str| vec!["abcdefgh".to_owned(), title.to_owned(), "2014".to_owned()];
        let rows = [row("短い"), row(&"長い題名".repeat(20)), row("long title ".repeat(9).as_str())];
        for line in table(&rows, 50) {
            assert!(measure_text_width(&line) <= 50, "{line}");
            assert!(line.ends_with("2014"), "{line}");
        }
    }
}
