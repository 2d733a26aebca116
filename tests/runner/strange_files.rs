//! Files that are not what they seem, and real ones.

use std::io::{self, Cursor, Read as _, Write as _};

use musette_tests::{
    linkedin, need, turns,
    world::{Device, World},
};
use serde_json::Value;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

fn count(device: &Device) -> usize {
    device.list()["items"].as_array().unwrap().len()
}

fn reasons(report: &Value) -> Vec<&str> {
    report["rows"].as_array().into_iter().flatten().filter_map(|row| row["reason"].as_str()).collect()
}

#[test]
fn a_truncated_archive_is_refused_whole() {
    let _turn = turns::shared();
    let world = World::new();
    let laptop = world.first_device("laptop");
    let whole = linkedin::export();
    for part in [whole.len() - 1, whole.len() / 2, 30, 4] {
        let file = world.file("export.zip", &whole[..part]);
        laptop.refuses(&["import", file.to_str().unwrap()], 1, "archive-damaged");
    }
    assert_eq!(count(&laptop), 0);
    let file = world.file("export.zip", whole);
    laptop.import(&[&file]);
    assert!(count(&laptop) > 10);
}

#[test]
fn foreign_files_are_refused_by_what_they_are() {
    let _turn = turns::shared();
    let world = World::new();
    let laptop = world.first_device("laptop");
    let refuses = |name: &str, bytes: &[u8], args: &[&str], code: &str| {
        let file = world.file(name, bytes);
        let line: Vec<&str> = [&["import", file.to_str().unwrap()], args].concat();
        let told = laptop.run(&[&["--json"], &line[..]].concat()).exits(1).json();
        assert_eq!(told["error"]["code"], code, "{name} {args:?}: {told}");
        assert!(!laptop.run(&line).exits(1).stderr.is_empty());
    };
    let photos = linkedin::archive(&[("photo.jpg", "not a picture"), ("readme.txt", "hello")]);
    refuses("photos.zip", &photos, &["--as", "linkedin"], "archive-foreign");
    refuses("photos.zip", &photos, &[], "unknown-format");
    refuses("holiday.jpg", b"\xff\xd8\xff\xe0 something", &[], "unknown-format");
    refuses("holiday.jpg", b"\xff\xd8\xff\xe0 something", &["--as", "vcard"], "not-vcard");
    refuses("budget.csv", b"dateOp;dateVal;label\n1;2;3\n", &["--as", "linkedin"], "not-linkedin");
    refuses("x.csv", b"a,b\n", &["--as", "spreadsheet"], "unknown-format");
    refuses("empty.csv", b"", &["--as", "linkedin"], "source-empty");
    let missing = world.path().join("nothing.zip");
    laptop.refuses(&["import", missing.to_str().unwrap()], 1, "file-unreadable");
    laptop.refuses(&["import", world.path().to_str().unwrap()], 1, "not-a-file");
    assert_eq!(count(&laptop), 0);
    let id = laptop.add(&["note", "title=Here"]);
    laptop.refuses(&["attach", &id, missing.to_str().unwrap()], 1, "file-unreadable");
    laptop.refuses(&["attach", &id, world.path().to_str().unwrap()], 1, "not-a-file");
}

