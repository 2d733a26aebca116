//! Every bound of the network shell, with its reason.

use std::time::Duration;

/// Connections that others opened. A person has a handful of devices; the rest is head room for
/// reconnects that overlap. With the windows below, strangers can tie up 128 MiB at the very most.
pub(super) const MAX_INBOUND_CONNECTIONS: u32 = 64;
/// Handshakes under way from outside: each costs a key agreement, so a flood must not pile up.
pub(super) const MAX_PENDING_INBOUND: u32 = 32;
/// Dials under way: sixteen addresses of two peers.
pub(super) const MAX_PENDING_OUTBOUND: u32 = 32;
/// Connections with one peer, both directions: both dial at once, over two transports, and through two
/// relays.
pub(super) const MAX_CONNECTIONS_PER_PEER: u32 = 8;
/// Streams that one peer may hold open here per protocol: one is in use, others are being replaced.
pub(super) const MAX_STREAMS_PER_PROTOCOL: usize = 8;
/// Streams of any kind in one connection: all protocols at their bound, circuits, ping and identify.
pub(super) const MAX_STREAMS_PER_CONNECTION: u32 = 64;
/// Streams of one connection whose protocol is not agreed yet.
pub(super) const MAX_NEGOTIATING_STREAMS: usize = 16;
/// Unread bytes that QUIC keeps for one stream: at 20 ms of round trip this still carries 50 MB/s.
pub(super) const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
/// Unread bytes that QUIC keeps for one connection.
pub(super) const CONNECTION_WINDOW_BYTES: u32 = 2 * 1024 * 1024;

/// A pairing frame: the largest holds a person's inception, device log and epoch secrets.
pub(super) const MAX_PAIRING_FRAME_LEN: usize = musette_protocol::pairing::MAX_FRAME_LEN;
/// Bytes of what lets a device in: only who called reads frames that long.
pub(super) const MAX_WELCOME_LEN: usize = musette_protocol::pairing::MAX_WELCOME_LEN;
/// Records of addresses: of all devices of a person.
pub(super) const MAX_ADDRESSES_FRAME_LEN: usize = musette_protocol::addresses::MAX_FRAME_LEN;
/// What a node and a relay say to each other: a ticket is the longest.
pub(super) const MAX_RELAY_FRAME_LEN: usize = musette_protocol::relaying::MAX_FRAME_LEN;
/// A sync frame: a full one of the session protocol.
pub(super) const MAX_SYNC_FRAME_LEN: usize = musette_protocol::limits::MAX_FRAME_LEN;
/// A frame's buffer grows by at most this much before bytes have arrived to fill it, so that four
/// bytes announcing two mebibytes cost next to nothing. A frame is sent in such steps too.
pub(super) const READ_STEP_BYTES: usize = 64 * 1024;

/// Addresses of one peer that are kept or dialled; a ticket holds as many.
pub(crate) const MAX_ADDRESSES: usize = 16;
/// Addresses that are dialled at once: those of a device, and those at as many relays, each in both families
/// and over both transports.
pub(super) const MAX_DIALLED: usize = 4 * MAX_ADDRESSES;
/// Addresses of this endpoint that relays found to be reachable: over both transports, in both families.
pub(super) const MAX_EXTERNAL_ADDRESSES: usize = 4;
/// Addresses that AutoNAT is given in [`CANDIDATES_FOR`], and keeps for as long as the endpoint runs: those of a
/// day on several networks, over both transports, in both families. Relays may lie, and each try takes 100 KB.
pub(super) const MAX_CANDIDATES: usize = 16;
/// See [`MAX_CANDIDATES`].
pub(super) const CANDIDATES_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// Addresses that a relay's name stands for: a few servers, in both families.
pub(super) const MAX_IPS_PER_NAME: usize = 4;
/// Addresses at one relay: over both transports, in both families.
pub(super) const MAX_ADDRESSES_PER_RELAY: usize = 4;
/// Bytes of an address at a relay: a ticket has no room for more.
pub(super) const MAX_ADDRESS_LEN: usize = musette_protocol::pairing::ticket::MAX_ADDRESS_LEN;
/// Events that wait for the driver. When it is that far behind, the swarm stops reading.
pub(super) const MAX_WAITING_EVENTS: usize = 256;
/// Commands that wait for the swarm; callers beyond it wait in line.
pub(super) const MAX_WAITING_COMMANDS: usize = 64;

/// From dialling to an encrypted connection, whatever the number of addresses.
pub(super) const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// How long a peer that answered over TCP is waited for over QUIC: where UDP gets through it is there by then.
pub(super) const SEEN_DEADLINE: Duration = Duration::from_secs(1);
/// How much earlier direct addresses are dialled than those through relays: a round trip between continents.
pub(super) const DIRECT_HEAD_START: Duration = Duration::from_millis(250);
/// A handshake from outside: two round trips fit many times over, a stalled one frees its place.
pub(super) const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(5);
/// A relay's answer to whoever asks for a place.
pub(super) const RESERVE_DEADLINE: Duration = Duration::from_secs(10);
/// A place that its relay has renewed sooner is given up. Relays grant an hour; of one that grants a moment libp2p
/// would ask the next as fast as it answers.
pub(super) const SHORTEST_PLACE: Duration = Duration::from_secs(60);
/// Agreeing on a stream's protocol.
pub(super) const OPEN_STREAM_DEADLINE: Duration = Duration::from_secs(10);
/// For each [`READ_STEP_BYTES`] of a frame, so that a line of 9 kbit/s carries any. Waiting for a first byte
/// has no deadline here, as live sessions are silent for hours.
pub(super) const FRAME_DEADLINE: Duration = Duration::from_secs(60);
/// Until the peer takes as much of a frame; a peer that stops reading must not hold a task for ever.
pub(super) const SEND_DEADLINE: Duration = Duration::from_secs(60);
/// A connection without a stream closes after this: nobody needs it, and it holds a place.
pub(super) const IDLE_DEADLINE: Duration = Duration::from_secs(10);
/// How often a connection is asked for a sign of life, and how long the answer may take: a laptop
/// that was shut is noticed within 20 s.
pub(super) const PING_INTERVAL: Duration = Duration::from_secs(10);
/// See [`PING_INTERVAL`].
pub(super) const PING_DEADLINE: Duration = Duration::from_secs(10);
/// Bytes of libp2p's ping.
pub(super) const PING_LEN: usize = 32;
/// A sign of life that somebody waits for: two round trips over a slow mobile network.
pub(crate) const PULSE_DEADLINE: Duration = Duration::from_millis(1_500);
/// Until each listen address is known. Passing it is no error: a laptop may start without network.
pub(super) const LISTEN_DEADLINE: Duration = Duration::from_secs(2);
/// For saying goodbye to peers and freeing the ports when stopping.
pub(super) const STOP_DEADLINE: Duration = Duration::from_secs(2);
/// How often it is looked whether a port is free.
pub(super) const PORT_POLL_INTERVAL: Duration = Duration::from_millis(10);

/// How long an mDNS answer holds: a device that left is forgotten after it.
pub(super) const MDNS_TTL: Duration = Duration::from_secs(180);
/// How often mDNS asks, so that one lost packet does not hide a device for long.
pub(super) const MDNS_QUERY_INTERVAL: Duration = Duration::from_secs(60);
