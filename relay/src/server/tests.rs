//! The relay on loopback, used by libp2p's own client of circuit relay v2.

mod client;
mod seen;

use std::{fs, time::Duration};

use futures::{AsyncReadExt, AsyncWriteExt};
use musette_protocol::{
    codec::{decode, encode},
    crypto::sign::SigningKey,
    relaying::{Admission, MAX_FRAME_LEN, Message, Refusal, RelayTicket, TicketId},
};
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle, time::timeout};

use self::client::{Client, Told};
use super::*;
use crate::circuit::wire::{read_frame, write_frame};

const QUIC: &str = "/ip4/127.0.0.1/udp/0/quic-v1";
const TCP: &str = "/ip4/127.0.0.1/tcp/0";
const QUOTA: u64 = 10_000_000;
/// Eight times what libp2p's default lets through one circuit.
const BYTES: usize = 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(60);

/// A relay on loopback.
struct Running {
    address: Multiaddr,
    key: Keypair,
    config: Config,
    dir: TempDir,
    stop: oneshot::Sender<()>,
    stopped: JoinHandle<()>,
}

impl Running {
    async fn start(listen: &str, change: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config {
            listen: vec![listen.parse().unwrap()],
            data_dir: dir.path().to_owned(),
            metrics: MetricsAt::Off,
            ..Config::default()
        };
        change(&mut config);
        Self::start_in(dir, config).await
    }

    async fn start_in(dir: TempDir, config: Config) -> Self {
        let key = key::load_or_create(&config.key_file()).unwrap();
        let mut relay = Relay::start(key.clone(), &config).await.unwrap();
        let address = relay.next_address().await;
        let (stop, stopping) = oneshot::channel();
        let stopped = tokio::spawn(async move {
            let serve = async {
                loop {
                    relay.next_address().await;
                }
            };
            tokio::select! {
                () = serve => {}
                _ = stopping => {}
            }
            relay.stop().await;
        });
        Self { address, key, config, dir, stop, stopped }
    }

    /// Stops it as SIGTERM does, and starts it again in the same directory.
    async fn restart(self) -> Self {
        self.stop.send(()).unwrap();
        self.stopped.await.unwrap();
        Self::start_in(self.dir, self.config).await
    }

    fn peer(&self) -> PeerId {
        self.key.public().to_peer_id()
    }

    fn signing(&self) -> SigningKey {
        key::signing(&self.key)
    }

    fn ticket(&self, id: u8) -> RelayTicket {
        let expires = Moment::now().time.plus_millis(60 * 60 * 1000);
        RelayTicket::sign(&self.signing(), vec![vec![4]], TicketId::from_bytes([id; 16]), expires, QUOTA)
            .unwrap()
    }
}

async fn present(client: &mut Client, relay: PeerId, ticket: &RelayTicket) -> Result<Admission, Refusal> {
    let mut stream = client.stream(relay, musette_protocol::relaying::PROTOCOL).await.unwrap();
    write_frame(&mut stream, &encode(&Message::Present { ticket: ticket.to_bytes() })).await.unwrap();
    match decode(&read_frame(&mut stream, MAX_FRAME_LEN).await.unwrap()).unwrap() {
        Message::Admitted(admission) => Ok(admission),
        Message::Refused(refusal) => Err(refusal),
        Message::Present { .. } => panic!("a relay presents nothing"),
    }
}

/// A client that is connected to the relay.
async fn connected(relay: &Running) -> Client {
    let mut client = Client::new();
    client.dial(relay.address.clone());
    client.told(&Told::Connected(relay.peer())).await;
    client
}

/// A client that can be called through the relay, on this ticket, and answers with what it hears.
async fn called(relay: &Running, ticket: u8) -> Client {
    let mut client = connected(relay).await;
    client.echo();
    present(&mut client, relay.peer(), &relay.ticket(ticket)).await.unwrap();
    client.reserve(relay.address.clone());
    client.told(&Told::Reserved).await;
    client
}

/// Connects to `called` through the relay.
async fn call(relay: &Running, caller: &mut Client, called: &Client) {
    caller.dial(relay.address.clone().with(Protocol::P2pCircuit).with(Protocol::P2p(called.peer)));
    caller.told(&Told::Connected(called.peer)).await;
}

/// Sends so many bytes there and back through the circuit.
async fn exchange(caller: &mut Client, called: PeerId, bytes: usize) -> io::Result<()> {
    let mut stream = caller.stream(called, client::ECHO).await.map_err(io::Error::other)?;
    let sent: Vec<u8> = (0..bytes).map(|at| u8::try_from(at % 251).unwrap()).collect();
    let (mut from, mut to) = (&mut stream).split();
    let write = async {
        to.write_all(&sent).await?;
        to.close().await
    };
    let read = async {
        let mut back = Vec::new();
        from.read_to_end(&mut back).await?;
        Ok::<_, io::Error>(back)
    };
    let ((), back) = futures::future::try_join(write, read).await?;
    assert!(back == sent, "other bytes came back");
    Ok(())
}

/// Two clients that know nothing of each other but a name exchange a mebibyte, there and back.
async fn exchange_through(listen: &str) {
    let relay = Running::start(listen, |_| {}).await;
    let called = called(&relay, 1).await;
    let mut caller = Client::new();
    call(&relay, &mut caller, &called).await;
    exchange(&mut caller, called.peer, BYTES).await.unwrap();
}

#[tokio::test]
async fn two_peers_exchange_more_than_libp2ps_default_lets_through() {
    for listen in [QUIC, TCP] {
        timeout(PATIENCE, exchange_through(listen)).await.expect(listen);
    }
}

