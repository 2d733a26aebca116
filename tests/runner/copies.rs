//! Two copies of one home, both in use.

use musette_tests::{
    need,
    netns::Cable,
    process::Node,
    search::copy_below,
    turns,
    wait::{PATIENCE, until},
    world::{Device, World, await_same_list, codes},
};

#[test]
fn both_copies_of_a_home_go_on_as_two_devices_and_nothing_is_lost() {
    if !need::privileges(&["ip"]) {
        return;
    }
    let _turn = turns::shared();
    let world = World::new();
    let cable = Cable::new();
    let laptop = world.device("laptop").in_namespace(&cable.ends[0]);
    let [phone, copy] = ["phone", "copy"].map(|name| world.device(name).in_namespace(&cable.ends[1]));
    let up = |device: &Device, end: usize, port: u16| device.up_with(&["--listen", &cable.listen(end, port)]);
    laptop.init();
    laptop.add(&["note", "title=Before"]);
    let laptop_node = up(&laptop, 0, 4101);
    let (ticket, listen) = (laptop.ticket(&["--yes"]), cable.listen(1, 4102));
    phone.run(&["device", "join", &ticket, "--device", "phone", "--yes", "--listen", &listen]).ok();
    // What the phone is not known to have, a copy would commit anew.
    let phone_node = up(&phone, 1, 4102);
    laptop_node.await_agreement("phone");
    phone_node.stop();
    laptop_node.stop();
    copy_below(laptop.home(), copy.home());

    let shared = laptop.add(&["note", "title=From the original"]);
    let (laptop_node, phone_node) = (up(&laptop, 0, 4101), up(&phone, 1, 4102));
    until(PATIENCE, "the phone has it", || (phone_node.api.items().len() == 2).then_some(()));
    laptop_node.stop();
    let own = copy.add(&["note", "title=From the copy"]);
    let file = world.file("letter.txt", "what only the copy has");
    copy.run(&["attach", &own, file.to_str().unwrap()]).ok();
    let copy_node = up(&copy, 1, 4103);
    until(PATIENCE, "the fork is noticed", || {
        codes(&copy_node.api.get("/v1/status")["notices"]).contains(&"copied".to_owned()).then_some(())
    });
    until(PATIENCE, "it says so", || {
        let told = std::fs::read_to_string(copy_node.log()).unwrap();
        told.contains("musette device split").then_some(())
    });
    assert_eq!(phone_node.api.items().len(), 2);
    copy.refuses(&["device", "split", "attic"], 6, "home-in-use");
    copy_node.stop();

    let split = copy.json(&["device", "split", "attic"]);
    assert_eq!((&split["copied_from"], &split["changes"]), (&"laptop".into(), &3.into()), "{split}");
    assert_eq!(copy.list()["items"].as_array().unwrap().len(), 2);
    let copy_node = up(&copy, 1, 4103);
    let laptop_node = up(&laptop, 0, 4101);
    for node in [&laptop_node, &copy_node, &phone_node] {
        until(PATIENCE, "both items everywhere", || (node.api.items().len() == 3).then_some(()));
    }

    // Each goes on.
    laptop.json(&["edit", &shared, "title=From the original, since"]);
    copy.json(&["edit", &own, "title=From the copy, since"]);
    for node in [&laptop_node, &copy_node, &phone_node] {
        until(PATIENCE, "both edits everywhere", || {
            let since = |title: &&str| title.ends_with(", since");
            let items = node.api.items();
            (items.iter().filter_map(|item| item["title"].as_str()).filter(since).count() == 2).then_some(())
        });
    }
    phone_node.await_agreement("attic");
    phone_node.await_agreement("laptop");
    let letter = world.path().join("letter-back.txt");
    phone.run(&["extract", &own, "letter.txt", "--to", letter.to_str().unwrap()]).ok();
    assert_eq!(std::fs::read(letter).unwrap(), b"what only the copy has");
    for node in [laptop_node, copy_node, phone_node] {
        node.stop();
    }
    for device in [&laptop, &copy, &phone] {
        let status = device.json(&["status"]);
        assert_eq!(status["devices"].as_array().unwrap().len(), 3);
        assert!(!codes(&status["notices"]).contains(&"copied".to_owned()));
        assert!(
            device.json(&["doctor"])["checks"].as_array().unwrap().iter().all(|check| check["ok"] == true)
        );
    }
}

