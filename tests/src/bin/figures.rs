//! Measures what a person would notice, on two nodes over loopback, and prints a table.
//!
//! `cargo run --release -p musette-tests --bin figures`. Everything goes through the programs and
//! their API. Times are of whole commands; an edit runs from the request on one node to the event
//! on the other, both ends durable. The machine's other work shows in the figures: run it twice.

// A measurement that goes wrong ends the program.
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use musette_tests::{
    api::Api,
    binaries,
    linkedin::{archive, connections},
    wait::{PATIENCE, until},
    world::{Device, World},
};
use serde_json::json;

const EDITS: usize = 300;
/// After which a node that nobody asks anything counts as idle.
const IDLE: Duration = Duration::from_secs(5);

fn main() {
    let size = fs::metadata(binaries::musette()).unwrap().len();
    tell("size of the program", &format!("{:.1} MB", size as f64 / 1e6));
    for count in [1_000, 10_000] {
        measure(count);
    }
}

fn tell(what: &str, figure: &str) {
    writeln!(io::stdout().lock(), "{what:<52} {figure:>12}").unwrap();
}

fn seconds(of: impl FnOnce()) -> String {
    let began = Instant::now();
    of();
    format!("{:.2} s", began.elapsed().as_secs_f64())
}

fn measure(count: usize) {
    let world = World::new();
    let laptop = world.first_device("laptop");
    let file = world.file("export.zip", archive(&[("Connections.csv", &connections(&rows(count)))]));
    tell(&format!("import of {count} connections"), &seconds(|| drop(laptop.import(&[&file]))));
    tell(&format!("the same {count} again"), &seconds(|| drop(laptop.import(&[&file]))));
    let laptop_node = laptop.up();
    let phone = world.device("phone");
    tell(&format!("pairing and first sync of {count} items"), &seconds(|| drop(phone.join(&laptop))));
    let phone_node = phone.up();
    phone_node.await_agreement("laptop");
    laptop_node.await_agreement("phone");
    edits(count, &laptop_node.api, &phone_node.api);
    laptop_node.stop();
    phone_node.stop();
    restart(count, &laptop);
}

fn rows(count: usize) -> Vec<String> {
    let row = |n| {
        format!(
            "First{n},Last{n},https://www.linkedin.com/in/p{n},p{n}@example.org,Company {},Job {},05 Sep 2023",
            n % 500,
            n % 300
        )
    };
    (0..count).map(row).collect()
}

fn edits(count: usize, here: &Api, there: &Api) {
    let item = here.post("/v1/items", &json!({ "kind": "note", "fields": { "title": "measured" } }));
    let path = format!("/v1/items/{}", item["id"].as_str().unwrap());
    until(PATIENCE, "the item is on the other node", || there.call("GET", &path, None).ok());
    let mut events = there.follow("/v1/events").unwrap();
    events.next_line().unwrap();
    let mut times: Vec<Duration> = (0..EDITS)
        .map(|n| {
            let began = Instant::now();
            let edit = json!({ "set": { "text": format!("edit {n}") } });
            here.call("PATCH", &path, Some(&edit)).unwrap();
            events.next_line().unwrap();
            began.elapsed()
        })
        .collect();
    times.sort_unstable();
    let percentile = |p: usize| format!("{:.2} ms", times[times.len() * p / 100].as_secs_f64() * 1e3);
    tell(&format!("one edit to the other view at {count}, p50"), &percentile(50));
    tell(&format!("one edit to the other view at {count}, p99"), &percentile(99));
}

fn restart(count: usize, device: &Device) {
    let began = Instant::now();
    let mut node = device.up();
    node.api.get("/v1/items?kind=note");
    tell(
        &format!("start to the first answer with {count}"),
        &format!("{:.2} s", began.elapsed().as_secs_f64()),
    );
    thread::sleep(IDLE);
    let resident = resident_kib(node.process().id());
    tell(&format!("memory of an idle node with {count}"), &format!("{:.0} MB", resident as f64 / 1024.0));
    node.stop();
    let megabytes = |part: &str| format!("{:.1} MB", bytes_below(&device.home().join(part)) as f64 / 1e6);
    tell(&format!("journal of {count}"), &megabytes("journal"));
    tell(&format!("index of {count}"), &megabytes("index"));
}

fn resident_kib(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn bytes_below(folder: &Path) -> u64 {
    musette_tests::search::files_below(folder).iter().map(|file| fs::metadata(file).unwrap().len()).sum()
}
