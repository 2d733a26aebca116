//! A temporary folder with devices in it.

use std::{
    fs,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    binaries,
    process::{Node, Process, Run},
    wait::{PATIENCE, until},
};

/// Listening on this computer only, on any port.
pub const LOOPBACK: [&str; 3] = ["--no-discovery", "--listen", "/ip4/127.0.0.1/udp/0/quic-v1"];
/// Lines of each log that a failed test shows.
const LAST_LINES: usize = 15;
/// How long a command may take: an import of thousands of rows by a debug build.
const COMMAND: Duration = Duration::from_secs(180);

/// A folder that goes when the test ends. Declare it before its devices.
#[derive(Debug)]
pub struct World {
    folder: TempDir,
}

/// One device: a home and the surroundings of a person who uses it.
#[derive(Debug, Clone)]
pub struct Device {
    /// What it is called.
    pub name: String,
    root: PathBuf,
    home: PathBuf,
    namespace: Option<String>,
    verbose: bool,
    runs: Arc<AtomicUsize>,
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// An empty one.
    pub fn new() -> Self {
        binaries::musette();
        // A short path: sockets allow some hundred bytes.
        let folder = tempfile::Builder::new().prefix("musette-").tempdir_in("/tmp").unwrap();
        Self { folder }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A device without a home yet.
    pub fn device(&self, name: &str) -> Device {
        let root = self.path().join(name);
        for part in ["", "run", "tmp", "user", "logs"] {
            fs::DirBuilder::new().mode(0o700).create(root.join(part)).unwrap();
        }
        Device {
            name: name.to_owned(),
            home: root.join("home"),
            root,
            namespace: None,
            verbose: false,
            runs: Arc::default(),
        }
    }

    /// A device with a home of its own.
    pub fn first_device(&self, name: &str) -> Device {
        let device = self.device(name);
        device.init();
        device
    }

    /// Two running devices of one person. The first has what `fill` gave it before they met.
    pub fn pair(&self, fill: impl FnOnce(&Device)) -> (Device, Device, Node, Node) {
        let laptop = self.first_device("laptop");
        fill(&laptop);
        let laptop_node = laptop.up();
        let phone = self.device("phone");
        phone.join(&laptop);
        let phone_node = phone.up();
        phone_node.await_agreement("laptop");
        laptop_node.await_agreement("phone");
        (laptop, phone, laptop_node, phone_node)
    }

    /// Writes a file that is to be read by a command, outside of every device.
    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let folder = self.path().join("files");
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !thread::panicking() {
            return;
        }
        for log in logs(self.path()) {
            let text = fs::read(&log).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let lines: Vec<_> = text.lines().collect();
            if !lines.is_empty() {
                eprintln!("--- {}", log.display());
                lines
                    .iter()
                    .skip(lines.len().saturating_sub(LAST_LINES))
                    .for_each(|line| eprintln!("{line}"));
            }
        }
    }
}

fn logs(world: &Path) -> Vec<PathBuf> {
    let folders =
        fs::read_dir(world).into_iter().flatten().flatten().map(|device| device.path().join("logs"));
    let files = folders.flat_map(|logs| fs::read_dir(logs).into_iter().flatten().flatten());
    let mut logs: Vec<PathBuf> = files.map(|log| log.path()).collect();
    logs.sort();
    logs
}

impl Device {
    /// The same device at the most verbose log level.
    #[must_use]
    pub fn verbose(self) -> Self {
        Self { verbose: true, ..self }
    }

    /// The same device in a network namespace.
    #[must_use]
    pub fn in_namespace(self, namespace: &str) -> Self {
        Self { namespace: Some(namespace.to_owned()), ..self }
    }

    /// The same device with its home elsewhere.
    #[must_use]
    pub fn with_home(self, home: &Path) -> Self {
        Self { home: home.to_owned(), ..self }
    }

