//! `kill -9` again and again, most of the time inside a write.
//!
//! Each round acknowledges something, then asks for something large and watches the journal grow;
//! the moment it does, or a little later, the node dies. After the restart everything that was
//! acknowledged must be there, once.
//!
//! `MUSETTE_TESTS_KILLS` says how often, 200 times without it, and `MUSETTE_TESTS_SEED` from which
//! number the moments are drawn. A home serves for 200 kills: each look at it costs what it holds.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    hint::spin_loop,
    path::PathBuf,
    str::FromStr,
    time::{Duration, Instant},
};

use musette_tests::{
    api::{Failed, Pending},
    process::Node,
    turns,
    world::{Device, World, codes},
};
use serde_json::{Value, json};

const KILLS: u32 = 200;
const KILLS_OF_A_HOME: u32 = 200;
/// Of four kills so many must be inside a write.
const INSIDE_OF_FOUR: u32 = 3;
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
/// The journal's pieces have 64 KiB: an attachment takes dozens of writes.
const ATTACHMENT: usize = 2 << 20;
const ROWS: u32 = 120;
/// Rounds between two stops in good order, which write the index.
const CHECKPOINT: u32 = 10;

/// What the node was asked for when it died.
#[derive(Debug, Clone)]
enum Asked {
    Note(String),
    Attachment(String),
    Import(u32),
}

struct Crasher {
    world: World,
    device: Device,
    bag: String,
    /// Everything that was asked for, by title; whether it was acknowledged.
    notes: BTreeMap<String, bool>,
    attachments: BTreeMap<String, bool>,
    /// The versions of the imported rows that may be shown: the acknowledged one, and one under way.
    versions: BTreeSet<u32>,
    random: u64,
    seen: Seen,
}

/// How often what happened.
#[derive(Debug, Default)]
struct Seen {
    kills: u32,
    inside: u32,
    torn: u32,
    acknowledged: u32,
}

#[test]
fn what_was_acknowledged_survives_being_killed() {
    let (kills, seed) = (asked("MUSETTE_TESTS_KILLS", KILLS), asked("MUSETTE_TESTS_SEED", SEED));
    println!("from seed {seed}");
    let began = Instant::now();
    let (mut all, mut random) = (Seen::default(), seed.max(1));
    while all.kills < kills {
        let mut crasher = Crasher::new(random);
        crasher.live(KILLS_OF_A_HOME.min(kills - all.kills));
        random = crasher.random;
        all.add(&crasher.seen);
        let Seen { kills, inside, torn, acknowledged } = all;
        println!(
            "{kills} kills, {inside} inside a write, {torn} torn tails repaired, \
             {acknowledged} writes acknowledged, {:?}",
            began.elapsed()
        );
    }
    assert!(4 * all.inside >= INSIDE_OF_FOUR * kills, "only {} kills were inside a write", all.inside);
    assert!(all.torn > 0, "no tail was ever torn");
}

/// A number that the caller of the tests may set.
fn asked<T: FromStr>(name: &str, otherwise: T) -> T {
    let Ok(text) = env::var(name) else { return otherwise };
    text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}"))
}

impl Seen {
    fn add(&mut self, other: &Self) {
        self.kills += other.kills;
        self.inside += other.inside;
        self.torn += other.torn;
        self.acknowledged += other.acknowledged;
    }
}

impl Crasher {
    fn new(random: u64) -> Self {
        let world = World::new();
        let device = world.first_device("laptop");
        let bag = device.add(&["note", "title=Bag"]);
        let crasher = Self {
            world,
            device,
            bag,
            notes: BTreeMap::new(),
            attachments: BTreeMap::new(),
            versions: BTreeSet::from([0]),
            random,
            seen: Seen::default(),
        };
        crasher.device.import(&[&crasher.rows(0)]);
        crasher
    }

