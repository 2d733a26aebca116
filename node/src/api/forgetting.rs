//! Removing items.

use axum::{body::Bytes, extract::State};
use serde::Deserialize;

use super::{Answer, AxumJson, Context, parse};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Chosen {
    /// Beginnings of ids.
    ids: Vec<String>,
    /// How many items the caller means, if they are more than a few.
    many: Option<usize>,
}

/// Puts items into the trash.
pub(super) async fn remove(State(context): State<Context>, body: Bytes) -> Answer {
    let Chosen { ids, many } = parse(&body)?;
    context.driver.run(move |store| store.remove(&ids, many)).await.map(AxumJson)
}

/// Takes items out of the trash.
pub(super) async fn restore(State(context): State<Context>, body: Bytes) -> Answer {
    let Chosen { ids, .. } = parse(&body)?;
    context.driver.run(move |store| store.restore_items(&ids)).await.map(AxumJson)
}

/// Forgets items for good; all in the trash, if none are named.
pub(super) async fn forget(State(context): State<Context>, body: Bytes) -> Answer {
    let Chosen { ids, many } = parse(&body)?;
    context.driver.run(move |store| store.forget(&ids, many)).await.map(AxumJson)
}
