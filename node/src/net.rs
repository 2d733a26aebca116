//! The network shell: one libp2p swarm that hands framed streams to whoever drives a session.
//!
//! How it goes:
//! 1. [`Endpoint::start`] draws a transport key, binds every listen address and runs the swarm in a
//!    task of its own.
//! 2. Peers are met by mDNS ([`NetEvent::Discovered`]) or by an address ([`Endpoint::connect_any`]).
//! 3. Either side opens a stream for a [`Protocol`]; the other gets it as [`NetEvent::Stream`].
//! 4. Both speak in length-prefixed frames ([`Framed`]) whose bound is checked before a byte of them
//!    is stored.
//!
//! The transport key lives as long as the endpoint and says nothing about a person: mDNS would
//! otherwise let anybody follow a device from one Wi-Fi to the next. Who the peer is gets proved
//! *inside* a stream, by the pairing or session protocol.
//!
//! Everything that strangers can make this module hold is bounded in [`limits`]. Not promised: that
//! a connection is the only one to a peer (both may dial at once), or that a stream opened while
//! the other side is overloaded is accepted. A dropped stream ends before its first frame; open another.

mod behaviour;
mod circuits;
mod endpoint;
mod framed;
pub(crate) mod limits;
mod listen;
mod observed;
mod runner;
mod streams;

pub(crate) use endpoint::{Endpoint, EndpointConfig};
pub(crate) use framed::{FrameReader, FrameWriter, Framed};
use libp2p::{Multiaddr, PeerId, core::transport::ListenerId, swarm::ConnectionId};
pub(crate) use listen::{peer_of, without_peer};
use musette_protocol::{relaying, session::Version};
use tokio::sync::{mpsc, oneshot};

use crate::error::Error;
use runner::Command;

/// What a stream is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Protocol {
    /// Bringing a new device in: strangers may open it while an invitation is open.
    Pairing,
    /// Letting a device in by the recovery phrase: strangers may open it, and are told nothing.
    Recovering,
    /// Agreeing on records with one's own devices, in one of the versions that this program speaks.
    Sync(Version),
    /// Telling one's own devices where they all are, beside a session.
    Addresses,
    /// Showing a ticket to a relay. A node serves none.
    Relay,
}

impl Protocol {
    /// Those that others may open here.
    const SERVED: [Self; 6] = [
        Self::Pairing,
        Self::Recovering,
        Self::Sync(Version::Fourth),
        Self::Sync(Version::Third),
        Self::Sync(Version::First),
        Self::Addresses,
    ];

    /// The name that is negotiated on the wire.
    const fn name(self) -> &'static str {
        match self {
            Self::Pairing => "/musette/pair/1",
            Self::Recovering => "/musette/recover/1",
            Self::Sync(Version::First) => "/musette/sync/1",
            Self::Sync(Version::Third) => "/musette/sync/3",
            Self::Sync(Version::Fourth) => "/musette/sync/4",
            Self::Addresses => "/musette/addresses/1",
            Self::Relay => relaying::PROTOCOL,
        }
    }

    /// The longest frame from who called, in bytes.
    const fn max_called_with(self) -> usize {
        match self {
            Self::Pairing | Self::Recovering => limits::MAX_PAIRING_FRAME_LEN,
            _ => self.max_answer(),
        }
    }

    /// The longest frame from who was called, in bytes.
    const fn max_answer(self) -> usize {
        match self {
            Self::Pairing | Self::Recovering => limits::MAX_WELCOME_LEN,
            Self::Sync(_) => limits::MAX_SYNC_FRAME_LEN,
            Self::Addresses => limits::MAX_ADDRESSES_FRAME_LEN,
            Self::Relay => limits::MAX_RELAY_FRAME_LEN,
        }
    }
}

/// The kind of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Path {
    /// From one machine to the other.
    Direct,
    /// Through a relay, which carries a bounded number of bytes.
    Relayed,
}

/// An open connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Connection {
    /// Its name within the endpoint.
    pub(crate) id: ConnectionId,
    /// The transport at the other end.
    pub(crate) peer: PeerId,
    /// How it leads there.
    pub(crate) way: Way,
}

impl Connection {
    /// Its kind.
    pub(crate) const fn path(&self) -> Path {
        self.way.path()
    }
}

/// How a connection leads to a peer, and through whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// From one machine to the other.
    Direct {
        /// Whether over QUIC, else over TCP.
        quic: bool,
    },
    /// Through a relay.
    Relayed {
        /// Which, if its address says so.
        by: Option<PeerId>,
    },
}

impl Way {
    /// The path it takes.
    pub(crate) const fn path(self) -> Path {
        match self {
            Self::Direct { .. } => Path::Direct,
            Self::Relayed { .. } => Path::Relayed,
        }
    }
}

/// A place at a relay. Dropping it gives it up.
pub(crate) struct Reservation {
    listener: ListenerId,
    lost: oneshot::Receiver<Error>,
    commands: mpsc::Sender<Command>,
}

impl Reservation {
    /// Resolves once the place is lost: `connection-lost` when the connection ended or the relay would not renew
    /// it, `relay-refused` when the relay grants a moment only.
    pub(crate) async fn lost(&mut self) -> Error {
        (&mut self.lost).await.unwrap_or_else(|_| Error::new("connection-lost"))
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // With the queue full, or the endpoint gone, it ends with the connection.
        let _ = self.commands.try_send(Command::Release(self.listener));
    }
}

/// What happened on the network.
#[derive(Debug)]
pub(crate) enum NetEvent {
    /// mDNS heard of a peer. Only the side that asked hears, so whoever gets this should dial.
    Discovered {
        /// Who.
        peer: PeerId,
        /// Where, at most [`limits::MAX_ADDRESSES`].
        addresses: Vec<Multiaddr>,
    },
    /// The peer opened a stream. Streams opened here are returned by [`Endpoint::open_stream`].
    Stream {
        /// Over which connection.
        connection: Connection,
        /// What for.
        protocol: Protocol,
        /// The stream.
        stream: Box<Framed>,
    },
}
