//! Whole sources, from bytes to rows.

use std::{
    collections::BTreeMap,
    io::{Cursor, Write},
    ops::ControlFlow,
    path::Path,
};

use proptest::prelude::*;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::{limits::*, *};
use crate::value::Value;

const LINKEDIN: &[(&str, &[u8])] = &[
    ("Profile.csv", include_bytes!("../../fixtures/linkedin/Profile.csv")),
    ("Positions.csv", include_bytes!("../../fixtures/linkedin/Positions.csv")),
    ("Education.csv", include_bytes!("../../fixtures/linkedin/Education.csv")),
    ("Certifications.csv", include_bytes!("../../fixtures/linkedin/Certifications.csv")),
    ("Skills.csv", include_bytes!("../../fixtures/linkedin/Skills.csv")),
    ("Languages.csv", include_bytes!("../../fixtures/linkedin/Languages.csv")),
    ("Projects.csv", include_bytes!("../../fixtures/linkedin/Projects.csv")),
    ("Publications.csv", include_bytes!("../../fixtures/linkedin/Publications.csv")),
    ("Connections.csv", include_bytes!("../../fixtures/linkedin/Connections.csv")),
    (
        "Endorsement_Received_Info.csv",
        include_bytes!("../../fixtures/linkedin/Endorsement_Received_Info.csv"),
    ),
    ("Recommendations_Received.csv", include_bytes!("../../fixtures/linkedin/Recommendations_Received.csv")),
];

const PHONE: &[u8] = include_bytes!("../../fixtures/vcf/phone-2.1.vcf");
const WINDOWS: &[u8] = include_bytes!("../../fixtures/vcf/windows-1252.vcf");
const APPLE: &[u8] = include_bytes!("../../fixtures/vcf/apple-groups.vcf");
const FOUR: &[u8] = include_bytes!("../../fixtures/vcf/four.vcf");

#[derive(Default)]
struct Outcome {
    rows: Vec<ImportedRow>,
    problems: Vec<RowProblem>,
    progress: u64,
}

impl Outcome {
    fn codes(&self) -> Vec<(&str, u64, &'static str)> {
        let codes = self.problems.iter();
        codes.map(|p| (p.file.as_str(), p.row, p.reason.code())).collect()
    }

    fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = self.rows.iter().map(|row| row.stable_key.clone()).collect();
        keys.sort();
        keys
    }

    fn by_kind(&self) -> BTreeMap<&str, usize> {
        let mut kinds = BTreeMap::new();
        for row in &self.rows {
            *kinds.entry(row.kind.name).or_default() += 1;
        }
        kinds
    }

    fn of(&self, file: &str) -> Vec<&ImportedRow> {
        self.rows.iter().filter(|row| row.file == file).collect()
    }
}

fn try_read(format: Format, name: &str, bytes: &[u8]) -> (Outcome, Result<(), ImportError>) {
    let mut outcome = Outcome::default();
    let result = read(format, name, &mut Cursor::new(bytes), &mut |event| {
        match event {
            Event::Row(row) => outcome.rows.push(row),
            Event::Problem(problem) => outcome.problems.push(problem),
            Event::Progress { .. } => outcome.progress += 1,
        }
        ControlFlow::Continue(())
    });
    (outcome, result)
}

fn linkedin(name: &str, bytes: impl AsRef<[u8]>) -> Outcome {
    let (outcome, result) = try_read(Format::LinkedIn, name, bytes.as_ref());
    result.expect("a readable source");
    outcome
}

fn vcard(bytes: impl AsRef<[u8]>) -> Outcome {
    let (outcome, result) = try_read(Format::VCard, "contacts.vcf", bytes.as_ref());
    result.expect("a readable source");
    outcome
}

fn refused(format: Format, name: &str, bytes: &[u8]) -> &'static str {
    let (outcome, result) = try_read(format, name, bytes);
    assert!(outcome.rows.is_empty());
    result.expect_err("a refusal").code()
}

fn archive(folder: &str, files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, bytes) in files {
        writer.start_file(format!("{folder}{name}"), options).expect("memory");
        writer.write_all(bytes).expect("memory");
    }
    writer.finish().expect("memory").into_inner()
}

