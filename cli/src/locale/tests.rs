//! The catalogues against each other, against the code, and against the node's error codes.

use super::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Variables by key, read from the text of a catalogue.
fn variables(catalogue: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut key = String::new();
    for line in catalogue.lines().filter(|line| !line.starts_with('#')) {
        let is_entry = line.starts_with(|c: char| c.is_ascii_lowercase());
        if let (true, Some((name, _))) = (is_entry, line.split_once(" =")) {
            key = name.to_owned();
            assert!(found.insert(key.clone(), BTreeSet::new()).is_none(), "twice: {key}");
        }
        for part in line.split('$').skip(1) {
            let name: String = part.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            found.get_mut(&key).unwrap().insert(name);
        }
    }
    found
}

fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What stands between `before` and the next double quote, wherever `before` occurs.
fn quoted_after(before: &str, text: &str) -> Vec<String> {
    text.split(before)
        .skip(1)
        .filter_map(|rest| {
            let rest = rest.trim_start().strip_prefix('"')?;
            rest.split('"').next().map(str::to_owned)
        })
        .collect()
}

fn is_code(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c == '-')
}

#[test]
fn both_catalogues_parse_whole() {
    for language in [Language::English, Language::French] {
        let parsed = FluentResource::try_new(language.catalogue().to_owned());
        let problems = parsed.err().map(|(_, problems)| problems);
        assert!(problems.is_none(), "{language:?}: {problems:#?}");
    }
}

#[test]
fn both_catalogues_have_the_same_keys_and_variables() {
    let (english, french) = (variables(ENGLISH), variables(FRENCH));
    for (key, names) in &english {
        assert_eq!(french.get(key), Some(names), "{key}");
    }
    for key in french.keys() {
        assert!(english.contains_key(key), "only in French: {key}");
    }
}

#[test]
fn every_message_of_the_code_exists() {
    let known = variables(ENGLISH);
    let macro_name = concat!("t", "!", "(");
    for (path, text) in sources(&root().join("src")) {
        for (at, _) in text.match_indices(macro_name) {
            // `assert!(` and the like end in the same letters.
            if text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
                continue;
            }
            let rest = text[at + macro_name.len()..].trim_start();
            if let Some(key) = rest.strip_prefix('"').and_then(|rest| rest.split('"').next()) {
                assert!(known.contains_key(key), "{}: {key}", path.display());
            }
        }
    }
}

#[test]
fn every_error_code_has_its_sentence() {
    let known = variables(ENGLISH);
    let mut missing = BTreeSet::new();
    for folder in ["../cli/src", "../node/src"] {
        for (_, text) in sources(&root().join(folder)) {
            for start in ["Failure::new(", "Error::new("] {
                missing.extend(quoted_after(start, &text).into_iter().filter(|code| is_code(code)));
            }
        }
    }
    for file in [
        "node/src/sync/conversation.rs",
        "protocol/src/pairing/error.rs",
        "protocol/src/pairing/ticket.rs",
        "protocol/src/recovering/error.rs",
    ] {
        let text = std::fs::read_to_string(root().join("..").join(file)).unwrap();
        missing.extend(quoted_after("=> ", &text).into_iter().filter(|code| is_code(code)));
    }
    for told in [
        "bad-date",
        "bad-number",
        "bad-choice",
        "bad-id",
        "bad-type",
        "not-a-list",
        "too-long",
        "unknown-field",
        "unknown-kind",
        "source-unreadable",
        "source-empty",
        "source-too-large",
        "archive-damaged",
        "archive-too-many-files",
        "archive-foreign",
        "not-linkedin",
        "not-vcard",
        "peer-paused",
        "peer-budget-used",
    ] {
        missing.insert(told.to_owned());
    }
    missing.retain(|code| !known.contains_key(&format!("error-{code}")));
    assert!(missing.is_empty(), "without error-…: {missing:#?}");
}

#[test]
fn every_check_and_notice_of_the_node_has_its_sentence() {
    let known = variables(ENGLISH);
    let mut missing = Vec::new();
    for (_, text) in sources(&root().join("../node/src")) {
        for (start, prefix) in [("Notice { code: ", "notice"), ("plain(", "notice"), ("check(", "check")] {
            let codes = quoted_after(start, &text).into_iter().filter(|code| is_code(code));
            missing.extend(codes.map(|code| format!("{prefix}-{code}")));
        }
    }
    missing.retain(|key| !known.contains_key(key));
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_state_and_reason_to_wait_has_its_sentence() {
    use musette_node::standing::{Standing, Waiting};
    for language in [Language::English, Language::French] {
        let locale = Locale::new(language);
        for waiting in Waiting::ALL {
            assert!(locale.find(&format!("waiting-{}", waiting.code()), &[]).is_some(), "{waiting:?}");
        }
    }
    let state = |standing: Standing| {
        let sync = serde_json::json!({ "state": standing.code(), "why": "paused", "have": 1, "of": 2 });
        item::sync_in_words(&sync)
    };
    assert!(Standing::ALL.iter().all(|standing| !state(*standing).is_empty()));
}

#[test]
fn our_own_words_have_names() {
    use musette_node::schema::{COMMON_FIELDS, Shape, kinds};
    let known = variables(ENGLISH);
    let fields = kinds().flat_map(|kind| kind.fields).chain(COMMON_FIELDS);
    for field in fields {
        if let Shape::Choice(words) = field.shape {
            for word in words {
                assert!(known.contains_key(&format!("choice-{word}")), "{}: {word}", field.name);
            }
        }
    }
}

#[test]
fn french_has_its_typography() {
    for line in FRENCH.lines().filter(|line| !line.starts_with('#')) {
        for (at, sign) in line.match_indices([':', ';', '!', '?', '»']) {
            let before = line[..at].chars().next_back();
            assert_ne!(before, Some(' '), "breaking space before {sign}: {line}");
        }
        assert!(!line.contains("« "), "breaking space in: {line}");
        assert!(!line.contains('\''), "straight apostrophe in: {line}");
    }
}

#[test]
fn both_languages_speak() {
    let french = Locale::new(Language::French);
    let english = Locale::new(Language::English);
    let day = |locale: &Locale, day: u64| {
        let month = locale.find("month", &[("number", Arg::from(4_u64))]).unwrap();
        locale.find("date-day", &[("day", Arg::from(day)), ("month", Arg::from(month))]).unwrap()
    };
    assert_eq!(day(&french, 1), "1er avril");
    assert_eq!(day(&french, 2), "2 avril");
    assert_eq!(day(&english, 1), "1 April");
    assert_eq!(french.find("no-such-key", &[]), None);
}

#[test]
fn the_language_is_found_where_it_is_asked_for() {
    let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
    assert_eq!(asked_for(&words("musette --lang fr list")).as_deref(), Some("fr"));
    assert_eq!(asked_for(&words("musette list --lang=en")).as_deref(), Some("en"));
    assert_eq!(asked_for(&words("musette import -- --lang=fr")), None);
    assert_eq!(Language::from_tag("fr_CA.UTF-8"), Language::French);
    assert_eq!(Language::from_tag("FR"), Language::French);
    assert_eq!(Language::from_tag("fro"), Language::English);
    assert_eq!(Language::from_tag("C"), Language::English);
}
