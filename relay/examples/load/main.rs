//! Puts load on a relay, with libp2p's own client, and prints what it saw.
//!
//! Without a command it starts relays of its own, and does all of it over TCP and over QUIC ([`whole`]). With one it
//! goes to a relay that runs elsewhere:
//!
//! ```sh
//! load hold --relay ADDR --ticket TICKET --clients 2000 --circuits 200 --pid PID
//! load transfer --relay ADDR --ticket TICKET --megabytes 50 --times 5
//! load flood --relay ADDR --strangers 500
//! ```
//!
//! Of each client, circuit and transfer that does not come about it says at which step and why. A place or a call
//! that `hold` does not get is tried again, as a node does, and counted; a circuit that was open and fails is not.
//! All of it comes from one address, so the relay's configuration has to allow that address as much, and the
//! ticket as many peers.
//!
//! Over QUIC the relay has one socket. Whoever begins while bulk overflows its receive buffer (`drops` in
//! `/proc/net/udp`) can lose every packet of a handshake, which libp2p gives up after five seconds; README.md says
//! how to enlarge the buffer.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program to measure with")]

mod whole;

use std::{
    fmt::Display,
    fs,
    future::{Future, ready},
    iter,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use clap::{Parser, Subcommand};
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt, stream};
use libp2p::{
    Multiaddr, PeerId, Stream, StreamProtocol, Swarm, SwarmBuilder,
    multiaddr::Protocol,
    noise, relay,
    swarm::{NetworkBehaviour, SwarmEvent},
    tcp, yamux,
};
use libp2p_stream::Control;
use musette_protocol::{
    codec::{decode, encode},
    relaying::{Message, PROTOCOL, RelayTicket},
};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};

const SINK: StreamProtocol = StreamProtocol::new("/musette/load/sink");
const HOP: StreamProtocol = StreamProtocol::new("/libp2p/circuit/relay/0.2.0/hop");
const PATIENCE: Duration = Duration::from_secs(60);
/// Clients that begin at once.
const ABREAST: usize = 32;
/// Times that a place or a call is asked for. A node does not stop.
const TRIES: usize = 3;

#[derive(Parser)]
struct Options {
    #[arg(long, global = true)]
    relay: Option<Multiaddr>,
    #[command(subcommand)]
    load: Option<Load>,
}

#[derive(Subcommand)]
enum Load {
    /// So many reserved clients and circuits, then the relay's memory.
    Hold {
        #[arg(long)]
        ticket: String,
        #[arg(long)]
        clients: usize,
        #[arg(long)]
        circuits: usize,
        #[arg(long)]
        pid: u32,
    },
    /// The time that so many megabytes take through one circuit.
    Transfer {
        #[arg(long)]
        ticket: String,
        #[arg(long)]
        megabytes: usize,
        #[arg(long)]
        times: usize,
    },
    /// Strangers that connect, ask, send garbage, and come again, until the standard input ends.
    Flood {
        #[arg(long)]
        strangers: u64,
    },
}

#[derive(NetworkBehaviour)]
struct Behaviour {
    relay: relay::client::Behaviour,
    streams: libp2p_stream::Behaviour,
}

#[derive(Debug, PartialEq)]
enum Told {
    Connected(PeerId),
    Reserved,
    /// A dial failed, a place or a connection was lost, for this reason.
    Over(String),
}

/// What came about, or at which step it did not, and why.
type Outcome<T> = Result<T, String>;

struct Client {
    peer: PeerId,
    control: Control,
    todo: mpsc::UnboundedSender<(bool, Multiaddr)>,
    told: mpsc::UnboundedReceiver<Told>,
}

impl Client {
    fn new() -> Self {
        let swarm = swarm();
        let (peer, control) = (*swarm.local_peer_id(), swarm.behaviour().streams.new_control());
        let ((todo, doing), (telling, told)) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
        tokio::spawn(run(swarm, doing, telling));
        Self { peer, control, todo, told }
    }

    async fn connects(&mut self, address: Multiaddr, peer: PeerId) -> Outcome<()> {
        let _ = self.todo.send((false, address));
        self.told(&Told::Connected(peer)).await
    }

