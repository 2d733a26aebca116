//! Two nodes of another program, each a process of this one.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use super::Pair;
use crate::{
    child::Child,
    options::{Node, Program, Run, Side},
};

/// How long what is not measured may take.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) struct Children {
    holder: Child,
    follower: Option<Child>,
    program: Program,
    count: usize,
    deadline: Duration,
    // The last to go: the nodes still write.
    folder: TempDir,
}

impl Children {
    pub(super) fn new(program: Program, run: &Run) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("peers-").tempdir()?;
        let node = Node {
            program,
            side: Side::Holder,
            home: folder.path().join("holder"),
            shared: folder.path().to_owned(),
            count: 0,
        };
        let holder = Child::start(&node)?;
        holder.hear("ready", Instant::now() + PATIENCE)?.context("the holder does not start")?;
        let deadline = run.deadline();
        let mut pair = Self { holder, follower: None, program, count: 0, deadline, folder };
        // They meet once before anything is measured, as two paired devices have.
        pair.catch_up()?.context("the two do not meet")?;
        pair.part()?;
        Ok(pair)
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("follower")
    }

    fn running(&mut self) -> Result<&mut Child> {
        self.follower.as_mut().context("the follower runs")
    }
}

impl Pair for Children {
    fn fill(&mut self, count: usize) -> Result<Option<()>> {
        self.count = count;
        self.holder.tell(&format!("fill {count}"))?;
        Ok(self.holder.hear("done", Instant::now() + self.deadline)?.map(drop))
    }

    fn catch_up(&mut self) -> Result<Option<Duration>> {
        let node = Node {
            program: self.program,
            side: Side::Follower,
            home: self.home(),
            shared: self.folder.path().to_owned(),
            count: self.count,
        };
        let began = Instant::now();
        let follower = Child::start(&node)?;
        let Some(_) = follower.hear("up", began + self.deadline)? else { return Ok(None) };
        let took = began.elapsed();
        follower.hear("ready", Instant::now() + PATIENCE)?.context("the follower does not get ready")?;
        self.follower = Some(follower);
        Ok(Some(took))
    }

    fn part(&mut self) -> Result<()> {
        self.follower.take().context("the follower runs")?.stop(PATIENCE)
    }

    fn change(&mut self, count: usize, note: &str) -> Result<()> {
        self.holder.tell(&format!("change {count} {note}"))?;
        self.holder.hear("done", Instant::now() + self.deadline)?.context("changing takes too long")?;
        Ok(())
    }

    fn edit(&mut self, note: &str) -> Result<Duration> {
        let began = Instant::now();
        self.change(1, note)?;
        self.running()?.hear("seen", began + PATIENCE)?.context("the edit does not arrive")?;
        Ok(began.elapsed())
    }

    fn count(&mut self, note: &str) -> Result<usize> {
        let follower = self.running()?;
        follower.tell(&format!("count {note}"))?;
        let line = follower.hear("done", Instant::now() + PATIENCE)?.context("counting takes too long")?;
        line.strip_prefix("done ").context("a count")?.parse().context("a count")
    }

    fn follower(&self) -> Result<(u32, PathBuf)> {
        Ok((self.follower.as_ref().context("the follower runs")?.id(), self.home()))
    }
}
