//! The programs under test, built from what is in the working copy now.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use serde_json::Value;

/// Where `musette` is. The first call of a process builds it; cargo finds out whether there is
/// anything to do.
pub fn musette() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build(&["-p", "musette"], "musette"))
}

/// Where `musette-relay` is, likewise.
pub fn relay() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build(&["-p", "musette-relay"], "musette-relay"))
}

/// Where a relay with libp2p's own limits is.
pub fn plain_relay() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build(&["-p", "musette-relay", "--example", "plain"], "plain"))
}

fn build(what: &[&str], program: &str) -> PathBuf {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
    let mut command = Command::new(cargo);
    command
        .args(["build", "--quiet", "--message-format=json-render-diagnostics"])
        .args(what)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .stderr(Stdio::inherit());
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let built = command.output().expect("cargo starts");
    assert!(built.status.success(), "{program} does not build");
    executable(&built.stdout, program).expect("cargo says where it put the program")
}

/// What cargo's messages say about the program.
fn executable(messages: &[u8], program: &str) -> Option<PathBuf> {
    messages.split(|byte| *byte == b'\n').find_map(|line| {
        let message: Value = serde_json::from_slice(line).ok()?;
        let path = message["executable"].as_str()?;
        (message["target"]["name"] == program).then(|| PathBuf::from(path))
    })
}
