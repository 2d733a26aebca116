//! Asking the person. Questions go to stderr; stdout stays free for answers.

use crate::error::Failure;
use crate::t;
use std::io::{self, BufRead, IsTerminal, Write};
use zeroize::Zeroizing;

/// Whether there is somebody to ask.
pub(crate) fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks for a line; an empty one means `default`.
pub(crate) fn ask(question: &str, default: Option<&str>) -> Result<String, Failure> {
    loop {
        let shown = match default {
            Some(default) => {
                t!("prompt-with-default", question = question.to_owned(), default = default.to_owned())
            }
            None => t!("prompt", question = question.to_owned()),
        };
        write_prompt(&shown)?;
        let Some(line) = read_line()? else {
            return Err(Failure::new("input-ended"));
        };
        match (line.trim(), default) {
            ("", Some(default)) => return Ok(default.to_owned()),
            ("", None) => {}
            (answer, _) => return Ok(answer.to_owned()),
        }
    }
}

/// Asks for something to be typed, before what cannot be taken back; `refusal` is the error's code.
pub(crate) fn insist(question: &str, expected: &str, refusal: &'static str) -> Result<(), Failure> {
    if ask(question, None)? == expected { Ok(()) } else { Err(Failure::new(refusal)) }
}

/// Asks without showing what is typed.
pub(crate) fn ask_secret(question: &str) -> Result<Zeroizing<String>, Failure> {
    rpassword::prompt_password(t!("prompt", question = question.to_owned()))
        .map(Zeroizing::new)
        .map_err(|_| Failure::new("input-ended"))
}

/// The next line of standard input without its end, or `None` after the last one.
pub(crate) fn read_line() -> Result<Option<String>, Failure> {
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line).map_err(|_| Failure::new("input-ended"))?;
    if read == 0 {
        return Ok(None);
    }
    Ok(Some(line.trim_end_matches(['\r', '\n']).to_owned()))
}

fn write_prompt(text: &str) -> Result<(), Failure> {
    let mut stderr = io::stderr().lock();
    stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush()).map_err(|error| Failure::internal(&error))
}
