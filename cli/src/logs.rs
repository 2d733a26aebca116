//! Logs for whoever looks for a fault: on stderr, off by default, never with content.
//!
//! `-v` shows Musette's own doings, `-vv` its details, `-vvv` the libraries' too; `MUSETTE_LOG`
//! takes a full `tracing` filter instead.

use tracing_subscriber::EnvFilter;

/// Starts logging at the level that `-v…` or `MUSETTE_LOG` ask for.
pub(crate) fn start(verbose: u8) {
    let level = match verbose {
        0 => "off",
        1 => "off,musette=info,musette_node=info,musette_protocol=info",
        2 => "warn,musette=debug,musette_node=debug,musette_protocol=debug",
        _ => "trace",
    };
    let filter = EnvFilter::try_from_env("MUSETTE_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    // Fails only when logging was already started, which harms nothing.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
}