    /// Is killed so many times, and has everything in the end.
    fn live(&mut self, kills: u32) {
        for round in 0..kills {
            let _turn = turns::shared();
            self.round(round);
            if round % CHECKPOINT == CHECKPOINT - 1 {
                self.rest();
            }
        }
        let _turn = turns::shared();
        self.rest();
        self.check_contents();
    }

    fn draw(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % below
    }

    fn round(&mut self, round: u32) {
        let node = self.device.up();
        self.check(&node, round);
        let title = format!("before-{round}");
        let pending = self.ask(&node, &Asked::Note(title.clone()));
        pending.answer().unwrap();
        self.acknowledge(Asked::Note(title));
        let asked = match round % 4 {
            0 | 1 => Asked::Attachment(format!("scan-{round}")),
            2 => Asked::Import(round),
            _ => Asked::Note(format!("last-{round}")),
        };
        self.kill_inside(node, asked);
    }

    fn ask(&mut self, node: &Node, asked: &Asked) -> Pending {
        let sent = match asked {
            Asked::Note(title) => {
                self.notes.insert(title.clone(), false);
                let body =
                    json!({ "kind": "note", "fields": { "title": title, "text": title.repeat(1_000) } });
                node.api.send("POST", "/v1/items", Some(&body))
            }
            Asked::Attachment(name) => {
                self.attachments.insert(name.clone(), false);
                let path = self.world.file(name, content(name));
                let path_in_api = format!("/v1/items/{}/attachments", self.bag);
                node.api.send("POST", &path_in_api, Some(&json!({ "path": path })))
            }
            Asked::Import(version) => {
                self.versions.insert(*version);
                let path = self.rows(*version);
                node.api.send("POST", "/v1/imports", Some(&json!({ "paths": [path] })))
            }
        };
        sent.unwrap()
    }

    /// The same rows with another description each time: more writes, not more items.
    fn rows(&self, version: u32) -> PathBuf {
        let mut text = "Company Name,Title,Description,Location,Started On,Finished On\n".to_owned();
        for number in 0..ROWS {
            text.push_str(&format!("Firm {number},Role,version {version},Lyon,Apr 2014,\n"));
        }
        self.world.file("Positions.csv", text)
    }

    /// Asks, watches the journal grow beyond what is acknowledged, and kills.
    fn kill_inside(&mut self, node: Node, asked: Asked) {
        let delay = Duration::from_micros(match asked {
            Asked::Note(_) => 0,
            Asked::Attachment(_) => self.draw(2_000),
            Asked::Import(_) => self.draw(200),
        });
        // Looked up before: between growth and kill there is no time to list a folder.
        let (before, segments) = (self.device.journal_len(), self.device.segments());
        let last = segments.last().unwrap();
        let len = || std::fs::metadata(last).unwrap().len();
        let last_before = len();
        let pending = self.ask(&node, &asked);
        let began = Instant::now();
        while len() == last_before && self.device.segments().len() == segments.len() {
            assert!(began.elapsed() < Duration::from_secs(60), "{asked:?} writes nothing");
            spin_loop();
        }
        let grown = Instant::now();
        while grown.elapsed() < delay {
            spin_loop();
        }
        node.kill();
        self.seen.kills += 1;
        if let Asked::Attachment(name) = &asked {
            // Half a gigabyte in the end, otherwise.
            std::fs::remove_file(self.world.path().join("files").join(name)).unwrap();
        }
        match pending.answer() {
            Ok(_) => self.acknowledge(asked),
            Err(Failed::Gone(_)) => self.seen.inside += u32::from(self.device.journal_len() > before),
            Err(Failed::Refused(error)) => panic!("{asked:?} was refused: {error}"),
        }
    }

    fn acknowledge(&mut self, asked: Asked) {
        self.seen.acknowledged += 1;
        match asked {
            Asked::Note(title) => drop(self.notes.insert(title, true)),
            Asked::Attachment(name) => drop(self.attachments.insert(name, true)),
            Asked::Import(version) => self.versions = BTreeSet::from([version]),
        }
    }

