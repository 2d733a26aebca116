//! One node of the demo: a temporary home and the process that runs on it.
//!
//! The process ends with this value. Should this program be killed, the pipe to the
//! process's standard input closes, which it takes as the order to stop.

use crate::client::Connection;
use crate::error::Failure;
use crate::text::list_of;
use crate::{locale, t};
use musette_node::home::Home;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a process may take to start, stop or pair on a slow machine.
pub(super) const DEADLINE: Duration = Duration::from_secs(60);
/// Between two looks at a condition.
pub(super) const POLL: Duration = Duration::from_millis(20);
/// Where a node of the demo listens at first: this computer only, any free port.
pub(super) const ADDRESS: &str = "/ip4/127.0.0.1/udp/0/quic-v1";
/// Files for what the node's process, and a command's, say on stderr.
const NODE_WORDS: &str = "node";
const COMMAND_WORDS: &str = "command";
/// Bytes of a failed process's last words that are shown.
const LAST_WORDS: usize = 600;

/// A home and, while it runs, its process.
pub(super) struct Node {
    device: String,
    executable: PathBuf,
    home: Home,
    running: Option<Child>,
    /// Where it listens; kept over a stop, so that the other one finds it again.
    addresses: Vec<String>,
    // Dropped after the process has ended, see `Drop`.
    folder: TempDir,
}

impl Node {
    pub(super) fn new(device: &str) -> Result<Self, Failure> {
        let internal = |error: std::io::Error| Failure::internal(&error);
        let folder = tempfile::Builder::new().prefix("musette-demo-").tempdir().map_err(internal)?;
        let home = Home::locate(Some(&folder.path().join("home")))?;
        Ok(Self {
            device: device.to_owned(),
            executable: std::env::current_exe().map_err(internal)?,
            home,
            running: None,
            addresses: vec![ADDRESS.to_owned()],
            folder,
        })
    }

    pub(super) fn folder(&self) -> &Path {
        self.home.path()
    }

    pub(super) fn device(&self) -> &str {
        &self.device
    }

    /// Runs one command on this home and gives what it wrote to stdout.
    pub(super) async fn command(&self, arguments: &[&str], input: Option<&str>) -> Result<Vec<u8>, Failure> {
        let answer_file = self.folder.path().join("answer");
        let mut child = self
            .musette(arguments, COMMAND_WORDS)
            .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(self.file(&answer_file)?)
            .spawn()
            .map_err(|error| Failure::internal(&error))?;
        if let (Some(text), Some(mut pipe)) = (input, child.stdin.take()) {
            // A child that does not listen tells why by its exit status.
            let _ = writeln!(pipe, "{text}");
        }
        let mut child = Guard(child);
        let status = wait(&mut child.0, DEADLINE).await?;
        if !status.success() {
            return Err(self.failed(COMMAND_WORDS));
        }
        std::fs::read(&answer_file).map_err(|error| Failure::internal(&error))
    }

    /// Starts the node and waits until it answers.
    pub(super) async fn start(&mut self) -> Result<(), Failure> {
        let mut arguments = vec!["up", "--no-discovery", "--stop-with-input"];
        arguments.extend(self.addresses.iter().flat_map(|address| ["--listen", address]));
        let child = self
            .musette(&arguments, NODE_WORDS)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| Failure::internal(&error))?;
        let child = self.running.insert(child);
        let deadline = Instant::now() + DEADLINE;
        loop {
            // A node that is only half up may refuse; the deadline is what counts.
            if let Ok(Some(connection)) = Connection::running(&self.home).await
                && let Ok(status) = connection.get("/v1/status").await
                && !list_of(&status, "listen").is_empty()
            {
                self.addresses = bound_addresses(&status);
                return Ok(());
            }
            let has_ended = child.try_wait().map_err(|error| Failure::internal(&error))?.is_some();
            if has_ended {
                return Err(self.failed(NODE_WORDS));
            }
            pause(deadline).await?;
        }
    }

    /// Asks the node to stop, and waits until it has.
    pub(super) async fn stop(&mut self) -> Result<(), Failure> {
        let Some(child) = &mut self.running else {
            return Ok(());
        };
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // It may have ended by itself; the status tells.
            let _ = kill_process(pid, Signal::TERM);
        }
        let status = wait(child, DEADLINE).await?;
        self.running = None;
        if status.success() { Ok(()) } else { Err(self.failed(NODE_WORDS)) }
    }

    /// The way to this home: the running process, or the store itself while it is stopped.
    pub(super) async fn connect(&self) -> Result<Connection, Failure> {
        if self.running.is_none() {
            return Connection::in_process(&self.home, None).await;
        }
        Connection::running(&self.home).await?.ok_or_else(|| self.failed(NODE_WORDS))
    }

    /// All its items.
    pub(super) async fn items(&self) -> Result<Value, Failure> {
        let connection = self.connect().await?;
        let items = connection.get("/v1/items?all=true").await;
        connection.close().await?;
        Ok(items?["items"].take())
    }

    fn musette(&self, arguments: &[&str], words: &str) -> Command {
        let mut command = Command::new(&self.executable);
        command
            .arg("--home")
            .arg(self.home.path())
            .args(["--lang", locale::language().tag()])
            .args(arguments)
            .env_remove("MUSETTE_HOME")
            .env_remove("MUSETTE_LANG");
        let errors = self.file(&self.folder.path().join(words)).map_or_else(|_| Stdio::null(), Stdio::from);
        command.stderr(errors);
        command
    }

    fn file(&self, path: &Path) -> Result<File, Failure> {
        File::create(path).map_err(|error| Failure::internal(&error))
    }

    /// What the process said last, which is the reason of its failure.
    fn failed(&self, words: &str) -> Failure {
        let words = std::fs::read(self.folder.path().join(words)).unwrap_or_default();
        let last = &words[words.len().saturating_sub(LAST_WORDS)..];
        let words = String::from_utf8_lossy(last).trim().to_owned();
        Failure::new("demo-node").with("device", &self.device).with("words", words)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(child) = self.running.take() {
            drop(Guard(child));
        }
    }
}

/// The addresses without the transport key, which is another after each start.
fn bound_addresses(status: &Value) -> Vec<String> {
    let addresses = list_of(status, "listen").iter().filter_map(Value::as_str);
    addresses.filter_map(|address| address.split("/p2p/").next().map(str::to_owned)).collect()
}

/// A process that does not outlive its owner.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        // Both fail only for a process that is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn wait(child: &mut Child, within: Duration) -> Result<ExitStatus, Failure> {
    let deadline = Instant::now() + within;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) => pause(deadline).await?,
            Err(error) => return Err(Failure::internal(&error)),
        }
    }
}

/// Waits a moment, or fails when there is none left.
pub(super) async fn pause(deadline: Instant) -> Result<(), Failure> {
    if Instant::now() >= deadline {
        return Err(Failure::new("deadline").with("what", t!("demo-what")));
    }
    tokio::time::sleep(POLL).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_process_ends_with_its_guard_and_a_wait_has_a_deadline() {
        let child = Command::new("sleep").arg("60").spawn().unwrap();
        let pid = Pid::from_raw(child.id() as i32).unwrap();
        let mut guard = Guard(child);
        let late = wait(&mut guard.0, Duration::from_millis(50)).await.unwrap_err();
        assert_eq!(late.code(), "deadline");
        drop(guard);
        assert!(kill_process(pid, Signal::TERM).is_err(), "still there");
    }
}
