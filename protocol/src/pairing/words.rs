//! Words that people read aloud, compare and write down: the BIP39 lists, in English and French.
//!
//! Numbers travel, words are shown: each device shows the words of its own person's language, and
//! what is typed is read in either. Accents and case are optional when typing; no two words of a
//! list differ by them alone.

use bip39::Mnemonic;
use zeroize::Zeroizing;

use crate::crypto::secret::Secret32;

/// Words of a recovery phrase: 256 bits and a checksum of 8.
pub const RECOVERY_WORDS: usize = 24;
/// Bytes of a text that is looked at: 24 of the longest words, generously spaced.
const MAX_TEXT_LEN: usize = 1024;

/// A word list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// `english.txt` of BIP39.
    English,
    /// `french.txt` of BIP39.
    French,
}

/// Why typed words are no recovery phrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PhraseError {
    /// Not 24 words.
    #[error("a recovery phrase has 24 words, here are {found}")]
    WrongCount {
        /// How many there are.
        found: usize,
    },
    /// A word that is in neither list, or in the other list than the words before it.
    #[error("word {position} is not in the list")]
    UnknownWord {
        /// Which, counted from 1.
        position: usize,
    },
    /// Each word is fine, but not all of them together: one was swapped or mistaken.
    #[error("the words do not belong together")]
    BadChecksum,
}

impl PhraseError {
    /// The kebab-case code that the interface renders.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::WrongCount { .. } => "phrase-word-count",
            Self::UnknownWord { .. } => "phrase-unknown-word",
            Self::BadChecksum => "phrase-checksum",
        }
    }
}

impl Language {
    /// Both, in the order in which typed words are tried.
    pub const ALL: [Self; 2] = [Self::English, Self::French];

    const fn list(self) -> bip39::Language {
        match self {
            Self::English => bip39::Language::English,
            Self::French => bip39::Language::French,
        }
    }

    /// The word at an index, accents composed; indices beyond the list's 2,048 wrap around.
    #[must_use]
    pub fn word(self, index: u16) -> String {
        composed(self.list().word_list()[usize::from(index) % 2048])
    }

    /// The index of a typed word, accents and case optional.
    #[must_use]
    pub fn index(self, typed: &str) -> Option<u16> {
        let at = self.list().word_list().iter().position(|word| folded(word).eq(folded(typed)))?;
        u16::try_from(at).ok()
    }
}

/// Three authentication words as a person reads them.
#[must_use]
pub fn text(words: [u16; 3], language: Language) -> String {
    words.map(|index| language.word(index)).join(" ")
}

/// Every way to read three typed words: at most one per language. Words are separated by anything
/// that is no letter.
#[must_use]
pub fn readings(typed: &str) -> Vec<[u16; 3]> {
    let words = split(typed);
    let read = |language: Language| {
        let indices: Option<Vec<u16>> = words.iter().map(|word| language.index(word)).collect();
        indices.and_then(|indices| <[u16; 3]>::try_from(indices).ok())
    };
    Language::ALL.into_iter().filter_map(read).collect()
}

/// The 24 words of a recovery phrase.
#[must_use]
pub fn recovery_words(entropy: &Secret32, language: Language) -> Zeroizing<Vec<String>> {
    let phrase = Mnemonic::from_entropy_in(language.list(), entropy.expose())
        .expect("256 bits is a length that BIP39 has a phrase for");
    Zeroizing::new(phrase.words().map(composed).collect())
}

/// The entropy behind 24 typed words, in either language.
///
/// # Errors
/// With the first word that no list explains, or when the checksum does not fit.
pub fn recovery_entropy(typed: &str) -> Result<Secret32, PhraseError> {
    let words = split(typed);
    if words.len() != RECOVERY_WORDS {
        return Err(PhraseError::WrongCount { found: words.len() });
    }
    let mut furthest = PhraseError::UnknownWord { position: 1 };
    for language in Language::ALL {
        match entropy_in(&words, language) {
            Ok(entropy) => return Ok(entropy),
            Err(error) if progress(error) > progress(furthest) => furthest = error,
            Err(_) => {}
        }
    }
    Err(furthest)
}

