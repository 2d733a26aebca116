//! Lines of a text, whatever ends them, none longer than the limit.

use std::io::{self, Read};

use encoding_rs::Encoding;

use super::{charset::Text, limits::MAX_RECORD_BYTES};

/// One line without its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// From 1, as an editor counts.
    pub(super) number: u64,
    pub(super) text: String,
    /// Whether the line was longer than the limit and its rest was dropped.
    pub(super) cut: bool,
}

/// Reads lines that end in LF, CR LF or CR, also mixed.
pub(super) struct Lines<R> {
    text: Text<R>,
    pending: String,
    at: usize,
    number: u64,
    after_cr: bool,
    ended: bool,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(source: R, encoding: &'static Encoding) -> Self {
        Self {
            text: Text::new(source, encoding),
            pending: String::new(),
            at: 0,
            number: 0,
            after_cr: false,
            ended: false,
        }
    }

    /// The next line; none at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Line>> {
        let mut line = Line { number: self.number + 1, text: String::new(), cut: false };
        let mut began = false;
        loop {
            if self.at == self.pending.len() && !self.refill()? {
                if began {
                    self.number += 1;
                }
                return Ok(began.then_some(line));
            }
            if self.after_cr {
                self.after_cr = false;
                if self.pending[self.at..].starts_with('\n') {
                    self.at += 1;
                    continue;
                }
            }
            began = true;
            let rest = &self.pending[self.at..];
            let Some(end) = rest.find(['\n', '\r']) else {
                line.push(rest);
                self.at = self.pending.len();
                continue;
            };
            line.push(&rest[..end]);
            self.after_cr = rest.as_bytes()[end] == b'\r';
            self.at += end + 1;
            self.number += 1;
            return Ok(Some(line));
        }
    }

    fn refill(&mut self) -> io::Result<bool> {
        self.pending.clear();
        self.at = 0;
        while self.pending.is_empty() && !self.ended {
            self.ended = !self.text.read_into(&mut self.pending)?;
        }
        Ok(!self.pending.is_empty())
    }
}

impl Line {
    fn push(&mut self, piece: &str) {
        let room = MAX_RECORD_BYTES - self.text.len();
        if piece.len() <= room {
            self.text.push_str(piece);
            return;
        }
        self.cut = true;
        self.text.push_str(&piece[..piece.floor_char_boundary(room)]);
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::UTF_8;

    use super::*;

    fn all(text: &str) -> Vec<(u64, String)> {
        let mut lines = Lines::new(text.as_bytes(), UTF_8);
        let mut out = Vec::new();
        while let Some(line) = lines.next().expect("memory") {
            out.push((line.number, line.text));
        }
        out
    }

    #[test]
    fn mixed_ends_count_as_an_editor_counts() {
        let found = all("a\r\nb\rc\n\r\n\nd");
        let expected = [(1, "a"), (2, "b"), (3, "c"), (4, ""), (5, ""), (6, "d")];
        assert_eq!(found, expected.map(|(number, text)| (number, text.to_owned())));
        assert_eq!(all("").len(), 0);
        assert_eq!(all("a\n").len(), 1);
    }

    #[test]
    fn an_end_of_two_bytes_may_fall_between_two_readings() {
        let text = format!("{}\r\nb\r\n", "a".repeat((16 << 10) - 1));
        let found = all(&text);
        assert_eq!(found.len(), 2);
        assert_eq!(found[1], (2, "b".to_owned()));
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let text = format!("{}é\nb", "é".repeat(MAX_RECORD_BYTES));
        let mut lines = Lines::new(text.as_bytes(), UTF_8);
        let first = lines.next().expect("memory").expect("a line");
        assert!(first.cut && first.text.len() <= MAX_RECORD_BYTES);
        let second = lines.next().expect("memory").expect("a line");
        assert_eq!((second.number, second.text.as_str(), second.cut), (2, "b", false));
    }
}
