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
    BUILT.get_or_init(|| build("musette"))
}

/// Where `musette-relay` is, likewise.
pub fn relay() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build("musette-relay"))
}

fn build(package: &str) -> PathBuf {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
    let mut command = Command::new(cargo);
    command
        .args(["build", "--quiet", "--message-format=json-render-diagnostics", "-p", package])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .stderr(Stdio::inherit());
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let built = command.output().expect("cargo starts");
    assert!(built.status.success(), "{package} does not build");
    executable(&built.stdout, package).expect("cargo says where it put the program")
}

/// What cargo's messages say about the program.
fn executable(messages: &[u8], package: &str) -> Option<PathBuf> {
    messages.split(|byte| *byte == b'\n').find_map(|line| {
        let message: Value = serde_json::from_slice(line).ok()?;
        let is_it = message["target"]["name"] == package && message["target"]["kind"][0] == "bin";
        let path = message["executable"].as_str().filter(|_| is_it)?;
        Some(PathBuf::from(path))
    })
}
