//! The programs under test, built from what is in the working copy now.

use std::{
    collections::HashMap,
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use serde_json::Value;

/// Where `musette` is.
pub fn musette() -> &'static Path {
    built("musette")
}

/// Where `musette-relay` is.
pub fn relay() -> &'static Path {
    built("musette-relay")
}

/// Where a relay with libp2p's own limits is.
pub fn plain_relay() -> &'static Path {
    built("plain")
}

/// The first call of a process builds all programs; cargo finds out whether there is anything to do.
fn built(program: &str) -> &'static Path {
    static BUILT: OnceLock<HashMap<String, PathBuf>> = OnceLock::new();
    &BUILT.get_or_init(build)[program]
}

/// With what tests depend on, and without the variables that cargo sets for a test: so the dependencies are
/// those that were built for the tests, and are not built again.
fn build() -> HashMap<String, PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
    let mut command = Command::new(cargo);
    command
        .args(["build", "--workspace", "--bins", "--examples"])
        .args(["--quiet", "--message-format=json-render-diagnostics"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .stderr(Stdio::inherit());
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let of_the_test =
        ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_CRATE_NAME", "CARGO_BIN_", "CARGO_PRIMARY_PACKAGE"];
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| of_the_test.iter().any(|start| name.starts_with(start))) {
            command.env_remove(name);
        }
    }
    let output = command.output().expect("cargo starts");
    assert!(output.status.success(), "the programs do not build");
    output.stdout.split(|byte| *byte == b'\n').filter_map(executable).collect()
}

/// The program that one of cargo's messages is about, and where it is.
fn executable(message: &[u8]) -> Option<(String, PathBuf)> {
    let message: Value = serde_json::from_slice(message).ok()?;
    let (name, path) = (message["target"]["name"].as_str()?, message["executable"].as_str()?);
    Some((name.to_owned(), PathBuf::from(path)))
}
