//! Authentication words and recovery phrases as a person types them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use musette_protocol::pairing::words::{Language, readings, recovery_entropy, recovery_words, text};
use musette_protocol_fuzz::input::Input;

/// Words of a list by their numbers, so that a checksum comes within reach.
fn spelled(input: &mut Input<'_>) -> String {
    let language = if input.one_in(2) { Language::French } else { Language::English };
    let mut words = Vec::new();
    while !input.is_empty() && words.len() < 30 {
        words.push(language.word(u16::from_le_bytes([input.byte(), input.byte()])));
    }
    words.join(" ")
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let typed = match input.below(2) {
        0 => String::from_utf8_lossy(input.rest()).into_owned(),
        _ => spelled(&mut input),
    };
    let read = readings(&typed);
    assert!(read.len() <= Language::ALL.len());
    for words in read {
        assert!(Language::ALL.into_iter().any(|language| readings(&text(words, language)).contains(&words)));
    }
    if let Ok(entropy) = recovery_entropy(&typed) {
        for language in Language::ALL {
            assert_eq!(
                recovery_entropy(&recovery_words(&entropy, language).join(" ")).as_ref(),
                Ok(&entropy)
            );
        }
    }
});
