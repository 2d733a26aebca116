//! French is a first language, and programs see no difference.

use musette_tests::{linkedin, turns, world::World};

#[test]
fn french_has_its_accents_and_the_same_json() {
    let _turn = turns::shared();
    let world = World::new();
    let laptop = world.first_device("laptop");
    let export = world.file("export.zip", linkedin::export());
    laptop.import(&[&export]);
    for args in [&["list", "--all"][..], &["timeline"], &["status"], &["import", "list"], &["doctor"]] {
        let (english, french) = (laptop.json(args), laptop.json(&[&["--lang", "fr"], args].concat()));
        assert_eq!(english, french, "{args:?}");
        let (english, french) = (laptop.run(args).ok(), laptop.run(&[&["--lang", "fr"], args].concat()).ok());
        if args != ["list", "--all"] && args != ["timeline"] {
            assert_ne!(english.stdout, french.stdout, "{args:?}");
        }
    }
    let said = laptop.run(&["--lang", "fr", "status"]).ok();
    assert!(said.stdout.contains('é'), "{}", said.stdout);
    let refused = laptop.run(&["--lang", "fr", "show", "aaaaaaaa"]).exits(1);
    assert!(
        refused.stderr.contains("Aucun identifiant") && refused.stderr.contains('«'),
        "{}",
        refused.stderr
    );
    assert!(laptop.run(&["--lang", "fr", "--help"]).ok().stdout.contains('é'));
    // A usage error, and with JSON: codes are English, messages are not.
    let told = laptop.run(&["--lang", "fr", "--json", "show", "aaaaaaaa"]).exits(1).json();
    assert_eq!(told["error"]["code"], "not-found");
    assert!(refused.stderr.contains(told["error"]["message"].as_str().unwrap()));
    laptop.run(&["--lang", "fr", "montre"]).exits(2);
    laptop.run(&["--lang", "xx", "list"]).exits(2);
}
