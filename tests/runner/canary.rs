//! Nothing that a person wrote is found on a disk, in a log or on a cable.

use std::{fs, path::Path};

use musette_tests::{
    need,
    netns::Cable,
    process::Node,
    search::Needle,
    turns,
    wait::{PATIENCE, until},
    world::{Device, LOOPBACK, World, await_same_list},
};

const QUIC: &str = "/udp/0/quic-v1";

/// Something that no other file holds by accident.
pub(crate) fn canary(world: &World) -> String {
    // The name of a temporary folder is random.
    let seed = blake3::hash(world.path().as_os_str().as_encoded_bytes()).to_hex();
    format!("Kanarienvogel{}", &seed[..16])
}

/// Plants the canary wherever a person can write.
pub(crate) fn plant(world: &World, laptop: &Device, canary: &str) {
    let note = laptop.add(&[
        "note",
        &format!("title=About {canary}"),
        &format!("text=A song of {canary}, twice {canary}"),
    ]);
    laptop.add(&[
        "contact",
        &format!("name={canary} Serin"),
        &format!("emails={canary}@example.org"),
        &format!("tags={canary}"),
    ]);
    laptop.run(&["edit", &note, &format!("text=Now sung by {canary}")]).ok();
    let file = world.file(&format!("{canary}.txt"), format!("{canary}\n").repeat(20_000));
    laptop.run(&["attach", &note, file.to_str().unwrap()]).ok();
    let card = format!("BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{canary}\r\nFN:{canary}\r\nEND:VCARD\r\n");
    let card = world.file(&format!("{canary}.vcf"), card);
    laptop.run(&["import", card.to_str().unwrap()]).ok();
}

/// Searches devices and files, which must be clean, and shows that the same search finds it.
fn search(canary: &str, places: &[&Path]) {
    let needle = Needle::new(canary);
    for place in places {
        let found = needle.find_below(place);
        assert!(found.is_empty(), "found {found:?}");
    }
    let unsealed = places[0].join("unsealed");
    for (form, bytes) in needle.forms() {
        fs::write(&unsealed, [b"\x00\xff", bytes.as_slice(), b"\x00"].concat()).unwrap();
        let found = needle.find_below(places[0]);
        assert!(found.contains(&(unsealed.clone(), form.clone())), "{form} is not found where it is");
    }
    fs::remove_file(&unsealed).unwrap();
}

/// Uses both devices as a person would, with the canary in everything.
fn live(world: &World, laptop: &Device, phone: &Device, canary: &str, listen: [&[&str]; 2]) {
    laptop.init();
    // Once without a node, once through it.
    plant(world, laptop, canary);
    let laptop_node = laptop.up_with(listen[0]);
    let ticket = laptop.ticket(&["--yes"]);
    let join = ["device", "join", &ticket, "--device", "phone", "--yes"];
    phone.run(&[&join[..], listen[1]].concat()).ok();
    let phone_node = phone.up_with(listen[1]);
    plant(world, laptop, canary);
    let items = await_same_list(&laptop_node, &phone_node);
    assert_eq!(items.len(), 5, "two notes, two contacts, one card");
    read_everywhere(world, phone, &phone_node, canary);
    edit_on_both(&laptop_node, &phone_node, canary);
    laptop_node.stop();
    phone_node.stop();
}

fn read_everywhere(world: &World, phone: &Device, node: &Node, canary: &str) {
    for item in node.api.items().iter().filter(|item| item["attachments"].is_array()) {
        let (id, copy) = (item["id"].as_str().unwrap(), world.path().join("files").join("copy"));
        until(PATIENCE, "the attachment arrives", || {
            let name = format!("{canary}.txt");
            let run = phone.run(&["extract", id, &name, "--to", copy.to_str().unwrap()]);
            (run.code == Some(0)).then_some(())
        });
        assert!(fs::read_to_string(&copy).unwrap().starts_with(canary));
        fs::remove_file(copy).unwrap();
        for command in ["show", "history"] {
            assert!(phone.run(&[command, id]).ok().stdout.contains(canary));
        }
    }
    for args in [&["list", "--all"][..], &["status"], &["import", "list"], &["doctor"]] {
        phone.run(args).ok();
    }
    phone.run(&["timeline"]).ok();
    // Errors speak of what was typed; logs must not.
    phone.start(&["--quiet", "show", "aaaaaaaa"]).wait(PATIENCE).exits(1);
}

/// A conflict: what it shows are contents too.
fn edit_on_both(laptop: &Node, phone: &Node, canary: &str) {
    let id = laptop.api.items()[0]["id"].as_str().unwrap().to_owned();
    for (node, word) in [(laptop, "one"), (phone, "other")] {
        let body = serde_json::json!({ "set": { "note": format!("{canary} {word}") } });
        node.api.call("PATCH", &format!("/v1/items/{id}"), Some(&body)).unwrap();
    }
    await_same_list(laptop, phone);
}

#[test]
fn the_canary_is_in_no_file_and_no_log() {
    let _turn = turns::shared();
    let world = World::new();
    let (laptop, phone) = (world.device("laptop").verbose(), world.device("phone").verbose());
    let canary = canary(&world);
    live(&world, &laptop, &phone, &canary, [&LOOPBACK, &LOOPBACK]);
    let log = fs::read_dir(laptop.root().join("logs")).unwrap().flatten();
    let logged: u64 = log.map(|entry| entry.metadata().unwrap().len()).sum();
    assert!(logged > 10_000, "the most verbose level says little: {logged} bytes");
    search(&canary, &[laptop.root(), phone.root()]);
}

#[test]
fn the_canary_is_in_no_packet() {
    if !need::privileges(&["ip", "tcpdump"]) {
        return;
    }
    let _turn = turns::shared();
    let world = World::new();
    let cable = Cable::new();
    let laptop = world.device("laptop").verbose().in_namespace(&cable.ends[0]);
    let phone = world.device("phone").verbose().in_namespace(&cable.ends[1]);
    let canary = canary(&world);
    let wire = world.path().join("wire");
    fs::create_dir(&wire).unwrap();
    let tap = cable.tap(&wire.join("packets.pcap"), laptop.new_log(&["tcpdump"]));
    let listen = cable.addresses.clone().map(|address| format!("/ip4/{address}{QUIC}"));
    let args = [["--listen", &listen[0]], ["--listen", &listen[1]]];
    live(&world, &laptop, &phone, &canary, [&args[0], &args[1]]);
    let packets = tap.stop();
    let captured = fs::metadata(&packets).unwrap().len();
    println!("captured {captured} bytes");
    assert!(captured > 1_200_000, "two attachments of 600 KB went over the cable, yet: {captured}");
    search(&canary, &[&wire, laptop.root(), phone.root()]);
}
