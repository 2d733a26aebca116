//! Parsing the command line, with help and usage errors in the person's language.
//!
//! The texts are found by walking clap's own tree of commands, so that a new argument without
//! a text fails a test rather than showing a blank.

use crate::args::Arguments;
use crate::error::Failure;
use crate::output::Output;
use crate::{locale, t};
use clap::error::{ContextKind, ErrorKind};
use clap::{Arg, ArgAction, Command, CommandFactory, FromArgMatches};
use std::error::Error as _;
use std::ffi::OsString;

/// The parsed line, or `None` when help or the version was asked for and given.
pub(crate) fn parse(arguments: Vec<OsString>, output: &Output) -> Result<Option<Arguments>, Failure> {
    let parsed =
        command().try_get_matches_from(arguments).and_then(|matches| Arguments::from_arg_matches(&matches));
    match parsed {
        Ok(parsed) => Ok(Some(parsed)),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                output.answer(error.render().to_string().trim_end())?;
                Ok(None)
            }
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                output.warn(error.render().to_string().trim_end());
                Err(Failure::usage(t!("usage-nothing-asked")))
            }
            _ => Err(Failure::usage(explain(&error))),
        },
    }
}

/// The whole tree of commands with its texts.
fn command() -> Command {
    let flag = |name: &'static str, short, action| Arg::new(name).long(name).short(short).action(action);
    let root = Arguments::command()
        .disable_help_flag(true)
        .disable_version_flag(true)
        .disable_help_subcommand(true)
        .arg(flag("help", 'h', ArgAction::Help).global(true))
        .arg(flag("version", 'V', ArgAction::Version));
    localise(root, "musette")
}

/// Options that every command has come after its own.
const AFTER_OWN: usize = 100;

fn localise(command: Command, path: &str) -> Command {
    let arguments: Vec<_> = command.get_arguments().map(|arg| arg.get_id().clone()).collect();
    let subcommands: Vec<_> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    let mut command = command
        .about(locale::message(&format!("help-{path}"), &[]))
        .subcommand_help_heading(t!("help-commands"))
        .subcommand_value_name(t!("help-command-value"))
        .help_template(format!("{{about-with-newline}}\n{} {{usage}}\n\n{{all-args}}", t!("help-usage")));
    for (order, id) in arguments.into_iter().enumerate() {
        let key = format!("help-{path}--{id}");
        command = command.mut_arg(id, |arg| describe(arg, &key, order));
    }
    for name in subcommands {
        let path = format!("{path}-{name}");
        command = command.mut_subcommand(&name, |sub| localise(sub, &path));
    }
    command
}

fn describe(arg: Arg, key: &str, order: usize) -> Arg {
    let heading = if arg.is_positional() { t!("help-arguments") } else { t!("help-options") };
    let order = if arg.is_global_set() { AFTER_OWN + order } else { order };
    let value_name = value_key(&arg).and_then(|key| locale::find(&key, &[]));
    // What clap would add by itself is in English; the texts say it.
    let is_flag = !arg.get_action().takes_values();
    let arg = arg
        .help(locale::message(key, &[]))
        .help_heading(heading)
        .display_order(order)
        .hide_env(true)
        .hide_default_value(!is_flag)
        .hide_possible_values(!is_flag);
    match value_name {
        Some(name) => arg.value_name(name),
        None => arg,
    }
}

/// The key of what stands for an argument's value; `fr|en` stands for itself.
fn value_key(arg: &Arg) -> Option<String> {
    let name = arg.get_value_names()?.first()?.as_str();
    let is_word = !name.contains('|') && arg.get_action().takes_values();
    is_word.then(|| format!("value-{}", name.to_lowercase().replace('=', "-")))
}

fn explain(error: &clap::Error) -> String {
    let context = |kind| error.get(kind).map(ToString::to_string).unwrap_or_default();
    let argument = context(ContextKind::InvalidArg).trim_end_matches("...").to_owned();
    match error.kind() {
        ErrorKind::UnknownArgument => t!("usage-unknown-argument", argument = argument),
        ErrorKind::InvalidSubcommand => {
            t!("usage-unknown-command", command = context(ContextKind::InvalidSubcommand))
        }
        ErrorKind::MissingRequiredArgument => t!("usage-missing", argument = argument),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let value = context(ContextKind::InvalidValue);
            let message = t!("usage-bad-value", argument = argument, value = value);
            // Our own parsers say what they expected.
            error.source().map_or(message.clone(), |reason| format!("{message} {reason}"))
        }
        ErrorKind::ArgumentConflict => {
            t!("usage-conflict", argument = argument, other = context(ContextKind::PriorArg))
        }
        ErrorKind::MissingSubcommand => t!("usage-nothing-asked"),
        ErrorKind::InvalidUtf8 => t!("usage-not-utf8"),
        _ => t!("usage-wrong", argument = argument),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collect_keys(command: &Command, path: &str, keys: &mut Vec<String>) {
        keys.push(format!("help-{path}"));
        for arg in command.get_arguments() {
            keys.push(format!("help-{path}--{}", arg.get_id()));
            keys.extend(value_key(arg));
        }
        for sub in command.get_subcommands() {
            collect_keys(sub, &format!("{path}-{}", sub.get_name()), keys);
        }
    }

    #[test]
    fn the_tree_is_sound_and_every_argument_has_a_text() {
        command().debug_assert();
        let mut keys = Vec::new();
        collect_keys(&Arguments::command(), "musette", &mut keys);
        keys.extend(["help-musette--help".to_owned(), "help-musette--version".to_owned()]);
        let missing: Vec<_> = keys.into_iter().filter(|key| locale::find(key, &[]).is_none()).collect();
        assert!(missing.is_empty(), "without a text: {missing:#?}");
    }

    fn exit_of(line: &str) -> Option<Failure> {
        let output = Output::new(&[]);
        parse(line.split(' ').map(OsString::from).collect(), &output).err()
    }

    #[test]
    fn a_wrong_line_names_what_is_wrong() {
        let failure = exit_of("musette list --colour").unwrap();
        assert!(failure.message().contains("--colour"), "{}", failure.message());
        let failure = exit_of("musette lst").unwrap();
        assert!(failure.message().contains("lst"));
        assert!(exit_of("musette import list").is_none());
        assert!(exit_of("musette import undo abcdef").is_none());
        assert!(exit_of("musette import ./list --dry-run --json").is_none());
    }

    #[test]
    fn a_word_that_is_no_assignment_is_explained() {
        let failure = exit_of("musette add note title").unwrap();
        let message = failure.message();
        assert!(message.contains("title") && message.contains("FIELD=VALUE"), "{message}");
    }
}
