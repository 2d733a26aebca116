//! One large Musette on one node: how long it takes to start, what memory it takes at rest, and what
//! lies on the disk; all of it twice, before and after many edits.
//!
//! 1. Items are imported, then the node is started a few times. Before each start what the system
//!    holds of the home's files is given up, so that they are read from the disk. The vault has a key
//!    file: a passphrase would add what Argon2id takes.
//! 2. Some items are edited many times each, one edit a request, as programs and people do. Then the
//!    node is left alone until it has folded and rewritten what it wants to.
//! 3. Everything is measured again, with the node started anew.
//!
//! *Live bytes* are sealed records that were not dropped, padding included, and pieces of
//! attachments. *Disk* is the whole home: journal, index, vault, settings.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read as _},
    process::Stdio,
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use musette_tests::{
    linkedin::{archive, connections},
    process::Node,
    search::files_below,
    wait::until,
    world::{Device, World},
};
use rustix::fs::{Advice, fadvise};
use serde_json::{Value, json};

use crate::{IDLE, bytes_below, kib_of, megabytes, rows, seconds, tell};

/// Rows of one import, so that each command ends in time also on a busy machine.
const ROWS_OF_IMPORT: usize = 25_000;
/// Of so many starts the median is told.
const STARTS: usize = 5;
/// After which a node counts as at rest: what a start left to do is done.
const REST: Duration = Duration::from_secs(60);
/// Items that are edited, and how often each.
const EDITED: usize = 2_000;
const EDITS_OF_EACH: usize = 50;
/// Edits under way at a time.
const EDITORS: usize = 32;
/// A node that wrote nothing for so long has tidied up: it looks once a minute.
const TIDY: Duration = Duration::from_secs(90);
/// How long that may take.
const TIDIED_WITHIN: Duration = Duration::from_secs(1_800);

pub(crate) fn measure(count: usize) {
    let world = World::new();
    let laptop = world.first_device("laptop");
    let node = laptop.up();
    node.stop();
    tell_rest(&laptop, " of an empty Musette");
    import(&world, &laptop, count);
    tell_all(&laptop, "");
    let mut node = laptop.up();
    edit_many(&node);
    await_tidy(&node);
    tell("memory of the node that did the edits", &resident(&mut node));
    node.stop();
    tell_all(&laptop, " after the edits");
    tell("`doctor --rebuild`", &seconds(|| drop(laptop.run(&["doctor", "--rebuild"]).ok())));
}

fn import(world: &World, device: &Device, count: usize) {
    let all = rows(count);
    let imported = seconds(|| {
        for (n, part) in all.chunks(ROWS_OF_IMPORT).enumerate() {
            let file = world.file(&format!("{n}.zip"), archive(&[("Connections.csv", &connections(part))]));
            drop(device.import(&[&file]));
        }
    });
    tell(&format!("import of {count} connections"), &imported);
}

fn tell_all(device: &Device, when: &str) {
    tell_starts(device, when);
    tell_rest(device, when);
    tell_disk(device, when);
}

/// From the command `up` on, each time of a node that was not there before.
fn tell_starts(device: &Device, when: &str) {
    let mut times = [const { Vec::new() }; 4];
    for _ in 0..STARTS {
        let (began, node) = cold_start(device);
        times[0].push(began.elapsed());
        let (first, all) = list(device, began);
        times[1].push(first);
        times[2].push(all);
        node.stop();
        let (began, node) = cold_start(device);
        drop(node.api.bytes("/v1/items").unwrap());
        times[3].push(began.elapsed());
        node.stop();
    }
    let what =
        ["an answer of the API", "`list`, its first line", "`list`, its end", "the whole list of the API"];
    for (what, times) in what.iter().zip(&mut times) {
        times.sort_unstable();
        tell(&format!("start{when} to {what}"), &format!("{:.2} s", times[STARTS / 2].as_secs_f64()));
    }
    let began = Instant::now();
    let (first, all) = list(device, began);
    tell(&format!("`list` without a node{when}, its first line"), &format!("{:.2} s", first.as_secs_f64()));
    tell(&format!("`list` without a node{when}, its end"), &format!("{:.2} s", all.as_secs_f64()));
}

/// Starts a node whose files the system has to read from the disk.
fn cold_start(device: &Device) -> (Instant, Node) {
    for path in files_below(device.home()) {
        let file = File::open(path).unwrap();
        file.sync_all().unwrap();
        fadvise(&file, 0, None, Advice::DontNeed).unwrap();
    }
    (Instant::now(), device.up())
}

/// Runs `list`, and gives when its first line came and when its last.
fn list(device: &Device, since: Instant) -> (Duration, Duration) {
    let log = File::create(device.new_log(&["list"])).unwrap();
    let mut child = device.command(&["list"]).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
    let mut answer = BufReader::new(child.stdout.take().unwrap());
    answer.read_line(&mut String::new()).unwrap();
    let first = since.elapsed();
    answer.read_to_end(&mut Vec::new()).unwrap();
    assert!(child.wait().unwrap().success());
    (first, since.elapsed())
}

fn tell_rest(device: &Device, when: &str) {
    let mut node = device.up();
    thread::sleep(REST);
    tell(&format!("memory at rest{when}"), &resident(&mut node));
    let own = kib_of(node.process().id(), "RssAnon:") * 1024;
    tell(&format!("of it, what is not the program's file{when}"), &megabytes(own));
    tell(
        &format!("the most memory until then{when}"),
        &megabytes(kib_of(node.process().id(), "VmHWM:") * 1024),
    );
    drop(node.api.bytes("/v1/items").unwrap());
    thread::sleep(IDLE);
    tell(&format!("memory{when}, once it was listed"), &resident(&mut node));
    node.stop();
}

fn resident(node: &mut Node) -> String {
    megabytes(kib_of(node.process().id(), "VmRSS:") * 1024)
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

/// Waits until the node has nothing left to fold or to rewrite.
fn await_tidy(node: &Node) {
    let (mut seen, mut since) = (Value::Null, Instant::now());
    until(TIDIED_WITHIN, "the node has tidied up", || {
        let journal = node.api.get("/v1/status")["journal"].take();
        if journal != seen {
            (seen, since) = (journal, Instant::now());
        }
        thread::sleep(Duration::from_secs(1));
        (since.elapsed() >= TIDY).then_some(())
    });
}

fn tell_disk(device: &Device, when: &str) {
    let parts = ["journal", "index"].map(|part| (part, bytes_below(&device.home().join(part))));
    let all = bytes_below(device.home());
    for (part, bytes) in parts {
        tell(&format!("{part}{when}"), &megabytes(bytes));
    }
    let rest = all - parts.iter().map(|(_, bytes)| bytes).sum::<u64>();
    tell(&format!("everything else on the disk{when}"), &megabytes(rest));
    let live = device.json(&["status"])["journal"]["live"].as_u64().unwrap();
    tell(&format!("live bytes{when}"), &megabytes(live));
    tell(&format!("disk by live bytes{when}"), &format!("{:.2}", all as f64 / live as f64));
}
