//! A relay as libp2p has it, with libp2p's own limits: 128 KiB and two minutes a circuit.
//!
//! ```sh
//! plain ADDRESS…
//! ```
//!
//! It prints the addresses at which it can be used.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program to try others with")]

use futures::StreamExt;
use libp2p::{
    Multiaddr, SwarmBuilder, identify,
    multiaddr::Protocol,
    noise, relay,
    swarm::{NetworkBehaviour, SwarmEvent},
    tcp, yamux,
};

#[derive(NetworkBehaviour)]
struct Behaviour {
    relay: relay::Behaviour,
    identify: identify::Behaviour,
}

#[tokio::main]
async fn main() {
    let mut swarm = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_quic()
        .with_behaviour(|key| Behaviour {
            relay: relay::Behaviour::new(key.public().to_peer_id(), relay::Config::default()),
            identify: identify::Behaviour::new(identify::Config::new("/plain/1".into(), key.public())),
        })
        .unwrap()
        .build();
    for address in std::env::args().skip(1) {
        let address: Multiaddr = address.parse().unwrap();
        swarm.listen_on(address.clone()).unwrap();
        // A relay tells its clients those of its addresses that it knows others to reach.
        swarm.add_external_address(address.clone());
        println!("{}", address.with(Protocol::P2p(*swarm.local_peer_id())));
    }
    loop {
        if let SwarmEvent::ListenerClosed { reason, .. } = swarm.select_next_some().await {
            panic!("it listens no more: {reason:?}");
        }
    }
}