fn detected(name: &str, bytes: &[u8]) -> Option<Format> {
    let mut source = Cursor::new(bytes);
    let format = Format::detect(name, &mut source);
    assert_eq!(source.position(), 0);
    format
}

fn field(row: &ImportedRow, name: &str) -> String {
    let value = row.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value);
    value.map(Value::to_text).unwrap_or_default()
}

fn fixture(name: &str) -> &'static [u8] {
    LINKEDIN.iter().find(|(file, _)| *file == name).map(|(_, bytes)| *bytes).expect("a fixture")
}

#[test]
fn an_archive_gives_items_from_every_mapped_file() {
    let bytes = archive("Complete_LinkedInDataExport_11-02-2026/", LINKEDIN);
    let outcome = linkedin("export.zip", &bytes);
    let expected = [
        ("achievement", 3),
        ("activity", 3),
        ("contact", 2),
        ("endorsement", 2),
        ("identity", 3),
        ("project", 1),
        ("publication", 1),
        ("skill", 4),
    ];
    assert_eq!(outcome.by_kind(), BTreeMap::from(expected));
    let problems = [
        ("Positions.csv", 5, "bad-date"),
        ("Connections.csv", 8, "nameless-contact"),
        ("Endorsement_Received_Info.csv", 3, "not-accepted"),
        ("Recommendations_Received.csv", 4, "not-visible"),
    ];
    assert_eq!(outcome.codes(), problems);
    assert!(outcome.problems.iter().all(|problem| !problem.fatal));
    assert!(outcome.progress >= LINKEDIN.len() as u64);
    for row in &outcome.rows {
        for (name, _) in &row.fields {
            assert!(row.kind.field(name).is_some(), "{}.{name}", row.kind.name);
        }
    }
}

#[test]
fn files_alone_give_what_the_archive_gives() {
    let whole = linkedin("export.zip", archive("Basic_LinkedInDataExport_11-02-2026/", LINKEDIN));
    let mut alone = Vec::new();
    for (name, bytes) in LINKEDIN {
        assert_eq!(detected(name, bytes), Some(Format::LinkedIn), "{name}");
        alone.extend(linkedin(&format!("/somewhere/{name}"), bytes).rows);
    }
    assert_eq!(alone, whole.rows);
}

#[test]
fn cells_reach_their_fields() {
    let outcome = linkedin("export.zip", archive("", LINKEDIN));
    let position = outcome.of("Positions.csv")[0];
    assert_eq!(field(position, "organisation"), "Leroy Merlin");
    assert_eq!(field(position, "role"), "Graphiste");
    assert_eq!(field(position, "from"), "2014-04");
    assert_eq!(field(position, "description"), "Signalétique du magasin.\nAffiches, \"kakémonos\".");
    assert_eq!(position.row, 2);
    assert_eq!(field(outcome.of("Positions.csv")[2], "note"), "Finished On: un jour");
    let profile = outcome.of("Profile.csv")[0];
    assert_eq!(field(profile, "name"), "Emilie Joly");
    assert_eq!(field(profile, "birth_date"), "1990-04-12");
    assert_eq!(field(profile, "urls"), "https://mygreendesign.example, https://joly.example");
    assert_eq!(field(profile, "messengers"), "@mygreendesign");
    let contact = outcome.of("Connections.csv")[0];
    assert_eq!(field(contact, "name"), "Mélisande Arnaud");
    assert_eq!(field(contact, "emails"), "melisande@example.org");
    assert_eq!(field(contact, "met_on"), "2014-09-22");
    assert_eq!(contact.row, 6);
    let endorsement = outcome.of("Endorsement_Received_Info.csv")[0];
    assert_eq!(field(endorsement, "who"), "Mélisande Arnaud");
    assert_eq!(field(endorsement, "about"), "Illustration");
    assert_eq!(field(endorsement, "date"), "2015-07-28T13:20:49Z");
    let recommendation = outcome.of("Recommendations_Received.csv")[0];
    assert_eq!(field(recommendation, "text"), "Emilie écoute,\npuis dessine.");
    assert_eq!(field(recommendation, "date"), "2015-08-30T17:51");
    let skills: Vec<String> = outcome.of("Skills.csv").iter().map(|row| field(row, "name")).collect();
    assert_eq!(skills, ["Illustration", "Comptabilité", "Écoute", "Illustration"]);
    let languages = outcome.of("Languages.csv");
    assert_eq!(field(languages[0], "languages"), "Français (Native or bilingual proficiency)");
    assert_eq!(field(languages[1], "languages"), "Anglais");
    assert_eq!(field(outcome.of("Certifications.csv")[0], "expires"), "2018-03");
}

