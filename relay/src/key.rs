//! The transport key: what the relay's address is made of.
//!
//! It lies in a file of its own that only its owner may read. Whoever copies it can pose as this
//! relay, which lets him see who calls whom, but not what they say.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use libp2p::identity::Keypair;

use crate::limits::MAX_KEY_FILE_BYTES;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("the key file {}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    /// Starting anyway would hide that the key may be stolen already.
    #[error("others than the owner may read the key file {}: chmod 600 it, or remove it to get a new one", path.display())]
    Exposed { path: PathBuf },
    #[error("{} holds no transport key", path.display())]
    NotAKey { path: PathBuf },
}

/// Reads the key; where there is no file, draws one and writes it.
///
/// # Errors
/// When the file is readable by others, holds something else, or cannot be read or written.
pub(crate) fn load_or_create(path: &Path) -> Result<Keypair, KeyError> {
    let failed = |error| KeyError::Io { path: path.to_owned(), error };
    match File::open(path) {
        Ok(file) => load(path, &file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = Keypair::generate_ed25519();
            let bytes = key.to_protobuf_encoding().expect("an Ed25519 key has an encoding");
            create(path, &bytes).map_err(failed)?;
            Ok(key)
        }
        Err(error) => Err(failed(error)),
    }
}

fn load(path: &Path, file: &File) -> Result<Keypair, KeyError> {
    let failed = |error| KeyError::Io { path: path.to_owned(), error };
    if file.metadata().map_err(failed)?.permissions().mode() & 0o077 != 0 {
        return Err(KeyError::Exposed { path: path.to_owned() });
    }
    let mut bytes = Vec::new();
    file.take(MAX_KEY_FILE_BYTES).read_to_end(&mut bytes).map_err(failed)?;
    Keypair::from_protobuf_encoding(&bytes).map_err(|_| KeyError::NotAKey { path: path.to_owned() })
}

/// All or nothing, so that a power cut leaves no half a key behind.
fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    // One that a power cut left behind.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stays_and_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let first = load_or_create(&path).unwrap().public();
        assert_eq!(load_or_create(&path).unwrap().public(), first);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(load_or_create(&path), Err(KeyError::Exposed { .. })));
    }

    #[test]
    fn another_file_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("letter");
        create(&path, b"not a key").unwrap();
        assert!(matches!(load_or_create(&path), Err(KeyError::NotAKey { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"not a key");
    }
}
