//! Writing a backup, and what a restored device may be asked.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    body::Bytes,
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc;

use super::{Answer, AxumJson, Context, json_lines, lines::WAITING_LINES, parse};
use crate::{
    backup,
    driver::Driver,
    error::{Error, Result},
    store::Store,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    path: PathBuf,
}

/// Brings a backup up to date. Goes on when the caller leaves.
pub(super) async fn back_up(State(context): State<Context>, body: Bytes) -> Result<Response> {
    let Place { path } = parse(&body)?;
    if !path.is_absolute() {
        return Err(Error::new("bad-request").with("detail", "the path is not absolute"));
    }
    let (lines, receiver) = mpsc::channel(WAITING_LINES);
    tokio::spawn(async move {
        let last = match backup::back_up(&context.driver, path, &lines).await {
            Ok(done) => json!({ "result": done }),
            Err(error) => error.to_json(),
        };
        drop(lines.send(last).await);
    });
    Ok(json_lines(receiver))
}

/// The person says that a restored device has no other one to meet.
pub(super) async fn go_alone(State(context): State<Context>) -> Answer {
    let work = |store: &mut Store| {
        store.go_alone()?;
        Ok(json!({ "items": store.item_count() }))
    };
    context.driver.run(work).await.map(AxumJson)
}

/// Lets requests for items pass, unless this device was restored and may still hold what was forgotten
/// since. Once they pass they always do, so that the store is not asked at each of them.
#[derive(Clone)]
pub(super) struct Gate {
    driver: Driver,
    is_open: Arc<AtomicBool>,
}

impl Gate {
    pub(super) fn new(driver: Driver) -> Self {
        Self { driver, is_open: Arc::default() }
    }
}

/// Lets one request pass, or tells why not.
pub(super) async fn pass(State(gate): State<Gate>, request: Request, next: Next) -> Result<Response> {
    if !gate.is_open.load(Ordering::Relaxed) {
        let check = |store: &mut Store| if store.is_restored() { store.check_whole() } else { Ok(()) };
        gate.driver.run(check).await?;
        gate.is_open.store(true, Ordering::Relaxed);
    }
    Ok(next.run(request).await)
}