#[test]
fn reordered_rows_have_the_same_keys_and_repeats_have_ordinals() {
    let rows = ["Rust,x", "Écoute,y", "Rust,x"];
    let file = |order: [usize; 3]| {
        order.iter().fold("Name,Extra\n".to_owned(), |file, index| file + rows[*index] + "\n")
    };
    let first = linkedin("Skills.csv", file([0, 1, 2]));
    let second = linkedin("Skills (1).csv", file([1, 2, 0]));
    assert_eq!(first.keys(), second.keys());
    let mut distinct = first.keys();
    distinct.dedup();
    assert_eq!(distinct.len(), 3);
}

#[test]
fn a_changed_cell_beside_the_key_changes_no_key() {
    let header = "Company Name,Title,Description,Location,Started On,Finished On\n";
    let before = linkedin("Positions.csv", format!("{header}Fing,Dev,a,Paris,Feb 2022,\n"));
    let after = linkedin("Positions.csv", format!("{header}FING, Dev,b,Lyon,févr. 2022,Mar 2023\n"));
    assert_eq!(before.keys(), after.keys());
    assert_ne!(before.rows[0].fields, after.rows[0].fields);
    let other = linkedin("Positions.csv", format!("{header}Fing,Dev,a,Paris,Feb 2023,\n"));
    assert_ne!(before.keys(), other.keys());

    let header = "First Name,Last Name,URL,Email Address,Company,Position,Connected On\n";
    let url = "https://www.linkedin.com/in/a";
    let before = linkedin("Connections.csv", format!("{header}A,B,{url},,X,Y,05 Jun 2020\n"));
    let after = linkedin("Connections.csv", format!("{header}A,C,{url}/,m@x.example,Z,W,05 Jun 2020\n"));
    assert_eq!(before.keys(), after.keys());
}

#[test]
fn the_preamble_may_be_of_any_length() {
    let header = "First Name,Last Name,URL,Email Address,Company,Position,Connected On";
    for preamble in ["", "Notes:\n\n", "a\n\"b\nc, d\"\n\n\ne,f,g\n", "\u{feff}"] {
        let file = format!("{preamble}{header}\nA,B,,,,,05 Jun 2020\n");
        assert_eq!(detected("x.bin", file.as_bytes()), Some(Format::LinkedIn), "{preamble:?}");
        assert_eq!(linkedin("renamed.csv", &file).rows.len(), 1, "{preamble:?}");
    }
}

#[test]
fn a_bad_row_is_reported_with_its_line_and_the_others_land() {
    let file = "Name,Proficiency\nOne,a\nTwo\nThree,b,c\nFour,d,,\n\"Five,e\nSix,f\n,g\nSeven,h\n";
    let outcome = linkedin("Languages.csv", file);
    let names: Vec<String> = outcome.rows.iter().map(|row| field(row, "languages")).collect();
    assert_eq!(names, ["One (a)", "Four (d)", "Six (f)", "Seven (h)"]);
    let problems = [
        ("Languages.csv", 3, "cell-count"),
        ("Languages.csv", 4, "cell-count"),
        ("Languages.csv", 6, "unclosed-quote"),
        ("Languages.csv", 8, "missing-field"),
    ];
    assert_eq!(outcome.codes(), problems);
    assert!(outcome.problems.iter().all(|problem| problem.fatal));
    let args = outcome.problems[0].reason.args();
    assert_eq!(args, [("expected", "2".to_owned()), ("found", "1".to_owned())]);
}

