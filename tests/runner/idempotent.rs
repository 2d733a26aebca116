//! The same files again: on the same device, on the other, on both before they meet.

use std::path::Path;

use musette_tests::{
    linkedin, turns,
    world::{Device, World, await_same_list},
};
use serde_json::Value;

/// What a report counts, in this order: added, changed, kept, failed.
fn counts(report: &Value) -> [u64; 4] {
    ["added", "changed", "kept", "failed"].map(|name| report[name].as_u64().unwrap())
}

fn count(list: &Value) -> usize {
    list["items"].as_array().unwrap().len()
}

fn rows() -> Vec<String> {
    let row = |number: u32| {
        format!(
            "Given{number},Family{number},https://www.linkedin.com/in/p{number},,Firm,Role,0{} Sep 2016",
            number % 9 + 1
        )
    };
    (1..=30).map(row).collect()
}

#[test]
fn again_on_the_same_device_and_on_the_other_adds_nothing() {
    let _turn = turns::shared();
    let world = World::new();
    let export = world.file("export.zip", linkedin::export());
    let cards = linkedin::CARDS.map(|(name, text)| world.file(name, text));
    let mut files: Vec<&Path> = vec![&export];
    files.extend(cards.iter().map(std::path::PathBuf::as_path));
    let (laptop, phone, laptop_node, phone_node) = world.pair(|laptop| {
        assert_eq!(counts(&laptop.import(&files))[1..], [0, 0, 0]);
        let before = laptop.list();
        assert_eq!(counts(&laptop.import(&files)), [0; 4]);
        assert_eq!(laptop.list(), before);
    });
    let before = laptop.list();
    assert_eq!(counts(&phone.import(&files)), [0; 4]);
    assert_eq!(phone.list(), before);
    files.reverse();
    assert_eq!(counts(&laptop.import(&files)), [0; 4]);
    await_same_list(&laptop_node, &phone_node);
    assert_eq!(laptop.list(), before);
    laptop_node.stop();
    phone_node.stop();
}

#[test]
fn on_both_before_they_meet_gives_each_item_once() {
    let _turn = turns::shared();
    let world = World::new();
    let (laptop, phone, laptop_node, phone_node) = world.pair(|_| ());
    laptop_node.stop();
    phone_node.stop();
    let export = world.file("export.zip", linkedin::export());
    let card = world.file("card.vcf", linkedin::CARDS[1].1);
    let added = counts(&laptop.import(&[&export, &card]))[0];
    // The same rows, but not the same batch.
    assert_eq!(counts(&phone.import(&[&card]))[0], 1);
    assert_eq!(counts(&phone.import(&[&export]))[0], added - 1);
    let (laptop_node, phone_node) = (laptop.up(), phone.up());
    laptop_node.await_agreement("phone");
    phone_node.await_agreement("laptop");
    let items = await_same_list(&laptop_node, &phone_node);
    assert_eq!(items.len() as u64, added);
    assert!(items.iter().all(|item| item.get("conflicts").is_none()), "{items:?}");
    for device in [&laptop, &phone] {
        assert_eq!(counts(&device.import(&[&export, &card])), [0; 4]);
        assert_eq!(count(&device.list()) as u64, added);
    }
    laptop_node.stop();
    phone_node.stop();
}

#[test]
fn two_versions_of_a_row_on_two_devices_merge_to_one_item() {
    let _turn = turns::shared();
    let world = World::new();
    let (laptop, phone, laptop_node, phone_node) = world.pair(|_| ());
    laptop_node.stop();
    phone_node.stop();
    let mut rows = rows();
    laptop.import(&[&world.file("Connections.csv", linkedin::connections(&rows))]);
    rows[4] = rows[4].replace(",Firm,", ",Another firm,");
    phone.import(&[&world.file("Connections.csv", linkedin::connections(&rows))]);
    let (laptop_node, phone_node) = (laptop.up(), phone.up());
    laptop_node.await_agreement("phone");
    phone_node.await_agreement("laptop");
    let items = await_same_list(&laptop_node, &phone_node);
    assert_eq!(items.len(), rows.len());
    let conflicting: Vec<_> = items.iter().filter(|item| item.get("conflicts").is_some()).collect();
    assert_eq!(conflicting.len(), 1, "{conflicting:?}");
    assert_eq!(conflicting[0]["conflicts"]["organisation"], serde_json::json!(["Another firm", "Firm"]));
    laptop_node.stop();
    phone_node.stop();
}