    /// Everything acknowledged is there, nothing is twice.
    fn check(&mut self, node: &Node, round: u32) {
        let status = node.api.get("/v1/status");
        self.seen.torn += u32::from(codes(&status["notices"]).contains(&"torn-tail".to_owned()));
        assert!(!codes(&status["notices"]).contains(&"damage-skipped".to_owned()), "round {round}: {status}");
        self.check_items(&node.api.items(), round);
    }

    fn check_items(&self, items: &[Value], round: u32) {
        let text = |item: &Value, field: &str| item["fields"][field].as_str().unwrap_or_default().to_owned();
        let of_kind = |kind: &'static str| items.iter().filter(move |item| item["kind"] == kind);
        let mut titles = BTreeMap::new();
        of_kind("note").for_each(|item| *titles.entry(text(item, "title")).or_insert(0) += 1);
        assert_eq!(titles.remove("Bag"), Some(1), "round {round}");
        once(&titles, &self.notes, round);
        let bag = items.iter().find(|item| item["id"] == *self.bag).unwrap();
        let mut names = BTreeMap::new();
        for attachment in bag["attachments"].as_array().into_iter().flatten() {
            assert_eq!(attachment["size"], ATTACHMENT);
            *names.entry(attachment["name"].as_str().unwrap().to_owned()).or_insert(0) += 1;
        }
        once(&names, &self.attachments, round);
        let mut firms = BTreeSet::new();
        for item in of_kind("activity") {
            assert!(firms.insert(text(item, "organisation")), "round {round}: a row is there twice");
            let version = text(item, "description");
            let version = version.strip_prefix("version ").unwrap().parse().unwrap();
            assert!(
                self.versions.contains(&version),
                "round {round}: {version} is neither acknowledged nor under way"
            );
            assert!(item.get("conflicts").is_none(), "{item}");
        }
        if self.versions.len() == 1 {
            assert_eq!(firms.len(), ROWS as usize, "round {round}");
        }
    }

    /// Stops in good order: in process everything is the same, and the index is written. What was
    /// under way is imported again: no row may come twice.
    fn rest(&mut self) {
        let node = self.device.up();
        self.check(&node, u32::MAX);
        if let Some(version) = self.versions.last().copied() {
            self.ask(&node, &Asked::Import(version)).answer().unwrap();
            self.acknowledge(Asked::Import(version));
        }
        node.stop();
        let list = self.device.list();
        self.check_items(list["items"].as_array().unwrap(), u32::MAX);
    }

    /// Every acknowledged attachment, to the last byte; and doctor has no complaint.
    fn check_contents(&self) {
        let node = self.device.up();
        for name in self.attachments.iter().filter_map(|(name, acknowledged)| acknowledged.then_some(name)) {
            let bytes = node.api.bytes(&format!("/v1/items/{}/attachments/{name}", self.bag)).unwrap();
            assert!(bytes == content(name), "{name} has other bytes");
        }
        let checks = node.api.get("/v1/doctor");
        let views =
            checks["checks"].as_array().unwrap().iter().find(|check| check["code"] == "journal-readable");
        assert_eq!(views.unwrap()["ok"], true, "{checks}");
        node.stop();
    }
}

fn once(found: &BTreeMap<String, u32>, asked: &BTreeMap<String, bool>, round: u32) {
    for (name, count) in found {
        assert_eq!(*count, 1, "round {round}: {name} is there twice");
        assert!(asked.contains_key(name), "round {round}: {name} was never asked for");
    }
    for (name, acknowledged) in asked {
        assert!(
            !acknowledged || found.contains_key(name),
            "round {round}: {name} was acknowledged and is gone"
        );
    }
}

/// Bytes that no compression and no zero page helps with.
fn content(name: &str) -> Vec<u8> {
    let mut bytes = vec![0; ATTACHMENT];
    blake3::Hasher::new().update(name.as_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}
