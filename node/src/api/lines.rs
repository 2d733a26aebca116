//! Answers that take long, or do not end: JSON lines, and the bytes of attachments.

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
    error::{Error, Result},
    store::{Store, StoreEvent, imports::ImportRequest},
};

/// Lines that wait for a slow reader; progress beyond is left out, results never.
const WAITING_LINES: usize = 64;

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
    let pairing = context.network.map(|(_, pairing)| pairing);
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
