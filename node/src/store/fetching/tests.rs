//! Several stores of one person that talk without a network.

use musette_protocol::{
    crypto::{kem::KemSecret, sign::SigningKey},
    id::DeviceId,
    identity::{
        certificate::Certificate,
        log::{Action, Author},
    },
    journal::JournalId,
    limits::BLOB_PIECE_LEN,
    record::Payload,
    schedule::{NotNow, StopReason},
    session::Role,
};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use super::*;
use crate::{
    entropy,
    home::VaultChoice,
    lifecycle::create,
    standing::Goal,
    store::{Repair, items::RawEdit, vault::Vault},
};

/// Larger than what comes by itself.
const PIECES: u32 = 36;

/// Devices of one person, and who talks to whom.
struct Devices {
    folder: TempDir,
    stores: Vec<Store>,
    links: Vec<Link>,
    /// Bytes of all frames.
    moved: u64,
}

struct Link {
    ends: [usize; 2],
    sessions: [Session; 2],
}

impl Devices {
    fn new(count: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::locate(Some(&folder.path().join("0"))).unwrap();
        create(&home, "Emilie", "device0", &VaultChoice::KeyFile).unwrap();
        let first = Store::open(&home, None, Repair::No).unwrap();
        let mut devices = Self { folder, stores: vec![first], links: Vec::new(), moved: 0 };
        (1..count).for_each(|number| devices.enrol(number));
        devices
    }

    /// What pairing does, without its words.
    fn enrol(&mut self, number: usize) {
        let (device, kem) = (entropy::secret(), entropy::secret());
        let key = SigningKey::from_secret(&device);
        let first = &mut self.stores[0];
        let certificate = Certificate {
            person: first.person(),
            device: DeviceId::from_bytes(*key.verifying_key().as_bytes()),
            kem: KemSecret::from_secret(&kem).public(),
            name: format!("device{number}"),
            admin: true,
        };
        let device_signature = certificate.countersign(&key);
        let action = Action::Enrol { certificate, device_signature, verified: true };
        let operation = first.state().log().sign(Author::Device(first.device()), action, first.device_key());
        first.write_statement(Payload::Operation(operation)).unwrap();
        first.commit().unwrap();
        let known = first.keys();
        let keys = Keys {
            inception: known.inception.clone(),
            space: known.space,
            device,
            kem,
            epochs: known.epochs.duplicate(),
            index: entropy::secret(),
            journal: JournalId::from_bytes(entropy::bytes()),
            recovery: None,
            recovery_checked: false,
            words: Default::default(),
            addresses: Default::default(),
            met: Default::default(),
            healing: Default::default(),
        };
        let home = self.home(number);
        home.create().unwrap();
        let vault = Vault::prepare(&home, &VaultChoice::KeyFile).unwrap();
        let lock = home.lock().unwrap();
        let mut store = Store::open_unlocked(home, lock, vault, keys, Repair::No).unwrap();
        for operation in self.stores[0].state().log().in_order() {
            store.write_statement(Payload::Operation(operation.clone())).unwrap();
        }
        store.commit().unwrap();
        store.save_vault().unwrap();
        self.stores.push(store);
    }

    fn home(&self, number: usize) -> Home {
        Home::locate(Some(&self.folder.path().join(number.to_string()))).unwrap()
    }

    /// An item with an attachment, and the attachment.
    fn attach(&mut self, to: usize, pieces: u32) -> (DocumentId, Attachment) {
        let store = &mut self.stores[to];
        let fields = [("title".to_owned(), json!("Film"))].into();
        let item = store.add("note", &fields).unwrap();
        let item = store.find(item["id"].as_str().unwrap()).unwrap();
        let id = BlobId::from_bytes(entropy::bytes());
        for index in 0..pieces {
            store.write_pieces(id, index, vec![vec![1; BLOB_PIECE_LEN]]).unwrap();
        }
        let chunk_len = u32::try_from(BLOB_PIECE_LEN).unwrap();
        let (name, media_type) = (id.to_string(), "video/mp4".to_owned());
        let size = u64::from(pieces) * u64::from(chunk_len);
        let attachment = Attachment { id, name, media_type, size, digest: [0; 32], chunk_len };
        store.note_attachment(item, &attachment).unwrap();
        store.commit().unwrap();
        (item, attachment)
    }

    fn connect(&mut self, ends: [usize; 2]) {
        let session = |role| Session::new(role, [7; 32], entropy::bytes());
        let sessions = [session(Role::Dialer), session(Role::Listener)];
        let devices = ends.map(|end| self.stores[end].device());
        self.stores[ends[0]].note_connected(devices[1]);
        self.stores[ends[1]].note_connected(devices[0]);
        self.links.push(Link { ends, sessions });
    }