#[test]
fn a_stray_quote_costs_its_own_row_alone() {
    let file = "Name,Proficiency\n\"One,a\nTwo,b\nThree,\"c\"\nFour,d\n";
    let outcome = linkedin("Languages.csv", file);
    let names: Vec<String> = outcome.rows.iter().map(|row| field(row, "languages")).collect();
    assert_eq!(names, ["Two (b)", "Three (c)", "Four (d)"]);
    assert_eq!(outcome.codes(), [("Languages.csv", 2, "cell-count")]);
}

#[test]
fn charsets_and_duplicate_columns() {
    let text = "Name,Proficiency,Name\r\nFrançais,élevé,\r\n,moyen,Español\r\n";
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let windows = encoding_rs::WINDOWS_1252.encode(text).0.into_owned();
    let expected = linkedin("Languages.csv", text);
    assert_eq!(field(&expected.rows[1], "languages"), "Español (moyen)");
    for bytes in [windows, utf16.clone(), [&[0xff, 0xfe][..], &utf16].concat()] {
        assert_eq!(linkedin("Languages.csv", bytes).rows, expected.rows);
    }
}

#[test]
fn a_bomb_is_refused_and_the_other_files_land() {
    let zeros = vec![0; usize::try_from(MAX_ENTRY_BYTES).expect("small") + 1];
    let files = [("Connections.csv", &zeros[..]), ("Skills.csv", fixture("Skills.csv"))];
    let mut bytes = archive("", &files);
    let outcome = linkedin("export.zip", &bytes);
    assert_eq!(outcome.codes(), [("Connections.csv", 0, "entry-too-large")]);
    assert_eq!(outcome.rows.len(), 4);

    // The same, declared as small: caught while it inflates.
    let size = u32::try_from(zeros.len()).expect("small").to_le_bytes();
    let places: Vec<usize> =
        bytes.windows(4).enumerate().filter(|(_, w)| *w == size).map(|(at, _)| at).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + 4].copy_from_slice(&9_u32.to_le_bytes());
    }
    let outcome = linkedin("export.zip", &bytes);
    assert_eq!(outcome.problems.len(), 1);
    assert!(["entry-too-large", "entry-damaged"].contains(&outcome.problems[0].reason.code()));
    assert_eq!(outcome.rows.len(), 4);
}

#[test]
fn archives_that_are_truncated_foreign_or_empty_say_so() {
    let bytes = archive("", LINKEDIN);
    for length in [5, bytes.len() / 2, bytes.len() - 10] {
        let cut = &bytes[..length];
        assert_eq!(refused(Format::LinkedIn, "export.zip", cut), "archive-damaged", "{length}");
        assert_eq!(detected("export.zip", cut), Some(Format::LinkedIn));
    }
    let foreign = archive("photos/", &[("a.jpg", b"\xff\xd8"), ("budget.csv", b"date;amount\n")]);
    assert_eq!(refused(Format::LinkedIn, "photos.zip", &foreign), "archive-foreign");
    assert_eq!(detected("photos.zip", &foreign), None);
    assert_eq!(refused(Format::LinkedIn, "empty.zip", &archive("", &[])), "archive-foreign");
}

#[test]
fn too_many_files_are_refused_before_they_are_listed() {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for index in 0..=MAX_ENTRIES {
        writer.start_file(format!("{index}.csv"), options).expect("memory");
    }
    let bytes = writer.finish().expect("memory").into_inner();
    assert_eq!(refused(Format::LinkedIn, "export.zip", &bytes), "archive-too-many-files");
}

#[test]
fn a_damaged_file_in_an_archive_costs_itself_alone() {
    let mut bytes =
        archive("", &[("Skills.csv", fixture("Skills.csv")), ("Languages.csv", fixture("Languages.csv"))]);
    // Inside the deflated bytes of the first file, behind its local header of 40 bytes.
    bytes[44..54].fill(0xff);
    let outcome = linkedin("export.zip", &bytes);
    assert_eq!(outcome.codes(), [("Skills.csv", 0, "entry-damaged")]);
    assert_eq!(outcome.rows.len(), 2);
}

