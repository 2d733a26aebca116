//! `musette`: the command line of a person's own data satchel.
//!
//! The flow of every run:
//! 1. the language is chosen from the raw arguments, so that even a usage error is in it;
//! 2. the arguments are parsed; help and usage errors end here, with exit code 0 or 2;
//! 3. the command runs: through the running node's socket when there is one, in process
//!    through the same handlers otherwise;
//! 4. answers go to stdout, the conversation to stderr, and a failure becomes a sentence,
//!    a hint and an exit code (`error.rs`).
//!
//! What a command means is decided by the node; this crate only asks and tells.

mod args;
mod client;
mod commands;
mod context;
mod dates;
mod error;
mod fields;
mod help;
mod interrupt;
mod item;
mod locale;
mod logs;
mod output;
mod panics;
mod prompt;
mod quantities;
mod text;
mod timeline_drawing;
mod vault;
mod words;

use crate::error::{Exit, Failure};
use crate::output::Output;
use std::process::ExitCode;
use std::time::Duration;

/// How long blocking work may still run after the command has answered.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    locale::choose(locale::Language::from_surroundings(&arguments));
    panics::install();
    let output = Output::new(&arguments);
    ExitCode::from(match run(arguments, output.clone()) {
        Ok(exit) => exit.code(),
        Err(failure) => failure.report(&output),
    })
}

fn run(arguments: Vec<std::ffi::OsString>, output: Output) -> Result<Exit, Failure> {
    let Some(parsed) = help::parse(arguments, &output)? else {
        return Ok(Exit::Done);
    };
    logs::start(parsed.global.verbose);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::internal(&error))?;
    let result = runtime.block_on(commands::run(parsed, output));
    runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
    result
}
