//! What a source is, by its content and then by its name.

use std::io::Read;

use super::{
    Format, ReadSeek, charset,
    limits::DETECT_BYTES,
    linkedin::{self, Zip},
};

pub(super) fn detect(name: &str, source: &mut dyn ReadSeek) -> Option<Format> {
    source.rewind().ok()?;
    let mut beginning = Vec::new();
    source.take(DETECT_BYTES).read_to_end(&mut beginning).ok()?;
    if linkedin::is_zip(&beginning) {
        return match linkedin::is_export(source) {
            Zip::Export | Zip::Damaged => Some(Format::LinkedIn),
            Zip::Foreign => None,
        };
    }
    let text = charset::decode_beginning(&beginning);
    by_text(&text).or_else(|| by_name(name))
}

fn by_text(text: &str) -> Option<Format> {
    let begins = |line: &str| line.trim().eq_ignore_ascii_case("begin:vcard");
    let mut lines = text.trim_start_matches('\u{feff}').trim_start().split(['\n', '\r']);
    if lines.next().is_some_and(begins) {
        return Some(Format::VCard);
    }
    linkedin::has_header(text).then_some(Format::LinkedIn)
}

fn by_name(name: &str) -> Option<Format> {
    let lower = name.to_lowercase();
    if lower.ends_with(".vcf") || lower.ends_with(".vcard") {
        return Some(Format::VCard);
    }
    linkedin::has_known_name(name).then_some(Format::LinkedIn)
}
