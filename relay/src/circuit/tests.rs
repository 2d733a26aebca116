use std::time::Duration;

use futures::{AsyncReadExt, AsyncWriteExt};
use libp2p::StreamProtocol;
use tokio::{sync::mpsc, time::timeout};

use super::*;

const ECHO: StreamProtocol = StreamProtocol::new("/musette/test/echo");
/// Eight times what libp2p's default lets through one circuit.
const BYTES: usize = 1024 * 1024;

#[derive(NetworkBehaviour)]
struct Client {
    relay: relay::client::Behaviour,
    identify: identify::Behaviour,
    streams: libp2p_stream::Behaviour,
}

fn client() -> Swarm<Client> {
    SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_quic()
        .with_relay_client(noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_behaviour(|key, relay| Client {
            relay,
            identify: identify::Behaviour::new(identify::Config::new("/test/1".to_owned(), key.public())),
            streams: libp2p_stream::Behaviour::new(),
        })
        .unwrap()
        .with_swarm_config(|swarm| swarm.with_idle_connection_timeout(Duration::from_secs(60)))
        .build()
}

/// Runs a relay on loopback; gives its address.
async fn relay(listen: &str) -> Multiaddr {
    let mut relay = Relay::start(Keypair::generate_ed25519(), &[listen.parse().unwrap()], &[]).unwrap();
    let address = relay.next_address().await;
    tokio::spawn(async move {
        loop {
            relay.next_address().await;
        }
    });
    address
}

/// Runs a client; tells when its reservation was accepted, and to whom it is connected.
fn run(mut swarm: Swarm<Client>) -> mpsc::UnboundedReceiver<Option<PeerId>> {
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let told = match swarm.select_next_some().await {
                SwarmEvent::Behaviour(ClientEvent::Relay(relay::client::Event::ReservationReqAccepted {
                    ..
                })) => None,
                SwarmEvent::ConnectionEstablished { peer_id, .. } => Some(peer_id),
                _ => continue,
            };
            // Whoever heard what it waited for listens no longer.
            let _ = sender.send(told);
        }
    });
    receiver
}

async fn told(receiver: &mut mpsc::UnboundedReceiver<Option<PeerId>>, expected: Option<PeerId>) {
    while receiver.recv().await.unwrap() != expected {}
}

/// Two clients that know nothing of each other but a name exchange a mebibyte, there and back.
async fn exchange_through(listen: &str) {
    let relay = relay(listen).await;
    let (mut called, mut caller) = (client(), client());
    let name = *called.local_peer_id();
    let mut incoming = called.behaviour().streams.new_control().accept(ECHO).unwrap();
    called.listen_on(relay.clone().with(Protocol::P2pCircuit)).unwrap();
    told(&mut run(called), None).await;
    tokio::spawn(async move {
        let (_, mut stream) = incoming.next().await.unwrap();
        let mut bytes = vec![0; BYTES];
        stream.read_exact(&mut bytes).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        stream.close().await.unwrap();
    });

    let mut control = caller.behaviour().streams.new_control();
    caller.dial(relay.with(Protocol::P2pCircuit).with(Protocol::P2p(name))).unwrap();
    told(&mut run(caller), Some(name)).await;
    let mut stream = control.open_stream(name, ECHO).await.unwrap();
    let sent: Vec<u8> = (0..BYTES).map(|at| u8::try_from(at % 251).unwrap()).collect();
    stream.write_all(&sent).await.unwrap();
    let mut back = vec![0; BYTES];
    stream.read_exact(&mut back).await.unwrap();
    assert!(back == sent, "other bytes came back");
}

#[tokio::test]
async fn two_peers_exchange_more_than_libp2ps_default_lets_through() {
    for listen in ["/ip4/127.0.0.1/udp/0/quic-v1", "/ip4/127.0.0.1/tcp/0"] {
        timeout(Duration::from_secs(30), exchange_through(listen)).await.expect(listen);
    }
}
