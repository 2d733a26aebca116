//! Rows of a CSV file, with the line that each begins at.
//!
//! The cells are split by `csv-core`, fed line by line, so that every row has a bound and a bad
//! one can be taken back: a quote that is never closed swallows the rows behind it, and then the
//! row that opened it is reported and reading goes on at the line after it.

use std::{
    collections::VecDeque,
    io::{self, Read},
};

use csv_core::ReadRecordResult;
use encoding_rs::Encoding;

use super::{
    limits::{MAX_COLUMNS, MAX_RECORD_BYTES, MAX_RESYNCS, MAX_ROW_LINES},
    lines::{Line, Lines},
    reason::Reason,
};

/// What comes next in the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A row and the line where it begins.
    Row { line: u64, cells: Vec<String> },
    /// A row that cannot be split.
    Bad { line: u64, reason: Reason },
}

/// Reads rows; see the module.
pub(super) struct Rows<R> {
    lines: Lines<R>,
    again: VecDeque<Line>,
    window: Vec<Line>,
    splitter: csv_core::Reader,
    output: Vec<u8>,
    ends: Vec<usize>,
    resyncs_left: u32,
}

enum Fed {
    Open,
    Whole,
    Full,
}

impl<R: Read> Rows<R> {
    pub(super) fn new(source: R, encoding: &'static Encoding) -> Self {
        Self {
            lines: Lines::new(source, encoding),
            again: VecDeque::new(),
            window: Vec::new(),
            splitter: csv_core::Reader::new(),
            output: vec![0; 4 << 10],
            ends: vec![0; MAX_COLUMNS],
            resyncs_left: MAX_RESYNCS,
        }
    }

    /// The next row that is not blank; none at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Next>> {
        self.window.clear();
        self.splitter.reset();
        let (mut length, mut columns) = (0, 0);
        loop {
            let Some(line) = self.next_line()? else {
                return Ok(self.window.first().map(|first| first.number).map(|line| {
                    self.take_back();
                    Next::Bad { line, reason: Reason::UnclosedQuote }
                }));
            };
            if self.window.is_empty() && line.text.trim().is_empty() {
                continue;
            }
            let cut = line.cut;
            let text = format!("{}\n", line.text);
            self.window.push(line);
            let first = self.window[0].number;
            if cut || self.window.len() > MAX_ROW_LINES {
                return Ok(Some(self.refuse(first)));
            }
            match self.feed(text.as_bytes(), &mut length, &mut columns) {
                Fed::Open => {}
                Fed::Full => return Ok(Some(self.refuse(first))),
                Fed::Whole => {
                    let cells = self.cells(columns);
                    return Ok(Some(Next::Row { line: first, cells }));
                }
            }
        }
    }

    /// Reads the lines of the last row again, without its first: called when the row has not the
    /// cells it should have, which is how a stray quote shows.
    pub(super) fn take_back(&mut self) {
        if self.window.len() > 1 && self.resyncs_left > 0 {
            self.resyncs_left -= 1;
            for line in self.window.drain(1..).rev() {
                self.again.push_front(line);
            }
        }
        self.window.clear();
    }

    fn refuse(&mut self, line: u64) -> Next {
        self.take_back();
        Next::Bad { line, reason: Reason::RecordTooLong { limit: MAX_RECORD_BYTES } }
    }

    fn next_line(&mut self) -> io::Result<Option<Line>> {
        match self.again.pop_front() {
            Some(line) => Ok(Some(line)),
            None => self.lines.next(),
        }
    }

    fn feed(&mut self, mut text: &[u8], length: &mut usize, columns: &mut usize) -> Fed {
        loop {
            let (result, read, written, ended) =
                self.splitter.read_record(text, &mut self.output[*length..], &mut self.ends[*columns..]);
            text = &text[read..];
            *length += written;
            *columns += ended;
            match result {
                ReadRecordResult::InputEmpty => return Fed::Open,
                ReadRecordResult::Record | ReadRecordResult::End => return Fed::Whole,
                ReadRecordResult::OutputEndsFull => return Fed::Full,
                ReadRecordResult::OutputFull if self.output.len() >= MAX_RECORD_BYTES => {
                    return Fed::Full;
                }
                ReadRecordResult::OutputFull => {
                    let larger = (self.output.len() * 2).min(MAX_RECORD_BYTES);
                    self.output.resize(larger, 0);
                }
            }
        }
    }

    fn cells(&self, columns: usize) -> Vec<String> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends[..columns])
            .map(|(start, end)| String::from_utf8_lossy(&self.output[start..*end]).into_owned())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::UTF_8;

    use super::*;

    fn all(text: &str) -> Vec<(u64, Result<Vec<String>, &'static str>)> {
        let mut rows = Rows::new(text.as_bytes(), UTF_8);
        let mut found = Vec::new();
        while let Some(next) = rows.next().expect("memory") {
            found.push(match next {
                Next::Row { line, cells } => (line, Ok(cells)),
                Next::Bad { line, reason } => (line, Err(reason.code())),
            });
        }
        found
    }

    fn row(line: u64, cells: &[&str]) -> (u64, Result<Vec<String>, &'static str>) {
        (line, Ok(cells.iter().map(|&cell| cell.to_owned()).collect()))
    }

    #[test]
    fn quotes_lines_and_blanks() {
        let found = all("a,b\r\n\r\n\"x\r\ny\",\"say \"\"hi\"\"\"\n  \nc,\n");
        let expected = [row(1, &["a", "b"]), row(3, &["x\ny", "say \"hi\""]), row(6, &["c", ""])];
        assert_eq!(found, expected);
    }

    #[test]
    fn the_last_row_needs_no_line_end() {
        assert_eq!(all("a,b"), [row(1, &["a", "b"])]);
    }

    #[test]
    fn a_quote_never_closed_costs_one_row() {
        let found = all("a,b\n\"c,d\ne,f\ng,h\n");
        let expected =
            [row(1, &["a", "b"]), (2, Err("unclosed-quote")), row(3, &["e", "f"]), row(4, &["g", "h"])];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_row_taken_back_gives_the_lines_behind_its_first() {
        let mut rows = Rows::new("\"a,b\nc,d\ne,\"f\n".as_bytes(), UTF_8);
        let Some(Next::Row { line: 1, .. }) = rows.next().expect("memory") else {
            panic!("three lines make one row with a stray quote")
        };
        rows.take_back();
        let second = rows.next().expect("memory");
        assert_eq!(second, Some(Next::Row { line: 2, cells: vec!["c".into(), "d".into()] }));
    }

    #[test]
    fn long_rows_and_many_columns_are_refused_and_the_next_row_lands() {
        let long = format!("{}\nb\n", "a".repeat(MAX_RECORD_BYTES + 1));
        assert_eq!(all(&long), [(1, Err("record-too-long")), row(2, &["b"])]);
        let wide = format!("{}\nb\n", ",".repeat(MAX_COLUMNS + 1));
        assert_eq!(all(&wide), [(1, Err("record-too-long")), row(2, &["b"])]);
    }

    #[test]
    fn quotes_without_end_take_bounded_time() {
        let found = all(&"\"a\n".repeat(100_001));
        assert!(found.len() < 100_001);
    }
}
