//! The local API: HTTP and JSON, version 1, the same over the socket and in process.
//!
//! | | |
//! |---|---|
//! | `GET /v1/status` | where things stand |
//! | `GET, POST /v1/items`, `GET, PATCH /v1/items/{id}` | items; `?brief=true` for lines of a list |
//! | `POST /v1/items/remove`, `…/restore`, `…/forget` | into the trash, out of it, for good |
//! | `GET /v1/items/{id}/history`, `POST /v1/items/{id}/resolve` | what happened to one, settling |
//! | `POST /v1/items/{id}/attachments`, `GET …/attachments/{name}` | files |
//! | `GET /v1/timeline` | what has a date |
//! | `GET, POST /v1/imports`, `DELETE /v1/imports/{id}` | batches |
//! | `GET /v1/devices`, `GET /v1/pairing`, `POST /v1/pairing/{invitations,confirm}` | devices |
//! | `POST /v1/devices/{device}/revoke` | take a device out |
//! | `GET /v1/quarantine`, `POST /v1/quarantine/accept` | what a device did after it was taken out |
//! | `POST /v1/passphrase` | lock the vault in another way |
//! | `POST /v1/recovery`, `POST /v1/recovery/check` | the recovery phrase |
//! | `POST /v1/recovery/replace` | new words in the place of the present ones |
//! | `GET, PATCH /v1/sync`, `POST /v1/sync/now` | pause, metered mode, budget; dial everybody |
//! | `GET /v1/sync/wait?for=synced&timeout_ms=N` | answers when the goal is reached, or the time is up |
//! | `POST /v1/backup` | bring a backup in a folder up to date |
//! | `POST /v1/restore/alone` | a restored device has no other one to meet |
//! | `GET /v1/doctor` | is everything in order |
//! | `POST /v1/doctor/compact` | give back what space can be given back |
//! | `GET /v1/events` | what changes, one JSON line each |
//!
//! Errors are `{"error": {"code", "args", "exit"}}`. What takes long answers in JSON lines:
//! `{"progress": …}` any number of times, then `{"result": …}` or `{"error": …}`.

use std::sync::Arc;

use axum::{
    Json as AxumJson, Router,
    body::Body,
    extract::{Path, Query, State},
    http::{StatusCode, header},
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use musette_protocol::schedule::StopReason;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use crate::{
    driver::Driver,
    error::{Error, Result},
    home::VaultChoice,
    net::{Endpoint, Way},
    pairing::{Pairing, vouch},
    store::{
        Store,
        items::{List, RawEdit, RawFields},
    },
    sync::{
        Sessions,
        relays::Relays,
        scheduler::{Scheduler, stop_code},
    },
};

mod attachments;
mod backups;
mod forgetting;
mod lines;
mod relays;
mod revoking;
pub(crate) mod socket;
mod surroundings;
mod sync;
mod words;

/// Bytes of a request: the longest is an edit with a long note.
const MAX_REQUEST_BYTES: usize = 4 * 1024 * 1024;

/// What handlers work with.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) driver: Driver,
    /// Absent when no node runs.
    pub(crate) network: Option<Online>,
}

/// What there is beside the store while a node runs.
#[derive(Clone)]
pub(crate) struct Online {
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) pairing: Pairing,
    pub(crate) scheduler: Scheduler,
    pub(crate) sessions: Sessions,
    pub(crate) relays: Relays,
}

/// By what other devices are reached.
type Reach = (Sessions, Relays);

impl Online {
    fn reach(&self) -> Reach {
        (self.sessions.clone(), self.relays.clone())
    }
}

type Answer = Result<AxumJson<Json>>;