#[test]
fn two_copies_that_meet_without_a_third_device_notice_it() {
    if !need::privileges(&["ip"]) {
        return;
    }
    let _turn = turns::shared();
    let world = World::new();
    let cable = Cable::new();
    let laptop = world.device("laptop").in_namespace(&cable.ends[0]);
    let copy = world.device("copy").in_namespace(&cable.ends[1]);
    laptop.init();
    laptop.add(&["note", "title=Before"]);
    copy_below(laptop.home(), copy.home());
    copy.add(&["note", "title=From the copy"]);
    let laptop_node = laptop.up_with(&["--listen", &cable.listen(0, 4101)]);
    let copy_node = copy.up_with(&["--listen", &cable.listen(1, 4102)]);
    for node in [&laptop_node, &copy_node] {
        until(PATIENCE, "the copy is noticed", || {
            codes(&node.api.get("/v1/status")["notices"]).contains(&"copied".to_owned()).then_some(())
        });
    }
    copy_node.stop();
    copy.run(&["device", "split", "attic"]).ok();
    let copy_node = copy.up_with(&["--listen", &cable.listen(1, 4102)]);
    assert_eq!(await_same_list(&laptop_node, &copy_node).len(), 2);
    copy_node.stop();
    laptop_node.stop();
}

/// A laptop and a copy of its folder, a phone that was given what the laptop wrote since and a tablet that was
/// given what the copy did: each built on it.
struct Apart {
    world: World,
    cable: Cable,
    laptop: Device,
    copy: Device,
    phone: Device,
    tablet: Device,
    /// What the copy wrote, with an attachment.
    letter: String,
}

const LETTER: &[u8] = b"what only the copy has";

impl Apart {
    fn new() -> Self {
        let (world, cable) = (World::new(), Cable::new());
        let [laptop, copy] = ["laptop", "copy"].map(|name| world.device(name).in_namespace(&cable.ends[0]));
        let [phone, tablet] = ["phone", "tablet"].map(|name| world.device(name).in_namespace(&cable.ends[1]));
        let mut apart = Self { world, cable, laptop, copy, phone, tablet, letter: String::new() };
        let Self { laptop, phone, tablet, copy, .. } = &apart;
        laptop.init();
        laptop.add(&["note", "title=Before"]);
        let laptop_node = apart.up(laptop);
        for (device, name) in [(phone, "phone"), (tablet, "tablet")] {
            let (ticket, listen) = (laptop.ticket(&["--yes"]), apart.listen(device));
            device.run(&["device", "join", &ticket, "--device", name, "--yes", "--listen", &listen]).ok();
        }
        let (phone_node, tablet_node) = (apart.up(phone), apart.up(tablet));
        for name in ["phone", "tablet"] {
            laptop_node.await_agreement(name);
        }
        phone_node.await_agreement("tablet");
        tablet_node.await_agreement("phone");
        tablet_node.stop();
        laptop_node.stop();
        copy_below(laptop.home(), copy.home());

        laptop.add(&["note", "title=From the original"]);
        let laptop_node = apart.up(laptop);
        await_count(&phone_node, 2);
        phone.add(&["note", "title=From the phone"]);
        await_count(&laptop_node, 3);
        laptop_node.stop();
        phone_node.stop();
        let tablet_node = apart.up(tablet);
        copy.add(&["note", "title=From the copy"]);
        let letter = copy.add(&["note", "title=From the copy, too"]);
        let file = apart.world.file("letter.txt", LETTER);
        copy.run(&["attach", &letter, file.to_str().unwrap()]).ok();
        let copy_node = apart.up(copy);
        await_count(&tablet_node, 3);
        tablet.run(&["fetch", &letter, "letter.txt"]).ok();
        tablet.add(&["note", "title=From the tablet"]);
        await_count(&copy_node, 4);
        copy_node.stop();
        tablet_node.stop();
        apart.letter = letter;
        apart
    }

    fn listen(&self, device: &Device) -> String {
        let all = [&self.laptop, &self.copy, &self.phone, &self.tablet];
        let place = all.iter().position(|one| one.home() == device.home()).unwrap();
        self.cable.listen(place / 2, 4101 + u16::try_from(place).unwrap())
    }

    fn up(&self, device: &Device) -> Node {
        device.up_with(&["--listen", &self.listen(device)])
    }

    /// The phone and the tablet meet, and tell.
    fn meet(&self) -> (Node, Node) {
        let nodes = (self.up(&self.phone), self.up(&self.tablet));
        for node in [&nodes.0, &nodes.1] {
            until(PATIENCE, "it is told that the two were given different histories", || {
                let notices = node.api.get("/v1/status")["notices"].clone();
                let parted = notices.as_array()?.iter().find(|notice| notice["code"] == "parted")?.clone();
                (parted["args"]["whose"] == "laptop").then_some(())
            });
        }
        nodes
    }

