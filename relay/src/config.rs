//! What the operator decides: one small file, in which everything may be left out.

use std::{
    fs::File,
    io::{self, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
};

use libp2p::{Multiaddr, multiaddr::Protocol};
use serde::Deserialize;

use crate::limits;

/// The file that says what the relay does without one, with every default written out.
pub(crate) const DEFAULT_TEXT: &str = include_str!("../musette-relay.toml");

/// Why a file is no configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("{}: {error}", path.display())]
    Syntax { path: PathBuf, error: Box<toml::de::Error> },
    #[error("{}: {what}", path.display())]
    Senseless { path: PathBuf, what: &'static str },
}

/// What the file says.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) listen: Vec<Multiaddr>,
    pub(crate) announce: Vec<Multiaddr>,
    pub(crate) data_dir: PathBuf,
    pub(crate) metrics: Metrics,
    pub(crate) limits: Limits,
}

/// Where numbers can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum Metrics {
    Off,
    At(SocketAddr),
}

/// The section `[limits]`; [`crate::limits`] has the reasons.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Limits {
    pub(crate) connections: u32,
    pub(crate) reservations: u32,
    pub(crate) connections_per_source: u32,
    pub(crate) connects_per_source_and_minute: u32,
    pub(crate) connects_per_second: u32,
    pub(crate) circuits: u32,
    pub(crate) circuits_per_peer: u32,
    pub(crate) circuits_per_source: u32,
    pub(crate) circuit_bytes: u64,
    pub(crate) circuit_seconds: u32,
    pub(crate) peers_per_ticket: u32,
    pub(crate) open: bool,
    pub(crate) open_circuit_bytes: u64,
    pub(crate) open_circuit_seconds: u32,
    pub(crate) open_bytes_per_source_and_hour: u64,
    pub(crate) open_reservations_per_source: u32,
}

impl Default for Config {
    fn default() -> Self {
        let listen = ["/ip4/0.0.0.0/udp/4001/quic-v1", "/ip4/0.0.0.0/tcp/4001"];
        Self {
            listen: listen.iter().map(|address| address.parse().expect("it is an address")).collect(),
            announce: Vec::new(),
            data_dir: PathBuf::from("/var/lib/musette-relay"),
            metrics: Metrics::At(SocketAddr::from(([127, 0, 0, 1], 9464))),
            limits: Limits::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: limits::MAX_CONNECTIONS,
            reservations: limits::MAX_RESERVATIONS,
            connections_per_source: limits::CONNECTIONS_PER_SOURCE,
            connects_per_source_and_minute: limits::CONNECTS_PER_SOURCE_AND_MINUTE,
            connects_per_second: limits::CONNECTS_PER_SECOND,
            circuits: limits::MAX_CIRCUITS,
            circuits_per_peer: limits::MAX_CIRCUITS_PER_PEER,
            circuits_per_source: limits::CIRCUITS_PER_SOURCE,
            circuit_bytes: limits::CIRCUIT_BYTES,
            circuit_seconds: limits::CIRCUIT_SECONDS,
            peers_per_ticket: limits::PEERS_PER_TICKET,
            open: false,
            open_circuit_bytes: limits::OPEN_CIRCUIT_BYTES,
            open_circuit_seconds: limits::OPEN_CIRCUIT_SECONDS,
            open_bytes_per_source_and_hour: limits::OPEN_BYTES_PER_SOURCE_AND_HOUR,
            open_reservations_per_source: limits::OPEN_RESERVATIONS_PER_SOURCE,
        }
    }
}

impl Limits {
    /// Whether one of them keeps everybody out.
    fn serve_nobody(&self) -> bool {
        let counts = [
            self.connections,
            self.reservations,
            self.connections_per_source,
            self.connects_per_source_and_minute,
            self.connects_per_second,
            self.circuits,
            self.circuits_per_peer,
            self.circuits_per_source,
            self.circuit_seconds,
            self.peers_per_ticket,
        ];
        counts.contains(&0) || self.circuit_bytes == 0
    }
}

/// Whether an address is one to listen on, and none to call.
fn is_nowhere(address: &Multiaddr) -> bool {
    address.iter().any(|part| match part {
        Protocol::Ip4(ip) => ip.is_unspecified(),
        Protocol::Ip6(ip) => ip.is_unspecified(),
        Protocol::Tcp(port) | Protocol::Udp(port) => port == 0,
        _ => false,
    })
}