fn entropy_in(words: &[&str], language: Language) -> Result<Secret32, PhraseError> {
    let list = language.list().word_list();
    let mut phrase = Zeroizing::new(String::with_capacity(MAX_TEXT_LEN));
    for (at, word) in words.iter().enumerate() {
        let index = language.index(word).ok_or(PhraseError::UnknownWord { position: at + 1 })?;
        phrase.push_str(list[usize::from(index)]);
        phrase.push(' ');
    }
    let phrase =
        Mnemonic::parse_in_normalized(language.list(), &phrase).map_err(|_| PhraseError::BadChecksum)?;
    let entropy = Zeroizing::new(phrase.to_entropy());
    let entropy = <[u8; 32]>::try_from(entropy.as_slice()).map_err(|_| PhraseError::BadChecksum)?;
    Ok(Secret32::from_bytes(entropy))
}

/// How far an attempt got: the language in which it got furthest is the one that was meant.
const fn progress(error: PhraseError) -> usize {
    match error {
        PhraseError::WrongCount { .. } => 0,
        PhraseError::UnknownWord { position } => position,
        PhraseError::BadChecksum => usize::MAX,
    }
}

/// The words of a text of bounded length; accents may be combining marks, which are no letters.
fn split(typed: &str) -> Vec<&str> {
    if typed.len() > MAX_TEXT_LEN {
        return Vec::new();
    }
    let is_part = |char: char| char.is_alphabetic() || is_accent(char);
    typed.split(|char| !is_part(char)).filter(|word| !word.is_empty()).collect()
}

const fn is_accent(char: char) -> bool {
    matches!(char, '\u{300}'..='\u{36f}')
}

/// The letters of a word in lower case, without accents.
fn folded(word: &str) -> impl Iterator<Item = char> {
    let fold = |char| match char {
        'é' | 'è' | 'ê' | 'ë' => 'e',
        other => other,
    };
    word.chars().flat_map(char::to_lowercase).filter(|char| !is_accent(*char)).map(fold)
}

/// The French list writes accents as combining marks, which some terminals show beside the letter.
fn composed(word: &str) -> String {
    word.replace("e\u{301}", "é").replace("e\u{300}", "è")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_word_is_found_again_with_and_without_accents() {
        for language in Language::ALL {
            for index in 0..2048 {
                let word = language.word(index);
                assert!(!word.chars().any(is_accent), "{word}");
                assert_eq!(language.index(&word), Some(index));
                assert_eq!(language.index(&folded(&word).collect::<String>().to_uppercase()), Some(index));
                assert_eq!(language.index(language.list().word_list()[usize::from(index)]), Some(index));
            }
        }
    }

    #[test]
    fn typed_words_are_read_in_either_language() {
        let words = [120, 2047, 0];
        for language in Language::ALL {
            let shown = text(words, language);
            assert!(readings(&shown).contains(&words), "{shown}");
            assert!(readings(&shown.to_uppercase().replace(' ', ", ")).contains(&words));
        }
        // In both lists, at different places.
        assert_eq!(readings("abandon animal angle").len(), 2);
        assert!(readings("abandon zoo élève").is_empty(), "languages are not mixed");
        for bad in ["", "abandon", "abandon abandon abandon abandon", "qwertz abandon abandon"] {
            assert!(readings(bad).is_empty(), "{bad}");
        }
    }

    #[test]
    fn a_phrase_round_trips_in_both_languages() {
        let entropy = Secret32::from_bytes(std::array::from_fn(|at| u8::try_from(at).unwrap() * 7));
        for language in Language::ALL {
            let words = recovery_words(&entropy, language);
            assert_eq!(words.len(), RECOVERY_WORDS);
            assert_eq!(recovery_entropy(&words.join(" ")).as_ref(), Ok(&entropy));
            assert_eq!(
                recovery_entropy(&folded(&words.join("\n")).collect::<String>()).as_ref(),
                Ok(&entropy)
            );
        }
    }

    #[test]
    fn the_english_phrase_is_the_one_of_bip39() {
        // From the test vectors of BIP39.
        let phrase = "abandon ".repeat(23) + "art";
        assert_eq!(recovery_entropy(&phrase), Ok(Secret32::from_bytes([0; 32])));
    }

    #[test]
    fn a_wrong_phrase_says_what_is_wrong() {
        let phrase = |last: &str| "abandon ".repeat(23) + last;
        assert_eq!(recovery_entropy("abandon"), Err(PhraseError::WrongCount { found: 1 }));
        assert_eq!(recovery_entropy(&phrase("zoo")), Err(PhraseError::BadChecksum));
        assert_eq!(recovery_entropy(&phrase("qwertz")), Err(PhraseError::UnknownWord { position: 24 }));
        assert_eq!(recovery_entropy(&"a ".repeat(9_999)), Err(PhraseError::WrongCount { found: 0 }));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,120}") {
            let _ = readings(&text);
            let _ = recovery_entropy(&text);
        }
    }
}