    fn disconnect(&mut self, ends: [usize; 2]) {
        self.links.retain(|link| link.ends != ends);
        let devices = ends.map(|end| self.stores[end].device());
        self.stores[ends[0]].note_disconnected(devices[1]);
        self.stores[ends[1]].note_disconnected(devices[0]);
    }

    /// Lets everybody talk until nobody has anything to say, or `until` holds.
    fn talk_until(&mut self, until: impl Fn(&Self) -> bool) {
        for _ in 0..100_000 {
            if until(self) {
                return;
            }
            let mut is_quiet = true;
            for place in 0..self.links.len() {
                for side in [0, 1] {
                    is_quiet &= !self.say(place, side);
                }
            }
            if is_quiet {
                return;
            }
        }
        panic!("they talk without end");
    }

    /// One frame of one side; false when it has none.
    fn say(&mut self, place: usize, side: usize) -> bool {
        let Link { ends, sessions } = &mut self.links[place];
        let Some(frame) = self.stores[ends[side]].poll_session(&mut sessions[side]).unwrap() else {
            return false;
        };
        self.moved += frame.len() as u64;
        let other = 1 - side;
        self.stores[ends[other]].handle_frame(&mut sessions[other], &frame).unwrap().unwrap();
        true
    }

    fn talk(&mut self) {
        self.talk_until(|_| false);
    }

    fn held(&self, device: usize, attachment: &Attachment) -> u32 {
        held_of(self.stores[device].state(), &attachment.id)
    }

    fn told(&self, device: usize, attachment: &Attachment) -> String {
        match self.stores[device].fetched(attachment) {
            Ok(told) if told["whole"] == true => "whole".to_owned(),
            Ok(told) => told["why"].as_str().unwrap_or("coming").to_owned(),
            Err(error) => error.code().to_owned(),
        }
    }
}

#[test]
fn a_fetch_from_a_device_that_is_gone_goes_on_from_another() {
    let mut devices = Devices::new(3);
    let (item, film) = devices.attach(0, PIECES);
    devices.connect([0, 1]);
    devices.talk();
    devices.stores[1].ask_for(item, &film.name).unwrap();
    devices.talk();
    assert_eq!(devices.held(1, &film), PIECES);

    devices.connect([0, 2]);
    devices.connect([1, 2]);
    devices.talk();
    assert_eq!(devices.held(2, &film), 0, "it is too large to come by itself");
    let _ = devices.stores[2].take_changed();
    let moved = devices.moved;
    devices.stores[2].ask_for(item, &film.name).unwrap();
    assert!(devices.stores[2].take_changed(), "sessions are told that there is something to ask");
    devices.talk_until(|devices| devices.held(2, &film) >= PIECES / 2);
    let from = devices.stores[2].fetching.from[&film.id];
    let place = usize::from(from == devices.stores[1].device());
    let _ = devices.stores[2].take_changed();
    devices.disconnect([place, 2]);
    assert!(devices.stores[2].take_changed(), "the other session is told too");
    devices.talk();
    assert_eq!((devices.held(2, &film), devices.told(2, &film)), (PIECES, "whole".to_owned()));
    let more = (devices.moved - moved) as f64 / film.size as f64 - 1.0;
    assert!(more < 0.07, "{more} of it moved twice: two pieces of {PIECES} at most");
}

#[test]
fn who_lacked_it_is_asked_again_once_it_holds_more() {
    let mut devices = Devices::new(3);
    let (item, film) = devices.attach(0, PIECES);
    // The last one meets only the one in between, which has the item and none of the bytes.
    devices.connect([0, 1]);
    devices.connect([1, 2]);
    devices.talk();
    devices.stores[2].ask_for(item, &film.name).unwrap();
    devices.talk();
    assert_eq!(devices.told(2, &film), "elsewhere", "another device may come that has it");
    devices.stores[1].ask_for(item, &film.name).unwrap();
    devices.talk();
    assert_eq!([1, 2].map(|device| devices.held(device, &film)), [PIECES; 2]);
}

#[test]
fn what_none_of_all_devices_has_does_not_come() {
    let mut devices = Devices::new(2);
    let (item, film) = devices.attach(0, 1);
    let lost = Attachment { id: BlobId::from_bytes(entropy::bytes()), name: "lost".to_owned(), ..film };
    devices.stores[0].note_attachment(item, &lost).unwrap();
    devices.stores[0].commit().unwrap();
    devices.connect([0, 1]);
    devices.talk();
    devices.stores[1].ask_for(item, "lost").unwrap();
    devices.talk();
    assert_eq!(devices.told(1, &lost), "attachment-elsewhere");
}

