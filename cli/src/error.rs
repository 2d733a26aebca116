//! From an error code to a sentence, a hint and an exit code.
//!
//! Text goes to stderr. With `--json` stdout gets
//! `{"error":{"code","message","hint","args"}}` instead, `hint` being null where there is
//! none. Exit codes: 0 done, 1 failed, 2 usage, 3 partly done, 4 locked or wrong passphrase,
//! 5 deadline passed, 6 home in use, 7 home damaged or newer.

use crate::locale::{self, Arg};
use crate::output::Output;
use crate::t;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Display;

/// The exit code of a wrong command line.
const USAGE: u8 = 2;

/// How a command that did not fail ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Done,
    /// It ran, and the answer is "no": doctor found damage, an import could use nothing.
    Failed,
    /// Some rows landed, others did not.
    Partly,
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Partly => 3,
        }
    }
}

/// Why a command stopped.
#[derive(Debug)]
pub(crate) struct Failure {
    code: String,
    args: BTreeMap<String, String>,
    exit: u8,
    /// Set when nothing is to be said: the reader of stdout went away.
    is_silent: bool,
}

impl Failure {
    pub(crate) fn new(code: &'static str) -> Self {
        Self { code: code.to_owned(), args: BTreeMap::new(), exit: exit_of(code), is_silent: false }
    }

    /// Something that should not happen; `detail` is for a bug report and holds no content.
    pub(crate) fn internal(detail: &dyn Display) -> Self {
        Self::new("internal").with("detail", detail)
    }

    /// The line that was typed makes no sense; `message` is already a sentence.
    pub(crate) fn usage(message: String) -> Self {
        let mut failure = Self::new("usage").with("message", message);
        failure.exit = USAGE;
        failure
    }

    pub(crate) fn reader_gone() -> Self {
        let mut failure = Self::new("internal");
        failure.exit = 0;
        failure.is_silent = true;
        failure
    }

    pub(crate) fn with(mut self, name: &str, value: impl Display) -> Self {
        self.args.insert(name.to_owned(), value.to_string());
        self
    }

    /// Whether the node stopped before it answered.
    pub(crate) fn is_node_gone(&self) -> bool {
        self.code == "node-gone"
    }

    #[cfg(test)]
    pub(crate) fn code(&self) -> &str {
        &self.code
    }

    /// Tells the person (or the program) and gives the exit code.
    pub(crate) fn report(&self, output: &Output) -> u8 {
        if self.is_silent {
            return self.exit;
        }
        if output.is_json() {
            // A stdout that cannot be written leaves the exit code, which is still right.
            let _ = output.json(&json!({"error": {
                "code": self.code,
                "message": self.message(),
                "hint": self.hint(),
                "args": self.args,
            }}));
        } else {
            output.warn(&t!("failed", message = self.message()));
            if let Some(hint) = self.hint() {
                output.warn(&hint);
            }
        }
        self.exit
    }

    /// The sentence for this failure in the person's language.
    pub(crate) fn message(&self) -> String {
        locale::find(&format!("error-{}", self.code), &self.arguments())
            .unwrap_or_else(|| t!("error-unnamed", code = self.code.clone()))
    }

    fn hint(&self) -> Option<String> {
        locale::find(&format!("hint-{}", self.code), &self.arguments())
    }

    fn arguments(&self) -> Vec<(&str, Arg)> {
        let args = self.args.iter();
        locale::args_from_text(args.map(|(name, value)| (name.as_str(), value.as_str())))
    }
}

impl From<musette_node::error::Error> for Failure {
    fn from(error: musette_node::error::Error) -> Self {
        Self {
            code: error.code().to_owned(),
            args: error.args().clone(),
            exit: error.exit_code(),
            is_silent: false,
        }
    }
}

/// Exit codes of the failures that this crate itself finds.
fn exit_of(code: &str) -> u8 {
    match code {
        "passphrase-needed" | "wrong-passphrase" => 4,
        "deadline" | "not-synced" | "no-node-in-time" => 5,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_those_of_the_design() {
        assert_eq!(Failure::new("passphrase-needed").exit, 4);
        assert_eq!(Failure::new("deadline").exit, 5);
        assert_eq!(Failure::usage("no".to_owned()).exit, 2);
        assert_eq!(Exit::Partly.code(), 3);
        assert_eq!(Failure::reader_gone().exit, 0);
    }

    #[test]
    fn an_unknown_code_still_makes_a_sentence() {
        let mut failure = Failure::new("internal");
        failure.code = "from-a-newer-node".to_owned();
        assert!(failure.message().contains("from-a-newer-node"));
        assert_eq!(failure.hint(), None);
    }
}
