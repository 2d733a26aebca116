//! `musette-relay`: a meeting point for nodes that cannot reach each other.
//!
//! 1. It reads, or makes, its transport key, so that its address outlives a restart.
//! 2. It listens, and prints each address at which it can be reached, one a line, on stdout.
//! 3. It carries circuits between peers that ask for them ([`circuit`]), within bounds of its own
//!    ([`limits`]), until SIGTERM or SIGINT.
//!
//! A circuit's two ends encrypt to each other: the relay sees who talks to whom from which address,
//! when and how much, and nothing of what they say. It keeps none of this, on disk or in its log.
//!
//! What it does not do: nodes do not use relays yet, so today it serves any program that speaks
//! libp2p's circuit relay v2. It admits everybody within its bounds, has no tickets, and stores
//! nothing for anybody.

mod circuit;
mod key;
mod limits;
mod options;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;
use libp2p::Multiaddr;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::{circuit::Relay, options::Options};

/// Why the relay does not run.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Key(#[from] key::KeyError),
    #[error("{0}")]
    Relay(#[from] circuit::RelayError),
    #[error("the system refused: {0}")]
    System(#[from] io::Error),
}

fn main() -> ExitCode {
    let options = Options::parse();
    start_logs();
    match run(&options) {
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
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).try_init();
}

fn run(options: &Options) -> Result<(), Failure> {
    let key = key::load_or_create(&options.key_file)?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let mut relay = Relay::start(key, &options.listen, &options.announce)?;
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
        Ok(())
    })
}

/// A reader that has seen enough, as in `musette-relay | head -1`, does not stop a relay.
fn print(address: &Multiaddr) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{address}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
