//! Every bound of the relay, with its reason. Those that an operator may want otherwise are the
//! defaults of [`crate::config`].
//!
//! libp2p's own (16 circuits, two minutes, 128 KiB) are made for a hole punch and kill the
//! first sync of a real Musette. About a third of all pairs never connect directly, so a circuit
//! here is meant to carry whole syncs; what bounds the operator's cost is who was given a ticket.

use std::time::Duration;

// Defaults of the configuration.

/// Connections of peers: those with a reservation, and a thousand that call somebody or come and go.
pub(crate) const MAX_CONNECTIONS: u32 = 4_000;
/// Peers that can be called through this relay: more than an association has devices.
pub(crate) const MAX_RESERVATIONS: u32 = 3_000;
/// Circuits at once: a sixth of those who could be called. Each holds two buffers of
/// [`COPY_BUFFER_BYTES`].
pub(crate) const MAX_CIRCUITS: u32 = 500;
/// Circuits to one peer: a person's devices, a few contacts, and one that is being paired. Callers without the
/// ticket of the called have half of them: who wants to keep the person's own devices out cannot.
pub(crate) const MAX_CIRCUITS_PER_PEER: u32 = 16;
/// Circuits that callers of one address have at once: no one address takes them all.
pub(crate) const CIRCUITS_PER_SOURCE: u32 = 64;
/// Bytes through one circuit, both ways together: the first sync of a large Musette with its
/// attachments, the largest of which are some 200 MB. Syncing resumes where it was cut.
pub(crate) const CIRCUIT_BYTES: u64 = 4_000_000_000;
/// Seconds that one circuit lasts: an evening of live sync; whoever needs longer calls again.
pub(crate) const CIRCUIT_SECONDS: u32 = 6 * 60 * 60;
/// Peers that use one ticket at once: a person's devices.
pub(crate) const PEERS_PER_TICKET: u32 = 16;
/// Connections from one address: an office, a school or a mobile operator shares one.
pub(crate) const CONNECTIONS_PER_SOURCE: u32 = 256;
/// New connections that one address may make in a minute, as many at once; over QUIC and TCP apart.
pub(crate) const CONNECTS_PER_SOURCE_AND_MINUTE: u32 = 120;
/// New connections that all addresses together may make in a second, those of
/// [`REGULAR_TTL`] not counted. A handshake takes one or two milliseconds: this is a fifth of a core.
/// After a restart two thousand clients are back in twenty seconds.
pub(crate) const CONNECTS_PER_SECOND: u32 = 100;
/// Bytes through one circuit to a stranger, where the relay is open: texts, not attachments.
pub(crate) const OPEN_CIRCUIT_BYTES: u64 = 16_000_000;
/// Seconds of such a circuit: a first sync of texts.
pub(crate) const OPEN_CIRCUIT_SECONDS: u32 = 15 * 60;
/// Bytes an hour to all strangers of one address.
pub(crate) const OPEN_BYTES_PER_SOURCE_AND_HOUR: u64 = 100_000_000;
/// Reservations of strangers of one address: a household's devices.
pub(crate) const OPEN_RESERVATIONS_PER_SOURCE: u32 = 8;

// Connections.

/// Handshakes under way: each costs a key agreement, so a flood must not pile up.
pub(crate) const MAX_PENDING_INBOUND: u32 = 256;
/// Connections of one peer: QUIC and TCP at once, while an older one dies.
pub(crate) const MAX_CONNECTIONS_PER_PEER: u32 = 4;
/// Calls of our own at once: each tells a node whether it can be reached, in a moment, and is closed after
/// [`IDLE_DEADLINE`].
pub(crate) const MAX_OUTBOUND: u32 = 16;
/// Streams in one connection: its circuits, reservations, ping and identify.
pub(crate) const MAX_STREAMS_PER_CONNECTION: u32 = 64;
/// Unread bytes that QUIC keeps for one stream; at 40 ms of round trip this carries 25 MB/s.
pub(crate) const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
/// Unread bytes that QUIC keeps for one connection.
pub(crate) const CONNECTION_WINDOW_BYTES: u32 = 2 * 1024 * 1024;
/// A handshake from outside: a stalled one frees its place.
pub(crate) const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);
/// A connection without reservation or circuit closes after this, whatever it does.
pub(crate) const IDLE_DEADLINE: Duration = Duration::from_secs(30);
/// How often the relay looks for what has ended: connections, reservations, tickets.
pub(crate) const SWEEP_INTERVAL: Duration = Duration::from_secs(10);
/// How often a connection is asked for a sign of life, and how long the answer may take. Routers
/// forget a UDP flow after 30 seconds.
pub(crate) const PING_INTERVAL: Duration = Duration::from_secs(20);
/// See [`PING_INTERVAL`].
pub(crate) const PING_DEADLINE: Duration = Duration::from_secs(20);
/// An address of somebody with a ticket is not held up by a flood of strangers for this long after
/// it was last seen: as after a restart of a router.
pub(crate) const REGULAR_TTL: Duration = Duration::from_secs(60 * 60);
/// Those addresses, and those whose rate is measured, that are remembered; some 50 bytes each.
pub(crate) const MAX_SOURCES: usize = 16_384;

