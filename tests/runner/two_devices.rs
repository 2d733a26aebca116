//! First light: one person, two devices, their real data.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use musette_tests::{
    linkedin, turns,
    wait::{until, until_seen},
    world::{Device, World, await_same_list},
};
use serde_json::Value;

/// From the end of `device join` to the same time-line.
const AFTER_JOINING: Duration = Duration::from_secs(5);
/// From both being back online to the same item.
const AFTER_RETURNING: Duration = Duration::from_secs(3);

/// Names of the files that items say they come from.
fn origins(list: &Value) -> BTreeSet<String> {
    let items = list["items"].as_array().into_iter().flatten();
    items.filter_map(|item| item["provenance"]["file"].as_str()).map(str::to_owned).collect()
}

fn import_everything(world: &World, laptop: &Device) {
    let mut files = vec![world.file("Basic_LinkedInDataExport_11-02-2026.zip", linkedin::export())];
    files.extend(linkedin::CARDS.map(|(name, text)| world.file(name, text)));
    let files: Vec<_> = files.iter().map(std::path::PathBuf::as_path).collect();
    let report = laptop.import(&files);
    assert_eq!((&report["failed"], &report["skipped"]), (&0.into(), &0.into()), "{report}");
    let origins = origins(&laptop.list());
    for (file, _) in linkedin::FILES.iter().chain(&linkedin::CARDS) {
        assert_eq!(origins.contains(*file), *file != "Ad_Targeting.csv", "{file}");
    }
}

fn position(laptop: &Device) -> String {
    let list = laptop.json(&["list", "activity"]);
    let items = list["items"].as_array().unwrap();
    let found = items.iter().find(|item| item["fields"]["organisation"] == "Leroy Merlin").unwrap();
    found["id"].as_str().unwrap().to_owned()
}

/// Waits, not long, until both show the same, as it is expected.
fn agree(one: &Device, other: &Device, id: &str, what: &str, is_expected: impl Fn(&Value) -> bool) -> Value {
    until_seen(AFTER_RETURNING, what, || {
        let (here, there) = (one.json(&["show", id]), other.json(&["show", id]));
        if here == there && is_expected(&here) { Ok(here) } else { Err(format!("{here}\n{there}")) }
    })
}

#[test]
fn they_agree_merge_and_offer_both_values_of_a_true_conflict() {
    let _turn = turns::alone();
    let world = World::new();
    let (laptop, phone) = (world.first_device("laptop"), world.device("phone"));
    import_everything(&world, &laptop);
    let laptop_node = laptop.up();
    phone.join(&laptop);

    let joined = Instant::now();
    let phone_node = phone.up();
    let timeline = until(AFTER_JOINING.saturating_sub(joined.elapsed()), "the same time-line", || {
        let (here, there) = (laptop.json(&["timeline"]), phone.json(&["timeline"]));
        (here == there).then_some(here)
    });
    println!("the same time-line {:?} after joining", joined.elapsed());
    assert!(timeline["entries"].as_array().is_some_and(|entries| entries.len() >= 8), "{timeline}");
    assert_eq!(laptop.list(), phone.list());

    laptop_node.stop();
    phone_node.stop();
    let id = position(&laptop);
    laptop.run(&["edit", &id, "description=Affiches", "role=Graphiste"]).ok();
    laptop.run(&["edit", &id, "place=Vaise"]).ok();
    phone.run(&["edit", &id, "hours=35"]).ok();
    phone.run(&["edit", &id, "place=Gerland"]).ok();

    let (laptop_node, phone_node) = (laptop.up(), phone.up());
    let returned = Instant::now();
    let item = agree(&laptop, &phone, &id, "merged on both", |item| item["conflicts"]["place"].is_array());
    println!("merged {:?} after both were back", returned.elapsed());
    assert_eq!(item["conflicts"], serde_json::json!({ "place": ["Gerland", "Vaise"] }));
    assert_eq!((&item["fields"]["description"], &item["fields"]["hours"]), (&"Affiches".into(), &35.into()));
    for device in [&laptop, &phone] {
        let shown = device.run(&["show", &id]).ok().stdout;
        assert!(shown.contains("Gerland") && shown.contains("Vaise"), "{shown}");
    }

    phone.run(&["resolve", &id, "place=Vaise"]).ok();
    let settled = agree(&laptop, &phone, &id, "settled on both", |item| item.get("conflicts").is_none());
    assert_eq!(settled["fields"]["place"], "Vaise");
    await_same_list(&laptop_node, &phone_node);
    laptop_node.stop();
    phone_node.stop();
}

#[test]
fn a_change_travels_live_in_both_directions_with_its_attachment() {
    let _turn = turns::shared();
    let world = World::new();
    let (laptop, phone, laptop_node, phone_node) = world.pair(|_| ());
    let id = laptop.add(&["note", "title=Plan"]);
    until(Duration::from_secs(20), "the note arrives", || {
        phone_node.api.items().iter().any(|item| item["id"] == *id).then_some(())
    });
    let content: Vec<u8> = (0..700_000_u32).flat_map(|number| number.to_le_bytes()).collect();
    let file = world.file("plan.pdf", &content);
    phone.run(&["attach", &id, file.to_str().unwrap()]).ok();
    await_same_list(&laptop_node, &phone_node);
    let copy = world.path().join("copy.pdf");
    until(Duration::from_secs(20), "the attachment arrives", || {
        let run = laptop.run(&["extract", &id, "plan.pdf", "--to", copy.to_str().unwrap()]);
        (run.code == Some(0)).then_some(())
    });
    assert!(std::fs::read(copy).unwrap() == content, "not the same bytes");
    let shown = laptop.json(&["show", &id]);
    assert_eq!(shown["attachments"][0]["media_type"], "application/pdf");
    laptop_node.stop();
    phone_node.stop();
}
