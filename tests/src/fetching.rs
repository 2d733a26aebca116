//! A large attachment that is fetched by a node which is killed again and again on the way.

use std::{
    fs::{self, File},
    hint::spin_loop,
    io::{BufWriter, Read as _, Write as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    process::Node,
    wait::{PATIENCE, until, until_seen},
    world::{Device, World},
};

const NAME: &str = "film.bin";
/// Bytes written or compared at once.
const BLOCK: usize = 1024 * 1024;

/// What it took.
#[derive(Debug, Clone, Copy)]
pub struct Interrupted {
    /// Bytes that the sending node wrote to and read from session streams, for as long as it took.
    pub moved: u64,
    /// Times of the three commands; the fetch with all its restarts.
    pub attach: Duration,
    /// From asking until it was whole.
    pub fetch: Duration,
    /// Into a file.
    pub extract: Duration,
    /// The most memory that the sending node took, in bytes.
    pub sender_peak: u64,
    /// The most that any of the receiving node's processes took.
    pub receiver_peak: u64,
}

/// Two devices; one attaches a file of `size` bytes, the other asks for it once and is killed so many
/// times on the way. Panics unless it arrives whole, each step within `deadline`.
pub fn interrupted(world: &World, size: u64, kills: u32, deadline: Duration) -> Interrupted {
    let (laptop, phone, mut laptop_node, mut phone_node) = world.pair(|_| {});
    let id = laptop.add(&["note", "title=Film"]);
    let (file, hash) = noise(world, size);
    let attach = timed(|| drop(laptop.start(&["attach", &id, path(&file)]).wait(deadline).ok()));
    fs::remove_file(&file).unwrap();
    until(PATIENCE, "the attachment is known", || (missing(&phone_node) == size).then_some(()));

    let before = moved(&laptop_node);
    let (empty, began) = (phone.journal_len(), Instant::now());
    // Nobody waits for the answer, and nobody asks again.
    let fetch = format!("/v1/items/{id}/attachments/{NAME}/fetch");
    let asked = phone_node.api.send("POST", &fetch, Some(&json!({}))).unwrap();
    let mut receiver_peak = 0;
    for kill in 1..=u64::from(kills) {
        await_length(&phone, empty + size * kill / (u64::from(kills) + 1), deadline);
        receiver_peak = receiver_peak.max(peak(&mut phone_node));
        phone_node.kill();
        phone_node = phone.up();
        assert!(missing(&phone_node) > 0, "kill {kill} came too late");
    }
    drop(asked);
    until_seen(deadline, "it is whole", || match missing(&phone_node) {
        0 => Ok(()),
        left => Err(format!("{left} bytes are missing: {}", phone_node.api.get("/v1/status"))),
    });
    let (fetch, moved) = (began.elapsed(), moved(&laptop_node) - before);

    let back = world.path().join("back.bin");
    let line = ["extract", &id, NAME, "--to", path(&back)];
    let extract = timed(|| drop(phone.start(&line).wait(deadline).ok()));
    assert!(hash_of(&back) == hash, "other bytes than were attached");
    fs::remove_file(&back).unwrap();
    receiver_peak = receiver_peak.max(peak(&mut phone_node));
    let sender_peak = peak(&mut laptop_node);
    phone_node.stop();
    laptop_node.stop();
    Interrupted { moved, attach, fetch, extract, sender_peak, receiver_peak }
}

fn timed(of: impl FnOnce()) -> Duration {
    let began = Instant::now();
    of();
    began.elapsed()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A file of bytes that no compression makes fewer, and its hash.
fn noise(world: &World, size: u64) -> (PathBuf, blake3::Hash) {
    let path = world.file(NAME, []);
    let mut file = BufWriter::new(File::create(&path).unwrap());
    let mut bytes = blake3::Hasher::new().finalize_xof();
    let (mut hasher, mut left, mut block) = (blake3::Hasher::new(), size, vec![0; BLOCK]);
    while left > 0 {
        block.truncate(usize::try_from(left).unwrap_or(BLOCK));
        bytes.fill(&mut block);
        hasher.update(&block);
        file.write_all(&block).unwrap();
        left -= block.len() as u64;
    }
    file.into_inner().unwrap().sync_all().unwrap();
    (path, hasher.finalize())
}

fn hash_of(path: &Path) -> blake3::Hash {
    let (mut file, mut hasher, mut block) =
        (File::open(path).unwrap(), blake3::Hasher::new(), vec![0; BLOCK]);
    loop {
        match file.read(&mut block).unwrap() {
            0 => return hasher.finalize(),
            read => drop(hasher.update(&block[..read])),
        }
    }
}

fn missing(node: &Node) -> u64 {
    node.api.get("/v1/status")["attachments"]["missing_bytes"].as_u64().unwrap()
}

fn moved(node: &Node) -> u64 {
    let traffic = node.api.get("/v1/status")["traffic"].clone();
    ["sent", "received"].iter().map(|way| traffic[way].as_u64().unwrap()).sum()
}

/// Watched without a pause: between two looks of ten milliseconds all of it may come.
fn await_length(device: &Device, length: u64, deadline: Duration) {
    let began = Instant::now();
    while device.journal_len() < length {
        assert!(began.elapsed() < deadline, "{} stays at {} bytes", device.name, device.journal_len());
        spin_loop();
    }
}

/// The most memory that a node took since it started, in bytes.
fn peak(node: &mut Node) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", node.process().id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}
