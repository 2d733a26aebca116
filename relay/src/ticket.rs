//! Making a ticket: `musette-relay ticket`.
//!
//! The key is all it takes: nothing is stored, and the relay need not run.

use libp2p::{Multiaddr, multiaddr::Protocol};
use musette_protocol::relaying::{RelayTicket, TicketId};

use crate::{
    config::{Config, ConfigError},
    desk::Moment,
    key::{self, KeyError},
    options,
};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Why there is no ticket.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TicketError {
    #[error("{0}")]
    Config(#[from] ConfigError),
    #[error("{0}")]
    Key(#[from] KeyError),
    #[error(
        "a ticket says where the relay can be called: give --address /dns4/relay.example.org/udp/4001/quic-v1, \
         or list its addresses under `announce` in the configuration"
    )]
    NoAddress,
    #[error("{0} is the address of another relay")]
    OtherRelay(Multiaddr),
    #[error("a ticket holds at most 16 addresses of 128 bytes")]
    TooLong,
    #[error("the system gives no randomness: {0}")]
    NoRandomness(getrandom::Error),
}

/// Makes the ticket that was asked for.
///
/// # Errors
/// When there is no key or no address, or something cannot be read.
pub(crate) fn make(options: &options::Ticket) -> Result<RelayTicket, TicketError> {
    let config = Config::load(options.file.config.as_deref())?;
    let key = key::load_existing(&config.key_file())?;
    let given = if options.address.is_empty() { config.announce } else { options.address.clone() };
    if given.is_empty() {
        return Err(TicketError::NoAddress);
    }
    let peer = key.public().to_peer_id();
    let addresses = given.into_iter().map(|mut address| match address.iter().last() {
        Some(Protocol::P2p(named)) if named != peer => Err(TicketError::OtherRelay(address)),
        Some(Protocol::P2p(_)) => {
            address.pop();
            Ok(address.to_vec())
        }
        _ => Ok(address.to_vec()),
    });
    let addresses = addresses.collect::<Result<_, _>>()?;
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(TicketError::NoRandomness)?;
    let expires = Moment::now().time.plus_millis(i64::from(options.days) * DAY_MS);
    RelayTicket::sign(&key::signing(&key), addresses, TicketId::from_bytes(id), expires, options.quota)
        .map_err(|_| TicketError::TooLong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::ConfigFile;

    #[test]
    fn a_ticket_names_the_relay_and_where_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        std::fs::write(&path, format!("data_dir = {:?}", dir.path())).unwrap();
        let mut options = options::Ticket {
            days: 1,
            quota: 5,
            address: Vec::new(),
            file: ConfigFile { config: Some(path) },
        };
        assert!(matches!(make(&options), Err(TicketError::Key(KeyError::NoKey { .. }))));
        let key = key::load_or_create(&dir.path().join("key")).unwrap();
        assert!(matches!(make(&options), Err(TicketError::NoAddress)));

        let address: Multiaddr = "/dns4/relay.example.org/udp/4001/quic-v1".parse().unwrap();
        options.address =
            vec![address.clone(), address.clone().with(Protocol::P2p(key.public().to_peer_id()))];
        let ticket: RelayTicket = make(&options).unwrap().to_string().parse().unwrap();
        assert_eq!(ticket.peer().to_vec(), key.public().to_peer_id().to_bytes());
        assert_eq!(ticket.terms().addresses, [address.to_vec(), address.to_vec()]);
        assert!(ticket.terms().id != make(&options).unwrap().terms().id, "each is counted by itself");

        options.address = vec![address.with(Protocol::P2p(libp2p::PeerId::random()))];
        assert!(matches!(make(&options), Err(TicketError::OtherRelay(_))));
    }
}
