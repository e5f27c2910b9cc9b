//! `GET /v1/customers/{id}` and `/v1/customers/{id}/explain`: one customer's card, and why they are where they are, from
//! the last committed state. `GET /v1/partners/{partner}/customers/{id}`: what one company of a coalition sees of the card.
//!
//! The card is read as of the task's clock: nothing is concluded here that the decisions have not said. A customer of
//! a partition that another process owns is not looked for there; the answer names the partition.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use engine::log::TaskId;
use engine::store::Store;
use programme::customer::Customer;
use programme::time::Timestamp;

use super::{STARTING, Shared, UNASSIGNED, error, partition, reading};

/// Bytes of a customer's id, as the input accepts them.
pub(super) const ID_BYTES_MAX: usize = 256;

/// Where to look for a customer or a group.
pub(super) enum Place {
    /// In this store.
    Here(Arc<Store>),
    /// The answer is that we cannot tell.
    Elsewhere(Response),
}

/// Answers with the card.
pub(super) async fn customer(
    State(shared): State<Arc<Shared>>,
    id: Result<Path<String>, PathRejection>,
) -> Response {
    answer(shared, id, card).await
}

/// Answers why the customer is where they are.
pub(super) async fn explain(
    State(shared): State<Arc<Shared>>,
    id: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Response {
    match query.as_deref() {
        None | Some("" | "format=json") => answer(shared, id, explanation_json).await,
        Some("format=text") => answer(shared, id, explanation_text).await,
        Some(other) => {
            let message = format!("query {other:?} is not known, expected format=json or format=text");
            error(StatusCode::BAD_REQUEST, message)
        }
    }
}

/// Answers with the company's own view of the customer.
pub(super) async fn partner(
    State(shared): State<Arc<Shared>>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Response {
    let (partner, id) = match path {
        Ok(Path((partner, id))) => (partner, Ok(Path(id))),
        Err(rejection) => return error(StatusCode::BAD_REQUEST, format!("path: {rejection}")),
    };
    if shared.governing.programme().terms().partner.iter().all(|known| known.name != partner) {
        return error(StatusCode::NOT_FOUND, "no such company in the programme".to_string());
    }
    answer(shared, id, move |shared, id, found| view(shared, &partner, id, found)).await
}

/// Finds the customer and answers with what is `told` of them.
async fn answer(
    shared: Arc<Shared>,
    id: Result<Path<String>, PathRejection>,
    told: impl FnOnce(&Shared, &str, &Found) -> Response + Send + 'static,
) -> Response {
    let id = match id {
        Ok(Path(id)) => id,
        Err(rejection) => return error(StatusCode::BAD_REQUEST, format!("customer id: {rejection}")),
    };
    if id.len() > ID_BYTES_MAX {
        let message = format!("customer id of {} bytes above {ID_BYTES_MAX}", id.len());
        return error(StatusCode::BAD_REQUEST, message);
    }
    let read = move || match place(&shared, "customer", id.as_bytes()) {
        Place::Here(store) => match find(&shared, &store, &id) {
            Ok(found) => told(&shared, &id, &found),
            Err(response) => *response,
        },
        Place::Elsewhere(response) => response,
    };
    reading(read).await
}

/// Where to look for whoever has this key: `what` that is.
pub(super) fn place(shared: &Shared, what: &str, key: &[u8]) -> Place {
    let later = |message: String| Place::Elsewhere(super::later(message));
    let Some(partitions) = shared.status.partitions() else {
        return later(STARTING.to_string());
    };
    let task = TaskId(partition::of(key, partitions));
    let tasks = shared.status.tasks();
    match (tasks.get(&task), shared.stores.get(task)) {
        (Some(view), _) if view.recovering => {
            later(format!("task {} is recovering: {} entries read", task.0, view.restored))
        }
        (Some(_), Some(store)) => Place::Here(store),
        (Some(_), None) => later(format!("task {} is recovering", task.0)),
        (None, _) if shared.status.is_unassigned() => later(UNASSIGNED.to_string()),
        (None, _) => {
            let owned: Vec<u32> = tasks.keys().map(|task| task.0).collect();
            let message = format!("the {what} is in partition {}, which another process owns", task.0);
            let body = serde_json::json!({ "error": message, "partition": task.0, "partitionsHere": owned });
            Place::Elsewhere((StatusCode::MISDIRECTED_REQUEST, axum::Json(body)).into_response())
        }
    }
}

/// A customer in the last committed state.
struct Found {
    customer: Customer,
    /// The instant up to which the state is complete.
    as_of: Timestamp,
    /// How long ago that was known, by the wall clock; absent where this process has not committed anything yet.
    age_ms: Option<i64>,
}

fn find(shared: &Shared, store: &Store, id: &str) -> Result<Found, Box<Response>> {
    let corrupt = |e: &dyn std::fmt::Display| {
        tracing::error!("customer query: {e}");
        error(StatusCode::INTERNAL_SERVER_ERROR, format!("the customer's state cannot be read: {e}"))
    };
    // Before the state: what is read after it is at least as fresh as what it says.
    let committed = store.committed_at();
    let stored = match store.customer(id.as_bytes()) {
        Ok(Some(stored)) => stored,
        Ok(None) => return Err(Box::new(error(StatusCode::NOT_FOUND, "no such customer".to_string()))),
        Err(e) => return Err(Box::new(corrupt(&e))),
    };
    let customer = wire::stored::decode_customer(&stored).map_err(|e| Box::new(corrupt(&e)))?;
    let as_of = committed.map_or(customer.standing.clock, |at| at.clock);
    let age_ms = committed.map(|at| (shared.now)().0.saturating_sub(at.wall.0).max(0));
    Ok(Found { customer, as_of, age_ms })
}

fn card(shared: &Shared, id: &str, found: &Found) -> Response {
    let card = shared.governing.programme().card(id, &found.customer, found.as_of);
    json(with_age(&wire::card::to_json(&card), found.age_ms))
}

fn view(shared: &Shared, partner: &str, id: &str, found: &Found) -> Response {
    let card = shared.governing.programme().card(id, &found.customer, found.as_of);
    match card.view_of(partner) {
        Some(view) => json(with_age(&wire::card::view_to_json(&view), found.age_ms)),
        // Whether the others know the customer is not for this one to learn.
        None => error(StatusCode::NOT_FOUND, "no such customer".to_string()),
    }
}

fn explanation_json(shared: &Shared, id: &str, found: &Found) -> Response {
    let explanation = shared.governing.programme().explain(id, &found.customer, found.as_of);
    json(with_age(&wire::explanation::to_json(&explanation), found.age_ms))
}

fn explanation_text(shared: &Shared, id: &str, found: &Found) -> Response {
    let text = crate::explain::explanation(&shared.governing.programme(), id, &found.customer, found.as_of);
    (StatusCode::OK, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

pub(super) fn json(body: String) -> Response {
    (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// The object with `committedAgoMs` as its last field: how long ago the state was known to be complete up to `asOf`;
/// `null` where this process has not committed anything since it started.
pub(super) fn with_age(object: &str, age_ms: Option<i64>) -> String {
    let fields = object.strip_suffix('}').expect("an object ends so");
    let age = age_ms.map_or("null".to_string(), |ms| ms.to_string());
    format!("{fields},\"committedAgoMs\":{age}}}\n")
}

/// How long ago an instant was, in words for people.
pub(super) fn ago(now: Timestamp, then: Timestamp) -> String {
    let seconds = now.0.saturating_sub(then.0).max(0) / 1000;
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}
