//! `musette extract ID NAME [--to FILE]`: get an attachment back.

use crate::client::{Connection, encode, item_path};
use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::{quantities, t};
use serde_json::json;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};

/// Writes an attachment to a file, or to stdout.
#[derive(clap::Args, Debug)]
pub(crate) struct Extract {
    #[arg(value_name = "ID")]
    id: String,
    #[arg(value_name = "NAME")]
    name: String,
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

impl Extract {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        if self.to.is_none() && (context.output.is_json() || io::stdout().is_terminal()) {
            return Err(Failure::usage(t!("usage-extract-to")));
        }
        let path = format!("{}/attachments/{}", item_path(&self.id), encode(&self.name));
        let connection = context.connect().await?;
        let result = match &self.to {
            Some(file) => to_file(&connection, &path, file).await,
            None => to_stdout(&connection, &path).await,
        };
        connection.close().await?;
        let size = result?;
        let Some(file) = &self.to else {
            return Ok(Exit::Done);
        };
        if context.output.is_json() {
            context.output.json(&json!({ "file": file, "size": size }))?;
        } else {
            let file = file.display().to_string();
            let size = quantities::size_in_words(size);
            context.output.say(&t!("extract-done", file = file, size = size));
        }
        Ok(Exit::Done)
    }
}

async fn to_stdout(connection: &Connection, path: &str) -> Result<u64, Failure> {
    let mut is_reader_gone = false;
    let mut write = |bytes: &[u8]| {
        let written = io::stdout().lock().write_all(bytes);
        is_reader_gone = written.as_ref().is_err_and(|error| error.kind() == ErrorKind::BrokenPipe);
        written
    };
    let result = connection.bytes(path, &mut write).await;
    if is_reader_gone { Err(Failure::reader_gone()) } else { result }
}

/// A part is never left behind looking like the whole.
async fn to_file(connection: &Connection, path: &str, to: &Path) -> Result<u64, Failure> {
    let mut file = create_new(to)?;
    let result = connection.bytes(path, &mut |bytes| file.write_all(bytes)).await;
    let result =
        result.and_then(|size| file.sync_all().map(|()| size).map_err(|error| unwritable(&error, to)));
    if result.is_err() {
        // Made a moment ago by this very command.
        let _ = std::fs::remove_file(to);
    }
    result
}

/// Never overwrites: the file that is there may be the only copy of something else.
fn create_new(to: &Path) -> Result<File, Failure> {
    let opened = OpenOptions::new().write(true).create_new(true).open(to);
    opened.map_err(|error| unwritable(&error, to))
}

fn unwritable(error: &io::Error, file: &Path) -> Failure {
    let code = match error.kind() {
        ErrorKind::AlreadyExists => "file-exists",
        ErrorKind::StorageFull => "disk-full",
        _ => "file-unwritable",
    };
    Failure::new(code).with("file", file.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_there_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cv.pdf");
        std::fs::write(&file, b"first").unwrap();
        assert_eq!(create_new(&file).unwrap_err().code(), "file-exists");
        assert_eq!(std::fs::read(&file).unwrap(), b"first");
        let nowhere = folder.path().join("none").join("cv.pdf");
        assert_eq!(create_new(&nowhere).unwrap_err().code(), "file-unwritable");
    }
}
