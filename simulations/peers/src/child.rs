//! A node in a process, seen from outside: lines to it, lines from it, each with a deadline.

use std::{
    env,
    io::{BufRead as _, BufReader, Write as _},
    process::{Child as Process, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use crate::options::{Node, Side};

/// Killed when it is dropped.
pub(crate) struct Child {
    process: Process,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Child {
    /// Starts this program as one node.
    pub(crate) fn start(node: &Node) -> Result<Self> {
        let side = match node.side {
            Side::Holder => "holder",
            Side::Follower => "follower",
        };
        let mut process = Command::new(env::current_exe()?)
            .args(["node", "--program", node.program.name(), "--side", side])
            .arg("--home")
            .arg(&node.home)
            .arg("--shared")
            .arg(&node.shared)
            .args(["--count", &node.count.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = BufReader::new(process.stdout.take().context("its output is a pipe")?);
        let (sender, lines) = channel();
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let input = process.stdin.take();
        Ok(Self { process, input, lines })
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Sends a command.
    pub(crate) fn tell(&mut self, line: &str) -> Result<()> {
        let input = self.input.as_mut().context("it was told to stop")?;
        input.write_all(format!("{line}\n").as_bytes()).context("the node is gone")
    }

    /// Waits for a line that begins so, passing over others; none when the deadline passed.
    pub(crate) fn hear(&self, word: &str, deadline: Instant) -> Result<Option<String>> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) if line.starts_with(word) => return Ok(Some(line)),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => return Ok(None),
                Err(RecvTimeoutError::Disconnected) => bail!("a node ended before it said {word}"),
            }
        }
    }

    /// Lets it stop in good order, and waits for that; kills it when the time is up.
    pub(crate) fn stop(mut self, within: Duration) -> Result<()> {
        drop(self.input.take());
        // Its output ends when it does.
        match self.hear("\0", Instant::now() + within) {
            Ok(_) => bail!("a node does not stop"),
            Err(_) => {
                let status = self.process.wait()?;
                if status.success() { Ok(()) } else { bail!("a node failed: {status}") }
            }
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
