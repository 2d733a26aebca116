//! `musette doctor net`: the network that this device is in, in plain words.

use crate::commands::device;
use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::t;
use crate::text::{list_of, short_peer, text_of};
use serde_json::Value;

/// Explains the network.
#[derive(clap::Args, Debug)]
pub(super) struct Net {}

impl Net {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let connection = context.connect().await?;
        let result = connection.get("/v1/doctor/net").await;
        connection.close().await?;
        let answer = result?;
        if context.output.is_json() {
            context.output.json(&answer)?;
            return Ok(Exit::Done);
        }
        for line in describe(&answer) {
            context.output.answer(&line)?;
        }
        Ok(Exit::Done)
    }
}

fn describe(net: &Value) -> Vec<String> {
    let relays = list_of(net, "relays");
    let held = relays.iter().filter(|relay| relay["state"] == "reserved").count();
    let mut lines = vec![here(net), outside(net)];
    lines.extend(relays.iter().filter_map(seen));
    lines.push(match (relays.len(), held) {
        (0, _) => t!("net-no-relay"),
        (_, 0) => t!("net-no-place"),
        (_, 1) => t!("net-one-place"),
        (_, count) => t!("net-places", count = count as u64),
    });
    // A relay that was reached over TCP while QUIC failed for a moment stays so.
    let over: Vec<&str> = relays.iter().filter_map(|relay| relay["over"].as_str()).collect();
    let is_quic_there = list_of(net, "devices").iter().any(|device| device["over"] == "quic");
    if !is_quic_there && !over.is_empty() && over.iter().all(|over| *over == "tcp") {
        lines.push(t!("net-no-udp"));
    }
    let others = list_of(net, "devices").iter().filter(|device| device["this"] != true);
    lines.extend(others.map(device::describe));
    lines
}

/// Where this device is on its own network.
fn here(net: &Value) -> String {
    let mut ips: Vec<&str> = list_of(net, "listen").iter().filter_map(ip).collect();
    ips.dedup();
    ips.sort_unstable();
    ips.dedup();
    if ips.is_empty() { t!("net-nowhere") } else { t!("net-here", addresses = ips.join(", ")) }
}

/// What stands between this device and everybody else.
fn outside(net: &Value) -> String {
    match text_of(net, "router") {
        _ if !list_of(net, "external").is_empty() => t!("net-open"),
        "none" => t!("net-open"),
        "keeps" => t!("net-keeps"),
        "chooses-anew" => t!("net-chooses-anew"),
        _ if list_of(net, "relays").iter().any(|relay| relay["seen_as"].is_string()) => t!("net-unsure"),
        _ => t!("net-unknown"),
    }
}

/// As whom a relay sees this device.
fn seen(relay: &Value) -> Option<String> {
    let address = ip(&relay["seen_as"])?.to_owned();
    Some(t!("net-seen", relay = short_peer(text_of(relay, "id")).to_owned(), address = address))
}

/// The IP address in a multiaddress.
fn ip(address: &Value) -> Option<&str> {
    address.as_str()?.split('/').nth(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_address_is_told_once_and_a_relay_tells_who_it_sees() {
        let relay = json!({"id": "12D3KooWabcdefgh", "state": "reserved", "over": "tcp",
            "seen_as": "/ip4/203.0.113.5/udp/7/quic-v1"});
        let net = json!({"listen": ["/ip4/192.168.1.7/udp/1/quic-v1", "/ip4/192.168.1.7/tcp/1"],
            "external": [], "router": "chooses-anew", "relays": [relay], "devices": []});
        let lines = describe(&net);
        assert_eq!(lines[0].matches("192.168.1.7").count(), 1);
        assert!(lines[2].contains("abcdefgh") && lines[2].contains("203.0.113.5"), "{lines:?}");
        assert_eq!(lines.len(), 5);
    }
}