#[test]
fn several_devices_share_the_work() {
    let mut devices = Devices::new(3);
    let small: Vec<Attachment> = (0..6).map(|_| devices.attach(0, 2).1).collect();
    devices.connect([0, 1]);
    devices.talk();
    assert!(small.iter().all(|one| devices.held(1, one) == 2), "small ones come by themselves");
    let ends = [0, 1].map(|end| devices.stores[end].device());
    devices.connect([0, 2]);
    devices.connect([1, 2]);
    let from = |devices: &Devices, end: DeviceId| {
        devices.stores[2].fetching.from.values().filter(|from| **from == end).count()
    };
    devices.talk_until(|devices| ends.iter().all(|end| from(devices, *end) > 0));
    assert!(ends.iter().all(|end| (1..=FETCHES_AT_ONCE).contains(&from(&devices, *end))));
    devices.talk();
    assert!(small.iter().all(|one| devices.held(2, one) == 2));
}

#[test]
fn what_was_asked_for_outlives_a_start_and_goes_on_where_it_was() {
    let mut devices = Devices::new(2);
    let (item, film) = devices.attach(0, PIECES);
    devices.connect([0, 1]);
    devices.talk();
    devices.stores[1].ask_for(item, &film.name).unwrap();
    devices.talk_until(|devices| devices.held(1, &film) >= PIECES / 2);
    devices.disconnect([0, 1]);
    // As after a crash: nothing was written in good order.
    drop(devices.stores.pop());
    devices.stores.push(Store::open(&devices.home(1), None, Repair::No).unwrap());
    assert!(devices.held(1, &film) >= PIECES / 2);
    assert_eq!(devices.told(1, &film), "nobody-there");
    let moved = devices.moved;
    devices.connect([0, 1]);
    devices.talk();
    assert_eq!(devices.told(1, &film), "whole");
    assert!(devices.moved - moved < film.size * 6 / 10, "only the other half");

    let asked = std::fs::read(devices.home(1).asked_path()).unwrap();
    assert!(!asked.windows(16).any(|part| part == film.id.as_bytes()), "it lies there sealed");
}

#[test]
fn attachments_are_given_as_far_as_the_day_allows() {
    let mut devices = Devices::new(2);
    let (item, film) = devices.attach(0, PIECES);
    devices.connect([0, 1]);
    devices.talk();
    devices.stores[1].ask_for(item, &film.name).unwrap();
    devices.talk_until(|devices| devices.held(1, &film) > 0);
    devices.stores[0].set_flow(Flow::NoAttachments { asked_for: false });
    devices.talk();
    assert!(devices.held(1, &film) < PIECES / 2);
    assert_eq!(devices.told(1, &film), "withheld");

    // Where bytes cost money, what somebody waits for is given all the same.
    devices.stores[0].set_flow(Flow::NoAttachments { asked_for: true });
    devices.links[0].sessions[0].check();
    let (_, small) = devices.attach(0, 1);
    devices.talk();
    assert_eq!([&film, &small].map(|one| devices.told(1, one)), ["whole", "withheld"]);
    devices.stores[0].set_flow(Flow::Everything);
    devices.links[0].sessions[0].check();
    devices.talk();
    assert_eq!(devices.told(1, &small), "whole");
}

#[test]
fn what_is_forgotten_is_asked_for_no_more_and_keeps_nothing_else_waiting() {
    let mut devices = Devices::new(2);
    let (mut items, mut films) = (Vec::new(), Vec::new());
    for _ in 0..FETCHES_AT_ONCE {
        let (item, film) = devices.attach(0, PIECES);
        items.push(item.to_string());
        films.push(film);
    }
    devices.connect([0, 1]);
    devices.talk();
    for (item, film) in items.iter().zip(&films) {
        devices.stores[1].ask_for(item.parse().unwrap(), &film.name).unwrap();
    }
    devices.talk_until(|devices| films.iter().any(|film| devices.held(1, film) > 0));
    assert_eq!(devices.stores[1].fetching.from.len(), FETCHES_AT_ONCE);
    let moved = devices.moved;
    devices.stores[1].forget(&items, None).unwrap();
    let (_, photo) = devices.attach(0, 2);
    devices.talk();
    assert_eq!(devices.held(1, &photo), 2);
    assert!(devices.moved - moved < films[0].size / 2, "what was asked for before may still come");
    assert!(devices.stores[1].fetching.from.is_empty());
}

