//! Processes: commands that ended, and such as still run and die with their handle.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread::{self, JoinHandle},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{
    api::Api,
    wait::{PATIENCE, until},
    world::Device,
};

/// What a Rust program says when it fails by its own fault.
const PANICKED: &str = "panicked at";

/// A command that ended.
#[derive(Debug, Clone)]
pub struct Run {
    /// What was run.
    pub line: String,
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Its answer.
    pub stdout: String,
    /// Its conversation.
    pub stderr: String,
}

impl Run {
    /// Requires success.
    pub fn ok(self) -> Self {
        self.exits(0)
    }

    /// Requires an exit code.
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "`{}`\n{}\n{}", self.line, self.stdout, self.stderr);
        self
    }

    /// The one JSON document that `--json` puts on stdout.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("`{}` gave no JSON ({error}): {}", self.line, self.stdout))
    }
}

/// A process that still runs. It is killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    line: String,
    child: Child,
    stdout: Option<JoinHandle<String>>,
    stderr: PathBuf,
}

impl Process {
    /// Starts it. Its stderr goes to a file, as a log would; its stdout stays in memory.
    pub fn start(command: Command, stderr: PathBuf) -> Self {
        Self::start_with_input(command, Stdio::null(), stderr)
    }

    /// Starts it with a file for its stdout, which can be read while it runs.
    pub fn start_into(mut command: Command, stdout: fs::File, stderr: PathBuf) -> Self {
        command.stdin(Stdio::null()).stdout(stdout);
        Self::spawn(command, stderr)
    }

    fn spawn(mut command: Command, stderr: PathBuf) -> Self {
        let line = format!("{command:?}").replace('"', "");
        let child = command.stderr(fs::File::create(&stderr).unwrap()).spawn();
        let child = child.unwrap_or_else(|error| panic!("`{line}` does not start: {error}"));
        Self { line, child, stdout: None, stderr }
    }

    /// Starts it with something to read.
    pub fn start_with_input(mut command: Command, stdin: impl Into<Stdio>, stderr: PathBuf) -> Self {
        command.stdin(stdin).stdout(Stdio::piped());
        let mut started = Self::spawn(command, stderr);
        let mut pipe = started.child.stdout.take().unwrap();
        let stdout = thread::spawn(move || {
            let mut bytes = Vec::new();
            drop(pipe.read_to_end(&mut bytes));
            String::from_utf8_lossy(&bytes).into_owned()
        });
        started.stdout = Some(stdout);
        started
    }

    /// What it said so far.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.stderr).unwrap_or_default()).into_owned()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits for its end.
    pub fn wait(self, within: Duration) -> Run {
        let mut process = self;
        let what = format!("the end of `{}`", process.line);
        let status = until(within, &what, || process.child.try_wait().unwrap());
        let stdout = process.stdout.take().map(|reader| reader.join().unwrap()).unwrap_or_default();
        let run = Run { line: process.line.clone(), code: status.code(), stdout, stderr: process.stderr() };
        for said in [&run.stdout, &run.stderr] {
            assert!(!said.contains(PANICKED), "`{}` panicked:\n{said}", run.line);
        }
        run
    }

    /// Asks it to stop, as the system does.
    pub fn terminate(&self) {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).unwrap();
        // It may have ended by itself; its status tells.
        let _ = kill_process(id, Signal::TERM);
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A running node.
#[derive(Debug)]
pub struct Node {
    process: Process,
    /// Its API.
    pub api: Api,
}

impl Node {
    /// Waits until a process that was started with `up` answers.
    pub fn await_up(device: &Device, mut process: Process) -> Self {
        let what = format!("`{}` answers", process.line);
        let api = until(PATIENCE, &what, || {
            if let Some(status) = process.ended() {
                panic!("`{}` ended: {status}\n{}", process.line, process.stderr());
            }
            let api = Api::at(&device.socket()?);
            let status = api.call("GET", "/v1/status", None).ok()?;
            status["listen"].as_array().is_some_and(|listen| !listen.is_empty()).then_some(api)
        });
        Self { process, api }
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Stops it in good order and gives what it said.
    pub fn stop(self) -> Run {
        self.process.terminate();
        self.process.wait(PATIENCE).ok()
    }

    /// Kills it as `kill -9` does.
    pub fn kill(mut self) {
        self.process.kill();
    }

    /// What it knows of another device.
    pub fn device(&self, name: &str) -> Value {
        let devices = self.api.get("/v1/devices");
        let found = devices["devices"].as_array().into_iter().flatten().find(|device| device["name"] == name);
        found.cloned().unwrap_or_else(|| panic!("no device {name}: {devices}"))
    }

    /// Waits until it agrees with another device.
    pub fn await_agreement(&self, name: &str) {
        until(PATIENCE, "the devices agree", || (self.device(name)["state"] == "agrees").then_some(()));
    }

    /// The path of its stderr.
    pub fn log(&self) -> &Path {
        &self.process.stderr
    }
}