/// All routes.
pub(crate) fn router(context: Context) -> Router {
    let items = Router::new()
        .route("/v1/items", get(list_items).post(add_item))
        .route("/v1/items/{id}", get(show_item).patch(edit_item))
        .route("/v1/items/remove", post(forgetting::remove))
        .route("/v1/items/restore", post(forgetting::restore))
        .route("/v1/items/forget", post(forgetting::forget))
        .route("/v1/items/{id}/history", get(item_history))
        .route("/v1/items/{id}/resolve", post(resolve_item))
        .route("/v1/items/{id}/attachments", post(attachments::attach))
        .route("/v1/items/{id}/attachments/{name}", get(attachments::attachment))
        .route("/v1/items/{id}/attachments/{name}/fetch", post(attachments::fetch))
        .route("/v1/timeline", get(timeline))
        .route("/v1/imports", get(import_list).post(lines::import))
        .route("/v1/imports/{id}", axum::routing::delete(import_undo))
        .route("/v1/quarantine", get(revoking::quarantine))
        .route("/v1/quarantine/accept", post(revoking::accept))
        .route_layer(from_fn_with_state(backups::Gate::new(context.driver.clone()), backups::pass));
    Router::new()
        .merge(items)
        .route("/v1/status", get(status))
        .route("/v1/backup", post(backups::back_up))
        .route("/v1/restore/alone", post(backups::go_alone))
        .route("/v1/devices", get(devices))
        .route("/v1/devices/{device}/revoke", post(revoking::revoke))
        .route("/v1/pairing", get(pairing))
        .route("/v1/pairing/invitations", post(invite))
        .route("/v1/pairing/confirm", post(confirm))
        .route("/v1/relays", get(relays::list).post(relays::add))
        .route("/v1/relays/remove", post(relays::remove))
        .route("/v1/sync", get(sync::show).patch(sync::change))
        .route("/v1/sync/now", post(sync::now))
        .route("/v1/sync/wait", get(sync::wait))
        .route("/v1/passphrase", post(passphrase))
        .route("/v1/recovery", post(words::show))
        .route("/v1/recovery/check", post(words::check))
        .route("/v1/recovery/replace", post(words::replace))
        .route("/v1/doctor", get(doctor))
        .route("/v1/doctor/compact", post(compact))
        .route("/v1/doctor/net", get(surroundings::show))
        .route("/v1/events", get(lines::events))
        .fallback(async || Error::new("bad-request").with("detail", "no such path"))
        .layer(axum::extract::DefaultBodyLimit::max(MAX_REQUEST_BYTES))
        .with_state(context)
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = match self.code() {
            "not-found"
            | "attachment-not-found"
            | "device-not-found"
            | "not-in-quarantine"
            | "relay-not-found"
            | "relay-ambiguous" => StatusCode::NOT_FOUND,
            "internal" | "disk-failed" | "disk-full" | "stopping" => StatusCode::INTERNAL_SERVER_ERROR,
            "needs-running-node"
            | "sync-paused"
            | "sync-budget-used"
            | "healing"
            | "restored-waits"
            | "not-restored"
            | "device-revoked"
            | "device-words-replaced"
            | "words-frozen"
            | "no-safe-epoch"
            | "backup-in-use"
            | "recovery-not-held"
            | "no-pairing" => StatusCode::CONFLICT,
            _ => StatusCode::BAD_REQUEST,
        };
        (status, AxumJson(self.to_json())).into_response()
    }
}

impl Error {
    /// As the API carries it.
    pub(crate) fn to_json(&self) -> Json {
        json!({ "error": { "code": self.code(), "args": self.args(), "exit": self.exit_code() } })
    }
}

/// Parses a body, saying what is wrong with it.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    serde_json::from_slice(body).map_err(|error| Error::new("bad-request").with("detail", error))
}

async fn status(State(context): State<Context>) -> Answer {
    let online = context.network.as_ref();
    let listen: Option<Vec<String>> =
        online.map(|online| online.endpoint.listen_addresses().iter().map(ToString::to_string).collect());
    let (running, stop) = (listen.is_some(), sync::stop(&context));
    let reach = online.map(Online::reach);
    let work = move |store: &mut Store| {
        let mut status = store.status_json(running, &listen.unwrap_or_default(), stop);
        status["devices"] = devices_told(store, reach.as_ref(), stop).into();
        if let (Some((_, relays)), Some(notices)) = (&reach, status["notices"].as_array_mut()) {
            notices.extend(relays::notices(store, relays));
        }
        Ok(status)
    };
    let mut status = context.driver.run(work).await?;
    let mut standing = sync::standing(&context).await?;
    status["traffic"] = standing["traffic"].take();
    status["flow"] = standing["flow"].take();
    status["settings"] = standing["settings"].take();
    Ok(AxumJson(status))
}

