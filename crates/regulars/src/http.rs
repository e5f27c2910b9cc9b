//! What the service answers over HTTP: the card of a customer or a group, health, metrics, and a page for people.
//!
//! ```text
//! GET /v1/customers/{id}   the card; 404 unknown, 421 owned elsewhere, 503 not yet
//! GET /v1/customers/{id}/explain   why they are where they are; ?format=text for people
//! GET /v1/at-risk          whom to call first; ?sort=value_at_risk|probability|since&limit=&after=
//! GET /v1/partners/{partner}/customers/{id}   what one company of a coalition sees of them; 404 where they bought nothing
//! GET /v1/groups/{id}      the card of a household or company; the same answers
//! GET /v1/population/{period}   what all customers add up to in a month or year; 503 not yet
//! GET /livez               200 while every worker turns, else 503: restart the process
//! GET /readyz              200 when every task is recovered, else 503 with the reasons
//! GET /metrics             Prometheus text
//! GET /                    the status, as HTML
//! ```
//!
//! Handlers read the stores and the status and change nothing. There is no authentication: the default address is
//! loopback.

mod at_risk;
mod customer;
mod group;
mod page;
mod partition;
mod population;

use std::fmt::Display;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use engine::store::Store;
use engine::store::stores::Stores;
use metrics_exporter_prometheus::PrometheusHandle;
use programme::time::Timestamp;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::kafka_log::population::Followed;
use crate::run::governing::Governing;
use crate::run::status::Status;
use crate::telemetry;

/// What the handlers look at.
pub struct Shared {
    /// What the workers show.
    pub status: Arc<Status>,
    /// The customers' and the groups' state.
    pub stores: Arc<Stores>,
    /// By what cards are read.
    pub governing: Arc<Governing>,
    /// What all tasks have counted of the population; `None` where it all lies here, or nothing is counted.
    pub population: Option<Arc<Followed>>,
    /// What was counted.
    pub metrics: PrometheusHandle,
    /// The wall clock.
    pub now: fn() -> Timestamp,
}

/// All routes.
pub fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/", get(status_page))
        .route("/v1/customers/{id}", get(customer::customer))
        .route("/v1/customers/{id}/explain", get(customer::explain))
        .route("/v1/at-risk", get(at_risk::at_risk))
        .route("/v1/partners/{partner}/customers/{id}", get(customer::partner))
        .route("/v1/groups/{id}", get(group::group))
        .route("/v1/population/{period}", get(population::population))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .fallback(no_such_page)
        .method_not_allowed_fallback(wrong_method)
        .with_state(shared)
}

async fn status_page(State(shared): State<Arc<Shared>>) -> Response {
    let programme = shared.governing.programme();
    let facts = page::Facts { terms_version: &programme.terms().version, now: (shared.now)() };
    Html(page::page(&shared.status, &facts)).into_response()
}

async fn livez(State(shared): State<Arc<Shared>>) -> Response {
    health("alive", &shared.status.stuck())
}

async fn readyz(State(shared): State<Arc<Shared>>) -> Response {
    health("ready", &shared.status.unready())
}

fn health(good: &str, reasons: &[String]) -> Response {
    match reasons.is_empty() {
        true => Json(json!({ "status": good })).into_response(),
        false => {
            let body = json!({ "error": format!("not {good}"), "reasons": reasons });
            (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
        }
    }
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    let render = move || {
        engine::metrics::tasks_owned(shared.status.tasks().len());
        let write_buffers = shared.stores.opened().into_iter();
        let write_buffer_bytes =
            write_buffers.filter_map(|(_, store)| store.figure("rocksdb.cur-size-all-mem-tables")).sum();
        engine::metrics::store_memory(shared.stores.cache_usage_bytes() as u64, write_buffer_bytes);
        let running_ms = i64::try_from(shared.status.running_for().as_millis()).unwrap_or(i64::MAX);
        telemetry::measure_process((shared.now)().plus_ms(-running_ms));
        shared.metrics.render()
    };
    match tokio::task::spawn_blocking(render).await {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response(),
        Err(e) => error(StatusCode::INTERNAL_SERVER_ERROR, format!("metrics: {e}")),
    }
}

async fn no_such_page() -> Response {
    error(StatusCode::NOT_FOUND, "no such page; customers are at /v1/customers/{id}")
}

async fn wrong_method() -> Response {
    error(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered here")
}

/// What is answered before the tasks are known.
const STARTING: &str = "starting: the number of partitions is not known yet";
/// What is said while workers wait for their tasks.
const UNASSIGNED: &str = "tasks are being assigned";

/// What `read` answers, on a thread of its own: RocksDB may wait for the disk.
async fn reading(read: impl FnOnce() -> Response + Send + 'static) -> Response {
    let read = tokio::task::spawn_blocking(read).await;
    read.unwrap_or_else(|e| error(StatusCode::INTERNAL_SERVER_ERROR, format!("the query failed: {e}")))
}

/// The same where looking takes long, when it is its turn. The work has the turn, and not whoever asked: they may be gone long
/// before it is done, and ask again.
async fn reading_in_turn(turns: &'static Semaphore, read: impl FnOnce() -> Response + Send + 'static) -> Response {
    let turn = turns.acquire().await;
    reading(move || {
        let _turn = turn;
        read()
    })
    .await
}

/// An answer to come for again in a second.
fn later(message: impl Display) -> Response {
    let mut response = error(StatusCode::SERVICE_UNAVAILABLE, message);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// All that this process owns.
struct Owned {
    /// The partitions that are here ...
    here: Vec<u32>,
    /// ... of so many.
    partitions: u32,
    /// Their stores, each with the clock of its task.
    stores: Vec<(Arc<Store>, Option<Timestamp>)>,
}

/// Finds every store that this process owns, for answers about all customers; an answer to come again where one of them is
/// recovering, since what leaves out some of the customers would be taken for all of them.
fn owned(shared: &Shared) -> Result<Owned, Box<Response>> {
    let partitions = shared.status.partitions().ok_or_else(|| Box::new(later(STARTING)))?;
    if shared.status.is_unassigned() {
        return Err(Box::new(later(UNASSIGNED)));
    }
    let (mut here, mut stores) = (Vec::new(), Vec::new());
    for (task, view) in shared.status.tasks() {
        let store = shared.stores.get(task).filter(|_| !view.recovering);
        let store = store.ok_or_else(|| Box::new(later(format!("task {} is recovering", task.0))))?;
        here.push(task.0);
        stores.push((store, view.clock));
    }
    Ok(Owned { here, partitions, stores })
}

/// An error as JSON.
fn error(status: StatusCode, message: impl Display) -> Response {
    (status, Json(json!({ "error": message.to_string() }))).into_response()
}

#[cfg(test)]
mod tests;