// Requests.

/// Bytes of a message of hop or stop, as libp2p has it.
pub(crate) const MAX_MESSAGE_BYTES: usize = 4 * 1024;
/// Requests of one connection that are being answered.
pub(crate) const MAX_REQUESTS_PER_CONNECTION: u32 = 8;
/// Requests of one connection with a ticket at once, and in a minute.
pub(crate) const REQUESTS_PER_CONNECTION_AND_MINUTE: u32 = 30;
/// The same of one without: it presents a ticket, or calls a few people.
pub(crate) const STRANGERS_REQUESTS_AND_MINUTE: u32 = 12;
/// Requests from one address at once, and in a minute, reserving and calling together.
pub(crate) const REQUESTS_PER_SOURCE_AND_MINUTE: u32 = 600;
/// Requests beyond its rate after which a connection is closed: one that does not listen. To connect
/// again costs it more than the relay.
pub(crate) const MAX_EXCESS_REQUESTS: u32 = 8;
/// A request must have come, and its answer be taken, in this time.
pub(crate) const REQUEST_DEADLINE: Duration = Duration::from_secs(10);
/// Commands to connections that wait: one for each circuit that starts.
pub(crate) const MAX_COMMANDS: usize = 256;

// Reservations and circuits.

/// After this a reservation is renewed: a peer that vanished frees its place within the hour.
pub(crate) const RESERVATION_DURATION: Duration = Duration::from_secs(60 * 60);
/// For how long one end of a circuit may go on when the other has said all: what is under way arrives, and one
/// that stays silent frees its place.
pub(crate) const ENDING_DEADLINE: Duration = Duration::from_secs(30);
/// Bytes that a circuit takes from one end before the other end has taken them. Small, so that many
/// circuits share a core evenly; large enough for a whole frame of Noise or of QUIC.
pub(crate) const COPY_BUFFER_BYTES: usize = 16 * 1024;
/// What is left of a quota and good for nothing: a circuit ends when less is left than it takes at once.
pub(crate) const USELESS_BYTES: u64 = COPY_BUFFER_BYTES as u64;

// Addresses, log, disk.

/// Addresses that the relay tells of itself.
pub(crate) const MAX_OWN_ADDRESSES: usize = 16;
/// Lines of one kind about one network: not again before this.
pub(crate) const ABUSE_REPEAT: Duration = Duration::from_secs(10 * 60);
/// Kinds and networks that are remembered for that; past it, the lines of strangers wait.
pub(crate) const MAX_ABUSES: usize = 256;
/// Lines about abuse in a minute, whoever it is.
pub(crate) const ABUSE_LINES_PER_MINUTE: u32 = 20;
/// Tickets whose use is remembered: the file stays below 8 MB.
pub(crate) const MAX_TICKETS: usize = 100_000;
/// Bytes of the file that holds it.
pub(crate) const MAX_USAGE_FILE_BYTES: u64 = 16 * 1024 * 1024;
/// A key file is 68 bytes; more than this is another file, named by mistake.
pub(crate) const MAX_KEY_FILE_BYTES: u64 = 4 * 1024;
/// A configuration is two pages; more than this is another file, named by mistake.
pub(crate) const MAX_CONFIG_FILE_BYTES: u64 = 64 * 1024;
/// Days that a ticket is good for at most: nobody knows what is in ten years.
pub(crate) const MAX_TICKET_DAYS: u32 = 3_650;
/// How long a stop waits for connections to close: systemd waits much longer.
pub(crate) const STOP_DEADLINE: Duration = Duration::from_secs(3);
/// Scrapes of the metrics at once: one program asks, now and then.
pub(crate) const MAX_SCRAPES: usize = 4;
