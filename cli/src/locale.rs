//! The person's language and the catalogues in it.
//!
//! `--lang`, then `MUSETTE_LANG`, then the locale; French if it begins with `fr`, English
//! otherwise. Both catalogues are part of the binary. The macro `t` is how the rest of the
//! crate says something; tests below see to it that each key is in both.

use crate::text::text_of;
use crate::{item, quantities};
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use serde_json::Value;
use std::ffi::OsString;
use std::sync::OnceLock;
use unic_langid::LanguageIdentifier;

/// A value inside a sentence.
pub(crate) type Arg = FluentValue<'static>;

const ENGLISH: &str = include_str!("../locales/en.ftl");
const FRENCH: &str = include_str!("../locales/fr.ftl");

static LOCALE: OnceLock<Locale> = OnceLock::new();

/// A language that Musette speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    French,
}

impl Language {
    /// The language that the arguments, the environment or the system ask for.
    pub(crate) fn from_surroundings(arguments: &[OsString]) -> Self {
        let variable = || std::env::var("MUSETTE_LANG").ok().filter(|tag| !tag.is_empty());
        asked_for(arguments)
            .or_else(variable)
            .or_else(sys_locale::get_locale)
            .map_or(Self::English, |tag| Self::from_tag(&tag))
    }

    /// The tag that the API and child processes understand.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::French => "fr",
        }
    }

    fn from_tag(tag: &str) -> Self {
        let tag = tag.to_ascii_lowercase();
        let primary = tag.split(['-', '_', '.']).next();
        if primary == Some("fr") { Self::French } else { Self::English }
    }

    fn identifier(self) -> LanguageIdentifier {
        self.tag().parse().expect("our own tags are well-formed")
    }

    fn catalogue(self) -> &'static str {
        match self {
            Self::English => ENGLISH,
            Self::French => FRENCH,
        }
    }
}

struct Locale {
    language: Language,
    bundle: FluentBundle<FluentResource>,
}

impl Locale {
    fn new(language: Language) -> Self {
        let mut bundle = FluentBundle::new_concurrent(vec![language.identifier()]);
        // The isolation marks are for mixed-direction text and would end up in copied commands.
        bundle.set_use_isolating(false);
        // A broken entry is left out and falls back to its key; a test forbids any.
        let resource =
            FluentResource::try_new(language.catalogue().to_owned()).unwrap_or_else(|(resource, _)| resource);
        let _ = bundle.add_resource(resource);
        let _ = bundle.add_function("SIZE", size);
        Self { language, bundle }
    }

    fn find(&self, key: &str, args: &[(&str, Arg)]) -> Option<String> {
        let pattern = self.bundle.get_message(key)?.value()?;
        let args: FluentArgs = args.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let mut problems = Vec::new();
        let text = self.bundle.format_pattern(pattern, Some(&args), &mut problems);
        Some(text.into_owned())
    }
}

/// `SIZE($bytes)` in a catalogue: a number of bytes as people say it.
fn size<'a>(positional: &[FluentValue<'a>], _named: &FluentArgs<'_>) -> FluentValue<'a> {
    match positional {
        // What is beyond 2^53 lost its last digits already, which nobody is told.
        [FluentValue::Number(bytes)] => quantities::size_in_words(bytes.value as u64).into(),
        _ => FluentValue::Error,
    }
}

/// Fixes the language for this process; the first call counts.
pub(crate) fn choose(language: Language) {
    LOCALE.get_or_init(|| Locale::new(language));
}

/// The language of this process.
pub(crate) fn language() -> Language {
    current().language
}

/// The message under `key`, or `None` where there is none.
pub(crate) fn find(key: &str, args: &[(&str, Arg)]) -> Option<String> {
    current().find(key, args)
}

/// The message under `key`; the key itself where there is none, which a test rules out.
pub(crate) fn message(key: &str, args: &[(&str, Arg)]) -> String {
    find(key, args).unwrap_or_else(|| key.to_owned())
}

/// Arguments as the API carries them; what looks like a number is one, for plural forms.
pub(crate) fn args_from_text<'a>(args: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<(&'a str, Arg)> {
    args.map(|(name, text)| {
        let number = text.parse::<u64>().map(Arg::from);
        (name, number.unwrap_or_else(|_| Arg::from(text.to_owned())))
    })
    .collect()
}

/// The message under `prefix-code` of something that the API told about, if there is one.
pub(crate) fn find_told(prefix: &str, told: &Value) -> Option<String> {
    let args = told["args"].as_object();
    let words: Vec<(&str, String)> = args
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str(), item::value_as_typed(value)))
        .collect();
    let words = words.iter().map(|(name, text)| (*name, text.as_str()));
    find(&format!("{prefix}-{}", text_of(told, "code")), &args_from_text(words))
}

/// One of a label's two forms.
pub(crate) fn pick(label: &musette_node::schema::Label) -> &'static str {
    match language() {
        Language::English => label.en,
        Language::French => label.fr,
    }
}

fn current() -> &'static Locale {
    LOCALE.get_or_init(|| Locale::new(Language::English))
}

fn asked_for(arguments: &[OsString]) -> Option<String> {
    let mut words = arguments.iter().skip(1).map(|word| word.to_string_lossy());
    while let Some(word) = words.next() {
        if word == "--" {
            return None;
        }
        if word == "--lang" {
            return words.next().map(|tag| tag.into_owned());
        }
        if let Some(tag) = word.strip_prefix("--lang=") {
            return Some(tag.to_owned());
        }
    }
    None
}

/// Says something in the person's language: a key, then `name = value` for each variable.
#[macro_export]
macro_rules! t {
    ($key:literal $(, $name:ident = $value:expr)* $(,)?) => {
        $crate::locale::message(
            $key,
            &[$((stringify!($name), $crate::locale::Arg::from($value))),*],
        )
    };
}

#[cfg(test)]
mod tests;
