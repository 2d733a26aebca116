//! A loopback interface of one's own, and the bytes that crossed it.
//!
//! The program starts itself again in a new network namespace: nothing leaves the machine, nothing
//! else uses this loopback, and the kernel's counter is exactly what the two nodes sent to each
//! other, counted in the same way for every program.

use std::{
    env, fs,
    os::unix::process::CommandExt as _,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result};

/// Set in the program that runs in its own namespace.
const INSIDE: &str = "MUSETTE_PEERS_INSIDE";
/// The namespace's owner may raise its interface; nobody needs to be root outside.
const UNSHARE: [&str; 3] = ["--user", "--map-root-user", "--net"];
const RAISE: &str = "ip link set lo up && exec \"$@\"";

/// Starts this program again in a namespace of its own; comes back only when it is in one already,
/// or when the machine allows none.
pub(crate) fn enter() -> Result<()> {
    if env::var_os(INSIDE).is_some() || !allowed() {
        return Ok(());
    }
    let program = env::current_exe()?;
    let mut command = Command::new("unshare");
    command.args(UNSHARE).args(["sh", "-c", RAISE, "sh"]).arg(program).args(env::args_os().skip(1));
    Err(command.env(INSIDE, "1").exec()).context("unshare does not start")
}

/// Whether this loopback is used by nobody else.
pub(crate) fn is_ours() -> bool {
    env::var_os(INSIDE).is_some()
}

fn allowed() -> bool {
    let mut command = Command::new("unshare");
    command.args(UNSHARE).args(["sh", "-c", RAISE, "sh", "true"]).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Bytes of all packets that crossed the loopback interface so far, both directions, with their IP
/// headers.
pub(crate) fn bytes() -> Result<u64> {
    let table = fs::read_to_string("/proc/net/dev")?;
    let line = table.lines().find_map(|line| line.trim_start().strip_prefix("lo:"));
    let received = line.and_then(|line| line.split_whitespace().next());
    received.context("no loopback interface")?.parse().context("not a count of bytes")
}