    async fn told(&mut self, expected: &Told) -> Outcome<()> {
        let wait = async {
            while let Some(told) = self.told.recv().await {
                match told {
                    Told::Over(why) => return Err(why),
                    told if told == *expected => return Ok(()),
                    _ => {}
                }
            }
            Err("the client ended".to_owned())
        };
        timeout(PATIENCE, wait).await.unwrap_or_else(|_| Err(format!("nothing in {PATIENCE:?}")))
    }

    async fn reserved(relay: &Multiaddr, ticket: &RelayTicket) -> Outcome<Self> {
        let mut client = Self::new();
        client.connects(relay.clone(), peer_of(relay)).await.map_err(at("connecting to the relay"))?;
        let presented = present(&mut client.control, peer_of(relay), ticket).await;
        presented.map_err(|why| client.explain(why))?;
        let _ = client.todo.send((true, relay.clone().with(Protocol::P2pCircuit)));
        client.told(&Told::Reserved).await.map_err(at("reserving"))?;
        Ok(client)
    }

    async fn call(relay: &Multiaddr, called: PeerId) -> Outcome<Self> {
        let mut client = Self::new();
        let address = relay.clone().with(Protocol::P2pCircuit).with(Protocol::P2p(called));
        client.connects(address, called).await.map_err(at("calling through the relay"))?;
        Ok(client)
    }

    /// A stream to the sink of `called`, with so many bytes written to it.
    async fn pour(&mut self, called: PeerId, bytes: usize) -> Outcome<Stream> {
        let pouring = async {
            let opened = self.control.open_stream(called, SINK).await;
            let mut stream = opened.map_err(at("opening a stream through the circuit"))?;
            stream.write_all(&vec![7; bytes]).await.map_err(at("writing to the circuit"))?;
            Ok(stream)
        };
        let poured: Outcome<Stream> = pouring.await;
        poured.map_err(|why| self.explain(why))
    }

    /// Why something failed, with what the swarm said meanwhile.
    fn explain(&mut self, why: String) -> String {
        let told = iter::from_fn(|| self.told.try_recv().ok());
        told.fold(why, |why, told| match told {
            Told::Over(reason) => format!("{why}; {reason}"),
            _ => why,
        })
    }

    /// That it lost nothing since it got its place.
    fn is_there(&mut self) -> Outcome<()> {
        const LOST: &str = "lost";
        let why = self.explain(LOST.to_owned());
        if why == LOST { Ok(()) } else { Err(why) }
    }
}

/// Says at which step an error came.
fn at<E: Display>(step: &'static str) -> impl Fn(E) -> String {
    move |error| format!("{step}: {error}")
}

async fn present(control: &mut Control, relay: PeerId, ticket: &RelayTicket) -> Outcome<()> {
    let opened = control.open_stream(relay, StreamProtocol::new(PROTOCOL)).await;
    let mut stream = opened.map_err(at("opening a stream to the relay"))?;
    let frame = encode(&Message::Present { ticket: ticket.to_bytes() });
    let mut reply = Vec::new();
    let exchange = async {
        stream.write_all(&u32::try_from(frame.len()).unwrap().to_be_bytes()).await?;
        stream.write_all(&frame).await?;
        stream.flush().await?;
        stream.read_to_end(&mut reply).await
    };
    exchange.await.map_err(at("presenting the ticket"))?;
    match decode(reply.get(4..).unwrap_or_default()) {
        Ok(Message::Admitted(_)) => Ok(()),
        answer => Err(format!("presenting the ticket: {answer:?}")),
    }
}

/// Tries until it comes about, or [`TRIES`] times; counts what was tried again, and prints why.
async fn tried<T, F: Future<Output = Outcome<T>>>(
    what: &str,
    again: &AtomicUsize,
    attempt: impl Fn() -> F,
) -> Outcome<T> {
    for _ in 1..TRIES {
        match attempt().await {
            Ok(done) => return Ok(done),
            Err(why) => println!("{what} is tried again: {why}"),
        }
        again.fetch_add(1, Ordering::Relaxed);
    }
    attempt().await
}

