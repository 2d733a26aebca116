//! The vault: one small file with everything secret that a device holds.
//!
//! 1. A passphrase (through Argon2id), the system's keyring or a key file gives a root; with the
//!    header's salt it gives the key that seals the body, and a *check* that stands in the header.
//! 2. Opening compares the check first: a wrong passphrase is told apart from a damaged file. The
//!    check helps somebody who guesses no more than the sealed body does.
//! 3. Saving seals under a fresh nonce and replaces the file whole.
//!
//! With a key file the vault is as safe as the disk: whoever reads both files opens it. That is
//! the person's choice. `protocol/spec/vault.md` has the bytes.

#[cfg(test)]
mod tests;

use argon2::{Algorithm, Argon2, Params, Version};
use musette_protocol::{
    codec::{self, DecodeError, Encoded},
    crypto::{
        aead::{self, NONCE_LEN},
        kdf::{self, context},
        secret::Secret32,
    },
};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use crate::{
    entropy,
    error::{Error, Result},
    home::{Home, VaultChoice},
    store::{
        formats::FORMAT,
        keyring::{self, EntryName},
        replace::{read_bounded, remove_if_there, replace, told},
    },
};

const MAGIC: &[u8; 8] = b"MUSETTEV";
const HEADER_LEN: usize = 87;
const SALT_LEN: usize = 16;
const CHECK_LEN: usize = 16;
/// Bytes of the header that its checksum covers.
const CHECKED_LEN: usize = HEADER_LEN - 8;
/// Bytes of the file. Keys of a few hundred devices and epochs take a tenth.
const MAX_VAULT_LEN: u64 = 4 * 1024 * 1024;

const KEY_FILE: u8 = 0;
const PASSPHRASE: u8 = 1;
const KEYRING: u8 = 2;

/// What an Argon2id run may ask for: a header that somebody wrote must not take all memory or
/// all day. Four times the memory and more than twice the passes that we write ourselves.
const MAX_COST: Cost = Cost { memory_kib: 256 * 1024, passes: 8, lanes: 4 };
/// The second recommendation of RFC 9106, on one lane: half a second on a small machine.
const COST: Cost = Cost { memory_kib: 64 * 1024, passes: 3, lanes: 1 };

/// An open vault. It holds the key, not the contents.
#[derive(Debug)]
pub(crate) struct Vault {
    home: Home,
    /// Of the home, as the file tells it.
    format: u16,
    lock: Lock,
    key: Secret32,
}

/// How the vault is locked: the part of the header that stays from save to save.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Lock {
    kind: Kind,
    salt: [u8; SALT_LEN],
    check: [u8; CHECK_LEN],
}

/// Where the root comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    KeyFile,
    Passphrase(Cost),
    /// The salt names the entry.
    Keyring,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// Whether the home's vault asks for a passphrase.
///
/// # Errors
/// `vault-damaged`, `home-newer`, `disk-failed`.
pub fn is_passphrase_needed(home: &Home) -> Result<bool> {
    let file = read_file(home)?;
    Ok(matches!(split(&file)?.lock.kind, Kind::Passphrase(_)))
}

/// Whether a vault can be locked so, before anything depends on it: before words are typed, or a
/// ticket is spent.
///
/// # Errors
/// `keyring-not-built`; `keyring-absent`, `keyring-locked`, `keyring-silent`, `keyring-failed`.
pub fn check_choice(choice: &VaultChoice) -> Result<()> {
    if matches!(choice, VaultChoice::Keyring) { keyring::check() } else { Ok(()) }
}

/// Removes what a beginning that came to no vault put into the keyring. Where that refuses, 32 bytes stay
/// that open nothing.
pub(crate) fn abandon(entry: &EntryName) {
    if let Err(error) = keyring::remove(entry) {
        tracing::warn!(code = error.code(), "an entry in the keyring is left");
    }
}

impl Vault {
    /// Makes the key of a new vault, and its key file or its entry in the keyring if that was chosen. The vault itself is there
    /// from the first [`Vault::save`] on.
    ///
    /// # Errors
    /// `home-exists` when there is a vault; `disk-full`, `disk-failed`; as [`check_choice`].
    pub(crate) fn prepare(home: &Home, choice: &VaultChoice) -> Result<Self> {
        if home.exists() { Err(Error::new("home-exists")) } else { Self::make(home, choice) }
    }

