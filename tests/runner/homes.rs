//! Homes that cannot be opened, or not now.

use std::fs;

use musette_tests::{
    process::Process,
    turns,
    wait::{PATIENCE, until},
    world::{LOOPBACK, World},
};

#[test]
fn a_wrong_passphrase_opens_nothing_and_changes_nothing() {
    let _turn = turns::shared();
    let world = World::new();
    let laptop = world.device("laptop");
    let right = world.file("right", "correct horse\n");
    let wrong = world.file("wrong", "incorrect horse\n");
    let (right, wrong) = (right.to_str().unwrap(), wrong.to_str().unwrap());
    laptop.run(&["init", "--name", "E", "--device", "laptop", "--passphrase-file", right]).ok();
    let id = laptop.json(&["--passphrase-file", right, "add", "note", "title=Mine"])["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(!laptop.home().join("key").exists());
    let vault = fs::read(laptop.home().join("vault")).unwrap();
    laptop.refuses(&["--passphrase-file", wrong, "list"], 4, "wrong-passphrase");
    laptop.refuses(&["--passphrase-file", wrong, "up"], 4, "wrong-passphrase");
    laptop.refuses(&["list"], 4, "passphrase-needed");
    laptop.refuses(&["up"], 4, "passphrase-needed");
    assert!(fs::read(laptop.home().join("vault")).unwrap() == vault);
    let node = laptop.up_with(&[&["--passphrase-file", right], &LOOPBACK[..]].concat());
    // The running node is open already.
    assert_eq!(laptop.json(&["show", &id])["fields"]["title"], "Mine");
    node.stop();
}

#[test]
fn a_passphrase_is_changed_by_who_knows_it_and_a_key_file_goes_with_it() {
    let _turn = turns::shared();
    let world = World::new();
    let laptop = world.first_device("laptop");
    let id = laptop.add(&["note", "title=Mine"]);
    let shows = |args: &[&str]| laptop.json(&[args, &["show", &id]].concat())["fields"]["title"] == "Mine";
    let file = |name: &str, line: &str| world.file(name, line).to_str().unwrap().to_owned();
    let (one, two) = (file("one", "first\n"), file("two", "second\n"));
    laptop.refuses(&["passphrase", "--no-passphrase"], 1, "already-key-file");
    laptop.refuses(&["passphrase"], 2, "usage");
    laptop.run(&["passphrase", "--new", &one]).ok();
    assert!(!laptop.home().join("key").exists());
    laptop.refuses(&["list"], 4, "passphrase-needed");
    assert!(shows(&["--passphrase-file", &one]));

    let node = laptop.up_with(&[&["--passphrase-file", &one], &LOOPBACK[..]].concat());
    laptop.refuses(&["--passphrase-file", &two, "passphrase", "--new", &two], 4, "wrong-passphrase");
    laptop.run(&["--passphrase-file", &one, "passphrase", "--new", &two]).ok();
    assert!(shows(&[]), "the node goes on");
    node.stop();
    laptop.refuses(&["--passphrase-file", &one, "list"], 4, "wrong-passphrase");
    assert!(shows(&["--passphrase-file", &two]));
    laptop.run(&["--passphrase-file", &two, "passphrase", "--no-passphrase"]).ok();
    assert!(shows(&[]));
}

#[test]
fn a_home_from_a_newer_version_is_left_alone() {
    let _turn = turns::shared();
    let world = World::new();
    let laptop = world.first_device("laptop");
    let id = laptop.add(&["note", "title=Mine"]);
    let path = laptop.home().join("musette.json");
    let text = fs::read_to_string(&path).unwrap();
    let newer = text.replacen("\"format\": 1", "\"format\": 99", 1);
    assert_ne!(newer, text);
    fs::write(&path, &newer).unwrap();
    laptop.refuses(&["list"], 7, "home-newer");
    laptop.refuses(&["up"], 7, "home-newer");
    laptop.refuses(&["doctor", "--rebuild"], 7, "home-newer");
    assert_eq!(fs::read_to_string(&path).unwrap(), newer);
    fs::write(&path, text).unwrap();
    assert_eq!(laptop.json(&["show", &id])["fields"]["title"], "Mine");
}

#[test]
fn a_home_has_one_owner_at_a_time() {
    let _turn = turns::shared();
    let world = World::new();
    let laptop = world.first_device("laptop");
    let node = laptop.up();
    let up: Vec<&str> = [&["up"], &LOOPBACK[..]].concat();
    laptop.refuses(&up, 6, "node-running");
    // The refused one must not have taken the socket away.
    let id = laptop.add(&["note", "title=Mine"]);
    assert_eq!(node.api.items().len(), 1);
    laptop.refuses(&["init", "--name", "X", "--device", "x", "--no-passphrase"], 1, "home-exists");
    node.stop();
    assert_eq!(laptop.json(&["show", &id])["fields"]["title"], "Mine");
}

#[test]
fn a_node_is_found_from_another_session_and_its_home_is_never_opened_twice() {
    let _turn = turns::shared();
    let world = World::new();
    let laptop = world.first_device("laptop");
    // Whoever runs it has another runtime folder: over ssh, or from a timer.
    let node = laptop.up();
    let elsewhere = world.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let list = || {
        let mut command = laptop.command(&["--json", "list"]);
        command.env("XDG_RUNTIME_DIR", &elsewhere);
        Process::start(command, laptop.new_log(&["list"])).wait(PATIENCE)
    };
    assert_eq!(list().ok().json()["items"].as_array().map(Vec::len), Some(0));
    // Without the note of where the socket is, the node is not found; the lock is.
    fs::remove_file(laptop.home().join("socket")).unwrap();
    assert_eq!(list().exits(6).json()["error"]["code"], "home-in-use");
    node.stop();
    laptop.run(&["list"]).ok();
}

#[test]
fn no_home_is_said_with_what_to_do() {
    let _turn = turns::shared();
    let world = World::new();
    let nobody = world.device("nobody");
    for args in [&["list"][..], &["status"], &["doctor"], &["device", "invite"], &["import", "x.zip"]] {
        nobody.refuses(args, 1, "no-home");
    }
    assert!(!nobody.home().exists(), "asking makes no home");
    // Neither is one made where a file is, or below it.
    let file = world.path().join("file");
    fs::write(&file, "mine").unwrap();
    for home in [file.join("below"), file.clone()] {
        for command in ["status", "up", "init"] {
            let line = ["--home", home.to_str().unwrap(), command];
            nobody.refuses(&line, 1, "home-not-a-folder");
        }
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    // Without a terminal and without flags `up` works all the same, and says what it chose.
    let node = nobody.up();
    let said = node.stop().stderr;
    assert!(said.contains("recovery"), "{said}");
    assert_eq!(nobody.json(&["status"])["vault"], "key-file");
    assert_eq!(nobody.json(&["recovery", "show"])["words"].as_array().map(Vec::len), Some(24));
}

#[test]
fn a_damaged_vault_is_not_a_wrong_passphrase() {
    let _turn = turns::shared();
    let world = World::new();
    let laptop = world.first_device("laptop");
    laptop.add(&["note", "title=Mine"]);
    let path = laptop.home().join("vault");
    let sound = fs::read(&path).unwrap();
    for len in [0, 1, 8, 40, 87, sound.len() / 2, sound.len() - 1] {
        fs::write(&path, &sound[..len]).unwrap();
        laptop.refuses(&["list"], 7, "vault-damaged");
    }
    let mut flipped = sound.clone();
    flipped[sound.len() - 20] ^= 4;
    fs::write(&path, flipped).unwrap();
    laptop.refuses(&["up"], 7, "vault-damaged");
    fs::write(&path, &sound).unwrap();

    let key = laptop.home().join("key");
    let kept = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    laptop.refuses(&["list"], 7, "vault-damaged");
    fs::write(&key, kept).unwrap();
    assert_eq!(laptop.list()["items"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_damaged_configuration_names_the_line() {
    let _turn = turns::shared();
    let world = World::new();
    let laptop = world.first_device("laptop");
    let path = laptop.home().join("musette.json");
    fs::write(&path, "{\n  \"format\": 1,\n  \"listen\": [\n}\n").unwrap();
    laptop.refuses(&["list"], 1, "config-damaged");
    let said = laptop.run(&["list"]).exits(1).stderr;
    assert!(said.contains("line 4"), "{said}");
    fs::remove_file(path).unwrap();
    laptop.run(&["list"]).ok();
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    let _turn = turns::shared();
    let world = World::new();
    let laptop = world.first_device("laptop");
    laptop.refuses(&["add", "nonsense", "title=x"], 1, "unknown-kind");
    laptop.refuses(&["add", "note", "colour=x"], 1, "unknown-field");
    laptop.refuses(&["add", "note", "date=yesterday"], 1, "bad-date");
    laptop.refuses(&["show", "aaaaaaaa"], 1, "not-found");
    laptop.refuses(&["show", "aa"], 1, "id-too-short");
    laptop.run(&["add", "note"]).exits(2);
    laptop.run(&["add", "note", "title"]).exits(2);
    laptop.run(&["frobnicate"]).exits(2);
    laptop.run(&["up", "--listen", "nowhere"]).exits(2);
    assert_eq!(laptop.list()["items"].as_array().map(Vec::len), Some(0));
}

#[test]
fn a_bad_address_makes_no_home() {
    let _turn = turns::shared();
    let world = World::new();
    let laptop = world.device("laptop");
    laptop.refuses(&["up", "--listen", "nonsense"], 2, "bad-listen-address");
    assert!(!laptop.home().join("vault").exists());
}

#[test]
fn a_node_that_is_asked_to_stop_as_soon_as_it_answers_stops_in_good_order() {
    let _turn = turns::shared();
    let world = World::new();
    let laptop = world.first_device("laptop");
    for _ in 0..10 {
        laptop.up().stop();
    }
}

#[test]
fn a_node_waits_for_a_command_that_has_the_home_for_a_moment() {
    let _turn = turns::shared();
    let world = World::new();
    let laptop = world.first_device("laptop");
    let adding = laptop.start(&["add", "note", "title=Meanwhile"]);
    let node = laptop.up();
    adding.wait(PATIENCE).ok();
    assert_eq!(node.api.items().len(), 1);
    node.stop();
}

#[test]
fn a_folder_that_was_moved_under_a_node_stays_whole_and_so_does_what_took_its_place() {
    let _turn = turns::shared();
    let world = World::new();
    let laptop = world.first_device("laptop");
    laptop.add(&["note", "title=Moved"]);
    let mut node = laptop.up();
    let aside = world.path().join("aside");
    fs::rename(laptop.home(), &aside).unwrap();
    laptop.init();
    // It notices with the next thing that it has to do.
    node.api.call("GET", "/v1/status", None).unwrap_err();
    let ended = until(PATIENCE, "the node stops", || node.process().ended());
    assert_eq!(ended.code(), Some(1));
    laptop.add(&["note", "title=New"]);
    let moved = world.device("moved").with_home(&aside);
    for (device, title) in [(&laptop, "New"), (&moved, "Moved")] {
        let items = device.list()["items"].as_array().unwrap().clone();
        assert_eq!(items.iter().map(|item| item["title"].as_str().unwrap()).collect::<Vec<_>>(), [title]);
        let checks = device.json(&["doctor"])["checks"].clone();
        assert!(checks.as_array().unwrap().iter().all(|check| check["ok"] == true), "{checks}");
    }
}
