//! Answers that take long, are long, or do not end: JSON lines, lists, and the bytes of attachments.

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    extract::{Path, State},
    http::header,
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use tokio::sync::{broadcast::error::RecvError, mpsc};

use super::{Context, json_lines, parse};
use crate::{
    driver::Driver,
    error::{Error, Result},
    store::{Store, StoreEvent, imports::ImportRequest, items::List},
};

/// Lines that wait for a slow reader; progress beyond is left out, results never.
const WAITING_LINES: usize = 64;
/// Pages of a list that wait: the store writes one while another is sent.
const WAITING_PAGES: usize = 2;

/// How often a fetch is looked at although nothing arrived.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// Runs `work` with a way to tell progress; its outcome is the last line.
fn with_progress(
    context: Context,
    work: impl FnOnce(&mut Store, &mut dyn FnMut(Json)) -> Result<Json> + Send + 'static,
) -> Response {
    let (lines, receiver) = mpsc::channel(WAITING_LINES);
    tokio::spawn(async move {
        let progress = lines.clone();
        let outcome = context
            .driver
            .run(move |store| work(store, &mut |told| drop(progress.try_send(json!({ "progress": told })))))
            .await;
        let last = match outcome {
            Ok(result) => json!({ "result": result }),
            Err(error) => error.to_json(),
        };
        drop(lines.send(last).await);
    });
    json_lines(receiver)
}

/// All items of a list, a page at a time. One that cannot be read ends the answer short of its end,
/// so that nobody takes a part for the whole.
pub(super) async fn items(driver: Driver, list: List) -> Result<Response> {
    let mut page = driver.run(move |store| store.list(&list)).await?;
    let (pages, receiver) = mpsc::channel::<Result<Bytes>>(WAITING_PAGES);
    tokio::spawn(async move {
        let mut between = "{\"items\":[";
        loop {
            if !page.json.is_empty() {
                page.json.splice(..0, between.bytes());
                between = ",";
                if pages.send(Ok(page.json.into())).await.is_err() {
                    return;
                }
            }
            let Some(rest) = page.rest else { break };
            page = match driver.run(move |store| store.list(&rest)).await {
                Ok(page) => page,
                Err(error) => return drop(pages.send(Err(error)).await),
            };
        }
        let end = if between == "," { "]}" } else { "{\"items\":[]}" };
        drop(pages.send(Ok(Bytes::from_static(end.as_bytes()))).await);
    });
    let stream = futures::stream::unfold(receiver, |mut receiver| async move {
        let page = receiver.recv().await?;
        Some((page, receiver))
    });
    Ok(([(header::CONTENT_TYPE, "application/json")], Body::from_stream(stream)).into_response())
}

pub(super) async fn import(State(context): State<Context>, body: Bytes) -> Result<Response> {
    let request: ImportRequest = parse(&body)?;
    if request.paths.is_empty() {
        return Err(Error::new("bad-request").with("detail", "no path"));
    }
    Ok(with_progress(context, move |store, progress| store.import(&request, progress)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewAttachment {
    path: std::path::PathBuf,
}

pub(super) async fn attach(
    State(context): State<Context>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response> {
    let NewAttachment { path } = parse(&body)?;
    Ok(with_progress(context, move |store, progress| {
        let id = store.find(&id)?;
        store.attach(id, &path, progress)
    }))
}

/// Fetches an attachment from other devices, whatever its size; the last line says how it ended. Who
/// leaves before only stops watching.
pub(super) async fn fetch(
    State(context): State<Context>,
    Path((id, name)): Path<(String, String)>,
) -> Result<Response> {
    let driver = context.driver;
    let ask = move |store: &mut Store| {
        let id = store.find(&id)?;
        let attachment = store.ask_for(id, &name)?;
        let fetched = store.fetched(&attachment)?;
        Ok((attachment, fetched))
    };
    let mut changed = driver.changed();
    let (attachment, mut fetched) = driver.run(ask).await?;
    if fetched["whole"] != true && context.network.is_none() {
        return Err(Error::new("needs-running-node"));
    }
    let (lines, receiver) = mpsc::channel(WAITING_LINES);
    tokio::spawn(async move {
        while fetched["whole"] != true {
            let progress =
                json!({ "done": fetched["done"], "total": fetched["total"], "what": fetched["name"] });
            drop(lines.try_send(json!({ "progress": progress })));
            tokio::select! {
                Ok(()) = changed.changed() => {}
                // Who has it may say that it has no more, which nothing durable tells.
                () = tokio::time::sleep(WATCH_EVERY) => {}
                () = lines.closed() => return,
            }
            let attachment = attachment.clone();
            fetched = match driver.run(move |store| store.fetched(&attachment)).await {
                Ok(fetched) => fetched,
                Err(error) => return drop(lines.send(error.to_json()).await),
            };
        }
        drop(lines.send(json!({ "result": fetched })).await);
    });
    Ok(json_lines(receiver))
}

/// The bytes of an attachment, a chunk at a time. One that cannot be read ends the answer short of
/// the announced length, so that nobody takes a part for the whole.
pub(super) async fn attachment(
    State(context): State<Context>,
    Path((id, name)): Path<(String, String)>,
) -> Result<Response> {
    let driver = context.driver;
    let work = move |store: &mut Store| {
        let id = store.find(&id)?;
        let attachment = store.find_attachment(id, &name)?;
        let first = store.read_chunk(&attachment, 0)?;
        Ok((attachment, first))
    };
    let (attachment, first) = driver.run(work).await?;
    let headers = [
        (header::CONTENT_TYPE, attachment.media_type.clone()),
        (header::CONTENT_LENGTH, attachment.size.to_string()),
    ];
    let chunks = futures::stream::unfold((first, 0_u32), move |(chunk, index)| {
        let (driver, attachment) = (driver.clone(), attachment.clone());
        async move {
            let chunk = chunk?;
            let next = index + 1;
            let following = driver.run(move |store| store.read_chunk(&attachment, next)).await;
            Some(match following {
                Ok(following) => (Ok(Bytes::from(chunk)), (following, next)),
                Err(error) => (Err(error), (None, next)),
            })
        }
    });
    Ok((headers, Body::from_stream(chunks)).into_response())
}

/// What changes from now on. A reader that is too slow is told `{"event": "missed"}`.
pub(super) async fn events(State(context): State<Context>) -> Response {
    let (lines, receiver) = mpsc::channel(WAITING_LINES);
    let mut events = context.driver.events();
    let pairing = context.network.map(|online| online.pairing);
    tokio::spawn(async move {
        if lines.send(json!({ "event": "ready" })).await.is_err() {
            return;
        }
        let mut pairing_changed = pairing.as_ref().map(|pairing| pairing.changed());
        loop {
            let line = tokio::select! {
                event = events.recv() => match event {
                    Ok(StoreEvent::Item(id)) => json!({ "event": "item", "id": id.to_string() }),
                    Ok(StoreEvent::Devices) => json!({ "event": "devices" }),
                    Ok(StoreEvent::Sync) => json!({ "event": "sync" }),
                    Err(RecvError::Lagged(_)) => json!({ "event": "missed" }),
                    Err(RecvError::Closed) => return,
                },
                () = async { match &mut pairing_changed {
                    Some(changed) => drop(changed.changed().await),
                    None => std::future::pending().await,
                } } => {
                    let mut line = pairing.as_ref().map_or(json!({}), |pairing| pairing.to_json());
                    line["event"] = "pairing".into();
                    line
                },
                () = lines.closed() => return,
            };
            if lines.send(line).await.is_err() {
                return;
            }
        }
    });
    json_lines(receiver)
}
