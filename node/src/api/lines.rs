//! Answers that take long, are long, or do not end: JSON lines and lists.

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::header,
    response::{IntoResponse as _, Response},
};
use serde_json::{Value as Json, json};
use tokio::sync::{broadcast::error::RecvError, mpsc};

use super::{Context, json_lines, parse};
use crate::{
    driver::Driver,
    error::{Error, Result},
    store::{Store, StoreEvent, imports::ImportRequest, items::List},
};

/// Lines that wait for a slow reader; progress beyond is left out, results never.
pub(super) const WAITING_LINES: usize = 64;
/// Pages of a list that wait: the store writes one while another is sent.
const WAITING_PAGES: usize = 2;

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
                    Ok(StoreEvent::Recovered(device)) => {
                        json!({ "event": "recovered", "device": device.to_string() })
                    }
                    Ok(StoreEvent::WordsReplaced) => json!({ "event": "words-replaced" }),
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
