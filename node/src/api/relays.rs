//! The person's relays.

use axum::{Json as AxumJson, body::Bytes, extract::State};
use libp2p::PeerId;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{Answer, Context, parse};
use crate::{
    store::{Store, relays::Relay},
    sync::relays::Relays,
};

/// Characters at the end of a peer id by which a person is told of a relay.
const SHORT_PEER: usize = 8;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    /// As the person gave it: to add it, an address that ends in its peer id; to remove it, the end of
    /// that is enough.
    relay: String,
}

/// All relays, and how it stands with each.
pub(super) async fn list(State(context): State<Context>) -> Answer {
    let relays = context.driver.run(|store| Ok(store.relays())).await?;
    let standing = |peer: PeerId| context.network.as_ref().map(|online| online.relays.to_json(peer));
    let relays: Vec<Json> = relays.into_values().map(|relay| to_json(&relay, standing(relay.peer))).collect();
    Ok(AxumJson(json!({ "relays": relays })))
}

fn to_json(relay: &Relay, standing: Option<Json>) -> Json {
    let mut told = standing.unwrap_or_else(|| json!({ "state": "off", "since": null, "reason": null }));
    told["id"] = relay.peer.to_string().into();
    told["addresses"] = relay.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().into();
    told
}

/// What the person has to hear of: tickets that are good for nothing any more.
pub(super) fn notices(store: &Store, relays: &Relays) -> Vec<Json> {
    let refused = store.relays().into_keys().filter_map(|peer| Some((peer, relays.refusal(peer)?)));
    let end = |peer: PeerId| {
        let text = peer.to_string();
        text[text.len().saturating_sub(SHORT_PEER)..].to_owned()
    };
    refused.map(|(peer, code)| json!({ "code": code, "args": { "relay": end(peer) } })).collect()
}

/// Why a device may be out of reach, by how it stands with the relays.
pub(super) fn why_out_of_reach(store: &Store, relays: &Relays) -> &'static str {
    let named = store.relays();
    match named.keys().any(|peer| relays.is_held(*peer)) {
        true => "not-at-relays",
        false if named.is_empty() => "no-relay",
        false if named.keys().any(|peer| relays.has_answered(*peer)) => "no-place-at-relays",
        false => "no-relay-answers",
    }
}

pub(super) async fn add(State(context): State<Context>, body: Bytes) -> Answer {
    let Named { relay } = parse(&body)?;
    let relay = Relay::parse(&relay)?;
    let peer = relay.peer;
    context.driver.run(move |store: &mut Store| store.add_relay(&relay)).await?;
    Ok(AxumJson(json!({ "id": peer.to_string() })))
}

pub(super) async fn remove(State(context): State<Context>, body: Bytes) -> Answer {
    let Named { relay } = parse(&body)?;
    let peer = context.driver.run(move |store: &mut Store| store.remove_relay(&relay)).await?;
    Ok(AxumJson(json!({ "id": peer.to_string() })))
}
