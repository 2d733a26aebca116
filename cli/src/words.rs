//! The 24 words of the recovery phrase, as somebody types them.

use crate::context::Context;
use crate::error::Failure;
use crate::{prompt, t};
use zeroize::Zeroizing;

/// Words in a recovery phrase.
const WORDS: usize = 24;

/// Reads the words, on one line or on several. Never from an argument, which other programs can read.
pub(crate) fn ask(context: &Context) -> Result<Zeroizing<String>, Failure> {
    if prompt::is_interactive() {
        context.output.say(&t!("ask-words"));
    }
    let mut words = Zeroizing::new(String::new());
    while count(&words) < WORDS {
        let Some(line) = prompt::read_line()? else { break };
        let line = Zeroizing::new(line);
        if line.trim().is_empty() && !words.is_empty() {
            break;
        }
        words.push_str(&line);
        words.push(' ');
    }
    Ok(words)
}

/// How many words were typed; the numbers that `recovery show` puts before them are none.
fn count(typed: &str) -> usize {
    typed.split_whitespace().filter(|word| word.contains(char::is_alphabetic)).count()
}
