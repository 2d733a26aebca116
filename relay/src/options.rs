//! What is typed at the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use libp2p::Multiaddr;

use crate::limits::MAX_TICKET_DAYS;

/// Carries encrypted circuits between Musette nodes that cannot reach each other directly.
#[derive(Debug, Parser)]
#[command(name = "musette-relay", version)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Relays until it is told to stop; prints the addresses at which it can be reached, one a line.
    Run(ConfigFile),
    /// Prints a ticket that lets its holder use this relay.
    ///
    /// Whoever has the ticket can use it up: hand it to one person, over a way that others do not
    /// read. Nothing is stored; a ticket cannot be taken back before it ends.
    Ticket(Ticket),
    /// Prints the configuration that holds without a file, with what everything means.
    Config,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigFile {
    /// The configuration; `musette-relay config` prints one to begin with.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Ticket {
    /// After how many days it ends.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_TICKET_DAYS)))]
    pub(crate) days: u32,

    /// How much it carries in all, both ways together: 500MB, 2GB, 1TB.
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    pub(crate) quota: u64,

    /// Where the relay can be called, in place of `announce` of the configuration.
    #[arg(long, value_name = "ADDR", num_args = 1..)]
    pub(crate) address: Vec<Multiaddr>,

    #[command(flatten)]
    pub(crate) file: ConfigFile,
}

/// A number of megabytes or more, in powers of ten as everywhere in Musette.
fn bytes(text: &str) -> Result<u64, String> {
    let units = [("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000)];
    let sized = units.iter().find_map(|(unit, size)| Some((text.strip_suffix(unit)?.trim_end(), *size)));
    let bytes = sized.and_then(|(number, size): (&str, u64)| number.parse::<u64>().ok()?.checked_mul(size));
    bytes
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| "a size is a whole number and MB, GB or TB: 2GB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Result<Command, clap::Error> {
        Options::try_parse_from(format!("musette-relay {words}").split(' ')).map(|options| options.command)
    }

    #[test]
    fn a_ticket_has_an_end_and_a_quota() {
        let Ok(Command::Ticket(ticket)) =
            parse("ticket --days 365 --quota 2GB --address /ip4/192.0.2.7/tcp/1 /ip6/::1/tcp/1")
        else {
            panic!("a ticket")
        };
        assert_eq!((ticket.days, ticket.quota, ticket.address.len()), (365, 2_000_000_000, 2));
        for wrong in ["--days 0 --quota 2GB", "--days 4000 --quota 2GB", "--days 1", "--quota 2GB"] {
            assert!(parse(&format!("ticket {wrong}")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_size_has_a_unit() {
        assert_eq!(bytes("500MB"), Ok(500_000_000));
        assert_eq!(bytes("1 TB"), Ok(1_000_000_000_000));
        for wrong in ["", "2", "2G", "-2GB", "0GB", "1.5GB", "99999999999TB"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }
}
