//! The keyring of the system that this program runs on.
//!
//! Each question goes over a connection and a thread of its own. A keyring that is locked asks the person,
//! in a window that may be on no screen, for as long as it likes: after [`PATIENCE`] the thread is left to
//! itself. A thread of the runtime would be waited for when the program ends.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use keyring_core::{CredentialStore, Entry, Error as Told};
use zeroize::Zeroizing;

use super::{EntryName, Keeper};
use crate::error::{Error, Result};

const SERVICE: &str = "musette";
/// How long a person may take to type what unlocks their keyring.
#[cfg(not(test))]
const PATIENCE: Duration = Duration::from_secs(60);
/// What a person reads who looks into their keyring; Keychain shows the service instead.
#[cfg(all(not(test), not(target_os = "macos")))]
const SHOWN: &[(&str, &str)] = &[("label", "Musette: what opens it on this device")];
#[cfg(any(test, target_os = "macos"))]
const SHOWN: &[(&str, &str)] = &[];
/// Characters of a keyring's own words that are passed on.
const MAX_REASON_LEN: usize = 200;

/// A keyring, asked through the system's own way to it.
pub(super) struct System {
    open: fn() -> keyring_core::Result<Arc<CredentialStore>>,
    patience: Duration,
}

#[cfg(not(test))]
pub(super) const SYSTEM: System = System { open: open_store, patience: PATIENCE };

#[cfg(all(not(test), target_os = "macos"))]
fn open_store() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(apple_native_keyring_store::keychain::Store::new()?)
}

#[cfg(all(not(test), not(target_os = "macos")))]
fn open_store() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(zbus_secret_service_keyring_store::Store::new()?)
}

impl System {
    fn ask<T: Send + 'static>(
        &self,
        entry: &EntryName,
        question: impl FnOnce(&Entry) -> keyring_core::Result<T> + Send + 'static,
    ) -> Result<Option<T>> {
        let (open, name) = (self.open, entry.0.clone());
        let (sender, answer) = mpsc::sync_channel(1);
        let ask = move || {
            let told = open().map_err(|told| failure("keyring-absent", &told)).and_then(|store| {
                let shown: HashMap<_, _> = SHOWN.iter().copied().collect();
                let entry = store.build(SERVICE, &name, Some(&shown)).map_err(error_of)?;
                match question(&entry) {
                    Err(Told::NoEntry) => Ok(None),
                    told => told.map(Some).map_err(error_of),
                }
            });
            // Nobody listens any more once the patience is over.
            let _ = sender.send(told);
        };
        let thread = thread::Builder::new().name("keyring".to_owned()).spawn(ask);
        thread.map_err(|_| Error::new("internal"))?;
        answer.recv_timeout(self.patience).unwrap_or_else(|ended| match ended {
            RecvTimeoutError::Timeout => {
                Err(Error::new("keyring-silent").with("seconds", self.patience.as_secs()))
            }
            // The library gave up in the middle of it.
            RecvTimeoutError::Disconnected => Err(Error::new("internal")),
        })
    }
}

impl Keeper for System {
    fn read(&self, entry: &EntryName) -> Result<Option<Zeroizing<Vec<u8>>>> {
        self.ask(entry, |entry| entry.get_secret().map(Zeroizing::new))
    }

    fn write(&self, entry: &EntryName, bytes: &[u8]) -> Result<()> {
        let bytes = Zeroizing::new(bytes.to_vec());
        let written = self.ask(entry, move |entry| entry.set_secret(&bytes))?;
        written.ok_or_else(|| Error::new("keyring-entry-gone"))
    }

    fn remove(&self, entry: &EntryName) -> Result<()> {
        self.ask(entry, Entry::delete_credential).map(drop)
    }
}

fn error_of(told: Told) -> Error {
    match told {
        Told::NoStorageAccess(_) => failure("keyring-locked", &told),
        // Their text is of the keyring alone; that of the others may hold what was kept.
        Told::PlatformFailure(_) | Told::BadStoreFormat(_) => failure("keyring-failed", &told),
        Told::Ambiguous(_) | Told::BadEncoding(_) | Told::BadDataFormat(..) => super::wrong(),
        _ => Error::new("keyring-failed").with("reason", "-"),
    }
}

fn failure(code: &'static str, told: &Told) -> Error {
    let reason: String =
        told.to_string().chars().filter(|one| !one.is_control()).take(MAX_REASON_LEN).collect();
    Error::new(code).with("reason", reason)
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use keyring_core::{api::CredentialStoreApi as _, mock};

    use super::*;

    static STORE: LazyLock<Arc<mock::Store>> = LazyLock::new(|| mock::Store::new().unwrap());
    const MOCK: System = System { open: || Ok(STORE.clone()), patience: Duration::from_secs(60) };

    /// What the next question about this entry is answered with.
    fn answer_with(entry: &EntryName, told: Told) {
        let entry = STORE.build(SERVICE, &entry.0, None).unwrap();
        entry.as_any().downcast_ref::<mock::Cred>().unwrap().set_error(told);
    }

    #[test]
    fn an_entry_is_kept_replaced_and_removed() {
        let (one, other) = (EntryName::of(&[1; 16]), EntryName::of(&[2; 16]));
        assert_eq!(MOCK.read(&one), Ok(None));
        MOCK.remove(&one).unwrap();
        MOCK.write(&one, b"first").unwrap();
        MOCK.write(&one, b"second").unwrap();
        assert_eq!(MOCK.read(&one).unwrap().unwrap().as_slice(), b"second");
        assert_eq!(MOCK.read(&other), Ok(None));
        MOCK.remove(&one).unwrap();
        assert_eq!(MOCK.read(&one), Ok(None));
    }

    #[test]
    fn what_a_keyring_says_is_put_in_words_that_hold_no_secret() {
        let entry = EntryName::of(&[3; 16]);
        let text = || "\u{1b}x".repeat(MAX_REASON_LEN).into();
        let answers = [
            (Told::NoStorageAccess(text()), "keyring-locked"),
            (Told::PlatformFailure(text()), "keyring-failed"),
            (Told::BadEncoding(b"secret".to_vec()), "keyring-entry-wrong"),
            (Told::Ambiguous(Vec::new()), "keyring-entry-wrong"),
            (Told::Invalid("secret".to_owned(), "secret".to_owned()), "keyring-failed"),
        ];
        for (told, code) in answers {
            answer_with(&entry, told);
            let error = MOCK.read(&entry).unwrap_err();
            assert_eq!(error.code(), code);
            let said = error.to_string();
            assert!(said.len() < 2 * MAX_REASON_LEN && !said.contains("secret"), "{said}");
            assert!(!said.contains('\u{1b}'), "{said}");
        }
        answer_with(&entry, Told::NoStorageAccess(text()));
        assert_eq!(MOCK.remove(&entry).unwrap_err().code(), "keyring-locked");
    }

    #[test]
    fn no_keyring_is_told_apart_and_one_that_says_nothing_is_not_waited_for() {
        let entry = EntryName::of(&[4; 16]);
        let absent = System { open: || Err(Told::NoDefaultStore), ..MOCK };
        assert_eq!(absent.read(&entry).unwrap_err().code(), "keyring-absent");
        let open = || loop {
            thread::park();
        };
        let silent = System { open, patience: Duration::ZERO };
        assert_eq!(silent.write(&entry, b"x").unwrap_err().code(), "keyring-silent");
    }
}