/// Does all of it, so many at once; gives what came about, and prints why the rest did not.
async fn all<T>(what: &str, work: impl Iterator<Item = impl Future<Output = Outcome<T>>>) -> Vec<T> {
    let done = stream::iter(work).buffer_unordered(ABREAST);
    let told = done.map(|outcome| outcome.inspect_err(|why| println!("{what} failed: {why}")));
    told.filter_map(|outcome| ready(outcome.ok())).collect().await
}

fn peer_of(address: &Multiaddr) -> PeerId {
    match address.iter().last() {
        Some(Protocol::P2p(peer)) => peer,
        _ => panic!("the relay's address ends with its name"),
    }
}

fn swarm() -> Swarm<Behaviour> {
    SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_quic()
        .with_relay_client(noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_behaviour(|_, relay| Behaviour { relay, streams: libp2p_stream::Behaviour::new() })
        .unwrap()
        .with_swarm_config(|swarm| swarm.with_idle_connection_timeout(Duration::from_secs(3600)))
        .build()
}

async fn run(
    mut swarm: Swarm<Behaviour>,
    mut doing: mpsc::UnboundedReceiver<(bool, Multiaddr)>,
    telling: mpsc::UnboundedSender<Told>,
) {
    loop {
        tokio::select! {
            event = swarm.select_next_some() => {
                let told = match event {
                    SwarmEvent::Behaviour(BehaviourEvent::Relay(relay::client::Event::ReservationReqAccepted { .. })) => Told::Reserved,
                    SwarmEvent::ConnectionEstablished { peer_id, .. } => Told::Connected(peer_id),
                    SwarmEvent::OutgoingConnectionError { error, .. } => Told::Over(error.to_string()),
                    SwarmEvent::ListenerClosed { reason, .. } => Told::Over(format!("no place: {reason:?}")),
                    SwarmEvent::ConnectionClosed { peer_id, cause, .. } => {
                        Told::Over(format!("the connection to {peer_id} closed: {cause:?}"))
                    }
                    _ => continue,
                };
                let _ = telling.send(told);
            }
            order = doing.recv() => match order {
                Some((true, address)) => drop(swarm.listen_on(address)),
                Some((false, address)) => drop(swarm.dial(address)),
                None => return,
            },
        }
    }
}

/// Takes in what is sent, and says how much it was at the end.
fn sink(client: &mut Client) {
    let mut incoming = client.control.accept(SINK).unwrap();
    tokio::spawn(async move {
        while let Some((_, mut stream)) = incoming.next().await {
            tokio::spawn(async move {
                let (mut buffer, mut count) = (vec![0; 64 * 1024], 0_u64);
                while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                    count += read as u64;
                }
                let _ = stream.write_all(&count.to_le_bytes()).await;
                let _ = stream.close().await;
            });
        }
    });
}

fn memory_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

async fn hold(relay: &Multiaddr, ticket: &RelayTicket, clients: usize, circuits: usize, pid: u32) {
    let (before, begun, again) = (memory_kib(pid), Instant::now(), AtomicUsize::new(0));
    let reserving = || tried("a client", &again, || Client::reserved(relay, ticket));
    let mut reserved = all("a client", (0..clients).map(|_| reserving())).await;
    let idle = memory_kib(pid);
    println!(
        "{} of {clients} reserved in {:.1} s, {} tried again; \
         relay: {before} KiB before, {idle} KiB after, {:.1} KiB a client",
        reserved.len(),
        begun.elapsed().as_secs_f64(),
        again.into_inner(),
        (idle - before) as f64 / reserved.len() as f64
    );
    reserved.iter_mut().take(circuits).for_each(sink);
    let (begun, again) = (Instant::now(), AtomicUsize::new(0));
    let calls = reserved.iter().take(circuits).map(|called| async {
        let mut caller = tried("a circuit", &again, || Client::call(relay, called.peer)).await?;
        let stream = caller.pour(called.peer, 1_000_000).await?;
        Ok((caller, stream))
    });
    let open = all("a circuit", calls).await;
    println!(
        "{} of {circuits} circuits open in {:.1} s, {} tried again, a megabyte sent on each; relay: {} KiB",
        open.len(),
        begun.elapsed().as_secs_f64(),
        again.into_inner(),
        memory_kib(pid)
    );
    let there = all("a client", reserved.iter_mut().map(|client| ready(client.is_there()))).await;
    println!("{} of {clients} clients still have their places", there.len());
    let ends = open.into_iter().map(|(mut caller, mut stream)| async move {
        let mut count = [0; 8];
        let ending = async {
            stream.close().await?;
            stream.read_exact(&mut count).await
        };
        ending.await.map_err(|error| caller.explain(format!("ending: {error}")))?;
        match u64::from_le_bytes(count) {
            1_000_000 => Ok(()),
            count => Err(format!("ending: {count} bytes arrived")),
        }
    });
    let ended = all("a transfer", ends).await;
    println!("{} circuits carried all of it", ended.len());
}