#[test]
fn who_heals_waits_for_an_epoch_to_write_under() {
    let mut devices = Devices::new(3);
    devices.connect([0, 1]);
    devices.talk();
    devices.disconnect([0, 1]);
    let ends = [0, 1, 2].map(|end| devices.stores[end].device());
    // A change comes without its commit, and a revocation without the epoch that follows it.
    let (item, _) = devices.attach(0, 1);
    let (_, location) = devices.stores[0].state().document(&item).next().unwrap();
    let change = devices.stores[0].replica.read(location).unwrap();
    devices.stores[0].revoke(&ends[2].to_string(), &[], None).unwrap();
    let revocation = devices.stores[0].state().log().in_order().last().copied().cloned().unwrap();
    let healing = &mut devices.stores[1];
    healing.begin_healing().unwrap();
    healing.replica.ingest(&ends[0], &[change]).unwrap();
    healing.write_statement(Payload::Operation(revocation)).unwrap();
    let frontier = Frontier::of(healing.state());
    healing.note_frontier(ends[0], frontier).unwrap();
    assert!(healing.check_whole().is_err(), "it cannot sign yet what waits");
    devices.connect([0, 1]);
    devices.talk();
    devices.stores[1].check_whole().unwrap();
}

#[test]
fn who_heals_waits_for_those_too_whom_a_thief_had_taken_out() {
    let mut devices = Devices::new(4);
    let [honest, healing, thief, other] = [0, 1, 2, 3];
    let ends = [0, 1, 2, 3].map(|end| devices.stores[end].device());
    for end in [healing, thief, other] {
        devices.connect([honest, end]);
    }
    devices.talk();
    [healing, thief, other].into_iter().for_each(|end| devices.disconnect([honest, end]));
    devices.stores[thief].revoke(&ends[honest].to_string(), &[], None).unwrap();
    for end in [healing, other] {
        devices.connect([end, thief]);
        devices.talk();
        devices.disconnect([end, thief]);
        assert!(devices.stores[end].state().log().has_ended(&ends[honest]));
    }
    devices.stores[healing].begin_healing().unwrap();
    devices.stores[other].revoke(&ends[thief].to_string(), &[ends[honest].to_string()], None).unwrap();
    let revocation = devices.stores[other].state().log().in_order().last().copied().cloned().unwrap();
    devices.stores[healing].write_statement(Payload::Operation(revocation)).unwrap();
    for pair in [[other, honest], [honest, healing]] {
        devices.connect(pair);
        devices.talk();
        devices.disconnect(pair);
    }
    devices.stores[healing].check_whole().unwrap();
}

#[test]
fn a_restored_device_tells_neither_items_nor_what_is_to_come() {
    let mut devices = Devices::new(2);
    let (item, film) = devices.attach(0, PIECES);
    devices.connect([0, 1]);
    devices.talk();
    let store = &mut devices.stores[1];
    store.set_flow(Flow::NoAttachments { asked_for: false });
    store.ask_for(item, &film.name).unwrap();
    let told = |store: &Store| {
        let status = store.status_json(false, &[], None);
        let coming = status["attachments"]["coming"].as_array().unwrap().len();
        (status["items"].clone(), status["spaces"][0]["items"].clone(), coming)
    };
    assert_eq!(told(store), (json!(1), json!(1), 1));
    store.begin_healing().unwrap();
    assert!(store.is_restored());
    assert_eq!(told(store), (json!(0), json!(0), 0));
}

#[test]
fn why_an_attachment_does_not_come_is_said() {
    let mut devices = Devices::new(2);
    let (item, film) = devices.attach(0, PIECES);
    devices.connect([0, 1]);
    devices.talk();
    devices.stores[1].set_flow(Flow::NoAttachments { asked_for: false });
    devices.stores[1].ask_for(item, &film.name).unwrap();
    devices.talk();
    assert_eq!(devices.told(1, &film), "budget-low");
    devices.stores[1].set_flow(Flow::Nothing(NotNow { reason: StopReason::Paused, until: None }));
    assert_eq!(devices.told(1, &film), "paused");
    devices.stores[1].set_flow(Flow::Everything);
    assert_eq!(devices.told(1, &film), "coming");
    let told = devices.stores[1].attachments_json();
    assert_eq!((&told["missing"], &told["to_come_bytes"]), (&1.into(), &film.size.into()));
    assert_eq!(told["coming"][0]["name"], *film.name);
    devices.talk();
    assert_eq!(devices.stores[1].attachments_json()["missing"], 0);
}

