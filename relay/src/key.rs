//! The transport key: what the relay's address is made of.
//!
//! It lies in a file of its own that only its owner may read. Whoever copies it can pose as this
//! relay, which lets him see who calls whom, but not what they say.

use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use libp2p::identity::{KeyType, Keypair};
use musette_protocol::crypto::{secret::Secret32, sign::SigningKey};

use crate::{files, limits::MAX_KEY_FILE_BYTES};

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("the key file {}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    /// Starting anyway would hide that the key may be stolen already.
    #[error("others than the owner may read the key file {}: chmod 600 it. Without it the relay gets another name, and no ticket holds any more", path.display())]
    Exposed { path: PathBuf },
    #[error("{} holds no transport key: put the right file back. Without one the relay gets another name, and no ticket holds any more", path.display())]
    NotAKey { path: PathBuf },
    #[error("there is no key at {} yet: start the relay once, it makes one", path.display())]
    NoKey { path: PathBuf },
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
            files::replace(path, &bytes).map_err(failed)?;
            Ok(key)
        }
        Err(error) => Err(failed(error)),
    }
}

/// Reads the key that a relay made.
///
/// # Errors
/// As [`load_or_create`], and where there is none: a ticket of a key that no relay has is worthless.
pub(crate) fn load_existing(path: &Path) -> Result<Keypair, KeyError> {
    match File::open(path) {
        Ok(file) => load(path, &file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(KeyError::NoKey { path: path.to_owned() })
        }
        Err(error) => Err(KeyError::Io { path: path.to_owned(), error }),
    }
}

/// The same key, for signing tickets.
pub(crate) fn signing(key: &Keypair) -> SigningKey {
    let key = key.clone().try_into_ed25519().expect("a relay makes and loads no other kind");
    let mut seed = [0; 32];
    seed.copy_from_slice(key.secret().as_ref());
    SigningKey::from_secret(&Secret32::from_bytes(seed))
}

fn load(path: &Path, file: &File) -> Result<Keypair, KeyError> {
    let failed = |error| KeyError::Io { path: path.to_owned(), error };
    if file.metadata().map_err(failed)?.permissions().mode() & 0o077 != 0 {
        return Err(KeyError::Exposed { path: path.to_owned() });
    }
    let mut bytes = Vec::new();
    file.take(MAX_KEY_FILE_BYTES).read_to_end(&mut bytes).map_err(failed)?;
    // Only a key of this kind is its own name, as tickets need it.
    let key = Keypair::from_protobuf_encoding(&bytes).ok().filter(|key| key.key_type() == KeyType::Ed25519);
    key.ok_or_else(|| KeyError::NotAKey { path: path.to_owned() })
}

#[cfg(test)]
mod tests {
    use std::fs;

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
        files::replace(&path, b"not a key").unwrap();
        assert!(matches!(load_or_create(&path), Err(KeyError::NotAKey { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"not a key");
    }
}
