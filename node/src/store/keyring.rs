//! The system's keyring, where it holds the root of a vault: Secret Service, or Keychain on macOS.
//!
//! An entry is 32 random bytes under the service `musette` and a name that the vault's header gives
//! (`protocol/spec/vault.md`). A build without the feature `os-keyring` knows only that there is such a
//! thing, and says so.
//!
//! Whatever a keyring says is an answer of another program: it may be locked, refuse, lack the entry, or
//! hold another one under its name. Nothing of that changes a vault.

#[cfg(test)]
pub(crate) mod memory;
#[cfg(all(feature = "os-keyring", not(target_os = "android")))]
mod system;

use musette_protocol::{crypto::secret::Secret32, id::base32};
use zeroize::Zeroizing;

use crate::{
    entropy,
    error::{Error, Result},
};

/// Where the bytes of an entry are kept.
trait Keeper {
    /// The bytes, or nothing where there is no such entry.
    fn read(&self, entry: &EntryName) -> Result<Option<Zeroizing<Vec<u8>>>>;
    fn write(&self, entry: &EntryName, bytes: &[u8]) -> Result<()>;
    /// An entry that is not there is removed.
    fn remove(&self, entry: &EntryName) -> Result<()>;
}

#[cfg(test)]
const KEEPER: memory::Memory = memory::Memory;
#[cfg(all(not(test), feature = "os-keyring", not(target_os = "android")))]
const KEEPER: system::System = system::SYSTEM;
#[cfg(all(not(test), any(not(feature = "os-keyring"), target_os = "android")))]
const KEEPER: NotBuilt = NotBuilt;

/// What an entry is called: of two homes, two names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EntryName(String);

impl EntryName {
    /// Of the vault with this salt. Who reads the name learns nothing: the salt is in the clear.
    pub(super) fn of(salt: &[u8; 16]) -> Self {
        Self(base32().encode(salt))
    }
}

/// The root under this name.
///
/// # Errors
/// `keyring-entry-gone`, `keyring-entry-wrong`; `keyring-absent`, `keyring-locked`, `keyring-silent`,
/// `keyring-failed`; `keyring-unknown` in a build without it.
pub(super) fn read(entry: &EntryName) -> Result<Secret32> {
    let bytes = KEEPER.read(entry)?.ok_or_else(|| Error::new("keyring-entry-gone"))?;
    let root = <[u8; 32]>::try_from(bytes.as_slice()).map(Zeroizing::new);
    root.map(|root| Secret32::from_bytes(*root)).map_err(|_| wrong())
}

/// Keeps a root, and reads it back: a vault whose key was not kept is lost.
///
/// # Errors
/// As [`read`]; `keyring-not-built` in a build without it.
pub(super) fn write(entry: &EntryName, root: &Secret32) -> Result<()> {
    KEEPER.write(entry, root.expose())?;
    let kept = read(entry)?;
    if kept.expose() == root.expose() { Ok(()) } else { Err(wrong()) }
}

/// Removes an entry, if it is there.
///
/// # Errors
/// As [`read`].
pub(super) fn remove(entry: &EntryName) -> Result<()> {
    KEEPER.remove(entry)
}

/// Whether the keyring keeps and gives back, found out with an entry of its own.
///
/// # Errors
/// As [`write`].
pub(super) fn check() -> Result<()> {
    let entry = EntryName::of(&entropy::bytes());
    let written = write(&entry, &entropy::secret());
    // Whatever came of it: what was written is not left.
    let removed = if written.is_ok() { remove(&entry) } else { Ok(()) };
    written.and(removed)
}

/// The entry is not this vault's.
pub(super) fn wrong() -> Error {
    Error::new("keyring-entry-wrong")
}

/// A build without a keyring.
#[cfg(any(not(feature = "os-keyring"), target_os = "android"))]
struct NotBuilt;

#[cfg(any(not(feature = "os-keyring"), target_os = "android"))]
impl Keeper for NotBuilt {
    fn read(&self, _: &EntryName) -> Result<Option<Zeroizing<Vec<u8>>>> {
        Err(Error::new("keyring-unknown"))
    }

    fn write(&self, _: &EntryName, _: &[u8]) -> Result<()> {
        Err(Error::new("keyring-not-built"))
    }

    fn remove(&self, _: &EntryName) -> Result<()> {
        Err(Error::new("keyring-unknown"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_back_and_a_check_leaves_nothing() {
        let (one, other) = (EntryName::of(&[1; 16]), EntryName::of(&[2; 16]));
        let counted = std::array::from_fn(|place| u8::try_from(place).unwrap());
        assert_eq!(EntryName::of(&counted).0, "aaaqeayeaudaocajbifqydiob4", "as the specification has it");
        let before = memory::count();
        check().unwrap();
        assert_eq!(memory::count(), before);
        write(&one, &Secret32::from_bytes([7; 32])).unwrap();
        assert_eq!(read(&one).unwrap().expose(), &[7; 32]);
        assert_eq!(read(&other).unwrap_err().code(), "keyring-entry-gone");
        for bytes in [&[7; 31][..], &[7; 33], b""] {
            KEEPER.write(&one, bytes).unwrap();
            assert_eq!(read(&one).unwrap_err().code(), "keyring-entry-wrong");
        }
        remove(&one).unwrap();
        remove(&one).unwrap();
    }

    #[test]
    fn a_keyring_that_keeps_nothing_or_refuses_is_found_out() {
        memory::forgets(|| assert_eq!(check().unwrap_err().code(), "keyring-entry-gone"));
        memory::refuses("keyring-locked", || assert_eq!(check().unwrap_err().code(), "keyring-locked"));
    }

    #[cfg(any(not(feature = "os-keyring"), target_os = "android"))]
    #[test]
    fn a_build_without_a_keyring_says_which_of_the_two_it_cannot() {
        let entry = EntryName::of(&[1; 16]);
        assert_eq!(NotBuilt.read(&entry).unwrap_err().code(), "keyring-unknown");
        assert_eq!(NotBuilt.write(&entry, b"").unwrap_err().code(), "keyring-not-built");
        assert_eq!(NotBuilt.remove(&entry).unwrap_err().code(), "keyring-unknown");
    }
}
