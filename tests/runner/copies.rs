//! Two copies of one home, both in use.

use musette_tests::{
    need,
    netns::Cable,
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
