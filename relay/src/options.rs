//! What the operator decides.

use std::path::PathBuf;

use clap::Parser;
use libp2p::Multiaddr;

/// Carries encrypted circuits between Musette nodes that cannot reach each other directly.
///
/// Prints the addresses at which it can be reached, one a line, and runs until it is told to stop.
/// Nodes do not use relays yet: this serves programs that speak libp2p's circuit relay v2.
#[derive(Debug, Parser)]
#[command(name = "musette-relay", version)]
pub(crate) struct Options {
    /// Where to listen; both QUIC and TCP addresses work, and several may be given.
    #[arg(
        long,
        value_name = "ADDR",
        num_args = 1..,
        default_values = ["/ip4/0.0.0.0/udp/4001/quic-v1", "/ip4/0.0.0.0/tcp/4001"],
    )]
    pub(crate) listen: Vec<Multiaddr>,

    /// The addresses that others are told instead of those of this machine, when it is behind a
    /// router or in a container.
    #[arg(long, value_name = "ADDR", num_args = 1..)]
    pub(crate) announce: Vec<Multiaddr>,

    /// The file with the transport key, made at the first start, readable by its owner only. The
    /// relay's address depends on it: keep it.
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_addresses_follow_one_option() {
        let words = ["musette-relay", "--key-file", "k", "--listen", "/ip4/1.2.3.4/tcp/1", "/ip6/::1/tcp/1"];
        let options = Options::try_parse_from(words).unwrap();
        assert_eq!(options.listen.len(), 2);
        assert!(Options::try_parse_from(["musette-relay"]).is_err(), "a relay without a key has no address");
    }
}
