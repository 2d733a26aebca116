//! `musette-relay`: a meeting point for nodes that cannot reach each other.
//!
//! 1. It reads, or makes, its transport key, so that its address outlives a restart.
//! 2. It listens, and prints each address at which it can be reached, one a line, on stdout.
//! 3. It carries circuits ([`circuit`]) to peers that have a ticket of its operator's, within what
//!    [`desk`] lets them, until SIGTERM or SIGINT.
//!
//! A circuit's two ends encrypt to each other: the relay sees who talks to whom from which address,
//! when and how much, and nothing of what they say. It keeps of this the bytes used on each ticket,
//! and nothing else; `protocol/spec/threats.md` lists what an operator can see.
//!
//! What it does not do: store anything for anybody.

mod abuse;
mod circuit;
mod config;
mod desk;
mod files;
mod gate;
mod key;
mod ledger;
mod limits;
mod metrics;
mod options;
mod present;
mod rate;
mod server;
mod service;
mod source;
mod streams;
mod ticket;

use std::{
    fmt::Display,
    io::{self, IsTerminal as _, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::Parser;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::{
    config::Config,
    options::{Command, ConfigFile, Options},
    server::Relay,
};

/// Why the relay does not do what it was asked to.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Config(#[from] config::ConfigError),
    #[error("{0}")]
    Key(#[from] key::KeyError),
    #[error("{0}")]
    Relay(#[from] server::RelayError),
    #[error("{0}")]
    Ticket(#[from] ticket::TicketError),
    #[error("data_dir, {}: {error}", path.display())]
    Data { path: PathBuf, error: io::Error },
    #[error("data_dir, {}, is used by another relay that runs: {error}", path.display())]
    Locked { path: PathBuf, error: io::Error },
    #[error("the system refused: {0}")]
    System(#[from] io::Error),
}

fn main() -> ExitCode {
    let outcome = match Options::parse().command {
        Command::Run(options) => run(&options),
        Command::Ticket(options) => {
            ticket::make(&options).map_err(Failure::from).and_then(|ticket| print(&ticket))
        }
        Command::Config => print(&config::DEFAULT_TEXT.trim_end()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nowhere is left to say that stderr is closed.
            let _ = writeln!(io::stderr().lock(), "musette-relay: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// On stderr. Of libp2p only what somebody asks for by `MUSETTE_LOG`: it names peers and addresses.
fn start_logs() {
    let filter =
        EnvFilter::try_from_env("MUSETTE_LOG").unwrap_or_else(|_| EnvFilter::new("off,musette_relay=info"));
    // Fails only when logging was already started, which harms nothing.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .try_init();
}

fn run(options: &ConfigFile) -> Result<(), Failure> {
    start_logs();
    let config = Config::load(options.config.as_deref())?;
    files::private_dir(&config.data_dir)
        .map_err(|error| Failure::Data { path: config.data_dir.clone(), error })?;
    // Held until the process ends: two relays would each count what was used as if it were alone.
    let _lock = files::lock(&config.data_dir)
        .map_err(|error| Failure::Locked { path: config.data_dir.clone(), error })?;
    let key = key::load_or_create(&config.key_file())?;
    allow_files();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let mut relay = Relay::start(key, &config).await?;
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        loop {
            tokio::select! {
                address = relay.next_address() => print(&address)?,
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
            }
        }
        tracing::info!("stopping");
        relay.stop().await;
        Ok(())
    })
}

/// As many open files as the system lets: every TCP connection is one, and 1,024 is what many shells
/// begin with.
fn allow_files() {
    let limit = getrlimit(Resource::Nofile);
    // Fewer are no reason not to run: the system then refuses connections, and the relay says so.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

/// A reader that has seen enough, as in `musette-relay run | head -1`, does not stop a relay.
fn print(line: &impl Display) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{line}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}