    fn make(home: &Home, choice: &VaultChoice) -> Result<Self> {
        let salt = entropy::bytes();
        let (kind, root) = match choice {
            VaultChoice::Passphrase(passphrase) => {
                (Kind::Passphrase(COST), stretch(passphrase, COST, &salt)?)
            }
            // Durable before the vault is: a vault without its key is lost.
            VaultChoice::KeyFile => {
                let root = entropy::secret();
                told(replace(&home.key_path(), root.expose()))?;
                (Kind::KeyFile, root)
            }
            VaultChoice::Keyring => {
                let root = entropy::secret();
                keyring::write(&EntryName::of(&salt), &root)?;
                (Kind::Keyring, root)
            }
        };
        let lock = Lock { kind, salt, check: check_of(&salt, &root) };
        Ok(Self { home: home.clone(), format: FORMAT, lock, key: key_of(&salt, &root) })
    }

    /// Opens the home's vault. The passphrase is ignored where there is none.
    ///
    /// # Errors
    /// `passphrase-needed`, `wrong-passphrase`; `vault-damaged`, with `part=key-file` when it is
    /// the key file that is missing or not this vault's; `keyring-entry-gone`,
    /// `keyring-entry-wrong`, and what else a keyring says; `home-newer`; `disk-failed`.
    pub(crate) fn open<T: Encoded>(home: &Home, passphrase: Option<&str>) -> Result<(Self, T)> {
        let file = read_file(home)?;
        let parts = split(&file)?;
        let Lock { kind, salt, check } = parts.lock;
        let root = match kind {
            Kind::Passphrase(cost) => {
                stretch(passphrase.ok_or_else(|| Error::new("passphrase-needed"))?, cost, &salt)?
            }
            Kind::KeyFile => read_key_file(home)?,
            Kind::Keyring => keyring::read(&EntryName::of(&salt))?,
        };
        if check_of(&salt, &root) != check {
            return Err(match kind {
                Kind::Passphrase(_) => Error::new("wrong-passphrase"),
                Kind::KeyFile => key_file_damaged(),
                Kind::Keyring => keyring::wrong(),
            });
        }
        let (format, lock) = (parts.format, parts.lock);
        let vault = Self { home: home.clone(), format, lock, key: key_of(&salt, &root) };
        let body = aead::open(&vault.key, parts.nonce, parts.header, parts.sealed).map_err(|_| damaged())?;
        let contents = codec::decode(&Zeroizing::new(body)).map_err(|error| match error {
            DecodeError::Newer { found, known } => newer(found.into(), known.into()),
            _ => damaged(),
        })?;
        Ok((vault, contents))
    }

    /// Writes the contents. After a crash the old or the new ones are there. The caller holds the
    /// home's lock.
    ///
    /// # Errors
    /// `disk-full`, `disk-failed`; the old contents are then still there.
    pub(crate) fn save<T: Encoded>(&self, contents: &T) -> Result<()> {
        self.save_to(&self.home, contents)
    }

    /// Writes contents as another home's vault, which opens as this one does.
    ///
    /// # Errors
    /// `disk-full`, `disk-failed`.
    pub(super) fn save_to<T: Encoded>(&self, home: &Home, contents: &T) -> Result<()> {
        let nonce = entropy::bytes();
        let header = self.lock.header(self.format, &nonce);
        let body = codec::encode_secret(contents);
        let sealed = aead::seal(&self.key, &nonce, &header, &body);
        let file = [&header[..], &sealed].concat();
        // Everything in it is bounded so that this does not happen: nobody could open the home again.
        if file.len() as u64 > MAX_VAULT_LEN {
            return Err(Error::new("internal").with("detail", "the vault would be too long to be read"));
        }
        told(replace(&home.vault_path(), &file))
    }

    /// The format of the home, as the file tells it.
    pub(super) const fn format(&self) -> u16 {
        self.format
    }