#[test]
fn another_charset_gives_the_same_letters() {
    let _turn = turns::shared();
    let world = World::new();
    let text = "First Name,Last Name,URL,Email Address,Company,Position,Connected On\n\
                Zoé,Lefèvre,https://www.linkedin.com/in/zoe,,Forêt & Œuvre,Élagueuse,12 Jan 2018\n";
    let windows: Vec<u8> = text
        .chars()
        .map(|letter| match letter {
            'Œ' => 0x8c,
            other => u8::try_from(u32::from(other)).unwrap(),
        })
        .collect();
    let utf16: Vec<u8> = [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let with_bom = [b"\xef\xbb\xbf", text.as_bytes()].concat();
    let mac_lines = text.replace('\n', "\r\n").into_bytes();
    for (number, bytes) in [windows, utf16, with_bom, mac_lines].into_iter().enumerate() {
        let device = world.first_device(&format!("laptop{number}"));
        device.import(&[&world.file("Connections.csv", bytes)]);
        let list = device.list();
        assert_eq!(list["items"][0]["fields"]["name"], "Zoé Lefèvre", "{number}");
        assert_eq!(list["items"][0]["fields"]["organisation"], "Forêt & Œuvre", "{number}");
    }
}

#[test]
fn bad_rows_are_reported_and_the_others_land() {
    let _turn = turns::shared();
    let world = World::new();
    let laptop = world.first_device("laptop");
    let rows = [
        "Nadia,Benali,https://www.linkedin.com/in/nadia-b,,Atelier 9,Sérigraphe,05 Sep 2016",
        "too,few",
        "Zoé,Ferrand,https://www.linkedin.com/in/zoe-f,,Ville,Médiatrice,12 Jan 2018",
    ];
    let file = world.file("Connections.csv", linkedin::connections(&rows.map(str::to_owned)));
    let run = laptop.run(&["--json", "import", file.to_str().unwrap()]).exits(3);
    let report = run.json();
    assert_eq!((&report["added"], &report["failed"]), (&2.into(), &1.into()));
    let row = &report["rows"][0];
    assert_eq!((&row["row"], &row["reason"]), (&3.into(), &"cell-count".into()), "{report}");
    let said = laptop.run(&["import", file.to_str().unwrap()]).exits(3);
    assert!(said.stdout.contains('3'), "{}", said.stdout);
}

#[test]
fn five_gigabytes_of_zeros_fill_neither_memory_nor_disk() {
    let _turn = turns::shared();
    let world = World::new();
    let laptop = world.first_device("laptop");
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options =
        SimpleFileOptions::default().compression_method(CompressionMethod::Deflated).large_file(true);
    archive.start_file("Skills.csv", options).unwrap();
    archive.write_all(b"Name\nDessin\n").unwrap();
    archive.start_file("Connections.csv", options.compression_level(Some(1))).unwrap();
    io::copy(&mut io::repeat(0).take(5 << 30), &mut archive).unwrap();
    let file = world.file("bomb.zip", archive.finish().unwrap().into_inner());
    println!("5 GB of zeros in {} bytes", std::fs::metadata(&file).unwrap().len());
    let line = ["--json", "import", file.to_str().unwrap()];
    // Two gigabytes of address space: a program that inflates it in memory ends there.
    let musette = laptop.command(&line);
    let mut limited = std::process::Command::new("sh");
    limited
        .args(["-c", "ulimit -v 2500000; exec \"$@\"", "sh"])
        .arg(musette.get_program())
        .args(musette.get_args());
    limited.env_clear();
    limited.envs(musette.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let before = laptop.journal_len();
    let run = musette_tests::process::Process::start(limited, laptop.new_log(&["import"]));
    let report = run.wait(std::time::Duration::from_secs(120)).exits(3).json();
    assert_eq!(report["added"], 1, "{report}");
    assert!(reasons(&report).contains(&"entry-too-large"), "{report}");
    assert!(laptop.journal_len() - before < 100_000);
    assert_eq!(count(&laptop), 1);
}

#[test]
fn real_exports_come_in() {
    let Some(samples) = need::samples() else { return };
    let _turn = turns::shared();
    let world = World::new();
    let laptop = world.first_device("laptop");
    let export = samples.join("linkedin").join("sample_export.zip");
    let report = laptop.run(&["--json", "import", export.to_str().unwrap()]);
    assert!(matches!(report.code, Some(0 | 3)), "{}", report.stderr);
    let report = report.json();
    println!("{} added, {} skipped, {} failed", report["added"], report["skipped"], report["failed"]);
    assert!(report["added"].as_u64().is_some_and(|added| added > 500), "{}", report["by_file"]);
    for card in
        ["John_Doe_GMAIL.vcf", "John_Doe_IPHONE.vcf", "John_Doe_MS_OUTLOOK.vcf", "rfc6350-example.vcf"]
    {
        let report = laptop.import(&[&samples.join("vcf").join(card)]);
        assert!(report["added"].as_u64().is_some_and(|added| added >= 1), "{card}: {report}");
        assert_eq!(report["failed"], 0, "{card}: {report}");
    }
    let before = count(&laptop);
    laptop.run(&["--json", "import", export.to_str().unwrap()]);
    assert_eq!(count(&laptop), before);
}