impl TryFrom<String> for Metrics {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        if text == "off" {
            return Ok(Self::Off);
        }
        let address =
            SocketAddr::from_str(&text).map_err(|_| "metrics are at an address and port, or \"off\"")?;
        if address.ip().is_loopback() {
            Ok(Self::At(address))
        } else {
            Err(
                "metrics are for this machine alone: give an address of loopback, as 127.0.0.1:9464, or \"off\"",
            )
        }
    }
}

impl Config {
    /// Reads a file; none is the default.
    ///
    /// # Errors
    /// When it cannot be read, says something unknown, or something that makes no sense.
    pub(crate) fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let Some(path) = path else { return Ok(Self::default()) };
        let failed = |error| ConfigError::Io { path: path.to_owned(), error };
        let mut text = String::new();
        let file = File::open(path).map_err(failed)?;
        file.take(limits::MAX_CONFIG_FILE_BYTES).read_to_string(&mut text).map_err(failed)?;
        let config: Self = toml::from_str(&text)
            .map_err(|error| ConfigError::Syntax { path: path.to_owned(), error: Box::new(error) })?;
        match config.senseless() {
            Some(what) => Err(ConfigError::Senseless { path: path.to_owned(), what }),
            None => Ok(config),
        }
    }

    fn senseless(&self) -> Option<&'static str> {
        if self.listen.is_empty() {
            return Some("`listen` is empty: nobody could call this relay");
        }
        if self.data_dir.as_os_str().is_empty() {
            return Some("`data_dir` is empty: it holds the relay's key");
        }
        if self.announce.iter().any(is_nowhere) {
            return Some(
                "`announce` has an address that nobody can call: give the one that others see, with its port",
            );
        }
        if self.limits.serve_nobody() {
            return Some(
                "under `[limits]` only what begins with `open` may be 0: the relay would serve nobody",
            );
        }
        if self.data_dir.starts_with("~") {
            return Some("`data_dir` begins with ~, which only shells know: write the whole path");
        }
        if self.announce.len() > limits::MAX_OWN_ADDRESSES {
            return Some("`announce` lists more than 16 addresses");
        }
        if self.limits.reservations >= self.limits.connections {
            return Some(
                "`connections` must be above `reservations`: there would be no room for those who call",
            );
        }
        None
    }

    pub(crate) fn key_file(&self) -> PathBuf {
        self.data_dir.join("key")
    }

    pub(crate) fn usage_file(&self) -> PathBuf {
        self.data_dir.join("usage")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Config, ConfigError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        std::fs::write(&path, text).unwrap();
        Config::load(Some(&path))
    }

    #[test]
    fn the_file_with_every_default_says_what_the_relay_does_without_one() {
        assert_eq!(load(DEFAULT_TEXT).unwrap(), Config::default());
        assert_eq!(load("").unwrap(), Config::default());
        // Every line of it counts: without any one of them a changed default would go unnoticed.
        let config: toml::Table = toml::from_str(DEFAULT_TEXT).unwrap();
        assert_eq!((config.len(), config["limits"].as_table().unwrap().len()), (5, 16));
    }

    #[test]
    fn a_mistake_is_a_sentence_not_a_silence() {
        let said = |text: &str| load(text).unwrap_err().to_string();
        assert!(said("metrics = \"0.0.0.0:9464\"").contains("for this machine alone"));
        assert!(said("metrics = \"yes\"").contains("or \"off\""));
        assert!(said("anounce = []").contains("anounce"));
        assert!(said("data_dir = \"~/relay\"").contains("whole path"));
        assert!(said("[limits]\nreservations = 4000").contains("no room for those who call"));
        assert!(said("listen = []").contains("nobody could call"));
        assert!(said("data_dir = \"\"").contains("is empty"));
        assert!(said("[limits]\ncircuit_bytes = 0").contains("serve nobody"));
        assert!(said("announce = [\"/ip4/0.0.0.0/tcp/4001\"]").contains("nobody can call"));
        assert!(said("announce = [\"/ip4/203.0.113.5/tcp/0\"]").contains("nobody can call"));
        assert_eq!(load("metrics = \"off\"").unwrap().metrics, Metrics::Off);
        assert!(matches!(load("metrics = \"[::1]:9464\"").unwrap().metrics, Metrics::At(_)));
    }
}
