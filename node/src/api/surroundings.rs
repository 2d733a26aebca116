//! What is known of the network that this device is in.

use std::net::IpAddr;

use axum::{Json as AxumJson, extract::State};
use libp2p::{Multiaddr, multiaddr::Protocol as Part};
use serde_json::{Value as Json, json};

use super::{Answer, Context, Online, devices_told, network};
use crate::{
    net::{Connection, Way},
    store::relays::Relay,
};

/// What stands between this device and the rest, as far as relays could see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Router {
    /// Nothing: the device's own address is seen.
    None,
    /// One that keeps what it chose for this device: holes can be punched.
    Keeps,
    /// One that chooses anew for each that is called: they cannot.
    ChoosesAnew,
    /// No relay has seen this device over QUIC, or one alone that tells too little.
    Unknown,
}

impl Router {
    /// Judges by the addresses on which this endpoint listens, and those as which relays see it.
    fn judge(listen: &[Multiaddr], seen: &[Multiaddr]) -> Self {
        let seen: Vec<(IpAddr, u16)> = seen.iter().filter_map(place).collect();
        let own: Vec<(IpAddr, u16)> = listen.iter().filter_map(place).collect();
        if seen.is_empty() {
            return Self::Unknown;
        }
        if seen.iter().all(|place| own.contains(place)) {
            return Self::None;
        }
        let of_family = |six: bool| -> Vec<&(IpAddr, u16)> {
            seen.iter().filter(|(ip, _)| ip.is_ipv6() == six).collect()
        };
        let families = [of_family(false), of_family(true)];
        let differ = |places: &Vec<&(IpAddr, u16)>| places.windows(2).any(|pair| pair[0] != pair[1]);
        if families.iter().any(differ) {
            return Self::ChoosesAnew;
        }
        let keeps_port = seen.iter().all(|(_, port)| own.iter().any(|(_, listens)| listens == port));
        let is_sure = families.iter().any(|places| places.len() > 1);
        if keeps_port || is_sure { Self::Keeps } else { Self::Unknown }
    }

    const fn code(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Keeps => "keeps",
            Self::ChoosesAnew => "chooses-anew",
            Self::Unknown => "unknown",
        }
    }
}

/// IP address and port of an address of QUIC.
fn place(address: &Multiaddr) -> Option<(IpAddr, u16)> {
    let mut parts = address.iter();
    let ip = match parts.next()? {
        Part::Ip4(ip) => IpAddr::from(ip),
        Part::Ip6(ip) => IpAddr::from(ip),
        _ => return None,
    };
    match (parts.next()?, parts.next()?) {
        (Part::Udp(port), Part::QuicV1) => Some((ip, port)),
        _ => None,
    }
}

/// Where this device is, who sees it as what, and how each other device is reached.
pub(super) async fn show(State(context): State<Context>) -> Answer {
    let online = network(&context)?;
    let (reach, stop) = (online.reach(), super::sync::stop(&context));
    let work =
        move |store: &mut crate::store::Store| Ok((store.relays(), devices_told(store, Some(&reach), stop)));
    let (relays, devices) = context.driver.run(work).await?;
    let listen = online.endpoint.listen_addresses();
    let seen: Vec<Multiaddr> = relays.keys().filter_map(|relay| online.endpoint.seen_by(*relay)).collect();
    let texts =
        |addresses: &[Multiaddr]| -> Vec<String> { addresses.iter().map(ToString::to_string).collect() };
    let relays: Vec<Json> = relays.values().map(|relay| relay_json(online, relay)).collect();
    Ok(AxumJson(json!({
        "listen": texts(&listen),
        "external": texts(&online.endpoint.external()),
        "router": Router::judge(&listen, &seen).code(),
        "relays": relays,
        "devices": devices,
    })))
}

fn relay_json(online: &Online, relay: &Relay) -> Json {
    let mut told = online.relays.to_json(relay.peer);
    told["id"] = relay.peer.to_string().into();
    told["seen_as"] = online.endpoint.seen_by(relay.peer).map(|seen| seen.to_string()).into();
    told["over"] = match online.endpoint.direct(relay.peer) {
        Some(Connection { way: Way::Direct { quic: true }, .. }) => "quic".into(),
        Some(_) => "tcp".into(),
        None => Json::Null,
    };
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routers_are_told_apart_by_what_relays_see() {
        let parse = |texts: &[&str]| -> Vec<Multiaddr> {
            texts.iter().map(|text| format!("{text}/quic-v1").parse().unwrap()).collect()
        };
        let judge = |listen: &[&str], seen: &[&str]| Router::judge(&parse(listen), &parse(seen));
        let home = ["/ip4/192.168.1.7/udp/4001"];
        assert_eq!(judge(&home, &[]), Router::Unknown);
        assert_eq!(judge(&["/ip4/203.0.113.5/udp/4001"], &["/ip4/203.0.113.5/udp/4001"]), Router::None);
        assert_eq!(judge(&home, &["/ip4/203.0.113.5/udp/4001"]), Router::Keeps);
        assert_eq!(judge(&home, &["/ip4/203.0.113.5/udp/7"]), Router::Unknown);
        assert_eq!(judge(&home, &["/ip4/203.0.113.5/udp/7", "/ip4/203.0.113.5/udp/7"]), Router::Keeps);
        assert_eq!(judge(&home, &["/ip4/203.0.113.5/udp/7", "/ip4/203.0.113.5/udp/8"]), Router::ChoosesAnew);
        assert_eq!(judge(&home, &["/ip4/203.0.113.5/udp/4001", "/ip6/2001:db8::7/udp/9"]), Router::Unknown);
    }
}
