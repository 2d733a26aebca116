//! What opens a vault. Passphrases: from a file, from standard input, or asked for.
//!
//! A passphrase is the first line of its file. It never comes from an argument or an
//! environment variable, which other programs can read.

use crate::context::Context;
use crate::error::Failure;
use crate::{prompt, t};
use musette_node::home::VaultChoice;
use musette_node::lifecycle;
use std::path::Path;
use zeroize::Zeroizing;

/// The passphrase that opens an existing home, or `None` where it has a key file.
pub(crate) fn unlock(context: &Context) -> Result<Option<Zeroizing<String>>, Failure> {
    if !lifecycle::is_passphrase_needed(&context.home)? {
        return Ok(None);
    }
    if let Some(file) = &context.global.passphrase_file {
        return read(file).map(Some);
    }
    if prompt::is_interactive() {
        return prompt::ask_secret(&t!("ask-passphrase")).map(Some);
    }
    Err(Failure::new("passphrase-needed"))
}

/// How to lock a vault without a passphrase.
#[derive(clap::Args, Clone, Copy, Debug, Default)]
pub(crate) struct LockFlags {
    #[arg(long)]
    pub(crate) no_passphrase: bool,
    #[arg(long, conflicts_with = "no_passphrase")]
    pub(crate) keyring: bool,
}

impl LockFlags {
    /// What they ask for, if anything.
    pub(crate) fn choice(self) -> Option<VaultChoice> {
        match (self.keyring, self.no_passphrase) {
            (true, _) => Some(VaultChoice::Keyring),
            (_, true) => Some(VaultChoice::KeyFile),
            _ => None,
        }
    }

    /// Whether this can be had, before the person is asked for anything.
    pub(crate) fn check(self) -> Result<(), Failure> {
        self.choice().map_or(Ok(()), |choice| Ok(lifecycle::check_choice(&choice)?))
    }
}

/// How the vault of a new home is locked: by the given file, by what the person types, or,
/// where there is nobody to ask, by a key file.
pub(crate) fn choose(context: &Context, flags: LockFlags) -> Result<VaultChoice, Failure> {
    if let Some(choice) = flags.choice() {
        return match (&context.global.passphrase_file, &choice) {
            (None, _) => Ok(choice),
            (Some(_), VaultChoice::Keyring) => Err(Failure::usage(t!("usage-passphrase-or-keyring"))),
            (Some(_), _) => Err(Failure::usage(t!("usage-passphrase-or-not"))),
        };
    }
    if let Some(file) = &context.global.passphrase_file {
        return read(file).map(VaultChoice::Passphrase);
    }
    if prompt::is_interactive() {
        return ask_new(context);
    }
    context.output.say(&t!("vault-key-file"));
    Ok(VaultChoice::KeyFile)
}

/// A new passphrase, typed twice, or none.
pub(crate) fn ask_new(context: &Context) -> Result<VaultChoice, Failure> {
    context.output.warn(&t!("vault-explained"));
    loop {
        let first = prompt::ask_secret(&t!("ask-new-passphrase"))?;
        if first.is_empty() {
            context.output.warn(&t!("vault-key-file"));
            return Ok(VaultChoice::KeyFile);
        }
        if prompt::ask_secret(&t!("ask-passphrase-again"))? == first {
            return Ok(VaultChoice::Passphrase(first));
        }
        context.output.warn(&t!("passphrases-differ"));
    }
}

/// The first line of a file, or of standard input for `-`.
pub(crate) fn read(file: &Path) -> Result<Zeroizing<String>, Failure> {
    let line = if file == Path::new("-") {
        Zeroizing::new(prompt::read_line()?.unwrap_or_default())
    } else {
        let content = Zeroizing::new(
            std::fs::read_to_string(file)
                .map_err(|_| Failure::new("file-unreadable").with("file", file.display()))?,
        );
        Zeroizing::new(content.lines().next().unwrap_or_default().to_owned())
    };
    if line.is_empty() {
        return Err(Failure::new("passphrase-empty"));
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(not(feature = "os-keyring"))]
    #[test]
    fn a_build_without_a_keyring_says_so_before_anything_is_asked() {
        let flags = LockFlags { keyring: true, ..LockFlags::default() };
        assert_eq!(flags.check().unwrap_err().code(), "keyring-not-built");
        assert!(LockFlags { no_passphrase: true, ..LockFlags::default() }.check().is_ok());
    }

    #[test]
    fn only_the_first_line_counts_and_an_empty_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("passphrase");
        std::fs::write(&file, "correct horse \r\nsecond\n").unwrap();
        assert_eq!(*read(&file).unwrap(), "correct horse ");
        std::fs::write(&file, "\nsecond\n").unwrap();
        assert_eq!(read(&file).unwrap_err().code(), "passphrase-empty");
        assert_eq!(read(&folder.path().join("none")).unwrap_err().code(), "file-unreadable");
    }
}
