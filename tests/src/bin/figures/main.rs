//! Measures what a person would notice, on two nodes over loopback, and prints a table.
//!
//! `cargo run --release -p musette-tests --bin figures`. Everything goes through the programs and
//! their API. Times are of whole commands; an edit runs from the request on one node to the event
//! on the other, both ends durable. The machine's other work shows in the figures: run it twice.
//!
//! With `-- --items 100000` it measures one large Musette instead, before and after many edits:
//! `many.rs` says what and how. That takes a quarter of an hour.
//!
//! With `-- --attachment 1000000000` it measures an attachment of that many bytes instead, whose
//! receiving node is killed five times on the way.
//!
//! With `-- --relayed 200000000` it measures one that goes through a relay, with that relay's limits as they
//! are, between two devices behind routers that no hole can be punched through.

// A measurement that goes wrong ends the program.
#![allow(clippy::unwrap_used)]

mod many;

use std::{
    env, fs,
    io::{self, Write as _},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use musette_tests::{
    api::Api,
    binaries,
    fetching::{self, Film},
    linkedin::{archive, connections},
    natlab::{Kind, Lab},
    pairs::{NO_DISCOVERY, Pair},
    wait::{PATIENCE, until},
    world::{Device, World},
};
use serde_json::json;

const EDITS: usize = 300;
/// After which a node that nobody asks anything counts as idle.
const IDLE: Duration = Duration::from_secs(5);
/// How often the receiver of an attachment is killed.
const KILLS: u32 = 5;
/// How long each step with an attachment may take.
const PER_STEP: Duration = Duration::from_secs(30 * 60);

fn main() {
    let size = fs::metadata(binaries::musette()).unwrap().len();
    tell("size of the program", &format!("{:.1} MB", size as f64 / 1e6));
    let asked: Vec<String> = env::args().skip(1).collect();
    match asked.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => [1_000, 10_000].into_iter().for_each(measure),
        ["--items", count] => many::measure(count.parse().unwrap()),
        ["--attachment", size] => measure_attachment(size.parse().unwrap()),
        ["--relayed", size] => measure_relayed(size.parse().unwrap()),
        _ => panic!("figures [--items N | --attachment BYTES | --relayed BYTES]"),
    }
}

fn measure_relayed(size: u64) {
    let (world, mut lab) = (World::new(), Lab::new());
    let Pair { relays: _relays, laptop, laptop_node, phone, .. } =
        Pair::new(&world, &mut lab, Kind::Random, Kind::Random, 1);
    let phone_node = phone.up_with(&NO_DISCOVERY);
    phone_node.await_agreement("laptop");
    let (film, _) = Film::attach(&world, &laptop, size, PER_STEP);
    until(PATIENCE, "the attachment is known", || (fetching::missing(&phone_node) == size).then_some(()));
    let (before, began) = (fetching::moved(&laptop_node), Instant::now());
    let asked = film.ask(&phone_node);
    film.await_whole(&phone_node, PER_STEP);
    let (took, moved) = (began.elapsed(), fetching::moved(&laptop_node) - before);
    drop(asked);
    film.check(&world, &phone, PER_STEP);
    assert_eq!(phone_node.device("laptop")["path"], "relayed");
    tell(&format!("an attachment of {size} bytes through a relay"), &format!("{:.2} s", took.as_secs_f64()));
    tell("bytes moved for it", &moved.to_string());
    phone_node.stop();
    laptop_node.stop();
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
    let resident = kib_of(node.process().id(), "VmRSS:");
    tell(&format!("memory of an idle node with {count}"), &format!("{:.0} MB", resident as f64 / 1024.0));
    node.stop();
    for part in ["journal", "index"] {
        tell(&format!("{part} of {count}"), &megabytes(bytes_below(&device.home().join(part))));
    }
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

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// A figure in KiB that the system has of a process.
fn kib_of(process: u32, what: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(what)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn bytes_below(folder: &Path) -> u64 {
    musette_tests::search::files_below(folder).iter().map(|file| fs::metadata(file).unwrap().len()).sum()
}
