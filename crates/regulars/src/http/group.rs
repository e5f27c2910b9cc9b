//! `GET /v1/groups/{id}`: the card of a household or company, from the last committed state.
//!
//! A group lies in the partition of its own key, which is not that of any customer; the answer names the partition where another
//! process owns it.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use engine::store::Store;

use super::customer::{ID_BYTES_MAX, Place, json, place, with_age};
use super::{Shared, error, reading};

/// Answers with the card of the group.
pub(super) async fn group(
    State(shared): State<Arc<Shared>>,
    account: Result<Path<String>, PathRejection>,
) -> Response {
    let account = match account {
        Ok(Path(account)) => account,
        Err(rejection) => return error(StatusCode::BAD_REQUEST, format!("account id: {rejection}")),
    };
    if account.len() > ID_BYTES_MAX {
        let message = format!("account id of {} bytes above {ID_BYTES_MAX}", account.len());
        return error(StatusCode::BAD_REQUEST, message);
    }
    let read = move || match place(&shared, "group", &wire::stored::group_key(&account)) {
        Place::Here(store) => card(&shared, &store, &account),
        Place::Elsewhere(response) => response,
    };
    reading(read).await
}

fn card(shared: &Shared, store: &Store, account: &str) -> Response {
    let corrupt = |e: &dyn std::fmt::Display| {
        tracing::error!("group query: {e}");
        error(StatusCode::INTERNAL_SERVER_ERROR, format!("the group's state cannot be read: {e}"))
    };
    let committed = store.committed_at();
    let stored = match store.group(account.as_bytes()) {
        Ok(Some(stored)) => stored,
        Ok(None) => return error(StatusCode::NOT_FOUND, "no such group"),
        Err(e) => return corrupt(&e),
    };
    let group = match wire::stored::decode_group(&stored) {
        Ok(group) => group,
        Err(e) => return corrupt(&e),
    };
    let age_ms = committed.map(|at| (shared.now)().0.saturating_sub(at.wall.0).max(0));
    let card = shared.governing.programme().group_card(account, &group);
    json(with_age(&wire::card::group_to_json(&card), age_ms))
}
