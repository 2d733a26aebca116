//! What a test needs of the machine beside Rust.
//!
//! `MUSETTE_TESTS_REQUIRE`, a list of words with commas, turns a skipped test into a failed one:
//! CI says there what its machine can do.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::memory::Memory;

/// Names the words: network namespaces, mounts and tracing tools.
pub const PRIVILEGES: &str = "netns";
/// Names the folder of real exports beside the working copy.
pub const SAMPLES: &str = "samples";

/// Whether a test may run; says why not.
fn met(word: &str, missing: Option<String>) -> bool {
    let Some(missing) = missing else { return true };
    let required = env::var("MUSETTE_TESTS_REQUIRE").unwrap_or_default();
    assert!(!required.split(',').any(|one| one.trim() == word), "{word} is required here, but: {missing}");
    eprintln!("skipped: {missing}");
    false
}

/// Root, namespaces, and these programs.
pub fn privileges(tools: &[&str]) -> bool {
    let missing = tools.iter().find(|tool| !is_there(tool)).map(|tool| format!("{tool} is not installed"));
    met(
        PRIVILEGES,
        missing.or_else(|| (!can_make_namespaces()).then(|| "not allowed to make namespaces".to_owned())),
    )
}

/// That the memory of a process may be read, though it is this test's own child.
pub fn memory(process: u32) -> bool {
    met(PRIVILEGES, Memory::of(process).err().map(|error| format!("no other process's memory: {error}")))
}

/// The folder of real exports.
pub fn samples() -> Option<PathBuf> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/samples")).to_owned();
    let missing = (!folder.is_dir()).then(|| "there are no samples beside the working copy".to_owned());
    met(SAMPLES, missing).then_some(folder)
}

fn is_there(tool: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(tool).is_file())
}

/// Tries it: containers take rights away in many ways.
fn can_make_namespaces() -> bool {
    let quietly = |args: &[&str]| {
        let mut command = Command::new(args[0]);
        command.args(&args[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    rustix::process::geteuid().is_root() && quietly(&["unshare", "--net", "--mount", "true"])
}
