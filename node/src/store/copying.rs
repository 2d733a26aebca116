//! Records from one journal into another, some at a time.

use std::io;

use musette_protocol::journal::{Journal, JournalError};

use super::files::FileDisk;

/// Bytes of records that are written at once.
const BATCH_BYTES: usize = 1024 * 1024;

/// Takes records as a journal hands them out, which cannot be stopped: after a failure nothing more
/// is kept.
pub(crate) struct Copier {
    journal: Journal<FileDisk>,
    batch: Vec<Vec<u8>>,
    bytes: usize,
    failure: Option<JournalError<io::Error>>,
}

impl Copier {
    pub(crate) const fn new(journal: Journal<FileDisk>) -> Self {
        Self { journal, batch: Vec::new(), bytes: 0, failure: None }
    }

    pub(crate) fn push(&mut self, record: &[u8]) {
        if self.failure.is_some() {
            return;
        }
        self.bytes += record.len();
        self.batch.push(record.to_vec());
        if self.bytes >= BATCH_BYTES {
            self.bytes = 0;
            self.failure = self.journal.append(&std::mem::take(&mut self.batch)).err();
        }
    }

    /// Writes the rest. Durable on return.
    ///
    /// # Errors
    /// The first one that there was.
    pub(crate) fn finish(mut self) -> Result<(), JournalError<io::Error>> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        self.journal.append(&self.batch)?;
        self.journal.sync()
    }
}
