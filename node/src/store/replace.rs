//! Small files that are replaced whole: after a crash at any point the old or the new one is
//! there, never a mixture and never nothing.
//!
//! 1. [`stage`] writes `NAME.new` beside the file and syncs it.
//! 2. [`Staged::commit`] renames it over the file and syncs the directory.
//!
//! A crash in between leaves a `NAME.new` that nobody reads and the next replacement overwrites.
//! Only the holder of the home's lock replaces files, so one such name is enough.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// A file's new content, durable beside it.
#[derive(Debug)]
#[must_use = "nothing is replaced before `commit`"]
pub(crate) struct Staged {
    new: PathBuf,
    path: PathBuf,
}

/// Replaces a file, or makes it, with mode 0600. Durable on return.
///
/// # Errors
/// When the disk refuses; the old file is then untouched, unless syncing the directory failed:
/// then it is either of the two.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    stage(path, bytes)?.commit()
}

/// Writes the new content beside the file.
///
/// # Errors
/// When the disk refuses.
pub(crate) fn stage(path: &Path, bytes: &[u8]) -> io::Result<Staged> {
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    let written = write_new(&new, bytes);
    if written.is_err() {
        remove_if_there(&new)?;
    }
    written.map(|()| Staged { new, path: path.to_owned() })
}

impl Staged {
    /// Puts the new content in the old one's place.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn commit(self) -> io::Result<()> {
        std::fs::rename(&self.new, &self.path)?;
        sync_dir(self.path.parent().ok_or(io::ErrorKind::InvalidInput)?)
    }
}

/// What a crash left is removed first, so that the mode is ours and no link is followed.
fn write_new(new: &Path, bytes: &[u8]) -> io::Result<()> {
    remove_if_there(new)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(new)?;
    file.write_all(bytes)?;
    file.sync_all()
}

pub(crate) fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Reads a file of at most `max_len` bytes; nothing if it is not there. The bytes are wiped when
/// dropped: some of these files are keys.
///
/// # Errors
/// When the disk refuses, or the file is longer ([`io::ErrorKind::FileTooLarge`]).
pub(crate) fn read_bounded(path: &Path, max_len: u64) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let len = file.metadata()?.len();
    if len > max_len {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    // Reserved at once: a buffer that grows leaves copies behind that nobody wipes.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(len).unwrap_or(0) + 1));
    file.take(len).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Makes a directory (0700) and what leads to it, durably. One that is there is left as it is.
///
/// # Errors
/// When the disk refuses.
pub(crate) fn create_private_dir(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        create_private_dir(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
        made => made?,
    }
    sync_dir(parent.unwrap_or(Path::new(".")))
}

/// Makes a directory's entries durable.
///
/// # Errors
/// When the disk refuses.
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Removes a directory and all that is in it, if it is there.
pub(crate) fn remove_dir(path: &Path) -> Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error(&error)),
        _ => Ok(()),
    }
}

/// A disk's error as people are told of it: `disk-full`, `read-only`, `permission-denied`, or `disk-failed` with
/// the system's reason. No path is told.
#[must_use]
pub(crate) fn io_error(error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::new("disk-full"),
        io::ErrorKind::ReadOnlyFilesystem => Error::new("read-only"),
        io::ErrorKind::PermissionDenied => Error::new("permission-denied"),
        kind => Error::new("disk-failed").with("reason", kind),
    }
}

/// Whether this is an error of [`io_error`].
#[must_use]
pub(crate) fn is_disk_failure(error: &Error) -> bool {
    matches!(error.code(), "disk-full" | "read-only" | "permission-denied" | "disk-failed")
}

/// [`io_error`] for a `?`.
///
/// # Errors
/// When the outcome is one.
pub(crate) fn told<T>(outcome: io::Result<T>) -> Result<T> {
    outcome.map_err(|error| io_error(&error))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn the_old_file_stays_until_the_new_one_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vault");
        replace(&path, b"old").unwrap();
        let staged = stage(&path, b"newer").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"old", "a crash here leaves the old one");
        staged.commit().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"newer");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_a_crash_left_is_replaced_and_no_link_is_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (path, victim) = (dir.path().join("vault"), dir.path().join("victim"));
        std::fs::write(&victim, "victim").unwrap();
        symlink(&victim, dir.path().join("vault.new")).unwrap();
        replace(&path, b"secret").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"secret");
        assert_eq!(std::fs::read(&victim).unwrap(), b"victim");
    }

    #[test]
    fn a_failed_replacement_leaves_the_old_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vault");
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("file"), "x").unwrap();
        assert!(replace(&path, b"new").is_err(), "a directory is not replaced");
        assert!(path.join("file").exists());
        assert!(replace(&dir.path().join("missing").join("vault"), b"new").is_err());
    }

    #[test]
    fn a_file_that_is_too_long_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(read_bounded(&path, 4).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(**read_bounded(&path, 5).unwrap().unwrap(), *b"12345");
        assert!(read_bounded(&dir.path().join("none"), 5).unwrap().is_none());
    }

    #[test]
    fn directories_are_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a").join("b");
        create_private_dir(&path).unwrap();
        create_private_dir(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_full_disk_is_told_apart_and_no_path_is_told() {
        assert_eq!(io_error(&io::ErrorKind::StorageFull.into()).code(), "disk-full");
        assert_eq!(io_error(&io::ErrorKind::PermissionDenied.into()).code(), "permission-denied");
        let error = io_error(&std::fs::read("/nonexistent/path").unwrap_err());
        assert_eq!(error.code(), "disk-failed");
        assert_eq!(error.args()["reason"], "entity not found");
    }
}
