//! Where a Musette lives: one directory, one owner at a time.

use std::{
    env,
    ffi::{OsStr, OsString},
    fmt,
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _, fs::OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use musette_protocol::id::base32;
use zeroize::Zeroizing;

use crate::{
    error::{Error, Result},
    store::replace::{create_private_dir, told},
};

/// Bytes of a Unix socket's path that every system takes (macOS: 104 with the final zero).
const MAX_SOCKET_PATH_LEN: usize = 103;

/// A home directory; it need not exist yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    path: PathBuf,
    runtime_dir: Option<PathBuf>,
}

/// What locks the vault of a new home.
pub enum VaultChoice {
    /// 32 random bytes in a file that only its owner may read: as safe as the disk.
    KeyFile,
    /// Something the person knows.
    Passphrase(Zeroizing<String>),
    /// 32 random bytes in the system's keyring: as safe as what unlocks that. Not in every build.
    Keyring,
}

/// Held as long as this process owns the home. The system lets go of it when the process ends,
/// however it ends.
#[derive(Debug)]
#[must_use = "the home is free again once this is dropped"]
pub struct HomeLock {
    file: File,
    path: PathBuf,
}

impl HomeLock {
    /// Requires that the home is still where it was when it was taken: what is there now may be another one's.
    ///
    /// # Errors
    /// `home-moved` when it is not.
    pub(crate) fn check(&self) -> Result<()> {
        let inode = |file: io::Result<fs::Metadata>| file.ok().map(|file| (file.dev(), file.ino()));
        let held = inode(self.file.metadata());
        if held.is_some() && held == inode(fs::metadata(&self.path)) {
            Ok(())
        } else {
            Err(Error::new("home-moved"))
        }
    }
}

impl fmt::Debug for VaultChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeyFile => "KeyFile",
            Self::Passphrase(_) => "Passphrase(…)",
            Self::Keyring => "Keyring",
        })
    }
}

impl Home {
    /// The directory named, else `$XDG_DATA_HOME/musette`, else `~/.local/share/musette`
    /// (macOS: `~/Library/Application Support/musette`).
    ///
    /// # Errors
    /// `home-unknown` when none is named and there is no home directory to fall back on.
    pub fn locate(explicit: Option<&Path>) -> Result<Self> {
        Self::locate_in(explicit, &|name| env::var_os(name))
    }

    fn locate_in(explicit: Option<&Path>, variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Self> {
        // The XDG specification: a relative path there is to be ignored.
        let absolute = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let path = match (explicit, absolute("XDG_DATA_HOME"), absolute("HOME")) {
            (Some(path), _, _) => told(std::path::absolute(path))?,
            (None, Some(data), _) => data.join("musette"),
            (None, None, Some(home)) if cfg!(target_os = "macos") => {
                home.join("Library").join("Application Support").join("musette")
            }
            (None, None, Some(home)) => home.join(".local").join("share").join("musette"),
            (None, None, None) => return Err(Error::new("home-unknown")),
        };
        Ok(Self { path, runtime_dir: absolute("XDG_RUNTIME_DIR") })
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether somebody's Musette is here: whether there is a vault.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.vault_path().exists()
    }

    /// Why nothing can be opened here, where there is no vault: an empty place is not one whose
    /// vault went missing.
    #[must_use]
    pub fn absence(&self) -> Error {
        if let Some(file) = self.file_in_the_way() {
            return Error::new("home-not-a-folder").with("file", file.display());
        }
        let code = if self.is_free() { "no-home" } else { "vault-missing" };
        Error::new(code).with("home", self.path().display())
    }

    /// Whether a Musette may begin here without touching anything of anybody's: nothing has the
    /// name of one of our files, or all of it was left by a beginning that did not end.
    pub(crate) fn is_free(&self) -> bool {
        let ours =
            [self.journal_dir(), self.index_dir(), self.key_path(), self.config_path(), self.kept_path()];
        let is_empty = || !ours.iter().any(|path| path.exists());
        self.file_in_the_way().is_none() && (self.begun_path().exists() || is_empty())
    }

    /// What is no directory where this one, or one above it, is to be.
    fn file_in_the_way(&self) -> Option<&Path> {
        self.path.ancestors().find(|path| path.exists()).filter(|path| !path.is_dir())
    }

    /// A mark that a Musette is being made here: what lies beside it may be removed.
    pub(crate) fn begun_path(&self) -> PathBuf {
        self.path.join("begun")
    }

    /// A mark that damage to the journal was skipped, until the vault says that records may be missing:
    /// nothing else tells once the copy has taken the journal's place.
    pub(crate) fn damaged_path(&self) -> PathBuf {
        self.path.join("damaged")
    }

    /// Another directory, as a home.
    pub(crate) fn at(&self, path: &Path) -> Self {
        Self { path: path.to_owned(), runtime_dir: self.runtime_dir.clone() }
    }

    /// The home as it was in an earlier format.
    pub(crate) fn kept_path(&self) -> PathBuf {
        self.path.join("before-upgrade")
    }

    /// Where a running node writes which socket it listens on: a program with another runtime
    /// directory finds it all the same.
    pub(crate) fn socket_note_path(&self) -> PathBuf {
        self.path.join("socket")
    }

    /// What the note holds: the socket's path, and the home that it is of, as a copy of a home is another
    /// one.
    pub(crate) fn socket_note(&self, socket: &Path) -> Vec<u8> {
        [socket.as_os_str().as_bytes(), &[0], self.canonical().as_os_str().as_bytes()].concat()
    }

    /// The socket that the node of this home noted, if it is of this home.
    pub(crate) fn noted_socket(&self) -> Option<PathBuf> {
        let note = fs::read(self.socket_note_path()).ok()?;
        let end = note.iter().position(|byte| *byte == 0)?;
        let socket = PathBuf::from(OsStr::from_bytes(&note[..end]));
        (self.socket_note(&socket) == note).then_some(socket)
    }

    fn canonical(&self) -> PathBuf {
        fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone())
    }