/// How many megabytes went through the circuit in a second, each time.
async fn transfer(relay: &Multiaddr, ticket: &RelayTicket, megabytes: usize, times: usize) -> Vec<f64> {
    let mut speeds = Vec::new();
    let mut called = Client::reserved(relay, ticket).await.expect("a reservation");
    sink(&mut called);
    let mut caller = Client::call(relay, called.peer).await.expect("a circuit");
    for _ in 0..times {
        let begun = Instant::now();
        let mut stream = caller.pour(called.peer, 0).await.unwrap();
        for _ in 0..megabytes {
            stream.write_all(&vec![7; 1_000_000]).await.unwrap();
        }
        stream.close().await.unwrap();
        stream.read_exact(&mut [0; 8]).await.unwrap();
        let seconds = begun.elapsed().as_secs_f64();
        let speed = megabytes as f64 / seconds;
        println!("{megabytes} MB in {seconds:.2} s: {speed:.1} MB/s");
        speeds.push(speed);
    }
    speeds
}

async fn flood(relay: &Multiaddr, strangers: u64) {
    let (begun, counts) = (Instant::now(), Arc::new([const { AtomicU64::new(0) }; 3]));
    for _ in 0..strangers {
        let (relay, counts) = (relay.clone(), Arc::clone(&counts));
        tokio::spawn(async move {
            loop {
                if counts[0].fetch_add(1, Ordering::Relaxed) + 1 == strangers {
                    println!("{strangers} strangers are there");
                }
                let mut client = Client::new();
                if client.connects(relay.clone(), peer_of(&relay)).await.is_err() {
                    sleep(Duration::from_millis(50)).await;
                    continue;
                }
                counts[1].fetch_add(1, Ordering::Relaxed);
                let name = peer_of(&relay);
                while let Ok(mut stream) = client.control.open_stream(name, HOP).await {
                    counts[2].fetch_add(1, Ordering::Relaxed);
                    let _ = stream.write_all(&[2, 8, 0]).await;
                    let _ = stream.write_all(&[0xff; 4096]).await;
                }
            }
        });
    }
    let ended = || std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    tokio::task::spawn_blocking(ended).await.unwrap().unwrap();
    let [tried, connected, asked] = [0, 1, 2].map(|at| counts[at].load(Ordering::Relaxed));
    println!(
        "in {:.0} s {tried} tries to connect, {connected} connected, {asked} requests",
        begun.elapsed().as_secs_f64()
    );
}

#[tokio::main]
async fn main() {
    let options = Options::parse();
    let Some(load) = options.load else { return whole::run().await };
    let relay = options.relay.expect("--relay");
    let parse = |ticket: String| ticket.parse::<RelayTicket>().expect("a relay ticket");
    match load {
        Load::Hold { ticket, clients, circuits, pid } => {
            hold(&relay, &parse(ticket), clients, circuits, pid).await;
        }
        Load::Transfer { ticket, megabytes, times } => {
            drop(transfer(&relay, &parse(ticket), megabytes, times).await);
        }
        Load::Flood { strangers } => flood(&relay, strangers).await,
    }
}