    /// The letter is whole on this device.
    fn check_letter(&self, device: &Device) {
        let back = self.world.path().join("back.txt");
        device.run(&["fetch", &self.letter, "letter.txt"]).ok();
        device.run(&["extract", &self.letter, "letter.txt", "--to", back.to_str().unwrap()]).ok();
        assert_eq!(std::fs::read(back).unwrap(), LETTER);
    }
}

fn await_count(node: &Node, count: usize) {
    until(PATIENCE, "the items arrive", || (node.api.items().len() == count).then_some(()));
}

fn assert_nothing_is_told(node: &Node) {
    let told = codes(&node.api.get("/v1/status")["notices"]);
    assert!(
        ["parted", "copied", "quarantine"].iter().all(|code| !told.contains(&(*code).to_owned())),
        "{told:?}"
    );
}

#[test]
fn devices_that_were_given_different_histories_of_a_third_one_come_together_again() {
    if !need::privileges(&["ip"]) {
        return;
    }
    let _turn = turns::shared();
    let apart = Apart::new();
    let Apart { laptop, copy, phone, tablet, .. } = &apart;
    let (phone_node, tablet_node) = apart.meet();
    tablet_node.stop();
    let split = tablet.json(&["device", "split", "slate"]);
    assert_eq!((&split["copied_from"], &split["parted"]), (&"tablet".into(), &true.into()), "{split}");
    assert_eq!(tablet.list()["items"].as_array().unwrap().len(), 4, "nothing is lost");
    let slate_node = apart.up(tablet);
    assert_eq!(await_same_list(&phone_node, &slate_node).len(), 6);
    apart.check_letter(phone);

    // So does the copy, and what the device was that is none any more can be taken out.
    let copy_node = apart.up(copy);
    until(PATIENCE, "the copy is told", || {
        codes(&copy_node.api.get("/v1/status")["notices"]).contains(&"copied".to_owned()).then_some(())
    });
    copy_node.stop();
    copy.run(&["device", "split", "attic"]).ok();
    let (copy_node, laptop_node) = (apart.up(copy), apart.up(laptop));
    tablet.run(&["device", "revoke", "tablet", "--yes"]).ok();
    for node in [&copy_node, &laptop_node, &slate_node] {
        assert_eq!(await_same_list(&phone_node, node).len(), 6);
    }
    for (node, name) in [(&phone_node, "slate"), (&slate_node, "laptop"), (&laptop_node, "attic")] {
        node.await_agreement(name);
    }
    for node in [phone_node, slate_node, copy_node, laptop_node] {
        assert_nothing_is_told(&node);
        node.stop();
    }
}

#[test]
fn a_thief_who_gives_each_device_another_history_keeps_them_apart_no_longer_than_wanted() {
    if !need::privileges(&["ip"]) {
        return;
    }
    let _turn = turns::shared();
    let apart = Apart::new();
    let Apart { copy, phone, tablet, .. } = &apart;
    let (phone_node, tablet_node) = apart.meet();
    phone.run(&["device", "revoke", "laptop", "--yes"]).ok();
    phone_node.stop();
    phone.run(&["device", "split", "pocket"]).ok();
    assert_eq!(phone.list()["items"].as_array().unwrap().len(), 3, "nothing is lost");
    let pocket_node = apart.up(phone);
    assert_eq!(await_same_list(&pocket_node, &tablet_node).len(), 6);
    apart.check_letter(phone);

    copy.add(&["note", "title=Too late"]);
    let copy_node = apart.up(copy);
    until(PATIENCE, "the stolen device is told", || {
        codes(&copy_node.api.get("/v1/status")["notices"])
            .contains(&"device-revoked".to_owned())
            .then_some(())
    });
    phone.add(&["note", "title=Since"]);
    assert_eq!(await_same_list(&pocket_node, &tablet_node).len(), 7);
    pocket_node.await_agreement("tablet");
    tablet_node.await_agreement("pocket");
    for node in [pocket_node, tablet_node] {
        assert_nothing_is_told(&node);
        node.stop();
    }
    assert_eq!(copy_node.api.items().len(), 5, "it was given nothing");
    copy_node.stop();
    assert_eq!(tablet.list()["items"].as_array().unwrap().len(), 7);
}