    /// Makes the directory, readable to its owner only.
    ///
    /// # Errors
    /// `disk-full`, `disk-failed`.
    pub fn create(&self) -> Result<()> {
        told(create_private_dir(&self.path))
    }

    /// Takes the home for this process.
    ///
    /// # Errors
    /// `home-in-use` when another process has it; `no-home` when the directory is not there;
    /// `disk-full`, `disk-failed`.
    pub fn lock(&self) -> Result<HomeLock> {
        let path = self.path.join("lock");
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = match file {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Error::new("no-home")),
            file => told(file)?,
        };
        match file.try_lock() {
            Ok(()) => Ok(HomeLock { file, path }),
            Err(TryLockError::WouldBlock) => Err(Error::new("home-in-use")),
            Err(TryLockError::Error(error)) => told(Err(error)),
        }
    }

    /// Where the node of this home listens: `$XDG_RUNTIME_DIR/musette/<hash of the home>.sock`, or
    /// `run/node.sock` in the home, whichever is short enough for a socket, in this order.
    ///
    /// # Errors
    /// `socket-path-too-long` when neither is.
    pub fn socket_path(&self) -> Result<PathBuf> {
        let shared = self.runtime_dir.as_ref().map(|dir| dir.join("musette").join(self.socket_name()));
        let own = self.path.join("run").join("node.sock");
        shared
            .into_iter()
            .chain([own])
            .find(|path| path.as_os_str().len() <= MAX_SOCKET_PATH_LEN)
            .ok_or_else(|| Error::new("socket-path-too-long").with("max", MAX_SOCKET_PATH_LEN))
    }

    /// Makes the socket's directory, and makes sure that it is this user's and closed to others:
    /// who can write there could put a socket of their own in the node's place.
    ///
    /// # Errors
    /// `socket-dir-unsafe`, `socket-path-too-long`, `disk-full`, `disk-failed`.
    pub fn create_socket_dir(&self) -> Result<()> {
        let socket = self.socket_path()?;
        let dir = socket.parent().ok_or_else(|| Error::new("socket-dir-unsafe"))?;
        told(create_private_dir(dir))?;
        let found = told(fs::symlink_metadata(dir))?;
        let ours = found.uid() == rustix::process::geteuid().as_raw();
        if !found.is_dir() || !ours || found.mode() & 0o077 != 0 {
            return Err(Error::new("socket-dir-unsafe"));
        }
        Ok(())
    }

    /// The same for every spelling of the home's path.
    fn socket_name(&self) -> String {
        let hash = blake3::hash(self.canonical().as_os_str().as_bytes());
        format!("{}.sock", base32().encode(&hash.as_bytes()[..10]))
    }

    /// The journal's directory.
    #[must_use]
    pub fn journal_dir(&self) -> PathBuf {
        self.path.join("journal")
    }

    /// The index's directory.
    #[must_use]
    pub fn index_dir(&self) -> PathBuf {
        self.path.join("index")
    }

    /// The vault's file.
    #[must_use]
    pub fn vault_path(&self) -> PathBuf {
        self.path.join("vault")
    }

    /// The key file, where the vault has no passphrase.
    #[must_use]
    pub fn key_path(&self) -> PathBuf {
        self.path.join("key")
    }

    /// The attachments that the person asked for.
    pub(crate) fn asked_path(&self) -> PathBuf {
        self.path.join("asked")
    }

    /// When the last backup was written.
    pub(crate) fn backups_path(&self) -> PathBuf {
        self.path.join("backups")
    }

    /// Which devices were let in with the recovery words, as this one heard of it.
    pub(crate) fn recovered_path(&self) -> PathBuf {
        self.path.join("recovered")
    }

    /// Which replacements of the recovery words this device heard of.
    pub(crate) fn replaced_path(&self) -> PathBuf {
        self.path.join("replaced")
    }

    /// New recovery words, until they take the place of the old ones.
    pub(crate) fn next_words_path(&self) -> PathBuf {
        self.path.join("words")
    }

    /// The key of the recovery words that only reads, while a restored device waits for another one.
    pub(crate) fn recovery_key_path(&self) -> PathBuf {
        self.path.join("recovery-key")
    }

    /// Where the bytes of the day are counted.
    pub(crate) fn traffic_path(&self) -> PathBuf {
        self.path.join("traffic.json")
    }

    /// The configuration's file.
    #[must_use]
    pub fn config_path(&self) -> PathBuf {
        self.path.join("musette.json")
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn locate(explicit: Option<&str>, variables: &[(&str, &str)]) -> Result<Home> {
        Home::locate_in(explicit.map(Path::new), &|name| {
            variables.iter().find(|(found, _)| *found == name).map(|(_, value)| value.into())
        })
    }

    #[test]
    fn the_home_named_wins_then_xdg_then_the_persons_own() {
        let variables = [("HOME", "/h"), ("XDG_DATA_HOME", "/data")];
        assert_eq!(locate(Some("/explicit"), &variables).unwrap().path(), Path::new("/explicit"));
        assert!(locate(Some("here"), &variables).unwrap().path().is_absolute());
        assert_eq!(locate(None, &variables).unwrap().path(), Path::new("/data/musette"));
        let fallback = if cfg!(target_os = "macos") {
            "/h/Library/Application Support/musette"
        } else {
            "/h/.local/share/musette"
        };
        assert_eq!(locate(None, &variables[..1]).unwrap().path(), Path::new(fallback));
        assert_eq!(
            locate(None, &[("HOME", "/h"), ("XDG_DATA_HOME", "data")]).unwrap().path(),
            Path::new(fallback)
        );
        assert_eq!(locate(None, &[]).unwrap_err().code(), "home-unknown");
    }

    #[test]
    fn one_process_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::locate(Some(&dir.path().join("home"))).unwrap();
        assert_eq!(home.lock().unwrap_err().code(), "no-home");
        home.create().unwrap();
        assert_eq!(fs::metadata(home.path()).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(!home.exists());
        let lock = home.lock().unwrap();
        let error = home.lock().unwrap_err();
        assert_eq!((error.code(), error.exit_code()), ("home-in-use", 6));
        drop(lock);
        let _lock = home.lock().unwrap();
    }

    #[test]
    fn each_home_has_a_socket_of_its_own_that_is_short_enough() {
        let runtime = ("XDG_RUNTIME_DIR", "/run/user/1000");
        let one = locate(Some("/homes/one"), &[runtime]).unwrap().socket_path().unwrap();
        let two = locate(Some("/homes/two"), &[runtime]).unwrap().socket_path().unwrap();
        assert!(one.starts_with("/run/user/1000/musette") && one != two);
        let own = locate(Some("/homes/one"), &[]).unwrap().socket_path().unwrap();
        assert_eq!(own, Path::new("/homes/one/run/node.sock"));
        let deep = format!("/{}", "d".repeat(200));
        assert!(locate(Some(&deep), &[runtime]).unwrap().socket_path().is_ok());
        let long_runtime = ("XDG_RUNTIME_DIR", deep.as_str());
        assert_eq!(locate(Some("/homes/one"), &[long_runtime]).unwrap().socket_path().unwrap(), own);
        assert_eq!(
            locate(Some(&deep), &[]).unwrap().socket_path().unwrap_err().code(),
            "socket-path-too-long"
        );
    }

    #[test]
    fn every_spelling_of_a_home_leads_to_the_same_socket() {
        let dir = tempfile::tempdir().unwrap();
        let runtime = ("XDG_RUNTIME_DIR", "/run/user/1000");
        let (real, link) = (dir.path().join("real"), dir.path().join("link"));
        fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let socket = |path: &Path| locate(path.to_str(), &[runtime]).unwrap().socket_path().unwrap();
        assert_eq!(socket(&real), socket(&link));
    }

    #[test]
    fn a_copy_of_a_home_does_not_take_its_node_for_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let [home, copy] = ["home", "copy"].map(|name| dir.path().join(name));
        let [home, copy] = [home, copy].map(|path| locate(path.to_str(), &[]).unwrap());
        let socket = Path::new("/run/user/1000/musette/aaaaaaaaaaaaaaaa.sock");
        for one in [&home, &copy] {
            one.create().unwrap();
            assert_eq!(one.noted_socket(), None);
            fs::write(one.socket_note_path(), home.socket_note(socket)).unwrap();
        }
        assert_eq!((home.noted_socket().as_deref(), copy.noted_socket()), (Some(socket), None));
    }

    #[test]
    fn a_socket_directory_open_to_others_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let home = locate(Some("/homes/one"), &[("XDG_RUNTIME_DIR", dir.path().to_str().unwrap())]).unwrap();
        home.create_socket_dir().unwrap();
        let shared = dir.path().join("musette");
        fs::set_permissions(&shared, fs::Permissions::from_mode(0o770)).unwrap();
        assert_eq!(home.create_socket_dir().unwrap_err().code(), "socket-dir-unsafe");
    }
}