#[test]
fn files_that_are_not_mapped_are_counted_once() {
    let files: [(&str, &[u8]); 4] = [
        ("Skills.csv", b"Name\nRust\n"),
        ("Phone Numbers.csv", b"Extension,Number,Type\n"),
        ("Ad_Targeting.csv", b"a,a\n"),
        ("__MACOSX/._Skills.csv", b"\0\0"),
    ];
    let outcome = linkedin("x/export.zip", archive("", &files));
    assert_eq!(outcome.codes(), [("export.zip", 0, "files-not-mapped")]);
    assert_eq!(outcome.problems[0].reason.args(), [("count", "2".to_owned())]);
    assert_eq!(outcome.problems[0].reason.severity(), Severity::Notice);
    let alone = linkedin("messages.csv", b"CONVERSATION ID\n");
    assert_eq!(alone.codes(), [("messages.csv", 0, "files-not-mapped")]);
}

#[test]
fn a_table_without_its_header_is_reported_and_one_with_another_name_is_found() {
    let files: [(&str, &[u8]); 3] = [
        ("Skills.csv", b"Something,else\n"),
        ("langues-du-monde.csv", b"Name,Proficiency\nBreton,A1\n"),
        ("Projects.csv", b""),
    ];
    let outcome = linkedin("export.zip", archive("", &files));
    assert_eq!(outcome.codes(), [("Skills.csv", 0, "header-not-found")]);
    assert_eq!(outcome.rows.len(), 1);
    assert_eq!(refused(Format::LinkedIn, "Skills.csv", b"Something,else\n"), "not-linkedin");
    assert_eq!(refused(Format::LinkedIn, "Skills.csv", b""), "source-empty");
}

#[test]
fn cards_of_version_2_1() {
    let outcome = vcard(PHONE);
    assert_eq!(outcome.codes(), [("contacts.vcf", 1, "photo-left-out")]);
    let [row] = outcome.rows.as_slice() else { panic!("one card") };
    let expected = [
        ("name", "Mme Mélisande Arnaud"),
        ("given_name", "Mélisande"),
        ("family_name", "Arnaud"),
        ("prefixes", "Mme"),
        ("organisation", "Jardinéo"),
        ("department", "Rayon déco"),
        ("phones", "04 76 00 00 01 (fax), 06 00 00 00 02"),
        ("emails", "melisande@example.org"),
        ("address", "3 place du Marché\nGrenoble\n38000\nFrance"),
        ("note", "Rencontrée en 2014\naprès du café"),
        ("birthday", "1985-06-21"),
    ];
    for (name, text) in expected {
        assert_eq!(field(row, name), text, "{name}");
    }
    assert_eq!(row.fields.len(), expected.len());
}

#[test]
fn cards_in_an_undeclared_charset() {
    let outcome = vcard(WINDOWS);
    assert_eq!(outcome.codes(), []);
    assert_eq!(field(&outcome.rows[0], "name"), "Zoé Lefèvre");
    assert_eq!(field(&outcome.rows[0], "organisation"), "École de design");
    assert_eq!(field(&outcome.rows[0], "tags"), "école, œuvre");
}

#[test]
fn cards_of_apple() {
    let outcome = vcard(APPLE);
    let problems = [("contacts.vcf", 27, "empty-card"), ("contacts.vcf", 1, "photo-left-out")];
    assert_eq!(outcome.codes(), problems);
    let jean = &outcome.rows[0];
    assert_eq!(jean.stable_key, "uid\u{1f}0a-11\u{1f}1");
    let expected = [
        ("emails", "jean@example.org, jp@example.net"),
        ("phones", "+33 6 00 00 00 03"),
        ("urls", "http://jardin.example"),
        ("birthday_without_year", "04-12"),
        ("relations", "Sister: Ana"),
        ("other", "Rencontre: 2012-07-05"),
        ("uid", "0A-11"),
    ];
    for (name, text) in expected {
        assert_eq!(field(jean, name), text, "{name}");
    }
    let firm = &outcome.rows[1];
    assert_eq!(field(firm, "name"), "Coopérative des Lilas");
    assert_eq!(field(firm, "organisation"), "Coopérative des Lilas");
    assert_eq!(firm.row, 20);
}

