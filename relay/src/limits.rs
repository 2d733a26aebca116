//! Every bound of the relay, with its reason.
//!
//! libp2p's own (16 circuits, two minutes, 128 KiB each way) are made for a hole punch and kill the
//! first sync of a real Musette. About a third of all pairs never connect directly, so a circuit
//! here is meant to carry whole syncs; what bounds the operator's cost is how many there are.

use std::{num::NonZeroU32, time::Duration};

/// Connections of peers: each costs some 100 KiB with its windows mostly empty.
pub(crate) const MAX_CONNECTIONS: u32 = 1_024;
/// Handshakes under way: each costs a key agreement, so a flood must not pile up.
pub(crate) const MAX_PENDING_INBOUND: u32 = 128;
/// Connections of one peer: QUIC and TCP at once, while an older one dies.
pub(crate) const MAX_CONNECTIONS_PER_PEER: u32 = 4;
/// Streams in one connection: its circuits, reservations, ping and identify.
pub(crate) const MAX_STREAMS_PER_CONNECTION: u32 = 64;
/// Unread bytes that QUIC keeps for one stream; at 40 ms of round trip this carries 25 MB/s.
pub(crate) const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
/// Unread bytes that QUIC keeps for one connection.
pub(crate) const CONNECTION_WINDOW_BYTES: u32 = 2 * 1024 * 1024;

/// Peers that can be called through this relay.
pub(crate) const MAX_RESERVATIONS: usize = 512;
/// Reservations of one peer: one per connection.
pub(crate) const MAX_RESERVATIONS_PER_PEER: usize = 4;
/// After this a reservation is renewed: a peer that vanished frees its place within the hour.
pub(crate) const RESERVATION_DURATION: Duration = Duration::from_secs(60 * 60);
/// Circuits at once. Each buffers 8 KiB each way and may take the server's whole bandwidth.
pub(crate) const MAX_CIRCUITS: usize = 128;
/// Circuits to one peer: a person's devices and a few contacts.
pub(crate) const MAX_CIRCUITS_PER_PEER: usize = 8;
/// A circuit's life: an evening of live sync; whoever needs longer connects again.
pub(crate) const MAX_CIRCUIT_DURATION: Duration = Duration::from_secs(6 * 60 * 60);
/// Bytes through one circuit, both ways together: the first sync of a large Musette with its
/// pictures. Syncing resumes where it was cut.
pub(crate) const MAX_CIRCUIT_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// Requests that one peer may make at once, for a reservation or for a circuit.
pub(crate) const PEER_BURST: NonZeroU32 = NonZeroU32::new(30).expect("not zero");
/// After this one more of them.
pub(crate) const PEER_INTERVAL: Duration = Duration::from_secs(30);
/// Requests that come from one address at once: an office or a mobile operator shares one.
pub(crate) const ADDRESS_BURST: NonZeroU32 = NonZeroU32::new(240).expect("not zero");
/// After this one more of them.
pub(crate) const ADDRESS_INTERVAL: Duration = Duration::from_secs(5);

/// A handshake from outside: a stalled one frees its place.
pub(crate) const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);
/// A connection without reservation or circuit closes after this.
pub(crate) const IDLE_DEADLINE: Duration = Duration::from_secs(30);
/// How often a connection is asked for a sign of life, and how long the answer may take.
pub(crate) const PING_INTERVAL: Duration = Duration::from_secs(15);
/// See [`PING_INTERVAL`].
pub(crate) const PING_DEADLINE: Duration = Duration::from_secs(20);
/// A key file is 68 bytes; more than this is another file, named by mistake.
pub(crate) const MAX_KEY_FILE_BYTES: u64 = 4 * 1024;