#[test]
fn nothing_is_awaited_from_a_device_that_was_taken_out() {
    let mut devices = Devices::new(3);
    devices.connect([0, 1]);
    devices.connect([1, 2]);
    devices.talk();
    devices.stores[0].revoke("device2", &[], None).unwrap();
    devices.stores[0].commit().unwrap();
    let (_, photo) = devices.attach(0, 2);
    // Whoever was taken out is asked first each time.
    while devices.say(0, 0) {
        devices.say(1, 0);
    }
    devices.talk();
    assert_eq!(devices.told(1, &photo), "whole");
}

fn waits(devices: &Devices, device: usize) -> Vec<(String, u64)> {
    let waiting = devices.stores[device].waiting_json(Goal::Synced, None);
    let told = |one: &Json| {
        (one["why"].as_str().unwrap().to_owned(), one["attachments_lacking"].as_u64().unwrap_or(0))
    };
    waiting.iter().map(told).collect()
}

#[test]
fn synced_means_small_attachments_too_whatever_large_ones_are_elsewhere() {
    let mut devices = Devices::new(2);
    devices.connect([0, 1]);
    devices.talk();
    assert_eq!(waits(&devices, 0), []);
    // One that nobody fetches does not hide what comes after it.
    let (film_item, film) = devices.attach(0, PIECES);
    let (photo_item, photo) = devices.attach(0, 2);
    let awaited = [("attachment-there".to_owned(), 1)];
    devices.talk_until(|devices| waits(devices, 0) == awaited);
    assert_eq!(waits(&devices, 0), awaited, "it knows of the photo, and has not said that it has it");
    let told = devices.stores[0].sync_json(Some(photo_item), None);
    assert_eq!((&told["have"], &told["why"]), (&1.into(), &"attachment-there".into()));
    assert_eq!(waits(&devices, 1), [("attachment".to_owned(), 0)]);
    assert_eq!(devices.stores[1].waiting_json(Goal::Synced, None)[0]["attachment"], *photo.name);
    assert_eq!(devices.stores[1].sync_json(Some(photo_item), None)["attachment"], *photo.name);
    devices.talk();
    assert_eq!([waits(&devices, 0), waits(&devices, 1)], [vec![], vec![]]);

    let store = &devices.stores[0];
    assert_eq!(store.sync_json(Some(photo_item), None)["state"], "everywhere");
    assert_eq!(store.sync_json(Some(film_item), None)["state"], "everywhere");
    let told = |store: &Store, item: DocumentId| {
        let mut json = store.item(item).unwrap();
        store.tell_whereabouts(item, &mut json);
        json["attachments"][0].clone()
    };
    assert_eq!(told(store, photo_item)["sync"]["state"], "everywhere");
    assert_eq!(told(store, film_item)["sync"]["state"], "only-here");
    let phone = store.devices_json().into_iter().find(|device| device["this"] == false).unwrap();
    assert_eq!(
        (&phone["state"], &phone["attachments_lacking"]["bytes"]),
        (&"agrees".into(), &film.size.into())
    );
    assert_eq!(store.attachments_json()["only_here"]["count"], 1);
    let elsewhere = told(&devices.stores[1], film_item);
    assert_eq!((&elsewhere["done"], &elsewhere["sync"]), (&0.into(), &Json::Null));

    devices.stores[1].ask_for(film_item, &film.name).unwrap();
    assert_eq!(waits(&devices, 1), [("attachment".to_owned(), 0)], "it was asked for");
    devices.talk();
    assert_eq!(devices.stores[0].attachments_json()["only_here"]["count"], 0);
    for store in &devices.stores {
        assert_eq!(told(store, film_item)["sync"]["have"], 2);
        assert_eq!(
            store.devices_json().iter().filter(|one| one["attachments_lacking"]["count"] == 0).count(),
            2
        );
    }
}

#[test]
fn what_was_changed_since_is_elsewhere_as_it_was() {
    let mut devices = Devices::new(2);
    devices.connect([0, 1]);
    let (item, _) = devices.attach(0, 1);
    devices.talk();
    let told = |devices: &Devices| {
        let sync = devices.stores[0].sync_json(Some(item), None);
        (sync["state"].as_str().unwrap().to_owned(), sync["earlier"].as_u64().unwrap())
    };
    assert_eq!(told(&devices), ("everywhere".to_owned(), 0));
    let title = [("title".to_owned(), json!("Fanfare"))].into();
    devices.stores[0].edit(item, &RawEdit { set: title, ..RawEdit::default() }).unwrap();
    assert_eq!(told(&devices), ("only-here".to_owned(), 1));
    devices.talk();
    assert_eq!(told(&devices), ("everywhere".to_owned(), 0));
    let (new, _) = devices.attach(0, 1);
    assert_eq!(devices.stores[0].sync_json(Some(new), None)["earlier"], 0);
}
