//! Taking devices out, and what they did afterwards.

use axum::{
    body::Bytes,
    extract::{Path, State},
};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{Answer, AxumJson, Context, parse};
use crate::store::Store;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRevocation {
    #[serde(default)]
    restore: Vec<String>,
    words: Option<String>,
}

/// Takes a device out; the others learn of it when they are met.
pub(super) async fn revoke(
    State(context): State<Context>,
    Path(device): Path<String>,
    body: Bytes,
) -> Answer {
    let NewRevocation { restore, words } = parse(&body)?;
    let words = words.map(Zeroizing::new);
    let work = move |store: &mut Store| store.revoke(&device, &restore, words.as_deref().map(String::as_str));
    context.driver.run(work).await.map(AxumJson)
}

/// What devices did after they were taken out.
pub(super) async fn quarantine(State(context): State<Context>) -> Answer {
    context.driver.run(Store::quarantine_json).await.map(AxumJson)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Accepted {
    /// Beginnings of ids; all items, if none are named.
    ids: Vec<String>,
}

/// Lets some of that count.
pub(super) async fn accept(State(context): State<Context>, body: Bytes) -> Answer {
    let Accepted { ids } = parse(&body)?;
    context.driver.run(move |store| store.quarantine_accept(&ids)).await.map(AxumJson)
}
