//! The recovery words: shown, checked, replaced.

use std::collections::BTreeSet;

use axum::{body::Bytes, extract::State};
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::{Answer, AxumJson, Context, parse};
use crate::{
    error::Error,
    store::Store,
    words::{is_recovery_word, recovery_words},
};

/// Answers of `recovery check` that count.
const ANSWERS: usize = 3;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecoveryRequest {
    language: Option<String>,
    passphrase: Option<String>,
}

/// Whoever holds the words is the person. So an unlocked node is not enough: the
/// passphrase is asked for again, where there is one.
pub(super) async fn show(State(context): State<Context>, body: Bytes) -> Answer {
    let RecoveryRequest { language, passphrase } = parse(&body)?;
    let passphrase = passphrase.map(Zeroizing::new);
    let work = move |store: &mut Store| {
        let entropy = store.words_kept()?;
        store.check_passphrase(passphrase.as_deref().map(String::as_str))?;
        let words = recovery_words(entropy.expose(), language.as_deref().unwrap_or("en"));
        Ok(json!({ "words": *words }))
    };
    context.driver.run(work).await.map(AxumJson)
}

#[derive(Deserialize)]
struct RecoveryAnswer {
    position: usize,
    word: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecoveryAnswers {
    answers: Vec<RecoveryAnswer>,
}

/// At least three of the words prove that they are on paper.
pub(super) async fn check(State(context): State<Context>, body: Bytes) -> Answer {
    let RecoveryAnswers { answers } = parse(&body)?;
    let work = move |store: &mut Store| {
        let entropy = store.words_kept()?;
        let positions: BTreeSet<usize> = answers.iter().map(|answer| answer.position).collect();
        if positions.len() < ANSWERS {
            let detail = "at least three different positions";
            return Err(Error::new("bad-request").with("detail", detail));
        }
        if let Some(wrong) =
            answers.iter().find(|answer| !is_recovery_word(entropy, answer.position, &answer.word))
        {
            return Err(Error::new("recovery-mismatch").with("position", wrong.position));
        }
        store.let_go_of_words()?;
        Ok(json!({ "checked": true }))
    };
    context.driver.run(work).await.map(AxumJson)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Replacing {
    /// Without them those are meant that the vault keeps.
    words: Option<String>,
    passphrase: Option<String>,
}

/// As for showing the words that are kept, the passphrase is asked for again. Whoever types the words
/// needs none: they are more.
pub(super) async fn replace(State(context): State<Context>, body: Bytes) -> Answer {
    let Replacing { words, passphrase } = parse(&body)?;
    let (words, passphrase) = (words.map(Zeroizing::new), passphrase.map(Zeroizing::new));
    let work = move |store: &mut Store| {
        store.replace_words(words.as_deref().map(String::as_str), passphrase.as_deref().map(String::as_str))
    };
    context.driver.run(work).await.map(AxumJson)
}
