//! Where the importers hand over what they find.

use std::{
    cell::Cell,
    io::{self, Read},
    ops::ControlFlow,
    rc::Rc,
};

use super::{
    Event,
    limits::PROGRESS_BYTES,
    reason::{ImportError, Reason},
};
use crate::imported::ImportedRow;

/// Why reading ends before the end.
#[derive(Debug)]
pub(super) enum Stop {
    /// Whoever receives the events has enough.
    Asked,
    Error(ImportError),
}

impl From<ImportError> for Stop {
    fn from(error: ImportError) -> Self {
        Self::Error(error)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Error(ImportError::Unreadable(error))
    }
}

/// The receiver of events, and how far reading is.
pub(super) struct Out<'a> {
    sink: &'a mut dyn FnMut(Event) -> ControlFlow<()>,
    read: Rc<Cell<u64>>,
    told: u64,
    total: Option<u64>,
}

impl<'a> Out<'a> {
    pub(super) fn new(sink: &'a mut dyn FnMut(Event) -> ControlFlow<()>) -> Self {
        Self { sink, read: Rc::default(), told: 0, total: None }
    }

    pub(super) fn expect_bytes(&mut self, total: u64) {
        self.total = Some(total);
    }

    /// Counts what is read through the result towards the progress.
    pub(super) fn counted<R: Read>(&self, source: R) -> Counted<R> {
        Counted { source, read: Rc::clone(&self.read) }
    }

    pub(super) fn row(&mut self, row: ImportedRow) -> Result<(), Stop> {
        self.emit(Event::Row(row))
    }

    pub(super) fn problem(&mut self, file: &str, row: u64, reason: Reason) -> Result<(), Stop> {
        self.emit(Event::Problem(reason.at(file, row)))
    }

    /// Tells how far reading is, now and then; `always` at the end of a file.
    pub(super) fn progress(&mut self, what: &str, always: bool) -> Result<(), Stop> {
        let done = self.read.get();
        if !always && done < self.told + PROGRESS_BYTES {
            return Ok(());
        }
        self.told = done;
        // A size that an archive declares may be smaller than what comes.
        let total = self.total.map(|total| total.max(done));
        self.emit(Event::Progress { done, total, what: what.to_owned() })
    }

    fn emit(&mut self, event: Event) -> Result<(), Stop> {
        match (self.sink)(event) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Stop::Asked),
        }
    }
}

/// A reader that counts.
pub(super) struct Counted<R> {
    source: R,
    read: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.read.set(self.read.get() + read as u64);
        Ok(read)
    }
}