#[test]
fn cards_of_version_4() {
    let outcome = vcard(FOUR);
    assert_eq!(outcome.codes(), [("contacts.vcf", 1, "bad-date")]);
    let row = &outcome.rows[0];
    let expected = [
        ("name", "Inès Öztürk"),
        ("additional_names", "Marie, Lou"),
        ("prefixes", "Dr"),
        ("suffixes", "PhD"),
        ("nicknames", "Nès, Inou"),
        ("birthday_without_year", "04-12"),
        ("gender", "F"),
        ("languages", "fr, tr"),
        ("organisation", "Fing"),
        ("department", "Labo"),
        ("role", "Chercheuse"),
        ("roles", "Directrice"),
        ("address", "Bât. B\n8 passage Brulon\nParis\n75012\nFrance"),
        ("other_addresses", "1 rue du Port, Marseille, 13002, France"),
        ("phones", "+33-1-00-00-00-05;ext=12"),
        ("emails", "ines@example.org"),
        ("urls", "https://ines.example"),
        ("messengers", "xmpp:ines@example.org"),
        ("relations", "Paul"),
        ("position", "geo:48.84,2.38"),
        ("time_zone", "-0500"),
        ("tags", "recherche, « données »"),
        ("other", "X-FAVOURITE-COLOUR: vert"),
        ("note", "ANNIVERSARY: un samedi\nLigne une\nligne deux, suite"),
    ];
    for (name, text) in expected {
        assert_eq!(field(row, name), text, "{name}");
    }
}

#[test]
fn cards_keep_their_keys() {
    let card = |fields: &str| format!("BEGIN:VCARD\nVERSION:3.0\n{fields}\nEND:VCARD\n");
    let key = |fields: &str| vcard(card(fields)).keys().remove(0);
    let first = key("FN:Ana Petit\nEMAIL:a@x.example\nTEL:1");
    assert_eq!(first, key("NOTE:new\nFN:ANA  petit\nTEL:2\nEMAIL:A@x.example\nEMAIL:b@x.example"));
    assert_ne!(first, key("FN:Ana Petit\nEMAIL:c@x.example"));
    assert_eq!(key("FN:Ana\nTEL:04 76-1"), key("FN:Ana\nTEL:04761"));
    assert_eq!(key("FN:Ana\nUID:7"), key("FN:Anna\nUID:7\nTEL:1"));
    let twice = vcard(card("FN:Ana").repeat(2));
    assert_eq!(twice.rows.len(), 2);
    assert_ne!(twice.rows[0].stable_key, twice.rows[1].stable_key);
}

#[test]
fn detection_trusts_content_before_names() {
    assert_eq!(detected("x.csv", PHONE), Some(Format::VCard));
    assert_eq!(detected("x", b"\xef\xbb\xbf\r\n begin:vcard \r\n"), Some(Format::VCard));
    assert_eq!(detected("x.VCF", b""), Some(Format::VCard));
    assert_eq!(detected("x.vcf", fixture("Positions.csv")), Some(Format::LinkedIn));
    assert_eq!(detected("Skills.csv", b"?"), Some(Format::LinkedIn));
    assert_eq!(detected("letter.txt", b"BEGIN: a letter"), None);
    assert_eq!(detected("x.csv", b"Name\nRust\n"), None);
    assert_eq!(refused(Format::VCard, "x.vcf", b"no card\n"), "not-vcard");
    for format in Format::ALL {
        assert_eq!(Format::parse(format.name()), Some(format));
    }
    assert_eq!(Format::parse("vcf"), None);
}

#[test]
fn the_sink_may_stop() {
    let bytes = archive("", LINKEDIN);
    let mut events = 0;
    read(Format::LinkedIn, "export.zip", &mut Cursor::new(&bytes), &mut |_| {
        events += 1;
        ControlFlow::Break(())
    })
    .expect("no error");
    assert_eq!(events, 1);
}

