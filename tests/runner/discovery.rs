//! Devices on one network find each other although no address is right any more.

use musette_tests::{
    need,
    netns::Cable,
    turns,
    wait::{PATIENCE, until},
    world::{World, await_same_list},
};

#[test]
fn two_devices_on_a_network_find_each_other_at_new_ports() {
    if !need::privileges(&["ip"]) {
        return;
    }
    let _turn = turns::shared();
    let world = World::new();
    let cable = Cable::new();
    let laptop = world.device("laptop").in_namespace(&cable.ends[0]);
    let phone = world.device("phone").in_namespace(&cable.ends[1]);
    laptop.init();
    laptop.add(&["note", "title=Before"]);
    let node = laptop.up_with(&["--listen", &cable.listen(0, 4101)]);
    let ticket = laptop.ticket(&["--yes"]);
    phone
        .run(&["device", "join", &ticket, "--device", "phone", "--yes", "--listen", &cable.listen(1, 4102)])
        .ok();
    node.stop();

    // Whatever they noted of each other is now wrong.
    let laptop_node = laptop.up_with(&["--listen", &cable.listen(0, 4201)]);
    let phone_node = phone.up_with(&["--listen", &cable.listen(1, 4202)]);
    laptop_node.await_agreement("phone");
    phone_node.await_agreement("laptop");
    phone.run(&["add", "note", "title=After"]).ok();
    let items = await_same_list(&laptop_node, &phone_node);
    until(PATIENCE, "both notes", || (items.len() == 2 || laptop_node.api.items().len() == 2).then_some(()));
    for node in [&laptop_node, &phone_node] {
        let status = node.api.get("/v1/status");
        assert_eq!(status["sync"]["of"], 2, "{status}");
    }
    laptop_node.stop();
    phone_node.stop();
}