    /// Writes the contents in this program's format. After a crash the old or the new file is there.
    ///
    /// # Errors
    /// `disk-full`, `disk-failed`; the old one is then still there.
    pub(super) fn upgrade<T: Encoded>(&mut self, contents: &T) -> Result<()> {
        let before = std::mem::replace(&mut self.format, FORMAT);
        let saved = self.save(contents);
        if saved.is_err() {
            self.format = before;
        }
        saved
    }

    /// Locks the contents in another way. After a crash the old or the new one opens them: the new root is
    /// kept before the vault needs it, the old one goes when no vault needs it any more. A crash in between
    /// leaves a root that opens nothing.
    ///
    /// # Errors
    /// `already-key-file`, `already-keyring` when there is nothing to change; `disk-full`, `disk-failed`, or
    /// what a keyring says: the old way then still holds. `keyring-entry-left` when the new one holds, and
    /// the keyring did not let go of the old one.
    pub(crate) fn relock<T: Encoded>(&mut self, choice: &VaultChoice, contents: &T) -> Result<()> {
        match (choice, self.lock.kind) {
            // A new key file in the place of the old one would be there before the vault that needs it.
            (VaultChoice::KeyFile, Kind::KeyFile) => return Err(Error::new("already-key-file")),
            (VaultChoice::Keyring, Kind::Keyring) => return Err(Error::new("already-keyring")),
            _ => {}
        }
        let new = Self::make(&self.home, choice)?;
        // Where this fails the new root stays: it may be that the new vault is there after a crash.
        new.save(contents)?;
        let old = std::mem::replace(self, new);
        if !self.has_key_file() {
            told(remove_if_there(&self.home.key_path()))?;
        }
        let removed = old.entry().map_or(Ok(()), |entry| keyring::remove(&entry));
        removed.map_err(|error| Error::new("keyring-entry-left").with("reason", error.code()))
    }

    /// Writes the contents such that another copy of this home has no part in what opens them: it may
    /// change its lock, and with it remove the entry that the two had in common.
    ///
    /// # Errors
    /// As [`Vault::save`], or what a keyring says.
    pub(super) fn save_apart<T: Encoded>(&mut self, contents: &T) -> Result<()> {
        if !self.is_in_keyring() {
            return self.save(contents);
        }
        let new = Self::make(&self.home, &VaultChoice::Keyring)?;
        new.save(contents)?;
        *self = new;
        Ok(())
    }

    /// Its root's entry in the keyring, if that is where it is.
    pub(crate) fn entry(&self) -> Option<EntryName> {
        self.is_in_keyring().then(|| EntryName::of(&self.lock.salt))
    }

    /// The same vault as a program of another format would write it.
    #[cfg(test)]
    pub(super) fn in_format(self, format: u16) -> Self {
        Self { format, ..self }
    }

    /// Whether a key file beside it opens it.
    #[must_use]
    pub(crate) const fn has_key_file(&self) -> bool {
        matches!(self.lock.kind, Kind::KeyFile)
    }

    /// Whether its root is in the system's keyring.
    #[must_use]
    pub(crate) const fn is_in_keyring(&self) -> bool {
        matches!(self.lock.kind, Kind::Keyring)
    }

    /// What opens it, as it is told: `passphrase`, `key-file` or `keyring`.
    #[must_use]
    pub(crate) const fn opened_by(&self) -> &'static str {
        match self.lock.kind {
            Kind::Passphrase(_) => "passphrase",
            Kind::KeyFile => "key-file",
            Kind::Keyring => "keyring",
        }
    }
}

impl Lock {
    fn header(&self, format: u16, nonce: &[u8; NONCE_LEN]) -> [u8; HEADER_LEN] {
        let none = Cost { memory_kib: 0, passes: 0, lanes: 0 };
        let (mode, cost) = match self.kind {
            Kind::KeyFile => (KEY_FILE, none),
            Kind::Passphrase(cost) => (PASSPHRASE, cost),
            Kind::Keyring => (KEYRING, none),
        };
        let mut header = [0; HEADER_LEN];
        header[..8].copy_from_slice(MAGIC);
        header[8..10].copy_from_slice(&format.to_le_bytes());
        header[10] = mode;
        header[11..15].copy_from_slice(&cost.memory_kib.to_le_bytes());
        header[15..19].copy_from_slice(&cost.passes.to_le_bytes());
        header[19..23].copy_from_slice(&cost.lanes.to_le_bytes());
        header[23..39].copy_from_slice(&self.salt);
        header[39..55].copy_from_slice(&self.check);
        header[55..79].copy_from_slice(nonce);
        let checksum = checksum(&header);
        header[CHECKED_LEN..].copy_from_slice(&checksum);
        header
    }
}

