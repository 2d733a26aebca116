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
    let (film, attach) = Film::attach(world, &laptop, size, deadline);
    until(PATIENCE, "the attachment is known", || (missing(&phone_node) == size).then_some(()));

    let before = moved(&laptop_node);
    let (empty, began) = (phone.journal_len(), Instant::now());
    let asked = film.ask(&phone_node);
    let mut receiver_peak = 0;
    for kill in 1..=u64::from(kills) {
        await_length(&phone, empty + size * kill / (u64::from(kills) + 1), deadline);
        receiver_peak = receiver_peak.max(peak(&mut phone_node));
        phone_node.kill();
        phone_node = phone.up();
        assert!(missing(&phone_node) > 0, "kill {kill} came too late");
    }
    drop(asked);
    film.await_whole(&phone_node, deadline);
    let (fetch, moved) = (began.elapsed(), moved(&laptop_node) - before);

    let extract = film.check(world, &phone, deadline);
    receiver_peak = receiver_peak.max(peak(&mut phone_node));
    let sender_peak = peak(&mut laptop_node);
    phone_node.stop();
    laptop_node.stop();
    Interrupted { moved, attach, fetch, extract, sender_peak, receiver_peak }
}

/// A large attachment.
#[derive(Debug)]
pub struct Film {
    item: String,
    hash: blake3::Hash,
}

impl Film {
    /// Attaches a file of `size` bytes to a new item; tells how long that took.
    pub fn attach(world: &World, device: &Device, size: u64, deadline: Duration) -> (Self, Duration) {
        let item = device.add(&["note", "title=Film"]);
        let (file, hash) = noise(world, size);
        let took = timed(|| drop(device.start(&["attach", &item, path(&file)]).wait(deadline).ok()));
        fs::remove_file(&file).unwrap();
        (Self { item, hash }, took)
    }

    /// Asks for it. Nobody waits for the answer, and nobody asks again.
    pub fn ask(&self, node: &Node) -> impl Sized + use<> {
        let fetch = format!("/v1/items/{}/attachments/{NAME}/fetch", self.item);
        node.api.send("POST", &fetch, Some(&json!({}))).unwrap()
    }

    /// Waits until all of it is there.
    pub fn await_whole(&self, node: &Node, deadline: Duration) {
        until_seen(deadline, "it is whole", || match missing(node) {
            0 => Ok(()),
            left => Err(format!("{left} bytes are missing: {}", node.api.get("/v1/status"))),
        });
    }

    /// Takes it out into a file, and compares; tells how long it took out.
    pub fn check(&self, world: &World, device: &Device, deadline: Duration) -> Duration {
        let back = world.path().join("back.bin");
        let line = ["extract", &self.item, NAME, "--to", path(&back)];
        let extract = timed(|| drop(device.start(&line).wait(deadline).ok()));
        assert!(hash_of(&back) == self.hash, "other bytes than were attached");
        fs::remove_file(&back).unwrap();
        extract
    }
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

/// Bytes of attachments that are elsewhere.
pub fn missing(node: &Node) -> u64 {
    node.api.get("/v1/status")["attachments"]["missing_bytes"].as_u64().unwrap()
}

/// Bytes that a node wrote to and read from session streams.
pub fn moved(node: &Node) -> u64 {
    let traffic = node.api.get("/v1/status")["traffic"].clone();
    ["sent", "received"].iter().map(|way| traffic[way].as_u64().unwrap()).sum()
}

/// Waits until a device's journal has this length. Watched without a pause: between two looks of ten milliseconds all of it may come.
pub fn await_length(device: &Device, length: u64, deadline: Duration) {
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