/// All devices: those with a session with what went over it, the others with why there is none.
/// `stop` is why nothing flows here now.
fn devices_told(store: &Store, reach: Option<&Reach>, stop: Option<StopReason>) -> Vec<Json> {
    let mut devices = store.devices_json();
    let sessions = reach.map(|(sessions, _)| sessions);
    let why =
        reach.map(|(_, relays)| stop.map_or_else(|| relays::why_out_of_reach(store, relays), stop_code));
    for device in &mut devices {
        let id = device["id"].as_str().and_then(|id| id.parse().ok());
        let traffic = id.and_then(|id| sessions?.traffic(id));
        device["traffic"] =
            traffic.map_or(Json::Null, |(sent, received)| json!({ "sent": sent, "received": received }));
        let is_away = device["this"] == false && device["connected"] == false;
        device["why"] = why.filter(|_| is_away).into();
        let way = id.and_then(|id| sessions?.way(id));
        device["path"] = match way {
            Some(Way::Direct { .. }) => "direct".into(),
            Some(Way::Relayed { .. }) => "relayed".into(),
            None => Json::Null,
        };
        device["over"] = match way {
            Some(Way::Direct { quic }) => if quic { "quic" } else { "tcp" }.into(),
            _ => Json::Null,
        };
        device["relay"] = match way {
            Some(Way::Relayed { by: Some(relay) }) => relay.to_string().into(),
            _ => Json::Null,
        };
    }
    devices
}

#[derive(Deserialize)]
struct ListQuery {
    kind: Option<String>,
    #[serde(default)]
    all: bool,
    #[serde(default)]
    trash: bool,
    #[serde(default)]
    brief: bool,
}