/// A vault's file, taken apart but not opened.
struct Parts<'a> {
    format: u16,
    lock: Lock,
    nonce: &'a [u8; NONCE_LEN],
    header: &'a [u8; HEADER_LEN],
    sealed: &'a [u8],
}

fn split(file: &[u8]) -> Result<Parts<'_>> {
    let (header, sealed) = file.split_first_chunk::<HEADER_LEN>().ok_or_else(damaged)?;
    if &header[..8] != MAGIC || header[CHECKED_LEN..] != checksum(header) {
        return Err(damaged());
    }
    let format = u16::from_le_bytes(array(&header[8..10]));
    if format > FORMAT {
        return Err(newer(format, FORMAT));
    }
    let number = |at: usize| u32::from_le_bytes(array(&header[at..at + 4]));
    let cost = Cost { memory_kib: number(11), passes: number(15), lanes: number(19) };
    let kind = match header[10] {
        _ if format == 0 => return Err(damaged()),
        KEY_FILE => Kind::KeyFile,
        PASSPHRASE if cost.is_bounded() => Kind::Passphrase(cost),
        KEYRING => Kind::Keyring,
        _ => return Err(damaged()),
    };
    let lock = Lock { kind, salt: array(&header[23..39]), check: array(&header[39..55]) };
    let nonce = header[55..79].try_into().expect("24 bytes");
    Ok(Parts { format, lock, nonce, header, sealed })
}

impl Cost {
    fn is_bounded(self) -> bool {
        let Self { memory_kib, passes, lanes } = self;
        memory_kib <= MAX_COST.memory_kib
            && passes <= MAX_COST.passes
            && lanes <= MAX_COST.lanes
            && Params::new(memory_kib, passes, lanes, None).is_ok()
    }
}

/// One keyboard types `é` as one character, another as two: both are the same passphrase (NFC).
fn stretch(passphrase: &str, cost: Cost, salt: &[u8; SALT_LEN]) -> Result<Secret32> {
    let passphrase = Zeroizing::new(passphrase.nfc().collect::<String>());
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, None).map_err(|_| damaged())?;
    let mut root = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, &mut *root)
        .map_err(|_| Error::new("wrong-passphrase"))?;
    Ok(Secret32::from_bytes(*root))
}

fn key_of(salt: &[u8], root: &Secret32) -> Secret32 {
    kdf::derive(context::VAULT, &[b"seal", salt, root.expose()])
}

fn check_of(salt: &[u8], root: &Secret32) -> [u8; CHECK_LEN] {
    array(&kdf::derive_id(context::VAULT, &[b"check", salt, root.expose()])[..CHECK_LEN])
}

fn checksum(header: &[u8; HEADER_LEN]) -> [u8; 8] {
    array(&blake3::hash(&header[..CHECKED_LEN]).as_bytes()[..8])
}

fn read_file(home: &Home) -> Result<Zeroizing<Vec<u8>>> {
    told(read_bounded(&home.vault_path(), MAX_VAULT_LEN))?.ok_or_else(|| Error::new("no-home"))
}

fn read_key_file(home: &Home) -> Result<Secret32> {
    let bytes = told(read_bounded(&home.key_path(), 1024))?;
    let root = bytes.and_then(|bytes| Some(Zeroizing::new(<[u8; 32]>::try_from(bytes.as_slice()).ok()?)));
    root.map(|root| Secret32::from_bytes(*root)).ok_or_else(key_file_damaged)
}

fn damaged() -> Error {
    Error::new("vault-damaged")
}

fn key_file_damaged() -> Error {
    damaged().with("part", "key-file")
}

fn newer(found: u16, known: u16) -> Error {
    Error::new("home-newer").with("found", found).with("known", known)
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("callers slice by constants")
}
