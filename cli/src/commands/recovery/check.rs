//! `musette recovery check`: prove that the words were written down.
//!
//! On a terminal it asks for three of them. Otherwise it reads standard input: lines of
//! `POSITION WORD`, or all 24 words on one line.

use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::{prompt, t};
use serde_json::{Value, json};

/// Words in a recovery phrase.
const WORDS: u8 = 24;
/// Words that are asked for.
const ASKED: usize = 3;
/// Lines read from standard input at most.
const MAXIMUM_LINES: usize = 48;

/// Checks some of the words.
#[derive(clap::Args, Debug)]
pub(crate) struct Check {}

impl Check {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        // First the home: somebody without one should not have to search for the paper.
        let connection = context.connect().await?;
        let answers =
            if prompt::is_interactive() { ask_some() } else { read_lines().and_then(|lines| parse(&lines)) };
        let result = match answers {
            Ok(answers) => connection.post("/v1/recovery/check", json!({ "answers": answers })).await,
            Err(failure) => Err(failure),
        };
        connection.close().await?;
        let answer = result?;
        if context.output.is_json() {
            context.output.json(&answer)?;
        } else {
            context.output.answer(&t!("recovery-checked"))?;
        }
        Ok(Exit::Done)
    }
}

fn ask_some() -> Result<Vec<Value>, Failure> {
    random_positions()?
        .into_iter()
        .map(|position| {
            let word = prompt::ask(&t!("ask-word", position = position), None)?;
            Ok(answer(position, &word))
        })
        .collect()
}

/// Different positions, so that three words are proved and not one three times.
fn random_positions() -> Result<Vec<u8>, Failure> {
    let mut positions: Vec<u8> = (1..=WORDS).collect();
    for chosen in 0..ASKED {
        let left = u32::from(WORDS) - chosen as u32;
        // A bias of 24 in 2^32 lets nobody guess better.
        let drawn = getrandom::u32().map_err(|error| Failure::internal(&error))? % left;
        positions.swap(chosen, chosen + drawn as usize);
    }
    positions.truncate(ASKED);
    Ok(positions)
}

fn read_lines() -> Result<Vec<String>, Failure> {
    let mut lines = Vec::new();
    while let Some(line) = prompt::read_line()? {
        if !line.trim().is_empty() {
            lines.push(line);
        }
        if lines.len() > MAXIMUM_LINES {
            return Err(Failure::usage(t!("usage-recovery-lines")));
        }
    }
    Ok(lines)
}

fn parse(lines: &[String]) -> Result<Vec<Value>, Failure> {
    let wrong = || Failure::usage(t!("usage-recovery-lines"));
    if let [line] = lines {
        let words: Vec<_> = line.split_whitespace().collect();
        if words.len() == usize::from(WORDS) {
            return Ok((1..).zip(words).map(|(position, word)| answer(position, word)).collect());
        }
    }
    let answers: Option<Vec<_>> = lines
        .iter()
        .map(|line| {
            let (position, word) = line.trim().split_once(char::is_whitespace)?;
            let position = position.trim_end_matches('.').parse().ok()?;
            (1..=WORDS).contains(&position).then(|| answer(position, word.trim()))
        })
        .collect();
    answers.filter(|answers| answers.len() >= ASKED).ok_or_else(wrong)
}

fn answer(position: u8, word: &str) -> Value {
    json!({ "position": position, "word": word.to_lowercase() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn positions_are_different_and_within_the_phrase() {
        for _ in 0..200 {
            let mut positions = random_positions().unwrap();
            positions.sort_unstable();
            positions.dedup();
            assert_eq!(positions.len(), ASKED);
            assert!(positions.iter().all(|position| (1..=WORDS).contains(position)));
        }
    }

    #[test]
    fn both_forms_of_input_are_read() {
        let all = vec!["abandon"; 24].join(" ");
        assert_eq!(parse(&lines(&all)).unwrap().len(), 24);
        let some = parse(&lines("3 Zone\n 17  été\n24. abeille")).unwrap();
        assert_eq!(some[0], json!({"position": 3, "word": "zone"}));
        assert_eq!(some[2], json!({"position": 24, "word": "abeille"}));
    }

    #[test]
    fn too_few_or_impossible_answers_are_refused() {
        for text in ["", "1 a\n2 b", "0 a\n1 b\n2 c", "25 a\n1 b\n2 c", "a b\nc d\ne f"] {
            assert!(parse(&lines(text)).is_err(), "{text}");
        }
    }
}
