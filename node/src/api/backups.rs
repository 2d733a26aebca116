//! Writing a backup, and what a restored device may be asked.

use std::path::PathBuf;

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

/// Lets a request for items pass, unless this device was restored and may still hold what was
/// forgotten since.
pub(super) async fn readable(
    State(context): State<Context>,
    request: Request,
    next: Next,
) -> Result<Response> {
    let check = |store: &mut Store| if store.is_restored() { store.check_whole() } else { Ok(()) };
    context.driver.run(check).await?;
    Ok(next.run(request).await)
}