#[test]
fn a_later_export_brings_what_is_new_and_leaves_what_was_edited() {
    let _turn = turns::shared();
    let world = World::new();
    let laptop = world.first_device("laptop");
    let mut rows = rows();
    let first = world.file("Connections.csv", linkedin::connections(&rows));
    assert_eq!(counts(&laptop.import(&[&first])), [30, 0, 0, 0]);
    let id = find(&laptop, "Given3 Family3");
    laptop.run(&["edit", &id, "role=Amie", "circles=proches"]).ok();

    rows.reverse();
    rows[0] = rows[0].replace(",Role,", ",Directrice,");
    rows.push("Neuve,Venue,https://www.linkedin.com/in/neuve,,Firm,Role,01 Oct 2026".to_owned());
    let later = world.file("Connections (1).csv", linkedin::connections(&rows));
    let planned = laptop.json(&["import", "--dry-run", later.to_str().unwrap()]);
    assert_eq!(counts(&planned), [1, 1, 0, 0]);
    assert_eq!(count(&laptop.list()), 30, "a dry run changes nothing");
    let report = laptop.import(&[&later]);
    assert_eq!(counts(&report), [1, 1, 0, 0], "{report}");
    let edited = laptop.json(&["show", &id]);
    assert_eq!(edited["fields"]["role"], "Amie");
    assert_eq!(edited["fields"]["circles"], serde_json::json!(["proches"]));
    assert_eq!(laptop.json(&["show", &find(&laptop, "Given30 Family30")])["fields"]["role"], "Directrice");

    // The source now disagrees with the hand: the hand wins, and the report says so.
    let position = rows.iter().position(|row| row.starts_with("Given3,")).unwrap();
    rows[position] = rows[position].replace(",Role,", ",Cheffe,");
    let report = laptop.import(&[&world.file("c.csv", linkedin::connections(&rows))]);
    assert_eq!(counts(&report), [0, 0, 1, 0], "{report}");
    assert_eq!(laptop.json(&["show", &id])["fields"]["role"], "Amie");
}

#[test]
fn a_batch_is_undone_whole_and_comes_back_with_its_file() {
    let _turn = turns::shared();
    let world = World::new();
    let laptop = world.first_device("laptop");
    let note = laptop.add(&["note", "title=Mine"]);
    let export = world.file("export.zip", linkedin::export());
    let report = laptop.import(&[&export]);
    let (batch, full) = (report["batch"].as_str().unwrap().to_owned(), laptop.list());
    let edited = find(&laptop, "Zoé Ferrand");
    laptop.run(&["edit", &edited, "role=Amie"]).ok();
    let undone = laptop.json(&["import", "undo", &batch]);
    assert_eq!(undone["removed"].as_u64().unwrap(), report["added"].as_u64().unwrap() - 1);
    assert_eq!(undone["kept"], 1);
    let left = laptop.list();
    let ids: Vec<&str> =
        left["items"].as_array().unwrap().iter().filter_map(|item| item["id"].as_str()).collect();
    assert_eq!(ids.len(), 2);
    assert!(ids.contains(&note.as_str()) && ids.contains(&edited.as_str()));
    assert_eq!(laptop.json(&["import", "list"])["batches"][0]["undone"], true);

    laptop.import(&[&export]);
    let again = laptop.list();
    assert_eq!(count(&again), count(&full));
    laptop.run(&["edit", &edited, "role=Médiatrice"]).ok();
    assert_eq!(laptop.list(), full, "as before, but for the edit that was taken back by hand");
    laptop.refuses(&["import", "undo", "aaaaaaaaaa"], 1, "not-found");
}

fn find(device: &Device, name: &str) -> String {
    let list = device.json(&["list", "contact"]);
    let items = list["items"].as_array().unwrap();
    let found = items.iter().find(|item| item["fields"]["name"] == name);
    found.unwrap_or_else(|| panic!("no {name}"))["id"].as_str().unwrap().to_owned()
}