#[tokio::test]
async fn a_stranger_can_be_called_only_where_the_relay_is_open() {
    let test = async {
        for open in [false, true] {
            let relay = Running::start(QUIC, |config| config.limits.open = open).await;
            let mut stranger = connected(&relay).await;
            stranger.reserve(relay.address.clone());
            stranger.told(if open { &Told::Reserved } else { &Told::Unreserved }).await;
        }
    };
    timeout(PATIENCE, test).await.unwrap();
}

#[tokio::test]
async fn who_is_not_reserved_cannot_be_reached_by_way_of_the_relay() {
    let test = async {
        let relay = Running::start(TCP, |_| {}).await;
        let (bystander, mut caller) = (connected(&relay).await, Client::new());
        caller.dial(relay.address.clone().with(Protocol::P2pCircuit).with(Protocol::P2p(bystander.peer)));
        caller.told(&Told::Failed).await;
        let called = called(&relay, 1).await;
        call(&relay, &mut caller, &called).await;
    };
    timeout(PATIENCE, test).await.unwrap();
}

#[tokio::test]
async fn a_circuit_ends_where_the_ticket_does_and_a_restart_gives_nothing_back() {
    let test = async {
        let relay = Running::start(QUIC, |_| {}).await;
        let mut first = called(&relay, 1).await;
        let mut caller = Client::new();
        call(&relay, &mut caller, &first).await;
        exchange(&mut caller, first.peer, BYTES).await.unwrap();
        let left = present(&mut first, relay.peer(), &relay.ticket(1)).await.unwrap().bytes_left;
        // Both ways, and what the two ends' own protocols add.
        assert!((QUOTA - 3 * BYTES as u64..QUOTA - 2 * BYTES as u64).contains(&left), "{left}");

        let relay = relay.restart().await;
        let mut second = called(&relay, 1).await;
        let again = present(&mut second, relay.peer(), &relay.ticket(1)).await.unwrap().bytes_left;
        assert!(again <= left, "{again}");
        let mut caller = Client::new();
        call(&relay, &mut caller, &second).await;
        assert!(exchange(&mut caller, second.peer, usize::try_from(QUOTA).unwrap()).await.is_err());
        let other = called(&relay, 2).await;
        let mut caller = Client::new();
        call(&relay, &mut caller, &other).await;
        exchange(&mut caller, other.peer, BYTES).await.expect("another ticket");
    };
    timeout(PATIENCE, test).await.unwrap();
}

#[tokio::test]
async fn a_relay_that_stops_says_goodbye_at_once() {
    let test = async {
        let relay = Running::start(QUIC, |_| {}).await;
        let mut client = called(&relay, 1).await;
        let (peer, usage) = (relay.peer(), relay.config.usage_file());
        let mut caller = Client::new();
        call(&relay, &mut caller, &client).await;
        relay.stop.send(()).unwrap();
        relay.stopped.await.unwrap();
        // A connection that is merely lost is noticed after ten.
        timeout(Duration::from_secs(5), client.told(&Told::Closed(peer))).await.expect("a goodbye");
        assert!(fs::read_to_string(usage).unwrap().contains(&"01".repeat(16)), "what was used is written");
    };
    timeout(PATIENCE, test).await.unwrap();
}

#[tokio::test]
async fn refused_tickets_are_told_why_and_garbage_leaves_the_relay_up() {
    let test = async {
        let relay = Running::start(TCP, |_| {}).await;
        let mut client = connected(&relay).await;
        let other = Running::start(TCP, |_| {}).await;
        let outcome = present(&mut client, relay.peer(), &other.ticket(1)).await;
        assert_eq!(outcome, Err(Refusal::OtherRelay));
        for name in [musette_protocol::relaying::PROTOCOL, "/libp2p/circuit/relay/0.2.0/hop"] {
            let mut stream = client.stream(relay.peer(), name).await.unwrap();
            stream.write_all(&[0xff; 64]).await.unwrap();
            // Whatever it answers, it ends the stream.
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
        assert!(present(&mut client, relay.peer(), &relay.ticket(1)).await.is_ok());
    };
    timeout(PATIENCE, test).await.unwrap();
}

#[tokio::test]
async fn a_node_learns_whether_it_can_be_reached() {
    let test = async {
        let relay = Running::start(TCP, |_| {}).await;
        let mut client = Client::new();
        client.listen(TCP.parse().unwrap());
        client.dial(relay.address.clone());
        client.told(&Told::Reachable).await;
    };
    timeout(PATIENCE, test).await.unwrap();
}

/// What Prometheus would be told.
async fn scraped(at: SocketAddr) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(at).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn metrics_count_and_name_nobody() {
    let test = async {
        // Free a moment ago; nothing else here takes ports by number.
        let at = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let relay = Running::start(QUIC, |config| config.metrics = MetricsAt::At(at)).await;
        let client = called(&relay, 1).await;
        let mut stranger = connected(&relay).await;
        stranger.reserve(relay.address.clone());
        stranger.told(&Told::Unreserved).await;
        let text = scraped(at).await;
        for line in [
            "musette_relay_connections 2",
            "musette_relay_admitted 1",
            "musette_relay_reservations 1",
            "musette_relay_answers_total{outcome=\"permission-denied\"} 1",
            "musette_relay_tickets_total{outcome=\"admitted\"} 1",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        let ticket = "01".repeat(16);
        for name in [client.peer.to_string(), stranger.peer.to_string(), ticket, "127.0.0".to_owned()] {
            assert!(!text.contains(&name), "{text}");
        }
    };
    timeout(PATIENCE, test).await.unwrap();
}
