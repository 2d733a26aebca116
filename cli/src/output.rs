//! Where words go: answers to stdout, the conversation to stderr.
//!
//! With `--json` stdout carries exactly one JSON document, the API's answer or
//! `{"error": …}`: pretty on a terminal, on one line otherwise. (`events` writes one document
//! a line.) A stdout that was closed by its reader, as in `musette list | head`, ends the
//! command quietly.

pub(crate) mod progress;

use crate::error::Failure;
use crate::text;
use serde_json::Value;
use std::ffi::OsString;
use std::io::{self, ErrorKind, IsTerminal, Write};

/// Width used when the answer does not go to a terminal.
const DEFAULT_WIDTH: usize = 100;
/// Below this nothing can be laid out; lines then wrap.
const MINIMUM_WIDTH: usize = 40;

/// How to speak in this run.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    json: bool,
    quiet: bool,
}

impl Output {
    /// Looks at the raw arguments, so that a usage error already obeys `--json` and `--quiet`.
    pub(crate) fn new(arguments: &[OsString]) -> Self {
        let options = || arguments.iter().skip(1).take_while(|word| *word != "--");
        let has = |names: &[&str]| options().any(|word| names.iter().any(|name| word == name));
        Self { json: has(&["--json"]), quiet: has(&["--quiet", "-q"]) }
    }

    pub(crate) fn set(&mut self, json: bool, quiet: bool) {
        self.json = json;
        self.quiet = quiet;
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether progress bars and QR codes make sense: somebody watches stderr.
    pub(crate) fn is_watched(&self) -> bool {
        !self.quiet && io::stderr().is_terminal()
    }

    /// Columns available for tables.
    pub(crate) fn width(&self) -> usize {
        let measured = console::Term::stdout().size_checked();
        measured.map_or(DEFAULT_WIDTH, |(_, columns)| usize::from(columns).max(MINIMUM_WIDTH))
    }

    /// One line (or several) of the answer.
    pub(crate) fn answer(&self, line: &str) -> Result<(), Failure> {
        write_answer(text::clean(line).as_bytes())
    }

    /// The answer as JSON, and whether that was all there is to say.
    pub(crate) fn json(&self, value: &Value) -> Result<(), Failure> {
        write_answer(self.document(value).as_bytes())
    }

    /// One JSON document on one line, whatever stdout is.
    pub(crate) fn json_line(&self, value: &Value) -> Result<(), Failure> {
        write_answer(value.to_string().as_bytes())
    }

    /// A line of the conversation; silent with `--quiet`.
    pub(crate) fn say(&self, line: &str) {
        if !self.quiet {
            self.warn(line);
        }
    }

    /// A line of the conversation that even `--quiet` keeps.
    pub(crate) fn warn(&self, line: &str) {
        // Nobody is left to tell when stderr is gone.
        let _ = writeln!(io::stderr().lock(), "{}", text::clean(line));
    }

    fn document(&self, value: &Value) -> String {
        if io::stdout().is_terminal() { format!("{value:#}") } else { value.to_string() }
    }
}

fn write_answer(line: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(line).and_then(|()| stdout.write_all(b"\n")).and_then(|()| stdout.flush());
    match written {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Failure::reader_gone()),
        Err(error) if error.kind() == ErrorKind::StorageFull => Err(Failure::new("output-full")),
        Err(error) => Err(Failure::internal(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn options_are_seen_before_parsing_but_not_behind_two_dashes() {
        let output = Output::new(&words("musette list --json -q"));
        assert!(output.json && output.quiet);
        let output = Output::new(&words("musette import -- --json"));
        assert!(!output.json && !output.quiet);
    }
}
