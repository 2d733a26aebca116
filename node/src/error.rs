//! What went wrong, in a form that a person's language can be put to.

use std::{borrow::Cow, collections::BTreeMap, fmt};

/// An error as the API carries it: a code from a fixed list and named arguments, never content of
/// items and never a secret. The interface renders it in French or English.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    code: Cow<'static, str>,
    args: BTreeMap<String, String>,
}

/// Shorthand of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error without arguments.
    #[must_use]
    pub fn new(code: impl Into<Cow<'static, str>>) -> Self {
        Self { code: code.into(), args: BTreeMap::new() }
    }

    /// Adds a named argument.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.args.insert(name.to_owned(), value.to_string());
        self
    }

    /// The kebab-case code.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The named arguments.
    #[must_use]
    pub const fn args(&self) -> &BTreeMap<String, String> {
        &self.args
    }

    /// The exit status of a command that ends with this error.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self.code() {
            "bad-request" | "bad-address" | "bad-listen-address" | "budget-too-small" => 2,
            "wrong-passphrase" | "passphrase-needed" | "keyring-unknown" | "keyring-absent"
            | "keyring-locked" | "keyring-silent" | "keyring-failed" => 4,
            "import-cut-short" => 3,
            "deadline" => 5,
            "home-in-use" | "node-running" | "backup-in-use" => 6,
            "home-newer"
            | "backup-newer"
            | "backup-damaged"
            | "backup-unreadable"
            | "home-damaged"
            | "vault-damaged"
            | "vault-missing"
            | "keyring-entry-gone"
            | "keyring-entry-wrong"
            | "journal-damaged"
            | "journal-missing" => 7,
            _ => 1,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code)?;
        for (name, value) in &self.args {
            write!(f, " {name}={value}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
