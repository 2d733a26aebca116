//! Stable keys: what names a row in its source, whatever the file is called and however sorted.
//!
//! A key is the table, the natural key of the row (see [`super::linkedin`] and [`super::vcard`])
//! and an ordinal. The ordinal tells apart rows of one file that share their natural key, in their
//! order; for the others it is always 1, so that sorting the file anew changes nothing. Parts are
//! folded (case, accents, blanks) before they are compared.

use std::collections::HashMap;

use super::{limits::MAX_KEY_BYTES, text::fold};

/// Between the parts; no cleaned text contains it.
const SEPARATOR: char = '\u{1f}';

/// Counts the natural keys of one file.
#[derive(Default)]
pub(super) struct Keys {
    /// By hash: bounded memory, however long the keys are.
    seen: HashMap<[u8; 16], u64>,
}

impl Keys {
    /// The stable key of the next row with this natural key.
    pub(super) fn next(&mut self, table: &str, parts: &[String]) -> String {
        let folded: Vec<String> = parts.iter().map(|part| fold(part)).collect();
        let mut natural = folded.join(&SEPARATOR.to_string());
        let hash = blake3::hash(natural.as_bytes());
        if natural.len() > MAX_KEY_BYTES {
            natural = hash.to_hex().to_string();
        }
        let mut short = [0; 16];
        short.copy_from_slice(&hash.as_bytes()[..16]);
        let ordinal = self.seen.entry(short).or_default();
        *ordinal += 1;
        format!("{table}{SEPARATOR}{natural}{SEPARATOR}{ordinal}")
    }
}

/// A web address for comparing: without scheme, `www.` or country prefix, query, fragment and
/// closing slash, `%C3%A9` as é. Exports write the same profile in each of these ways.
pub(super) fn comparable_url(url: &str) -> String {
    let url = fold(url);
    let url = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or(&url);
    let url = url.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    let (host, path) = url.split_once('/').unwrap_or((url, ""));
    let host = match host.split_once('.') {
        Some((prefix, "linkedin.com")) if prefix == "www" || prefix.len() == 2 => "linkedin.com",
        Some(("www", rest)) => rest,
        _ => host,
    };
    fold(&format!("{host}/{}", unescape(path)))
}

fn unescape(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = match rest {
            [b'%', high, low, ..] => hex(*high).zip(hex(*low)).map(|(high, low)| high << 4 | low),
            _ => None,
        };
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &rest[3..] } else { tail };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| path.to_owned())
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_profile_in_many_ways() {
        let expected = comparable_url("https://www.linkedin.com/in/emilie-joly-é");
        for url in [
            "http://fr.linkedin.com/in/emilie-joly-%C3%A9/",
            "www.linkedin.com/in/Emilie-Joly-%c3%a9?trk=x",
            "linkedin.com/in/emilie-joly-é#top",
        ] {
            assert_eq!(comparable_url(url), expected, "{url}");
        }
        assert_ne!(comparable_url("https://www.linkedin.com/in/emilie"), expected);
        assert_eq!(comparable_url("%"), "%/");
    }

    #[test]
    fn ordinals_count_repeats_only() {
        let mut keys = Keys::default();
        let first = keys.next("skills", &["Écoute".into()]);
        let other = keys.next("skills", &["Rust".into()]);
        let second = keys.next("skills", &["  ecoute ".into()]);
        assert!(first.ends_with("\u{1f}1") && other.ends_with("\u{1f}1"));
        assert!(second.ends_with("\u{1f}2") && second != first);
    }

    #[test]
    fn parts_do_not_run_together_and_long_keys_are_hashed() {
        let mut keys = Keys::default();
        let one = keys.next("t", &["a".into(), "b c".into()]);
        let two = keys.next("t", &["a b".into(), "c".into()]);
        assert_ne!(one, two);
        assert!(keys.next("t", &["x".repeat(5_000)]).len() < MAX_KEY_BYTES);
    }
}
