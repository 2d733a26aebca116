//! What a process takes of the machine.

use std::{fs, io, os::unix::fs::MetadataExt as _, path::Path};

use anyhow::{Context as _, Result};

/// A file's blocks are counted in these units, whatever the file system.
const BLOCK: u64 = 512;

/// Resident memory of a process now, in bytes.
pub(crate) fn resident(process: u32) -> Result<u64> {
    status(process, "VmRSS:")
}

/// The most resident memory that it ever had, in bytes.
pub(crate) fn peak(process: u32) -> Result<u64> {
    status(process, "VmHWM:")
}

fn status(process: u32, name: &str) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)).context("no such line")?;
    let kib: u64 = line.split_whitespace().next().context("no figure")?.parse()?;
    Ok(kib * 1024)
}

/// What the files below a folder occupy on the disk, in bytes: whole blocks, as `du` counts.
pub(crate) fn disk(folder: &Path) -> io::Result<u64> {
    let mut total = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        total += metadata.blocks() * BLOCK;
        if metadata.is_dir() {
            total += disk(&entry.path())?;
        }
    }
    Ok(total)
}

/// The machine's load in the last minute.
pub(crate) fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().unwrap_or("unknown").to_owned()
}