/// The samples that this project did not write, if they lie beside it.
fn sample(name: &str) -> Option<Vec<u8>> {
    let samples = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/samples"));
    let required = std::env::var("MUSETTE_TESTS_REQUIRE").is_ok_and(|all| all.contains("samples"));
    match std::fs::read(samples.join(name)) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            assert!(!required, "{name} is required: {error}");
            eprintln!("skipped: no sample {name}");
            None
        }
    }
}

#[test]
fn the_public_linkedin_sample() {
    let Some(bytes) = sample("linkedin/sample_export.zip") else { return };
    assert_eq!(detected("sample_export.zip", &bytes), Some(Format::LinkedIn));
    let outcome = linkedin("sample_export.zip", &bytes);
    let expected = [
        ("achievement", 2),
        ("activity", 11),
        ("contact", 2000),
        ("endorsement", 727),
        ("identity", 2),
        ("project", 16),
        ("publication", 2),
        ("skill", 60),
    ];
    assert_eq!(outcome.by_kind(), BTreeMap::from(expected));
    assert_eq!(outcome.codes(), [("sample_export.zip", 0, "files-not-mapped")]);
    let mut keys = outcome.keys();
    keys.dedup();
    assert_eq!(keys.len(), outcome.rows.len());
}

#[test]
fn the_public_vcard_samples() {
    let cases = [
        ("vcf/John_Doe_GMAIL.vcf", "Mr. John Richter, James Doe Sr.", 0),
        ("vcf/John_Doe_IPHONE.vcf", "Mr. John Richter James Doe Sr.", 1),
        ("vcf/John_Doe_MS_OUTLOOK.vcf", "Mr. John Richter James Doe Sr.", 1),
        ("vcf/rfc6350-example.vcf", "Simon Perreault", 0),
    ];
    for (file, name, photos) in cases {
        let Some(bytes) = sample(file) else { return };
        assert_eq!(detected("x", &bytes), Some(Format::VCard), "{file}");
        let outcome = vcard(&bytes);
        assert_eq!(outcome.rows.len(), 1, "{file}");
        assert_eq!(field(&outcome.rows[0], "name"), name, "{file}");
        let left_out = outcome.problems.iter().filter(|p| p.reason.code() == "photo-left-out");
        assert_eq!(left_out.count(), photos, "{file}");
        assert_eq!(outcome.problems.len(), photos, "{file}");
    }
}

/// Bytes that look enough like one of the formats to get past the door.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop_oneof![
        Just(&b"BEGIN:VCARD\r\n"[..]),
        Just(&b"END:VCARD\n"[..]),
        Just(&b"VERSION:2.1\n"[..]),
        Just(&b"N;ENCODING=QUOTED-PRINTABLE:=C3=\n"[..]),
        Just(&b"item1.TEL;TYPE=\"a,b:"[..]),
        Just(&b"BDAY:--"[..]),
        Just(&b"PHOTO;ENCODING=b:AAAA\n "[..]),
        Just(&b"AGENT:\n"[..]),
        Just(&b"Name,Proficiency\n"[..]),
        Just(&b"Company Name,Title,Started On\r"[..]),
        Just(&b"\""[..]),
        Just(&b",,\n"[..]),
        Just(&b"PK\x03\x04"[..]),
        Just(&b"PK\x05\x06"[..]),
        Just(&b"\xff\xfe"[..]),
        Just(&b"\\"[..]),
    ];
    let noise = prop::collection::vec(any::<u8>(), 0..24);
    let piece = prop_oneof![pieces.prop_map(<[u8]>::to_vec), noise];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in hostile(), name in "[a-zS]{0,6}(kills)?(\\.csv|\\.vcf|\\.zip)?") {
        let _ = Format::detect(&name, &mut Cursor::new(&bytes));
        for format in Format::ALL {
            let _ = try_read(format, &name, &bytes);
        }
    }

    #[test]
    fn no_damage_to_an_archive_panics(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let mut bytes = archive("", LINKEDIN);
        for (index, byte) in damage {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = Format::detect("export.zip", &mut Cursor::new(&bytes));
        let _ = try_read(Format::LinkedIn, "export.zip", &bytes);
    }
}