    /// Its home.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Everything of it: home, runtime folder, logs.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The journal's segments, in order.
    pub fn segments(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.home.join("journal")).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "seg"));
        paths.sort();
        paths
    }

    /// Bytes in the journal.
    pub fn journal_len(&self) -> u64 {
        self.segments().iter().filter_map(|path| fs::metadata(path).ok()).map(|found| found.len()).sum()
    }

    /// The socket of its node, if there is one.
    pub fn socket(&self) -> Option<PathBuf> {
        let entries = fs::read_dir(self.root.join("run").join("musette")).ok()?;
        let mut paths = entries.flatten().map(|entry| entry.path());
        paths.find(|path| path.extension().is_some_and(|extension| extension == "sock"))
    }

    /// A command line on this device, with nothing of the surroundings of the test in it.
    pub fn command(&self, args: &[&str]) -> Command {
        let musette = binaries::musette();
        let mut command = match &self.namespace {
            None => Command::new(musette),
            Some(namespace) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", namespace]).arg(musette);
                command
            }
        };
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.root.join("user"))
            .env("TMPDIR", self.root.join("tmp"))
            .env("XDG_RUNTIME_DIR", self.root.join("run"))
            .env("LANG", "C.UTF-8")
            .env("MUSETTE_LANG", "en")
            .env("MUSETTE_HOME", &self.home)
            .env("RUST_BACKTRACE", "1")
            .args(self.verbose.then_some("-vvv"))
            .args(args);
        command
    }

    /// Starts a command.
    pub fn start(&self, args: &[&str]) -> Process {
        Process::start(self.command(args), self.new_log(args))
    }

    /// Starts a command that reads a file: words or answers from a person's paper.
    pub fn start_with(&self, args: &[&str], input: &Path) -> Process {
        let input = fs::File::open(input).unwrap();
        Process::start_with_input(self.command(args), input, self.new_log(args))
    }

    /// A file for the stderr of a command.
    pub fn new_log(&self, args: &[&str]) -> PathBuf {
        let number = self.runs.fetch_add(1, Ordering::Relaxed);
        let is_word = |arg: &&&str| !arg.starts_with('-') && !arg.contains('/');
        let word = args.iter().find(is_word).unwrap_or(&"musette");
        self.root.join("logs").join(format!("{number:04}-{word}.log"))
    }

    /// Runs a command to its end.
    pub fn run(&self, args: &[&str]) -> Run {
        self.start(args).wait(COMMAND)
    }

    /// Runs a command that must succeed, and gives its JSON.
    pub fn json(&self, args: &[&str]) -> Value {
        let line: Vec<&str> = [&["--json"], args].concat();
        self.run(&line).ok().json()
    }

    /// Runs a command that must be refused, for programs and for people: the right exit code, the
    /// code in the JSON, a message with what to do on stderr, nothing on stdout.
    pub fn refuses(&self, args: &[&str], exit: i32, code: &str) {
        let line: Vec<&str> = [&["--json"], args].concat();
        let told = self.run(&line).exits(exit).json();
        assert_eq!(told["error"]["code"], code, "{told}");
        let message = told["error"]["message"].as_str().unwrap_or_default();
        let hint = told["error"]["hint"].as_str().unwrap_or_default();
        assert!(!message.is_empty() && !hint.is_empty(), "no message or nothing to do: {told}");
        let said = self.run(args).exits(exit);
        assert!(said.stderr.contains(message) && said.stderr.contains(hint), "{}", said.stderr);
        assert_eq!(said.stdout, "");
    }

    /// Makes the home, with a key file.
    pub fn init(&self) {
        self.run(&["init", "--name", "Emilie", "--device", &self.name, "--no-passphrase"]).ok();
    }

    /// Makes the home, with the recovery words on a paper.
    pub fn init_with_words(&self, paper: &Path) {
        let out = ["--recovery-out", paper.to_str().unwrap()];
        let init = ["init", "--name", "Emilie", "--device", &self.name, "--no-passphrase"];
        self.run(&[&init[..], &out].concat()).ok();
    }

    /// Starts a node on loopback.
    pub fn up(&self) -> Node {
        self.up_with(&LOOPBACK)
    }

    /// Starts a node. It ends when its standard input does: also when the tests are killed.
    pub fn up_with(&self, args: &[&str]) -> Node {
        let line = [&["up", "--stop-with-input"], args].concat();
        let process = Process::start_with_input(self.command(&line), Stdio::piped(), self.new_log(&line));
        Node::await_up(self, process)
    }

    /// A ticket from the running node of this device.
    pub fn ticket(&self, args: &[&str]) -> String {
        let answer = self.json(&[&["device", "invite"], args].concat());
        answer["ticket"].as_str().unwrap().to_owned()
    }

    /// Joins the running node of another device, without comparing words.
    pub fn join(&self, other: &Self) -> Run {
        let ticket = other.ticket(&["--yes"]);
        let line = ["device", "join", &ticket, "--device", &self.name, "--yes"];
        self.run(&[&line[..], &LOOPBACK].concat()).ok()
    }

    /// All items, archived ones too, as `list` gives them.
    pub fn list(&self) -> Value {
        self.json(&["list", "--all"])
    }

    /// Adds an item and gives its id.
    pub fn add(&self, args: &[&str]) -> String {
        let item = self.json(&[&["add"], args].concat());
        item["id"].as_str().unwrap().to_owned()
    }

    /// Imports files and gives the report.
    pub fn import(&self, files: &[&Path]) -> Value {
        let files: Vec<&str> = files.iter().map(|file| file.to_str().unwrap()).collect();
        self.json(&[&["import"], &files[..]].concat())
    }

    /// Codes of the notices in `status`.
    pub fn notices(&self) -> Vec<String> {
        codes(&self.json(&["status"])["notices"])
    }
}

/// The codes in a list of notices or checks.
pub fn codes(list: &Value) -> Vec<String> {
    let codes = list.as_array().into_iter().flatten().filter_map(|one| one["code"].as_str());
    codes.map(str::to_owned).collect()
}

/// Waits until two devices list the same.
pub fn await_same_list(one: &Node, other: &Node) -> Vec<Value> {
    until(PATIENCE, "both list the same", || {
        let (here, there) = (one.api.items(), other.api.items());
        (here == there).then_some(here)
    })
}
