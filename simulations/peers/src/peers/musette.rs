//! Musette: two homes, two processes of the release binary, loopback QUIC, driven as its people and
//! their programs do: the command line and the API.
//!
//! The follower is done when the *holder* says that the follower acknowledged everything, which it
//! does after its fsync, and when the follower's own status counts as many items.

use std::{
    path::PathBuf,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use musette_tests::{
    api::{Api, Lines},
    process::Node,
    wait::{PATIENCE, until},
    world::{Device, LOOPBACK, World},
};
use serde_json::{Value, json};

use super::Pair;
use crate::{
    items::{CHANGED, vcards},
    options::Run,
};

/// Between two looks at what a node says.
const LOOK: Duration = Duration::from_millis(3);
const FOLLOWER: &str = "phone";

pub(super) struct Musette {
    deadline: Duration,
    holder: Node,
    follower: Option<Follower>,
    laptop: Device,
    phone: Device,
    /// The items' ids, in the order in which they are changed.
    ids: Vec<String>,
    // The last to go: the nodes still write.
    world: World,
}

struct Follower {
    node: Node,
    process: u32,
    events: Option<Lines>,
}

impl Musette {
    pub(super) fn new(run: &Run) -> Self {
        let world = World::new();
        let (laptop, phone, holder, follower) = world.pair(|_| {});
        let mut pair =
            Self { deadline: run.deadline(), holder, follower: None, laptop, phone, ids: Vec::new(), world };
        follower.stop();
        pair.await_parted();
        pair
    }

    /// The holder must not take the session that just ended for the next one.
    fn await_parted(&mut self) {
        until(PATIENCE, "the holder notices that the follower stopped", || {
            (self.holder.device(FOLLOWER)["connected"] == false).then_some(())
        });
    }

    /// Whether the follower acknowledged all of the holder's commits, and shows as many items.
    fn is_caught_up(&self, there: &mut Option<Api>) -> bool {
        let device = self.holder.device(FOLLOWER);
        if device["connected"] != true || device["state"] != "agrees" {
            return false;
        }
        if there.is_none() {
            *there = self.phone.socket().map(|socket| Api::at(&socket));
        }
        let items =
            |api: &Api| api.call("GET", "/v1/status", None).ok().map(|status| status["items"].clone());
        there.as_ref().and_then(items).is_some_and(|items| Some(items) == self.holder_items())
    }

    fn holder_items(&self) -> Option<Value> {
        Some(self.holder.api.call("GET", "/v1/status", None).ok()?["items"].clone())
    }

    fn running(&mut self) -> Result<&mut Follower> {
        self.follower.as_mut().context("the follower runs")
    }

    fn patch(&self, id: &str, note: &str) -> Result<()> {
        let edit = json!({ "set": { CHANGED: note } });
        match self.holder.api.call("PATCH", &format!("/v1/items/{id}"), Some(&edit)) {
            Ok(_) => Ok(()),
            Err(failed) => bail!("an edit: {failed}"),
        }
    }
}

impl Pair for Musette {
    fn fill(&mut self, count: usize) -> Result<Option<()>> {
        let file = self.world.file("contacts.vcf", vcards(count));
        self.laptop.import(&[&file]);
        let contacts = self.holder.api.items().into_iter().filter(|item| item["kind"] == "contact");
        self.ids = contacts.filter_map(|item| item["id"].as_str().map(str::to_owned)).collect();
        ensure!(self.ids.len() == count, "{} of {count} cards were imported", self.ids.len());
        Ok(Some(()))
    }

    fn catch_up(&mut self) -> Result<Option<Duration>> {
        let line = [&["up", "--stop-with-input"], &LOOPBACK[..]].concat();
        let log = self.phone.new_log(&line);
        let began = Instant::now();
        let command = self.phone.command(&line);
        let process =
            musette_tests::process::Process::start_with_input(command, std::process::Stdio::piped(), log);
        let id = process.id();
        let mut there = None;
        while !self.is_caught_up(&mut there) {
            if began.elapsed() > self.deadline {
                return Ok(None);
            }
            sleep(LOOK);
        }
        let took = began.elapsed();
        let node = Node::await_up(&self.phone, process);
        self.follower = Some(Follower { node, process: id, events: None });
        Ok(Some(took))
    }

    fn part(&mut self) -> Result<()> {
        let follower = self.follower.take().context("the follower runs")?;
        drop(follower.events);
        follower.node.stop();
        self.await_parted();
        Ok(())
    }

    fn change(&mut self, count: usize, note: &str) -> Result<()> {
        self.ids[..count].iter().try_for_each(|id| self.patch(id, note))
    }

    fn edit(&mut self, note: &str) -> Result<Duration> {
        let id = self.ids.first().context("there is an item")?.clone();
        let follower = self.running()?;
        let mut events = match follower.events.take() {
            Some(events) => events,
            None => {
                let mut events =
                    follower.node.api.follow("/v1/events").map_err(|failed| anyhow::anyhow!("{failed}"))?;
                events.next_line()?;
                events
            }
        };
        let began = Instant::now();
        self.patch(&id, note)?;
        while events.next_line()?["id"] != id.as_str() {}
        let took = began.elapsed();
        self.running()?.events = Some(events);
        Ok(took)
    }

    fn count(&mut self, note: &str) -> Result<usize> {
        let items = self.running()?.node.api.items();
        Ok(items.iter().filter(|item| item["fields"][CHANGED] == note).count())
    }

    fn follower(&self) -> Result<(u32, PathBuf)> {
        let process = self.follower.as_ref().context("the follower runs")?.process;
        Ok((process, self.phone.home().to_owned()))
    }
}
