//! `musette init`: a person and their first device.
//!
//! On a terminal it asks for what no flag gave. Otherwise the flags decide, and what is
//! missing comes from the system: the user's name, the host's name, a key file.

use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::vault::{self, LockFlags};
use crate::{locale, prompt, t};
use musette_node::home::VaultChoice;
use musette_node::lifecycle::{self, Created};
use musette_node::words::recovery_words;
use serde_json::json;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Makes a Musette.
#[derive(clap::Args, Debug)]
pub(crate) struct Init {
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    #[command(flatten)]
    lock: LockFlags,
    #[arg(long, value_name = "FILE")]
    recovery_out: Option<PathBuf>,
}

/// A home that was just made.
pub(super) struct NewHome {
    created: Created,
    /// What unlocks it, so that nobody is asked twice.
    pub(super) passphrase: Option<Zeroizing<String>>,
}

impl Init {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let words_file = self.recovery_out.as_deref().map(WordsFile::open).transpose()?;
        let new = create(context, self.name, self.device, self.lock);
        let new = match (new, words_file) {
            (Ok(new), Some(file)) => {
                file.write(&new.created)?;
                new
            }
            (Ok(new), None) => new,
            (Err(failure), file) => {
                if let Some(file) = file {
                    file.discard();
                }
                return Err(failure);
            }
        };
        if context.output.is_json() {
            context.output.json(&json!({
                "person": new.created.person,
                "device": new.created.device,
                "home": context.home.path(),
            }))?;
        }
        let output = &context.output;
        match &self.recovery_out {
            Some(file) => output.say(&t!("init-words-written", file = file.display().to_string())),
            None => output.say(&t!("init-words-next")),
        }
        output.say(&t!("init-next"));
        Ok(Exit::Done)
    }
}

/// Makes the home, asking for what is missing where there is somebody to ask.
pub(super) fn create(
    context: &Context,
    name: Option<String>,
    device: Option<String>,
    lock: LockFlags,
) -> Result<NewHome, Failure> {
    if context.home.exists() {
        return Err(Failure::new("home-exists").with("home", context.home.path().display()));
    }
    lock.check()?;
    let is_interactive = prompt::is_interactive();
    let name = match name {
        Some(name) => name,
        None if is_interactive => prompt::ask(&t!("ask-name"), Some(&system_user()))?,
        None => told(context, "init-name-from-system", system_user()),
    };
    let device = match device {
        Some(device) => device,
        None if is_interactive => prompt::ask(&t!("ask-device"), Some(&host_name()))?,
        None => told(context, "init-device-from-system", host_name()),
    };
    let choice = vault::choose(context, lock)?;
    let created = lifecycle::create(&context.home, &name, &device, &choice)?;
    let home = context.home.path().display().to_string();
    context.output.say(&t!("init-created", name = name, device = device, home = home));
    let passphrase = match choice {
        VaultChoice::Passphrase(passphrase) => Some(passphrase),
        VaultChoice::KeyFile | VaultChoice::Keyring => None,
    };
    Ok(NewHome { created, passphrase })
}

fn told(context: &Context, key: &str, name: String) -> String {
    let words = locale::message(key, &[("name", name.clone().into())]);
    context.output.say(&words);
    name
}

/// What a new device is called: as given, or as the person says if somebody may be asked, or as its host.
pub(super) fn device_name(given: Option<String>, may_ask: bool) -> Result<String, Failure> {
    match given {
        Some(name) => Ok(name),
        None if may_ask && prompt::is_interactive() => prompt::ask(&t!("ask-device"), Some(&host_name())),
        None => Ok(host_name()),
    }
}

/// The host's name, without its domain.
fn host_name() -> String {
    let uname = rustix::system::uname();
    let host = uname.nodename().to_string_lossy();
    let first = host.split('.').next().unwrap_or_default();
    if first.is_empty() { t!("default-device") } else { first.to_owned() }
}

/// The full name of whoever runs this, or the user name.
fn system_user() -> String {
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_default();
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let full = full_name(&passwd, &user).filter(|name| !name.is_empty());
    match full.unwrap_or(user) {
        name if name.is_empty() => t!("default-name"),
        name => name,
    }
}

fn full_name(passwd: &str, user: &str) -> Option<String> {
    let line = passwd.lines().find(|line| line.split(':').next() == Some(user))?;
    let name = line.split(':').nth(4)?.split(',').next()?;
    Some(name.trim().to_owned())
}

/// The file for the recovery words: made before the home, so that a bad path costs nothing,
/// readable by its owner only, never an existing one.
struct WordsFile {
    path: PathBuf,
    file: File,
}

impl WordsFile {
    fn open(path: &Path) -> Result<Self, Failure> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(|error| {
            let is_there = error.kind() == io::ErrorKind::AlreadyExists;
            let code = if is_there { "file-exists" } else { "file-unwritable" };
            Failure::new(code).with("file", path.display())
        })?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// All words on one line, the form that `recovery check` reads back.
    fn write(mut self, created: &Created) -> Result<(), Failure> {
        let words = recovery_words(&created.recovery_entropy, locale::language().tag());
        let line = Zeroizing::new(words.join(" "));
        self.file
            .write_all(line.as_bytes())
            .and_then(|()| self.file.write_all(b"\n"))
            .and_then(|()| self.file.sync_all())
            .map_err(|_| Failure::new("words-unwritten").with("file", self.path.display()))
    }

    fn discard(self) {
        // Empty, and made a moment ago by this very command.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_full_name_is_the_first_part_of_the_comment_field() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nemilie:x:1:1:Emilie Joly,,,:/h:/bin/sh\nbad";
        assert_eq!(full_name(passwd, "emilie").as_deref(), Some("Emilie Joly"));
        assert_eq!(full_name(passwd, "bad"), None);
        assert_eq!(full_name(passwd, "nobody"), None);
    }

    #[test]
    fn words_never_overwrite_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("words");
        WordsFile::open(&path).unwrap().discard();
        assert!(!path.exists());
        std::fs::write(&path, "precious").unwrap();
        let refused = WordsFile::open(&path).map(|_| ()).unwrap_err();
        assert_eq!(refused.code(), "file-exists");
    }
}
