//! Measures what a person would notice, on two nodes over loopback, and prints a table.
//!
//! `cargo run --release -p musette-tests --bin figures`. Everything goes through the programs and
//! their API. Times are of whole commands; an edit runs from the request on one node to the event
//! on the other, both ends durable. The machine's other work shows in the figures: run it twice.
//!
//! With `-- --items 100000` it measures one node with that many instead: how it starts, the memory
//! it takes, and the disk, before and after many edits. That takes some minutes.
//!
//! With `-- --attachment 1000000000` it measures an attachment of that many bytes instead, whose
//! receiving node is killed five times on the way.

// A measurement that goes wrong ends the program.
#![allow(clippy::unwrap_used)]

use std::{
    env, fs,
    io::{self, Write as _},
    path::Path,
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use musette_tests::{
    api::Api,
    binaries, fetching,
    linkedin::{archive, connections},
    process::Node,
    wait::{PATIENCE, until},
    world::{Device, World},
};
use serde_json::{Value, json};

const EDITS: usize = 300;
/// After which a node that nobody asks anything counts as idle.
const IDLE: Duration = Duration::from_secs(5);
/// After which one with many items does: what a start left to do is done, and freed memory is back.
const LONG_IDLE: Duration = Duration::from_secs(60);
/// Rows of one import, so that each command ends in time also on a busy machine.
const ROWS_OF_IMPORT: usize = 25_000;
/// Items that are edited, and how often each.
const EDITED: usize = 2_000;
const EDITS_OF_EACH: usize = 50;
/// How often the receiver of an attachment is killed.
const KILLS: u32 = 5;
/// How long each step with an attachment may take.
const PER_STEP: Duration = Duration::from_secs(30 * 60);
/// Edits under way at a time.
const EDITORS: usize = 32;

fn main() {
    let size = fs::metadata(binaries::musette()).unwrap().len();
    tell("size of the program", &format!("{:.1} MB", size as f64 / 1e6));
    let asked: Vec<String> = env::args().skip(1).collect();
    match asked.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => [1_000, 10_000].into_iter().for_each(measure),
        ["--items", count] => measure_many(count.parse().unwrap()),
        ["--attachment", size] => measure_attachment(size.parse().unwrap()),
        _ => panic!("figures [--items N | --attachment BYTES]"),
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
    (0..count).map(row).collect()
}

fn row(n: usize) -> String {
    format!(
        "First{n},Last{n},https://www.linkedin.com/in/p{n},p{n}@example.org,Company {},Job {},05 Sep 2023",
        n % 500,
        n % 300
    )
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
    for part in ["journal", "index"] {
        tell(&format!("{part} of {count}"), &megabytes(bytes_below(&device.home().join(part))));
    }
}

fn measure_many(count: usize) {
    let world = World::new();
    let laptop = world.first_device("laptop");
    let all = rows(count);
    let imported = seconds(|| {
        for (n, part) in all.chunks(ROWS_OF_IMPORT).enumerate() {
            let file = world.file(&format!("{n}.zip"), archive(&[("Connections.csv", &connections(part))]));
            drop(laptop.import(&[&file]));
        }
    });
    tell(&format!("import of {count} connections"), &imported);
    start_and_rest(&laptop, "");
    tell("`list` without a node", &seconds(|| drop(laptop.run(&["list"]).ok())));
    let node = laptop.up();
    edit_many(&node);
    node.stop();
    start_and_rest(&laptop, " after the edits");
}

fn measure_attachment(size: u64) {
    let took = fetching::interrupted(&World::new(), size, KILLS, PER_STEP);
    let told = |time: Duration| format!("{:.1} s", time.as_secs_f64());
    tell("bytes of the attachment", &size.to_string());
    tell(&format!("bytes moved, with {KILLS} kills"), &took.moved.to_string());
    tell("more than its size", &format!("{:.2} %", (took.moved as f64 / size as f64 - 1.0) * 100.0));
    tell("`attach`", &told(took.attach));
    tell("from `fetch` to whole, all starts included", &told(took.fetch));
    tell("`extract`", &told(took.extract));
    tell("peak memory of the sending node", &megabytes(took.sender_peak));
    tell("peak memory of the receiving node", &megabytes(took.receiver_peak));
}

/// A cold start: the time from the command on to the whole list, then memory and disk.
fn start_and_rest(device: &Device, when: &str) {
    let began = Instant::now();
    let mut node = device.up();
    let up = began.elapsed();
    let list = node.api.bytes("/v1/items").unwrap();
    let told = |time: Duration| format!("{:.2} s", time.as_secs_f64());
    tell(&format!("start{when}, to the socket"), &told(up));
    tell(&format!("start{when}, to the whole list"), &told(began.elapsed()));
    tell(&format!("the list{when}"), &megabytes(list.len() as u64));
    tell(&format!("`list` from that node{when}"), &seconds(|| drop(device.run(&["list"]).ok())));
    node.stop();
    node = device.up();
    thread::sleep(LONG_IDLE);
    let resident = |node: &mut Node| megabytes(resident_kib(node.process().id()) * 1024);
    tell(&format!("memory at rest{when}"), &resident(&mut node));
    drop(node.api.bytes("/v1/items").unwrap());
    thread::sleep(IDLE);
    tell(&format!("memory{when}, once it was listed"), &resident(&mut node));
    node.stop();
    disk(device, when);
}

fn edit_many(node: &Node) {
    let ids: Vec<String> = ids(&node.api.get("/v1/items"), EDITED);
    // Some items at a time, all their edits: nobody edits two thousand documents in turns.
    let few = ids.chunks(EDITORS);
    let all = few.flat_map(|few| (0..EDITS_OF_EACH).flat_map(move |n| few.iter().map(move |id| (id, n))));
    let (next, began) = (Mutex::new(all), Instant::now());
    thread::scope(|scope| {
        for _ in 0..EDITORS {
            scope.spawn(|| {
                while let Some((id, n)) = { next.lock().unwrap().next() } {
                    let edit = json!({ "set": { "note": format!("edit {n} of this item") } });
                    node.api.call("PATCH", &format!("/v1/items/{id}"), Some(&edit)).unwrap();
                }
            });
        }
    });
    let per_second = (ids.len() * EDITS_OF_EACH) as f64 / began.elapsed().as_secs_f64();
    tell(&format!("{EDITS_OF_EACH} edits each of {} items", ids.len()), &format!("{per_second:.0} /s"));
}

fn ids(list: &Value, count: usize) -> Vec<String> {
    let items = list["items"].as_array().unwrap().iter().take(count);
    items.map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

fn disk(device: &Device, when: &str) {
    let parts = ["journal", "index"].map(|part| (part, bytes_below(&device.home().join(part))));
    let all = bytes_below(device.home());
    for (part, bytes) in parts {
        tell(&format!("{part}{when}"), &megabytes(bytes));
    }
    let rest = all - parts.iter().map(|(_, bytes)| bytes).sum::<u64>();
    tell(&format!("everything else on disk{when}"), &megabytes(rest));
    let status = device.json(&["status"]);
    if let Some(live) = status["journal"]["live"].as_u64() {
        tell(&format!("live bytes{when}"), &megabytes(live));
        tell(&format!("disk by live bytes{when}"), &format!("{:.2}", all as f64 / live as f64));
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

fn resident_kib(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn bytes_below(folder: &Path) -> u64 {
    musette_tests::search::files_below(folder).iter().map(|file| fs::metadata(file).unwrap().len()).sum()
}
