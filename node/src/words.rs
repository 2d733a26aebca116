//! Recovery phrases and authentication words, for the interface.

use musette_protocol::{
    crypto::secret::Secret32,
    pairing::words::{self, Language},
};
use zeroize::Zeroizing;

fn language_of(language: &str) -> Language {
    if language.starts_with("fr") { Language::French } else { Language::English }
}

/// The 24 words for this entropy, in French for `fr` and else in English.
#[must_use]
pub fn recovery_words(entropy: &[u8; 32], language: &str) -> Zeroizing<Vec<String>> {
    words::recovery_words(&Secret32::from_bytes(*entropy), language_of(language))
}

/// Three authentication words in a language.
#[must_use]
pub fn pairing_words(indices: [u16; 3], language: &str) -> [String; 3] {
    indices.map(|index| language_of(language).word(index))
}

/// Whether `typed` is the word at `position` (from 1) of the phrase, in either language.
pub(crate) fn is_recovery_word(entropy: &Secret32, position: usize, typed: &str) -> bool {
    Language::ALL.into_iter().any(|language| {
        let phrase = words::recovery_words(entropy, language);
        let expected = position.checked_sub(1).and_then(|index| phrase.get(index));
        expected.is_some_and(|expected| {
            let typed = language.index(typed);
            typed.is_some() && typed == language.index(expected)
        })
    })
}