async fn list_items(State(context): State<Context>, Query(query): Query<ListQuery>) -> Result<Response> {
    let list = List { kind: query.kind, all: query.all, trash: query.trash, brief: query.brief, after: None };
    lines::items(context.driver, list).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewItem {
    kind: String,
    #[serde(default)]
    fields: RawFields,
}

async fn add_item(State(context): State<Context>, body: axum::body::Bytes) -> Answer {
    let new: NewItem = parse(&body)?;
    context.driver.run(move |store| store.add(&new.kind, &new.fields)).await.map(AxumJson)
}

async fn show_item(State(context): State<Context>, Path(id): Path<String>) -> Answer {
    let stop = sync::stop(&context);
    let work = move |store: &mut Store| {
        let id = store.find(&id)?;
        let mut item = store.item(id)?;
        item["sync"] = store.sync_json(Some(id), stop);
        store.tell_whereabouts(id, &mut item);
        Ok(item)
    };
    context.driver.run(work).await.map(AxumJson)
}

async fn edit_item(
    State(context): State<Context>,
    Path(id): Path<String>,
    body: axum::body::Bytes,
) -> Answer {
    let edit: RawEdit = parse(&body)?;
    let work = move |store: &mut Store| {
        let id = store.find(&id)?;
        store.edit(id, &edit)
    };
    context.driver.run(work).await.map(AxumJson)
}

async fn item_history(State(context): State<Context>, Path(id): Path<String>) -> Answer {
    let work = move |store: &mut Store| {
        let id = store.find(&id)?;
        store.history(id)
    };
    context.driver.run(work).await.map(AxumJson)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resolution {
    set: RawFields,
}

async fn resolve_item(
    State(context): State<Context>,
    Path(id): Path<String>,
    body: axum::body::Bytes,
) -> Answer {
    let Resolution { set } = parse(&body)?;
    let work = move |store: &mut Store| {
        let id = store.find(&id)?;
        store.resolve(id, set)
    };
    context.driver.run(work).await.map(AxumJson)
}

#[derive(Deserialize)]
struct TimelineQuery {
    from: Option<String>,
    to: Option<String>,
    kind: Option<String>,
}

async fn timeline(State(context): State<Context>, Query(query): Query<TimelineQuery>) -> Answer {
    let work = move |store: &mut Store| {
        store.timeline(query.from.as_deref(), query.to.as_deref(), query.kind.as_deref())
    };
    context.driver.run(work).await.map(AxumJson)
}

async fn import_list(State(context): State<Context>) -> Answer {
    context.driver.run(|store| Ok(store.import_list())).await.map(AxumJson)
}

async fn import_undo(State(context): State<Context>, Path(id): Path<String>) -> Answer {
    context.driver.run(move |store| store.import_undo(&id)).await.map(AxumJson)
}

async fn devices(State(context): State<Context>) -> Answer {
    let (reach, stop) = (context.network.as_ref().map(Online::reach), sync::stop(&context));
    let work = move |store: &mut Store| {
        let devices = devices_told(store, reach.as_ref(), stop);
        Ok(json!({ "devices": devices, "revoked": store.revoked_json() }))
    };
    context.driver.run(work).await.map(AxumJson)
}

fn network(context: &Context) -> Result<&Online> {
    context.network.as_ref().ok_or_else(|| Error::new("needs-running-node"))
}

async fn pairing(State(context): State<Context>) -> Answer {
    Ok(AxumJson(network(&context)?.pairing.to_json()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewInvitation {
    #[serde(default)]
    unattended: bool,
}

async fn invite(State(context): State<Context>, body: axum::body::Bytes) -> Answer {
    let NewInvitation { unattended } = parse(&body)?;
    let online = network(&context)?;
    context.driver.run(|store| store.check_may_let_in()).await?;
    online.pairing.open(&online.endpoint, unattended).map(AxumJson)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TypedWords {
    words: String,
}

async fn confirm(State(context): State<Context>, body: axum::body::Bytes) -> Answer {
    let TypedWords { words } = parse(&body)?;
    match &context.network {
        Some(online) if online.pairing.awaits_words() => online.pairing.confirm(&words).await?,
        _ => drop(context.driver.run(move |store| vouch(store, &words)).await?),
    }
    context.driver.run(|store| Ok(json!({ "devices": store.devices_json() }))).await.map(AxumJson)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewLock {
    passphrase: Option<String>,
    new: Option<String>,
    #[serde(default)]
    keyring: bool,
}

/// The present passphrase is asked for again: an unlocked node is not the person.
async fn passphrase(State(context): State<Context>, body: axum::body::Bytes) -> Answer {
    let NewLock { passphrase, new, keyring } = parse(&body)?;
    let (current, new) = (passphrase.map(Zeroizing::new), new.map(Zeroizing::new));
    if new.as_ref().is_some_and(|new| new.is_empty()) {
        return Err(Error::new("passphrase-empty"));
    }
    let new = match (new, keyring) {
        (Some(_), true) => return Err(Error::new("bad-request").with("detail", "new and keyring")),
        (Some(new), false) => VaultChoice::Passphrase(new),
        (None, true) => VaultChoice::Keyring,
        (None, false) => VaultChoice::KeyFile,
    };
    let work = move |store: &mut Store| {
        let before = store.vault().opened_by();
        store.change_lock(current.as_deref().map(String::as_str), &new)?;
        Ok(json!({ "vault": store.vault().opened_by(), "before": before }))
    };
    context.driver.run(work).await.map(AxumJson)
}

async fn compact(State(context): State<Context>) -> Answer {
    context.driver.run(Store::compact).await.map(AxumJson)
}

async fn doctor(State(context): State<Context>) -> Answer {
    context.driver.run(|store| Ok(store.doctor_json())).await.map(AxumJson)
}

/// A response of JSON lines, written by a task as they come.
fn json_lines(lines: mpsc::Receiver<Json>) -> Response {
    let stream = futures::stream::unfold(lines, |mut lines| async move {
        let line = lines.recv().await?;
        Some((Ok::<_, std::convert::Infallible>(format!("{line}\n")), lines))
    });
    ([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(stream)).into_response()
}
